//! The invariants over random stories: after every event the planner plans, the linter finds nothing,
//! and an onlooker who looks at every single step finds nothing either.

#![allow(clippy::wildcard_enum_match_arm, reason = "an onlooker looks at a few kinds of steps only")]

use crate::{
    Change, Fleet, MemberState, Phase, Plan, Report, Step, Wait, apply_step, check, plan,
    tests::{
        events::{CLUSTERS, Event, Stage, story},
        oracle::{Oracle, settle},
        world::owner,
    },
};
use proptest::{prelude::*, test_runner::RngSeed};
use shared_model::{Mode, fleet_rollout::PlanSpec};
use std::time::Duration;

fn brief(plan: &Plan) -> String {
    plan.steps.iter().map(|step| format!("{} {:?}\n", step.rollout, step.change)).collect()
}

/// What an onlooker sees.
pub(crate) trait Onlooker {
    /// One step: the fleet before and after it.
    fn step(&mut self, _stage: &Stage, _oracle: &Oracle, _before: &Fleet, _step: &Step) {}
    /// A plan that was committed to its end.
    fn end(&mut self, _stage: &Stage, _oracle: &Oracle, _plan: &Plan, _report: &Report) {}
}

/// Plays a story in front of an onlooker.
fn play((mut stage, events): (Stage, Vec<Event>), onlooker: &mut impl Onlooker) {
    let mut oracle = Oracle::default();
    for event in &events {
        stage.happen(event);
        oracle.look(&stage);
        turn(&mut stage, &mut oracle, onlooker);
    }
    end_well(stage, oracle, onlooker);
}

/// One plan, committed step by step, perhaps not to its end.
pub(crate) fn turn(stage: &mut Stage, oracle: &mut Oracle, onlooker: &mut impl Onlooker) -> Report {
    let now = stage.now();
    let (plan, report) = plan(&stage.world.fleet, now);
    let violations = check(&stage.world.fleet, &plan, &report, now);
    assert!(violations.is_empty(), "{violations:#?}\n{}", brief(&plan));
    let steps = stage.crash.take().unwrap_or(plan.steps.len()).min(plan.steps.len());
    stage.last = now;
    for step in &plan.steps[..steps] {
        let before = stage.world.fleet.clone();
        apply_step(&mut stage.world.fleet, step, plan.at).unwrap();
        onlooker.step(stage, oracle, &before, step);
        oracle.note(&stage.world.fleet, step);
    }
    if steps == plan.steps.len() {
        onlooker.end(stage, oracle, &plan, &report);
    }
    report
}

/// Every story ends, or says what it waits for: once everything is up and healthy, the newest rollout
/// is done, or what it waits for is a person's or the policy's doing.
fn end_well(mut stage: Stage, mut oracle: Oracle, onlooker: &mut impl Onlooker) {
    for state in stage.world.fleet.clusters.values_mut() {
        state.pauses.clear();
        state.link = crate::Link::Connected;
        state.hold = None;
        state.mode = Mode::Enforce;
    }
    stage.world.pins.clear();
    stage.world.fleet.max_per_cluster = None;
    let mut report = Report::default();
    for _ in 0..40 {
        stage.happen(&Event::AllHealthy);
        stage.happen(&Event::Wait { seconds: 700 });
        oracle.look(&stage);
        report = turn(&mut stage, &mut oracle, onlooker);
    }
    let fleet = &stage.world.fleet;
    if fleet.observed.keys().any(|seat| fleet.next_position(seat).is_none()) {
        return; // Only `hub restore --adopt` helps an agent ahead of the store.
    }
    let adopted = fleet.assigned.values().any(|told| told.adopted.is_some());
    for ((_, name), rollout) in &report.rollouts {
        let humanly = |wait: &Wait| match wait {
            // A person decides about what was adopted; until then it holds its slot.
            Wait::Budget { .. } if adopted => true,
            Wait::NothingProven { .. }
            | Wait::Halted { .. }
            | Wait::AwaitingSync { .. }
            | Wait::Adopted { .. }
            | Wait::NoWave { .. } => true,
            Wait::Budget { max_update, .. } => *max_update == 0,
            Wait::WaveNotOpen { waits_for, .. } | Wait::NoBaseline { waits_for, .. } => {
                matches!(**waits_for, Wait::NothingProven { .. } | Wait::Unproven { .. })
            }
            Wait::Queued { .. } => true,
            _ => false,
        };
        match rollout.phase {
            Phase::Done => {}
            Phase::Halted => assert!(rollout.waits_for.is_some()),
            Phase::Queued => assert!(matches!(rollout.waits_for, Some(Wait::Queued { .. }))),
            Phase::Progressing | Phase::Superseded | Phase::RollingBack | Phase::RolledBack => {
                let stuck = rollout.waits.values().any(|wait| {
                    matches!(**wait, Wait::AwaitingSync { .. } | Wait::Adopted { .. })
                        || matches!(**wait, Wait::Budget { max_update: 0, .. })
                });
                let why = rollout.waits_for.as_ref().unwrap();
                assert!(
                    stuck || matches!(why, Wait::NothingProven { .. }),
                    "{name} never ends: {rollout:#?}"
                );
            }
        }
        for (app, wait) in &rollout.waits {
            assert!(humanly(wait), "{app} waits for ever, {wait}: {rollout:#?}\n{:#?}", stage.world.fleet);
        }
    }
}

