//! One course of events: the real planner, and clusters that behave as assumed.

use crate::{
    Assumptions, Scenario, chance,
    fleet::{fleet, is_cut, name, new_release, observation},
};
use jiff::{SignedDuration, Timestamp};
use shared_model::{AppKey, ClusterName, Position, ReleaseId};
use shared_rollout::{
    Decided, Decision, Fleet, Link, Phase, Report, RolloutReport, Seat, Wait, apply, decide, observe, plan,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// No course is followed for longer.
const LONGEST: SignedDuration = SignedDuration::from_hours(24 * 60);
/// A sentence per wait; more would not be read.
const SENTENCES: usize = 200;

/// Which members fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trial {
    /// As the failure rate has it.
    Chance,
    /// All of those in this wave, from 0, and in later ones.
    BadFrom(usize),
}

/// How a course ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Every wave passed.
    Done,
    /// It halted, and members keep what they run.
    Halted,
    /// It was taken back.
    RolledBack,
    /// It waits for something that does not come by itself.
    Waits,
}

/// What came of one course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What it was drawn from.
    pub seed: u64,
    /// How it ended.
    pub ending: Ending,
    /// In which wave it halted.
    pub wave: Option<usize>,
    /// Why it halted, or what it waits for at the end.
    pub reason: String,
    /// From the commit to the end.
    pub took: Duration,
    /// Its waves, in order.
    pub waves: Vec<WaveRun>,
    /// What was waited for besides the clusters' own work, in the order in which it came up.
    pub waits: Vec<(Duration, String)>,
    /// Who had not proven the release at the end, and what it waits for.
    pub left: BTreeMap<AppKey, String>,
    /// Who is in no wave.
    pub in_no_wave: BTreeSet<AppKey>,
}

/// One wave of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WaveRun {
    /// Its name.
    pub name: String,
    /// Its clusters.
    pub clusters: BTreeSet<ClusterName>,
    /// How many members.
    pub members: usize,
    /// When its members could be released, from the commit.
    pub opened: Option<Duration>,
    /// When its gate was met.
    pub passed: Option<Duration>,
    /// How many members ever ran the release.
    pub ran: usize,
    /// How many of them it failed on.
    pub bad: usize,
    /// On how many clusters.
    pub bad_clusters: usize,
}

/// Something that happens.
#[derive(Debug)]
enum Event {
    /// A member shows what its release is.
    Report(Seat, (Position, ReleaseId)),
    /// Somebody approves what waits for it.
    Approve,
    /// Somebody syncs what waits for it.
    Sync(AppKey),
}

/// Follows one course to its end.
pub fn run(scenario: &Scenario, assumptions: &Assumptions, trial: Trial, seed: u64) -> Run {
    let mut course = Course::new(scenario, assumptions, trial, seed);
    let report = loop {
        let (next, report) = course.turn();
        if course.is_over() {
            break report;
        }
        let Some(next) = next.filter(|next| next.duration_since(assumptions.start) <= LONGEST) else {
            break report;
        };
        course.until(next);
    };
    course.end(&report)
}

#[derive(Debug)]
struct Course<'a> {
    scenario: &'a Scenario,
    assumptions: &'a Assumptions,
    trial: Trial,
    seed: u64,
    now: Timestamp,
    fleet: Fleet,
    queue: BTreeMap<(Timestamp, u64), Event>,
    sequence: u64,
    /// What each agent was told last.
    told: BTreeMap<Seat, Position>,
    /// Who was ever told the new release.
    ran: BTreeSet<AppKey>,
    approval_asked: bool,
    sync_asked: BTreeSet<AppKey>,
    waits: Vec<(Duration, String)>,
    said: BTreeSet<String>,
}

impl<'a> Course<'a> {
    fn new(scenario: &'a Scenario, assumptions: &'a Assumptions, trial: Trial, seed: u64) -> Self {
        let fleet = fleet(scenario, assumptions, seed);
        let told = fleet.assigned.iter().map(|(seat, told)| (seat.clone(), told.position)).collect();
        Self {
            scenario,
            assumptions,
            trial,
            seed,
            now: assumptions.start,
            fleet,
            queue: BTreeMap::new(),
            sequence: 0,
            told,
            ran: BTreeSet::new(),
            approval_asked: false,
            sync_asked: BTreeSet::new(),
            waits: Vec::new(),
            said: BTreeSet::new(),
        }
    }

    /// Plans, tells the agents, and says when something happens next.
    fn turn(&mut self) -> (Option<Timestamp>, RolloutReport) {
        let (plan, report) = plan(&self.fleet, self.now);
        apply(&mut self.fleet, &plan);
        for step in &plan.steps {
            if let Some(app) = step.change.app() {
                self.deliver(app);
            }
        }
        let report = self.note(report);
        let first = self.queue.keys().next().map(|(at, _)| *at);
        let wake = plan.wake.map(|(at, _)| at);
        (first.into_iter().chain(wake).min(), report)
    }

