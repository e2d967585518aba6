//! TLS of the agent port: server-authenticated for enrolment, mutual for everything else.

use crate::{
    Authority,
    authority::{AuthorityError, ServerCertificate},
};
use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::{
    RootCertStore, ServerConfig,
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier},
    sign::CertifiedKey,
};
use std::sync::Arc;

/// The hub's certificate, replaced without a restart.
#[derive(Debug)]
pub(crate) struct Reloadable(ArcSwap<CertifiedKey>);

impl Reloadable {
    pub(crate) fn new(certificate: ServerCertificate) -> Result<Arc<Self>, rustls::Error> {
        Ok(Arc::new(Self(ArcSwap::from_pointee(certified(certificate)?))))
    }

    pub(crate) fn replace(&self, certificate: ServerCertificate) -> Result<(), rustls::Error> {
        self.0.store(Arc::new(certified(certificate)?));
        Ok(())
    }
}

impl ResolvesServerCert for Reloadable {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

fn certified(certificate: ServerCertificate) -> Result<CertifiedKey, rustls::Error> {
    let key = rustls::crypto::ring::sign::any_supported_type(&certificate.key)?;
    Ok(CertifiedKey::new(certificate.chain, key))
}

/// What serves the agent port: clients without a certificate may enrol, others must be the authority's.
pub(crate) fn server_config(
    authority: &Authority,
    certificate: Arc<Reloadable>,
) -> Result<ServerConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate().clone())?;
    let verifier = WebPkiClientVerifier::builder(Arc::new(roots))
        .allow_unauthenticated()
        .build()
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut config = ServerConfig::builder_with_protocol_versions(&[&rustls::version::TLS13])
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// Half a year before a server certificate ends it is replaced.
pub(crate) async fn renew(authority: Arc<Authority>, names: Vec<String>, certificate: Arc<Reloadable>) {
    let mut tick = tokio::time::interval(std::time::Duration::from_secs(30 * 24 * 3600));
    tick.tick().await;
    loop {
        tick.tick().await;
        let now: Timestamp = shared_runtime::now();
        let renewed = authority.issue_server(&names, now).map_err(Into::into);
        match renewed.and_then(|new| certificate.replace(new).map_err(Failed::Tls)) {
            Ok(()) => tracing::info!("the agent port has a new certificate"),
            Err(error) => {
                tracing::warn!(%error, "the agent port's certificate could not be renewed; it is tried again in 30 days")
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    #[error(transparent)]
    Tls(rustls::Error),
}
