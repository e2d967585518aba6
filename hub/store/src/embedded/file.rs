//! The folder and the file: made private, opened by one process at a time, and its failures in words.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

use redb::{Database, DatabaseError};

use crate::Error;

/// The file's name in its folder.
pub const NAME: &str = "store.redb";

/// Opens or makes the database, verified.
pub(crate) fn open(folder: &Path, cache_bytes: usize) -> Result<Database, Error> {
    let path = folder.join(NAME);
    make_private(folder, &path)?;
    Database::builder()
        .set_cache_size(cache_bytes)
        .set_check_integrity_on_open(true)
        .create(&path)
        .map_err(|e| open_failure(folder, e))
}

fn make_private(folder: &Path, path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|e| io_failure("make the folder", folder, e))?;
    tighten(folder, 0o700)?;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => sync(folder),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => tighten(path, 0o600),
        Err(e) => Err(io_failure("make", path, e)),
    }
}

/// An empty file that only its owner may look into.
pub(crate) fn private(path: &Path) -> Result<File, Error> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(|e| io_failure("make", path, e))
}

/// A new file's name is in its folder, and survives a power cut only once the folder is on disk.
pub(crate) fn sync(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|f| f.sync_all())
        .map_err(|e| io_failure("write to disk the folder", folder, e))
}

fn tighten(path: &Path, mode: u32) -> Result<(), Error> {
    let found = fs::metadata(path).map_err(|e| io_failure("look at", path, e))?.permissions().mode();
    if found & 0o777 == mode {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|e| io_failure("make private", path, e))
}

#[allow(clippy::wildcard_enum_match_arm, reason = "the enum is open: redb adds variants")]
fn open_failure(folder: &Path, error: DatabaseError) -> Error {
    let corrupt = |reason: String| Error::Corrupt { file: folder.join(NAME), reason };
    match error {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            Error::InUse { folder: folder.to_owned() }
        }
        // Not a redb file at all.
        DatabaseError::Storage(redb::StorageError::Io(e)) if e.kind() == ErrorKind::InvalidData => {
            corrupt(e.to_string())
        }
        other => failure(folder, other),
    }
}

/// What the storage reported, in terms of what to do about it.
#[allow(clippy::wildcard_enum_match_arm, reason = "the enum is open: redb adds variants")]
pub(crate) fn failure(folder: &Path, error: impl Into<redb::Error>) -> Error {
    match error.into() {
        redb::Error::Io(e) if matches!(e.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
            Error::DiskFull { folder: folder.to_owned() }
        }
        redb::Error::Corrupted(reason) => Error::Corrupt { file: folder.join(NAME), reason },
        redb::Error::DatabaseClosed => Error::Closed,
        redb::Error::DatabaseAlreadyOpen => Error::InUse { folder: folder.to_owned() },
        other => Error::Storage { folder: folder.to_owned(), source: Arc::new(other) },
    }
}

pub(crate) fn io_failure(what: &'static str, path: &Path, error: io::Error) -> Error {
    if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        return Error::DiskFull { folder: path.parent().unwrap_or(path).to_owned() };
    }
    Error::Io { what, path: path.to_owned(), source: Arc::new(error) }
}
