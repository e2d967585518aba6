//! A hub that does and says exactly what a test wants, over real TLS; and an agent's link without an engine.

use crate::{
    journal::{Identity, Journal, Memory, Place},
    link::{self, Dialer, Identities, Link, News, Pace, Standing},
};
use jiff::SignedDuration;
use parking_lot::Mutex;
use proto::v1::{
    self, agent_message, agent_server::AgentServer, enrollment_server::EnrollmentServer, hub_message::Message,
};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, SanType,
};
use rustls::{
    DigitallySignedStruct, DistinguishedName, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, PrivatePkcs8KeyDer, UnixTime};
use sha2::{Digest as _, Sha256};
use shared_model::JoinToken;
use shared_runtime::Tasks;
use std::{sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};

/// An authority of a test.
pub(super) struct Ca {
    issuer: Issuer<'static, KeyPair>,
    pub(super) der: CertificateDer<'static>,
    pub(super) pem: String,
}

impl Ca {
    pub(super) fn new() -> Arc<Self> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let der = certificate.der().clone();
        let issuer = Issuer::from_ca_cert_der(&der, key).unwrap();
        Arc::new(Self { issuer, pem: certificate.pem(), der })
    }

    /// A certificate for `127.0.0.1`.
    pub(super) fn server(&self, verifier: Arc<dyn ClientCertVerifier>) -> ServerConfig {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::IpAddress("127.0.0.1".parse().unwrap())];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = vec![certificate.der().clone(), self.der.clone()];
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let config = ServerConfig::builder().with_client_cert_verifier(verifier);
        config.with_single_cert(chain, key.into()).unwrap()
    }

    fn agent(&self, request: &[u8], ends_in: SignedDuration) -> Vec<u8> {
        let request = CertificateSigningRequestDer::from(request);
        let mut request = CertificateSigningRequestParams::from_der(&request).unwrap();
        request.params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let now = shared_runtime::now();
        let time = |by: SignedDuration| std::time::SystemTime::from(now.checked_add(by).unwrap()).into();
        request.params.not_before = time(SignedDuration::from_hours(-240));
        request.params.not_after = time(ends_in);
        request.signed_by(&self.issuer).unwrap().der().to_vec()
    }
}

/// Takes every client: the services below decide.
#[derive(Debug)]
pub(super) struct Anybody;

impl ClientCertVerifier for Anybody {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 only".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let provider = rustls::crypto::ring::default_provider();
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}

/// How the hub behaves now.
pub(super) struct Script {
    /// Who vouches for the hub's own certificate.
    pub(super) server: Arc<Ca>,
    /// Who issues agents' certificates.
    pub(super) issuer: Arc<Ca>,
    /// What agents are told to trust when they join or renew.
    pub(super) authorities: Vec<Arc<Ca>>,
    /// Until when agents' certificates are valid, from now.
    pub(super) ends_in: SignedDuration,
    /// The hub's clock less the real one, in milliseconds.
    pub(super) clock_ms: i64,
    /// Neither attach nor renewal for these token ids.
    pub(super) revoked: Vec<String>,
    /// Certificates that were given out, with the token's id and their end.
    given: Vec<(Vec<u8>, String, jiff::Timestamp)>,
}

/// What the hub saw.
pub(super) enum Seen {
    /// A session began, with this hello and certificate; what it is told goes there.
    Hello(Box<v1::Hello>, Vec<u8>, mpsc::Sender<Result<v1::HubMessage, Status>>),
    Enrolled,
    Renewed,
    Refused,
}

#[derive(Clone)]
struct Service {
    script: Arc<Mutex<Script>>,
    seen: mpsc::UnboundedSender<Seen>,
}

pub(super) struct Scripted {
    pub(super) address: String,
    pub(super) script: Arc<Mutex<Script>>,
    seen: mpsc::UnboundedReceiver<Seen>,
    _tasks: Tasks,
}

fn wire(message: Message) -> Result<v1::HubMessage, Status> {
    Ok(v1::HubMessage { message: Some(message) })
}

pub(super) async fn say(session: &mpsc::Sender<Result<v1::HubMessage, Status>>, message: Message) {
    session.send(wire(message)).await.unwrap();
}

/// The message that replaces what is trusted.
pub(super) fn authorities(list: &[&Arc<Ca>]) -> Message {
    let authorities = list.iter().map(|ca| ca.der.to_vec().into()).collect();
    Message::Authorities(v1::Authorities { authorities })
}

pub(super) fn fingerprint(ca: &Ca) -> String {
    hex::encode(Sha256::digest(&ca.der))
}

