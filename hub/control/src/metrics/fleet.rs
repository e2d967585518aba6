//! The fleet: clusters, applications, pauses, windows, removals.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
};
use shared_model::{HealthStatus, SyncState};
use shared_rollout::Hold;
use shared_runtime::metrics::{Registry, from_the_start};
use std::sync::atomic::AtomicU64;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Linked {
    pub(super) link: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Because {
    pub(super) reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct Stands {
    pub(super) sync: &'static str,
    pub(super) health: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(super) struct What {
    pub(super) what: &'static str,
}

pub(super) const LINKS: [&str; 3] = ["Connected", "Lost", "NeverSeen"];
pub(super) const HOLDS: [&str; 5] =
    ["HubBehindAgent", "HubRestored", "ClusterReplaced", "DuplicateAgent", "Other"];
/// What may be paused.
pub(super) const PAUSABLE: [&str; 3] = ["cluster", "application", "rollout"];

/// What is counted.
#[derive(Debug, Clone, Default)]
pub(super) struct Fleet {
    pub(super) links: Family<Linked, Gauge>,
    pub(super) holds: Family<Because, Gauge>,
    pub(super) applications: Family<Stands, Gauge>,
    pub(super) paused: Family<What, Gauge>,
    pub(super) oldest: Family<What, Gauge<f64, AtomicU64>>,
    pub(super) unacknowledged: Family<What, Gauge>,
    pub(super) windows: Gauge,
    pub(super) closed: Gauge,
    pub(super) removals: Family<Because, Gauge>,
}

impl Fleet {
    pub(super) fn register(&self, registry: &mut Registry) {
        from_the_start(&self.links, LINKS.map(|link| Linked { link }));
        registry.register(
            "flotilla_clusters",
            "Clusters by whether their agent is there",
            self.links.clone(),
        );
        from_the_start(&self.holds, HOLDS.map(|reason| Because { reason }));
        registry.register(
            "flotilla_clusters_held",
            "Clusters to which nothing is told, by why: flotilla cluster list names them",
            self.holds.clone(),
        );
        every(|label| drop(self.applications.get_or_create(&label)));
        registry.register(
            "flotilla_applications",
            "Applications on clusters as their agents reported them last",
            self.applications.clone(),
        );
        from_the_start(&self.paused, PAUSABLE.map(|what| What { what }));
        registry.register(
            "flotilla_paused",
            "Clusters, Applications and rollouts that somebody paused, on the hub or in the cluster",
            self.paused.clone(),
        );
        registry.register(
            "flotilla_pause_oldest_start_timestamp_seconds",
            "When the oldest of those pauses began; what is not paused is not shown",
            self.oldest.clone(),
        );
        from_the_start(&self.unacknowledged, ["cluster", "application"].map(|what| What { what }));
        registry.register(
            "flotilla_paused_unacknowledged",
            "Of those, the ones whose agent has not said that it stopped",
            self.unacknowledged.clone(),
        );
        registry.register(
            "flotilla_windows",
            "Combinations of sync windows that concern members",
            self.windows.clone(),
        );
        registry.register(
            "flotilla_windows_closed",
            "Of those, the ones that are closed now",
            self.closed.clone(),
        );
        from_the_start(&self.removals, ["deleted", "held"].map(|reason| Because { reason }));
        registry.register(
            "flotilla_removals_waiting",
            "Deletions that wait: Applications being deleted, and objects that are held until somebody approves or lets go",
            self.removals.clone(),
        );
    }
}

/// Every way in which an application may stand.
pub(super) fn every(of: impl FnMut(Stands)) {
    SyncState::ALL
        .into_iter()
        .flat_map(|sync| HealthStatus::ALL.map(|health| stands(sync, health)))
        .for_each(of);
}

pub(super) const fn stands(sync: SyncState, health: HealthStatus) -> Stands {
    Stands { sync: sync.word(), health: health.word() }
}

pub(super) const fn hold(hold: &Hold) -> Because {
    let reason = match hold {
        Hold::HubBehindAgent => "HubBehindAgent",
        Hold::HubRestored => "HubRestored",
        Hold::ClusterReplaced => "ClusterReplaced",
        Hold::DuplicateAgent => "DuplicateAgent",
        Hold::Other(_) => "Other",
    };
    Because { reason }
}
