//! The hub: what it assigned to whom, and the real sessions' other side.

use crate::release::{Content, Release};
use jiff::Timestamp;
use proto::v1;
use shared_model::{
    AppKey, Cluster, ClusterName, Digest, Observation, PauseRequest, Position, ReleaseId, RolloutName,
};
use shared_rollout::{Assigned, Order};
use std::{collections::BTreeMap, sync::Arc};

/// What the hub keeps.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    pub(crate) up: bool,
    pub(crate) releases: BTreeMap<ReleaseId, Arc<Release>>,
    pub(crate) bundles: BTreeMap<Digest, Arc<Content>>,
    pub(crate) seats: BTreeMap<ClusterName, Seat>,
}

/// One cluster.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) object: Arc<Cluster>,
    pub(crate) assigned: BTreeMap<AppKey, Assigned>,
    /// Every order that was ever given: what it keeps of an application.
    pub(crate) history: BTreeMap<(AppKey, Position), Option<Arc<Release>>>,
    pub(crate) observed: BTreeMap<AppKey, Observation>,
    /// The present connection.
    pub(crate) connection: Option<u64>,
    /// The pause that the agent acknowledged, in its present session.
    pub(crate) acknowledged: String,
    /// Pauses of single applications.
    pub(crate) paused: BTreeMap<AppKey, PauseRequest>,
    /// Those that the agent acknowledged, in its present session.
    pub(crate) acknowledged_applications: BTreeMap<AppKey, String>,
}

impl Hub {
    /// Orders something of an application on a cluster.
    pub(crate) fn order(
        &mut self,
        cluster: &ClusterName,
        application: &AppKey,
        release: Option<&Arc<Release>>,
        now: Timestamp,
    ) -> Option<Assigned> {
        if let Some(release) = release {
            self.keep(release);
        }
        let seat = self.seats.get_mut(cluster)?;
        let generation = seat.assigned.get(application).map_or(0, |assigned| assigned.position.generation);
        let position = Position { incarnation: 1, generation: generation + 1 };
        let order = match release {
            Some(release) => Order::Run { release: release.id, rollout: RolloutName::new("day"), at: now },
            None => Order::Remove { cascade: true, at: now },
        };
        let assigned = Assigned { position, order, proof: None, adopted: None };
        seat.assigned.insert(application.clone(), assigned.clone());
        seat.history.insert((application.clone(), position), release.cloned());
        Some(assigned)
    }

    /// A release is durable before it is ordered.
    pub(crate) fn keep(&mut self, release: &Arc<Release>) {
        self.releases.entry(release.id).or_insert_with(|| Arc::clone(release));
        let content = || Arc::clone(&release.content);
        self.bundles.entry(release.spec.bundle).or_insert_with(content);
    }

    /// The wire form of an assignment.
    pub(crate) fn assign(
        &self,
        application: &AppKey,
        position: Position,
        release: ReleaseId,
    ) -> v1::hub_message::Message {
        let spec = &self.releases[&release].spec;
        v1::hub_message::Message::Assign(v1::Assign {
            application: Some(proto::application_to_wire(application)),
            position: Some(proto::position_to_wire(position)),
            release: release.to_string(),
            spec: serde_json::to_vec(spec).expect("a release has only string keys").into(),
            traceparent: String::new(),
        })
    }
}
