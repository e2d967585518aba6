//! The hub's certificate authority: made at the first start, replaced on request without anybody noticing.
//!
//! Agents' certificates last 30 days (design §6), the hub's own a year, an authority ten; each is replaced
//! long before. What a replacement goes through is in [`Phase`]; [`crate::rotation`] decides when to go on.
//!
//! Invariants:
//! 1. An authority issues nothing before every agent had the time to learn of it.
//! 2. While two are trusted, a token that names the old one still lets an agent in: the new one's
//!    certificate exists a second time, signed by the old one, and the hub shows both.
//! 3. Whatever moment the process dies at, the folder opens again, in the phase before or after.
//! 4. Private keys are sealed in their files.
//!
//! Why the phase is kept beside the keys and not in the store: it says what the keys are for, so the two
//! must be backed up and restored as one; a store of yesterday beside keys of today would name keys that
//! are gone. Hubs that share a store will have to share this folder's content as one record.

mod folder;
mod keeping;

use crate::identity;
use arc_swap::ArcSwap;
use folder::Ca;
use jiff::Timestamp;
use keeping::Keeping;
use rand::RngCore as _;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls_pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use serde::{Deserialize, Serialize};
use shared_model::ClusterName;
use shared_seal::Ring;
use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::watch;

use crate::SpiffeId;

const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long an agent's certificate lasts, unless the operator says otherwise.
pub const AGENT_LIFETIME: Duration = DAY.saturating_mul(30);
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
    /// The authority is in another phase.
    #[error("{0}")]
    Phase(&'static str),
}

/// Where the replacement of an authority is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase")]
pub enum Phase {
    /// There is one authority.
    Settled,
    /// A new one is trusted beside the one that issues; agents are told.
    Introducing {
        /// Since when.
        since: Timestamp,
        /// Who asked for it.
        by: String,
    },
    /// The new one issues; certificates of the old one are still good, and are replaced.
    Replacing {
        /// Since when.
        since: Timestamp,
        /// Who asked for it.
        by: String,
    },
}

/// The authority, or during a replacement both. Shared; reading it never waits.
pub struct Authority {
    folder: PathBuf,
    keeping: Keeping,
    trust_domain: String,
    state: ArcSwap<State>,
    changed: watch::Sender<()>,
    agent_lifetime: Duration,
}

struct State {
    phase: Phase,
    /// The one that issues first.
    trusted: Vec<Ca>,
    /// The issuing one's certificate once more, signed by the old one.
    cross: Option<CertificateDer<'static>>,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Authority")
            .field("trust_domain", &self.trust_domain)
            .field("phase", &self.state.load().phase)
            .finish_non_exhaustive()
    }
}

/// A certificate of the hub's own, with its key.
#[derive(Debug)]
pub struct ServerCertificate {
    /// Leaf and authorities.
    pub chain: Vec<CertificateDer<'static>>,
    /// Its key.
    pub key: PrivateKeyDer<'static>,
    /// When it ends.
    pub expires: Timestamp,
}

impl Authority {
    /// Opens the authority in `folder`, or makes it there, its keys sealed. A replacement that was interrupted goes on.
    ///
    /// # Errors
    /// When files cannot be read or written, or what is there cannot be used.
    pub fn sealed(
        folder: &Path,
        trust_domain: &str,
        ring: Arc<Ring>,
        now: Timestamp,
    ) -> Result<Self, AuthorityError> {
        Self::open_as(folder, trust_domain, Keeping::sealed(ring), now)
    }

    /// The same without sealing: its keys can be read in its files. For tests.
    ///
    /// # Errors
    /// As [`Authority::sealed`].
    pub fn open(folder: &Path, trust_domain: &str, now: Timestamp) -> Result<Self, AuthorityError> {
        Self::open_as(folder, trust_domain, Keeping::plain(), now)
    }

    fn open_as(
        folder: &Path,
        trust_domain: &str,
        keeping: Keeping,
        now: Timestamp,
    ) -> Result<Self, AuthorityError> {
        folder::prepare(folder, trust_domain, &keeping, now)?;
        let state = State::read(folder, &keeping)?;
        Ok(Self {
            folder: folder.to_owned(),
            keeping,
            trust_domain: trust_domain.to_owned(),
            state: ArcSwap::from_pointee(state),
            changed: watch::Sender::new(()),
            agent_lifetime: AGENT_LIFETIME,
        })
    }

    /// The same, but agents' certificates last so long.
    #[must_use]
    pub fn with_agent_lifetime(self, agent_lifetime: Duration) -> Self {
        Self { agent_lifetime, ..self }
    }

    /// How long an agent's certificate lasts.
    pub const fn agent_lifetime(&self) -> Duration {
        self.agent_lifetime
    }

    /// The trust domain of its SPIFFE ids.
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// Where a replacement is.
    pub fn phase(&self) -> Phase {
        self.state.load().phase.clone()
    }

    /// Changes whenever the phase does.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// The certificates to trust, PEM, for kubeconfigs; the one that issues first.
    pub fn pem(&self) -> String {
        self.state.load().trusted.iter().map(|ca| ca.pem.as_str()).collect()
    }