fn members(stage: &Stage, step: &Step) -> crate::Rollout {
    stage.world.fleet.lines[&step.owner].get(&step.rollout).unwrap().clone()
}

struct ProvenFirst;

impl Onlooker for ProvenFirst {
    fn step(&mut self, stage: &Stage, oracle: &Oracle, before: &Fleet, step: &Step) {
        let rollout = members(stage, step);
        match &step.change {
            Change::Prove { app, position } => {
                let member = &rollout.members[app];
                let seat = (member.cluster.clone(), app.clone());
                let wave = member.record.as_ref().unwrap().wave.unwrap();
                let known = oracle.proven.contains(&(seat.clone(), *position));
                let healthy = oracle.healthy_for(stage, &seat, *position, settle(&rollout.plan, wave));
                assert!(known || healthy, "{app} was never healthy for long enough");
            }
            Change::Open { wave } => {
                for (app, member) in &rollout.members {
                    let Some(record) = member.current().filter(|record| record.wave < Some(*wave)) else {
                        continue;
                    };
                    let Some(its) = record.wave else { continue };
                    let tolerant = matches!(&rollout.plan, PlanSpec::Policy(policy)
                        if policy.waves[its].max_failures.unwrap_or(0) > 0);
                    let seat = (member.cluster.clone(), app.clone());
                    let position = before.assigned.get(&seat).map(|told| told.position);
                    let proven = position.is_some_and(|position| oracle.proven.contains(&(seat, position)));
                    let failed = tolerant && matches!(record.state, MemberState::Failed { .. });
                    assert!(
                        proven || failed || record.excused.is_some() || record.late,
                        "{app} is not proven"
                    );
                }
            }
            Change::Release { app, baseline: false, release, .. } => {
                let member = &rollout.members[app];
                let seat = (member.cluster.clone(), app.clone());
                let proof = before.assigned.get(&seat).and_then(|told| told.proof);
                let wave = member.record.as_ref().unwrap().wave.unwrap();
                let reverts = proof.is_some_and(|proof| proof.release == *release);
                if wave > 0 && !reverts && matches!(rollout.plan, PlanSpec::Policy(_)) {
                    assert!(oracle.shown.contains(&step.rollout), "{app} gets what no canary has proven");
                }
            }
            _ => {}
        }
    }
}

struct BlastRadius;

impl Onlooker for BlastRadius {
    fn step(&mut self, stage: &Stage, oracle: &Oracle, before: &Fleet, step: &Step) {
        let Change::Release { app, cluster, .. } = &step.change else { return };
        let after = &stage.world.fleet;
        let rollout = members(stage, step);
        let wave = rollout.members[app].record.as_ref().unwrap().wave.unwrap();
        let amount = match &rollout.plan {
            PlanSpec::Immediate => None,
            PlanSpec::RollingSync(rolling) => rolling.steps[wave].max_update,
            PlanSpec::Policy(policy) => policy.waves[wave].max_update,
        };
        let in_wave =
            |member: &&crate::Member| member.current().is_some_and(|record| record.wave == Some(wave));
        let total = rollout.members.values().filter(in_wave).count();
        let max = amount.map_or(usize::MAX, |amount| amount.of(total));
        let (was, is) = (oracle.exposed_in(before, step, wave), oracle.exposed_in(after, step, wave));
        assert!(is <= max || is <= was, "{is} of wave {wave} are exposed, {was} were, {max} may be");
        assert!(max > 0, "a manual gate let {app} through");
        if let Some(limit) = after.max_per_cluster {
            let on = |fleet: &Fleet| {
                fleet.assigned.keys().filter(|seat| seat.0 == *cluster && oracle.exposed(fleet, seat)).count()
            };
            assert!(on(after) <= limit || on(after) <= on(before), "{cluster} has more than {limit}");
        }
    }
}