    /// An agent that was told something new will show what that is.
    fn deliver(&mut self, app: &AppKey) {
        let Some(subject) = self.scenario.members.get(app) else { return };
        let seat = (subject.cluster.clone(), app.clone());
        let Some(told) = self.fleet.assigned.get(&seat).and_then(shared_rollout::Assigned::running) else {
            return;
        };
        if self.told.insert(seat.clone(), told.0) == Some(told.0) {
            return;
        }
        let first = told.1 == new_release(app) && self.ran.insert(app.clone());
        let cut = first && self.is_cut_when_told(&seat.0);
        let Some(cluster) = self.fleet.clusters.get_mut(&seat.0) else { return };
        if cut && cluster.link == Link::Connected {
            cluster.link = Link::LostSince(self.now);
        }
        if cluster.link == Link::Connected {
            let share = chance::share(self.seed, "takes", &app.name);
            let after = chance::around(self.assumptions.healthy_after, self.assumptions.spread, share);
            self.later(after, Event::Report(seat, told));
        }
    }

    fn is_cut_when_told(&self, cluster: &ClusterName) -> bool {
        self.trial == Trial::Chance && is_cut(self.assumptions, self.seed, cluster.as_str(), "cut when told")
    }

    fn later(&mut self, after: Duration, event: Event) {
        self.sequence += 1;
        self.queue.insert(
            (self.now.saturating_add(after).expect("a duration is not too long"), self.sequence),
            event,
        );
    }

