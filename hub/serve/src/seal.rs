//! The keys by which the data folder is sealed: found, made at the first start, replaced.
//!
//! `seal.json` in the data folder holds the data keys, wrapped by the first key of the key file, which is outside the
//! folder: beside it (`hub.seal-key` for `hub`), or where the operator says.
//!
//! Invariants:
//! 1. A key is made only where nothing is sealed yet. A key file that is missing or another is an error, and then nothing
//!    is written.
//! 2. A key is durable before anything is sealed with it.
//! 3. The key file is never in the data folder: who copies the folder would have the key too.
//!
//! # Why
//! - The default is beside the folder and not in the user's home: it is found again by whoever finds the folder, two
//!   hubs of one user have two, and the backup of the folder does not take it along. Where the folder is a file system of
//!   its own, as a container's volume is, what is beside it may be gone with the next start, and so would be all that the
//!   hub knows: there the operator has to say.
//! - A key file that others may read is warned of and used: Kubernetes shows Secrets to a pod with mode 0644 unless told
//!   otherwise, and nobody else is in the pod. One made here is its owner's alone.

use crate::folder::{self, FolderError, failed};
use rand::RngCore as _;
use shared_seal::{KeyFile, KeyFileError, KeyId, Ring, RingError, wrapped_by};
use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};
use zeroize::Zeroizing;

/// The data keys, wrapped.
const WRAPPED: &str = "seal.json";
/// What the key file beside the folder is called, after the folder's name.
const BESIDE: &str = ".seal-key";

/// Why the data folder cannot be opened, or not be sealed. No text holds a key.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The folder is sealed, and its key file is not there.
    #[error(
        "{}: the key file is missing, and what is in {} is sealed with its key {by}; put it back, or name it with --seal-key-file FILE; nothing was changed, and without that key nothing of it can be read",
        file.display(), folder.display()
    )]
    Missing {
        /// Where it was looked for.
        file: PathBuf,
        /// The data folder.
        folder: PathBuf,
        /// Which key is needed.
        by: String,
    },
    /// The key file is of another folder.
    #[error(
        "{}: it does not hold key {needed}, with which what is in {} is sealed; it holds {holds}; put that key back into it, on a line after those that are there, or name the right file with --seal-key-file FILE; nothing was changed",
        file.display(), folder.display()
    )]
    Other {
        /// The key file.
        file: PathBuf,
        /// The data folder.
        folder: PathBuf,
        /// Which key is needed.
        needed: KeyId,
        /// The keys in the file.
        holds: String,
    },
    /// The key file is no key file.
    #[error("{}: {problem}", file.display())]
    NoKeyFile {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: KeyFileError,
    },
    /// The wrapped data keys are gone or damaged.
    #[error("{}: {problem}; restore it from a backup of the data folder: nothing in the folder can be read without it", file.display())]
    Wrapped {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The key file would be lost or copied with the folder.
    #[error("{}: {why}; name a file elsewhere with --seal-key-file FILE, which is made if there is none", file.display())]
    Place {
        /// Where it would be.
        file: PathBuf,
        /// What speaks against it.
        why: String,
    },
    /// A file or folder failed.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The key file cannot be made.
    #[error("the key file cannot be made; name another with --seal-key-file FILE")]
    NotMade(#[source] FolderError),
    /// There is nothing to seal anew.
    #[error("{}: there is no sealed hub in this folder", folder.display())]
    NoHub {
        /// The folder.
        folder: PathBuf,
    },
}

/// Opens the data keys of a folder; makes them, and the key file, where nothing is sealed yet.
///
/// # Errors
/// When the key file is missing, another, or in a place where it does not belong.
pub(crate) fn open(folder: &Path, given: Option<&Path>) -> Result<Ring, Error> {
    let folder = folder.canonicalize().map_err(failed(folder, "cannot be found"))?;
    let file = place(&folder, given)?;
    let wrapped = folder.join(WRAPPED);
    match read(&wrapped)? {
        Some(text) => {
            let ring = unwrap(&folder, &file, &text)?;
            let keys = key_file(&file)?;
            if wrapped_by(&text).is_ok_and(|by| by != [keys.first()]) {
                folder::write(&wrapped, &ring.wrap(&keys, rand::random))?;
                tracing::info!(
                    file = %file.display(), key = %keys.first(),
                    "the data key is wrapped by the first key of the key file now; the one that did before is not needed any more"
                );
            }
            Ok(ring)
        }
        None => begin(&folder, &file, &wrapped, given.is_none()),
    }
}

/// The data keys of a folder that is sealed.
///
/// # Errors
/// As [`open`]; and when nothing is sealed there.
pub(crate) fn present(folder: &Path, given: Option<&Path>) -> Result<Ring, Error> {
    if read(&folder.join(WRAPPED))?.is_none() {
        return Err(Error::NoHub { folder: folder.to_owned() });
    }
    open(folder, given)
}

/// Gives a sealed folder a new data key: it seals from now on, and those before still open.
///
/// # Errors
/// As [`present`].
pub(crate) fn renew(folder: &Path, given: Option<&Path>) -> Result<Ring, Error> {
    let ring = present(folder, given)?.renewed(*random());
    keep(folder, given, &ring)?;
    Ok(ring)
}

/// Gives up the data keys of the past, once nothing is sealed with them.
///
/// # Errors
/// As [`open`].
pub(crate) fn forget_past(folder: &Path, given: Option<&Path>, ring: &Ring) -> Result<(), Error> {
    if ring.count() > 1 {
        keep(folder, given, &ring.without_past())?;
        tracing::info!(key = %ring.current(), "everything is sealed with the new data key; those before it are given up");
    }
    Ok(())
}

fn keep(folder: &Path, given: Option<&Path>, ring: &Ring) -> Result<(), Error> {
    let folder = folder.canonicalize().map_err(failed(folder, "cannot be found"))?;
    let keys = key_file(&place(&folder, given)?)?;
    Ok(folder::write(&folder.join(WRAPPED), &ring.wrap(&keys, rand::random))?)
}

fn random() -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    rand::rng().fill_bytes(&mut *bytes);
    bytes
}

