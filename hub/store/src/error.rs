//! Why the store could not do something, and how to mend it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::txn::{MAX_KEY_BYTES, MAX_OPS, MAX_TXN_BYTES, MAX_VALUE_BYTES};
use crate::{Config, Revision};

/// A refusal or a failure. A lost compare is neither: see [`crate::Outcome::Conflict`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    #[error("{count} {what} in one transaction, of at most {MAX_OPS}: split it")]
    TooMany { what: &'static str, count: usize },
    #[error("the value of {key} has {size} bytes, more than the {MAX_VALUE_BYTES} of any backend")]
    ValueTooLarge { key: String, size: usize },
    #[error("a transaction of {ops} operations has {size} bytes, of at most {MAX_TXN_BYTES}: split it")]
    TxnTooLarge { size: usize, ops: usize },
    #[error("a transaction writes {key} twice")]
    DuplicateKey { key: String },
    #[error("a key is empty")]
    EmptyKey,
    #[error("the key {start}… has {size} bytes, of at most {MAX_KEY_BYTES}")]
    KeyTooLong { start: String, size: usize },

    #[error("the changes after revision {from} are gone, the oldest kept is {oldest}: list again")]
    Compacted { from: Revision, oldest: Revision },
    #[error("this watch at revision {at} fell behind the oldest change kept, {oldest}: list again")]
    Lagged { at: Revision, oldest: Revision },

    #[error("another hub is using {}: stop it, or give this one a folder of its own", folder.display())]
    InUse { folder: PathBuf },
    #[error("the disk of {} is full: free some space, then restart the hub", folder.display())]
    DiskFull { folder: PathBuf },
    #[error("{} is damaged or not a store ({reason}): restore it from a backup", file.display())]
    Corrupt { file: PathBuf, reason: String },
    #[error("{} is in format {found}, newer than the {known} of this version: upgrade the hub", file.display())]
    NewerFormat { file: PathBuf, found: u64, known: u64 },
    #[error("{} is sealed with data key {key}, which is not among those of this data folder: restore the two from one backup", file.display())]
    OtherKey { file: PathBuf, key: shared_seal::KeyId },
    #[error("{} is sealed, and was opened without a key", file.display())]
    Sealed { file: PathBuf },
    #[error("cannot {what} {}", path.display())]
    Io { what: &'static str, path: PathBuf, source: Arc<io::Error> },
    #[error("the store in {} failed and takes no more writes: see to the disk, then restart the hub", folder.display())]
    Storage { folder: PathBuf, source: Arc<redb::Error> },
    #[error("the store is closed")]
    Closed,
}

impl Error {
    /// Whether the store itself is at fault: what a caller may not ask, or asks too late, is no failure of it.
    pub(crate) const fn is_failure(&self) -> bool {
        match self {
            Self::InUse { .. }
            | Self::DiskFull { .. }
            | Self::Corrupt { .. }
            | Self::NewerFormat { .. }
            | Self::OtherKey { .. }
            | Self::Sealed { .. }
            | Self::Io { .. }
            | Self::Storage { .. }
            | Self::Closed => true,
            Self::TooMany { .. }
            | Self::ValueTooLarge { .. }
            | Self::TxnTooLarge { .. }
            | Self::DuplicateKey { .. }
            | Self::EmptyKey
            | Self::KeyTooLong { .. }
            | Self::Compacted { .. }
            | Self::Lagged { .. } => false,
        }
    }
}

/// The limits of a window are part of the configuration, and a window of nothing cannot serve a watch.
pub(crate) fn checked(config: Config) -> Config {
    Config {
        window_changes: config.window_changes.max(1),
        window_bytes: config.window_bytes.max(1),
        ..config
    }
}
