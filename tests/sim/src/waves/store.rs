//! The store that the hubs share: what is kept, at which revision, and transactions with compares.

use jiff::Timestamp;
use shared_model::{ClusterName, Owner, RolloutName};
use shared_rollout::{Assigned, Fleet, Head, Rollout, Seat, Step, apply_step};
use std::collections::{BTreeMap, VecDeque};

/// One transaction writes at most so much.
const LARGEST: usize = 90;

/// What is kept.
#[derive(Debug, Default)]
pub(crate) struct Store {
    pub(crate) fleet: Fleet,
    /// The time of the last plan that was committed.
    pub(crate) planned: Timestamp,
    /// Everything that may run on a cluster.
    pub(crate) on_cluster: BTreeMap<ClusterName, Vec<Seat>>,
    revision: u64,
    heads: BTreeMap<(Owner, RolloutName), u64>,
    seats: BTreeMap<Seat, u64>,
}

/// A plan on its way into the store, or what is left of it.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) owner: Owner,
    /// The lease of the hub that planned.
    pub(crate) lease: u64,
    pub(crate) at: Timestamp,
    pub(crate) steps: VecDeque<Step>,
    heads: BTreeMap<(Owner, RolloutName), u64>,
    seats: BTreeMap<Seat, u64>,
}

/// What an agent is told because of a transaction.
pub(crate) type Told = (Seat, Assigned);

/// Looks at an order before it is given, with the store as it is then.
pub(crate) type Judge<'a> = dyn FnMut(&Fleet, &Step, &Seat, &Assigned) + 'a;

impl Store {
    /// What concerns a line.
    pub(crate) fn view(&self, owner: &Owner) -> Fleet {
        let mut view = Fleet {
            windows: self.fleet.windows.clone(),
            max_per_cluster: self.fleet.max_per_cluster,
            since: self.fleet.since,
            incarnation: self.fleet.incarnation,
            ..Fleet::default()
        };
        let Some(line) = self.fleet.lines.get(owner) else { return view };
        let members = line.rollouts.iter().flat_map(|rollout| &rollout.members);
        for (app, member) in members {
            let cluster = &member.cluster;
            let seat = (cluster.clone(), app.clone());
            if let Some(seen) = self.fleet.observed.get(&seat) {
                view.observed.insert(seat, seen.clone());
            }
            if view.clusters.contains_key(cluster) {
                continue;
            }
            if let Some(state) = self.fleet.clusters.get(cluster) {
                view.clusters.insert(cluster.clone(), state.clone());
            }
            for seat in self.on_cluster.get(cluster).into_iter().flatten() {
                if let Some(assigned) = self.fleet.assigned.get(seat) {
                    view.assigned.insert(seat.clone(), assigned.clone());
                }
            }
        }
        view.lines.insert(owner.clone(), line.clone());
        view
    }

    /// A plan, with the revisions that it was made from.
    pub(crate) fn batch(&self, owner: &Owner, lease: u64, at: Timestamp, steps: Vec<Step>) -> Batch {
        let rollouts = self.fleet.lines.get(owner).into_iter().flat_map(|line| &line.rollouts);
        let keys: Vec<_> = rollouts.map(|rollout| (owner.clone(), rollout.name.clone())).collect();
        let known = |key: &(Owner, RolloutName)| self.heads.get(key).copied().unwrap_or(0);
        let heads = keys.into_iter().map(|key| (key.clone(), known(&key))).collect();
        let seats = steps.iter().filter_map(|step| self.seat(step));
        let seats = seats.map(|seat| (seat.clone(), self.seats.get(&seat).copied().unwrap_or(0))).collect();
        Batch { owner: owner.clone(), lease, at, steps: steps.into(), heads, seats }
    }

    /// Commits as much of a plan as one transaction takes, and says what agents are told by it. `None`, and nothing
    /// done, when somebody else was first.
    pub(crate) fn commit(
        &mut self,
        batch: &mut Batch,
        lease: u64,
        judge: &mut Judge<'_>,
    ) -> Option<Vec<Told>> {
        let taken = self.transaction(batch)?;
        let fresh = taken.iter().all(|step| {
            let key = (step.owner.clone(), step.rollout.clone());
            batch.heads.get(&key).copied() == Some(self.heads.get(&key).copied().unwrap_or(0))
        });
        let seats: Vec<Seat> = taken.iter().filter_map(|step| self.seat(step)).collect();
        let untouched = seats
            .iter()
            .all(|seat| batch.seats.get(seat).copied() == Some(self.seats.get(seat).copied().unwrap_or(0)));
        if batch.lease != lease || !fresh || !untouched {
            return None;
        }
        self.revision += 1;
        self.planned = self.planned.max(batch.at);
        let mut told = Vec::new();
        for step in taken {
            let writes = step.writes(&self.fleet, batch.at)?;
            if writes.head.is_some() {
                let key = (step.owner.clone(), step.rollout.clone());
                batch.heads.insert(key.clone(), self.revision);
                self.heads.insert(key, self.revision);
            }
            if let Some((seat, assigned)) = writes.assigned {
                batch.seats.insert(seat.clone(), self.revision);
                self.seats.insert(seat.clone(), self.revision);
                let known = self.fleet.assigned.get(&seat).map(|known| known.position);
                if known != Some(assigned.position) {
                    judge(&self.fleet, &step, &seat, &assigned);
                    told.push((seat, assigned));
                }
            }
            apply_step(&mut self.fleet, &step, batch.at)?;
        }
        Some(told)
    }

    /// Takes the steps of the next transaction out of a plan.
    fn transaction(&self, batch: &mut Batch) -> Option<Vec<Step>> {
        let most = batch.steps.len().min(LARGEST / 3);
        (self.fleet.lines.contains_key(&batch.owner)).then(|| batch.steps.drain(..most).collect())
    }

    fn seat(&self, step: &Step) -> Option<Seat> {
        let rollout = self.fleet.lines.get(&step.owner)?.get(&step.rollout)?;
        let app = step.change.app()?;
        Some((rollout.members.get(app)?.cluster.clone(), app.clone()))
    }

    /// The rollout that decides for a line.
    pub(crate) fn lead(&self, owner: &Owner) -> Option<&Rollout> {
        self.fleet.lines.get(owner)?.lead()
    }

    /// A person's decision: the head is written, and no plan made before that goes through.
    pub(crate) fn decide(&mut self, owner: &Owner, rollout: &RolloutName, head: Head) {
        self.revision += 1;
        self.heads.insert((owner.clone(), rollout.clone()), self.revision);
        let line = self.fleet.lines.get_mut(owner);
        if let Some(rollout) = line.and_then(|line| line.get_mut(rollout)) {
            rollout.head = head;
        }
    }
}