/// Where the key file is.
fn place(folder: &Path, given: Option<&Path>) -> Result<PathBuf, Error> {
    let Some(given) = given else {
        let Some(name) = folder.file_name() else {
            return Err(Error::Place {
                file: folder.to_owned(),
                why: "there is nothing beside it".to_owned(),
            });
        };
        let mut name = name.to_owned();
        name.push(BESIDE);
        return Ok(folder.with_file_name(name));
    };
    let above = given.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let inside =
        [given, above].iter().any(|path| path.canonicalize().is_ok_and(|path| path.starts_with(folder)));
    if inside {
        let why = format!(
            "it is in the data folder {}, so that whoever copies that has the key too",
            folder.display()
        );
        return Err(Error::Place { file: given.to_owned(), why });
    }
    Ok(given.to_owned())
}

fn unwrap(folder: &Path, file: &Path, text: &str) -> Result<Ring, Error> {
    let damaged =
        |problem: &RingError| Error::Wrapped { file: folder.join(WRAPPED), problem: problem.to_string() };
    let by = wrapped_by(text).map_err(|error| damaged(&error))?;
    if !file.try_exists().map_err(failed(file, "cannot be looked at"))? {
        let by = by.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(Error::Missing { file: file.to_owned(), folder: folder.to_owned(), by });
    }
    Ring::unwrap_with(text, &key_file(file)?).map_err(|error| match error {
        RingError::OtherKeyFile { by, holds, .. } => {
            Error::Other { file: file.to_owned(), folder: folder.to_owned(), needed: by, holds }
        }
        RingError::Damaged(_) | RingError::Newer(_) | RingError::Refused(_) => damaged(&error),
    })
}

/// The first data key of a folder.
fn begin(folder: &Path, file: &Path, wrapped: &Path, beside: bool) -> Result<Ring, Error> {
    if is_sealed(folder)? {
        let problem = "it is missing, and the folder is sealed".to_owned();
        return Err(Error::Wrapped { file: wrapped.to_owned(), problem });
    }
    if !file.try_exists().map_err(failed(file, "cannot be looked at"))? {
        make(folder, file, beside)?;
    }
    let keys = key_file(file)?;
    let ring = Ring::fresh(*random());
    if folder::write_once(wrapped, &ring.wrap(&keys, rand::random))? {
        return Ok(ring);
    }
    // Another hub began at the same moment: one of the two gets the folder, with these keys.
    let text = read(wrapped)?.unwrap_or_default();
    unwrap(folder, file, &text)
}

/// Whether something in the folder is sealed: the authority's key is the first that is.
fn is_sealed(folder: &Path) -> Result<bool, Error> {
    let key = folder.join("ca/ca.key");
    Ok(read(&key)?.is_some_and(|text| Ring::is_sealed_text(&text)))
}

/// Makes a key file.
fn make(folder: &Path, file: &Path, beside: bool) -> Result<(), Error> {
    let above = file.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let device = |path: &Path| {
        fs::metadata(path).map(|found| found.dev()).map_err(failed(path, "cannot be looked at"))
    };
    if beside && device(folder)? != device(above)? {
        let why = format!(
            "no key file is made there: {} is a file system of its own, and what is beside it may not outlive a restart",
            folder.display()
        );
        return Err(Error::Place { file: file.to_owned(), why });
    }
    if !folder::write_once(file, &KeyFile::text(*random())).map_err(Error::NotMade)? {
        return Ok(());
    }
    tracing::warn!(
        "what is in {} is sealed with the key in {}, made now: keep a copy of that, apart from backups; without it they cannot be read",
        folder.display(),
        file.display()
    );
    Ok(())
}

fn key_file(file: &Path) -> Result<KeyFile, Error> {
    let text = fs::read_to_string(file).map_err(failed(file, "the key file cannot be read"))?;
    let text = Zeroizing::new(text);
    let mode = fs::metadata(file).map_err(failed(file, "cannot be looked at"))?.mode();
    if mode & 0o007 != 0 {
        tracing::warn!(
            file = %file.display(), mode = format!("{:o}", mode & 0o777),
            "every user of this machine may read or write the key file: `chmod 600` it, or in a pod give its volume `defaultMode: 0400`"
        );
    }
    KeyFile::parse(&text).map_err(|problem| Error::NoKeyFile { file: file.to_owned(), problem })
}

fn read(path: &Path) -> Result<Option<String>, Error> {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => Ok(Some(read.map_err(failed(path, "cannot be read"))?)),
    }
}

#[cfg(test)]
mod tests;
