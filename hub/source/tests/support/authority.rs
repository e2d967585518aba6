//! A certificate authority for tests, and a TLS server configuration for `localhost` by it.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{
    RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use std::sync::Arc;

/// An authority, and what it vouches for.
pub(crate) struct Vouched {
    /// The authority's certificate as PEM.
    pub(crate) authority: String,
    /// A server of its own certificate.
    pub(crate) server: Arc<ServerConfig>,
    /// The same server, which lets in only who has a certificate of the authority.
    pub(crate) mutual: Arc<ServerConfig>,
    /// A client's certificate and key as PEM.
    pub(crate) client: (String, String),
}

/// The authority's certificate as PEM, and the server that it vouches for.
pub(crate) fn authority() -> (String, Arc<ServerConfig>) {
    let vouched = vouched();
    (vouched.authority, vouched.server)
}

/// # Panics
/// When rcgen or rustls refuse what is written here.
pub(crate) fn vouched() -> Vouched {
    let mut params = CertificateParams::new(Vec::new()).expect("no names");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(rcgen::DnType::CommonName, "test authority");
    let issuer =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let server = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = server.signed_by(&key, &issuer).expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(issuer.der().clone()).expect("an authority");
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .expect("an authority");
    let config = |clients: Arc<dyn ClientCertVerifier>| {
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("ring has them")
            .with_client_cert_verifier(clients)
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
            )
            .expect("a certificate with its key");
        Arc::new(config)
    };
    let client_key = KeyPair::generate().expect("a key");
    let client = CertificateParams::new(vec!["hub".to_owned()]).expect("a name");
    let client = client.signed_by(&client_key, &issuer).expect("a certificate");
    Vouched {
        authority: issuer.pem(),
        server: config(WebPkiClientVerifier::no_client_auth()),
        mutual: config(clients),
        client: (client.pem(), client_key.serialize_pem()),
    }
}
