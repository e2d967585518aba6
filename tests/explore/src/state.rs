//! The whole world of a story at one moment: the store, the agents, a plan on its way, and what an
//! onlooker remembers.

use crate::{
    ghost::Ghost,
    setup::{Quota, Setup},
};
use jiff::Timestamp;
use shared_model::{
    AppKey, ClusterName, Digest, Health, HealthStatus, Observation, Owner, OwnerKind, Position, ReleaseId,
    RolloutName, SyncPhase, SyncState, fleet_rollout::PlanSpec,
};
use shared_rollout::{Fleet, Head, Line, Link, Member, Plan, Rollout, Seat, Step, Writes, observe};
use std::collections::BTreeMap;

/// What a transaction compares, as `hub/control/src/commit.rs` does all of it. Exploring without one of
/// them shows what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fences {
    /// The planning lease: a hub that lost it writes nothing.
    pub lease: bool,
    /// The heads of the rollouts of the plan.
    pub heads: bool,
    /// The assignments that the plan changes.
    pub seats: bool,
    /// The clusters that the plan sends something to: whether they are paused.
    pub clusters: bool,
}

impl Default for Fences {
    fn default() -> Self {
        Self { lease: true, heads: true, seats: true, clusters: true }
    }
}

/// A plan on its way to the store: what it writes, worked out when it was made.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    pub(crate) at: Timestamp,
    pub(crate) writes: Vec<(Step, Writes)>,
    pub(crate) heads: BTreeMap<RolloutName, u32>,
    pub(crate) seats: BTreeMap<Seat, u32>,
    pub(crate) clusters: BTreeMap<ClusterName, u32>,
    /// Whether the hub that made it still has the planning lease.
    pub(crate) leads: bool,
}

/// One moment.
#[derive(Debug, Clone)]
pub(crate) struct State {
    pub(crate) fleet: Fleet,
    pub(crate) now: Timestamp,
    /// What each agent runs.
    pub(crate) agents: BTreeMap<ClusterName, (Position, ReleaseId)>,
    pub(crate) batch: Option<Batch>,
    pub(crate) left: Quota,
    pub(crate) ghost: Ghost,
    revisions: Revisions,
}

/// How often each record was written.
#[derive(Debug, Clone, Default)]
struct Revisions {
    heads: BTreeMap<RolloutName, u32>,
    seats: BTreeMap<Seat, u32>,
    clusters: BTreeMap<ClusterName, u32>,
}

/// What an agent says of its release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    Healthy,
    Degraded,
    Failed,
}

pub(crate) fn owner() -> Owner {
    Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: "web".into() }
}

pub(crate) fn app(cluster: &ClusterName) -> AppKey {
    AppKey::new("argocd", format!("web-{cluster}"))
}

pub(crate) fn seat(cluster: &ClusterName) -> Seat {
    (cluster.clone(), app(cluster))
}

/// What a rollout ships to a cluster.
pub(crate) fn shipped(rollout: &RolloutName, cluster: &ClusterName) -> ReleaseId {
    ReleaseId(Digest::of(format!("{rollout}/{cluster}").as_bytes()))
}

impl State {
    pub(crate) fn new(setup: &Setup) -> Self {
        let mut fleet = Fleet { incarnation: 1, ..Fleet::default() };
        for (name, ring) in &setup.clusters {
            let cluster = fleet.clusters.entry(ClusterName::new(*name)).or_default();
            cluster.labels.insert("ring".into(), (*ring).into());
        }
        fleet.lines.insert(owner(), Line::default());
        Self {
            fleet,
            now: "2026-01-01T00:00:00Z".parse().expect("a time"),
            agents: BTreeMap::new(),
            batch: None,
            left: setup.quota,
            ghost: Ghost::default(),
            revisions: Revisions::default(),
        }
    }

    pub(crate) fn line(&self) -> &Line {
        &self.fleet.lines[&owner()]
    }

    pub(crate) fn line_mut(&mut self) -> &mut Line {
        self.fleet.lines.get_mut(&owner()).expect("the line is there from the start")
    }

    pub(crate) fn commit(&mut self, setup: &Setup) {
        let sequence = self.line().rollouts.len() as u64 + 1;
        let name = RolloutName::new(format!("r{sequence}"));
        let member = |cluster: &ClusterName| {
            let labels = self.fleet.clusters[cluster].labels.clone();
            (app(cluster), Member { labels, ..Member::new(cluster.clone(), shipped(&name, cluster)) })
        };
        let rollout = Rollout {
            members: self.fleet.clusters.keys().map(member).collect(),
            name,
            sequence,
            created: self.now,
            plan: PlanSpec::Policy(setup.policy.clone()),
            head: Head::default(),
        };
        self.line_mut().rollouts.push(rollout);
    }

    /// Whether the agent of the cluster lags behind what it was told, and can be told.
    pub(crate) fn lags(&self, cluster: &ClusterName) -> bool {
        let told = self.fleet.assigned.get(&seat(cluster)).map(|told| told.position);
        told > self.agents.get(cluster).map(|agent| agent.0) && self.may_act(cluster)
    }

