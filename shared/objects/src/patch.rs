//! What a patch makes of an object: JSON patch (RFC 6902), merge patch (RFC 7396), and Kubernetes' strategic
//! merge patch.
//!
//! Apply patches are in [`crate::apply`]: they need to know who asks.

mod json;
mod strategic;

use serde_json::Value;

use crate::Status;
use crate::apply::Schema;

/// The kinds of patches, by their media types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PatchKind {
    /// `application/json-patch+json`
    Json,
    /// `application/merge-patch+json`
    Merge,
    /// `application/strategic-merge-patch+json`
    Strategic,
    /// `application/apply-patch+yaml`
    Apply,
}

impl PatchKind {
    /// Every media type that [`PatchKind::of_content_type`] reads.
    pub const MEDIA_TYPES: [&str; 4] = [
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
    ];

    /// Reads a `Content-Type`, parameters or not.
    ///
    /// # Errors
    /// 415 when it is none of [`PatchKind::MEDIA_TYPES`].
    pub fn of_content_type(content_type: &str) -> Result<Self, Status> {
        let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let kinds = [Self::Json, Self::Merge, Self::Strategic, Self::Apply];
        let found = Self::MEDIA_TYPES.iter().position(|known| *known == media_type);
        found.map(|at| kinds[at]).ok_or_else(|| Status::unsupported_media_type(&Self::MEDIA_TYPES))
    }
}

/// The object after a JSON patch.
///
/// # Errors
/// 400 when the patch is malformed, 413 when it has more than 10,000 operations, 422 when an operation does
/// not fit the object; all name the operation by its place, the first being 0.
pub fn json(object: &Value, patch: &Value) -> Result<Value, Status> {
    json::apply(object, patch)
}

/// The object after a merge patch.
///
/// # Errors
/// 400 when the patch is not a map.
pub fn merge(object: &Value, patch: &Value) -> Result<Value, Status> {
    if !patch.is_object() {
        return Err(Status::bad_request("a merge patch must be a map, as in {\"spec\": {\"replicas\": 2}}"));
    }
    let mut object = object.clone();
    json_patch::merge(&mut object, patch);
    Ok(object)
}

/// The object after a strategic merge patch: lists of maps merge by the keys that `schema` gives, and
/// `$patch`, `$deleteFromPrimitiveList`, `$setElementOrder` and `$retainKeys` do as in Kubernetes.
///
/// # Errors
/// 400 when the patch is not a map, or a directive is not understood.
pub fn strategic(object: &Value, patch: &Value, schema: &Schema) -> Result<Value, Status> {
    strategic::apply(object, patch, schema)
}

#[cfg(test)]
mod tests;
