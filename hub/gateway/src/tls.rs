//! TLS of the agent port: server-authenticated for enrolment, mutual for everything else; and the hub's own
//! certificate, which the API serves too.
//!
//! Why an expired certificate passes the handshake: TLS can only say `certificate expired`, not what to do.
//! [`crate::judge`] decides at every call what its holder may do, which is to renew it for 90 days, and tells
//! the rest. Every other fault of a certificate ends the handshake.
//!
//! Why no session is resumed: a resumed one would skip the verifier, and an authority that was given up
//! would live on in it.

use crate::{
    Authority,
    authority::{AuthorityError, ServerCertificate},
};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    server::{
        ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
};
use rustls_pki_types::{CertificateDer, UnixTime};
use std::{sync::Arc, time::Duration};
use x509_parser::{certificate::X509Certificate, prelude::FromDer as _};

/// At most so long is slept at once: clocks jump, machines sleep.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);

/// Why the hub has no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateFailure {
    /// None could be made.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// It cannot be used.
    #[error(transparent)]
    Tls(#[from] rustls::Error),
}

/// The hub's own certificate, replaced without a restart: at two thirds of its life, and whenever the
/// authority changes.
#[derive(Debug)]
pub struct HubCertificate {
    authority: Arc<Authority>,
    names: Vec<String>,
    present: ArcSwap<Present>,
}

#[derive(Debug)]
struct Present {
    key: Arc<CertifiedKey>,
    due: Timestamp,
    expires: Timestamp,
    authorities: Vec<String>,
}

impl HubCertificate {
    /// A certificate under these names.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate.
    pub fn new(
        authority: Arc<Authority>,
        names: Vec<String>,
        now: Timestamp,
    ) -> Result<Arc<Self>, CertificateFailure> {
        let present = ArcSwap::from_pointee(issue(&authority, &names, now)?);
        Ok(Arc::new(Self { authority, names, present }))
    }

    /// When the present certificate ends.
    pub fn expires(&self) -> Timestamp {
        self.present.load().expires
    }

    /// Replaces the certificate if it is due. Answers when it will be.
    ///
    /// # Errors
    /// When none can be made; the present one goes on.
    pub fn refresh(&self, now: Timestamp) -> Result<Timestamp, CertificateFailure> {
        let present = self.present.load();
        if now < present.due && present.authorities == self.authority.fingerprints() {
            return Ok(present.due);
        }
        let issued = issue(&self.authority, &self.names, now)?;
        let due = issued.due;
        self.present.store(Arc::new(issued));
        tracing::info!(next = %due, "the hub has a new certificate");
        Ok(due)
    }
}

impl ResolvesServerCert for HubCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // Whoever trusts the new authority alone may be quicker than the loop that renews.
        if let Err(error) = self.refresh(shared_runtime::now()) {
            tracing::warn!(%error, "the hub's certificate could not be renewed");
        }
        Some(Arc::clone(&self.present.load().key))
    }
}

fn issue(authority: &Authority, names: &[String], now: Timestamp) -> Result<Present, CertificateFailure> {
    let authorities = authority.fingerprints();
    let ServerCertificate { chain, key, expires } = authority.issue_server(names, now)?;
    let key = rustls::crypto::ring::sign::any_supported_type(&key)?;
    let due = expires - expires.duration_since(now) / 3;
    Ok(Present { key: Arc::new(CertifiedKey::new(chain, key)), due, expires, authorities })
}

/// Keeps the hub's certificate fresh for as long as it runs.
pub(crate) async fn renew(authority: Arc<Authority>, certificate: Arc<HubCertificate>) {
    let mut changes = authority.changes();
    loop {
        let now = shared_runtime::now();
        let wait = match certificate.refresh(now) {
            Ok(due) => Duration::try_from(due.duration_since(now)).unwrap_or_default().min(LOOK_AGAIN),
            Err(error) => {
                tracing::warn!(%error, again_in = ?LOOK_AGAIN, "the hub's certificate could not be renewed");
                LOOK_AGAIN
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            _changed = changes.changed() => {}
        }
    }
}

/// What serves the agent port: clients without a certificate may enrol, others must be the authority's.
pub(crate) fn server_config(
    authority: Arc<Authority>,
    certificate: Arc<HubCertificate>,
) -> Result<ServerConfig, rustls::Error> {
    let verifier = AgentVerifier::new(authority)?;
    let mut config = ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

/// Accepts what the trusted authorities signed for agents, expired or not.
#[derive(Debug)]
struct AgentVerifier {
    authority: Arc<Authority>,
    roots: ArcSwap<Roots>,
}

#[derive(Debug)]
struct Roots {
    authorities: Vec<String>,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Roots {
    fn of(authority: &Authority) -> Result<Self, rustls::Error> {
        let authorities = authority.fingerprints();
        let mut roots = RootCertStore::empty();
        for certificate in authority.trusted() {
            roots.add(certificate)?;
        }
        let verifier = WebPkiClientVerifier::builder(Arc::new(roots))
            .allow_unauthenticated()
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?;
        Ok(Self { authorities, verifier })
    }
}

impl AgentVerifier {
    fn new(authority: Arc<Authority>) -> Result<Self, rustls::Error> {
        let roots = ArcSwap::from_pointee(Roots::of(&authority)?);
        Ok(Self { authority, roots })
    }

    /// The verifier for those who are trusted at this moment.
    fn present(&self) -> Result<Arc<dyn ClientCertVerifier>, rustls::Error> {
        let roots = self.roots.load();
        if roots.authorities == self.authority.fingerprints() {
            return Ok(Arc::clone(&roots.verifier));
        }
        let fresh = Roots::of(&self.authority)?;
        let verifier = Arc::clone(&fresh.verifier);
        self.roots.store(Arc::new(fresh));
        Ok(verifier)
    }
}

impl ClientCertVerifier for AgentVerifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    /// None: an agent has one certificate, and the list could not follow the authorities.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verifier = self.present()?;
        match verifier.verify_client_cert(leaf, intermediates, now) {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            )) => {
                // Good in all else if it was good at the moment of its end.
                verifier.verify_client_cert(leaf, intermediates, end(leaf).unwrap_or(now))
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.roots.load().verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.roots.load().verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.roots.load().verifier.supported_verify_schemes()
    }
}

fn end(leaf: &CertificateDer<'_>) -> Option<UnixTime> {
    let (_, parsed) = X509Certificate::from_der(leaf).ok()?;
    let seconds = u64::try_from(parsed.validity().not_after.timestamp()).ok()?;
    Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
}
