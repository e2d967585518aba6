//! When two moments are the same: everything that decides, with times as ages and positions as
//! distances, and clusters of one ring in any order.
//!
//! Every field of every record is named here, so that a new one is a question and not an oversight.
//! Left out is what is for people only (names, reasons, who and when somebody decided), and times that no
//! duration counts from. Ages beyond every duration of the policy are one age.

use crate::{
    ghost::Heard,
    setup::Setup,
    state::{Batch, Condition, State, seat, shipped},
};
use jiff::Timestamp;
use shared_model::{ClusterName, HealthStatus, Observation, Position, ReleaseId, RolloutName, SyncPhase};
use shared_rollout::{
    Assigned, Change, ClusterState, Head, HeldUp, MemberRecord, MemberState, Order, Phase, Proof, Rollout,
    WaveHead,
};
use std::hash::{DefaultHasher, Hash, Hasher};

/// No duration of a setup is longer, in seconds.
const LONG_AGO: i64 = 200;
/// Positions that far behind what is told now matter only as not being it.
const FAR: i64 = 4;

/// What tells moments apart: 128 bits of hash.
pub(crate) fn key(setup: &Setup, state: &State) -> u128 {
    let mut words = Words { out: Vec::with_capacity(256), now: state.now };
    let State { batch, left, .. } = state;
    words.hash(left);
    let queued = |rollout: &Rollout| rollout.head.phase == Phase::Queued;
    let commits = left.commits > 0 || state.line().rollouts.iter().any(queued);
    for rollout in &state.line().rollouts {
        words.head(&rollout.head, commits);
        let ghost = &state.ghost;
        words.flag(ghost.stopped.contains(&rollout.name));
        words.flag(ghost.expedited.contains(&rollout.name));
    }
    if let Some(batch) = batch {
        words.flag(state.takes(batch, setup.fences));
        words.flag(batch.leads);
        words.age(batch.at);
    }
    let mut blocks: Vec<(usize, Vec<u64>)> = Vec::new();
    for (index, (name, _)) in setup.clusters.iter().enumerate() {
        let mut block = Words { out: Vec::with_capacity(64), now: state.now };
        block.cluster(state, &ClusterName::new(*name));
        if let Some(batch) = batch {
            block.batch(batch, &ClusterName::new(*name), state);
        }
        blocks.push((if setup.symmetric { setup.wave_of(name) } else { index }, block.out));
    }
    blocks.sort();
    for (_, block) in blocks {
        words.out.extend(block);
    }
    if let Some(batch) = batch {
        for (step, _) in &batch.writes {
            words.hash(&step.rollout.as_str());
            words.change(&step.change);
        }
    }
    let mut halves = [DefaultHasher::new(), DefaultHasher::new()];
    for (seed, half) in halves.iter_mut().enumerate() {
        (seed, &words.out).hash(half);
    }
    let [low, high] = halves.map(|half| half.finish());
    (u128::from(high) << 64) | u128::from(low)
}

struct Words {
    out: Vec<u64>,
    now: Timestamp,
}

impl Words {
    fn hash(&mut self, value: &impl Hash) {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        self.out.push(hasher.finish());
    }

    fn number(&mut self, value: i64) {
        self.out.push(value.cast_unsigned());
    }

    fn flag(&mut self, value: bool) {
        self.out.push(u64::from(value));
    }

    /// How long ago, in seconds; times to come are negative.
    fn age(&mut self, at: Timestamp) {
        self.number(self.now.duration_since(at).as_secs().clamp(-LONG_AGO, LONG_AGO));
    }

