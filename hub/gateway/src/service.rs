//! The agent port: TLS, the gRPC services, and what they share.

use crate::{
    Authority, CertificateFailure, HubCertificate, Links, Metrics, Rotation, adoption, attach, bundles,
    dispatch,
    enroll::Enrollment,
    lost,
    observer::{self, Observer},
    paused::Paused,
    rotation,
    socket::Socket,
    status, tls,
    traces::Traces,
};
use futures::StreamExt as _;
use hub_records::{Bundles, Records};
use proto::v1;
use shared_model::{ClusterName, Kind};
use shared_runtime::{Tasks, otlp::Tracing};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, mpsc},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::{Request, Response, Status, Streaming};

const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
const HANDSHAKES: usize = 256;
/// Statuses that are written at once at the start.
const AT_ONCE: usize = 64;
/// How often an idle agent's connection is tested.
pub const KEEPALIVE: Duration = Duration::from_secs(30);
/// How long an agent is away before its cluster is told to be lost.
pub const LOST_AFTER: Duration = Duration::from_secs(30);

/// Where and under which names agents reach the hub.
#[derive(Debug, Clone)]
pub struct Config {
    /// The address of the agent port.
    pub listen: SocketAddr,
    /// DNS names and addresses in its certificate.
    pub names: Vec<String>,
    /// How often an idle connection is tested; without an answer within two thirds of that again the agent counts
    /// as disconnected.
    pub keepalive: Duration,
    /// How long an agent is away before its cluster is told to be lost.
    pub lost_after: Duration,
    /// Where spans go, and which are kept.
    pub tracing: Tracing,
    /// What is counted.
    pub metrics: Metrics,
}

/// Why the agent port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken or not ours to take.
    #[error("the agent port {address} cannot be opened")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: std::io::Error,
    },
    /// No certificate could be made for it.
    #[error("the agent port has no certificate")]
    Certificate(#[from] CertificateFailure),
    /// TLS could not be set up.
    #[error("TLS of the agent port could not be set up")]
    Tls(#[from] rustls::Error),
}

/// What every session shares.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) authority: Arc<Authority>,
    pub(crate) records: Records,
    pub(crate) bundles: Bundles,
    pub(crate) links: Links,
    pub(crate) observer: Observer,
    pub(crate) paused: Paused,
    pub(crate) traces: Traces,
    pub(crate) tasks: Tasks,
    pub(crate) metrics: Metrics,
    /// Whose sessions begin now.
    pub(crate) beginning: Arc<Semaphore>,
}

/// How many sessions begin at once: each holds what the store says of its cluster until it has begun, and a whole fleet comes
/// at once when a hub starts.
const BEGINNING: usize = 256;

/// The agent port, open.
#[derive(Debug)]
pub struct Gateway {
    /// The address that it listens on.
    pub address: SocketAddr,
    /// Who is connected.
    pub links: Links,
    /// The hub's own certificate, kept fresh: for the API, too.
    pub certificate: Arc<HubCertificate>,
    /// The way to replace the authority.
    pub rotation: Rotation,
}

impl Gateway {
    /// Opens the port and serves agents until `tasks` stops.
    ///
    /// # Errors
    /// When the port cannot be opened or has no certificate.
    pub async fn build(
        config: Config,
        authority: Arc<Authority>,
        records: Records,
        bundles: Bundles,
        tasks: Tasks,
    ) -> Result<Self, Error> {
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|source| Error::Listen { address: config.listen, source })?;
        let address =
            listener.local_addr().map_err(|source| Error::Listen { address: config.listen, source })?;
        let certificate = HubCertificate::new(Arc::clone(&authority), config.names, shared_runtime::now())?;
        let tls = tls::server_config(Arc::clone(&authority), Arc::clone(&certificate))?;
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let (links, metrics) = (Links::new(), config.metrics);
        let now = shared_runtime::now();
        metrics.agents.follow(links.clone(), Arc::clone(&authority), Arc::clone(&certificate), now);
        let rotation = Rotation::new(Arc::clone(&authority), records.clone(), links.clone());
        let (observer, observations) = Observer::channel(&metrics);
        let paused = Paused::default();
        let away = forget_connections(&records, &metrics).await;
        // The observer ends when the last session drops its end of the queue.
        tasks.spawn("observer", observer::run(records.clone(), links.clone(), metrics.clone(), observations));
        tasks.spawn_until_stopped(
            "dispatch",
            dispatch::run(records.clone(), (links.clone(), metrics.clone()), paused.clone()),
        );
        tasks.spawn_until_stopped(
            "certificates",
            tls::renew(Arc::clone(&authority), Arc::clone(&certificate)),
        );
        tasks.spawn_until_stopped("rotation", rotation::run(rotation.clone()));
        tasks.spawn_until_stopped(
            "lost clusters",
            lost::run(records.clone(), links.clone(), away, config.lost_after),
        );
        tasks.spawn_until_stopped("rivals", rivals(records.clone(), links.clone()));
        let shared = Shared {
            authority,
            records,
            bundles,
            links: links.clone(),
            observer,
            paused,
            traces: Traces::new(config.tracing),
            tasks: tasks.clone(),
            metrics: metrics.clone(),
            beginning: Arc::new(Semaphore::new(BEGINNING)),
        };
        let (connections, incoming) = mpsc::channel(16);
        tasks.spawn_until_stopped("agent port", accept(listener, acceptor, connections, metrics));
        let server = tonic::transport::Server::builder()
            .http2_keepalive_interval(Some(config.keepalive))
            .http2_keepalive_timeout(Some(config.keepalive * 2 / 3))
            .max_concurrent_streams(Some(16))
            .add_service(
                v1::enrollment_server::EnrollmentServer::new(Enrollment(shared.clone()))
                    .max_decoding_message_size(64 * 1024),
            )
            .add_service(
                v1::agent_server::AgentServer::new(AgentService(shared))
                    .max_decoding_message_size(proto::MAX_MESSAGE_BYTES),
            );
        let stopped = tasks.stopped();
        tasks.spawn("agent server", async move {
            let served = server.serve_with_incoming_shutdown(ReceiverStream::new(incoming), stopped).await;
            if let Err(error) = served {
                tracing::error!(%error, "the agent port failed");
            }
        });
        Ok(Self { address, links, certificate, rotation })
    }
}

