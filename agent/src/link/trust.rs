//! Whom to trust: the authority that the token names before the first identity, the identity's own afterwards;
//! with `--hub-ca` also what a company's authority says of the hub's certificate.

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
    server::WebPkiClientVerifier,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _};
use sha2::{Digest as _, Sha256};
use std::{sync::Arc, time::Duration};

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
    /// Of `--hub-ca`.
    extra: Vec<CertificateDer<'static>>,
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
        for authority in &self.extra {
            store.add(authority.clone())?;
        }
        match &self.roots {
            Roots::Pinned(fingerprint) => {
                let named = intermediates.iter().find(|der| hex::encode(Sha256::digest(der)) == *fingerprint);
                if let Some(named) = named {
                    store.add(named.clone().into_owned())?;
                }
            }
            Roots::Known(authorities) => {
                for authority in authorities {
                    store.add(authority.clone())?;
                }
            }
        }
        if store.is_empty() {
            return Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
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
    extra: Vec<CertificateDer<'static>>,
) -> Result<(rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert>, Verdict), Error> {
    let verdict = Verdict::default();
    let verifier = Verifier { roots, extra, provider: provider(), verdict: verdict.clone() };
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|error| Error::Identity(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    Ok((builder, verdict))
}

/// Who speaks, and whom to believe.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trust<'a> {
    /// The first enrolment: no client certificate, the authority pinned by its SHA-256.
    Pinned(&'a str),
    /// Mutual TLS with an identity.
    Mutual(&'a Identity),
}

impl Trust<'_> {
    /// TLS for one connection; `extra` authorities may vouch for the hub too.
    pub(super) fn config(
        self,
        extra: Vec<CertificateDer<'static>>,
    ) -> Result<(ClientConfig, Verdict), Error> {
        let (mut config, verdict) = match self {
            Self::Pinned(fingerprint) => {
                let (builder, verdict) = builder(Roots::Pinned(fingerprint.to_owned()), extra)?;
                (builder.with_no_client_auth(), verdict)
            }
            Self::Mutual(identity) => {
                let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).map_err(|_| unusable())?;
                let (builder, verdict) = builder(Roots::Known(decode(&identity.authorities)?), extra)?;
                let config = builder
                    .with_client_auth_cert(decode(&identity.certificates)?, key)
                    .map_err(|error| Error::Identity(error.to_string()))?;
                (config, verdict)
            }
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok((config, verdict))
    }
}

fn unusable() -> Error {
    Error::Identity("its certificates are not readable; join again".to_owned())
}

fn decode(list: &[String]) -> Result<Vec<CertificateDer<'static>>, Error> {
    let list = Identity::decode(list).filter(|list| !list.is_empty()).ok_or_else(unusable)?;
    Ok(list.into_iter().map(CertificateDer::from).collect())
}

/// How a hub proved itself.
#[derive(Debug, Clone)]
pub(super) struct Proof {
    pub(super) chain: Vec<CertificateDer<'static>>,
    pub(super) name: ServerName<'static>,
}

/// Whether what an identity trusts now still vouches for a hub that proved itself before.
pub(super) fn vouches(identity: &Identity, extra: Vec<CertificateDer<'static>>, proof: &Proof) -> bool {
    let (Ok(authorities), Some((leaf, rest))) = (decode(&identity.authorities), proof.chain.split_first())
    else {
        return false;
    };
    let roots = Roots::Known(authorities);
    let verifier = Verifier { roots, extra, provider: provider(), verdict: Verdict::default() };
    verifier.verify(leaf, rest, &proof.name, &[], UnixTime::now()).is_ok()
}

/// Whether one of `authorities` issued the certificate that `chain` (DER, leaf first) begins with; as of
/// `when`, in seconds since 1970.
pub(super) fn issued_by(chain: &[Vec<u8>], authorities: &[Vec<u8>], when: u64) -> bool {
    let chain: Vec<CertificateDer<'_>> =
        chain.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let Some((leaf, rest)) = chain.split_first() else { return false };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(authorities.iter().map(|der| CertificateDer::from(der.as_slice())));
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(store), provider()).build();
    let when = UnixTime::since_unix_epoch(Duration::from_secs(when));
    verifier.is_ok_and(|verifier| verifier.verify_client_cert(leaf, rest, when).is_ok())
}

/// Whether each of these (DER) can be an authority to trust, and there is at least one.
pub(super) fn are_authorities(list: &[impl AsRef<[u8]>]) -> bool {
    let mut store = RootCertStore::empty();
    !list.is_empty() && list.iter().all(|der| store.add(CertificateDer::from(der.as_ref())).is_ok())
}
