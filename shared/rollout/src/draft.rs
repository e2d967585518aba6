//! The fleet while it is planned: as it is, and on top of that the steps so far.

use crate::{
    fleet::{ClusterState, Fleet, Member, Rollout, Seat},
    record::{Assigned, Head, MemberRecord, Phase},
    step::{Before, Change, Step},
    terms::{Terms, WaveTerms},
    wait::Wait,
};
use jiff::Timestamp;
use shared_model::{AppKey, ClusterName, LocalPin, Observation, Owner, Position};
use std::{collections::BTreeMap, ops::Range};

/// The earliest moment at which time alone changes a decision.
#[derive(Debug, Default)]
pub(crate) struct Wake(pub(crate) Option<(Timestamp, &'static str)>);

impl Wake {
    pub(crate) fn at(&mut self, at: Timestamp, why: &'static str) {
        if self.0.is_none_or(|(earliest, _)| at < earliest) {
            self.0 = Some((at, why));
        }
    }
}

/// The fleet while it is planned. Rollouts go by an index that counts through all lines.
#[derive(Debug)]
pub(crate) struct Draft<'a> {
    pub(crate) fleet: &'a Fleet,
    pub(crate) now: Timestamp,
    /// The rollouts of each line, oldest first.
    pub(crate) lines: Vec<Range<usize>>,
    pub(crate) terms: Vec<Terms<'a>>,
    pub(crate) steps: Vec<Step>,
    /// Why members that their wave would let go were not released.
    pub(crate) waits: BTreeMap<(usize, &'a AppKey), Wait>,
    rollouts: Vec<(&'a Owner, &'a Rollout)>,
    line_of: Vec<usize>,
    heads: Vec<Head>,
    records: BTreeMap<(usize, &'a AppKey), MemberRecord>,
    /// Assignments that the steps so far changed.
    seats: BTreeMap<Seat, Assigned>,
}

impl<'a> Draft<'a> {
    pub(crate) fn new(fleet: &'a Fleet, now: Timestamp) -> Self {
        let mut rollouts = Vec::new();
        let mut lines = Vec::new();
        let mut line_of = Vec::new();
        for (owner, line) in &fleet.lines {
            let first = rollouts.len();
            rollouts.extend(line.rollouts.iter().map(|rollout| (owner, rollout)));
            line_of.resize(rollouts.len(), lines.len());
            lines.push(first..rollouts.len());
        }
        Self {
            fleet,
            now,
            lines,
            terms: rollouts.iter().map(|(_, rollout)| Terms::of(&rollout.plan)).collect(),
            steps: Vec::new(),
            waits: BTreeMap::new(),
            heads: rollouts.iter().map(|(_, rollout)| rollout.head.clone()).collect(),
            records: BTreeMap::new(),
            seats: BTreeMap::new(),
            rollouts,
            line_of,
        }
    }

    pub(crate) fn rollout(&self, index: usize) -> &'a Rollout {
        self.rollouts[index].1
    }

    pub(crate) fn head(&self, index: usize) -> &Head {
        &self.heads[index]
    }

    /// The rollout that decides for a line now.
    pub(crate) fn lead(&self, line: &Range<usize>) -> Option<usize> {
        line.clone().rev().find(|index| self.heads[*index].phase.leads())
    }

    /// The rollout that may act for a line: its lead, unless that is done and a newer one is to start.
    pub(crate) fn acting(&self, line: &Range<usize>) -> Option<usize> {
        let lead = self.lead(line)?;
        let due = self.heads[lead].phase == Phase::Done
            && (lead..line.end)
                .rfind(|index| self.heads[*index].phase == Phase::Queued)
                .is_some_and(|latest| !crate::supersede::holds(self, Some(lead), latest));
        (!due).then_some(lead)
    }

    /// The line's lead while it goes from wave to wave.
    pub(crate) fn progressing(&self, line: &Range<usize>) -> Option<usize> {
        self.lead(line).filter(|lead| self.heads[*lead].phase == Phase::Progressing)
    }

    /// The line of an owner.
    pub(crate) fn line_named(&self, owner: &Owner) -> Option<usize> {
        let mut lines = self.fleet.lines.keys();
        lines.position(|named| named == owner)
    }

    /// The line of a rollout.
    pub(crate) fn line_of(&self, index: usize) -> &Range<usize> {
        &self.lines[self.line_of[index]]
    }

    /// Whether the rollout may act for its line.
    pub(crate) fn acts(&self, index: usize) -> bool {
        self.acting(self.line_of(index)) == Some(index)
    }

    pub(crate) fn owner(&self, index: usize) -> &'a Owner {
        self.rollouts[index].0
    }

    pub(crate) fn wave(&self, index: usize, wave: usize) -> &WaveTerms<'a> {
        &self.terms[index].waves[wave]
    }

    /// The member's record, whatever it is about.
    pub(crate) fn raw_record(&self, index: usize, app: &'a AppKey) -> Option<&MemberRecord> {
        let written = self.records.get(&(index, app));
        written.or_else(|| self.rollout(index).members.get(app)?.record.as_ref())
    }

    /// The member's record, if it is about what the member is now and its wave exists.
    pub(crate) fn record(&self, index: usize, app: &'a AppKey) -> Option<&MemberRecord> {
        let member = self.rollout(index).members.get(app)?;
        let waves = self.heads[index].waves.len().min(self.terms[index].waves.len());
        self.raw_record(index, app).filter(|record| {
            record.cluster == member.cluster
                && record.release == member.release
                && record.wave.is_none_or(|wave| wave < waves)
        })
    }

    /// The members with a current record and a wave.
    pub(crate) fn placed(
        &self,
        index: usize,
    ) -> impl Iterator<Item = (&'a AppKey, &'a Member, &MemberRecord, usize)> {
        self.rollout(index).members.iter().filter_map(move |(app, member)| {
            let record = self.record(index, app)?;
            Some((app, member, record, record.wave?))
        })
    }

    pub(crate) fn cluster(&self, name: &ClusterName) -> Option<&'a ClusterState> {
        self.fleet.clusters.get(name)
    }

    pub(crate) fn assigned(&self, cluster: &ClusterName, app: &AppKey) -> Option<&Assigned> {
        let seat = (cluster.clone(), app.clone());
        self.seats.get(&seat).or_else(|| self.fleet.assigned.get(&seat))
    }

    /// The position after everything that the seat's agent was told, by the steps so far too: it may be taken
    /// back and told what is newer in one plan. `None` as in [`Fleet::next_position`].
    pub(crate) fn position_after(&self, seat: &Seat) -> Option<Position> {
        let next = self.fleet.next_position(seat)?;
        Some(self.seats.get(seat).map_or(next, |told| next.max(told.position.next())))
    }

    /// How many applications of the cluster run an unproven release.
    pub(crate) fn unproven_on(&self, cluster: &ClusterName) -> usize {
        let first = (cluster.clone(), AppKey::new("", ""));
        let here = |seat: &Seat| seat.0 == *cluster;
        let changed = self.seats.range(first.clone()..).take_while(|(seat, _)| here(seat));
        let kept = self.fleet.assigned.range(first..).take_while(|(seat, _)| here(seat));
        let kept = kept.filter(|(seat, _)| !self.seats.contains_key(*seat));
        changed.chain(kept).filter(|(_, assigned)| assigned.is_unproven()).count()
    }

    pub(crate) fn observed(&self, cluster: &ClusterName, app: &AppKey) -> Option<&'a Observation> {
        self.fleet.observed.get(&(cluster.clone(), app.clone()))
    }

    /// Who chose another release for the member in the cluster itself.
    pub(crate) fn pin(&self, cluster: &ClusterName, app: &AppKey) -> Option<&'a LocalPin> {
        self.fleet.pin(&(cluster.clone(), app.clone()))
    }

    /// Whether the member's agent was told to run a release that is not proven there.
    pub(crate) fn runs_unproven(&self, cluster: &ClusterName, app: &AppKey) -> bool {
        self.assigned(cluster, app).is_some_and(Assigned::is_unproven)
    }

    /// Adds a step.
    pub(crate) fn step(&mut self, index: usize, change: Change) {
        let rollout = self.rollout(index);
        if let Some((app, member)) = change.app().and_then(|app| rollout.members.get_key_value(app)) {
            let before = Before {
                head: &self.heads[index],
                member,
                record: self.raw_record(index, app),
                assigned: self.assigned(&member.cluster, app),
            };
            let writes = before.after(&rollout.name, app, &change, self.now);
            if let Some((_, record)) = writes.record {
                self.records.insert((index, app), record);
            }
            self.seats.extend(writes.assigned);
            self.heads[index] = writes.head.unwrap_or_else(|| self.heads[index].clone());
        } else if let Some(head) = crate::step::head_after(&self.heads[index], &change, self.now) {
            self.heads[index] = head;
        }
        self.steps.push(Step { owner: self.owner(index).clone(), rollout: rollout.name.clone(), change });
    }
}
