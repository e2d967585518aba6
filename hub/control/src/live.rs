//! The fleet that is planned, kept up to date by what changed, and which of its lines are to be planned now.
//!
//! A line is planned when something that it looks at changed (an observation, a link, a record, a setting), when its
//! time has come, or when it is coupled with a line that is planned: by the limit per cluster, or by `dependsOn`.
//! What is not planned would come to the same as last time (invariant *Stable* of the planner).
//!
//! Invariants:
//! - after [`Live::refresh`] the fleet is what [`fleet::build`] makes of the same index: a property test holds them
//!   against each other;
//! - what was planned and not committed is built again from the index before the next plan.

use crate::{
    fleet::{self, Around},
    index::{Index, Part},
    line::Evaluation,
    windows::Calendar,
};
use hub_gateway::LinkState;
use jiff::{SignedDuration, Timestamp};
use shared_model::{AppKey, ClusterName, Observation, Owner, OwnerKind, fleet_rollout::PlanSpec};
use shared_rollout::{
    ClusterState, Fleet, Line, Link, Pause, Plan, Report, Violation, Wait, check_lines, plan_lines,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
};

/// How long a line is left alone whose plan broke an invariant, or is more than the store takes.
const AGAIN: SignedDuration = SignedDuration::from_secs(10);

/// The fleet, and what is to be done about it.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) fleet: Fleet,
    /// How each line stood when it was planned last.
    pub(crate) report: Report,
    parts: Vec<Part>,
    whole: bool,
    relinked: bool,
    /// Who is connected, as the fleet has it.
    pub(crate) links: BTreeMap<ClusterName, LinkState>,
    /// What these saw while they were away is not in the mirror yet.
    arriving: BTreeSet<ClusterName>,
    generation: u64,
    stale: BTreeSet<Owner>,
    dirty: BTreeSet<Owner>,
    /// Lines beside its own that have an Application as a member.
    strangers: BTreeMap<AppKey, BTreeSet<Owner>>,
    /// Lines in which somebody waits for the limit of a cluster.
    limited: BTreeSet<Owner>,
    /// Lines with paused Applications.
    paused: BTreeSet<Owner>,
    /// Lines whose plan could not be stored, and until when they are left alone.
    left: BTreeMap<Owner, Timestamp>,
}

/// What was decided for some lines.
#[derive(Debug)]
pub(crate) struct Decided {
    pub(crate) owners: BTreeSet<Owner>,
    pub(crate) plan: Plan,
    /// What would have broken an invariant, and was dropped.
    pub(crate) violations: Vec<Violation>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            fleet: Fleet::default(),
            report: Report::default(),
            parts: Vec::new(),
            whole: true,
            relinked: true,
            links: BTreeMap::new(),
            arriving: BTreeSet::new(),
            generation: 0,
            stale: BTreeSet::new(),
            dirty: BTreeSet::new(),
            strangers: BTreeMap::new(),
            limited: BTreeSet::new(),
            paused: BTreeSet::new(),
            left: BTreeMap::new(),
        }
    }
}

impl Live {
    /// These parts changed in the index.
    pub(crate) fn changed(&mut self, parts: Vec<Part>) {
        if !self.whole {
            self.parts.extend(parts);
        }
    }

    /// The line's members, or whether they are known, changed.
    pub(crate) fn evaluated(&mut self, owner: Owner) {
        self.stale.insert(owner);
    }

    /// Somebody came or went.
    pub(crate) const fn relinked(&mut self) {
        self.relinked = true;
    }

    /// Nothing of it holds any more.
    pub(crate) fn forget(&mut self) {
        self.whole = true;
        self.parts = Vec::new();
    }

