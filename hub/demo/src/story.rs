//! What the demo does, from the first commit to the last look.

use crate::{
    Config, fleet, follow, guide,
    mirror::Mirror,
    repository::Repository,
    sample::{self, Version},
    verdict,
};
use anyhow::{Context as _, bail};
use hub_render::Tooling;
use hub_serve::Hub;
use hub_show::{Rollout, Screen, short, summary};
use hub_source::poll::Settings;
use jiff::Timestamp;
use shared_model::Kind;
use shared_rollout::Phase;
use shared_runtime::Tasks;
use std::{path::Path, time::Duration};
use tokio::time::Instant;

/// How often Git is asked, here where it costs nothing.
const POLL: Duration = Duration::from_secs(1);
/// How long the other clusters are watched after the canary broke.
const STILL: Duration = Duration::from_secs(3);

/// Tells the whole story; without `once` it ends only when it is dropped.
pub(crate) async fn tell(
    config: &Config,
    screen: &mut Screen,
    folder: &Path,
    tasks: &Tasks,
) -> anyhow::Result<()> {
    fleet::raise_open_files(config.clusters)?;
    let repository = Repository::create(folder).await.context("the sample repository cannot be made")?;
    let first = repository.push(&Version::First.files(), Version::First.message()).await?;
    let hub = Hub::start(hub_config(folder, config), tasks).await.context("the hub did not start")?;
    screen.line(&format!("hub: https://{} for kubectl, {} for agents (mTLS)", hub.api, hub.agent_address));
    let fleet = join(config, screen, &hub, folder, tasks).await?;
    apply(&hub, folder, &repository, config.clusters).await?;

    let within = patience(config.clusters);
    let mut mirror = Mirror::new(hub.records.clone());
    let rollout = follow::to_the_end(&mut mirror, screen, &first, "first commit", within).await?;
    done(&rollout)?;
    verdict::all_run(&fleet, Version::First)?;
    screen.line("");

    let version = if config.bad_commit { Version::Broken } else { Version::Second };
    let before = verdict::workloads(&fleet);
    let pushed = shared_runtime::now();
    let second = repository.push(&version.files(), version.message()).await?;
    screen.line(&format!("pushed commit {}: {}", short(&second), version.message()));
    let rollout = follow::to_the_end(&mut mirror, screen, &second, "second commit", within).await?;
    screen.line("");
    if config.bad_commit {
        halted(screen, &fleet, &before, &rollout).await?;
    } else {
        arrived(screen, &fleet, &rollout, pushed)?;
    }
    if config.once {
        return Ok(());
    }
    guide::lines(&hub.kubeconfig, &repository, folder).iter().for_each(|line| screen.line(line));
    follow::for_ever(&mut mirror, screen).await
}

fn hub_config(folder: &Path, config: &Config) -> hub_serve::Config {
    let tooling = config.tooling.clone();
    hub_serve::Config {
        tooling: tooling.map(|tooling| Tooling { scratch: folder.join("rendering"), ..tooling }),
        allow_file: true,
        poll: Settings { period: POLL, jitter: POLL / 10, first_retry: POLL, ..Settings::default() },
        traces: config.traces.clone(),
        ..hub_serve::Config::local(folder.join("hub"), "demo")
    }
}

/// Generous: it is there so that nothing hangs for ever.
const fn patience(clusters: usize) -> Duration {
    Duration::from_secs(120 + clusters as u64)
}

async fn join(
    config: &Config,
    screen: &mut Screen,
    hub: &Hub,
    folder: &Path,
    tasks: &Tasks,
) -> anyhow::Result<Vec<fleet::Member>> {
    let (count, within, started) = (config.clusters, patience(config.clusters), Instant::now());
    let step = (count / 10).max(50);
    let progress = |joined: usize| {
        let text = format!("{joined} of {count} clusters joined");
        if screen.is_live() {
            screen.block(&[text]);
        } else if joined.is_multiple_of(step) && joined < count {
            screen.line(&text);
        }
    };
    let joining = Box::pin(fleet::join(count, hub, folder, tasks, progress));
    let fleet = match tokio::time::timeout(within, joining).await {
        Ok(joined) => joined?,
        Err(_) => bail!("the clusters did not join within {} s", within.as_secs()),
    };
    let took = started.elapsed().as_secs_f64();
    screen.line(&format!("{count} simulated clusters in 3 regions joined, an agent in each ({took:.1} s)"));
    Ok(fleet)
}

/// Puts policy and set on the hub; the files stay beside the hub's data to be changed and applied again.
async fn apply(hub: &Hub, folder: &Path, repository: &Repository, clusters: usize) -> anyhow::Result<()> {
    let objects = [
        (Kind::RolloutPolicy, "policy.yaml", sample::policy(clusters)),
        (Kind::ApplicationSet, "applicationset.yaml", sample::set(&repository.url())),
    ];
    for (kind, file, text) in objects {
        let path = folder.join(file);
        std::fs::write(&path, &text).with_context(|| format!("{} cannot be written", path.display()))?;
        let object = shared_manifest::yaml::parse(&text).with_context(|| format!("the sample {file}"))?;
        hub.records
            .create(kind, object, shared_runtime::now())
            .await
            .with_context(|| format!("the sample {file}"))?;
    }
    Ok(())
}

fn done(rollout: &Rollout) -> anyhow::Result<()> {
    match (rollout.phase, &rollout.halted) {
        (Phase::Done, _) => Ok(()),
        (_, Some(halt)) => {
            bail!("the rollout halted at {} in wave {}: {}", halt.cluster, halt.wave, halt.reason)
        }
        (phase, None) => bail!("the rollout ended as {phase}"),
    }
}

fn arrived(
    screen: &mut Screen,
    fleet: &[fleet::Member],
    rollout: &Rollout,
    pushed: Timestamp,
) -> anyhow::Result<()> {
    done(rollout)?;
    verdict::all_run(fleet, Version::Second)?;
    summary::lines(rollout, pushed).iter().for_each(|line| screen.line(line));
    Ok(())
}

async fn halted(
    screen: &mut Screen,
    fleet: &[fleet::Member],
    before: &verdict::Workloads,
    rollout: &Rollout,
) -> anyhow::Result<()> {
    verdict::only_the_canary_broke(fleet, before, rollout)?;
    tokio::time::sleep(STILL).await;
    verdict::only_the_canary_broke(fleet, before, rollout)?;
    summary::of_halt(rollout, fleet.len()).iter().for_each(|line| screen.line(line));
    Ok(())
}
