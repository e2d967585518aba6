//! `flotilla hub`.

use crate::{
    args::{AUDIT_IN_LOG, HubOptions, ResealOptions, SealOptions, ToolOptions},
    cli::output,
};
use anyhow::Context as _;
use hub_serve::{AuditLog, Config, Hub, Retention, Rotating};
use hub_source::poll::Settings;
use jiff::SignedDuration;
use shared_runtime::Tasks;
use std::{path::Path, time::Duration};
use tokio::runtime::Handle;

const DRAIN: Duration = Duration::from_secs(10);

pub(crate) async fn run(
    options: HubOptions,
    seal: SealOptions,
    tools: ToolOptions,
    api_runtime: Option<Handle>,
) -> anyhow::Result<()> {
    let config = Config { api_runtime, ..config(options, seal, tools)? };
    if let Some(tooling) = &config.tooling {
        tracing::info!("{}", tooling.confine);
    }
    let tasks = Tasks::new();
    let hub = Hub::start(config, &tasks).await?;
    output::line(&format!("API for kubectl:  https://{}", hub.api));
    output::line(&format!("port for agents:  {} (agents dial {})", hub.agents, hub.agent_address));
    if let Some(metrics) = hub.metrics {
        output::line(&format!("metrics:          http://{metrics}/metrics"));
    }
    output::line("");
    output::line("Next, in another terminal:");
    output::line(&format!("  export KUBECONFIG={}", hub.kubeconfig.display()));
    output::line("  flotilla cluster token --name eu-1 --labels env=prod,region=eu");
    output::line("  kubectl get clusters,applicationsets,fleetrollouts -A");
    shared_runtime::interrupted().await;
    tracing::info!("stopping: sessions end, agents go on by themselves");
    if !tasks.drain(DRAIN).await {
        tracing::warn!("some tasks did not end in {DRAIN:?}");
    }
    Ok(())
}

/// `flotilla hub reseal`.
pub(crate) async fn reseal(options: ResealOptions) -> anyhow::Result<()> {
    let ResealOptions { data_dir, seal_key_file } = options;
    let now = shared_runtime::now();
    let resealing = tokio::task::spawn_blocking({
        let data_dir = data_dir.clone();
        move || hub_serve::reseal(&data_dir, seal_key_file.as_deref(), now)
    });
    resealing.await.context("it was interrupted; start it again")??;
    output::line(&format!("sealed anew: {}", data_dir.display()));
    Ok(())
}

/// Where audit lines go.
fn audit(options: &HubOptions) -> anyhow::Result<AuditLog> {
    Ok(match options.audit_log.as_str() {
        AUDIT_IN_LOG => AuditLog::log(),
        "none" => AuditLog::none(),
        "-" => AuditLog::to(std::io::stdout()),
        path => {
            let most = options.audit_log_size.saturating_mul(1 << 20);
            let file = Rotating::open(Path::new(path), most, options.audit_log_files);
            AuditLog::to(file.with_context(|| format!("--audit-log {path}"))?)
        }
    })
}

fn config(
    options: HubOptions,
    SealOptions { seal_key_file }: SealOptions,
    tools: ToolOptions,
) -> anyhow::Result<Config> {
    let mut git_authorities = Vec::new();
    for path in &options.git_ca {
        let text = std::fs::read_to_string(path).with_context(|| format!("--git-ca {}", path.display()))?;
        git_authorities.push(text);
    }
    // An address that names no host would be printed to every agent.
    if let Some(address) = &options.agent_address
        && !address
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    {
        anyhow::bail!("--agent-address `{address}` is not HOST:PORT, e.g. hub.example.com:8444");
    }
    let audit = audit(&options)?;
    let data_dir = std::path::absolute(&options.data_dir).context("--data-dir")?;
    let tooling = tools.tooling(&data_dir)?;
    let seal_key_file = seal_key_file.map(std::path::absolute).transpose();
    let jitter = options.poll_jitter.unwrap_or(options.poll_interval / 10);
    let poll = Settings { period: options.poll_interval, jitter, ..Settings::default() };
    Ok(Config {
        data_dir,
        seal_key_file: seal_key_file.context("--seal-key-file")?,
        listen: options.listen,
        metrics_listen: options.metrics_listen,
        agent_listen: options.agent_listen,
        agent_address: options.agent_address,
        names: options.names,
        allow_file: options.allow_file_repositories,
        poll,
        git_authorities,
        git_timeout: options.git_timeout,
        trust_domain: options.trust_domain,
        keepalive: options.keepalive,
        lost_after: options.cluster_lost_after,
        history: Retention {
            age: SignedDuration::try_from(options.history_age).context("--history-age")?,
            entries: options.history_entries,
        },
        agent_lifetime: options.agent_certificate_lifetime,
        traces: crate::args::traces()?,
        tooling: Some(tooling),
        audit,
        api_runtime: None,
    })
}
