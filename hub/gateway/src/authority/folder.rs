//! The authority's folder: files, and the steps from one phase to the next.
//!
//! `ca.crt` and `ca.key` are the present authority. During a replacement `next.crt` and `next.key` are the
//! new one, `next.cross.crt` its certificate signed by the present one, and `phase.json` says what they are
//! for: a phase begins when that file does. Key files are sealed, and readable by the hub's user only.

use super::{AuthorityError, Phase, authority_params, keeping::Keeping};
use jiff::Timestamp;
use rcgen::{Issuer, KeyPair};
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};
use x509_parser::prelude::FromDer as _;
use zeroize::Zeroizing;

pub(super) const PRESENT: &str = "ca";
pub(super) const NEXT: &str = "next";
const CROSS: &str = "next.cross.crt";
const PHASE: &str = "phase.json";
/// The phase while the new authority's files take the place of the old one's.
const SETTLING: &str = "Settling";

/// One authority.
pub(super) struct Ca {
    pub(super) issuer: Issuer<'static, KeyPair>,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) pem: String,
    pub(super) fingerprint: String,
    /// Its name, DER, as it stands in what it issues.
    pub(super) subject: Vec<u8>,
    pub(super) expires: Timestamp,
}

/// One change of one file, whole or not at all.
#[derive(Debug, Clone)]
pub(super) enum Step {
    Write(PathBuf, String, u32),
    /// Does nothing when the first is gone already.
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Ca {
    pub(super) fn read(folder: &Path, name: &str, keeping: &Keeping) -> Result<Self, AuthorityError> {
        let unusable = |problem: String| AuthorityError::Unusable { path: folder.to_owned(), problem };
        let of = |ending: &'static str| {
            let path = folder.join(format!("{name}.{ending}"));
            fs::read_to_string(&path).map_err(file(&path, "cannot be read"))
        };
        let (pem, key) = (of("crt")?, Zeroizing::new(of("key")?));
        let key = keeping.opened(&key).map_err(|error| unusable(format!("{name}.key: {error}")))?;
        let key = KeyPair::from_pem(&key).map_err(|error| unusable(format!("{name}.key: {error}")))?;
        let wrong = |error: &dyn std::fmt::Display| unusable(format!("{name}.crt: {error}"));
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|error| wrong(&error))?;
        let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(&certificate)
            .map_err(|error| wrong(&error))?;
        if parsed.public_key().raw != rcgen::PublicKeyData::subject_public_key_info(&key) {
            return Err(unusable(format!("{name}.crt is not the certificate of {name}.key")));
        }
        let subject = parsed.subject().as_raw().to_vec();
        let expires =
            Timestamp::from_second(parsed.validity().not_after.timestamp()).map_err(|error| wrong(&error))?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key).map_err(|error| wrong(&error))?;
        let fingerprint = hex::encode(Sha256::digest(&certificate));
        Ok(Self { issuer, certificate, pem, fingerprint, subject, expires })
    }
}

/// Makes the first authority, or ends what was interrupted, and seals the keys that are not.
pub(super) fn prepare(
    folder: &Path,
    trust_domain: &str,
    keeping: &Keeping,
    now: Timestamp,
) -> Result<(), AuthorityError> {
    let at = |name: &str| folder.join(name);
    if stored(folder)?.is_some_and(|stored| stored["phase"] == SETTLING) {
        carry_out(&settle(folder))?;
    }
    match (at("ca.crt").exists(), at("ca.key").exists()) {
        (false, false) => {
            fs::create_dir_all(folder).map_err(file(folder, "cannot be made"))?;
            let key = KeyPair::generate()?;
            let own = authority_params(&format!("flotilla {trust_domain}"), now)?.self_signed(&key)?;
            // As a replacement of nothing: both files are there, or neither.
            carry_out(&[
                Step::Write(at("next.key"), keeping.written(&key.serialize_pem().into()), 0o600),
                Step::Write(at("next.crt"), own.pem(), 0o644),
            ])?;
            carry_out(&settle(folder))?;
        }
        (true, true) => {}
        (here, _) => {
            let problem = format!("{} is missing", if here { "ca.key" } else { "ca.crt" });
            return Err(AuthorityError::Unusable { path: folder.to_owned(), problem });
        }
    }
    if stored(folder)?.is_none() {
        // Of a new authority that was made and never introduced.
        carry_out(&["next.key", "next.crt", CROSS].map(|name| Step::Remove(at(name))))?;
    }
    ["ca.key", "next.key"].iter().try_for_each(|name| seal(&at(name), keeping))
}

