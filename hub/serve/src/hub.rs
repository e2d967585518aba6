//! Starting a hub.

use crate::{
    access, authority, comparisons,
    folder::{self, FolderError},
    home,
    kept::{self, Kept},
    metrics::Metrics,
    questions, seal, webhooks,
};
use hub_api::{Api, AuditLog, HubInfo, Limits, Token};
use hub_control::{Control, Deps, Retention};
use hub_gateway::{AGENT_LIFETIME, Authority, AuthorityError, Gateway, KEEPALIVE, LOST_AFTER, Links};
use hub_records::{BundleError, Bundles, Records};
use hub_render::Tooling;
use hub_source::{Repositories, charts::Charts, poll::Settings};
use hub_store::Measured;
use shared_history::{Entry, What};
use shared_runtime::{
    Tasks,
    metrics::{self, Exposed},
    otlp,
};
use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{runtime::Handle, sync::watch};

/// How a hub runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Everything the hub keeps.
    pub data_dir: PathBuf,
    /// The file whose key wraps the data folder's; beside that folder when absent.
    pub seal_key_file: Option<PathBuf>,
    /// The address of the API.
    pub listen: SocketAddr,
    /// The address of a port for metrics alone, without TLS and token; none when absent.
    pub metrics_listen: Option<SocketAddr>,
    /// The address of the agent port.
    pub agent_listen: SocketAddr,
    /// How agents reach the agent port, as HOST:PORT; derived from `agent_listen` when absent.
    pub agent_address: Option<String>,
    /// Further DNS names and addresses for the hub's certificates.
    pub names: Vec<String>,
    /// Whether `file:` repositories are read.
    pub allow_file: bool,
    /// How often Git is asked.
    pub poll: Settings,
    /// PEM files of authorities that Git servers' certificates may come from.
    pub git_authorities: Vec<String>,
    /// How long one Git operation may take.
    pub git_timeout: Duration,
    /// The trust domain of the agents' SPIFFE ids.
    pub trust_domain: String,
    /// How often an idle agent's connection is tested.
    pub keepalive: Duration,
    /// How long an agent's certificate lasts.
    pub agent_lifetime: Duration,
    /// How long an agent is away before its cluster is told to be lost.
    pub lost_after: Duration,
    /// How long the history is kept.
    pub history: Retention,
    /// Where spans go, and which are kept.
    pub traces: otlp::Choice,
    /// What charts and overlays are rendered with; without it only plain directories are.
    pub tooling: Option<Tooling>,
    /// Where the API's audit lines go.
    pub audit: AuditLog,
    /// Where the API's requests are worked on; beside everything else when absent.
    pub api_runtime: Option<Handle>,
}

impl Config {
    /// A hub for this machine alone, on free ports, with what the `hub` command does unless told otherwise.
    pub fn local(data_dir: impl Into<PathBuf>, trust_domain: &str) -> Self {
        let free = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            data_dir: data_dir.into(),
            seal_key_file: None,
            listen: free,
            metrics_listen: None,
            agent_listen: free,
            agent_address: None,
            names: Vec::new(),
            allow_file: false,
            poll: Settings::default(),
            git_authorities: Vec::new(),
            git_timeout: Duration::from_secs(60),
            trust_domain: trust_domain.to_owned(),
            keepalive: KEEPALIVE,
            agent_lifetime: AGENT_LIFETIME,
            lost_after: LOST_AFTER,
            history: Retention::default(),
            traces: otlp::Choice::default(),
            tooling: None,
            audit: AuditLog::log(),
            api_runtime: None,
        }
    }
}