    /// Lets the time go by to the end of the tick in which something happens.
    fn until(&mut self, next: Timestamp) {
        let tick = i64::try_from(self.assumptions.tick().as_secs()).unwrap_or(i64::MAX).max(1);
        let since = next.duration_since(self.assumptions.start);
        let ticks =
            since.as_secs() / tick + i64::from(since.as_secs() % tick > 0 || since.subsec_nanos() > 0);
        let end = self.assumptions.start.checked_add(SignedDuration::from_secs(ticks * tick));
        self.now = end.unwrap_or(next).max(self.now);
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > self.now {
                break;
            }
            let event = entry.remove();
            self.happen(event);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Report(seat, told) => {
                let good = told.1 != new_release(&seat.1) || !self.is_bad(&seat.1);
                let connected =
                    self.fleet.clusters.get(&seat.0).is_some_and(|cluster| cluster.link == Link::Connected);
                if connected {
                    let report = observation(&seat, told, good);
                    let kept = observe(self.fleet.observed.get(&seat), report, self.now);
                    self.fleet.observed.insert(seat, kept);
                }
            }
            Event::Approve => {
                self.approval_asked = false;
                self.approve();
            }
            Event::Sync(app) => {
                if let Some(member) = self.rollout_mut().members.get_mut(&app) {
                    member.sync_requested = Some(member.release);
                }
            }
        }
    }

    fn rollout_mut(&mut self) -> &mut shared_rollout::Rollout {
        let line = self.fleet.lines.get_mut(&self.scenario.owner);
        line.and_then(|line| line.get_mut(&name(&self.scenario.owner))).expect("the simulated rollout stays")
    }

    fn rollout(&self) -> &shared_rollout::Rollout {
        let line = self.fleet.lines.get(&self.scenario.owner);
        line.and_then(|line| line.get(&name(&self.scenario.owner))).expect("the simulated rollout stays")
    }

    fn approve(&mut self) {
        let what = Decision::Approve { wave: None };
        let decided = Decided { what, by: "somebody".to_owned(), at: self.now, reason: String::new() };
        let rollout = self.rollout_mut();
        // A refusal means that nothing waits for it any more.
        if let Ok(head) = decide(&rollout.plan, &rollout.head, true, &decided) {
            rollout.head = head;
        }
    }

    /// Whether the release fails on the member.
    fn is_bad(&self, app: &AppKey) -> bool {
        match self.trial {
            Trial::Chance => chance::share(self.seed, "fails", &app.name) < self.assumptions.failure_rate,
            Trial::BadFrom(first) => self.wave_of(app).is_some_and(|wave| wave >= first),
        }
    }

    fn wave_of(&self, app: &AppKey) -> Option<usize> {
        self.rollout().members.get(app)?.current()?.wave
    }

    /// Keeps what is waited for, and sees to it that people do their part.
    fn note(&mut self, mut report: Report) -> RolloutReport {
        let key = (self.scenario.owner.clone(), name(&self.scenario.owner));
        let report = report.rollouts.remove(&key).unwrap_or_default();
        let approval = report.waits_for.as_ref().is_some_and(is_approval);
        let waits = report.waits_for.iter().filter(|wait| !is_progress(wait));
        let alone = report.waits.values().map(|wait| &**wait).filter(|wait| is_obstacle(wait));
        let sentences: Vec<String> = waits.chain(alone).map(ToString::to_string).collect();
        for sentence in sentences {
            if self.said.len() < SENTENCES && self.said.insert(sentence.clone()) {
                self.waits.push((self.since_start(), sentence));
            }
        }
        let Some(after) = self.assumptions.approved_after else { return report };
        if approval && !self.approval_asked {
            self.approval_asked = true;
            self.later(after, Event::Approve);
        }
        for (app, wait) in &report.waits {
            if matches!(**wait, Wait::AwaitingSync { .. }) && self.sync_asked.insert(app.clone()) {
                self.later(after, Event::Sync(app.clone()));
            }
        }
        report
    }

    fn since_start(&self) -> Duration {
        self.now.duration_since(self.assumptions.start).unsigned_abs()
    }

    fn is_over(&self) -> bool {
        let rolls_back = matches!(
            &self.scenario.plan,
            shared_model::fleet_rollout::PlanSpec::Policy(policy)
                if policy.on_failure == shared_model::policy::OnFailure::Rollback
        );
        match self.rollout().head.phase {
            Phase::Done | Phase::RolledBack | Phase::Superseded => true,
            Phase::Halted => !rolls_back,
            Phase::Queued | Phase::Progressing | Phase::RollingBack => false,
        }
    }

    fn end(&self, report: &RolloutReport) -> Run {
        let head = &self.rollout().head;
        let since = |at: Timestamp| at.duration_since(self.assumptions.start).unsigned_abs();
        let mut waves: Vec<WaveRun> = (report.waves.iter().zip(&head.waves))
            .map(|(wave, head)| WaveRun {
                name: wave.name.clone(),
                opened: head.opened.map(since),
                passed: head.passed.map(since),
                ..WaveRun::default()
            })
            .collect();
        let mut bad: Vec<BTreeSet<&ClusterName>> = vec![BTreeSet::new(); waves.len()];
        let mut in_no_wave = BTreeSet::new();
        for (app, member) in &self.rollout().members {
            let place = member.current().and_then(|record| record.wave);
            let Some((at, wave)) = place.and_then(|at| Some((at, waves.get_mut(at)?))) else {
                in_no_wave.insert(app.clone());
                continue;
            };
            wave.members += 1;
            wave.clusters.insert(member.cluster.clone());
            let ran = self.ran.contains(app);
            wave.ran += usize::from(ran);
            if ran && self.is_bad(app) {
                wave.bad += 1;
                bad[at].insert(&member.cluster);
            }
        }
        for (wave, bad) in waves.iter_mut().zip(bad) {
            wave.bad_clusters = bad.len();
        }
        let halted = head.halted.as_ref();
        let waits_for = report.waits_for.as_ref().map(ToString::to_string);
        Run {
            seed: self.seed,
            ending: match head.phase {
                Phase::Done => Ending::Done,
                Phase::RolledBack => Ending::RolledBack,
                Phase::Halted => Ending::Halted,
                Phase::Queued | Phase::Progressing | Phase::Superseded | Phase::RollingBack => Ending::Waits,
            },
            wave: halted.map(|halted| halted.wave),
            reason: halted.map(|halted| halted.reason.clone()).or(waits_for).unwrap_or_default(),
            took: self.since_start(),
            waves,
            waits: self.waits.clone(),
            left: report.waits.iter().map(|(app, wait)| (app.clone(), wait.to_string())).collect(),
            in_no_wave,
        }
    }
}

/// Whether a person must approve.
const fn is_approval(wait: &Wait) -> bool {
    matches!(wait, Wait::Approval { .. })
}

/// Whether it is only that clusters are at work.
const fn is_progress(wait: &Wait) -> bool {
    matches!(
        wait,
        Wait::Unproven { .. }
            | Wait::Halted { .. }
            | Wait::Queued { .. }
            | Wait::RollingBack { .. }
            | Wait::RolledBack { .. }
    )
}

/// Whether it keeps a member from its release though its wave may be open.
const fn is_obstacle(wait: &Wait) -> bool {
    matches!(
        wait,
        Wait::Paused { .. }
            | Wait::Unreachable { .. }
            | Wait::Held { .. }
            | Wait::UnknownCluster { .. }
            | Wait::Observing { .. }
            | Wait::Pinned { .. }
            | Wait::AwaitingSync { .. }
            | Wait::ApplicationPaused { .. }
            | Wait::Window { .. }
    )
}