struct Pinned;

impl Onlooker for Pinned {
    fn step(&mut self, stage: &Stage, _: &Oracle, before: &Fleet, step: &Step) {
        match &step.change {
            Change::Release { cluster, release, baseline, app, .. } => {
                let source = &stage.world.sources[&step.rollout];
                let commit = match &source.base {
                    Some(base) if !source.only.contains(cluster) => base,
                    _ => &source.commit,
                };
                assert_eq!(
                    stage.world.releases[release], *commit,
                    "{app} gets another commit than was frozen"
                );
                let line = &before.lines[&step.owner];
                let lead = line.lead().unwrap();
                assert_eq!(lead.name == step.rollout, !baseline, "an older rollout gives baselines only");
            }
            Change::Place { app, wave, .. } => {
                let old = &before.lines[&step.owner].get(&step.rollout).unwrap().members[app];
                let old = old.record.as_ref().filter(|record| record.cluster == old.cluster);
                let frozen = old.and_then(|record| record.wave);
                assert!(frozen.is_none() || frozen == *wave, "{app} changed its wave");
            }
            _ => {}
        }
    }
}

struct Halt;

impl Onlooker for Halt {
    fn step(&mut self, _: &Stage, oracle: &Oracle, _: &Fleet, step: &Step) {
        let released = matches!(step.change, Change::Release { .. } | Change::Open { .. });
        assert!(!(released && oracle.halted.contains(&step.rollout)), "{} goes on", step.rollout);
    }

    fn end(&mut self, stage: &Stage, oracle: &Oracle, _: &Plan, _: &Report) {
        for rollout in &stage.world.fleet.lines[&owner()].rollouts {
            let PlanSpec::Policy(policy) = &rollout.plan else { continue };
            for (index, wave) in policy.waves.iter().enumerate() {
                let failed = rollout.members.iter().filter(|(app, member)| {
                    let cluster = &stage.world.fleet.clusters[&member.cluster];
                    let position = member
                        .current()
                        .and_then(|record| record.state.position().filter(|_| record.wave == Some(index)));
                    let seat = (member.cluster.clone(), (*app).clone());
                    let told = stage.world.fleet.assigned.get(&seat).map(|told| told.position);
                    cluster.hold.is_none()
                        && cluster.mode == Mode::Enforce
                        && position.is_some_and(|position| oracle.reported_failure(&seat, position))
                        && told == position
                });
                let halts = failed.count() > wave.max_failures.unwrap_or(0) as usize;
                assert!(!(halts && rollout.head.phase == Phase::Progressing), "{} goes on", rollout.name);
            }
        }
    }
}

struct Pause;

impl Onlooker for Pause {
    fn step(&mut self, stage: &Stage, _: &Oracle, _: &Fleet, step: &Step) {
        let Change::Release { cluster, .. } = &step.change else { return };
        let state = &stage.world.fleet.clusters[cluster];
        for pause in &state.pauses {
            let over = !pause.local && pause.until.is_some_and(|until| until <= stage.now());
            assert!(over, "{cluster} is paused");
        }
        assert!(state.hold.is_none(), "{cluster} is held");
    }
}

/// What a person chose in a cluster is left alone: nothing is released, proven or failed there, and what
/// was proven before does not open a gate.
struct Pins;

