//! A client that says exactly what a test wants.

use hyper_util::rt::TokioIo;
use proto::v1::{
    self, agent_client::AgentClient, agent_message, enrollment_client::EnrollmentClient, hub_message::Message,
};
use rcgen::{CertificateParams, KeyPair};
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use sha2::Digest as _;
use shared_model::Digest;
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpStream, sync::mpsc};
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Status, Streaming,
    transport::{Channel, Endpoint},
};

#[derive(Debug)]
pub(super) struct Client {
    address: SocketAddr,
    key: KeyPair,
    pub(super) identity: Option<v1::Identity>,
}

pub(super) fn hello(uid: &str, instance: &str, held: Vec<v1::Held>) -> v1::Hello {
    v1::Hello { cluster_uid: uid.into(), instance: instance.into(), held, ..v1::Hello::default() }
}

impl Client {
    pub(super) fn new(address: SocketAddr) -> Self {
        Self { address, key: KeyPair::generate().unwrap(), identity: None }
    }

    /// The same identity at another address.
    pub(super) fn at(self, address: SocketAddr) -> Self {
        Self { address, ..self }
    }

    async fn dial(&self) -> Result<Channel, Status> {
        let builder = ClientConfig::builder().dangerous().with_custom_certificate_verifier(Arc::new(Anyone));
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some(identity) => {
                let chain = identity.certificates.iter().map(|der| CertificateDer::from(der.to_vec()));
                let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
                builder.with_client_auth_cert(chain.collect(), key).unwrap()
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        let socket = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await.unwrap();
        let mut stream = Some(TokioIo::new(stream));
        let once = tower::service_fn(move |_| {
            let stream = stream.take();
            async move { stream.ok_or_else(|| std::io::Error::other("once only")) }
        });
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.connect_with_connector(once).await.map_err(|error| Status::unavailable(error.to_string()))
    }

    /// The same key, with another certificate for it.
    pub(super) fn with_certificate(&self, der: &[u8]) -> Self {
        let mut identity = self.identity.clone().unwrap();
        identity.certificates = vec![der.to_vec().into()];
        let key = KeyPair::from_pem(&self.key.serialize_pem()).unwrap();
        Self { address: self.address, key, identity: Some(identity) }
    }

    /// The certificate that it uses.
    pub(super) fn certificate(&self) -> crate::Certificate {
        crate::Certificate::read(&self.identity.as_ref().unwrap().certificates[0], "test").unwrap()
    }

    /// SHA-256 of the authorities that it was given.
    pub(super) fn authorities(&self) -> Vec<String> {
        let authorities = &self.identity.as_ref().unwrap().authorities;
        authorities.iter().map(|der| hex::encode(sha2::Sha256::digest(der))).collect()
    }

    pub(super) fn request(&self) -> Vec<u8> {
        let params = CertificateParams::new(Vec::new()).unwrap();
        params.serialize_request(&self.key).unwrap().der().to_vec()
    }

    pub(super) async fn enroll(&mut self, token: &str, secret: &str, uid: &str) -> Result<(), Status> {
        self.identity = None;
        let request = v1::EnrollRequest {
            token_id: token.into(),
            secret: secret.into(),
            certificate_request: self.request().into(),
            cluster_uid: uid.into(),
        };
        let identity = EnrollmentClient::new(self.dial().await?).enroll(request).await?.into_inner();
        self.identity = Some(identity);
        Ok(())
    }

    pub(super) async fn renew(&self) -> Result<v1::Identity, Status> {
        let request = v1::RenewRequest { certificate_request: self.request().into() };
        Ok(EnrollmentClient::new(self.dial().await?).renew(request).await?.into_inner())
    }

    pub(super) async fn fetch(&self, digest: &Digest, offset: u64) -> Result<Vec<u8>, Status> {
        let request = v1::FetchBundleRequest { digest: digest.to_string(), offset };
        let mut chunks = AgentClient::new(self.dial().await?).fetch_bundle(request).await?.into_inner();
        let mut bytes = Vec::new();
        while let Some(chunk) = chunks.message().await? {
            bytes.extend_from_slice(&chunk.data);
        }
        Ok(bytes)
    }

    /// Uploads a bundle in chunks of a few bytes.
    pub(super) async fn give(&self, digest: &Digest, compressed: &[u8]) -> Result<(), Status> {
        let digest = digest.to_string();
        let mut parts = vec![v1::GivenBundle { digest, ..Default::default() }];
        parts.extend(
            compressed
                .chunks(7)
                .map(|part| v1::GivenBundle { data: part.to_vec().into(), ..Default::default() }),
        );
        AgentClient::new(self.dial().await?).give_bundle(tokio_stream::iter(parts)).await?;
        Ok(())
    }

    pub(super) async fn attach(&self, hello: v1::Hello) -> Result<Conversation, Status> {
        self.attach_with(v1::AgentMessage { message: Some(agent_message::Message::Hello(hello)) }).await
    }

    pub(super) async fn attach_with(&self, first: v1::AgentMessage) -> Result<Conversation, Status> {
        let (outbound, messages) = mpsc::channel(8);
        outbound.send(first).await.unwrap();
        let answer = AgentClient::new(self.dial().await?).attach(ReceiverStream::new(messages)).await?;
        Ok(Conversation { outbound, inbound: answer.into_inner() })
    }
}

/// The certificates that the hub shows at this address, leaf first.
pub(super) async fn shown(address: SocketAddr) -> Vec<CertificateDer<'static>> {
    let builder = ClientConfig::builder().dangerous().with_custom_certificate_verifier(Arc::new(Anyone));
    let socket = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connector = TlsConnector::from(Arc::new(builder.with_no_client_auth()));
    let stream = connector.connect(name, socket).await.unwrap();
    stream.get_ref().1.peer_certificates().unwrap().to_vec()
}

#[derive(Debug)]
pub(super) struct Conversation {
    outbound: mpsc::Sender<v1::AgentMessage>,
    inbound: Streaming<v1::HubMessage>,
}

impl Conversation {
    /// The next message; `None` when the hub ended it, whatever its reason.
    pub(super) async fn next(&mut self) -> Option<Message> {
        let next = tokio::time::timeout(Duration::from_secs(20), self.inbound.message()).await;
        next.expect("the hub says nothing").ok().flatten()?.message
    }

    /// Why the hub ended it, after whatever else it said.
    pub(super) async fn end(&mut self) -> Status {
        let ended = async {
            loop {
                match self.inbound.message().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return Status::ok(""),
                    Err(status) => return status,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the hub does not end it")
    }

    /// Everything up to and including `InSync`.
    pub(super) async fn until_in_sync(&mut self) -> Vec<Message> {
        let mut opening = Vec::new();
        while !matches!(opening.last(), Some(Message::InSync(_))) {
            opening.push(self.next().await.expect("the hub ended it"));
        }
        opening
    }

    pub(super) async fn say(&self, message: agent_message::Message) {
        self.outbound.send(v1::AgentMessage { message: Some(message) }).await.unwrap();
    }

    pub(super) async fn observe(&self, observations: Vec<v1::Observation>) {
        self.say(agent_message::Message::Observations(v1::Observations { observations })).await;
    }

    pub(super) async fn acknowledge(&self, pause: &str) {
        let state = v1::PauseState { acknowledged: pause.to_owned(), ..Default::default() };
        self.say(agent_message::Message::Pause(state)).await;
    }
}

/// Trusts whoever answers: these tests are about whom the hub trusts.
#[derive(Debug)]
struct Anyone;

impl rustls::client::danger::ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls_pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        rustls::crypto::ring::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
