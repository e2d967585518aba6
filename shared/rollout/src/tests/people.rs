//! Stories in which people decide: approvals, pauses, aborts, retries, undos and expedites at any time, with
//! policies that roll back, ask for approval, have sync windows, quorums and sets that go first.
//!
//! One test goes on until so many steps were planned: 100,000, or what `ROLLOUT_STEPS` says.

use crate::{
    Change, Decided, Decision, Fleet, MemberState, Phase, Plan, Report, Rollout, Seat, Side, Step, Wait,
    tests::{
        events::{CLUSTERS, Event, Stage, event, plan},
        invariants::{Onlooker, turn},
        oracle::Oracle,
        world::{Source, other_owner, owner},
    },
};
use jiff::Timestamp;
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select,
    test_runner::{RngSeed, TestCaseError, TestRunner},
};
use shared_model::{
    Amount, ClusterName, OnFailure, ReleaseId, RolloutName, fleet_rollout::PlanSpec, policy::Approval,
};
use shared_project::Gate;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Something happens, or somebody decides.
#[derive(Debug, Clone)]
enum Life {
    Event(Event),
    /// A person decides about the rollout that leads a line, or about the newest.
    Decide {
        other: bool,
        newest: bool,
        what: Decision,
    },
    PauseApp {
        cluster: &'static str,
        paused: bool,
    },
    /// A sync window begins to concern a cluster.
    Window {
        cluster: &'static str,
        window: &'static str,
    },
}

const WINDOWS: [&str; 3] = [
    r#"{"kind": "deny", "schedule": "*/20 * * * *", "duration": "5m"}"#,
    r#"{"kind": "allow", "schedule": "*/10 * * * *", "duration": "4m"}"#,
    r#"{"kind": "allow", "schedule": "*/10 * * * *", "duration": "2m", "syncOverrun": true, "manualSync": true}"#,
];

fn decision() -> impl Strategy<Value = Decision> {
    let clusters = option::of(select(&CLUSTERS[..]));
    prop_oneof![
        6 => Just(Decision::Approve { wave: None }),
        2 => Just(Decision::Pause { until: None }),
        1 => Just(Decision::Resume),
        2 => Just(Decision::Resume),
        1 => Just(Decision::Abort),
        3 => Just(Decision::Retry),
        2 => any::<bool>().prop_map(|pin| Decision::Undo { pin }),
        1 => clusters.prop_map(|one| Decision::Expedite { clusters: one.map(ClusterName::new).into_iter().collect() }),
    ]
}

/// A plan with what people asked for besides.
fn asked() -> BoxedStrategy<PlanSpec> {
    let approval = option::weighted(0.3, select(&[Approval::Before, Approval::After, Approval::Both][..]));
    (
        plan(),
        prop::bool::weighted(0.6),
        vec(approval, 3),
        vec(option::weighted(0.2, select(&[50_u32, 80, 100][..])), 3),
        option::weighted(0.15, select(&WINDOWS[..])),
        prop::bool::weighted(0.1),
    )
        .prop_map(|(mut plan, rolls_back, approvals, quorums, window, depends)| {
            if let PlanSpec::Policy(policy) = &mut plan {
                policy.on_failure = if rolls_back { OnFailure::Rollback } else { OnFailure::Halt };
                for ((wave, approval), quorum) in policy.waves.iter_mut().zip(approvals).zip(quorums) {
                    wave.approval = approval;
                    wave.min_proven = quorum.map(Amount::Percent).or(wave.min_proven);
                }
                policy.windows =
                    window.map(|window| serde_json::from_str(window).unwrap()).into_iter().collect();
                policy.depends_on = depends.then(|| "db".to_owned()).into_iter().collect();
            }
            plan
        })
        .boxed()
}

fn life() -> impl Strategy<Value = Life> {
    let commit = (prop::bool::weighted(0.25), select(&["A", "B", "C", "D"][..]), asked());
    let decide = (prop::bool::weighted(0.2), prop::bool::weighted(0.2), decision());
    prop_oneof![
        12 => event().prop_map(Life::Event),
        2 => Just(Life::Event(Event::AllHealthy)),
        2 => commit.prop_map(|(other, commit, plan)| Life::Event(Event::Commit {
            other, commit, partial: false, plan, automated: true,
        })),
        5 => decide.prop_map(|(other, newest, what)| Life::Decide { other, newest, what }),
        1 => (select(&CLUSTERS[..]), any::<bool>())
            .prop_map(|(cluster, paused)| Life::PauseApp { cluster, paused }),
        1 => (select(&CLUSTERS[..]), select(&WINDOWS[..]))
            .prop_map(|(cluster, window)| Life::Window { cluster, window }),
    ]
}

