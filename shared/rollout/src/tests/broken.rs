//! What each invariant prevents: plans broken by hand, or gone stale before they were committed, and
//! what the linter says of them.

use crate::{
    Change, Excuse, Hold, Link, Plan, Report, Rule, Step, check as lint, plan,
    tests::world::{Source, World, owner},
};
use shared_model::{
    AppKey, ClusterName, Digest, HealthStatus, Position, ReleaseId, RolloutName, SyncPhase,
    fleet_rollout::PlanSpec,
};

const CAREFUL: &str = r#"{"waves": [
    {"name": "canary", "match": {"matchLabels": {"ring": "canary"}}, "maxUpdate": 1},
    {"name": "rest", "maxUpdate": 1}],
    "unreachable": {"after": "2m", "action": "Skip", "atMost": 1}}"#;

/// One canary (c1) and three others (c2, c3, c4), and a commit that is planned but not committed.
fn fleet(policy: &str) -> World {
    let mut world = World::new();
    world.cluster("c1").labels.insert("ring".into(), "canary".into());
    for name in ["c2", "c3", "c4"] {
        world.cluster(name);
    }
    world.plan = PlanSpec::Policy(serde_json::from_str(policy).unwrap());
    world.commit(Source { commit: "A".into(), ..Source::default() });
    world
}

fn healthy(world: &mut World, clusters: &[&str]) {
    for cluster in clusters {
        world.report(cluster, SyncPhase::Succeeded, HealthStatus::Healthy);
    }
    world.now += std::time::Duration::from_secs(5);
    world.run();
}

fn step(rollout: &str, change: Change) -> Step {
    Step { owner: owner(), rollout: RolloutName::new(rollout), change }
}

fn web(cluster: &str) -> AppKey {
    AppKey::new("argocd", format!("web-{cluster}"))
}

const fn at(generation: u64) -> Position {
    Position { incarnation: 1, generation }
}

fn release(world: &World, rollout: &str, cluster: &str, generation: u64) -> Step {
    let member = &world.fleet.lines[&owner()].get(&RolloutName::new(rollout)).unwrap().members[&web(cluster)];
    let (app, cluster, release) = (web(cluster), ClusterName::new(cluster), member.release);
    step(rollout, Change::Release { app, cluster, release, position: at(generation), baseline: false })
}

/// The linter refuses the steps after what the planner would do itself, by that rule and sentence.
#[track_caller]
fn check(world: &World, steps: Vec<Step>, rule: Rule, sentence: &str) {
    let (mut plan, report) = plan(&world.fleet, world.now);
    plan.steps.extend(steps);
    refuses(world, &plan, &report, rule, sentence);
}

#[track_caller]
fn refuses(world: &World, plan: &Plan, report: &Report, rule: Rule, sentence: &str) {
    let found = lint(&world.fleet, plan, report, world.now);
    let named =
        found.iter().any(|violation| violation.rule == rule && violation.to_string().contains(sentence));
    assert!(named, "expected {rule:?}: {sentence}\nfound {found:#?}");
}

#[test]
fn the_second_wave_never_gets_what_the_canary_has_not_proven() {
    let mut world = fleet(CAREFUL);
    world.run();
    let early = release(&world, "r1", "c2", 1);
    check(&world, vec![early.clone()], Rule::ProvenFirst, "wave 1 has not opened");
    let open = step("r1", Change::Open { wave: 1 });
    check(&world, vec![open, early], Rule::ProvenFirst, "although argocd/web-c1 in wave 0 is not proven");
    check(&world, vec![step("r1", Change::Finish)], Rule::ProvenFirst, "it would be done although");
    let slip = Change::Place { app: web("c1"), wave: Some(0), late: true, fills: false };
    check(&world, vec![step("r1", slip)], Rule::ProvenFirst, "slip past a gate");
}

