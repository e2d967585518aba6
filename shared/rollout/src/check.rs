//! An independent linter of plans: which invariants of the design a plan would break.
//!
//! It walks the plan's steps over a copy of the fleet and looks at each with its own eyes: it shares
//! with the planner the types and what a step writes, and none of the reasoning. A violation is a
//! bug in the planner, never a user's mistake; whoever commits plans refuses one that has any.
//!
//! What it does not judge: whether a plan does enough, or in the best order.

mod back;
mod closed;
mod releases;
mod turns;
mod view;

use crate::{
    Assigned, Change, Excuse, Fleet, Head, MemberRecord, MemberState, Phase, Plan, Report, Rollout, Seat,
    Step, Wait, apply_step,
};
use jiff::Timestamp;
use releases::Counts;
use shared_model::{AppKey, Owner, RolloutName, fleet_rollout::PlanSpec, policy::WaitOrSkip};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};
use view::View;

/// The invariants, as the design names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// 1. Nothing is released to a wave before the waves before it are proven.
    ProvenFirst,
    /// 2. No more than the limits is released and not proven at once.
    BlastRadius,
    /// 3. A wave ships what its rollout froze.
    Pinned,
    /// 4. Past its failures a rollout releases nothing more.
    Halt,
    /// 5. Nothing is released to a paused or held cluster.
    Pause,
    /// 6. Positions only grow, and an agent ahead of the store is left alone.
    NeverBackwards,
    /// 7. What is recorded as released is what the agent is told to heal to.
    HealAlways,
    /// 8. What goes is staged too; judged by [`crate::removal`], never by [`check`].
    DeletesStaged,
    /// 9. A plan changes something with every step, and nothing twice.
    Stable,
    /// 10. Everything that waits says why.
    Explained,
}

/// An invariant that a plan would break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The invariant.
    pub rule: Rule,
    /// Whose line is concerned.
    pub owner: Owner,
    /// The rollout concerned.
    pub rollout: RolloutName,
    /// The step, from 0; `None` when it is about the plan as a whole.
    pub step: Option<usize>,
    /// What would happen, as a sentence without a full stop.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: rollout {}: {}", self.rule, self.rollout, self.message)
    }
}

/// What the plan breaks, in the order of its steps; empty for every plan that may be committed.
pub fn check(fleet: &Fleet, plan: &Plan, report: &Report, now: Timestamp) -> Vec<Violation> {
    let owners = fleet.lines.keys().cloned().collect();
    check_lines(&mut fleet.clone(), &owners, plan, report, now)
}

/// As [`check`], of a plan for the lines of these owners only. Walks over `fleet` itself and leaves it as it was:
/// a copy of a large fleet takes longer than everything else.
pub fn check_lines(
    fleet: &mut Fleet,
    owners: &BTreeSet<Owner>,
    plan: &Plan,
    report: &Report,
    now: Timestamp,
) -> Vec<Violation> {
    let mut walk = Walk { fleet, now, found: Vec::new(), counts: None, before: Vec::new() };
    for (index, step) in plan.steps.iter().enumerate() {
        walk.step(index, step);
    }
    walk.end(owners, plan, report);
    walk.back();
    walk.found
}

/// A plan while it is walked: the fleet after the steps so far.
#[derive(Debug)]
struct Walk<'a> {
    fleet: &'a mut Fleet,
    now: Timestamp,
    found: Vec<Violation>,
    /// What was counted for the releases of one rollout that follow each other.
    counts: Option<(RolloutName, Counts)>,
    /// What each step changed, as it was.
    before: Vec<Before>,
}

/// What a step changes, before it.
#[derive(Debug)]
struct Before {
    owner: Owner,
    rollout: RolloutName,
    head: Head,
    record: Option<(AppKey, Option<MemberRecord>)>,
    assigned: Option<(Seat, Option<Assigned>)>,
}

/// A broken rule and the sentence about it.
type Broken = (Rule, String);