fn story() -> impl Strategy<Value = (Vec<&'static str>, PlanSpec, Vec<Life>)> {
    let rings = vec(select(&["canary", "early", "", ""][..]), 2..6);
    (rings, asked(), vec(life(), 10..50))
}

/// What an onlooker remembers of people and of what was shown.
#[derive(Debug, Default)]
struct People {
    steps: usize,
    /// What was proven where, and did not fail there since.
    good: BTreeSet<(Seat, ReleaseId)>,
    /// Rollouts that halted or were taken back, and that nobody let try again.
    stopped: BTreeSet<RolloutName>,
}

impl People {
    /// What a person's decision means to an onlooker.
    fn decided(&mut self, rollout: &RolloutName, what: &Decision) {
        match what {
            Decision::Abort | Decision::Undo { .. } => {
                self.stopped.insert(rollout.clone());
            }
            Decision::Retry => {
                self.stopped.remove(rollout);
            }
            Decision::Approve { .. }
            | Decision::Pause { .. }
            | Decision::Resume
            | Decision::Expedite { .. } => {}
        }
    }

    fn released(&self, stage: &Stage, was: &Rollout, before: &Fleet, step: &Step) {
        let Change::Release { app, cluster, release, baseline, .. } = &step.change else { return };
        let name = &step.rollout;
        assert!(!self.stopped.contains(name), "{app} gets what was rejected, {name}");
        assert!(was.head.holder(stage.now()).is_none(), "{name} is paused and releases {app}");
        let member = &was.members[app];
        let over = |pause: &crate::Pause| pause.until.is_some_and(|until| until <= stage.now());
        assert!(member.pauses.iter().all(over), "{app} is paused");
        let expedited = was.head.expedites(cluster);
        if let Some(windows) = member.windows.filter(|_| !expedited) {
            let gate = before.windows[windows].gate(stage.now());
            let shut = matches!(gate, Gate::Closed { manual: false, overrun: false, .. });
            assert!(!shut, "{app} is released outside its windows: {gate:?}");
        }
        let proof = before.assigned.get(&(cluster.clone(), app.clone())).and_then(|told| told.proof);
        let reverts = proof.is_some_and(|proof| proof.release == *release);
        let open = member
            .record
            .as_ref()
            .and_then(|record| was.head.waves.get(record.wave?))
            .is_some_and(|wave| wave.opened.is_some());
        assert!(open || reverts || *baseline || expedited, "{app} goes ahead of its wave");
    }

    /// Whoever is told to go back goes to what was proven there, newest wave first.
    fn returned(&self, before: &Fleet, was: &Rollout, now: Timestamp, step: &Step) {
        let Change::Return { app, cluster, release, .. } = &step.change else { return };
        let seat = (cluster.clone(), app.clone());
        assert!(
            self.good.contains(&(seat, *release)),
            "{app} goes back to what was never proven on {cluster}"
        );
        assert!(self.stopped.contains(&was.name), "{app} goes back and nothing stopped {}", was.name);
        let leads = before.lines[&step.owner].lead().is_some_and(|lead| lead.name == was.name);
        let record = was.members[app].record.as_ref().unwrap();
        let away = before.clusters[cluster].link.lost_since().is_some();
        if !leads || away || record.may_run || was.head.phase != Phase::RollingBack {
            return;
        }
        for (other, member) in &was.members {
            let newer = member.current().filter(|other| other.wave > record.wave);
            let due =
                newer.is_some_and(|record| is_there(before, record) && is_due(before, other, record, now));
            let paused = member.pauses.iter().any(|pause| pause.is_active(now));
            assert!(!due || paused, "{app} goes back before {other} of a newer wave");
        }
    }
}

fn is_there(fleet: &Fleet, record: &crate::MemberRecord) -> bool {
    fleet.clusters.get(&record.cluster).is_some_and(|state| state.link.lost_since().is_none())
}