#[test]
fn proof_needs_health_for_long_enough_on_the_very_assignment() {
    let mut world = fleet(CAREFUL);
    world.run();
    let prove = |generation| vec![step("r1", Change::Prove { app: web("c1"), position: at(generation) })];
    check(&world, prove(1), Rule::ProvenFirst, "nothing was observed");
    check(&world, prove(7), Rule::ProvenFirst, "its agent is not at 1.7");
    world.report("c1", SyncPhase::Succeeded, HealthStatus::Healthy);
    world.cluster("c1").link = Link::LostSince(world.now);
    world.now += std::time::Duration::from_secs(60);
    check(&world, prove(1), Rule::ProvenFirst, "Healthy only from");
    world.report("c1", SyncPhase::Succeeded, HealthStatus::Progressing);
    check(&world, prove(1), Rule::ProvenFirst, "it is Progressing");
}

#[test]
fn an_excuse_needs_a_policy_and_a_reason() {
    let mut world = fleet(CAREFUL);
    world.run();
    let excuse = |reason| step("r1", Change::Excuse { app: web("c1"), reason, may_run: true });
    check(&world, vec![excuse(Excuse::Paused)], Rule::ProvenFirst, "which the policy or its cluster denies");
    check(&world, vec![excuse(Excuse::Unreachable)], Rule::ProvenFirst, "denies");
}

