//! What an agent reports of one application, and what the hub keeps of it.

use crate::{AppKey, ClusterName, Position, ReleaseId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Argo CD's health words, from best to worst as an Application takes the worst of its resources
/// (gitops-engine `pkg/health`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum HealthStatus {
    /// Works as asked.
    Healthy,
    /// Waits for a person, e.g. a paused Deployment.
    Suspended,
    /// Not there yet, but may get there.
    Progressing,
    /// Absent from the cluster.
    Missing,
    /// Does not work, and will not by itself.
    Degraded,
    /// Could not be told.
    #[default]
    Unknown,
}

impl HealthStatus {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Healthy, Self::Suspended, Self::Progressing, Self::Missing, Self::Degraded, Self::Unknown];

    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Healthy => "Healthy",
            Self::Suspended => "Suspended",
            Self::Progressing => "Progressing",
            Self::Missing => "Missing",
            Self::Degraded => "Degraded",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A verdict with the sentence that explains it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The verdict.
    pub status: HealthStatus,
    /// Why, for people; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

impl Health {
    /// A verdict with its reason.
    pub fn new(status: HealthStatus, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }
}

/// Whether the cluster has what the release says (Argo CD's words).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SyncState {
    /// Live objects equal the release.
    Synced,
    /// At least one differs, is missing, or should not be there.
    OutOfSync,
    /// Not compared yet.
    #[default]
    Unknown,
}

impl SyncState {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Synced, Self::OutOfSync, Self::Unknown];

    /// As it is written.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Synced => "Synced",
            Self::OutOfSync => "OutOfSync",
            Self::Unknown => "Unknown",
        }
    }
}

impl fmt::Display for SyncState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How the last sync of the release went (Argo CD's operation phases).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SyncPhase {
    /// Not started.
    #[default]
    Pending,
    /// Under way, or waiting to be retried.
    Running,
    /// Everything was applied, hooks included.
    Succeeded,
    /// Ended without success after all retries.
    Failed,
}

/// One object of an application, as reported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResourceState {
    /// API group, empty for core.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// API version.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Namespace, empty for cluster-scoped kinds.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Whether it equals the release.
    pub sync: SyncState,
    /// Its health; `None` for kinds without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
}

/// A release chosen in the cluster itself (`flotilla-agent rollback`). It holds against every order of the
/// hub until it is released where it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalPin {
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// When, by the agent's clock.
    pub at: Timestamp,
}

/// The state of one application on one cluster, as its agent last reported it and the hub keeps it.
///
/// `received_at` and `healthy_since` are the hub's clock at receipt: soak and deadlines never
/// count an agent's clock (design §5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Observation {
    /// The application.
    pub application: AppKey,
    /// The cluster that reports.
    pub cluster: ClusterName,
    /// The position that the agent acts on.
    pub position: Position,
    /// The release at that position; `None` once it is removed.
    pub release: Option<ReleaseId>,
    /// How the sync of that release went.
    pub phase: SyncPhase,
    /// What went wrong in the sync, or is being waited for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Whether live objects equal the release.
    pub sync: SyncState,
    /// The worst health of the release's objects.
    pub health: Health,
    /// Lines such as `Deployment/orders-api: spec.replicas live=5 desired=3`; bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<String>,
    /// The objects; bounded, worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resources: Vec<ResourceState>,
    /// How often drift was healed since the release was applied.
    #[serde(default)]
    pub healed: u64,
    /// Who chose the release in the cluster itself, against the hub's order at `position`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<LocalPin>,
    /// What the release asks for and the agent does not do, in sentences; bounded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsupported: Vec<String>,
    /// Whether the removal at `position` is done: nothing of the application is left to the agent.
    #[serde(default)]
    pub removed: bool,
    /// When the hub received this.
    pub received_at: Timestamp,
    /// Since when every report of this release said Succeeded and Healthy without a break.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthy_since: Option<Timestamp>,
}