impl Walk<'_> {
    fn step(&mut self, index: usize, step: &Step) {
        let mut broken = Vec::new();
        let rollout = self.fleet.lines.get(&step.owner).and_then(|line| line.get(&step.rollout));
        let member = step
            .change
            .app()
            .is_none_or(|app| rollout.is_some_and(|rollout| rollout.members.contains_key(app)));
        if let Some(rollout) = rollout.filter(|_| member) {
            let view = View { fleet: self.fleet, owner: &step.owner, rollout, now: self.now };
            let same = matches!(step.change, Change::Release { .. });
            let kept = self.counts.take().filter(|(name, _)| same && *name == step.rollout);
            let mut counts = kept.map_or_else(Counts::default, |(_, counts)| counts);
            judge(&view, &step.change, &mut counts, &mut broken);
            self.counts = Some((step.rollout.clone(), counts));
            let writes = step.writes(self.fleet, self.now).unwrap_or_default();
            let same_head = writes.head.as_ref().is_none_or(|head| *head == rollout.head);
            let same_record = writes.record.as_ref().is_none_or(|(app, record)| {
                rollout.members.get(app).and_then(|member| member.record.as_ref()) == Some(record)
            });
            if same_head && same_record && writes.assigned.is_none() {
                broken.push((Rule::Stable, format!("the step changes nothing: {:?}", step.change)));
            }
        } else {
            broken
                .push((Rule::Pinned, format!("the step is about nothing that is there: {:?}", step.change)));
        }
        self.before.extend(self.as_it_is(step));
        apply_step(self.fleet, step, self.now);
        broken.extend(self.held_to(step));
        self.report(step, Some(index), broken);
    }

    fn as_it_is(&self, step: &Step) -> Option<Before> {
        let writes = step.writes(self.fleet, self.now)?;
        let rollout = self.fleet.lines.get(&step.owner)?.get(&step.rollout)?;
        let record = writes.record.map(|(app, _)| {
            let record = rollout.members.get(&app).and_then(|member| member.record.clone());
            (app, record)
        });
        let assigned = writes.assigned.map(|(seat, _)| {
            let assigned = self.fleet.assigned.get(&seat).cloned();
            (seat, assigned)
        });
        let (owner, rollout, head) = (step.owner.clone(), step.rollout.clone(), rollout.head.clone());
        Some(Before { owner, rollout, head, record, assigned })
    }

    /// Takes all steps back.
    fn back(&mut self) {
        while let Some(Before { owner, rollout, head, record, assigned }) = self.before.pop() {
            match assigned {
                Some((seat, Some(was))) => drop(self.fleet.assigned.insert(seat, was)),
                Some((seat, None)) => drop(self.fleet.assigned.remove(&seat)),
                None => {}
            }
            let line = self.fleet.lines.get_mut(&owner);
            let Some(rollout) = line.and_then(|line| line.get_mut(&rollout)) else { continue };
            rollout.head = head;
            if let Some((app, was)) = record
                && let Some(member) = rollout.members.get_mut(&app)
            {
                member.record = was;
            }
        }
    }

    /// Heal always: what the member's record says it runs is what its agent is told.
    fn held_to(&self, step: &Step) -> Option<Broken> {
        let rollout = self.fleet.lines.get(&step.owner)?.get(&step.rollout)?;
        let app = step.change.app()?;
        let member = rollout.members.get(app)?;
        let record = member.record.as_ref()?;
        let should = record.told()?;
        let seat = (member.cluster.clone(), app.clone());
        let told = self.fleet.assigned.get(&seat).and_then(Assigned::running);
        let touches = matches!(
            step.change,
            Change::Release { .. }
                | Change::Adopt { .. }
                | Change::Prove { .. }
                | Change::Return { .. }
                | Change::Back { .. }
        );
        (touches && told != Some(should)).then(|| {
            let message = format!("{app} counts as released on {} but its agent is told otherwise", seat.0);
            (Rule::HealAlways, message)
        })
    }

    fn report(&mut self, step: &Step, index: Option<usize>, broken: Vec<Broken>) {
        self.found.extend(broken.into_iter().map(|(rule, message)| Violation {
            rule,
            owner: step.owner.clone(),
            rollout: step.rollout.clone(),
            step: index,
            message,
        }));
    }

    /// What can only be said of the whole plan.
    fn end(&mut self, owners: &BTreeSet<Owner>, plan: &Plan, report: &Report) {
        let mut found = Vec::new();
        for (owner, line) in owners.iter().filter_map(|owner| self.fleet.lines.get_key_value(owner)) {
            let mut say = |rollout: &RolloutName, rule, message: String| {
                found.push(Violation {
                    rule,
                    owner: owner.clone(),
                    rollout: rollout.clone(),
                    step: None,
                    message,
                });
            };
            let lead = line.lead().map(|rollout| &rollout.name);
            for rollout in &line.rollouts {
                let view = View { fleet: self.fleet, owner, rollout, now: self.now };
                let ended = matches!(rollout.head.phase, Phase::Done | Phase::Superseded)
                    || (rollout.head.phase == Phase::RolledBack && lead != Some(&rollout.name));
                let open = !ended;
                let moves = matches!(rollout.head.phase, Phase::Progressing | Phase::Done);
                if moves
                    && lead == Some(&rollout.name)
                    && let Some(wave) = view.failed_wave()
                {
                    let message = format!("wave {wave} failed more often than it may and nothing halts");
                    say(&rollout.name, Rule::Halt, message);
                }
                if !open && lead != Some(&rollout.name) {
                    continue;
                }
                let Some(listed) = report.rollouts.get(&(owner.clone(), rollout.name.clone())) else {
                    say(&rollout.name, Rule::Explained, "the report leaves it out".to_owned());
                    continue;
                };
                if open && listed.waits_for.is_none() {
                    say(&rollout.name, Rule::Explained, "nothing says what it waits for".to_owned());
                }
                for app in unexplained(rollout, &listed.waits) {
                    say(&rollout.name, Rule::Explained, format!("nothing says what {app} waits for"));
                }
            }
        }
        if let (Some((at, why)), Some(owner)) = (plan.wake.filter(|(at, _)| *at <= self.now), owners.first())
        {
            let first = plan.steps.first();
            found.push(Violation {
                rule: Rule::Stable,
                owner: first.map_or_else(|| owner.clone(), |step| step.owner.clone()),
                rollout: first.map_or_else(|| RolloutName::new(""), |step| step.rollout.clone()),
                step: None,
                message: format!("it would wake at {at}, which is past, because {why}"),
            });
        }
        self.found.extend(found);
    }
}

