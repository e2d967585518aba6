//! The hub's memory: a key-value store in which every change has a revision.
//!
//! It decides whether a transaction may commit, by comparing the revisions of keys, and numbers what commits.
//! It knows nothing of what the values mean.
//!
//! The semantics are etcd's, and the limits are those that etcd can hold too, so that one hub on a folder
//! ([`Embedded`]), a test ([`Memory`]) and, later, several hubs on etcd behave the same behind [`Store`].
//!
//! Invariants:
//! 1. There is one counter. A transaction that changes something takes the next [`Revision`]; all its changes
//!    carry it; no revision is ever used twice, restarts included. A transaction that changes nothing (no
//!    operations, or deletes of absent keys) takes none.
//! 2. What is acknowledged is durable, and visible to every later read.
//! 3. Watchers see only what is durable: each change once, in the order of revisions, the changes of one
//!    revision together.
//! 4. Nothing grows with a slow reader: a watcher that falls behind the window is told so and ends.
//!
//! A listing and a watch join without a gap: `watch(prefix, listing.revision)` starts exactly after what was
//! listed.

mod apply;
mod embedded;
mod entry;
mod error;
pub mod lease;
mod memory;
mod metrics;
mod past;
mod txn;
mod watch;
mod window;

use std::{collections::BTreeMap, fmt::Debug};

pub use embedded::{Embedded, FILE};
pub use entry::{Change, ChangeKind, Entry, Listing, Page, Revision};
pub use error::Error;
pub use memory::Memory;
pub use metrics::{Measured, Metrics};
pub use past::{Before, Keys, Past};
pub use txn::{Compare, MAX_KEY_BYTES, MAX_OPS, MAX_TXN_BYTES, MAX_VALUE_BYTES, Op, Outcome, Turn, Txn};
pub use watch::Watch;

/// How much a store keeps in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// How many changes the watch window keeps, of the last minute. The newest revision is always kept, whatever its size.
    pub window_changes: usize,
    /// How many bytes of keys and values the watch window keeps.
    pub window_bytes: usize,
    /// How many bytes of the file the embedded store caches.
    pub cache_bytes: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { window_changes: 65_536, window_bytes: 32 << 20, cache_bytes: 32 << 20 }
    }
}

/// A revisioned key-value store with watch.
#[async_trait::async_trait]
pub trait Store: Send + Sync + Debug {
    /// The newest value of a key.
    ///
    /// # Errors
    /// When the storage cannot be read.
    async fn get(&self, key: &str) -> Result<Option<Entry>, Error>;

    /// The entries whose keys start with `prefix`, sorted by key (in byte order), all read at one revision.
    ///
    /// Two pages of one listing may be read at different revisions.
    ///
    /// # Errors
    /// When the storage cannot be read.
    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, Error>;

    /// Makes all the changes of a transaction, or none.
    ///
    /// Dropping the returned future does not withdraw a transaction that was already handed over.
    ///
    /// # Errors
    /// When the transaction breaks a limit (nothing was changed), or when the storage fails: whether the
    /// transaction was committed is then unknown until the store is opened again.
    async fn commit(&self, txn: Txn) -> Result<Outcome, Error>;

    /// Makes transactions in order, each as [`Store::commit`] does, until one does not commit: what came of each that
    /// was tried. The ones before a conflict stay. A store that can makes them durable together.
    ///
    /// # Errors
    /// As [`Store::commit`]; how many were made is then unknown.
    async fn commit_row(&self, row: Vec<Turn>) -> Result<Vec<Outcome>, Error> {
        let mut written: BTreeMap<String, Revision> = BTreeMap::new();
        let mut outcomes = Vec::with_capacity(row.len());
        for Turn { mut txn, ours } in row {
            let ours = ours.into_iter().filter_map(|key| {
                let revision = written.get(&key).copied()?;
                Some(Compare::ModRevision { key, revision })
            });
            txn.compares.extend(ours);
            let keys: Vec<String> = txn.ops.iter().map(|op| op.key().to_owned()).collect();
            let outcome = self.commit(txn).await?;
            let Outcome::Committed(revision) = outcome else {
                outcomes.push(outcome);
                break;
            };
            written.extend(keys.into_iter().map(|key| (key, revision)));
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    /// Every change with a revision greater than `from` to keys that start with `prefix`: in order, each
    /// exactly once.
    ///
    /// A `from` that the store has not reached yet waits for it.
    ///
    /// # Errors
    /// [`Error::Compacted`] when changes after `from` have left the window, which a restart empties: list
    /// again, and watch from the listing's revision.
    async fn watch(&self, prefix: &str, from: Revision) -> Result<Watch, Error>;

    /// What those of `keys` that changed after `at`, and up to `upto`, held at `at`: see [`Past`].
    ///
    /// # Errors
    /// [`Error::Compacted`] when changes after `at` have left the window.
    async fn before(&self, keys: &Keys, at: Revision, upto: Revision) -> Result<Before, Error>;

    /// The newest revision.
    ///
    /// # Errors
    /// When the storage cannot be read.
    async fn revision(&self) -> Result<Revision, Error>;
}

#[cfg(test)]
mod tests;