/// Why a hub could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder cannot be used.
    #[error("the data folder cannot be used")]
    Folder(#[from] FolderError),
    /// The data folder's keys cannot be had.
    #[error("the data folder cannot be unsealed")]
    Seal(#[from] seal::Error),
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Store(#[from] hub_store::Error),
    /// It cannot be told whether the data folder is a copy.
    #[error("the data folder cannot be compared with its store")]
    Home(#[from] home::Error),
    /// The authority cannot be opened.
    #[error("the certificate authority cannot be opened")]
    Authority(#[from] AuthorityError),
    /// The bundles cannot be opened.
    #[error("the bundles cannot be opened")]
    Bundles(#[from] BundleError),
    /// The agent port cannot be opened.
    #[error("the agent port cannot be served")]
    Gateway(#[from] hub_gateway::Error),
    /// The API cannot be opened.
    #[error("the API cannot be served")]
    Api(#[from] hub_api::Error),
    /// Git cannot be set up.
    #[error("Git cannot be set up")]
    Source(#[from] hub_source::Error),
    /// The loops cannot start.
    #[error("the control loops cannot start")]
    Control(#[from] hub_control::Error),
    /// The port for metrics cannot be opened.
    #[error("metrics cannot be served")]
    Metrics(#[source] std::io::Error),
    /// The machine refused a thread.
    #[error("opening the store was interrupted")]
    Interrupted,
}

/// A hub that runs until its tasks stop.
#[derive(Debug)]
pub struct Hub {
    /// The address of the API.
    pub api: SocketAddr,
    /// The address of the agent port.
    pub agents: SocketAddr,
    /// How agents reach it, as HOST:PORT.
    pub agent_address: String,
    /// The address of the port for metrics alone.
    pub metrics: Option<SocketAddr>,
    /// The admin's kubeconfig.
    pub kubeconfig: PathBuf,
    /// SHA-256 of the authority's certificate, in hex, as tokens carry it.
    pub authority: String,
    /// Who is connected.
    pub links: Links,
    /// The hub's records.
    pub records: Records,
    /// The hub's bundles.
    pub bundles: Bundles,
}

impl Hub {
    /// Opens the data folder (making it at the first start), both ports, and starts the loops.
    ///
    /// # Errors
    /// When any part cannot start; the chain says which and why.
    pub async fn start(config: Config, tasks: &Tasks) -> Result<Self, Error> {
        folder::make(&config.data_dir)?;
        let metrics = Metrics::default();
        let exposed = metrics.exposed();
        let now = shared_runtime::now();
        let (at, trust_domain) =
            ((config.data_dir.clone(), config.seal_key_file.clone()), config.trust_domain.clone());
        let opening =
            tokio::task::spawn_blocking(move || kept::open(&at.0, at.1.as_deref(), &trust_domain, now));
        let Kept { authority, store, bundles } = opening.await.map_err(|_| Error::Interrupted)??;
        let authority = Arc::new(authority.with_agent_lifetime(config.agent_lifetime));
        metrics.store.follow(&store);
        let records = Records::new(Arc::new(Measured::new(Arc::new(store), metrics.store.clone())));
        // Before anybody can connect.
        home::check(&records, &config.data_dir.join(kept::STORE), now).await?;
        records.note(vec![started(now)]).await;
        let tracing = config.traces.clone().start(metrics.traces.clone(), tasks);
        let gateway = Gateway::build(
            hub_gateway::Config {
                listen: config.agent_listen,
                names: names(&config),
                keepalive: config.keepalive,
                lost_after: config.lost_after,
                tracing: tracing.clone(),
                metrics: metrics.gateway.clone(),
            },
            Arc::clone(&authority),
            records.clone(),
            bundles.clone(),
            tasks.clone(),
        )
        .await?;
        let agent_address = config.agent_address.clone().unwrap_or_else(|| reach(gateway.address));
        let scraped = scraped(config.metrics_listen, &exposed, tasks).await?;
        let (door, delivered, limit) = webhooks::door();
        let (asker, asked) = questions::door();
        let shown = (&metrics, exposed, (door, asker));
        let api = api(&config, &authority, &gateway, &agent_address, &records, shown, tasks).await?;
        let repositories = Repositories::build(source(&config, metrics.source.clone()))?;
        let charts = Charts::build(charts(&config, metrics.source.clone()))?;
        let links = gateway.links.clone();
        let metrics = metrics.control;
        let rendering = rendering(&config);
        let deps = Deps {
            records: records.clone(),
            bundles: bundles.clone(),
            repositories,
            charts,
            links: links.clone(),
            metrics,
            tracing,
            rendering,
        };
        let control = hub_control::Config {
            poll: config.poll,
            exclusive: true,
            history: config.history,
            largest_webhook_mib: hub_api::LARGEST_WEBHOOK_MIB,
        };
        let control = Control::build(control, deps, tasks).await?;
        webhooks::take(control.webhooks, delivered, limit, tasks);
        questions::take(control.questions, asked, tasks);
        Ok(Self {
            api,
            agents: gateway.address,
            metrics: scraped,
            agent_address,
            kubeconfig: config.data_dir.join("admin.kubeconfig"),
            authority: authority.fingerprint(),
            links,
            records,
            bundles,
        })
    }
}

/// What renders, with what was rendered before.
fn rendering(config: &Config) -> hub_render::Config {
    let cache = hub_render::Cache::open_anyway(&config.data_dir.join("renderings"), hub_render::MOST);
    hub_render::Config { cache, tooling: config.tooling.clone(), ..hub_render::Config::new() }
}

/// Opens the port for metrics alone, if there is to be one.
async fn scraped(
    address: Option<SocketAddr>,
    exposed: &Exposed,
    tasks: &Tasks,
) -> Result<Option<SocketAddr>, Error> {
    let Some(address) = address else { return Ok(None) };
    let listener = metrics::listen(address).await.map_err(Error::Metrics)?;
    let address = listener.local_addr().map_err(Error::Metrics)?;
    metrics::serve(listener, exposed.clone(), tasks);
    Ok(Some(address))
}

/// That the hub runs.
fn started(now: jiff::Timestamp) -> Entry {
    Entry::new(What::HubStarted, now, format!("the hub started, version {}", env!("CARGO_PKG_VERSION")))
}

async fn api(
    config: &Config,
    authority: &Arc<Authority>,
    gateway: &Gateway,
    agent_address: &str,
    records: &Records,
    (metrics, exposed, (door, asker)): (&Metrics, Exposed, (hub_api::Webhooks, hub_api::Asker)),
    tasks: &Tasks,
) -> Result<SocketAddr, Error> {
    // Bound first: the kubeconfig names the port.
    let listener = hub_api::listen(config.listen).await?;
    let address = listener
        .local_addr()
        .map_err(folder::failed(&config.data_dir, "the API's address cannot be read"))?;
    let server = format!("https://{}", reach(address));
    let subjects = access::open(&config.data_dir, &server, &authority.pem())?;
    let tokens = subjects
        .into_iter()
        .map(|subject| Token { hash: subject.hash, user: subject.user, groups: subject.groups })
        .collect();
    let info = HubInfo {
        agent_address: agent_address.to_owned(),
        ca_pem: authority.pem(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        trust_domain: config.trust_domain.clone(),
    };
    let (told, info) = watch::channel(info);
    let keeper = authority::keep(gateway.rotation.clone(), tasks);
    authority::publish(Arc::clone(authority), config.data_dir.clone(), server, told, tasks);
    let certificate = Arc::clone(&gateway.certificate);
    let deps = hub_notify::Deps { records: records.clone(), metrics: metrics.notify.clone() };
    let notify = hub_notify::build(hub_notify::Config { exclusive: true }, deps, tasks);
    let api = hub_api::Config {
        certificate,
        tokens,
        info,
        keeper: Some(keeper),
        comparer: Some(comparisons::answer(gateway.links.clone(), tasks)),
        asker: Some(asker),
        webhooks: Some(door),
        notify: Some(notify),
        violations: metrics.control.violations.clone(),
        metrics: metrics.api.clone(),
        exposed,
        audit: config.audit.clone(),
        limits: Limits::default(),
        runtime: config.api_runtime.clone(),
    };
    Api::build(api, listener, records.clone(), tasks.clone()).await?;
    Ok(address)
}

fn source(config: &Config, metrics: hub_source::Metrics) -> hub_source::Config {
    hub_source::Config {
        allow_file: config.allow_file,
        ca_certificates: config.git_authorities.clone(),
        timeout: config.git_timeout,
        metrics,
        ..hub_source::Config::new(config.data_dir.join("mirrors"))
    }
}

fn charts(config: &Config, metrics: hub_source::Metrics) -> hub_source::charts::Config {
    hub_source::charts::Config {
        ca_certificates: config.git_authorities.clone(),
        timeout: config.git_timeout,
        metrics,
        ..hub_source::charts::Config::new(config.data_dir.join("charts"))
    }
}

/// Under which names the hub's certificates are good.
fn names(config: &Config) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    for address in [config.listen, config.agent_listen] {
        if !address.ip().is_unspecified() {
            names.push(address.ip().to_string());
        }
    }
    let host = config.agent_address.as_deref().and_then(|address| address.rsplit_once(':'));
    names.extend(host.map(|(host, _)| host.trim_matches(['[', ']']).to_owned()));
    names.extend(config.names.iter().cloned());
    names.sort();
    names.dedup();
    names
}

/// HOST:PORT by which this machine reaches an address.
fn reach(address: SocketAddr) -> String {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(_) => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
    };
    SocketAddr::new(ip, address.port()).to_string()
}
