//! What an onlooker who knows nothing of the planner knows: what was reported and when, what was
//! proven by that, and every order that was ever given.

use crate::{Change, Fleet, Phase, Seat, Step, tests::events::Stage};
use jiff::{SignedDuration, Timestamp};
use shared_model::{
    AppKey, HealthStatus, Position, ReleaseId, RolloutName, SyncPhase, fleet_rollout::PlanSpec,
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Clone, Default)]
pub(crate) struct Oracle {
    /// Per seat: the newest position reported, since when it is healthy, and the last report.
    seen: BTreeMap<Seat, Seen>,
    /// What was rightly counted as proven.
    pub(crate) proven: BTreeSet<(Seat, Position)>,
    /// The rollouts in whose first wave somebody was proven.
    pub(crate) shown: BTreeSet<RolloutName>,
    /// The rollouts that ever halted.
    pub(crate) halted: BTreeSet<RolloutName>,
    /// The highest position that an agent was told.
    pub(crate) told: BTreeMap<Seat, Position>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    position: Position,
    release: Option<ReleaseId>,
    since: Option<Timestamp>,
    at: Timestamp,
    phase: SyncPhase,
    pinned: bool,
}

impl Oracle {
    /// Looks at the reports that the hub has; called after every event, so none is missed.
    pub(crate) fn look(&mut self, stage: &Stage) {
        let fleet = &stage.world.fleet;
        let gone = |seat: &Seat| !fleet.clusters.contains_key(&seat.0);
        self.seen.retain(|seat, _| !gone(seat));
        self.told.retain(|seat, _| !gone(seat));
        self.proven.retain(|(seat, _)| !gone(seat));
        for (seat, report) in &fleet.observed {
            let healthy = report.pin.is_none()
                && report.phase == SyncPhase::Succeeded
                && report.health.status == HealthStatus::Healthy;
            let before = self.seen.get(seat).copied();
            let at = report.received_at;
            let kept = before
                .filter(|seen| seen.position == report.position && seen.release == report.release)
                .and_then(|seen| seen.since);
            assert!(before.is_none_or(|seen| seen.position <= report.position), "an older report was kept");
            let since = healthy.then_some(kept.unwrap_or(at));
            let (position, release, phase) = (report.position, report.release, report.phase);
            let pinned = report.pin.is_some();
            self.seen.insert(seat.clone(), Seen { position, release, since, at, phase, pinned });
        }
    }

    /// Whether the seat's agent reported success and health at that position for so long.
    pub(crate) fn healthy_for(
        &self,
        stage: &Stage,
        seat: &Seat,
        position: Position,
        settle: SignedDuration,
    ) -> bool {
        let linked = stage.world.fleet.clusters[&seat.0].link.lost_since().is_none();
        self.seen.get(seat).is_some_and(|seen| {
            let heard = if linked { stage.now() } else { seen.at };
            seen.position == position && seen.since.is_some_and(|since| heard.duration_since(since) >= settle)
        })
    }

    pub(crate) fn reported_failure(&self, seat: &Seat, position: Position) -> bool {
        self.seen
            .get(seat)
            .is_some_and(|seen| seen.position == position && seen.phase == SyncPhase::Failed && !seen.pinned)
    }

    /// Notes what a step did.
    pub(crate) fn note(&mut self, fleet: &Fleet, step: &Step) {
        let rollout = fleet.lines[&step.owner].get(&step.rollout).unwrap();
        let seat = |app: &AppKey| (rollout.members[app].cluster.clone(), app.clone());
        match &step.change {
            Change::Release { app, position, .. } | Change::Return { app, position, .. } => {
                self.told.insert(seat(app), *position);
            }
            Change::Back { app, position } => {
                self.proven.insert((seat(app), *position));
            }
            Change::Prove { app, position } => {
                self.proven.insert((seat(app), *position));
                if rollout.members[app].record.as_ref().unwrap().wave == Some(0) {
                    self.shown.insert(step.rollout.clone());
                }
            }
            Change::Fail { app, .. } => {
                let here = seat(app);
                self.proven.retain(|(seat, _)| *seat != here);
            }
            Change::Halt { .. } => {
                self.halted.insert(step.rollout.clone());
            }
            Change::Start { .. }
            | Change::Supersede { .. }
            | Change::Place { .. }
            | Change::Open { .. }
            | Change::Adopt { .. }
            | Change::Excuse { .. }
            | Change::Readmit { .. }
            | Change::Stop { .. }
            | Change::Resume { .. }
            | Change::Again { .. }
            | Change::RollBack { .. }
            | Change::EndRollback
            | Change::Pass { .. }
            | Change::Finish => {}
        }
        if rollout.head.phase == Phase::Halted {
            self.halted.insert(step.rollout.clone());
        }
    }

    /// Whether an agent was told to run something that nobody has proven there.
    pub(crate) fn exposed(&self, fleet: &Fleet, seat: &Seat) -> bool {
        let running = fleet.assigned.get(seat).and_then(crate::Assigned::running);
        running.is_some_and(|(position, _)| !self.proven.contains(&(seat.clone(), position)))
    }

    /// The members of the line's newest rollout that hold a slot of the wave.
    pub(crate) fn exposed_in(&self, fleet: &Fleet, step: &Step, wave: usize) -> usize {
        let rollout = fleet.lines[&step.owner].get(&step.rollout).unwrap();
        let members = rollout.members.iter().filter(|(app, member)| {
            let record = member.record.as_ref();
            let here = record.is_some_and(|record| {
                record.wave == Some(wave)
                    && !record.may_run
                    && record.cluster == member.cluster
                    && record.release == member.release
            });
            here && self.exposed(fleet, &(member.cluster.clone(), (*app).clone()))
        });
        members.count()
    }
}

/// How long a member of the wave must be Healthy.
pub(crate) fn settle(plan: &PlanSpec, wave: usize) -> SignedDuration {
    match plan {
        PlanSpec::Policy(policy) => policy.waves[wave]
            .settle
            .map_or(SignedDuration::from_secs(5), |settle| settle.try_into().unwrap()),
        PlanSpec::Immediate | PlanSpec::RollingSync(_) => SignedDuration::ZERO,
    }
}