/// Whether the member runs the rollout's release, has something to go back to and, but for its link, can be
/// told.
fn is_due(fleet: &Fleet, app: &shared_model::AppKey, record: &crate::MemberRecord, now: Timestamp) -> bool {
    let seat = (record.cluster.clone(), app.clone());
    let runs = fleet.assigned.get(&seat).and_then(crate::Assigned::running);
    let ours = runs.is_some() && runs == record.told() && record.released.is_some();
    let ran = !matches!(record.state, MemberState::Returning { .. } | MemberState::Returned { .. });
    let back = record.before.is_some_and(|before| before.release != record.release);
    let Some(state) = fleet.clusters.get(&record.cluster) else { return false };
    let told = state.hold.is_none()
        && state.mode == shared_model::Mode::Enforce
        && !state.pauses.iter().any(|pause| pause.is_active(now));
    ours && ran && back && told && fleet.pin(&seat).is_none() && fleet.next_position(&seat).is_some()
}

impl Onlooker for People {
    fn step(&mut self, stage: &Stage, _: &Oracle, before: &Fleet, step: &Step) {
        self.steps += 1;
        let was = before.lines[&step.owner].get(&step.rollout).unwrap();
        let seat = |app| (was.members[app].cluster.clone(), shared_model::AppKey::clone(app));
        let approved = |wave: usize, side| was.head.approval(wave, side).is_some();
        let asks = |wave: usize| match &was.plan {
            PlanSpec::Policy(policy) => policy.waves[wave].approval,
            PlanSpec::RollingSync(_) | PlanSpec::Immediate => None,
        };
        match &step.change {
            Change::Release { .. } => self.released(stage, was, before, step),
            Change::Return { .. } => self.returned(before, was, stage.now(), step),
            Change::Open { wave } => {
                assert!(!self.stopped.contains(&was.name), "{} opens a wave and was stopped", was.name);
                let asked = asks(*wave).is_some_and(Approval::before);
                assert!(!asked || approved(*wave, Side::Before), "wave {wave} opens without its approval");
            }
            Change::Pass { wave, .. } => {
                let asked = asks(*wave).is_some_and(Approval::after);
                assert!(!asked || approved(*wave, Side::After), "wave {wave} passes without its approval");
                assert!(was.head.holder(stage.now()).is_none(), "{} is paused and goes on", was.name);
            }
            Change::Start { .. } => {
                let line = &before.lines[&step.owner];
                let mut started = line.rollouts.iter().filter(|other| other.head.started.is_some());
                let newest = started.rfind(|other| other.sequence < was.sequence);
                let lead = line.lead().filter(|lead| newest.is_some_and(|newest| newest.name == lead.name));
                let pins = lead.and_then(|lead| lead.head.rollback.as_ref()).is_some_and(|back| back.pins);
                let held = lead.is_some_and(|lead| lead.head.holder(stage.now()).is_some());
                assert!(
                    !(pins || held) || !was.head.expedited.is_empty(),
                    "a line that is held starts {}",
                    was.name
                );
            }
            Change::Prove { app, .. } | Change::Back { app, .. } => {
                let seat = seat(app);
                let release = stage.world.fleet.assigned[&seat].running().unwrap().1;
                self.good.insert((seat, release));
            }
            Change::Fail { app, .. } => {
                let seat = seat(app);
                let runs = before.assigned.get(&seat).and_then(crate::Assigned::running);
                if let Some((_, release)) = runs {
                    self.good.remove(&(seat, release));
                }
            }
            Change::Halt { .. } => {
                self.stopped.insert(was.name.clone());
            }
            Change::Supersede { .. }
            | Change::Place { .. }
            | Change::Adopt { .. }
            | Change::Excuse { .. }
            | Change::Readmit { .. }
            | Change::Stop { .. }
            | Change::Resume { .. }
            | Change::Again { .. }
            | Change::RollBack { .. }
            | Change::EndRollback
            | Change::Finish => {}
        }
    }

