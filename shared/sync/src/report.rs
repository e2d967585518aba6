//! How the application stands.

use shared_model::{AppKey, Health, Position, ReleaseId, ResourceState, SyncPhase, SyncState};

/// Most drift lines in a report; the rest is counted in a last line.
pub const MOST_DRIFT_LINES: usize = 20;
/// Most objects in a report, worst first.
pub const MOST_RESOURCES: usize = 100;

/// How the application stands on this cluster: what an agent sends as its observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The application.
    pub application: AppKey,
    /// The position that the machine acts on.
    pub position: Position,
    /// The release at that position; `None` once it is removed.
    pub release: Option<ReleaseId>,
    /// How the sync (or the removal) goes.
    pub phase: SyncPhase,
    /// What went wrong, or what is being waited for; may be empty.
    pub message: String,
    /// Whether live objects equal the release.
    pub sync: SyncState,
    /// The worst health of the release's objects, hooks not counted; not Healthy before observedGeneration is current.
    pub health: Health,
    /// Lines such as `Deployment/orders-api: spec.replicas live=5 desired=3`, at most [`MOST_DRIFT_LINES`].
    pub drift: Vec<String>,
    /// The objects, worst first, at most [`MOST_RESOURCES`].
    pub resources: Vec<ResourceState>,
    /// How often drift was healed since the release was applied.
    pub healed: u64,
    /// How many objects the inventory has.
    pub inventory: usize,
    /// Whether the removal at `position` is done: nothing of the application is left to the agent.
    pub removed: bool,
    /// What the release asks for that is not acted on, a sentence each.
    pub unsupported: Vec<String>,
}
