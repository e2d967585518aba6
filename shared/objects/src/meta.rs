//! Names and life cycle of an object: what a create, an update and a delete make of it.
//!
//! Invariants: the system's fields (uid, creation and deletion time, generation) never come from a request;
//! the generation grows exactly when something besides metadata and status changes, or when deletion is asked
//! for; an object with finalizers is never removed, only marked; one that is marked takes no new finalizers.
//!
//! `resourceVersion` is the store's affair: it is compared here ([`check_version`]) and set by
//! [`set_version`] on reading.

mod check;
mod life;

use serde_json::Value;

use crate::names::NameRule;
use crate::value;

pub use check::check;
pub use life::{
    Deleted, Deletion, NewObject, Part, Propagation, Updated, check_version, create, delete, same_object,
    update,
};

/// What the life cycle must know of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// What its names must be.
    pub name: NameRule,
    /// Whether status is written by requests of its own only.
    pub status_subresource: bool,
    /// Fields that cannot change once the object exists, as in `spec.destination.server`.
    pub immutable: &'static [&'static str],
    /// Fields that cannot change any more once `immutable: true` stands in the object, as in ConfigMaps and Secrets (KEP-1412).
    pub sealable: &'static [&'static str],
}

/// `metadata.name`, empty when there is none.
pub fn name(object: &Value) -> &str {
    value::text(object, &["metadata", "name"])
}

/// `metadata.namespace`, empty when there is none.
pub fn namespace(object: &Value) -> &str {
    value::text(object, &["metadata", "namespace"])
}

/// `metadata.uid`, empty when there is none.
pub fn uid(object: &Value) -> &str {
    value::text(object, &["metadata", "uid"])
}

/// `metadata.resourceVersion`, empty when there is none.
pub fn version(object: &Value) -> &str {
    value::text(object, &["metadata", "resourceVersion"])
}

/// `metadata.generation`, 0 when there is none.
pub fn generation(object: &Value) -> i64 {
    value::get(object, &["metadata", "generation"]).and_then(Value::as_i64).unwrap_or(0)
}

/// Whether the object's deletion was asked for.
pub fn is_deleting(object: &Value) -> bool {
    value::get(object, &["metadata", "deletionTimestamp"]).is_some()
}

/// `metadata.finalizers`.
pub fn finalizers(object: &Value) -> Vec<&str> {
    value::texts(value::get(object, &["metadata", "finalizers"]))
}

/// Sets the `metadata.resourceVersion` that a reader sees.
pub fn set_version(object: &mut Value, revision: u64) {
    value::metadata_mut(object).insert("resourceVersion".to_owned(), revision.to_string().into());
}

/// Sets `metadata.namespace` where a namespaced object names none.
pub fn default_namespace(object: &mut Value, namespace: &str) {
    if self::namespace(object).is_empty() {
        value::metadata_mut(object).insert("namespace".to_owned(), namespace.into());
    }
}

#[cfg(test)]
mod tests;