    pub(crate) fn may_act(&self, cluster: &ClusterName) -> bool {
        let state = &self.fleet.clusters[cluster];
        state.link == Link::Connected && state.pauses.is_empty()
    }

    pub(crate) fn take(&mut self, cluster: &ClusterName) {
        if let Some(told) = self.fleet.assigned.get(&seat(cluster)).and_then(|told| told.running()) {
            self.agents.insert(cluster.clone(), told);
        }
    }

    /// What the hub keeps of a report; the same value as before when it changes nothing that decides.
    pub(crate) fn report(&mut self, cluster: &ClusterName, condition: Condition) {
        let Some((position, release)) = self.agents.get(cluster).copied() else { return };
        let (phase, health) = match condition {
            Condition::Healthy => (SyncPhase::Succeeded, HealthStatus::Healthy),
            Condition::Degraded => (SyncPhase::Succeeded, HealthStatus::Degraded),
            Condition::Failed => (SyncPhase::Failed, HealthStatus::Missing),
        };
        let report = Observation {
            application: app(cluster),
            cluster: cluster.clone(),
            position,
            release: Some(release),
            phase,
            message: String::new(),
            sync: SyncState::Synced,
            health: Health::new(health, ""),
            drift: Vec::new(),
            resources: Vec::new(),
            healed: 0,
            removed: false,
            pin: None,
            unsupported: Vec::new(),
            received_at: Timestamp::UNIX_EPOCH,
            healthy_since: None,
        };
        let kept = observe(self.fleet.observed.get(&seat(cluster)), report, self.now);
        self.fleet.observed.insert(seat(cluster), kept);
        self.ghost.hear(cluster, position, condition, self.now);
    }

    /// Somebody asks for a pause of the cluster, or for its end.
    pub(crate) fn touch_cluster(&mut self, cluster: &ClusterName) {
        *self.revisions.clusters.entry(cluster.clone()).or_default() += 1;
    }

    /// A person's decision, or a plan, changes a head.
    pub(crate) fn write_head(&mut self, rollout: &RolloutName, head: Head) {
        *self.revisions.heads.entry(rollout.clone()).or_default() += 1;
        if let Some(rollout) = self.line_mut().get_mut(rollout) {
            rollout.head = head;
        }
    }

    /// Writes what a step writes.
    pub(crate) fn write(&mut self, step: &Step, writes: &Writes) {
        if let Some(head) = &writes.head {
            self.write_head(&step.rollout, head.clone());
        }
        if let Some((app, record)) = &writes.record {
            let rollout = self.line_mut().get_mut(&step.rollout);
            if let Some(member) = rollout.and_then(|rollout| rollout.members.get_mut(app)) {
                member.record = Some(record.clone());
            }
        }
        if let Some((seat, assigned)) = &writes.assigned {
            *self.revisions.seats.entry(seat.clone()).or_default() += 1;
            self.fleet.assigned.insert(seat.clone(), assigned.clone());
        }
    }

    /// What the plan would write, and what it compares.
    pub(crate) fn batch(&self, plan: &Plan) -> Batch {
        let mut fleet = self.fleet.clone();
        let mut batch = Batch {
            at: plan.at,
            writes: Vec::new(),
            heads: BTreeMap::new(),
            seats: BTreeMap::new(),
            clusters: BTreeMap::new(),
            leads: true,
        };
        for step in &plan.steps {
            let writes = step.writes(&fleet, plan.at).expect("a plan names what its fleet has");
            let head = self.revisions.heads.get(&step.rollout).copied().unwrap_or_default();
            batch.heads.insert(step.rollout.clone(), head);
            if let Some((seat, _)) = &writes.assigned {
                let known = self.revisions.seats.get(seat).copied().unwrap_or_default();
                batch.seats.insert(seat.clone(), known);
                let known = self.revisions.clusters.get(&seat.0).copied().unwrap_or_default();
                batch.clusters.insert(seat.0.clone(), known);
            }
            shared_rollout::apply_step(&mut fleet, step, plan.at).expect("a plan names what its fleet has");
            batch.writes.push((step.clone(), writes));
        }
        batch
    }

    /// Whether the store takes the batch.
    pub(crate) fn takes(&self, batch: &Batch, fences: Fences) -> bool {
        let same = |known: Option<&u32>, then: u32| known.copied().unwrap_or_default() == then;
        let revisions = &self.revisions;
        let mut heads = batch.heads.iter();
        let mut seats = batch.seats.iter();
        let mut clusters = batch.clusters.iter();
        (batch.leads || !fences.lease)
            && (!fences.heads || heads.all(|(name, then)| same(revisions.heads.get(name), *then)))
            && (!fences.seats || seats.all(|(seat, then)| same(revisions.seats.get(seat), *then)))
            && (!fences.clusters || clusters.all(|(name, then)| same(revisions.clusters.get(name), *then)))
    }
}
