//! What the store holds and tells: entries, pages of them, and changes.

use std::fmt;
use std::ops::Bound;

use bytes::Bytes;

/// The position of a change in the store's one order. 0 is before the first change.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// Before anything was written.
    pub const ZERO: Self = Self(0);

    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One key with its value. Its `Debug` gives the value's size only: values can be secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub value: Bytes,
    /// The revision at which the key came to be. Deleting a key and writing it again gives it a new one.
    pub create_revision: Revision,
    /// The revision of the last write.
    pub mod_revision: Revision,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("key", &self.key)
            .field("value", &format_args!("{} bytes", self.value.len()))
            .field("create_revision", &self.create_revision.0)
            .field("mod_revision", &self.mod_revision.0)
            .finish()
    }
}

/// Which part of a listing is wanted. The default is all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Start after this key (a full key, not one without the prefix).
    pub after: Option<String>,
    /// At most so many entries.
    pub limit: Option<usize>,
}

impl Page {
    /// Where the page starts in the order of keys.
    pub(crate) fn start(&self, prefix: &str) -> Bound<String> {
        match &self.after {
            Some(after) if after.as_str() >= prefix => Bound::Excluded(after.clone()),
            Some(_) | None => Bound::Included(prefix.to_owned()),
        }
    }
}

/// A page of entries, all read at one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    pub entries: Vec<Entry>,
    /// The revision at which all of it was read.
    pub revision: Revision,
    /// Whether more entries follow the last one.
    pub more: bool,
}

/// One change of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub revision: Revision,
    pub key: String,
    pub kind: ChangeKind,
    /// What the key held before.
    pub previous: Option<Entry>,
}

/// What happened to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// It was written: created when `create_revision` equals `mod_revision`.
    Put(Entry),
    /// It was removed.
    Delete,
}

impl Change {
    /// Roughly what it costs to keep.
    pub(crate) fn cost(&self) -> usize {
        let entry = |e: &Entry| e.key.len() + e.value.len();
        let new = match &self.kind {
            ChangeKind::Put(e) => entry(e),
            ChangeKind::Delete => 0,
        };
        self.key.len() + new + self.previous.as_ref().map_or(0, entry) + size_of::<Self>()
    }
}
