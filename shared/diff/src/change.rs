//! What would change of objects, as it may be shown and sent.

use crate::{Rules, normal};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared_manifest::{ObjectId, secret, tracking};

/// What would change of one object. Nothing in it is secret: values of Secrets are masked, one that differs by a longer mask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// The object: `apps/Deployment shop/web`.
    pub object: String,
    /// As it is; `None` when it is not there.
    pub before: Option<Value>,
    /// As it would be; `None` when it would be deleted.
    pub after: Option<Value>,
    /// What else is to be known; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// Whether it could not be found out what would change.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unknown: bool,
}

/// What would change of many objects.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Changes {
    /// Those that differ, or of which it is not known.
    pub changes: Vec<Change>,
    /// How many are as they would be.
    pub same: usize,
    /// How many differ and are not here, because it would have been too much.
    #[serde(default)]
    pub left_out: usize,
}

/// What the API server keeps about an object, which no release sets.
const SERVERS: [&str; 8] = [
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "managedFields",
    "selfLink",
];
/// Annotations that nobody reads: kubectl's own bookkeeping, and the encrypted files that an object is made of (`shared/sops`).
const UNREAD: [&str; 2] = ["kubectl.kubernetes.io/last-applied-configuration", "flotilla.dev/sops"];

impl Change {
    /// What would change of an object; `None` when nothing would that counts: status, bookkeeping of API server and kubectl,
    /// our own marks and what `rules` ignore do not.
    pub fn of(id: &ObjectId, before: Option<&Value>, after: Option<&Value>, rules: &Rules) -> Option<Self> {
        let (before, after) = (before.map(bare), after.map(bare));
        let (before, after) = match (before, after) {
            (Some(before), Some(after)) => {
                let (before, after) = rules.without(&before, &after);
                if before == after {
                    return None;
                }
                let (before, after) = secret::mask_pair(&before, &after);
                (Some(before), Some(after))
            }
            (None, None) => return None,
            (before, after) => (before.as_ref().map(secret::mask), after.as_ref().map(secret::mask)),
        };
        Some(Self { object: id.to_string(), before, after, note: String::new(), unknown: false })
    }

    /// An object of which nothing but a remark is to be shown.
    pub fn remark(id: &ObjectId, note: impl Into<String>) -> Self {
        Self { object: id.to_string(), before: None, after: None, note: note.into(), unknown: false }
    }

    /// An object of which it could not be found out what would change.
    pub fn unknown(id: &ObjectId, why: impl Into<String>) -> Self {
        Self { unknown: true, ..Self::remark(id, why) }
    }

    /// With a remark.
    #[must_use]
    pub fn noting(self, note: impl Into<String>) -> Self {
        Self { note: note.into(), ..self }
    }
}

/// An object without what says nothing about what was wanted of it.
fn bare(object: &Value) -> Value {
    // A Secret's values are compared as the API server keeps them.
    let mut bare = object
        .as_object()
        .map_or_else(|| object.clone(), |fields| Value::Object(normal::secret_data(fields).into_owned()));
    tracking::unstamp(&mut bare);
    let Some(fields) = bare.as_object_mut() else { return bare };
    fields.remove("status");
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        SERVERS.iter().for_each(|field| drop(metadata.remove(*field)));
        if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
            let before = annotations.len();
            annotations.retain(|name, _| !UNREAD.contains(&name.as_str()));
            if annotations.is_empty() && before > 0 {
                metadata.remove("annotations");
            }
        }
    }
    bare
}

#[cfg(test)]
mod tests;