fn unexplained<'a>(rollout: &'a Rollout, listed: &BTreeMap<AppKey, Arc<Wait>>) -> Vec<&'a AppKey> {
    let waits = rollout
        .members
        .iter()
        .filter(|(_, member)| member.current().is_none_or(|record| !record.state.is_proven()));
    // Both are in the order of their applications.
    let mut listed = listed.keys().peekable();
    let mut is_listed = |app: &AppKey| {
        while listed.next_if(|next| *next < app).is_some() {}
        listed.peek().is_some_and(|next| *next == app)
    };
    waits.map(|(app, _)| app).filter(|app| !is_listed(app)).collect()
}

/// What one step would break.
fn judge(view: &View<'_>, change: &Change, counts: &mut Counts, broken: &mut Vec<Broken>) {
    let head = &view.rollout.head;
    let gate = |waves: std::ops::Range<usize>| waves.into_iter().find_map(|wave| view.unmet(wave));
    match change {
        Change::Release { app, cluster, release, position, baseline } => {
            releases::judge(view, app, (cluster, *release, *position), *baseline, counts, broken);
        }
        Change::Open { wave } | Change::Pass { wave, .. } => {
            let opens = matches!(change, Change::Open { .. });
            let earlier = if opens { 0..*wave } else { *wave..*wave + 1 };
            if head.phase != Phase::Progressing {
                broken.push((Rule::Halt, format!("wave {wave} moves on although the rollout halted")));
            }
            if let Some(missing) = gate(earlier).or_else(|| view.unapproved(*wave, opens)) {
                broken.push((Rule::ProvenFirst, format!("wave {wave} moves on although {missing}")));
            }
            broken.extend(view.held("wave moves on"));
        }
        Change::Finish => {
            if let Some(missing) = gate(0..head.waves.len()) {
                broken.push((Rule::ProvenFirst, format!("it would be done although {missing}")));
            }
        }
        Change::Prove { app, position } => {
            if let Some(doubt) = view.doubt(app, *position) {
                broken.push((Rule::ProvenFirst, format!("{app} would count as proven although {doubt}")));
            }
        }
        Change::Excuse { app, reason, may_run } => excuse(view, app, *reason, *may_run, broken),
        Change::Place { app, wave, late, .. } => place(view, app, *wave, *late, broken),
        Change::Readmit { app, late } => {
            let wave = view.record(app).and_then(|record| record.wave);
            let passed = wave.and_then(|wave| head.waves.get(wave)).is_some_and(|wave| wave.passed.is_some());
            if *late && !passed {
                broken.push((Rule::ProvenFirst, format!("{app} would slip past a gate that is not met")));
            }
        }
        Change::Start { .. } => {
            broken.extend(turns::held(view, &view.rollout.name));
            let line = &view.fleet.lines[view.owner];
            let busy = line
                .rollouts
                .iter()
                .find(|other| matches!(other.head.phase, Phase::Progressing | Phase::Halted));
            if let Some(busy) = busy {
                broken.push((Rule::Pinned, format!("it starts while {} is under way", busy.name)));
            }
        }
        Change::Supersede { by } => {
            let newer = view.fleet.lines[view.owner].get(by);
            if newer.is_none_or(|newer| newer.sequence <= view.rollout.sequence) {
                broken.push((Rule::Pinned, format!("{by} is not newer and cannot take its place")));
            }
            if view.rollout.head.phase != Phase::Queued {
                broken.extend(turns::held(view, by));
                broken.extend(turns::starves(view, by));
            }
        }
        Change::Fail { app, .. } => {
            if view.record(app).is_some_and(|record| view.is_pinned(app, &record.cluster)) {
                broken
                    .push((Rule::Pause, format!("{app} would fail for what a person chose in its cluster")));
            }
        }
        Change::Again { app, late } => {
            let wave = view.record(app).and_then(|record| record.wave);
            let passed = wave.and_then(|wave| head.waves.get(wave)).is_some_and(|wave| wave.passed.is_some());
            if *late && !passed {
                broken.push((Rule::ProvenFirst, format!("{app} would slip past a gate that is not met")));
            }
            if head.phase != Phase::Progressing || head.attempt == 0 {
                broken.push((Rule::Halt, format!("{app} tries again and nobody said so")));
            }
        }
        Change::RollBack { .. } => back::judge_start(view, broken),
        Change::Return { app, cluster, release, position } => {
            back::judge(view, app, (cluster, *release, *position), broken);
        }
        Change::Back { app, position } => {
            if let Some(doubt) = view.doubt(app, *position) {
                broken.push((Rule::ProvenFirst, format!("{app} would count as back although {doubt}")));
            }
        }
        Change::EndRollback => back::judge_end(view, broken),
        Change::Adopt { .. } | Change::Stop { .. } | Change::Resume { .. } | Change::Halt { .. } => {}
    }
}