impl Onlooker for Pins {
    fn step(&mut self, stage: &Stage, _: &Oracle, before: &Fleet, step: &Step) {
        let rollout = members(stage, step);
        let pinned = |app: &shared_model::AppKey| {
            let cluster = &rollout.members[app].cluster;
            before.pin(&(cluster.clone(), app.clone())).is_some()
        };
        match &step.change {
            Change::Release { app, .. } | Change::Prove { app, .. } | Change::Fail { app, .. } => {
                assert!(!pinned(app), "{app} is pinned: {:?}", step.change);
            }
            Change::Pass { wave, .. } => {
                let was = before.lines[&step.owner].get(&step.rollout).unwrap();
                for (app, member) in &was.members {
                    let record = member.current().filter(|record| record.wave == Some(*wave));
                    let counts = record.is_some_and(|record| record.state.is_proven() && !record.late);
                    assert!(!(counts && pinned(app)), "{app} is pinned and counts as proven");
                }
            }
            Change::Excuse { app, reason: crate::Excuse::Pinned, .. } => assert!(pinned(app)),
            _ => {}
        }
    }

    fn end(&mut self, stage: &Stage, _: &Oracle, _: &Plan, report: &Report) {
        for ((owner, name), listed) in &report.rollouts {
            let rollout = stage.world.fleet.lines[owner].get(name).unwrap();
            for (app, member) in &rollout.members {
                let Some(record) = member.current() else { continue };
                let seat = (member.cluster.clone(), app.clone());
                let pinned = stage.world.fleet.pin(&seat).is_some();
                let proven = record.state.is_proven();
                let slot = record.excused == Some(crate::Excuse::Pinned);
                assert!(!slot || pinned, "{app} is excused and nobody pinned it");
                if pinned && record.state.position().is_some() && !proven {
                    assert!(matches!(*listed.waits[app], Wait::Pinned { .. }), "{:?}", listed.waits[app]);
                }
            }
        }
    }
}

struct NeverBackwards;

impl Onlooker for NeverBackwards {
    fn step(&mut self, stage: &Stage, oracle: &Oracle, before: &Fleet, step: &Step) {
        for (seat, told) in &stage.world.fleet.assigned {
            let was = before.assigned.get(seat).map(|told| told.position);
            assert!(Some(told.position) >= was, "{seat:?} went back");
        }
        let Change::Release { app, cluster, position, .. } = &step.change else { return };
        let seat = (cluster.clone(), app.clone());
        if let Some(adopted) = before.assigned.get(&seat).and_then(|told| told.adopted) {
            let rollout = members(stage, step);
            let asked = rollout.members[app].sync_requested == Some(rollout.members[app].release);
            assert!(asked || rollout.created > adopted.since, "{app} is moved by what is older");
        }
        assert!(
            oracle.told.get(&seat).is_none_or(|told| told < position),
            "{app} was told {position} before"
        );
        assert!(
            stage.world.agents.get(&seat).is_none_or(|agent| agent.0 < *position),
            "its agent is further"
        );
    }
}

struct HealAlways;

impl Onlooker for HealAlways {
    fn step(&mut self, stage: &Stage, _: &Oracle, before: &Fleet, step: &Step) {
        for (seat, was) in &before.assigned {
            let is = &stage.world.fleet.assigned[seat];
            assert!(is.running().is_some() || was.running().is_none(), "{seat:?} has nothing to heal to");
            let changed = is.running() != was.running();
            assert!(!changed || matches!(step.change, Change::Release { .. }), "{seat:?} lost its release");
        }
    }

    fn end(&mut self, stage: &Stage, _: &Oracle, _: &Plan, _: &Report) {
        let Some(lead) = stage.world.lead() else { return };
        for (app, member) in &lead.members {
            let Some(position) = member.current().and_then(|record| record.state.position()) else {
                continue;
            };
            let told = &stage.world.fleet.assigned[&(member.cluster.clone(), app.clone())];
            assert_eq!(told.running(), Some((position, member.release)), "{app} heals to something else");
        }
    }
}

struct Stable;

impl Onlooker for Stable {
    fn end(&mut self, stage: &Stage, _: &Oracle, first: &Plan, report: &Report) {
        let now = stage.now();
        let (again, same) = plan(&stage.world.fleet, now);
        assert!(again.steps.is_empty(), "planned again:\n{}after\n{}", brief(&again), brief(first));
        assert_eq!(*report, same);
        assert_eq!(first.wake, again.wake);
        let idle =
            first.wake.map_or(now + Duration::from_secs(100_000), |(at, _)| at - Duration::from_nanos(1));
        let (later, _) = plan(&stage.world.fleet, idle);
        assert!(
            later.steps.is_empty(),
            "time changed a decision before {:?}:\n{}{report:#?}",
            first.wake,
            brief(&later)
        );
    }
}

