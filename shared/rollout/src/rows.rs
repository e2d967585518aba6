//! The members of one rollout while it is planned, side by side with all that is known of each.
//!
//! A plan asks a dozen questions of each member, and most members have nothing new to say. So what is known
//! of one is looked up once, and what it could possibly be concerned by is kept as a few marks: a question
//! goes only to the members that carry its mark. A mark that is missing means that the answer is no.

use crate::{
    fleet::{ClusterState, Fleet, Link, Member, Rollout, Seat},
    record::{Assigned, MemberRecord, MemberState},
    terms::Terms,
};
use shared_model::{AppKey, ClusterName, HealthStatus, Mode, Observation, SyncPhase};

/// What a member may be concerned by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks(u16);

impl Marks {
    /// It has a record that counts, and a wave.
    pub(crate) const PLACED: Self = Self(1);
    /// Its place, or what it was told, may be out of date.
    pub(crate) const HOMELESS: Self = Self(1 << 1);
    /// It is not released.
    pub(crate) const WAITING: Self = Self(1 << 2);
    /// Its agent was told, and it is neither proven nor back.
    pub(crate) const TOLD: Self = Self(1 << 3);
    /// It is proven, and something speaks against it.
    pub(crate) const SHAKEN: Self = Self(1 << 4);
    /// It waits for what its agent was told before.
    pub(crate) const THERE: Self = Self(1 << 5);
    /// It waits for what was proven there last.
    pub(crate) const RETURNS: Self = Self(1 << 6);
    /// It is excused, or may run without a slot.
    pub(crate) const EXCUSED: Self = Self(1 << 7);
    /// A person chose another release in its cluster.
    pub(crate) const PINNED: Self = Self(1 << 8);
    /// Its agent runs what is not proven there.
    pub(crate) const UNPROVEN: Self = Self(1 << 9);
    /// Something about its cluster, its agent or itself may keep it from being told.
    pub(crate) const TROUBLED: Self = Self(1 << 10);
    /// It failed at least once.
    pub(crate) const FAILED: Self = Self(1 << 11);

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether it has one of those.
    pub(crate) const fn any(self, of: Self) -> bool {
        self.0 & of.0 != 0
    }

    fn set(&mut self, mark: Self, is: bool) {
        if is {
            self.0 |= mark.0;
        }
    }
}

/// One member and what is known of it before the plan, and what the plan made of it so far.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    pub(crate) app: &'a AppKey,
    pub(crate) member: &'a Member,
    pub(crate) cluster: Option<&'a ClusterState>,
    pub(crate) assigned: Option<&'a Assigned>,
    pub(crate) observed: Option<&'a Observation>,
    pub(crate) written: Option<Box<MemberRecord>>,
    pub(crate) told: Option<Box<Assigned>>,
    /// Whether the record is about what the member is now.
    current: bool,
}

impl<'a> Row<'a> {
    /// The record, whatever it is about.
    pub(crate) fn raw(&self) -> Option<&MemberRecord> {
        self.written.as_deref().or(self.member.record.as_ref())
    }

    /// The record, if it is about what the member is now and its wave exists.
    pub(crate) fn record(&self) -> Option<&MemberRecord> {
        self.raw().filter(|_| self.current)
    }

    pub(crate) fn assigned(&self) -> Option<&Assigned> {
        self.told.as_deref().or(self.assigned)
    }

    /// Whether this is about that seat.
    pub(crate) fn is(&self, cluster: &ClusterName, app: &AppKey) -> bool {
        *self.app == *app && self.member.cluster == *cluster
    }

