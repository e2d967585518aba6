//! Small fleets, tried out.

use crate::{Assumptions, Ending, Forecast, Run, Scenario, Subject, Trial, forecast, run};
use serde_json::json;
use shared_model::{AppKey, ClusterName, Owner, OwnerKind, fleet_rollout::PlanSpec};
use shared_rollout::{ClusterState, Pause};
use std::{collections::BTreeMap, time::Duration};

fn fleet(clusters: usize, plan: PlanSpec) -> Scenario {
    let names = (0..clusters).map(|number| ClusterName::new(format!("c{number:03}")));
    let ring = |number: usize| if number == 0 { "canary" } else { "rest" };
    let cluster = |(number, name): (usize, ClusterName)| {
        let labels = BTreeMap::from([("ring".to_owned(), ring(number).to_owned())]);
        (name, ClusterState { labels, ..ClusterState::default() })
    };
    let clusters: BTreeMap<_, _> = names.enumerate().map(cluster).collect();
    let member =
        |name: &ClusterName| (AppKey::new("argocd", format!("web-{name}")), Subject::new(name.clone()));
    Scenario {
        owner: Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: "web".into() },
        plan,
        members: clusters.keys().map(member).collect(),
        clusters,
        windows: Vec::new(),
        max_per_cluster: None,
    }
}

fn policy(value: serde_json::Value) -> PlanSpec {
    PlanSpec::Policy(serde_json::from_value(value).unwrap())
}

/// A canary, five more, and the rest four at a time.
fn careful() -> PlanSpec {
    policy(json!({"waves": [
        {"name": "canary", "match": {"matchLabels": {"ring": "canary"}}, "soak": "10m"},
        {"name": "five", "take": 5, "maxUpdate": 2},
        {"name": "rest", "maxUpdate": 4},
    ]}))
}

fn assume() -> Assumptions {
    Assumptions::new("2026-01-05T08:00:00Z".parse().unwrap())
}

fn follow(scenario: &Scenario, assumptions: &Assumptions, runs: usize) -> (Vec<Run>, Forecast) {
    let seeds = Forecast::seeds(assumptions, runs);
    let courses: Vec<Run> =
        seeds.iter().map(|seed| run(scenario, assumptions, Trial::Chance, *seed)).collect();
    let said = forecast(scenario, assumptions, &courses);
    (courses, said)
}

#[test]
fn waves_open_one_after_another_and_a_bad_release_stops_where_it_begins() {
    let (_, said) = follow(&fleet(20, careful()), &assume(), 0);
    let waves: Vec<_> = said.waves.iter().map(|wave| (wave.name.as_str(), wave.members)).collect();
    assert_eq!(waves, [("canary", 1), ("five", 5), ("rest", 14)]);
    assert!(said.waves.windows(2).all(|pair| pair[0].passes.unwrap() <= pair[1].opens.unwrap()));
    assert!(said.waves[0].passes.unwrap() >= Duration::from_secs(600), "it soaks for ten minutes");
    assert_eq!(said.clean.ending, "Done");
    let exposed: Vec<_> = said.exposure.iter().map(|at| (at.wave.as_str(), at.clusters, at.of)).collect();
    assert_eq!(exposed[0], ("canary", 1, 20));
    assert!(exposed[1].1 <= 2 && exposed[2].1 <= 4, "never more than maxUpdate: {exposed:?}");
    assert!(said.exposure.iter().all(|at| at.ending == "Halted"));
}

#[test]
fn the_same_seed_gives_the_same_courses_and_another_seed_others() {
    let scenario = fleet(20, careful());
    let assumptions = Assumptions { failure_rate: 0.05, unreachable_rate: 0.05, ..assume() };
    let first = follow(&scenario, &assumptions, 10);
    assert_eq!(first, follow(&scenario, &assumptions, 10));
    let other = Assumptions { seed: 2, ..assumptions };
    assert_ne!(first.0, follow(&scenario, &other, 10).0);
    assert_eq!(first.1.ends.iter().map(|ends| ends.runs).sum::<usize>(), 10);
}

#[test]
fn more_failures_halt_more_often_and_allowed_ones_do_not() {
    let halts = |rate: f64, plan: PlanSpec| {
        let (courses, _) = follow(&fleet(20, plan), &Assumptions { failure_rate: rate, ..assume() }, 40);
        courses.iter().filter(|run| run.ending == Ending::Halted).count()
    };
    assert_eq!(halts(0.0, careful()), 0);
    let (some, most) = (halts(0.02, careful()), halts(0.3, careful()));
    assert!(some > 0 && some < most && most <= 40, "{some} {most}");
    let lenient = policy(json!({"waves": [{"name": "all", "maxFailures": 20}]}));
    assert_eq!(halts(0.3, lenient), 0);
}

#[test]
fn what_nobody_lifts_is_what_it_waits_for() {
    let mut scenario = fleet(5, careful());
    let pause = Pause { reason: "INC-7".into(), by: "ann".into(), ..Pause::default() };
    scenario.clusters.get_mut(&ClusterName::new("c000")).unwrap().pauses.push(pause);
    let (_, said) = follow(&scenario, &assume(), 3);
    assert_eq!(said.clean.ending, "Waits");
    assert!(said.waits.iter().any(|wait| wait.contains("c000 is paused by ann: INC-7")), "{:?}", said.waits);
    assert_eq!(said.waves[1].opens, None);
    assert_eq!(said.left_count, 5);
}

#[test]
fn a_pause_that_ends_is_waited_for() {
    let mut scenario = fleet(9, careful());
    let until = Some(assume().start + Duration::from_secs(3 * 3600));
    let pause = Pause { until, ..Pause::default() };
    scenario.clusters.get_mut(&ClusterName::new("c000")).unwrap().pauses.push(pause);
    let (_, said) = follow(&scenario, &assume(), 0);
    assert_eq!(said.clean.ending, "Done", "{said:#?}");
    assert!(said.clean.p50.unwrap() > Duration::from_secs(3 * 3600));
}

#[test]
fn whom_no_wave_takes_is_named() {
    let plan = policy(json!({"waves": [{"name": "canary", "match": {"matchLabels": {"ring": "canary"}}}]}));
    let (_, said) = follow(&fleet(30, plan), &assume(), 0);
    assert_eq!(said.in_no_wave_count, 29);
    assert_eq!(said.in_no_wave[0], "web-c001");
}

#[test]
fn without_a_policy_all_of_it_goes_at_once_and_all_of_it_is_at_risk() {
    let (_, said) = follow(&fleet(30, PlanSpec::Immediate), &assume(), 0);
    assert_eq!(said.exposure[0].clusters, 30);
}

#[test]
fn those_that_were_cut_off_hold_it_up_unless_the_policy_goes_on() {
    let plan = |action: &str| {
        policy(json!({
            "waves": [{"name": "all"}], "unreachable": {"action": action, "atMost": "50%", "after": "2m"},
        }))
    };
    let ends = |action: &str| {
        let assumptions = Assumptions { unreachable_rate: 0.2, ..assume() };
        follow(&fleet(30, plan(action)), &assumptions, 10).1.ends
    };
    assert_eq!(ends("Wait")[0].ending, "Waits");
    assert_eq!(ends("Skip")[0].ending, "Done");
}