impl Scripted {
    pub(super) async fn start(ca: &Arc<Ca>) -> Self {
        shared_runtime::install_crypto();
        let script = Arc::new(Mutex::new(Script {
            server: Arc::clone(ca),
            issuer: Arc::clone(ca),
            authorities: vec![Arc::clone(ca)],
            ends_in: SignedDuration::from_hours(720),
            clock_ms: 0,
            revoked: Vec::new(),
            given: Vec::new(),
        }));
        let (told, seen) = mpsc::unbounded_channel();
        let service = Service { script: Arc::clone(&script), seen: told };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (connections, incoming) = mpsc::channel(1);
        let tasks = Tasks::new();
        let scripted = Arc::clone(&script);
        tasks.spawn_until_stopped("accept", async move {
            while let Ok((socket, _)) = listener.accept().await {
                let server = Arc::clone(&scripted.lock().server);
                let mut config = server.server(Arc::new(Anybody));
                config.alpn_protocols = vec![b"h2".to_vec()];
                // A client that does not trust us hangs up.
                if let Ok(stream) = TlsAcceptor::from(Arc::new(config)).accept(socket).await {
                    drop(connections.send(Ok::<_, std::io::Error>(stream)).await);
                }
            }
        });
        let server = tonic::transport::Server::builder()
            .add_service(EnrollmentServer::new(service.clone()))
            .add_service(AgentServer::new(service));
        tasks.spawn_until_stopped("serve", async move {
            server.serve_with_incoming(ReceiverStream::new(incoming)).await.unwrap();
        });
        Self { address, script, seen, _tasks: tasks }
    }

    pub(super) fn token(&self, id: &str) -> JoinToken {
        let authority = fingerprint(&self.script.lock().server);
        JoinToken { id: id.into(), secret: "secret".into(), authority }
    }

    /// The next thing that the hub saw.
    pub(super) async fn next(&mut self) -> Seen {
        let next = tokio::time::timeout(Duration::from_secs(30), self.seen.recv()).await;
        next.expect("the agent does nothing").unwrap()
    }

    /// The next session, whatever happens before it.
    pub(super) async fn session(
        &mut self,
    ) -> (Box<v1::Hello>, Vec<u8>, mpsc::Sender<Result<v1::HubMessage, Status>>) {
        loop {
            if let Seen::Hello(hello, certificate, session) = self.next().await {
                return (hello, certificate, session);
            }
        }
    }
}

impl Service {
    fn give(&self, request: &[u8], token: &str) -> Response<v1::Identity> {
        let mut script = self.script.lock();
        let certificate = script.issuer.agent(request, script.ends_in);
        let end = shared_runtime::now().checked_add(script.ends_in).unwrap();
        script.given.push((certificate.clone(), token.to_owned(), end));
        let authorities = script.authorities.iter().map(|ca| ca.der.to_vec().into()).collect();
        Response::new(v1::Identity {
            cluster: "eu-1".into(),
            certificates: vec![certificate.into()],
            authorities,
        })
    }

    /// The token behind the certificate of a request, if it is not revoked, and whether it has ended.
    fn who<T>(&self, request: &Request<T>) -> Result<(Vec<u8>, String, bool), Status> {
        let certificates = request.peer_certs().unwrap_or_default();
        let leaf = certificates.first().ok_or_else(|| Status::unauthenticated("no certificate"))?.to_vec();
        let script = self.script.lock();
        let known = script.given.iter().find(|(known, ..)| *known == leaf);
        let (_, token, end) = known.ok_or_else(|| Status::unauthenticated("unknown"))?;
        if script.revoked.contains(token) {
            return Err(Status::permission_denied("Revoked: by the script"));
        }
        Ok((leaf, token.clone(), *end < shared_runtime::now()))
    }

    fn saw(&self, seen: Seen) {
        // The test may be over.
        let _over = self.seen.send(seen);
    }
}

#[tonic::async_trait]
impl v1::enrollment_server::Enrollment for Service {
    async fn enroll(&self, request: Request<v1::EnrollRequest>) -> Result<Response<v1::Identity>, Status> {
        let request = request.into_inner();
        let given = self.give(&request.certificate_request, &request.token_id);
        self.saw(Seen::Enrolled);
        Ok(given)
    }

    async fn renew(&self, request: Request<v1::RenewRequest>) -> Result<Response<v1::Identity>, Status> {
        let (_, token, _) = self.who(&request).inspect_err(|_| self.saw(Seen::Refused))?;
        let given = self.give(&request.into_inner().certificate_request, &token);
        self.saw(Seen::Renewed);
        Ok(given)
    }
}

#[tonic::async_trait]
impl v1::agent_server::Agent for Service {
    type AttachStream = ReceiverStream<Result<v1::HubMessage, Status>>;
    type FetchBundleStream = ReceiverStream<Result<v1::BundleChunk, Status>>;