#[test]
fn one_more_than_the_budget_is_refused() {
    let mut world = fleet(CAREFUL);
    world.run();
    healthy(&mut world, &["c1"]);
    check(&world, vec![release(&world, "r1", "c3", 1)], Rule::BlastRadius, "one more than the 1 that wave 1");
    let mut limited = fleet(r#"{"waves": [{"name": "all"}]}"#);
    limited.apps = vec!["api".into(), "web".into()];
    limited.refresh();
    limited.fleet.max_per_cluster = Some(1);
    limited.run();
    let second = release(&limited, "r1", "c2", 1);
    check(&limited, vec![second], Rule::BlastRadius, "c2 would update more than 1 applications at once");
}

#[test]
fn a_slot_is_not_given_up_beyond_at_most_nor_in_silence() {
    let mut world = fleet(
        r#"{"waves": [{"name": "all"}], "unreachable": {"after": "2m", "action": "Skip", "atMost": 1}}"#,
    );
    world.run();
    for cluster in ["c1", "c2"] {
        world.cluster(cluster).link = Link::LostSince(world.now);
    }
    world.now += std::time::Duration::from_secs(120);
    let excuse =
        |may_run| step("r1", Change::Excuse { app: web("c2"), reason: Excuse::Unreachable, may_run });
    check(&world, vec![excuse(true)], Rule::BlastRadius, "is excused although 1 of its wave are");
    check(&world, vec![excuse(false)], Rule::BlastRadius, "would be forgotten");
}

#[test]
fn a_wave_ships_only_what_was_frozen() {
    let mut world = fleet(CAREFUL);
    let mut head = release(&world, "r1", "c1", 1);
    if let Change::Release { release, .. } = &mut head.change {
        *release = ReleaseId(Digest::of(b"the head of the branch by now"));
    }
    check(&world, vec![head], Rule::Pinned, "what the rollout did not freeze for c1");
    world.run();
    let moved = Change::Place { app: web("c1"), wave: Some(1), late: false, fills: false };
    check(&world, vec![step("r1", moved)], Rule::Pinned, "would leave its wave 0, which is frozen");
    world.commit(Source { commit: "B".into(), ..Source::default() });
    world.run();
    check(&world, vec![release(&world, "r1", "c2", 1)], Rule::Pinned, "by a rollout that does not lead");
    let by = RolloutName::new("r1");
    check(&world, vec![step("r2", Change::Supersede { by })], Rule::Pinned, "r1 is not newer");
    let mut back = release(&world, "r1", "c1", 3);
    if let Change::Release { baseline, .. } = &mut back.change {
        *baseline = true;
    }
    check(&world, vec![back], Rule::Pinned, "go back to a baseline although it runs something");
}

#[test]
fn a_halted_rollout_releases_nothing_more() {
    let mut world = fleet(r#"{"waves": [{"name": "all", "maxUpdate": 2}]}"#);
    world.run();
    world.report("c1", SyncPhase::Failed, HealthStatus::Unknown);
    let next = release(&world, "r1", "c3", 1);
    let (mut broken, report) = plan(&world.fleet, world.now);
    broken.steps.retain(|step| !matches!(step.change, Change::Halt { .. }));
    refuses(&world, &broken, &report, Rule::Halt, "failed more often than it may and nothing halts");
    broken.steps = vec![next.clone()];
    refuses(&world, &broken, &report, Rule::Halt, "although the sync of argocd/web-c1 failed");
    world.run();
    check(&world, vec![next], Rule::Halt, "although the rollout halted");
    check(
        &world,
        vec![step("r1", Change::Pass { wave: 0, evidence: crate::Evidence::default() })],
        Rule::Halt,
        "moves on although the rollout halted",
    );
}

#[test]
fn a_pause_that_comes_after_the_plan_still_stops_it() {
    let mut world = fleet(CAREFUL);
    let (plan, report) = plan(&world.fleet, world.now);
    world.pause("c1", None);
    refuses(&world, &plan, &report, Rule::Pause, "c1 is paused");
    world.cluster("c1").pauses.clear();
    world.cluster("c1").hold = Some(Hold::ClusterReplaced);
    refuses(&world, &plan, &report, Rule::Pause, "c1 must not be told anything");
}

#[test]
fn an_agent_ahead_of_the_store_and_positions_that_do_not_grow_are_refused() {
    let mut world = fleet(CAREFUL);
    let (stale, report) = plan(&world.fleet, world.now);
    world.run();
    // The hub was restored from a backup taken before the release; the agent was not.
    world.report("c1", SyncPhase::Succeeded, HealthStatus::Healthy);
    world.fleet.assigned.clear();
    refuses(
        &world,
        &Plan { steps: vec![release(&world, "r1", "c1", 1)], ..stale.clone() },
        &report,
        Rule::NeverBackwards,
        "c1 is ahead of the store",
    );
    let mut world = fleet(CAREFUL);
    world.run();
    check(
        &world,
        vec![release(&world, "r1", "c1", 1)],
        Rule::NeverBackwards,
        "would go to 1.1, which does not follow",
    );
    world.fleet.incarnation = 2;
    check(&world, vec![release(&world, "r1", "c1", 2)], Rule::NeverBackwards, "would go to 1.2");
}

#[test]
fn what_counts_as_released_is_what_the_agent_heals_to() {
    let mut world = fleet(CAREFUL);
    world.run();
    let adopt = Change::Adopt { app: web("c2"), position: at(1) };
    check(
        &world,
        vec![step("r1", adopt)],
        Rule::HealAlways,
        "counts as released on c2 but its agent is told otherwise",
    );
}

#[test]
fn a_plan_that_was_committed_already_is_refused() {
    let mut world = fleet(CAREFUL);
    let (plan, report) = world.run();
    refuses(&world, &plan, &report, Rule::Stable, "runs that release already");
    refuses(&world, &plan, &report, Rule::Pinned, "it starts while r1 is under way");
    let idle = Plan { steps: Vec::new(), wake: Some((world.now, "spinning")), ..plan };
    refuses(&world, &idle, &report, Rule::Stable, "which is past");
    let again = Change::Stop { app: web("c1") };
    let twice = vec![step("r1", again.clone()), step("r1", again)];
    check(&world, twice, Rule::Stable, "the step changes nothing");
}

#[test]
fn whatever_waits_without_a_reason_is_refused() {
    let mut world = fleet(CAREFUL);
    world.run();
    let (plan, whole) = plan(&world.fleet, world.now);
    let key = (owner(), RolloutName::new("r1"));
    let mut silent = whole.clone();
    silent.rollouts.get_mut(&key).unwrap().waits.remove(&web("c3"));
    refuses(&world, &plan, &silent, Rule::Explained, "nothing says what argocd/web-c3 waits for");
    silent.rollouts.get_mut(&key).unwrap().waits_for = None;
    refuses(&world, &plan, &silent, Rule::Explained, "nothing says what it waits for");
    refuses(&world, &plan, &Report::default(), Rule::Explained, "the report leaves it out");
}
