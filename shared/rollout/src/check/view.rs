//! What the linter sees of one rollout, worked out anew from plans, records and observations.

use super::{Broken, Rule};
use crate::{Assigned, Excuse, Fleet, Link, MemberRecord, MemberState, Rollout, Side};
use jiff::Timestamp;
use shared_model::{
    AppKey, Approval, ClusterName, HealthStatus, Mode, Owner, Position, ReleaseId, RolloutPolicySpec,
    SyncPhase,
    fleet_rollout::PlanSpec,
    policy::{WaitOrSkip, Wave},
};
use std::time::Duration;

#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) owner: &'a Owner,
    pub(super) rollout: &'a Rollout,
    pub(super) now: Timestamp,
}

impl<'a> View<'a> {
    fn policy_wave(&self, wave: usize) -> Option<&'a Wave> {
        match &self.rollout.plan {
            PlanSpec::Policy(policy) => policy.waves.get(wave),
            PlanSpec::RollingSync(_) | PlanSpec::Immediate => None,
        }
    }

    pub(super) fn record(&self, app: &AppKey) -> Option<&'a MemberRecord> {
        self.rollout.members.get(app)?.current()
    }

    pub(super) fn members_of(&self, wave: usize) -> Vec<(&'a AppKey, &'a MemberRecord)> {
        let placed = self.rollout.members.iter().filter_map(|(app, member)| Some((app, member.current()?)));
        placed.filter(|(_, record)| record.wave == Some(wave)).collect()
    }

    /// Those of a wave that run, or may run, what is not proven there.
    fn unproven_of(&self, wave: usize) -> Vec<(&'a AppKey, &'a MemberRecord)> {
        let mut assigned = self.fleet.assigned.along();
        let mut members = self.members_of(wave);
        members.retain(|(app, record)| assigned.find(&record.cluster, app).is_some_and(unproven));
        members
    }

    pub(super) fn told(&self, app: &AppKey, cluster: &ClusterName) -> Option<(Position, ReleaseId)> {
        self.fleet.assigned.at(cluster, app)?.running()
    }

    /// Whether the agent of the seat runs, or may run, what is not proven there.
    pub(super) fn is_unproven(&self, app: &AppKey, cluster: &ClusterName) -> bool {
        self.fleet.assigned.at(cluster, app).is_some_and(unproven)
    }

    /// How many of a wave are on their way back, and how many others of it run what is not proven.
    pub(super) fn returning(&self, wave: usize) -> (usize, usize) {
        let unproven = self.unproven_of(wave).into_iter().filter(|(_, record)| !record.may_run);
        let (own, others): (Vec<_>, Vec<_>) =
            unproven.partition(|(_, record)| matches!(record.state, MemberState::Returning { .. }));
        (own.len(), others.len())
    }

    pub(super) fn is_paused(&self, cluster: &ClusterName) -> bool {
        self.fleet.clusters.get(cluster).is_some_and(|state| {
            state.pauses.iter().any(|pause| {
                pause.local || pause.until.is_none() || pause.until.is_some_and(|until| self.now < until)
            })
        })
    }

    /// Whether a person chose a release for the seat in the cluster itself.
    pub(super) fn is_pinned(&self, app: &AppKey, cluster: &ClusterName) -> bool {
        let seen = self.fleet.observed.at(cluster, app);
        seen.is_some_and(|seen| seen.pin.is_some() && !seen.removed)
    }

    /// How many of a wave hold its slots: by this rollout, and by older ones.
    pub(super) fn holders(&self, wave: usize) -> (usize, usize) {
        let unproven = self.unproven_of(wave).into_iter().filter(|(_, record)| !record.may_run);
        let is_own = |record: &MemberRecord| {
            matches!(record.state, MemberState::Released { .. } | MemberState::Failed { .. })
        };
        let (own, inherited): (Vec<_>, Vec<_>) = unproven.partition(|(_, record)| is_own(record));
        (own.len(), inherited.len())
    }

    /// How many of a wave may hold its slots.
    pub(super) fn max_update(&self, wave: usize) -> usize {
        let amount = match &self.rollout.plan {
            PlanSpec::Immediate => None,
            PlanSpec::RollingSync(rolling) => rolling.steps.get(wave).and_then(|step| step.max_update),
            PlanSpec::Policy(policy) => policy.waves.get(wave).and_then(|wave| wave.max_update),
        };
        amount.map_or(usize::MAX, |amount| amount.of(self.members_of(wave).len()))
    }

    /// Why the wave's gate is not met.
    pub(super) fn unmet(&self, wave: usize) -> Option<String> {
        let members = self.members_of(wave);
        let policy = self.policy_wave(wave);
        let is_policy = matches!(self.rollout.plan, PlanSpec::Policy(_));
        let mut proven = 0;
        let mut last = None;
        for (app, record) in &members {
            match &record.state {
                MemberState::Proven { at, .. } => {
                    proven += 1;
                    if !record.late {
                        last = last.max(Some(*at));
                    }
                }
                MemberState::Failed { .. } if is_policy => {}
                MemberState::Waiting
                | MemberState::Released { .. }
                | MemberState::Failed { .. }
                | MemberState::Returning { .. }
                | MemberState::Returned { .. } => {
                    if !record.late && record.excused.is_none() {
                        return Some(format!("{app} in wave {wave} is not proven"));
                    }
                }
            }
        }
        let least = if is_policy {
            policy.and_then(|wave| wave.min_proven).map_or(1, |least| least.quorum_of(members.len()).max(1))
        } else {
            members.len().min(1)
        };
        if proven < least {
            return Some(format!("wave {wave} has {proven} proven members of at least {least}"));
        }
        let soak = policy.and_then(|wave| wave.soak).unwrap_or_default();
        last.filter(|last| self.now.duration_since(*last) < signed(soak))
            .map(|last| format!("wave {wave} soaks for {soak:?} since {last}"))
    }

    /// The approval that the wave lacks to open or to pass.
    pub(super) fn unapproved(&self, wave: usize, opens: bool) -> Option<String> {
        let asked = self.policy_wave(wave)?.approval?;
        let side = if opens { Side::Before } else { Side::After };
        let needed = asked == Approval::Both || (asked == Approval::Before) == opens;
        let given = self.rollout.head.approvals.iter().any(|given| given.wave == wave && given.side == side);
        (needed && !given).then(|| format!("nobody approved wave {wave}"))
    }

    /// A person's hold on the rollout.
    pub(super) fn held(&self, what: &str) -> Option<Broken> {
        let paused = self.rollout.head.paused.as_ref()?;
        let holds = paused.until.is_none_or(|until| until > self.now);
        holds.then(|| (Rule::Pause, format!("{what} although {} paused the rollout", paused.by)))
    }

    /// The first wave in which more members failed than the policy allows.
    pub(super) fn failed_wave(&self) -> Option<usize> {
        (0..self.rollout.head.waves.len()).find(|wave| {
            let allowed = self.policy_wave(*wave).map(|wave| wave.max_failures.unwrap_or(0) as usize);
            let failed = self.members_of(*wave).iter().filter(|(_, record)| record.failures > 0).count();
            allowed.is_some_and(|allowed| failed > allowed)
        })
    }

    /// A member whose sync is known to have failed, and is not recorded as failed.
    pub(super) fn overlooked(&self) -> Option<&'a AppKey> {
        let PlanSpec::Policy(_) = self.rollout.plan else { return None };
        let mut members = self.rollout.members.iter();
        members.find_map(|(app, member)| {
            let record = member.current()?;
            let released = matches!(record.state, MemberState::Released { .. }) && record.failures == 0;
            if !released || record.stopped {
                return None;
            }
            let told = self.told(app, &record.cluster)?;
            let seen = self.fleet.observed.at(&record.cluster, app)?;
            let cluster = self.fleet.clusters.get(&record.cluster)?;
            let trusted = cluster.hold.is_none() && cluster.mode == Mode::Enforce;
            let ours = (seen.position, seen.release) == (told.0, Some(told.1))
                && record.state.position() == Some(told.0)
                && record.wave.is_some()
                && seen.pin.is_none();
            (trusted && ours && seen.phase == SyncPhase::Failed).then_some(app)
        })
    }

    /// Why the member cannot count as proven at that position.
    pub(super) fn doubt(&self, app: &AppKey, position: Position) -> Option<String> {
        let member = &self.rollout.members[app];
        let seat = (member.cluster.clone(), app.clone());
        let Some(told) = self.fleet.assigned.get(&seat).filter(|told| told.position == position) else {
            return Some(format!("its agent is not at {position}"));
        };
        let record = member.current();
        let should = match record.map(|record| &record.state) {
            Some(MemberState::Returning { release, .. }) => *release,
            _ => member.release,
        };
        if told.running() != Some((position, should)) {
            return Some("its agent is told to run something else".to_owned());
        }
        if self.is_pinned(app, &member.cluster) {
            return Some("a person chose another release in its cluster".to_owned());
        }
        let state = record.map(|record| &record.state);
        if state == Some(&MemberState::Waiting) && !self.is_unproven(app, &member.cluster) {
            return None; // Proven there before, and never told anything else since.
        }
        let Some(seen) = self.fleet.observed.get(&seat) else {
            return Some("nothing was observed".to_owned());
        };
        if (seen.position, seen.release) != (position, Some(should)) || seen.removed {
            return Some(format!("what was observed is about {}", seen.position));
        }
        let healthy = seen.phase == SyncPhase::Succeeded && seen.health.status == HealthStatus::Healthy;
        let Some(since) = seen.healthy_since.filter(|_| healthy) else {
            return Some(format!("it is {}", seen.health.status));
        };
        let Some(cluster) = self.fleet.clusters.get(&member.cluster) else {
            return Some("its cluster is gone".to_owned());
        };
        if cluster.hold.is_some() || cluster.mode == Mode::Observe {
            return Some("what its cluster says counts for nothing".to_owned());
        }
        let wave = record.and_then(|record| record.wave);
        let settle = match (&self.rollout.plan, wave.and_then(|wave| self.policy_wave(wave))) {
            (PlanSpec::Policy(_), wave) => {
                wave.and_then(|wave| wave.settle).unwrap_or(Duration::from_secs(5))
            }
            (PlanSpec::Immediate | PlanSpec::RollingSync(_), _) => Duration::ZERO,
        };
        let heard = if cluster.link == Link::Connected { self.now } else { seen.received_at };
        (heard.duration_since(since) < signed(settle))
            .then(|| format!("it was Healthy only from {since} to {heard}"))
    }

    /// Whether the policy lets a wave go on without members on the cluster, for that reason.
    pub(super) fn excusable(
        &self,
        policy: &RolloutPolicySpec,
        cluster: &ClusterName,
        reason: Excuse,
    ) -> bool {
        let Some(state) = self.fleet.clusters.get(cluster) else { return false };
        match reason {
            Excuse::Pinned => true,
            Excuse::Paused => policy.paused == WaitOrSkip::Skip && self.is_paused(cluster),
            Excuse::Observing => policy.paused == WaitOrSkip::Skip && state.mode == Mode::Observe,
            Excuse::Unreachable => {
                let silent = match state.link {
                    Link::Connected => None,
                    Link::LostSince(since) | Link::NeverSeen { since } => {
                        Some(self.now.duration_since(since))
                    }
                };
                policy.unreachable.action == WaitOrSkip::Skip
                    && silent.is_some_and(|silent| silent >= signed(policy.unreachable.after))
            }
        }
    }
}

fn signed(duration: Duration) -> jiff::SignedDuration {
    jiff::SignedDuration::try_from(duration).unwrap_or(jiff::SignedDuration::MAX)
}

/// Whether what it runs is not what was proven last.
fn unproven(assigned: &Assigned) -> bool {
    let proven = assigned.proof.map(|proof| proof.position);
    assigned.running().is_some_and(|(position, _)| proven != Some(position))
}
