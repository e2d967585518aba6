//! The hub's certificate authority: made at the first start, kept in the data folder.
//!
//! Agents' certificates last 30 days (design §6), the hub's own a year; both are renewed long before.
//! The key file is readable by the hub's user only.

use crate::SpiffeId;
use jiff::Timestamp;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use rustls_pki_types::{
    CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject as _,
};
use sha2::{Digest as _, Sha256};
use shared_model::ClusterName;
use std::{
    fs,
    io::{self, Write as _},
    net::IpAddr,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long an agent's certificate lasts.
pub(crate) const AGENT_LIFETIME: Duration = DAY.saturating_mul(30);
const SERVER_LIFETIME: Duration = DAY.saturating_mul(365);
const AUTHORITY_LIFETIME: Duration = DAY.saturating_mul(3650);
/// Clocks may differ by so much when a certificate is new.
const SKEW: Duration = Duration::from_secs(3600);

/// Why a certificate could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file failed.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// The stored authority cannot be used.
    #[error("the authority in {} cannot be used: {problem}; restore it from a backup (agents trust only this one)", path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A certificate request is not one that can be signed.
    #[error("the certificate request cannot be signed: {0}")]
    Request(#[from] rcgen::Error),
}

/// The authority.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    pem: String,
    trust_domain: String,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority").field("trust_domain", &self.trust_domain).finish_non_exhaustive()
    }
}

/// A certificate of the hub's own, with its key.
#[derive(Debug)]
pub struct ServerCertificate {
    /// Leaf and authority.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
}

impl Authority {
    /// Opens the authority in `folder`, or makes it there.
    ///
    /// # Errors
    /// When files cannot be read or written, or what is there cannot be used.
    pub fn open(folder: &Path, trust_domain: &str, now: Timestamp) -> Result<Self, AuthorityError> {
        let (certificate_path, key_path) = (folder.join("ca.crt"), folder.join("ca.key"));
        match (certificate_path.exists(), key_path.exists()) {
            (false, false) => {
                fs::create_dir_all(folder).map_err(file(folder, "cannot be made"))?;
                let key = KeyPair::generate()?;
                let certificate = authority_params(trust_domain, now)?.self_signed(&key)?;
                write(&key_path, key.serialize_pem().as_bytes(), 0o600)?;
                write(&certificate_path, certificate.pem().as_bytes(), 0o644)?;
            }
            (true, true) => {}
            (here, _) => {
                let problem = format!("{} is missing", if here { "ca.key" } else { "ca.crt" });
                return Err(AuthorityError::Unusable { path: folder.to_owned(), problem });
            }
        }
        Self::read(folder, &certificate_path, &key_path, trust_domain)
    }

    fn read(
        folder: &Path,
        certificate: &Path,
        key: &Path,
        trust_domain: &str,
    ) -> Result<Self, AuthorityError> {
        let unusable = |problem: String| AuthorityError::Unusable { path: folder.to_owned(), problem };
        let pem = fs::read_to_string(certificate).map_err(file(certificate, "cannot be read"))?;
        let key = fs::read_to_string(key).map_err(file(key, "cannot be read"))?;
        let key = KeyPair::from_pem(&key).map_err(|error| unusable(format!("ca.key: {error}")))?;
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes())
            .map_err(|error| unusable(format!("ca.crt: {error}")))?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|error| unusable(format!("ca.crt: {error}")))?;
        Ok(Self { issuer, certificate, pem, trust_domain: trust_domain.to_owned() })
    }

    /// The trust domain of its SPIFFE ids.
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// Its certificate, for kubeconfigs.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// Its certificate.
    pub const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// SHA-256 of its certificate, in hex: what a token carries so that an agent knows its hub.
    pub fn fingerprint(&self) -> String {
        hex::encode(Sha256::digest(&self.certificate))
    }

    /// A certificate for the hub itself under these DNS names and addresses.
    ///
    /// # Errors
    /// When a name cannot stand in a certificate.
    pub fn issue_server(
        &self,
        names: &[String],
        now: Timestamp,
    ) -> Result<ServerCertificate, AuthorityError> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        for name in names {
            params.subject_alt_names.push(match name.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(name.as_str().try_into()?),
            });
        }
        params.distinguished_name = common_name("flotilla hub");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        validity(&mut params, now, SERVER_LIFETIME);
        let certificate = params.signed_by(&key, &self.issuer)?;
        let chain = vec![certificate.der().clone(), self.certificate.clone()];
        Ok(ServerCertificate {
            chain,
            key: PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        })
    }

    /// A certificate for the agent of `cluster`: the request gives the key, the hub everything else.
    ///
    /// # Errors
    /// When the request cannot be read or its signature is wrong.
    pub fn issue_agent(
        &self,
        request: &[u8],
        cluster: &ClusterName,
        now: Timestamp,
    ) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
        let mut request =
            CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request))?;
        let id = SpiffeId { trust_domain: self.trust_domain.clone(), cluster: cluster.clone() };
        let mut params = CertificateParams::default();
        params.subject_alt_names = vec![SanType::URI(id.to_string().as_str().try_into()?)];
        params.distinguished_name = common_name(cluster.as_str());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        validity(&mut params, now, AGENT_LIFETIME);
        request.params = params;
        let certificate = request.signed_by(&self.issuer)?;
        Ok(vec![certificate.der().clone()])
    }
}

fn authority_params(trust_domain: &str, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = common_name(&format!("flotilla {trust_domain}"));
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    validity(&mut params, now, AUTHORITY_LIFETIME);
    Ok(params)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

fn validity(params: &mut CertificateParams, now: Timestamp, lifetime: Duration) {
    let now = std::time::SystemTime::from(now);
    params.not_before = (now - SKEW).into();
    params.not_after = (now + lifetime).into();
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), AuthorityError> {
    let temporary = path.with_extension("new");
    let written =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary).and_then(
            |mut file| {
                file.write_all(bytes)?;
                file.sync_all()
            },
        );
    written.and_then(|()| fs::rename(&temporary, path)).map_err(file(path, "cannot be written"))
}

fn file(path: &Path, what: &'static str) -> impl Fn(io::Error) -> AuthorityError {
    let path = path.to_owned();
    move |source| AuthorityError::File { path: path.clone(), what, source }
}