    /// Looks at it again: at the start, and when the plan wrote something of it. `waves` is how many there are.
    pub(crate) fn mark(&mut self, terms: &Terms<'_>, waves: usize, fleet: &Fleet) -> Marks {
        let waves = waves.min(terms.waves.len());
        let member = self.member;
        self.current = self.raw().is_some_and(|record| {
            record.cluster == member.cluster
                && record.release == member.release
                && record.wave.is_none_or(|wave| wave < waves)
        });
        let mut marks = Marks::default();
        let assigned = self.assigned();
        let running = assigned.and_then(Assigned::running);
        let pinned = self.observed.is_some_and(|seen| seen.pin.is_some() && !seen.removed);
        marks.set(Marks::PINNED, pinned);
        marks.set(Marks::UNPROVEN, assigned.is_some_and(Assigned::is_unproven));
        marks.set(Marks::TROUBLED, pinned || self.is_troubled(terms, fleet));
        let Some(record) = self.record() else {
            marks.set(Marks::HOMELESS, true);
            return marks;
        };
        let lost = record.told().is_some_and(|told| running != Some(told));
        marks.set(Marks::PLACED, record.wave.is_some());
        marks.set(Marks::HOMELESS, record.wave.is_none() || lost);
        marks.set(Marks::EXCUSED, record.excused.is_some() || record.may_run);
        marks.set(Marks::FAILED, record.failures > 0);
        match record.state {
            MemberState::Waiting => {
                let runs = running.is_some_and(|(_, release)| release == member.release);
                let proof = assigned.and_then(|assigned| assigned.proof);
                marks.set(Marks::WAITING, true);
                marks.set(Marks::THERE, runs);
                marks.set(Marks::RETURNS, proof.is_some_and(|proof| proof.release == member.release));
            }
            MemberState::Released { .. } | MemberState::Failed { .. } | MemberState::Returning { .. } => {
                marks.set(Marks::TOLD, true);
            }
            MemberState::Proven { .. } => {
                marks.set(Marks::SHAKEN, self.observed.is_some_and(speaks_against));
            }
            MemberState::Returned { .. } => {}
        }
        marks
    }

    fn is_troubled(&self, terms: &Terms<'_>, fleet: &Fleet) -> bool {
        let cluster = self.cluster.is_none_or(|cluster| {
            cluster.link != Link::Connected
                || cluster.mode != Mode::Enforce
                || cluster.hold.is_some()
                || !cluster.pauses.is_empty()
        });
        cluster
            || !self.member.pauses.is_empty()
            || self.assigned.is_some_and(|assigned| assigned.adopted.is_some())
            || fleet.follows(self.assigned, self.observed).is_none()
            || terms.awaits_sync(self.member)
    }
}

/// Whether a report could take a proof away.
fn speaks_against(seen: &Observation) -> bool {
    seen.phase == SyncPhase::Failed
        || matches!(seen.health.status, HealthStatus::Degraded | HealthStatus::Missing)
}

/// The members of a rollout, in their order.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    pub(crate) rows: Vec<Row<'a>>,
    pub(crate) marks: Vec<Marks>,
}

impl<'a> Rows<'a> {
    /// Looks up what is known of every member.
    pub(crate) fn of(fleet: &'a Fleet, rollout: &'a Rollout, terms: &Terms<'_>, waves: usize) -> Self {
        let (mut assigned, mut observed) = (fleet.assigned.along(), fleet.observed.along());
        let mut clusters = fleet.clusters.range::<ClusterName, _>(..).peekable();
        let mut rows = Vec::with_capacity(rollout.members.len());
        let mut marks = Vec::with_capacity(rollout.members.len());
        for (app, member) in &rollout.members {
            let name = &member.cluster;
            // Applications are mostly named after their clusters, so that both are in the same order.
            if clusters.peek().is_none_or(|(next, _)| *next != name) {
                clusters.next();
            }
            if clusters.peek().is_none_or(|(next, _)| *next != name) {
                clusters = fleet.clusters.range::<ClusterName, _>(name..).peekable();
            }
            let cluster = clusters.peek().filter(|(next, _)| *next == name).map(|(_, state)| *state);
            let mut row = Row {
                app,
                member,
                cluster,
                assigned: assigned.find(name, app),
                observed: observed.find(name, app),
                written: None,
                told: None,
                current: false,
            };
            marks.push(row.mark(terms, waves, fleet));
            rows.push(row);
        }
        Self { rows, marks }
    }

    /// The plan told the seat something.
    pub(crate) fn told(
        &mut self,
        seat: &Seat,
        assigned: &Assigned,
        terms: &Terms<'_>,
        waves: usize,
        fleet: &Fleet,
    ) {
        let (cluster, app) = seat;
        let Ok(at) = self.rows.binary_search_by(|row| row.app.cmp(app)) else { return };
        let row = &mut self.rows[at];
        if row.member.cluster == *cluster {
            row.told = Some(Box::new(assigned.clone()));
            self.marks[at] = row.mark(terms, waves, fleet);
        }
    }
}