fn excuse(view: &View<'_>, app: &AppKey, reason: Excuse, may_run: bool, broken: &mut Vec<Broken>) {
    let Some(record) = view.record(app) else { return };
    if reason == Excuse::Pinned {
        if !view.is_pinned(app, &record.cluster) {
            let message = format!("{app} is excused as pinned and nobody pinned it");
            broken.push((Rule::ProvenFirst, message));
        }
        if view.is_unproven(app, &record.cluster) && !may_run {
            broken.push((Rule::BlastRadius, format!("{app} may run unproven and would be forgotten")));
        }
        return;
    }
    let PlanSpec::Policy(policy) = &view.rollout.plan else {
        broken.push((Rule::ProvenFirst, format!("{app} is excused without a policy that would")));
        return;
    };
    let alone = reason == Excuse::Paused && policy.paused == WaitOrSkip::Skip && back::is_paused(view, app);
    if !alone && !view.excusable(policy, &record.cluster, reason) {
        let message = format!("{app} is excused as {reason:?}, which the policy or its cluster denies");
        broken.push((Rule::ProvenFirst, message));
    }
    let members = view.members_of(record.wave.unwrap_or(usize::MAX));
    let at_most = policy.unreachable.at_most.of(members.len());
    let away = members.iter().filter(|(_, record)| record.excused == Some(Excuse::Unreachable)).count();
    let running = members.iter().filter(|(_, record)| record.may_run).count();
    if view.is_unproven(app, &record.cluster) && !may_run {
        broken.push((Rule::BlastRadius, format!("{app} may run unproven and would be forgotten")));
    }
    if (reason == Excuse::Unreachable && away >= at_most) || (may_run && running >= at_most) {
        broken.push((Rule::BlastRadius, format!("{app} is excused although {at_most} of its wave are")));
    }
}

fn place(view: &View<'_>, app: &AppKey, wave: Option<usize>, late: bool, broken: &mut Vec<Broken>) {
    let head = &view.rollout.head;
    let member = &view.rollout.members[app];
    let before = member.record.as_ref().filter(|record| record.cluster == member.cluster);
    if let Some(before) = before.and_then(|record| record.wave)
        && wave != Some(before)
        && before < head.waves.len()
    {
        broken.push((Rule::Pinned, format!("{app} would leave its wave {before}, which is frozen")));
    }
    let released = before.is_some_and(|record| {
        let told = view.told(app, &record.cluster);
        let kept = record.release == member.release && record.state != MemberState::Waiting;
        kept && told.is_some_and(|(position, release)| {
            record.state.position() == Some(position) && release == record.release
        })
    });
    if released {
        broken.push((Rule::Stable, format!("{app} would be placed again although it is released")));
    }
    let passed = wave.and_then(|wave| head.waves.get(wave)).is_some_and(|wave| wave.passed.is_some());
    if late && !passed {
        broken.push((Rule::ProvenFirst, format!("{app} would slip past a gate that is not met")));
    }
}
