//! A release: everything that changes what happens in a cluster, named by its hash.

use crate::{AppKey, CommitId, Digest, IgnoreDifference, SyncPolicy};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The digest of a [`ReleaseSpec`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ReleaseId(pub Digest);

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Debug for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.short())
    }
}

/// What a release is made of. Waves move these: flipping `prune` goes through the waves as a commit does.
///
/// `revisions` and `versions` are shown to people and are not part of the identity: two commits that render alike are one
/// release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReleaseSpec {
    /// The application.
    pub application: AppKey,
    /// The digest of the rendered manifests.
    pub bundle: Digest,
    /// The size of the bundle's canonical bytes.
    pub bundle_bytes: u64,
    /// The namespace for objects that name none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// The AppProject.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub project: String,
    /// Automation, options and retries.
    #[serde(default)]
    pub sync_policy: SyncPolicy,
    /// Differences that are not drift.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignore_differences: Vec<IgnoreDifference>,
    /// Whether drift is healed.
    #[serde(default)]
    pub self_heal: bool,
    /// Whether objects that left the bundle are deleted.
    #[serde(default)]
    pub prune: bool,
    /// What the bundle was rendered from, one per source: commits, and the digests of charts. Agents from before there
    /// were charts read these, and nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revisions: Vec<CommitId>,
    /// What people call these, one per source, where it is not their own digits: versions of charts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
}

impl ReleaseSpec {
    /// What it was rendered from as people call it, one per source.
    pub fn shown(&self) -> Vec<String> {
        match self.versions.as_slice() {
            [] => self.revisions.iter().map(ToString::to_string).collect(),
            versions => versions.to_vec(),
        }
    }

    /// The identity: the digest of the canonical JSON of everything but `revisions` and `versions`.
    pub fn id(&self) -> ReleaseId {
        let identity = Self { revisions: Vec::new(), versions: Vec::new(), ..self.clone() };
        let bytes = serde_json::to_vec(&identity).expect("a release has only string keys");
        ReleaseId(Digest::of(&bytes))
    }
}