    fn maybe<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }

    fn head(&mut self, head: &Head, commits: bool) {
        let Head {
            phase,
            started,
            finished,
            waves,
            halted,
            replaced,
            attempt,
            paused,
            approvals,
            expedited,
            rollback,
            decisions: _,
        } = head;
        self.number(*phase as i64);
        self.flag(finished.is_some());
        // One that took another's place is left its time, which matters to the next.
        self.maybe(
            started.filter(|_| *replaced > 0 && commits && *phase == Phase::Progressing),
            |words, at| {
                words.number(words.now.duration_since(at).as_secs());
            },
        );
        for WaveHead { opened, passed, evidence: _, filled } in waves {
            self.flag(opened.is_some());
            self.flag(passed.is_some());
            self.flag(*filled);
        }
        self.maybe(halted.as_ref(), |words, halted| {
            words.number(i64::try_from(halted.wave).unwrap_or_default());
            words.flag(halted.by.is_some());
        });
        self.number(i64::from(*replaced));
        self.number(i64::from(*attempt));
        self.maybe(paused.as_ref(), |words, HeldUp { by: _, at: _, reason: _, until }| {
            words.maybe(*until, Self::age);
        });
        for approved in approvals {
            self.number(i64::try_from(approved.wave).unwrap_or_default());
            self.number(approved.side as i64);
        }
        self.flag(expedited.iter().any(|expedited| expedited.clusters.is_empty()));
        self.maybe(rollback.as_ref(), |words, rollback| {
            words.flag(rollback.pins);
            words.flag(rollback.by.is_some());
        });
    }

    /// Everything about one cluster, without its name.
    fn cluster(&mut self, state: &State, name: &ClusterName) {
        let ClusterState { labels: _, pauses, link, mode: _, hold: _ } = &state.fleet.clusters[name];
        self.flag(pauses.is_empty());
        self.maybe(link.lost_since(), Self::age);
        let told = state.fleet.assigned.get(&seat(name));
        let base = told.map(|told| told.position).unwrap_or_default();
        let rollouts = &state.line().rollouts;
        let near = |position: Position| {
            (base.generation.cast_signed() - position.generation.cast_signed()).clamp(-FAR, FAR)
        };
        let which = |release: ReleaseId| {
            let of = rollouts.iter().position(|rollout| shipped(&rollout.name, name) == release);
            of.map_or(-1, |of| i64::try_from(of).unwrap_or(-1))
        };
        self.maybe(told, |words, Assigned { position: _, order, proof: proven, adopted: _ }| {
            if let Order::Run { release, rollout, at: _ } = order {
                words.number(which(*release));
                words.hash(&rollout.as_str());
            }
            words.maybe(*proven, |words, proof| words.proof(proof, &near, &which));
        });
        self.maybe(state.agents.get(name), |words, (position, release)| {
            words.number(near(*position));
            words.number(which(*release));
        });
        self.maybe(state.fleet.observed.get(&seat(name)), |words, seen| words.observed(seen, &near, &which));
        self.maybe(state.ghost.heard.get(name), |words, heard| {
            let Heard { position, condition, since, at: _ } = heard;
            words.number(near(*position));
            words.number(*condition as i64);
            words.maybe(*since, Self::age);
        });
        for (cluster, position) in &state.ghost.forgiven {
            self.flag(cluster == name && *position == base);
        }
        for (index, rollout) in rollouts.iter().enumerate() {
            if state.ghost.good.contains(&(name.clone(), shipped(&rollout.name, name))) {
                self.number(i64::try_from(index).unwrap_or_default());
            }
        }
        for (cluster, position) in &state.ghost.proven {
            // Older ones are of no use to anybody.
            if cluster == name && near(*position) < FAR {
                self.number(near(*position));
            }
        }
        for rollout in rollouts {
            let ghost = &state.ghost;
            for set in [&ghost.shown, &ghost.excused, &ghost.listed, &ghost.failed] {
                self.flag(set.get(&rollout.name).is_some_and(|set| set.contains(name)));
            }
            self.member(rollout, name, &near, &which);
        }
    }

    fn observed(
        &mut self,
        seen: &Observation,
        near: &impl Fn(Position) -> i64,
        which: &impl Fn(ReleaseId) -> i64,
    ) {
        self.number(near(seen.position));
        self.number(seen.release.map_or(-2, which));
        self.number(match seen.phase {
            SyncPhase::Failed => 1,
            SyncPhase::Pending | SyncPhase::Running | SyncPhase::Succeeded => 0,
        });
        self.flag(seen.health.status == HealthStatus::Healthy);
        self.age(seen.received_at);
        self.maybe(seen.healthy_since, Self::age);
    }

    fn member(
        &mut self,
        rollout: &Rollout,
        cluster: &ClusterName,
        near: &impl Fn(Position) -> i64,
        which: &impl Fn(ReleaseId) -> i64,
    ) {
        let app = crate::state::app(cluster);
        let halts = rollout.head.halted.as_ref().and_then(|halted| halted.member.as_ref());
        self.flag(halts == Some(&app));
        self.flag(rollout.head.expedited.iter().any(|expedited| expedited.clusters.contains(cluster)));
        let record = rollout.members.get(&app).and_then(|member| member.record.as_ref());
        self.maybe(record, |words, record| {
            let MemberRecord {
                cluster: _,
                release: _,
                wave,
                late,
                state,
                excused,
                may_run,
                stopped,
                failures,
                attempt,
                again,
                released,
                before,
            } = record;
            words.number(wave.map_or(-1, |wave| i64::try_from(wave).unwrap_or(-1)));
            for flag in [*late, *may_run, *stopped, *again, released.is_some()] {
                words.flag(flag);
            }
            words.number(excused.map_or(-1, |excuse| excuse as i64));
            words.number(i64::from(*failures));
            words.number(i64::from(*attempt));
            words.state(state, near, which);
            words.maybe(*before, |words, proof| words.proof(proof, near, which));
        });
    }

    fn proof(&mut self, proof: Proof, near: &impl Fn(Position) -> i64, which: &impl Fn(ReleaseId) -> i64) {
        let Proof { release, position, at: _ } = proof;
        self.number(which(release));
        self.number(near(position));
    }

    fn state(
        &mut self,
        state: &MemberState,
        near: &impl Fn(Position) -> i64,
        which: &impl Fn(ReleaseId) -> i64,
    ) {
        let (kind, at) = match state {
            MemberState::Waiting => (0, None),
            MemberState::Released { position, at } => (1, Some((position, at))),
            MemberState::Proven { position, at } => (2, Some((position, at))),
            MemberState::Failed { position, at: _, reason: _ } => {
                self.number(near(*position));
                (3, None)
            }
            MemberState::Returning { position, at, release } => {
                self.number(which(*release));
                (4, Some((position, at)))
            }
            MemberState::Returned { position, at: _, release } => {
                self.number(which(*release));
                self.number(near(*position));
                (5, None)
            }
        };
        self.number(kind);
        self.maybe(at, |words, (position, at)| {
            words.number(near(*position));
            words.age(*at);
        });
    }

    /// What of the plan on its way concerns the cluster.
    fn batch(&mut self, batch: &Batch, cluster: &ClusterName, state: &State) {
        for (index, (step, _)) in batch.writes.iter().enumerate() {
            if step.change.app() == Some(&crate::state::app(cluster)) {
                self.number(i64::try_from(index).unwrap_or_default());
                self.hash(&step.rollout.as_str());
                self.change(&step.change);
            }
        }
        let known = state.fleet.assigned.get(&seat(cluster)).map(|told| told.position);
        self.flag(known.is_some());
    }

    /// The kind of a change; about whom is said where its cluster is.
    fn change(&mut self, change: &Change) {
        self.hash(&std::mem::discriminant(change));
        if let Change::Open { wave } | Change::Pass { wave, .. } = change {
            self.number(i64::try_from(*wave).unwrap_or_default());
        }
    }
}

/// For people: which rollout a release is of.
pub(crate) fn name_of(state: &State, release: ReleaseId, cluster: &ClusterName) -> String {
    let of = state.line().rollouts.iter().find(|rollout| shipped(&rollout.name, cluster) == release);
    of.map_or_else(|| "?".to_owned(), |of: &Rollout| RolloutName::to_string(&of.name))
}

/// For people.
pub(crate) const fn word(condition: Condition) -> &'static str {
    match condition {
        Condition::Healthy => "healthy",
        Condition::Degraded => "degraded",
        Condition::Failed => "failed",
    }
}
