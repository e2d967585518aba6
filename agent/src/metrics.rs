//! What an agent counts: its cluster's API, its work, its journal, its link.
//!
//! Invariant: no label names an application or an object. Which ones are meant says `flotilla-agent status`.

mod journal;
mod requests;

pub(crate) use journal::Measured;
pub(crate) use requests::Requests;

use crate::{cluster::Cluster, engine::Counts, status::Status};
use jiff::Timestamp;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use shared_model::{HealthStatus, SyncState};
use shared_runtime::{
    metrics::{Depth, Registry, Traffic, from_the_start, since_epoch},
    otlp,
};
use std::{collections::BTreeMap, sync::atomic::AtomicU64};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Stands {
    sync: &'static str,
    health: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Written {
    action: &'static str,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    result: &'static str,
}

/// What is counted.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    pub(crate) requests: Requests,
    /// Requests that wait for their turn, and those under way.
    pub(crate) waiting: Depth,
    pub(crate) asking: Depth,
    writes: Family<Written, Counter>,
    orders: Family<Ended, Counter>,
    syncs: Counter,
    healed: Counter,
    lost_events: Counter,
    pub(crate) traces: otlp::Metrics,
    applications: Family<Stands, Gauge>,
    paused: Gauge,
    paused_applications: Gauge,
    linked: Gauge,
    sessions: Counter,
    refusals: Gauge,
    skew: Gauge<f64, AtomicU64>,
    certificate: Family<[(&'static str, &'static str); 0], Gauge<f64, AtomicU64>>,
    pub(crate) messages: Traffic,
    pub(crate) bytes: Traffic,
    pub(crate) journal: journal::Writes,
}

impl Metrics {
    /// Those of an agent for this cluster.
    pub fn of(cluster: &Cluster) -> Self {
        Self { requests: cluster.requests.clone(), ..Self::default() }
    }

    /// Shows them.
    pub fn register(&self, registry: &mut Registry) {
        self.requests.register(registry);
        registry.register(
            "flotilla_agent_requests_waiting",
            "Requests to the API server that wait for their turn",
            self.waiting.clone(),
        );
        registry.register(
            "flotilla_agent_requests_under_way",
            "Requests to the API server about objects that have no answer yet",
            self.asking.clone(),
        );
        self.register_work(registry);
        self.register_link(registry);
        self.journal.register(registry);
    }

    fn register_work(&self, registry: &mut Registry) {
        let actions = ["apply", "delete"].into_iter();
        let results = ["done", "failed", "held"];
        from_the_start(
            &self.writes,
            actions.flat_map(|action| results.map(|result| Written { action, result })),
        );
        registry.register(
            "flotilla_agent_writes",
            "Objects written and deleted; held: a pause or a lease that ran out stopped it",
            self.writes.clone(),
        );
        from_the_start(&self.orders, ["kept", "failed"].map(|result| Ended { result }));
        registry.register(
            "flotilla_agent_orders",
            "Orders of the hub that are in the journal, or could not be carried out",
            self.orders.clone(),
        );
        registry.register("flotilla_agent_syncs", "Syncs that succeeded", self.syncs.clone());
        registry.register(
            "flotilla_agent_drift_healed",
            "Objects that were put back to what their release says",
            self.healed.clone(),
        );
        registry.register(
            "flotilla_agent_events_lost",
            "Events that the hub will never hear of: the link was down for too long",
            self.lost_events.clone(),
        );
        every(|label| drop(self.applications.get_or_create(&label)));
        registry.register(
            "flotilla_agent_applications",
            "Applications as they stand",
            self.applications.clone(),
        );
        registry.register(
            "flotilla_agent_paused",
            "Whether the whole cluster is left alone, by the hub's word or by a person's here",
            self.paused.clone(),
        );
        registry.register(
            "flotilla_agent_paused_applications",
            "Applications that are left alone",
            self.paused_applications.clone(),
        );
    }

    fn register_link(&self, registry: &mut Registry) {
        registry.register("flotilla_agent_link_connected", "Whether a hub answers", self.linked.clone());
        registry.register("flotilla_agent_sessions", "Sessions with a hub that began", self.sessions.clone());
        registry.register(
            "flotilla_agent_problems",
            "What keeps the hub from working with this agent: flotilla-agent status says it",
            self.refusals.clone(),
        );
        registry.register(
            "flotilla_agent_clock_skew_seconds",
            "The hub's clock less the agent's, as the last session found it",
            self.skew.clone(),
        );
        registry.register(
            "flotilla_agent_certificate_expiry_timestamp_seconds",
            "When the agent's certificate ends",
            self.certificate.clone(),
        );
        registry.register("flotilla_agent_messages", "Messages of sessions", self.messages.clone());
        registry.register(
            "flotilla_agent_link_bytes",
            "Bytes of the way to the hub, TLS included",
            self.bytes.clone(),
        );
    }

    /// A write was answered, or was not made.
    pub(crate) fn wrote(&self, action: &'static str, result: &'static str) {
        self.writes.get_or_create(&Written { action, result }).inc();
    }

    /// An order is in the journal, or failed.
    pub(crate) fn ordered(&self, kept: bool) {
        self.orders.get_or_create(&Ended { result: if kept { "kept" } else { "failed" } }).inc();
    }

    /// A sync succeeded.
    pub(crate) fn synced(&self) {
        self.syncs.inc();
    }

    /// The link came up, or went.
    pub(crate) fn linked(&self, up: bool) {
        self.linked.set(i64::from(up));
        self.sessions.inc_by(u64::from(up));
    }

    /// When the present certificate ends.
    pub(crate) fn certified(&self, until: Option<Timestamp>) {
        if let Some(until) = until {
            self.certificate.get_or_create(&[]).set(since_epoch(until));
        }
    }

    /// What the engine has counted since it began.
    pub(crate) fn counted(&self, counts: Counts) {
        self.healed.inc_by(counts.healed.saturating_sub(self.healed.get()));
        self.lost_events.inc_by(counts.lost_events.saturating_sub(self.lost_events.get()));
    }

    /// How applications stand.
    pub(crate) fn stand(&self, status: &Status) {
        let mut counts: BTreeMap<(&'static str, &'static str), i64> = BTreeMap::new();
        for application in &status.applications {
            let stands = stands(application.sync, application.health);
            *counts.entry((stands.sync, stands.health)).or_default() += 1;
        }
        every(|label| {
            let count = counts.get(&(label.sync, label.health)).copied().unwrap_or_default();
            self.applications.get_or_create(&label).set(count);
        });
        let paused = status.applications.iter().filter(|application| application.paused.is_some()).count();
        self.paused.set(i64::from(!status.pauses.is_empty()));
        self.paused_applications.set(i64::try_from(paused).unwrap_or(i64::MAX));
        self.refusals.set(i64::try_from(status.problems.len()).unwrap_or(i64::MAX));
        self.skew.set(status.clock_skew_ms.unwrap_or_default() as f64 / 1000.0);
        self.certified(status.certificate_until);
    }
}

/// Every way in which an application may stand.
fn every(of: impl FnMut(Stands)) {
    SyncState::ALL
        .into_iter()
        .flat_map(|sync| HealthStatus::ALL.map(|health| stands(sync, health)))
        .for_each(of);
}

const fn stands(sync: SyncState, health: HealthStatus) -> Stands {
    Stands { sync: sync.word(), health: health.word() }
}
