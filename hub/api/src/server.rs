//! The listener: TLS, HTTP/1.1 and HTTP/2, limits, draining.

use crate::{
    access::Token,
    audit::AuditLog,
    comparisons::Comparer,
    feed::Feed,
    identities::Keeper,
    kinds,
    metrics::Metrics,
    namespaces,
    questions::Asker,
    seats::{Limits, Seats, Sizes, Watches},
    sent::{Streams, guarded},
    service::Service,
    webhooks::{Door, Webhooks},
};
use hub_records::Records;
use hyper::service::service_fn;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use prometheus_client::metrics::counter::Counter;
use rustls::{
    pki_types::{CertificateDer, PrivateKeyDer},
    server::ResolvesServerCert,
    sign::{CertifiedKey, SingleCertAndKey},
};
use serde::Serialize;
use shared_runtime::{Tasks, metrics::Exposed};
use std::{convert::Infallible, io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    sync::watch,
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How long a client may take for the TLS handshake, and for the head of a request.
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEAD: Duration = Duration::from_secs(30);
/// How long requests may take to end when the hub stops.
const DRAIN: Duration = Duration::from_secs(5);
/// The most connections at once; more wait to be accepted.
const CONNECTIONS: usize = 4096;
/// The most requests at once on one HTTP/2 connection; watches count.
const STREAMS: u32 = 1000;
/// How many bytes of answers wait for a connection's client.
const SENDING: usize = 256 << 10;

/// How the API is served.
#[derive(Debug)]
pub struct Config {
    /// The server's certificate, asked for at every handshake.
    pub certificate: Arc<dyn ResolvesServerCert>,
    /// Who may ask.
    pub tokens: Vec<Token>,
    /// What the CLI asks of a hub.
    pub info: watch::Receiver<HubInfo>,
    /// The keeper of the hub's authority, if it can be replaced.
    pub keeper: Option<Keeper>,
    /// Who asks agents what would change; without, there is no such path.
    pub comparer: Option<Comparer>,
    /// Who asks Git what generators ask; without, there is no such path.
    pub asker: Option<Asker>,
    /// Who takes webhooks; without, there is no such path.
    pub webhooks: Option<Webhooks>,
    /// Who sends notifications; without one nothing of them is served.
    pub notify: Option<hub_notify::Handle>,
    /// How many plans would have broken an invariant since the start, and were refused.
    pub violations: Counter,
    /// What the API counts.
    pub metrics: Metrics,
    /// What `/metrics` shows.
    pub exposed: Exposed,
    /// Where audit lines go.
    pub audit: AuditLog,
    /// How much is done at once.
    pub limits: Limits,
    /// Where requests are worked on, so that no flood of them takes the turns of whoever calls [`Api::build`]; there as
    /// well, when absent.
    pub runtime: Option<Handle>,
}

/// What a hub says of itself at `/flotilla/v1/info`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HubInfo {
    /// Where agents dial, HOST:PORT.
    pub agent_address: String,
    /// The hub's authorities, PEM; the one that issues first.
    pub ca_pem: String,
    /// The hub's version.
    pub version: String,
    /// The trust domain of the agents' SPIFFE ids.
    pub trust_domain: String,
}

/// Why the API cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: choose another address or stop what is using it")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The certificate and its key cannot be used.
    #[error("the server certificate cannot be used")]
    Tls(#[from] rustls::Error),
    /// The records cannot be read or prepared.
    #[error("the hub's records cannot be prepared")]
    Records(#[from] hub_records::Error),
}

/// A certificate that stays what it is: it, those between it and its authority, and its key.
///
/// # Errors
/// When the key cannot be used.
pub fn fixed(
    certificates: Vec<CertificateDer<'static>>,
    key: &PrivateKeyDer<'static>,
) -> Result<Arc<dyn ResolvesServerCert>, rustls::Error> {
    let key = rustls::crypto::ring::sign::any_supported_type(key)?;
    Ok(Arc::new(SingleCertAndKey::from(CertifiedKey::new(certificates, key))))
}

/// Binds the API's address.
///
/// # Errors
/// When the address is in use or not ours.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address).await.map_err(|source| Error::Listen { address, source })
}

/// The running API.
#[derive(Debug)]
pub struct Api {
    /// Where it listens.
    pub address: SocketAddr,
}