    /// What was rejected is taken back from whoever is away, so that it is the first thing sent there.
    fn end(&mut self, stage: &Stage, _: &Oracle, _: &Plan, _: &Report) {
        let (fleet, now) = (&stage.world.fleet, stage.now());
        for rollout in fleet.lines.values().flat_map(|line| &line.rollouts) {
            let rejected =
                matches!(rollout.head.phase, Phase::Halted | Phase::RollingBack | Phase::RolledBack);
            if !rejected || rollout.head.holder(now).is_some() {
                continue;
            }
            for (app, member) in &rollout.members {
                let Some(record) = member.current() else { continue };
                let Some(cluster) = fleet.clusters.get(&member.cluster) else { continue };
                let seat = (member.cluster.clone(), app.clone());
                let unproven = fleet.assigned.get(&seat).is_some_and(crate::Assigned::is_unproven);
                let left = cluster.link.lost_since().is_some()
                    && unproven
                    && is_due(fleet, app, record, now)
                    && !member.pauses.iter().any(|pause| pause.is_active(now));
                assert!(
                    !left,
                    "{app} is away with what {} shipped, and would catch up with it",
                    rollout.name
                );
            }
        }
    }
}

fn decide(stage: &mut Stage, people: &mut People, other: bool, newest: bool, what: &Decision) {
    let owner = if other { other_owner() } else { owner() };
    let Some(line) = stage.world.fleet.lines.get(&owner) else { return };
    let target = if newest { line.rollouts.last() } else { line.lead() };
    let Some(name) = target.map(|target| target.name.clone()) else { return };
    let decided = Decided { what: what.clone(), by: "ann".into(), at: stage.now(), reason: String::new() };
    if stage.world.decide_on(name.as_str(), &decided).is_ok() {
        people.decided(&name, what);
    }
}

fn happen(stage: &mut Stage, people: &mut People, life: &Life) {
    match life {
        Life::Event(event) => stage.happen(event),
        Life::Decide { other, newest, what } => decide(stage, people, *other, *newest, what),
        Life::PauseApp { cluster, paused } => stage.world.pause_apps(cluster, *paused),
        Life::Window { cluster, window } => stage.world.window(cluster, window),
    }
}

