//! Objects as they are stored.

use hub_store::{Entry, Revision};
use serde_json::Value;
use shared_objects::meta;

/// An object as stored, with the revision that is its version.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// The object, without `status` and `resourceVersion`.
    pub value: Value,
    /// The revision of its last write.
    pub revision: Revision,
    /// The revision at which it was created.
    pub created: Revision,
}

impl Stored {
    /// Reads an object's entry. Stored objects are JSON that this package wrote.
    pub fn from_entry(entry: &Entry) -> Option<Self> {
        let value = serde_json::from_slice(&entry.value).ok()?;
        Some(Self { value, revision: entry.mod_revision, created: entry.create_revision })
    }

    /// `metadata.name`.
    pub fn name(&self) -> &str {
        meta::name(&self.value)
    }

    /// `metadata.namespace`, empty for cluster-scoped kinds.
    pub fn namespace(&self) -> &str {
        meta::namespace(&self.value)
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> &str {
        meta::uid(&self.value)
    }
}

/// Whether the object's deletion was asked for.
pub fn is_deleted(object: &Value) -> bool {
    meta::is_deleting(object)
}
