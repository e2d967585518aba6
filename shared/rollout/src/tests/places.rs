//! Places told beforehand are those that the planner gives.

use super::world::{Source, World};
use crate::places;
use shared_model::{AppKey, ClusterName, fleet_rollout::PlanSpec};
use std::collections::BTreeMap;

/// Plans a first rollout over six clusters, and compares what became of each member with what was foretold.
fn check(plan: &str, expect: &str) {
    let plan: PlanSpec = serde_json::from_str(plan).unwrap();
    let mut world = World { plan: plan.clone(), apps: vec!["api".into(), "web".into()], ..World::new() };
    for (name, ring) in
        [("a1", "one"), ("a2", "two"), ("b1", "one"), ("b2", "two"), ("c1", ""), ("c2", "two")]
    {
        let cluster = world.cluster(name);
        if !ring.is_empty() {
            cluster.labels.insert("ring".into(), ring.into());
        }
    }
    world.commit(Source { commit: "one".into(), ..Source::default() });
    for _ in 0..4 {
        world.run();
    }
    let rollout = world.lead().expect("it is under way");
    let members: BTreeMap<AppKey, (ClusterName, BTreeMap<String, String>)> = rollout
        .members
        .iter()
        .map(|(app, member)| (app.clone(), (member.cluster.clone(), member.labels.clone())))
        .collect();
    let clusters = world.fleet.clusters.iter().map(|(name, state)| (name.clone(), state.labels.clone()));
    let found = places(&plan, &clusters.collect(), &members);
    for (app, member) in &rollout.members {
        let placed = member.record.as_ref().and_then(|record| record.wave);
        assert_eq!(found.wave_of(app), placed, "{app}");
        assert_eq!(found.nowhere.contains(app), placed.is_none(), "{app}");
    }
    let shown: Vec<String> = found
        .waves
        .iter()
        .map(|wave| {
            let clusters: Vec<&str> = wave.clusters.iter().map(|name| name.as_str()).collect();
            format!("{}: {} on {}", wave.name, wave.members.len(), clusters.join(" "))
        })
        .collect();
    assert_eq!(shown.join("; "), expect);
    // Of clusters that nobody knows, a policy cannot tell.
    let unknown = places(&plan, &BTreeMap::new(), &members).unknown.len();
    assert_eq!(unknown, if matches!(plan, PlanSpec::Policy(_)) { members.len() } else { 0 });
}

#[test]
fn foretold_places_are_those_of_the_planner() {
    check(r#""immediate""#, "all: 12 on a1 a2 b1 b2 c1 c2");
    check(
        r#"{"policy": {"waves": [
            {"name": "canary", "match": {"matchLabels": {"ring": "one"}}, "take": 1},
            {"name": "two", "take": 2},
            {"name": "ones", "match": {"matchLabels": {"ring": "one"}}},
            {"name": "twos", "match": {"matchLabels": {"ring": "two"}}}]}}"#,
        "canary: 2 on a1; two: 4 on a2 b1; ones: 0 on ; twos: 4 on b2 c2",
    );
    check(
        r#"{"rollingSync": {"steps": [
            {"matchExpressions": [{"key": "ring", "operator": "In", "values": ["one"]}], "maxUpdate": 0},
            {"matchExpressions": [{"key": "ring", "operator": "NotIn", "values": ["two"]}]}]}}"#,
        "1: 4 on a1 b1; 2: 2 on c1",
    );
}