    /// What was planned did not go through: whatever it touched is as the index says.
    pub(crate) fn undo(&mut self, plan: &Plan) {
        for step in &plan.steps {
            self.stale.insert(step.owner.clone());
            self.dirty.insert(step.owner.clone());
            let line = self.fleet.lines.get(&step.owner);
            let members = line.and_then(|line| line.get(&step.rollout)).map(|rollout| &rollout.members);
            if let Some((app, member)) =
                step.change.app().and_then(|app| members.and_then(|members| members.get_key_value(app)))
            {
                self.parts.push(Part::Assigned((member.cluster.clone(), app.clone())));
            }
        }
    }

    /// The line's plan is more than the store takes: it is left alone for a while, so that the others go on.
    pub(crate) fn leave(&mut self, owner: &Owner, why: &str, now: Timestamp) {
        self.left.insert(owner.clone(), now + AGAIN);
        let first = (owner.clone(), shared_model::RolloutName::new(""));
        let its = self.report.rollouts.range_mut(first..).take_while(|((its, _), _)| its == owner);
        for (_, listed) in its {
            listed.notes.push(format!("nothing of it is planned, because it cannot be stored: {why}"));
        }
    }

    /// When time alone changes something next.
    pub(crate) fn wake(&self) -> Option<Timestamp> {
        self.report.wakes.values().map(|(at, _)| *at).min()
    }

    /// Whether something is known to be planned.
    pub(crate) fn is_dirty(&self) -> bool {
        self.whole || !self.dirty.is_empty() || !self.stale.is_empty() || !self.parts.is_empty()
    }

    /// Takes what changed over from the index.
    pub(crate) fn refresh(
        &mut self,
        index: &Index,
        (evaluations, since): (&BTreeMap<Owner, Evaluation>, Timestamp),
        calendar: &mut Calendar,
        links: impl FnOnce() -> BTreeMap<ClusterName, LinkState>,
        now: Timestamp,
    ) {
        let mut clusters = mem::take(&mut self.arriving);
        let mut links_now = mem::take(&mut self.links);
        if mem::take(&mut self.relinked) {
            let before = mem::replace(&mut links_now, links());
            let other = links_now.iter().filter(|(name, state)| before.get(*name) != Some(*state));
            clusters.extend(other.map(|(name, _)| name.clone()));
            clusters.extend(before.into_keys().filter(|name| !links_now.contains_key(name)));
        }
        let links = links_now;
        let over = |state: &ClusterState| {
            let mut ends = state.pauses.iter().filter(|pause| !pause.local).filter_map(|pause| pause.until);
            ends.any(|until| until <= now)
        };
        let over = self.fleet.clusters.iter().filter(|(_, state)| over(state));
        clusters.extend(over.map(|(name, _)| name.clone()));
        let around = Around { evaluations, links: &links, since };
        calendar.refresh(index);
        let parts = mem::take(&mut self.parts);
        let other = self.generation != calendar.generation();
        if mem::take(&mut self.whole) || other || parts.contains(&Part::Whole) {
            self.generation = calendar.generation();
            self.build(index, &around, calendar, now);
        } else {
            self.patch(index, &around, calendar, (parts, clusters), now);
        }
        self.links = links;
    }

    /// Takes over what changed, and nothing else.
    fn patch(
        &mut self,
        index: &Index,
        around: &Around<'_>,
        calendar: &mut Calendar,
        (parts, mut clusters): (Vec<Part>, BTreeSet<ClusterName>),
        now: Timestamp,
    ) {
        for part in parts {
            let told = self.take(index, part);
            clusters.extend(told);
        }
        self.stale.extend(self.paused_otherwise(&clusters, now));
        self.stand(index, around, clusters, now);
        for owner in mem::take(&mut self.stale) {
            self.line(index, around, calendar, owner, now);
        }
        let sets = calendar.sets();
        if self.fleet.windows.len() != sets.len() {
            self.fleet.windows = sets;
        }
    }