    async fn attach(
        &self,
        request: Request<Streaming<v1::AgentMessage>>,
    ) -> Result<Response<Self::AttachStream>, Status> {
        let (leaf, _, ended) = self.who(&request).inspect_err(|_| self.saw(Seen::Refused))?;
        if ended {
            self.saw(Seen::Refused);
            return Err(Status::unauthenticated("the certificate has expired"));
        }
        let mut inbound = request.into_inner();
        let (outbound, receiver) = mpsc::channel(8);
        let service = self.clone();
        shared_runtime::spawn("session", async move {
            while let Ok(Some(message)) = inbound.message().await {
                if let Some(agent_message::Message::Hello(hello)) = message.message {
                    let clock_ms = shared_runtime::now().as_millisecond() + service.script.lock().clock_ms;
                    let welcome =
                        v1::Welcome { hub_version: "scripted".into(), clock_ms, ..v1::Welcome::default() };
                    let opening = [Message::Welcome(welcome), Message::InSync(v1::InSync {})];
                    for message in opening {
                        drop(outbound.send(wire(message)).await);
                    }
                    service.saw(Seen::Hello(Box::new(hello), leaf.clone(), outbound.clone()));
                }
            }
        });
        Ok(Response::new(ReceiverStream::new(receiver)))
    }

    async fn fetch_bundle(
        &self,
        _request: Request<v1::FetchBundleRequest>,
    ) -> Result<Response<Self::FetchBundleStream>, Status> {
        Err(Status::not_found("there are none"))
    }

    async fn give_bundle(
        &self,
        _request: Request<Streaming<v1::GivenBundle>>,
    ) -> Result<Response<v1::GiveBundleResponse>, Status> {
        Err(Status::not_found("none is wanted"))
    }
}

/// An agent's link on a journal of its own, with somebody in the engine's place that says hello.
pub(super) struct Linked {
    pub(super) standing: watch::Receiver<Standing>,
    pub(super) identities: Identities,
    pub(super) disk: Memory,
    journal: Arc<Journal>,
    pub(super) tasks: Tasks,
}

/// The paces of a test.
pub(super) const QUICK: Pace = Pace {
    reconnect: Duration::from_millis(200),
    look_for_token: Duration::from_millis(100),
    save_again: Duration::from_millis(100),
};

impl Linked {
    /// Joins with a token and keeps the link up.
    pub(super) async fn join(config: link::Config, token: &JoinToken) -> Self {
        shared_runtime::install_crypto();
        let dialer = Dialer::new(&config).unwrap();
        let hubs = config.hubs.iter().map(String::as_str);
        let identity = link::enroll().unwrap().ask_each(&dialer, hubs, token, "uid").await.unwrap();
        let disk = Memory::new();
        let journal = Arc::new(Journal::open(&Place::Memory(disk.clone())).unwrap());
        journal.save_identity(&identity).unwrap();
        let identities = Identities::new(identity, Arc::clone(&journal));
        let (link, nudges) = Link::new(config, dialer, identities.clone(), QUICK);
        let tasks = Tasks::new();
        let (told, mut news) = mpsc::channel(64);
        let (seen, standing) = watch::channel(Standing::default());
        tasks.spawn_until_stopped("link", link::run(Arc::clone(&link), told.clone()));
        tasks.spawn_until_stopped("standing", link::tell(Arc::clone(&link), told));
        tasks.spawn_until_stopped("identity", link::keep(link, nudges));
        tasks.spawn_until_stopped("engine", async move {
            let mut way = None;
            while let Some(news) = news.recv().await {
                match news {
                    News::Up { outbound, .. } => {
                        let hello = agent_message::Message::Hello(v1::Hello::default());
                        let hello = v1::AgentMessage { message: Some(hello) };
                        drop(outbound.send(hello).await);
                        way = Some(outbound);
                    }
                    News::Down => drop(way.take()),
                    News::Standing(now) => drop(seen.send(now)),
                    News::Said(_) | News::Facts(_) => {}
                }
            }
        });
        Self { standing, identities, disk, journal, tasks }
    }

    /// Waits until the link stands as wished.
    pub(super) async fn until(&mut self, wish: impl Fn(&Standing) -> bool) -> Standing {
        let wished = async { self.standing.wait_for(wish).await.unwrap().clone() };
        let found = tokio::time::timeout(Duration::from_secs(30), wished).await;
        found.unwrap_or_else(|_| panic!("{:?}", self.standing.borrow()))
    }

    /// What a restart would find.
    pub(super) fn kept(&self) -> Identity {
        self.journal.identity().unwrap().unwrap()
    }
}