/// The hub dies after every number of steps; what it plans then leads to the same end.
fn crashes((mut stage, events): (Stage, Vec<Event>)) {
    for event in &events {
        stage.happen(event);
        let now = stage.now();
        let (whole, _) = plan(&stage.world.fleet, now);
        let mut end = stage.world.fleet.clone();
        crate::apply(&mut end, &whole);
        for steps in 0..whole.steps.len() {
            let mut fleet = stage.world.fleet.clone();
            crate::apply(&mut fleet, &Plan { steps: whole.steps[..steps].to_vec(), ..whole.clone() });
            let (rest, report) = plan(&fleet, now);
            let violations = check(&fleet, &rest, &report, now);
            assert!(violations.is_empty(), "{violations:#?}");
            crate::apply(&mut fleet, &rest);
            assert!(fleet == end, "after {steps} of\n{}then\n{}", brief(&whole), brief(&rest));
        }
        stage.world.fleet = end;
        stage.last = now;
    }
}

struct Explained;

impl Onlooker for Explained {
    fn end(&mut self, stage: &Stage, _: &Oracle, _: &Plan, report: &Report) {
        for ((owner, name), listed) in &report.rollouts {
            let rollout = stage.world.fleet.lines[owner].get(name).unwrap();
            for (app, member) in &rollout.members {
                let proven = member.current().is_some_and(|record| record.state.is_proven());
                let queued = rollout.head.phase == Phase::Queued;
                assert!(
                    proven != listed.waits.contains_key(app) || queued,
                    "{app}: {:?}",
                    listed.waits.get(app)
                );
            }
            let waits = listed.waits.values().map(|wait| &**wait).chain(&listed.waits_for);
            for sentence in waits.map(ToString::to_string) {
                let wave = listed.waves.iter().any(|wave| sentence.contains(&wave.name));
                let cluster = CLUSTERS.iter().any(|cluster| sentence.contains(cluster));
                let person = sentence.contains("a person");
                let behind = stage.world.sources.keys().any(|name| sentence.contains(name.as_str()));
                assert!(wave || cluster || person || behind, "names nobody: {sentence}");
                assert!(!sentence.contains('\n') && !sentence.ends_with('.'), "{sentence}");
            }
            let counted: usize = listed.waves.iter().map(|wave| wave.total).sum();
            assert!(
                rollout.head.phase == Phase::Queued || counted + listed.in_no_wave == rollout.members.len()
            );
            for wave in &listed.waves {
                let sum = wave.waiting + wave.released + wave.proven + wave.failed + wave.excused;
                assert_eq!(sum, wave.total, "{wave:?}");
            }
        }
    }
}

/// The same hundred stories each time; or as many as PROPTEST_CASES asks for, others each time.
fn config() -> ProptestConfig {
    let mut config = ProptestConfig { failure_persistence: None, ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 100;
        config.rng_seed = RngSeed::Fixed(7);
    }
    config
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn proven_first(story in story()) {
        play(story, &mut ProvenFirst);
    }

    #[test]
    fn blast_radius(story in story()) {
        play(story, &mut BlastRadius);
    }

    #[test]
    fn pinned(story in story()) {
        play(story, &mut Pinned);
    }

    #[test]
    fn halt(story in story()) {
        play(story, &mut Halt);
    }

    #[test]
    fn pause(story in story()) {
        play(story, &mut Pause);
    }

    #[test]
    fn pins(story in story()) {
        play(story, &mut Pins);
    }

    #[test]
    fn never_backwards(story in story()) {
        play(story, &mut NeverBackwards);
    }

    #[test]
    fn heal_always(story in story()) {
        play(story, &mut HealAlways);
    }

    #[test]
    fn stable(story in story()) {
        play(story, &mut Stable);
    }

    #[test]
    fn a_crash_between_two_steps_changes_no_decision(story in story()) {
        crashes(story);
    }

    #[test]
    fn explained(story in story()) {
        play(story, &mut Explained);
    }
}
