//! The metadata rules of stored objects.

use hub_store::{Entry, Revision};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::{Kind, gvk};

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
        text(&self.value, "/metadata/name")
    }

    /// `metadata.namespace`, empty for cluster-scoped kinds.
    pub fn namespace(&self) -> &str {
        text(&self.value, "/metadata/namespace")
    }

    /// `metadata.uid`.
    pub fn uid(&self) -> &str {
        text(&self.value, "/metadata/uid")
    }
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Whether the object's deletion was asked for.
pub fn is_deleted(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(|value| !value.is_null())
}

/// Makes a new object ready to be stored: type, uid, generation 1, creation time; server-owned
/// fields that the client sent are replaced, `status` is dropped.
pub fn prepare(kind: Kind, mut object: Value, uid: String, now: Timestamp) -> Value {
    let gvk = gvk(kind);
    object["apiVersion"] = json!(gvk.api_version());
    object["kind"] = json!(gvk.kind);
    strip(&mut object);
    let metadata = &mut object["metadata"];
    metadata["uid"] = json!(uid);
    metadata["generation"] = json!(1);
    metadata["creationTimestamp"] = json!(now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    if let Some(metadata) = metadata.as_object_mut() {
        metadata.remove("deletionTimestamp");
        metadata.remove("deletionGracePeriodSeconds");
        if !gvk.namespaced {
            metadata.remove("namespace");
        }
    }
    object
}

/// Carries the server-owned fields of `old` over to `new`, and counts the generation: one more when
/// anything but metadata changed, or when the deletion was asked for.
pub(crate) fn succeed(old: &Value, mut new: Value) -> Value {
    strip(&mut new);
    new["apiVersion"] = old["apiVersion"].clone();
    new["kind"] = old["kind"].clone();
    let generation = generation_after(old, &new);
    for field in ["name", "namespace", "uid", "creationTimestamp"] {
        match old["metadata"].get(field) {
            Some(value) => new["metadata"][field] = value.clone(),
            None => {
                if let Some(metadata) = new["metadata"].as_object_mut() {
                    metadata.remove(field);
                }
            }
        }
    }
    if is_deleted(old) {
        new["metadata"]["deletionTimestamp"] = old["metadata"]["deletionTimestamp"].clone();
    }
    new["metadata"]["generation"] = json!(generation);
    new
}

/// The generation of `new` as the successor of `old`.
pub fn generation_after(old: &Value, new: &Value) -> i64 {
    let before = old.pointer("/metadata/generation").and_then(Value::as_i64).unwrap_or(1);
    let content = |object: &Value| {
        let mut fields = object.as_object().cloned().unwrap_or_default();
        for field in ["metadata", "status", "apiVersion", "kind"] {
            fields.remove(field);
        }
        fields
    };
    let changed = content(old) != content(new) || is_deleted(old) != is_deleted(new);
    if changed { before + 1 } else { before }
}

fn strip(object: &mut Value) {
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.remove("resourceVersion");
        metadata.remove("selfLink");
    }
}
