//! Transactions: what to compare, what to write, and the limits that every backend shares.
//!
//! Why these limits: etcd takes at most 128 operations and, as it is shipped, 1.5 MiB in one request, and
//! refuses a transaction that touches a key twice. A transaction that works on the embedded store must work
//! there too.

use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;

use crate::{Entry, Error, Revision};

/// The most operations, and the most compares, in one transaction.
pub const MAX_OPS: usize = 100;
/// The longest key.
pub const MAX_KEY_BYTES: usize = 4096;
/// The largest value.
pub const MAX_VALUE_BYTES: usize = 1 << 20;
/// The most bytes of keys and values in one transaction.
pub const MAX_TXN_BYTES: usize = 1400 << 10;

/// A condition on the newest state of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compare {
    /// The key does not exist.
    Absent { key: String },
    /// The key exists.
    Exists { key: String },
    /// The key was last written at this revision; 0: it does not exist.
    ModRevision { key: String, revision: Revision },
    /// The key was created at this revision; 0: it does not exist.
    CreateRevision { key: String, revision: Revision },
}

impl Compare {
    /// The key it looks at.
    pub fn key(&self) -> &str {
        match self {
            Self::Absent { key }
            | Self::Exists { key }
            | Self::ModRevision { key, .. }
            | Self::CreateRevision { key, .. } => key,
        }
    }

    pub(crate) fn holds(&self, actual: Option<&Entry>) -> bool {
        match self {
            Self::Absent { .. } => actual.is_none(),
            Self::Exists { .. } => actual.is_some(),
            Self::ModRevision { revision, .. } => {
                actual.map_or(Revision::ZERO, |e| e.mod_revision) == *revision
            }
            Self::CreateRevision { revision, .. } => {
                actual.map_or(Revision::ZERO, |e| e.create_revision) == *revision
            }
        }
    }
}

/// One write. Its `Debug` gives the value's size only: values can be secrets.
#[derive(Clone, PartialEq, Eq)]
pub enum Op {
    Put {
        key: String,
        value: Bytes,
    },
    /// Deleting an absent key is no change and no error.
    Delete {
        key: String,
    },
}

impl Op {
    /// The key it writes.
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    fn value_len(&self) -> usize {
        match self {
            Self::Put { value, .. } => value.len(),
            Self::Delete { .. } => 0,
        }
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { key, value } => write!(f, "Put {{ key: {key:?}, value: {} bytes }}", value.len()),
            Self::Delete { key } => write!(f, "Delete {{ key: {key:?} }}"),
        }
    }
}

/// If all of `compares` hold, all of `ops` are made, at one revision.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Txn {
    pub compares: Vec<Compare>,
    pub ops: Vec<Op>,
}

impl Txn {
    /// An empty transaction, to be filled with [`Txn::when`], [`Txn::put`] and [`Txn::delete`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a condition.
    #[must_use]
    pub fn when(mut self, compare: Compare) -> Self {
        self.compares.push(compare);
        self
    }

    /// Adds a write.
    #[must_use]
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Bytes>) -> Self {
        self.ops.push(Op::Put { key: key.into(), value: value.into() });
        self
    }

    /// Adds a removal.
    #[must_use]
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.ops.push(Op::Delete { key: key.into() });
        self
    }

    /// The bytes of all its keys and values.
    pub fn size(&self) -> usize {
        let compares: usize = self.compares.iter().map(|c| c.key().len()).sum();
        let ops: usize = self.ops.iter().map(|o| o.key().len() + o.value_len()).sum();
        compares + ops
    }

    /// Refuses what some backend could not take.
    ///
    /// # Errors
    /// The first limit that it breaks.
    pub fn check(&self) -> Result<(), Error> {
        for (what, count) in [("operations", self.ops.len()), ("compares", self.compares.len())] {
            if count > MAX_OPS {
                return Err(Error::TooMany { what, count });
            }
        }
        for key in self.compares.iter().map(Compare::key).chain(self.ops.iter().map(Op::key)) {
            check_key(key)?;
        }
        let mut written = BTreeSet::new();
        for op in &self.ops {
            if op.value_len() > MAX_VALUE_BYTES {
                return Err(Error::ValueTooLarge { key: op.key().to_owned(), size: op.value_len() });
            }
            if !written.insert(op.key()) {
                return Err(Error::DuplicateKey { key: op.key().to_owned() });
            }
        }
        if self.size() > MAX_TXN_BYTES {
            return Err(Error::TxnTooLarge { size: self.size(), ops: self.ops.len() });
        }
        Ok(())
    }
}

fn check_key(key: &str) -> Result<(), Error> {
    if key.is_empty() {
        return Err(Error::EmptyKey);
    }
    if key.len() > MAX_KEY_BYTES {
        let start = key.chars().take(60).collect();
        return Err(Error::KeyTooLong { start, size: key.len() });
    }
    Ok(())
}

/// A transaction in a row of them ([`crate::Store::commit_row`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turn {
    pub txn: Txn,
    /// Keys, written and not deleted by earlier turns of the row, that must still be as those left them. Their revisions
    /// are not known beforehand.
    pub ours: Vec<String>,
}

/// What came of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "a conflict is not an error: nothing was written"]
pub enum Outcome {
    /// All of it is durable. The revision is the transaction's own, or the store's newest when nothing
    /// changed.
    Committed(Revision),
    /// Nothing was written, because the first compare that failed is on this key, which holds this.
    Conflict { key: String, actual: Option<Entry> },
}
