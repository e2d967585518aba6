//! The fleet while it is planned: as it is, and on top of that the steps so far.

use crate::{
    fleet::{ClusterState, Fleet, Line, Member, Rollout, Seat},
    gate::{self, Tally},
    record::{Assigned, Head, MemberRecord, Phase},
    rows::{Marks, Row, Rows},
    step::{Before, Change, Step},
    terms::{Terms, WaveTerms},
    wait::Wait,
};
use jiff::Timestamp;
use shared_model::{
    AppKey, ClusterName, LocalPin, Observation, Owner, OwnerKind, Position, fleet_rollout::PlanSpec,
};
use std::{
    cell::{Cell, OnceCell},
    collections::{BTreeMap, BTreeSet},
    ops::Range,
    sync::Arc,
};

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
    /// The rollouts of each line, oldest first. First those that are planned, then those that they depend on.
    pub(crate) lines: Vec<Range<usize>>,
    pub(crate) terms: Vec<Terms<'a>>,
    pub(crate) steps: Vec<Step>,
    planned: usize,
    line_named: BTreeMap<&'a Owner, usize>,
    rollouts: Vec<(&'a Owner, &'a Rollout)>,
    line_of: Vec<usize>,
    heads: Vec<Head>,
    /// What is known of the members of each rollout, once somebody asks.
    rows: Vec<OnceCell<Rows<'a>>>,
    /// How the waves of each rollout stand, until a step changes it.
    tallies: Vec<OnceCell<Vec<Tally<'a>>>>,
    /// Why members that their wave would let go were not released.
    refused: Vec<Vec<Option<Arc<Wait>>>>,
    /// Assignments of a line that are not proven before the plan.
    unproven: Vec<OnceCell<Vec<&'a Seat>>>,
    /// The member that was asked for last: whoever is asked for next is mostly the same, or the one after.
    last: Cell<(usize, usize)>,
    /// Assignments that the steps so far changed.
    seats: BTreeMap<Seat, Assigned>,
}

impl<'a> Draft<'a> {
    /// A draft for the lines of these owners; of all for `None`.
    pub(crate) fn new(fleet: &'a Fleet, owners: Option<&BTreeSet<Owner>>, now: Timestamp) -> Self {
        let mut lines: Vec<(&'a Owner, &'a Line)> = match owners {
            None => fleet.lines.iter().collect(),
            Some(owners) => owners.iter().filter_map(|owner| fleet.lines.get_key_value(owner)).collect(),
        };
        let planned = lines.len();
        let mut line_named: BTreeMap<&'a Owner, usize> =
            lines.iter().enumerate().map(|(line, (owner, _))| (*owner, line)).collect();
        let mut next = 0;
        while let Some((owner, line)) = lines.get(next).copied() {
            for set in line.rollouts.iter().flat_map(|rollout| depends_on(&rollout.plan)) {
                let set = Owner { name: set.clone(), kind: OwnerKind::ApplicationSet, ..owner.clone() };
                if let Some((owner, line)) = fleet.lines.get_key_value(&set)
                    && !line_named.contains_key(owner)
                {
                    line_named.insert(owner, lines.len());
                    lines.push((owner, line));
                }
            }
            next += 1;
        }
        let mut draft = Self {
            fleet,
            now,
            lines: Vec::new(),
            terms: Vec::new(),
            steps: Vec::new(),
            planned,
            line_named,
            rollouts: Vec::new(),
            line_of: Vec::new(),
            heads: Vec::new(),
            rows: Vec::new(),
            tallies: Vec::new(),
            refused: Vec::new(),
            unproven: Vec::new(),
            last: Cell::default(),
            seats: BTreeMap::new(),
        };
        for (owner, line) in lines {
            let first = draft.rollouts.len();
            for rollout in &line.rollouts {
                draft.rollouts.push((owner, rollout));
                draft.line_of.push(draft.lines.len());
                draft.terms.push(Terms::of(&rollout.plan));
                draft.heads.push(rollout.head.clone());
                draft.rows.push(OnceCell::new());
                draft.tallies.push(OnceCell::new());
                draft.refused.push(Vec::new());
            }
            draft.lines.push(first..draft.rollouts.len());
            draft.unproven.push(OnceCell::new());
        }
        draft
    }