/// A second agent that stopped dialling is not warned of any more.
async fn rivals(records: Records, links: Links) {
    let mut tick = tokio::time::interval(Duration::from_secs(20));
    loop {
        tick.tick().await;
        for cluster in links.quiet(shared_runtime::now()) {
            status::update(&records, &cluster, status::alone).await;
        }
    }
}

/// After a start nobody is connected, whatever was written before. Answers who was, and is away now.
async fn forget_connections(records: &Records, metrics: &Metrics) -> Vec<ClusterName> {
    let mut away = Vec::new();
    let now = shared_runtime::now();
    let clusters = match records.list(Kind::Cluster, None).await {
        Ok((clusters, _)) => clusters,
        Err(error) => {
            tracing::error!(%error, "Clusters cannot be read");
            return away;
        }
    };
    // Many at once share the disk's next write; agents wait for the port meanwhile.
    let forgetting = clusters.iter().map(|cluster| async {
        let name = ClusterName::new(cluster.name());
        let mut joined = false;
        status::update(records, &name, |status| {
            metrics.agents.judge(&name, Some(status));
            let state = status.pointer("/connection/state").and_then(serde_json::Value::as_str);
            joined = state.is_some();
            if state == Some("Connected") {
                status::disconnected(status, "the hub started again", now);
            }
            status::alone(status);
        })
        .await;
        Some(name).filter(|_| joined)
    });
    let joined = futures::stream::iter(forgetting).buffer_unordered(AT_ONCE);
    away.extend(joined.filter_map(std::future::ready).collect::<Vec<_>>().await);
    away
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    connections: mpsc::Sender<Result<TlsStream<Socket>, std::io::Error>>,
    metrics: Metrics,
) {
    let handshakes = Arc::new(Semaphore::new(HANDSHAKES));
    loop {
        let (socket, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "the agent port could not take a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&handshakes).acquire_owned().await else { return };
        let (acceptor, connections, metrics) = (acceptor.clone(), connections.clone(), metrics.clone());
        shared_runtime::spawn("handshake", async move {
            let _permit = permit;
            let _unsupported = socket.set_nodelay(true);
            let socket = Socket(metrics.bytes.clone().counted(socket));
            match tokio::time::timeout(HANDSHAKE_WITHIN, acceptor.accept(socket)).await {
                Ok(Ok(stream)) => {
                    metrics.came("done");
                    drop(connections.send(Ok(stream)).await);
                }
                Ok(Err(error)) => {
                    metrics.came("refused");
                    tracing::warn!(
                        %peer, %error,
                        "a connection to the agent port was not TLS of this hub's authority and was refused"
                    );
                }
                Err(_) => {
                    metrics.came("silent");
                    tracing::warn!(%peer, "a connection to the agent port sent nothing and was closed");
                }
            }
        });
    }
}

/// The service for members of the fleet.
#[derive(Debug, Clone)]
struct AgentService(Shared);

type Chunks = std::pin::Pin<Box<dyn Stream<Item = Result<v1::BundleChunk, Status>> + Send>>;

#[tonic::async_trait]
impl v1::agent_server::Agent for AgentService {
    type AttachStream = attach::Outgoing;
    type FetchBundleStream = Chunks;

    async fn attach(
        &self,
        request: Request<Streaming<v1::AgentMessage>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let peer = self.0.identify(&request)?;
        let _may = self.0.admit(&peer, shared_runtime::now()).await?;
        let receiver = attach::serve(self.0.clone(), peer, request.into_inner());
        Ok(Response::new(attach::Outgoing::new(receiver)))
    }

    async fn fetch_bundle(
        &self,
        request: Request<v1::FetchBundleRequest>,
    ) -> Result<Response<Self::FetchBundleStream>, Status> {
        let peer = self.0.identify(&request)?;
        let _may = self.0.admit(&peer, shared_runtime::now()).await?;
        let chunks = bundles::fetch(&self.0, &peer.certificate.cluster, request.into_inner()).await?;
        Ok(Response::new(Box::pin(chunks)))
    }
    async fn give_bundle(
        &self,
        request: Request<Streaming<v1::GivenBundle>>,
    ) -> Result<Response<v1::GiveBundleResponse>, Status> {
        let peer = self.0.identify(&request)?;
        let _may = self.0.admit(&peer, shared_runtime::now()).await?;
        adoption::take(&self.0, &peer.certificate.cluster, request.into_inner()).await?;
        Ok(Response::new(v1::GiveBundleResponse {}))
    }
}