/// Seals a key that was kept in plain text, or with a data key that is replaced. A key that cannot be opened is left for
/// who reads it to say so.
fn seal(path: &Path, keeping: &Keeping) -> Result<(), AuthorityError> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => Zeroizing::new(read.map_err(file(path, "cannot be read"))?),
    };
    let Some(written) = keeping.anew(&text) else { return Ok(()) };
    tracing::info!(path = %path.display(), "the authority's key is sealed now");
    Step::Write(path.to_owned(), written, 0o600).carry_out()
}

fn stored(folder: &Path) -> Result<Option<serde_json::Value>, AuthorityError> {
    let path = folder.join(PHASE);
    match fs::read(&path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Some(value)),
            Err(error) => Err(AuthorityError::Unusable {
                path: folder.to_owned(),
                problem: format!("{PHASE}: {error}"),
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(file(&path, "cannot be read")(error)),
    }
}

/// The phase that the folder is in.
pub(super) fn phase(folder: &Path) -> Result<Phase, AuthorityError> {
    let Some(value) = stored(folder)? else { return Ok(Phase::Settled) };
    serde_json::from_value(value).map_err(|error| AuthorityError::Unusable {
        path: folder.to_owned(),
        problem: format!("{PHASE}: {error}"),
    })
}

/// The new authority's certificate as the old one signed it.
pub(super) fn cross(folder: &Path) -> Result<CertificateDer<'static>, AuthorityError> {
    let path = folder.join(CROSS);
    let pem = fs::read(&path).map_err(file(&path, "cannot be read"))?;
    CertificateDer::from_pem_slice(&pem).map_err(|error| AuthorityError::Unusable {
        path: folder.to_owned(),
        problem: format!("{CROSS}: {error}"),
    })
}

/// A new authority is made and trusted.
pub(super) fn introduce(
    folder: &Path,
    name: &str,
    old: &Ca,
    phase: &Phase,
    keeping: &Keeping,
    now: Timestamp,
) -> Result<Vec<Step>, AuthorityError> {
    let key = KeyPair::generate()?;
    let params = authority_params(name, now)?;
    let (own, cross) = (params.self_signed(&key)?, params.signed_by(&key, &old.issuer)?);
    Ok(vec![
        Step::Write(folder.join("next.key"), keeping.written(&key.serialize_pem().into()), 0o600),
        Step::Write(folder.join("next.crt"), own.pem(), 0o644),
        Step::Write(folder.join(CROSS), cross.pem(), 0o644),
        Step::Write(folder.join(PHASE), json!(phase).to_string(), 0o644),
    ])
}

/// The new authority issues.
pub(super) fn replace(folder: &Path, phase: &Phase) -> Vec<Step> {
    vec![Step::Write(folder.join(PHASE), json!(phase).to_string(), 0o644)]
}

/// The new authority takes the old one's place.
pub(super) fn settle(folder: &Path) -> Vec<Step> {
    let at = |name: &str| folder.join(name);
    vec![
        Step::Write(at(PHASE), json!({"phase": SETTLING}).to_string(), 0o644),
        Step::Rename(at("next.key"), at("ca.key")),
        Step::Rename(at("next.crt"), at("ca.crt")),
        Step::Remove(at(CROSS)),
        Step::Remove(at(PHASE)),
    ]
}

pub(super) fn carry_out(steps: &[Step]) -> Result<(), AuthorityError> {
    steps.iter().try_for_each(Step::carry_out)
}

impl Step {
    pub(super) fn carry_out(&self) -> Result<(), AuthorityError> {
        let there = |result: io::Result<()>| match result {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        };
        let (path, done, what) = match self {
            Self::Write(path, text, mode) => (path, write(path, text, *mode), "cannot be written"),
            Self::Rename(from, to) => (from, there(fs::rename(from, to)), "cannot be renamed"),
            Self::Remove(path) => (path, there(fs::remove_file(path)), "cannot be removed"),
        };
        // What was renamed is so after a power cut, too.
        let folder = path.parent().map_or(Ok(()), |folder| fs::File::open(folder)?.sync_all());
        done.and(folder).map_err(file(path, what))
    }
}

fn write(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    let mut opened =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&temporary)?;
    opened.write_all(text.as_bytes())?;
    opened.sync_all()?;
    fs::rename(&temporary, path)
}

fn file(path: &Path, what: &'static str) -> impl Fn(io::Error) -> AuthorityError {
    let path = path.to_owned();
    move |source| AuthorityError::File { path: path.clone(), what, source }
}