    /// The certificates to trust; the one that issues first.
    pub fn trusted(&self) -> Vec<CertificateDer<'static>> {
        self.state.load().trusted.iter().map(|ca| ca.certificate.clone()).collect()
    }

    /// SHA-256 of each certificate to trust, in hex; the one that issues first.
    pub fn fingerprints(&self) -> Vec<String> {
        self.state.load().trusted.iter().map(|ca| ca.fingerprint.clone()).collect()
    }

    /// SHA-256 of the issuing authority's certificate, in hex: what a token carries so that an agent knows
    /// its hub.
    pub fn fingerprint(&self) -> String {
        self.state.load().issuing().fingerprint.clone()
    }

    /// When the issuing authority ends.
    pub fn expires(&self) -> Timestamp {
        self.state.load().issuing().expires
    }

    /// SHA-256 of the authority of this name, in hex.
    pub fn named(&self, issuer: &[u8]) -> Option<String> {
        let state = self.state.load();
        let found = state.trusted.iter().find(|ca| ca.subject == issuer);
        found.map(|ca| ca.fingerprint.clone())
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
        let expires = validity(&mut params, now, SERVER_LIFETIME);
        let state = self.state.load();
        let certificate = params.signed_by(&key, &state.issuing().issuer)?;
        let mut chain = vec![certificate.der().clone(), state.issuing().certificate.clone()];
        if let Some(cross) = &state.cross {
            chain.push(cross.clone());
            chain.extend(state.trusted.iter().skip(1).map(|ca| ca.certificate.clone()));
        }
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Ok(ServerCertificate { chain, key, expires })
    }

    /// A certificate for the agent of `cluster`, issued at `issued` (microseconds): the request gives the
    /// key, the hub everything else.
    ///
    /// # Errors
    /// When the request cannot be read or its signature is wrong.
    pub fn issue_agent(
        &self,
        request: &[u8],
        cluster: &ClusterName,
        issued: i64,
        now: Timestamp,
    ) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
        let mut request =
            CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(request))?;
        let id = SpiffeId { trust_domain: self.trust_domain.clone(), cluster: cluster.clone() };
        let mut random = [0; 8];
        rand::rng().fill_bytes(&mut random);
        let mut params = CertificateParams::default();
        params.serial_number = Some(SerialNumber::from_slice(&identity::serial(issued, random)));
        params.subject_alt_names = vec![SanType::URI(id.to_string().as_str().try_into()?)];
        params.distinguished_name = common_name(cluster.as_str());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let _expires = validity(&mut params, now, self.agent_lifetime);
        request.params = params;
        let certificate = request.signed_by(&self.state.load().issuing().issuer)?;
        Ok(vec![certificate.der().clone()])
    }

    /// Makes a new authority and trusts it beside the present one.
    ///
    /// # Errors
    /// When a replacement is going on already, or files cannot be written.
    pub fn introduce(&self, by: &str, now: Timestamp) -> Result<(), AuthorityError> {
        if self.phase() != Phase::Settled {
            return Err(AuthorityError::Phase("the authority is being replaced already"));
        }
        let name = format!("flotilla {} {now:.0}", self.trust_domain);
        let old = &self.state.load_full();
        let phase = Phase::Introducing { since: now, by: by.to_owned() };
        self.carry_out(&folder::introduce(&self.folder, &name, old.issuing(), &phase, &self.keeping, now)?)
    }

    /// From now on the new authority issues.
    ///
    /// # Errors
    /// When none was introduced, or files cannot be written.
    pub fn replace(&self, now: Timestamp) -> Result<(), AuthorityError> {
        let Phase::Introducing { by, .. } = self.phase() else {
            return Err(AuthorityError::Phase("no new authority has been introduced"));
        };
        self.carry_out(&folder::replace(&self.folder, &Phase::Replacing { since: now, by }))
    }

    /// Gives the old authority up: nothing of it is good any more.
    ///
    /// # Errors
    /// When the new one does not issue yet, or files cannot be written.
    pub fn settle(&self) -> Result<(), AuthorityError> {
        let Phase::Replacing { .. } = self.phase() else {
            return Err(AuthorityError::Phase("the new authority does not issue yet"));
        };
        self.carry_out(&folder::settle(&self.folder))
    }

    fn carry_out(&self, steps: &[folder::Step]) -> Result<(), AuthorityError> {
        folder::carry_out(steps)?;
        self.state.store(Arc::new(State::read(&self.folder, &self.keeping)?));
        self.changed.send_replace(());
        Ok(())
    }
}

impl State {
    fn read(folder: &Path, keeping: &Keeping) -> Result<Self, AuthorityError> {
        let old = Ca::read(folder, folder::PRESENT, keeping)?;
        let phase = folder::phase(folder)?;
        let (trusted, cross) = match &phase {
            Phase::Settled => (vec![old], None),
            Phase::Introducing { .. } => (vec![old, Ca::read(folder, folder::NEXT, keeping)?], None),
            Phase::Replacing { .. } => {
                (vec![Ca::read(folder, folder::NEXT, keeping)?, old], Some(folder::cross(folder)?))
            }
        };
        Ok(Self { phase, trusted, cross })
    }

    fn issuing(&self) -> &Ca {
        self.trusted.first().expect("there is always one authority")
    }
}

fn authority_params(name: &str, now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = common_name(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let _expires = validity(&mut params, now, AUTHORITY_LIFETIME);
    Ok(params)
}

fn common_name(name: &str) -> DistinguishedName {
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    subject
}

/// Sets the dates; answers the end, in whole seconds as certificates have it.
fn validity(params: &mut CertificateParams, now: Timestamp, lifetime: Duration) -> Timestamp {
    let begins = std::time::SystemTime::from(now);
    // Of a short life no more than a tenth: two thirds of it are counted from here.
    params.not_before = (begins - SKEW.min(lifetime / 10)).into();
    params.not_after = (begins + lifetime).into();
    let ends = now.as_second().saturating_add(i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX));
    Timestamp::from_second(ends).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