    fn build(&mut self, index: &Index, around: &Around<'_>, calendar: &mut Calendar, now: Timestamp) {
        self.fleet = fleet::build(index, around, calendar, now);
        self.stale.clear();
        self.dirty = self.fleet.lines.keys().cloned().collect();
        self.report = Report::default();
        self.limited.clear();
        self.strangers.clear();
        self.paused.clear();
        let owners: Vec<Owner> = self.fleet.lines.keys().cloned().collect();
        for owner in owners {
            self.note_members(index, &owner);
        }
        let arriving = around.links.iter().filter(|(_, known)| known.arrived > index.revision);
        self.arriving = arriving.map(|(name, _)| name.clone()).collect();
    }

    /// Takes one part over; answers the cluster that is to be looked at.
    fn take(&mut self, index: &Index, part: Part) -> Option<ClusterName> {
        match part {
            Part::Observed(seat) => {
                let new = index.observed.get(&seat);
                let old = self.fleet.observed.get(&seat);
                if says_the_same(old, new) && self.is_connected(&seat.0) {
                    if let Some(new) = new {
                        self.fleet.observed.insert(seat, new.clone());
                    }
                    return None;
                }
                self.concerned(index, &seat.1);
                match new {
                    Some(new) => drop(self.fleet.observed.insert(seat, new.clone())),
                    None => drop(self.fleet.observed.remove(&seat)),
                }
                None
            }
            Part::Assigned(seat) => {
                let new = index.assigned.get(&seat).map(|(assigned, _)| assigned);
                if self.fleet.assigned.get(&seat) != new {
                    self.concerned(index, &seat.1);
                    match new {
                        Some(new) => drop(self.fleet.assigned.insert(seat.clone(), new.clone())),
                        None => drop(self.fleet.assigned.remove(&seat)),
                    }
                }
                // Whether a cluster that is away was ever told anything says since when it is.
                Some(seat.0)
            }
            Part::Member(ns, name, app) => {
                let key = (ns, name);
                let record = index.records.get(&key).and_then(|records| records.get(&app));
                let owner = index.rollouts.get(&key).map(|rollout| rollout.spec.owner.clone())?;
                let line = self.fleet.lines.get_mut(&owner);
                let rollout = line.and_then(|line| line.get_mut(&key.1));
                let member = rollout.and_then(|rollout| rollout.members.get_mut(&app))?;
                if member.record.as_ref() != record.map(|(record, _)| record) {
                    member.record = record.map(|(record, _)| record.clone());
                    self.dirty.insert(owner);
                }
                None
            }
            Part::Head(ns, name) => {
                let key = (ns, name);
                let head = index.heads.get(&key).map(|(head, _)| head.clone()).unwrap_or_default();
                let owner = index.rollouts.get(&key).map(|rollout| rollout.spec.owner.clone())?;
                let line = self.fleet.lines.get_mut(&owner);
                let known = line.and_then(|line| line.get_mut(&key.1));
                // A head that ends may end what keeps a line from being known.
                if known.is_none_or(|known| known.head != head) {
                    self.stale.insert(owner);
                }
                None
            }
            Part::Line(owner) => {
                self.stale.insert(owner);
                None
            }
            Part::Application(app) => {
                self.stale.extend(self.strangers.get(&app).into_iter().flatten().cloned());
                None
            }
            Part::Cluster(cluster) => Some(cluster),
            Part::Whole => None,
        }
    }

    fn is_connected(&self, cluster: &ClusterName) -> bool {
        self.fleet.clusters.get(cluster).is_some_and(|state| state.link == Link::Connected)
    }

    /// The lines that look at the application are to be planned.
    fn concerned(&mut self, index: &Index, app: &AppKey) {
        self.dirty.extend(index.line_of(app));
        self.dirty.extend(self.strangers.get(app).into_iter().flatten().cloned());
        // A line whose Application is gone still counts what its agent runs.
        if index.line_of(app).is_none() {
            self.dirty
                .extend(self.fleet.lines.keys().filter(|owner| owner.namespace == *app.namespace).cloned());
        }
    }

