use crate::{
    Head, application_status, status,
    tests::world::{Source, World, owner},
};
use expect_test::expect;
use shared_model::{HealthStatus, RolloutName, SyncPhase, fleet_rollout::PlanSpec};

fn commit(world: &mut World, commit: &str) -> RolloutName {
    world.commit(Source { commit: commit.into(), ..Source::default() })
}

#[test]
fn a_status_shows_the_waves_the_halt_and_who_is_affected() {
    let mut world = World::new();
    world.cluster("c1").labels.insert("ring".into(), "canary".into());
    world.cluster("c2");
    world.plan = PlanSpec::Policy(
        serde_json::from_str(
            r#"{"waves": [{"name": "canary", "match": {"matchLabels": {"ring": "canary"}}}, {"name": "rest"}]}"#,
        )
        .unwrap(),
    );
    let name = commit(&mut world, "A");
    world.run();
    world.report("c1", SyncPhase::Failed, HealthStatus::Unknown);
    let (_, report) = world.run();
    let rollout = world.fleet.lines[&owner()].get(&name).unwrap();
    let shown = status(rollout, &report.rollouts[&(owner(), name)]);
    expect![[r#"
        {
          "exceptional": [
            {
              "application": "argocd/web-c1",
              "cluster": "c1",
              "state": "Failed",
              "waitsFor": "c1 failed: the sync failed: apply refused"
            },
            {
              "application": "argocd/web-c2",
              "cluster": "c2",
              "state": "Waiting",
              "waitsFor": "halted in wave canary: argocd/web-c1 on c1: the sync failed: apply refused; a person or a newer commit must decide"
            }
          ],
          "failed": 1,
          "halted": {
            "at": "2026-01-01T00:00:00Z",
            "cluster": "c1",
            "member": "argocd/web-c1",
            "reason": "the sync failed: apply refused",
            "wave": 0,
            "waveName": "canary"
          },
          "members": 2,
          "phase": "Halted",
          "proven": 0,
          "started": "2026-01-01T00:00:00Z",
          "waitsFor": "halted in wave canary: argocd/web-c1 on c1: the sync failed: apply refused; a person or a newer commit must decide",
          "waves": [
            {
              "back": 0,
              "excused": 0,
              "failed": 1,
              "name": "canary",
              "opened": "2026-01-01T00:00:00Z",
              "proven": 0,
              "released": 0,
              "total": 1,
              "waiting": 0
            },
            {
              "back": 0,
              "excused": 0,
              "failed": 0,
              "name": "rest",
              "proven": 0,
              "released": 0,
              "total": 1,
              "waiting": 1
            }
          ]
        }"#]].assert_eq(&serde_json::to_string_pretty(&shown).unwrap());
    assert_eq!(serde_json::from_value::<Head>(shown).unwrap(), rollout.head);
}

#[test]
fn a_status_lists_at_most_fifty_members_the_worst_first() {
    let mut world = World::new();
    for index in 0..60 {
        world.cluster(&format!("c{index:02}"));
    }
    let name = commit(&mut world, "A");
    world.run();
    world.report("c59", SyncPhase::Failed, HealthStatus::Unknown);
    let (_, report) = world.run();
    let rollout = world.fleet.lines[&owner()].get(&name).unwrap();
    let shown = status(rollout, &report.rollouts[&(owner(), name)]);
    let listed = shown["exceptional"].as_array().unwrap();
    assert_eq!((listed.len(), &shown["exceptionalOmitted"]), (50, &10.into()));
    assert_eq!(listed[0]["cluster"], "c59");
    assert_eq!((&shown["members"], &shown["failed"]), (&60.into(), &1.into()));
}

#[test]
fn rolling_sync_is_shown_in_argo_cds_words() {
    let mut world = World::new();
    for (name, env) in [("c1", "dev"), ("c2", "prod"), ("c3", "odd")] {
        world.cluster(name).labels.insert("env".into(), env.into());
    }
    world.plan = PlanSpec::RollingSync(
        serde_json::from_str(
            r#"{"steps": [
                {"matchExpressions": [{"key": "env", "operator": "In", "values": ["dev"]}]},
                {"matchExpressions": [{"key": "env", "operator": "In", "values": ["prod"]}]}]}"#,
        )
        .unwrap(),
    );
    let name = commit(&mut world, "A");
    let show = |world: &mut World| {
        let (_, report) = world.run();
        let rollout = world.fleet.lines[&owner()].get(&name).unwrap();
        let entries = application_status(rollout, &report.rollouts[&(owner(), name.clone())], |_| {
            vec!["a".repeat(40).parse().unwrap()]
        });
        let words = entries.iter().map(|entry| {
            let field = |name: &str| entry[name].as_str().unwrap().to_owned();
            assert_eq!(entry["targetRevisions"][0], "a".repeat(40));
            format!(
                "{} step {} {}: {}\n",
                field("application"),
                field("step"),
                field("status"),
                field("message")
            )
        });
        words.collect::<String>()
    };
    let mut shown = show(&mut world);
    world.report("c1", SyncPhase::Succeeded, HealthStatus::Progressing);
    shown += &show(&mut world);
    world.report("c1", SyncPhase::Succeeded, HealthStatus::Healthy);
    shown += &show(&mut world);
    expect![[r#"
        web-c1 step 1 Pending: c1 has not reported on this release yet
        web-c2 step 2 Waiting: wave 2 has not opened: wave 1 waits for c1
        web-c3 step -1 Waiting: no wave takes c3: add a wave that matches it
        web-c1 step 1 Progressing: c1 is Progressing: 0 of 1 ready
        web-c2 step 2 Waiting: wave 2 has not opened: wave 1 waits for c1
        web-c3 step -1 Waiting: no wave takes c3: add a wave that matches it
        web-c1 step 1 Healthy: Application is Healthy
        web-c2 step 2 Pending: c2 has not reported on this release yet
        web-c3 step -1 Waiting: no wave takes c3: add a wave that matches it
    "#]]
    .assert_eq(&shown);
}

#[test]
fn what_is_durable_reads_back_as_it_was_written() {
    fn check<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(value: &T) {
        let text = serde_json::to_string(value).unwrap();
        assert_eq!(serde_json::from_str::<T>(&text).unwrap(), *value, "{text}");
    }
    let mut world = World::new();
    for name in ["c1", "c2", "c3"] {
        world.cluster(name);
    }
    world.plan =
        PlanSpec::Policy(serde_json::from_str(r#"{"waves": [{"name": "all", "take": 3}]}"#).unwrap());
    commit(&mut world, "A");
    world.pause("c3", None);
    world.run();
    world.report("c1", SyncPhase::Succeeded, HealthStatus::Healthy);
    world.now += std::time::Duration::from_secs(5);
    world.run();
    world.report("c2", SyncPhase::Failed, HealthStatus::Degraded);
    world.run();
    let lead = world.lead().unwrap();
    check(&lead.head);
    let records: Vec<_> = lead.members.values().map(|member| member.record.clone().unwrap()).collect();
    records.iter().for_each(check);
    world.fleet.assigned.values().for_each(check);
    let kinds: Vec<_> = records.iter().map(|record| std::mem::discriminant(&record.state)).collect();
    assert!(kinds[0] != kinds[1] && kinds[1] != kinds[2], "proven, failed and waiting: {records:?}");
}
