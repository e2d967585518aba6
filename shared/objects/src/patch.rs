//! What a patch makes of an object: JSON patch (RFC 6902), merge patch (RFC 7396), and Kubernetes' strategic
//! merge patch.
//!
//! Apply patches are in [`crate::apply`]: they need to know who asks.

mod json;
mod merge;
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

    /// Those of [`PatchKind::MEDIA_TYPES`] that are for custom resources: how their lists merge
    /// strategically, nothing says.
    pub const CUSTOM_MEDIA_TYPES: [&str; 3] =
        ["application/json-patch+json", "application/merge-patch+json", "application/apply-patch+yaml"];

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

    /// The same for a custom resource.
    ///
    /// # Errors
    /// 415 when it is none of [`PatchKind::CUSTOM_MEDIA_TYPES`].
    pub fn of_custom_content_type(content_type: &str) -> Result<Self, Status> {
        match Self::of_content_type(content_type) {
            Ok(kind @ (Self::Json | Self::Merge | Self::Apply)) => Ok(kind),
            Ok(Self::Strategic) | Err(_) => Err(Status::unsupported_media_type(&Self::CUSTOM_MEDIA_TYPES)),
        }
    }
}

/// The object after a JSON patch.
///
/// # Errors
/// 400 when the patch is malformed, 413 when it has more than 10,000 operations, 422 when an operation does
/// not fit the object.
pub fn json(object: &Value, patch: &Value) -> Result<Value, Status> {
    json::apply(object, patch)
}

/// The object after a merge patch.
///
/// # Errors
/// 400 when the patch is not a map.
pub fn merge(object: &Value, patch: &Value) -> Result<Value, Status> {
    merge::apply(object, patch)
}

/// The object after a strategic merge patch: lists merge as the `schema` of one of Kubernetes' own kinds
/// says, and `$patch`, `$deleteFromPrimitiveList`, `$setElementOrder` and `$retainKeys` do as there.
///
/// # Errors
/// 400 when the patch is not a map, 400 or 500 (as Kubernetes has it) when a directive is not understood.
pub fn strategic(object: &Value, patch: &Value, schema: &Schema) -> Result<Value, Status> {
    strategic::apply(object, patch, schema)
}

#[cfg(test)]
mod tests;