    /// Lines with a paused Application whose pause is over, or whose agent may have taken notice of it.
    fn paused_otherwise(&self, clusters: &BTreeSet<ClusterName>, now: Timestamp) -> Vec<Owner> {
        let lines = self.paused.iter().filter_map(|owner| self.fleet.lines.get_key_value(owner));
        let otherwise = lines.filter(|(_, line)| {
            let mut members = line.rollouts.iter().flat_map(|rollout| rollout.members.values());
            members.any(|member| {
                let over = |pause: &Pause| pause.until.is_some_and(|until| until <= now);
                !member.pauses.is_empty()
                    && (clusters.contains(&member.cluster) || member.pauses.iter().any(over))
            })
        });
        otherwise.map(|(owner, _)| owner.clone()).collect()
    }

    /// Looks at how clusters stand.
    fn stand(&mut self, index: &Index, around: &Around<'_>, clusters: BTreeSet<ClusterName>, now: Timestamp) {
        let mut other = BTreeSet::new();
        for name in clusters {
            let Some(cluster) = index.clusters.get(&name) else { continue };
            if around.links.get(&name).is_some_and(|known| known.arrived > index.revision) {
                self.arriving.insert(name.clone());
            }
            let state = fleet::standing(index, around, cluster, now);
            if self.fleet.clusters.get(&name) != Some(&state) {
                self.fleet.clusters.insert(name.clone(), state);
                other.insert(name);
            }
        }
        if other.is_empty() {
            return;
        }
        for (owner, line) in &self.fleet.lines {
            let mut members = line.rollouts.iter().flat_map(|rollout| rollout.members.values());
            if members.any(|member| other.contains(&member.cluster)) {
                self.dirty.insert(owner.clone());
            }
        }
    }

    /// Builds a line anew.
    fn line(
        &mut self,
        index: &Index,
        around: &Around<'_>,
        calendar: &mut Calendar,
        owner: Owner,
        now: Timestamp,
    ) {
        let evaluation = around.evaluations.get(&owner);
        let line =
            evaluation.and_then(|evaluation| fleet::line(index, around, calendar, (&owner, evaluation), now));
        if self.fleet.lines.get(&owner) == line.as_ref() {
            return;
        }
        match line {
            Some(line) => {
                self.fleet.lines.insert(owner.clone(), line);
            }
            None => {
                self.fleet.lines.remove(&owner);
                self.unsay(&owner);
            }
        }
        self.note_members(index, &owner);
        self.dirty.insert(owner);
    }

    fn note_members(&mut self, index: &Index, owner: &Owner) {
        let members = |line: &Line| {
            let mut members = line.rollouts.iter().flat_map(|rollout| rollout.members.values());
            members.any(|member| !member.pauses.is_empty())
        };
        if self.fleet.lines.get(owner).is_some_and(members) {
            self.paused.insert(owner.clone());
        } else {
            self.paused.remove(owner);
        }
        self.strangers.retain(|_, owners| {
            owners.remove(owner);
            !owners.is_empty()
        });
        let line = self.fleet.lines.get(owner);
        for app in line.into_iter().flat_map(|line| &line.rollouts).flat_map(|rollout| rollout.members.keys())
        {
            if !index.belongs(app, owner) {
                self.strangers.entry(app.clone()).or_default().insert(owner.clone());
            }
        }
    }

