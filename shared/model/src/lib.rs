//! The words of Flotilla as types: ids, positions, digests, and the resource kinds it acts on.
//!
//! What is here: newtypes that keep one id from being taken for another, and typed *views* of the
//! resource kinds. A view holds the fields that Flotilla acts on; the objects themselves travel as
//! JSON values, so that a field that a view does not know survives a round trip. [`unsupported`]
//! names such fields, so that the hub can say so in a condition.
//!
//! What it refuses to know: storage, transport, clocks. Times come in as [`jiff::Timestamp`].

mod digest;
mod ids;
mod kinds;
mod meta;
pub mod misfit;
mod near;
mod observation;
mod release;
mod text;
mod token;
pub mod unsupported;
mod word;

pub use digest::{Digest, InvalidDigest};
pub use ids::{AppKey, ClusterName, CommitId, InvalidId, Owner, OwnerKind, Position, RepoUrl, RolloutName};
pub use kinds::application::{
    self, Application, ApplicationSpec, Automated, Destination, IgnoreDifference, Operation, Retry,
    SyncPolicy,
};
pub use kinds::application_set::{self, ApplicationSet, ApplicationSetSpec, RollingStep, RollingSync};
pub use kinds::cluster::{self, AdoptRequest, Cluster, ClusterSpec, Mode, PauseRequest};
pub use kinds::enrollment::{EnrollmentToken, EnrollmentTokenSpec};
pub use kinds::fleet_rollout::{self, FleetRollout, FleetRolloutSpec, PinnedCommit};
pub use kinds::pause::{self, AnnotatedPause};
pub use kinds::policy::{
    self, Amount, Approval, OnFailure, RolloutPolicy, RolloutPolicySpec, Unreachable, Wave,
};
pub use kinds::selector::{LabelSelector, Requirement};
pub use kinds::source::{
    self, Directory, Helm, HelmFileParameter, HelmParameter, Kustomize, KustomizeReplica, Source,
};
pub use kinds::window::SyncWindow;
pub use kinds::{Gvk, Kind, gvk};
pub use meta::{Meta, Object, OwnerReference};
pub use near::nearest;
pub use observation::{Health, HealthStatus, LocalPin, Observation, ResourceState, SyncPhase, SyncState};
pub use release::{ReleaseId, ReleaseSpec};
pub use text::{duration, parse_duration};
pub use token::JoinToken;
pub use word::Word;

/// The namespace that the hub's argoproj.io objects live in unless a manifest names another, as in Argo CD.
pub const DEFAULT_NAMESPACE: &str = "argocd";
/// The server address of the cluster that the hub itself runs in, as in Argo CD.
pub const IN_CLUSTER_SERVER: &str = "https://kubernetes.default.svc";
/// The Cluster that [`IN_CLUSTER_SERVER`] stands for.
pub const IN_CLUSTER_NAME: &str = "in-cluster";
/// Argo CD's finalizer: with it, deleting an Application deletes what it put into the cluster.
pub const RESOURCES_FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";
/// Names the RolloutPolicy of an ApplicationSet or Application.
pub const POLICY_ANNOTATION: &str = "flotilla.dev/rollout-policy";
/// Pauses one Application: `{"reason": "INC-7", "for": "1h"}`, a [`PauseRequest`] as JSON; [`pause`] reads it.
pub const PAUSE_ANNOTATION: &str = "flotilla.dev/pause";
/// Argo CD's own switch: `"true"` on an Application or a Cluster leaves it alone (`common.AnnotationKeyAppSkipReconcile`).
pub const SKIP_RECONCILE_ANNOTATION: &str = "argocd.argoproj.io/skip-reconcile";
/// Keeps an object whose deletion was asked for until nothing on the hub needs it any more; the hub sets and
/// lifts it.
pub const HOLD_FINALIZER: &str = "flotilla.dev/deletion";
/// Approves the deletions that a set holds; its value is the hash that the set's condition shows.
pub const APPROVE_DELETIONS_ANNOTATION: &str = "flotilla.dev/approve-deletions";
/// What an ApplicationSet does when one of its generators fails: `Freeze` all of it, or `Isolate` that generator's Applications.
pub const ON_GENERATOR_FAILURE_ANNOTATION: &str = "flotilla.dev/on-generator-failure";
/// How an ApplicationSet reads the patterns of git files: `Pathspec`, or `Doublestar` as with Argo CD's new globbing.
pub const GIT_FILE_GLOBBING_ANNOTATION: &str = "flotilla.dev/git-file-globbing";

#[cfg(test)]
mod tests;