impl Api {
    /// Makes the namespaces that every hub has, and serves on `listener` until the tasks stop.
    ///
    /// # Errors
    /// When the certificate or the store cannot be used.
    pub async fn build(
        config: Config,
        listener: TcpListener,
        records: Records,
        tasks: Tasks,
    ) -> Result<Self, Error> {
        let address = listener.local_addr().map_err(|source| {
            let address = SocketAddr::from(([0, 0, 0, 0], 0));
            Error::Listen { address, source }
        })?;
        let acceptor = acceptor(config.certificate)?;
        namespaces::ensure(&records, shared_runtime::now()).await?;
        let start = records.store().revision().await.map_err(hub_records::Error::from)?;
        let (feed, fill) = Feed::new(records.clone(), start);
        let service = Arc::new(Service {
            address,
            tokens: config.tokens,
            info: config.info,
            keeper: config.keeper,
            comparer: config.comparer,
            asker: config.asker,
            webhooks: config.webhooks.map(Door::new),
            notify: config.notify,
            violations: config.violations,
            exposed: config.exposed,
            records,
            feed,
            resources: kinds::resources(),
            tasks: tasks.clone(),
            audit: config.audit,
            seats: Seats::new(&config.limits, config.metrics.clone()),
            sizes: Sizes::default(),
            watches: Watches::new(&config.limits),
            limits: config.limits,
            metrics: config.metrics,
        });
        let stopped = tasks.stopped();
        let runtime = config.runtime.unwrap_or_else(Handle::current);
        let stop = tasks.token().clone();
        let fill = async move {
            let _stopped = stop.run_until_cancelled(fill).await;
        };
        tasks.spawn_on("feed", fill, &runtime);
        tasks.clone().spawn_on("api", accept(listener, acceptor, service, tasks, stopped), &runtime);
        Ok(Self { address })
    }
}

fn acceptor(certificate: Arc<dyn ResolvesServerCert>) -> Result<TlsAcceptor, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(
    listener: TcpListener,
    acceptor: TlsAcceptor,
    service: Arc<Service>,
    tasks: Tasks,
    stopped: impl Future<Output = ()>,
) {
    let connections = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
    let mut builder = Builder::new(Streams);
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(SENDING);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_send_buf_size(SENDING)
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .keep_alive_timeout(Duration::from_secs(20));
    tokio::pin!(stopped);
    loop {
        let place = Arc::clone(&connections).acquire_owned();
        let next = async { (place.await, listener.accept().await) };
        let (place, accepted) = tokio::select! {
            next = next => next,
            () = &mut stopped => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                // Out of files, most likely: others have to close first.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let (acceptor, service, builder) = (acceptor.clone(), Arc::clone(&service), builder.clone());
        let stopped = tasks.stopped();
        tasks.spawn("connection", async move {
            let _place = place;
            if let Some(stream) = handshake(&acceptor, stream, peer).await {
                serve(&builder, stream, service, stopped, peer).await;
            }
        });
    }
}

/// Serves one connection until it ends. When the hub stops, requests under way may end, within limits.
async fn serve(
    builder: &Builder<Streams>,
    stream: TlsStream<TcpStream>,
    service: Arc<Service>,
    stopped: impl Future<Output = ()> + Send,
    peer: SocketAddr,
) {
    let handle = service_fn(move |mut request: http::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.handle(request).await) }
    });
    let connection = builder.serve_connection(TokioIo::new(stream), handle);
    let driven = async {
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = stopped => {
                connection.as_mut().graceful_shutdown();
                match tokio::time::timeout(DRAIN, connection).await {
                    Ok(ended) => ended,
                    Err(_) => return tracing::warn!(%peer, "requests did not end in time"),
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%peer, error, "a connection ended early");
        }
    };
    // Of HTTP/1.1 the connection is the one stream; those of HTTP/2 are guarded one by one.
    if guarded(driven).await.is_none() {
        tracing::debug!(%peer, "a connection's client did not take its answer in time");
    }
}

async fn handshake(
    acceptor: &TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
) -> Option<TlsStream<TcpStream>> {
    // Small answers and watch lines go out at once. Where the system cannot, they go out a little later.
    let _slower = stream.set_nodelay(true);
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "a TLS handshake failed");
            None
        }
        Err(_) => {
            tracing::debug!(%peer, "a TLS handshake took too long");
            None
        }
    }
}