    /// Plans the lines that are due. What breaks an invariant is dropped with its line; the others go on.
    pub(crate) fn decide(&mut self, now: Timestamp) -> Decided {
        let mut owners = mem::take(&mut self.dirty);
        let woken = self.report.wakes.iter().filter(|(_, (at, _))| *at <= now);
        owners.extend(woken.map(|(owner, _)| owner.clone()));
        self.couple(&mut owners);
        self.left.retain(|_, until| *until > now && until.duration_since(now) <= AGAIN);
        for (owner, until) in &self.left {
            if owners.remove(owner) {
                self.report
                    .wakes
                    .insert(owner.clone(), (*until, "a plan that could not be stored is made again"));
            }
        }
        let (mut plan, mut report) = plan_lines(&self.fleet, &owners, now);
        let mut violations = Vec::new();
        let mut judged = owners.clone();
        loop {
            let found = check_lines(&mut self.fleet, &judged, &plan, &report, now);
            let refused: BTreeSet<Owner> = found.iter().map(|violation| violation.owner.clone()).collect();
            if refused.is_empty() {
                break;
            }
            // Others may have counted on what these would have freed: they are judged again without it.
            plan.steps.retain(|step| !refused.contains(&step.owner));
            plan.wake = plan.wake.filter(|(at, _)| *at > now);
            judged.retain(|owner| !refused.contains(owner));
            for ((_, name), listed) in &mut report.rollouts {
                for violation in found.iter().filter(|violation| violation.rollout == *name) {
                    listed.notes.push(format!(
                        "nothing of it is planned, because of a defect to be reported: {violation}"
                    ));
                }
            }
            let again = (now + AGAIN, "a plan that was refused is made again");
            report.wakes.extend(refused.into_iter().map(|owner| (owner, again)));
            violations.extend(found);
        }
        for owner in &owners {
            self.unsay(owner);
        }
        self.report.rollouts.append(&mut report.rollouts);
        self.report.wakes.append(&mut report.wakes);
        if self.fleet.max_per_cluster.is_some() {
            self.note_limited(&owners);
        }
        Decided { owners, plan, violations }
    }

    /// Forgets how a line stood.
    fn unsay(&mut self, owner: &Owner) {
        let Report { rollouts, wakes } = &mut self.report;
        let first = (owner.clone(), shared_model::RolloutName::new(""));
        let names: Vec<_> =
            rollouts.range(first..).map(|(key, _)| key.clone()).take_while(|(its, _)| its == owner).collect();
        for name in names {
            rollouts.remove(&name);
        }
        wakes.remove(owner);
    }

    /// Adds the lines that are coupled with these.
    fn couple(&self, owners: &mut BTreeSet<Owner>) {
        if owners.is_empty() {
            return;
        }
        owners.extend(self.limited.iter().cloned());
        loop {
            let waiting = self.fleet.lines.iter().filter(|(owner, line)| {
                !owners.contains(*owner)
                    && line.rollouts.iter().any(|rollout| match &rollout.plan {
                        PlanSpec::Policy(policy) => policy.depends_on.iter().any(|set| {
                            let first = Owner {
                                kind: OwnerKind::ApplicationSet,
                                namespace: owner.namespace.clone(),
                                name: set.clone(),
                            };
                            owners.contains(&first)
                        }),
                        PlanSpec::Immediate | PlanSpec::RollingSync(_) => false,
                    })
            });
            let waiting: Vec<Owner> = waiting.map(|(owner, _)| owner.clone()).collect();
            if waiting.is_empty() {
                break;
            }
            owners.extend(waiting);
        }
    }

    fn note_limited(&mut self, owners: &BTreeSet<Owner>) {
        self.limited.retain(|owner| !owners.contains(owner));
        for ((owner, _), listed) in &self.report.rollouts {
            let waits = |wait: &Wait| matches!(wait, Wait::ClusterLimit { .. });
            if owners.contains(owner) && listed.waits.values().any(|wait| waits(wait)) {
                self.limited.insert(owner.clone());
            }
        }
    }
}

/// Whether two reports say the same, as far as anything is decided from them.
fn says_the_same(old: Option<&Observation>, new: Option<&Observation>) -> bool {
    let (Some(old), Some(new)) = (old, new) else { return false };
    old.position == new.position
        && old.release == new.release
        && old.phase == new.phase
        && old.message == new.message
        && old.health == new.health
        && old.removed == new.removed
        && old.pin == new.pin
        && old.healthy_since == new.healthy_since
}

#[cfg(test)]
mod tests;