    /// The lines that are planned.
    pub(crate) fn planned(&self) -> Vec<Range<usize>> {
        self.lines[..self.planned].to_vec()
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
        self.line_named.get(owner).copied()
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

    /// What is known of the members of a rollout.
    fn rows(&self, index: usize) -> &Rows<'a> {
        self.rows[index].get_or_init(|| {
            let (terms, waves) = (&self.terms[index], self.heads[index].waves.len());
            let mut rows = Rows::of(self.fleet, self.rollout(index), terms, waves);
            for (seat, assigned) in &self.seats {
                rows.told(seat, assigned, terms, waves, self.fleet);
            }
            rows
        })
    }

    /// Where the member is among those of its rollout.
    fn place_of(&self, index: usize, app: &AppKey) -> Option<usize> {
        const AHEAD: usize = 4;
        let rows = &self.rows(index).rows;
        let (of, last) = self.last.get();
        let near = rows.iter().enumerate().skip(if of == index { last } else { 0 }).take(AHEAD);
        let near = near.filter(|(_, row)| std::ptr::eq(row.app, app)).map(|(at, _)| at).next();
        let at = near.or_else(|| rows.binary_search_by(|row| row.app.cmp(app)).ok())?;
        self.last.set((index, at));
        Some(at)
    }

    fn row(&self, index: usize, app: &AppKey) -> Option<&Row<'a>> {
        self.place_of(index, app).map(|at| &self.rows(index).rows[at])
    }

    /// What is known of a seat, if it is that of a member of the rollout that was asked about last.
    fn seat(&self, cluster: &ClusterName, app: &AppKey) -> Option<&Row<'a>> {
        let (index, last) = self.last.get();
        let rows = &self.rows.get(index)?.get()?.rows;
        if let Some(row) = rows.get(last).filter(|row| row.is(cluster, app)) {
            return Some(row);
        }
        self.row(index, app).filter(|row| row.is(cluster, app))
    }

    /// The member, of a rollout whose members were looked up.
    pub(crate) fn member(&self, index: usize, app: &AppKey) -> Option<&'a Member> {
        let known = self.rows[index].get().and_then(|_| Some(self.row(index, app)?.member));
        known.or_else(|| self.rollout(index).members.get(app))
    }

    /// The member's record, whatever it is about.
    pub(crate) fn raw_record(&self, index: usize, app: &AppKey) -> Option<&MemberRecord> {
        self.row(index, app)?.raw()
    }

    /// The member's record, if it is about what the member is now and its wave exists.
    pub(crate) fn record(&self, index: usize, app: &AppKey) -> Option<&MemberRecord> {
        self.row(index, app)?.record()
    }

    /// All members.
    pub(crate) fn every(&self, index: usize) -> impl Iterator<Item = &Row<'a>> {
        let rows = self.rows(index).rows.iter().enumerate();
        rows.map(move |(at, row)| {
            self.last.set((index, at));
            row
        })
    }

    /// The members with one of these marks.
    pub(crate) fn marked(&self, index: usize, marks: Marks) -> impl Iterator<Item = (Marks, &Row<'a>)> {
        let rows = self.rows(index);
        let marked = rows.marks.iter().enumerate().filter(move |(_, its)| its.any(marks));
        marked.map(move |(at, its)| {
            self.last.set((index, at));
            (*its, &rows.rows[at])
        })
    }

    /// The members with a current record and a wave.
    pub(crate) fn placed(
        &self,
        index: usize,
    ) -> impl Iterator<Item = (&'a AppKey, &'a Member, &MemberRecord, usize)> {
        self.placed_with(index, Marks::PLACED)
    }

    /// Those of them that have one of these marks.
    pub(crate) fn placed_with(
        &self,
        index: usize,
        marks: Marks,
    ) -> impl Iterator<Item = (&'a AppKey, &'a Member, &MemberRecord, usize)> {
        self.marked(index, marks).filter_map(|(_, row)| {
            let record = row.record()?;
            Some((row.app, row.member, record, record.wave?))
        })
    }

    /// The members with a current record and a wave whose agents ran what is not proven there before the plan.
    /// Of a rollout that does not lead there are few, so that all the others are not looked at.
    pub(crate) fn unproven(
        &self,
        index: usize,
    ) -> impl Iterator<Item = (&'a AppKey, &'a Member, MemberRecord, usize)> {
        let members = &self.rollout(index).members;
        let waves = self.heads[index].waves.len().min(self.terms[index].waves.len());
        let seats = self.unproven_of(self.line_of[index]);
        seats.iter().filter_map(move |(cluster, app)| {
            let (app, member) =
                members.get_key_value(app).filter(|(_, member)| member.cluster == *cluster)?;
            let written = self.rows[index].get().and_then(|_| self.row(index, app)?.written.as_deref());
            let record = written
                .or(member.record.as_ref())
                .filter(|record| record.cluster == member.cluster && record.release == member.release)?;
            let wave = record.wave.filter(|wave| *wave < waves)?;
            Some((app, member, record.clone(), wave))
        })
    }

    fn unproven_of(&self, line: usize) -> &[&'a Seat] {
        self.unproven[line].get_or_init(|| {
            let rollouts = || self.rollouts[self.lines[line].clone()].iter().map(|(_, rollout)| rollout);
            let first = rollouts().filter_map(|rollout| rollout.members.keys().next()).min();
            let last = rollouts().filter_map(|rollout| rollout.members.keys().next_back()).max();
            let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
            let between = self.fleet.assigned.between(first, last);
            between.filter(|(_, assigned)| assigned.is_unproven()).map(|(seat, _)| seat).collect()
        })
    }

    /// How the waves of a rollout stand.
    pub(crate) fn tally(&self, index: usize) -> &[Tally<'a>] {
        self.tallies[index].get_or_init(|| gate::tally(self, index))
    }

    /// Why members were not released is found out anew.
    pub(crate) fn refuse_nobody(&mut self) {
        self.refused.iter_mut().for_each(Vec::clear);
    }

    /// The member is not released because of this.
    pub(crate) fn refuse(&mut self, index: usize, app: &AppKey, wait: Arc<Wait>) {
        let Some(at) = self.place_of(index, app) else { return };
        let refused = &mut self.refused[index];
        if refused.len() <= at {
            refused.resize(at + 1, None);
        }
        refused[at] = Some(wait);
    }

    /// Why the member was not released.
    pub(crate) fn refusal(&self, index: usize, app: &AppKey) -> Option<&Arc<Wait>> {
        let at = self.place_of(index, app)?;
        self.refused[index].get(at)?.as_ref()
    }

    pub(crate) fn cluster(&self, name: &ClusterName) -> Option<&'a ClusterState> {
        let (index, last) = self.last.get();
        let row = self.rows.get(index).and_then(|rows| rows.get()?.rows.get(last));
        match row.filter(|row| row.member.cluster == *name) {
            Some(row) => row.cluster,
            None => self.fleet.clusters.get(name),
        }
    }

    pub(crate) fn assigned(&self, cluster: &ClusterName, app: &AppKey) -> Option<&Assigned> {
        if let Some(row) = self.seat(cluster, app) {
            return row.assigned();
        }
        let written = self.seats.get(&(cluster.clone(), app.clone()));
        written.or_else(|| self.fleet.assigned.at(cluster, app))
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
        let changed = self.seats.range(first..).take_while(|(seat, _)| seat.0 == *cluster);
        let kept = self.fleet.assigned.on(cluster);
        let kept = kept.filter(|(app, _)| !self.seats.contains_key(&(cluster.clone(), (*app).clone())));
        // What a person pinned runs what they chose, and counts for nobody's limit.
        let counts =
            |app: &AppKey, assigned: &Assigned| assigned.is_unproven() && self.pin(cluster, app).is_none();
        let changed = changed.filter(|((_, app), assigned)| counts(app, assigned)).count();
        changed + kept.filter(|(app, assigned)| counts(app, assigned)).count()
    }

    pub(crate) fn observed(&self, cluster: &ClusterName, app: &AppKey) -> Option<&'a Observation> {
        match self.seat(cluster, app) {
            Some(row) => row.observed,
            None => self.fleet.observed.at(cluster, app),
        }
    }

    /// The position after everything that the seat's agent was told before the plan, or told us.
    pub(crate) fn next_position(&self, cluster: &ClusterName, app: &AppKey) -> Option<Position> {
        match self.seat(cluster, app) {
            Some(row) => self.fleet.follows(row.assigned, row.observed),
            None => {
                self.fleet.follows(self.fleet.assigned.at(cluster, app), self.fleet.observed.at(cluster, app))
            }
        }
    }

    /// Who chose another release for the member in the cluster itself.
    pub(crate) fn pin(&self, cluster: &ClusterName, app: &AppKey) -> Option<&'a LocalPin> {
        self.observed(cluster, app).filter(|seen| !seen.removed)?.pin.as_ref()
    }

    /// Whether the member's agent was told to run a release that is not proven there.
    pub(crate) fn runs_unproven(&self, cluster: &ClusterName, app: &AppKey) -> bool {
        self.assigned(cluster, app).is_some_and(Assigned::is_unproven)
    }

    /// Adds a step.
    pub(crate) fn step(&mut self, index: usize, change: Change) {
        let rollout = self.rollout(index);
        let waves = self.heads[index].waves.len();
        if let Some((app, member)) = change.app().and_then(|app| rollout.members.get_key_value(app)) {
            let before = Before {
                head: &self.heads[index],
                member,
                record: self.raw_record(index, app),
                assigned: self.assigned(&member.cluster, app),
            };
            let writes = before.after(&rollout.name, app, &change, self.now);
            if let Some(head) = writes.head {
                self.heads[index] = head;
            }
            if let Some((_, record)) = writes.record {
                self.write(index, app, |row| row.written = Some(Box::new(record)));
            }
            if let Some((seat, assigned)) = writes.assigned {
                for other in self.line_of(index).clone() {
                    let waves = self.heads[other].waves.len();
                    if let Some(rows) = self.rows[other].get_mut() {
                        rows.told(&seat, &assigned, &self.terms[other], waves, self.fleet);
                    }
                }
                self.seats.insert(seat, assigned);
            }
        } else if let Some(head) = crate::step::head_after(&self.heads[index], &change, self.now) {
            self.heads[index] = head;
        }
        if self.heads[index].waves.len() != waves {
            self.look_again(index);
        }
        self.tallies[index] = OnceCell::new();
        self.steps.push(Step { owner: self.owner(index).clone(), rollout: rollout.name.clone(), change });
    }

    fn write(&mut self, index: usize, app: &AppKey, change: impl FnOnce(&mut Row<'a>)) {
        let Some(at) = self.place_of(index, app) else { return };
        let waves = self.heads[index].waves.len();
        if let Some(rows) = self.rows[index].get_mut() {
            change(&mut rows.rows[at]);
            rows.marks[at] = rows.rows[at].mark(&self.terms[index], waves, self.fleet);
        }
    }

    /// Its waves are others than before.
    fn look_again(&mut self, index: usize) {
        let waves = self.heads[index].waves.len();
        if let Some(rows) = self.rows[index].get_mut() {
            for (row, marks) in rows.rows.iter_mut().zip(&mut rows.marks) {
                *marks = row.mark(&self.terms[index], waves, self.fleet);
            }
        }
    }
}

/// The sets that go before a rollout.
fn depends_on(plan: &PlanSpec) -> &[String] {
    match plan {
        PlanSpec::Policy(policy) => &policy.depends_on,
        PlanSpec::Immediate | PlanSpec::RollingSync(_) => &[],
    }
}
