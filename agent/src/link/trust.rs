//! Whom to trust: the authority that the token names before the first identity, the identity's own afterwards.

use super::Error;
use crate::journal::Identity;
use parking_lot::Mutex;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Why the hub's certificate was not accepted, for a clearer text than TLS has.
#[derive(Debug, Clone, Default)]
pub(super) struct Verdict(Arc<Mutex<Option<rustls::Error>>>);

impl Verdict {
    pub(super) fn take(&self) -> Option<rustls::Error> {
        self.0.lock().take()
    }
}

/// Trusts a chain that ends in the authority with a certain SHA-256 (RFC 7469's pinning, of a certificate
/// instead of a key), or in one of certain authorities.
#[derive(Debug)]
struct Verifier {
    roots: Roots,
    provider: Arc<CryptoProvider>,
    verdict: Verdict,
}

#[derive(Debug)]
enum Roots {
    /// SHA-256 of the one authority, in hex.
    Pinned(String),
    Known(Vec<CertificateDer<'static>>),
}

impl Verifier {
    fn verify(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let mut store = RootCertStore::empty();
        match &self.roots {
            Roots::Pinned(fingerprint) => {
                let named = intermediates.iter().find(|der| hex::encode(Sha256::digest(der)) == *fingerprint);
                let unknown = || rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
                store.add(named.ok_or_else(unknown)?.clone().into_owned())?;
            }
            Roots::Known(authorities) => {
                for authority in authorities {
                    store.add(authority.clone())?;
                }
            }
        }
        WebPkiServerVerifier::builder_with_provider(Arc::new(store), Arc::clone(&self.provider))
            .build()
            .map_err(|error| rustls::Error::General(error.to_string()))?
            .verify_server_cert(leaf, intermediates, name, ocsp, now)
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let result = self.verify(end_entity, intermediates, server_name, ocsp_response, now);
        *self.verdict.0.lock() = result.as_ref().err().cloned();
        result
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.2 is not spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, dss, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn builder(
    roots: Roots,
) -> Result<(rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, Verdict), Error> {
    let verdict = Verdict::default();
    let verifier = Verifier { roots, provider: provider(), verdict: verdict.clone() };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| Error::Identity(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok((builder, verdict))
}

/// TLS for the first enrolment: no client certificate, the authority pinned by its SHA-256.
pub(super) fn pinned(fingerprint: &str) -> Result<(ClientConfig, Verdict), Error> {
    let (builder, verdict) = builder(Roots::Pinned(fingerprint.to_owned()))?;
    Ok((with_h2(builder.with_no_client_auth()), verdict))
}

/// Mutual TLS with an identity.
pub(super) fn mutual(identity: &Identity) -> Result<(ClientConfig, Verdict), Error> {
    let unusable = || Error::Identity("its certificates are not readable; join again".to_owned());
    let decode = |list: &[String]| {
        let list = Identity::decode(list).filter(|list| !list.is_empty()).ok_or_else(unusable)?;
        Ok::<_, Error>(list.into_iter().map(CertificateDer::from).collect::<Vec<_>>())
    };
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(|_| unusable())?;
    let (builder, verdict) = builder(Roots::Known(decode(&identity.authorities)?))?;
    let config = builder
        .with_client_auth_cert(decode(&identity.certificates)?, key)
        .map_err(|error| Error::Identity(error.to_string()))?;
    Ok((with_h2(config), verdict))
}

fn with_h2(mut config: ClientConfig) -> ClientConfig {
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}