/// Plays a story; answers how many steps were planned.
fn play(rings: &[&'static str], first: PlanSpec, lives: &[Life]) -> usize {
    let mut stage = Stage::new(rings, 1, None);
    let (mut oracle, mut people) = (Oracle::default(), People::default());
    let commit = Event::Commit { other: false, commit: "A", partial: false, plan: first, automated: true };
    let begin = [Life::Event(commit), Life::Event(Event::AllHealthy), Life::Event(Event::AllHealthy)];
    for life in begin.iter().chain(lives) {
        happen(&mut stage, &mut people, life);
        oracle.look(&stage);
        turn(&mut stage, &mut oracle, &mut people);
    }
    ends(&mut stage, &mut oracle, &mut people);
    people.steps
}

/// With everything up and healthy, and nobody who holds anything, every line's rollout ends or waits for
/// what only people can change.
fn ends(stage: &mut Stage, oracle: &mut Oracle, people: &mut People) {
    for state in stage.world.fleet.clusters.values_mut() {
        state.pauses.clear();
        (state.link, state.hold) = (crate::Link::Connected, None);
        state.mode = shared_model::Mode::Enforce;
    }
    stage.world.pins.clear();
    stage.world.windows.clear();
    stage.world.paused.clear();
    stage.world.refresh();
    let mut report = Report::default();
    for _ in 0..60 {
        for other in [false, true] {
            for what in [Decision::Resume, Decision::Approve { wave: None }] {
                decide(stage, people, other, false, &what);
                decide(stage, people, other, true, &what);
            }
        }
        stage.happen(&Event::AllHealthy);
        stage.happen(&Event::Wait { seconds: 173 });
        oracle.look(stage);
        report = turn(stage, oracle, people);
    }
    let fleet = &stage.world.fleet;
    if fleet.observed.keys().any(|seat| fleet.next_position(seat).is_none()) {
        return; // Only `hub restore --adopt` helps an agent ahead of the store.
    }
    for ((_, name), listed) in &report.rollouts {
        let stuck = |wait: &Wait| {
            matches!(
                wait,
                Wait::NothingProven { .. }
                    | Wait::AwaitingSync { .. }
                    | Wait::Adopted { .. }
                    | Wait::DependsOn { .. }
                    // It says when it opens.
                    | Wait::Window { until: Some(_), .. }
                    | Wait::Budget { max_update: 0, .. }
            )
        };
        let people_only = listed.waits.values().map(AsRef::as_ref).chain(&listed.waits_for).any(stuck);
        let ended = matches!(listed.phase, Phase::Done | Phase::Halted | Phase::RolledBack | Phase::Queued);
        assert!(ended || people_only, "{name} never ends: {listed:#?}");
    }
}

/// The same stories each time until so many steps were planned.
#[test]
fn people_decide_at_any_time_and_the_invariants_hold() {
    let wanted = std::env::var("ROLLOUT_STEPS").ok().and_then(|steps| steps.parse().ok()).unwrap_or(100_000);
    let config = ProptestConfig {
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(11),
        ..ProptestConfig::default()
    };
    let mut runner = TestRunner::new(config);
    let (steps, mut stories) = (RefCell::new(0), 0);
    while *steps.borrow() < wanted {
        stories += 1;
        let tree = story().new_tree(&mut runner).unwrap();
        let told = runner.run_one(tree, |(rings, first, lives)| {
            *steps.borrow_mut() += play(&rings, first, &lives);
            Ok::<(), TestCaseError>(())
        });
        told.unwrap_or_else(|failed| panic!("after {} steps: {failed}", steps.borrow()));
    }
    println!("{} steps in {stories} stories", steps.borrow());
}

/// A commit a minute, for as long as it takes: the canary is proven sooner or later, however slow it is.
#[test]
fn a_commit_a_minute_starves_nobody() {
    for (minutes, supersede) in [(2, "Queue"), (20, "Queue"), (2, "Restart"), (20, "Restart")] {
        let mut stage = Stage::new(&["canary", "", ""], 1, None);
        let policy = format!(
            r#"{{"waves": [{{"name": "canary", "match": {{"matchLabels": {{"ring": "canary"}}}}}}, {{"name": "rest"}}], "supersede": "{supersede}"}}"#
        );
        stage.world.plan = PlanSpec::Policy(serde_json::from_str(&policy).unwrap());
        let (mut oracle, mut people) = (Oracle::default(), People::default());
        let mut since: BTreeMap<ClusterName, (ReleaseId, Timestamp)> = BTreeMap::new();
        let mut done = None;
        for commit in 0..400 {
            stage.world.commit(Source { commit: format!("commit {commit}"), ..Source::default() });
            for _ in 0..2 {
                for cluster in CLUSTERS.map(ClusterName::new) {
                    if stage.world.fleet.clusters.contains_key(&cluster) {
                        grow_healthy(&mut stage, &cluster, minutes, &mut since);
                    }
                }
                oracle.look(&stage);
                turn(&mut stage, &mut oracle, &mut people);
                stage.happen(&Event::Wait { seconds: 30 });
            }
            let line = stage.world.fleet.lines.get_mut(&owner()).unwrap();
            if line.rollouts.iter().any(|rollout| rollout.head.phase == Phase::Done) {
                done = Some(commit);
                break;
            }
            // As control keeps them: what is superseded and runs nowhere is history.
            let runs: BTreeSet<_> =
                stage.world.fleet.assigned.values().map(|told| format!("{:?}", told.order)).collect();
            line.rollouts.retain(|rollout| {
                rollout.head.phase != Phase::Superseded
                    || runs.iter().any(|order| order.contains(&format!("{:?}", rollout.name)))
            });
        }
        println!("{supersede}, {minutes} min: done after {done:?} commits");
        assert!(done.is_some(), "{supersede}: no rollout ends while a commit comes every minute");
    }
}

/// What the agent runs becomes healthy after so many minutes.
fn grow_healthy(
    stage: &mut Stage,
    cluster: &ClusterName,
    minutes: u64,
    since: &mut BTreeMap<ClusterName, (ReleaseId, Timestamp)>,
) {
    stage.world.deliver(cluster);
    let now = stage.world.now;
    for seat in stage.world.seats(cluster) {
        let Some((_, release)) = stage.world.agents.get(&seat).copied() else { continue };
        let known = since.entry(cluster.clone()).or_insert((release, now));
        if known.0 != release {
            *known = (release, now);
        }
        let ready = now >= known.1 + Duration::from_secs(60 * minutes);
        let health =
            if ready { shared_model::HealthStatus::Healthy } else { shared_model::HealthStatus::Progressing };
        let report = stage.world.observation(&seat, shared_model::SyncPhase::Succeeded, health);
        stage.world.receive(report.unwrap());
    }
}
