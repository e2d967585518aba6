use super::harness::*;
use crate::{Event, Failure};
use expect_test::expect;
use serde_json::json;
use shared_model::{Position, ReleaseSpec, SyncState};

#[test]
fn one_wave_is_applied_by_kind_and_succeeds_at_once() {
    let mut lab = Lab::new(assignment(
        1,
        spec(),
        &[
            deployment("api", "shop/api:1", 3),
            config_map("settings", "a"),
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}),
        ],
    ));
    expect![[r#"
        apply Namespace shop
        apply ConfigMap shop/settings
        apply apps/Deployment shop/api
        = Succeeded, Synced, Progressing Deployment/api: waits for the controller to see the newest generation
    "#]]
    .assert_eq(&lab.run().told());
    expect![[r#"
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.settle("Deployment/api").told());
    assert_eq!(lab.saved.len(), 3);
    assert_eq!(lab.machine.poll_timeout(), None);
}

#[test]
fn a_new_release_writes_what_it_changed_and_prunes_what_it_left_out() {
    let mut lab =
        Lab::new(assignment(1, spec(), &[config_map("a", "1"), config_map("b", "1"), config_map("c", "1")]));
    lab.run().told();
    lab.handle(Event::Assigned(assignment(2, spec(), &[config_map("a", "1"), config_map("b", "2")])));
    expect![[r#"
        delete ConfigMap shop/c
        apply ConfigMap shop/b
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
    assert_eq!(lab.saved, [id("ConfigMap/a"), id("ConfigMap/b")]);
}

#[test]
fn waves_and_hooks_wait_for_each_other() {
    let mut lab = Lab::new(assignment(
        1,
        spec(),
        &[
            annotated(job("migrate", "up"), &[("hook", "PreSync")]),
            annotated(deployment("db", "db:1", 1), &[("sync-wave", "-1")]),
            deployment("api", "shop/api:1", 2),
            annotated(job("smoke", "test"), &[("hook", "PostSync"), ("hook-delete-policy", "HookSucceeded")]),
        ],
    ));
    expect![[r#"
        apply batch/Job shop/migrate
        = Running (PreSync: waits for batch/Job shop/migrate: the job runs), OutOfSync, Missing nothing of it is there
        Deployment/api: missing
        Deployment/db: missing
    "#]]
    .assert_eq(&lab.run().told());
    expect![[r#"
        apply apps/Deployment shop/db
        = Running (Sync wave -1: waits for apps/Deployment shop/db: waits for the controller to see the newest generation), OutOfSync, Progressing Deployment/db: waits for the controller to see the newest generation
        Deployment/api: missing
    "#]].assert_eq(&lab.settle("Job/migrate").told());
    expect![[r#"
        apply apps/Deployment shop/api
        = Running (Sync: waits for apps/Deployment shop/api: waits for the controller to see the newest generation), Synced, Progressing Deployment/api: waits for the controller to see the newest generation
    "#]].assert_eq(&lab.settle("Deployment/db").told());
    expect![[r#"
        apply batch/Job shop/smoke
        = Running (PostSync: waits for batch/Job shop/smoke: the job runs), Synced, Healthy
    "#]]
    .assert_eq(&lab.settle("Deployment/api").told());
    expect![[r#"
        delete batch/Job shop/smoke, background
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.settle("Job/smoke").told());
}

#[test]
fn a_hook_of_an_earlier_run_is_cleared_away_first() {
    let hooked = |value: &str| {
        [annotated(job("migrate", "up"), &[("hook", "PreSync")]), config_map("settings", value)]
    };
    let mut lab = Lab::new(assignment(1, spec(), &hooked("1")));
    lab.run().settle("Job/migrate").told();
    lab.handle(Event::Assigned(assignment(2, spec(), &hooked("2"))));
    expect![[r#"
        delete batch/Job shop/migrate, background
        apply batch/Job shop/migrate
        = Running (PreSync: waits for batch/Job shop/migrate: the job runs), OutOfSync, Healthy
        ConfigMap/settings: data.key live=1 desired=2
    "#]]
    .assert_eq(&lab.told());
    expect![[r#"
        apply ConfigMap shop/settings
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.settle("Job/migrate").told());
}

#[test]
fn hooks_with_generated_names_get_one_per_sync() {
    let hook = json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "migrate-",
        "annotations": {"argocd.argoproj.io/hook": "PreSync"}}, "spec": {}});
    let mut lab = Lab::new(assignment(1, spec(), &[hook]));
    let told = lab.run().told();
    let name = told.strip_prefix("apply batch/Job shop/").unwrap().split('\n').next().unwrap().to_owned();
    assert!(name.starts_with("migrate-") && name.ends_with("-presync-0"), "{name}");
    let made = &lab.cluster.objects[&id(&format!("Job/{name}"))];
    assert_eq!(made["metadata"].get("generateName"), None);
    lab.settle(&format!("Job/{name}"));
    assert!(lab.told().contains("Succeeded"));
}

#[test]
fn a_failing_hook_is_tried_again_and_then_fails_the_sync() {
    let retry = |limit: i64| {
        let mut spec = spec();
        spec.sync_policy.retry = Some(shared_model::Retry { limit, backoff: None });
        spec
    };
    let mut lab = Lab::new(assignment(
        1,
        retry(1),
        &[
            annotated(job("migrate", "bad"), &[("hook", "PreSync")]),
            config_map("settings", "a"),
            annotated(config_map("sorry", "a"), &[("hook", "SyncFail")]),
        ],
    ));
    lab.run().settle("Job/migrate");
    expect![[r#"
        apply batch/Job shop/migrate
        = Running (batch/Job shop/migrate: back-off limit reached (try 1 of 2)), OutOfSync, Missing nothing of it is there
        ConfigMap/settings: missing
    "#]]
    .assert_eq(&lab.told());
    lab.wake().settle("Job/migrate");
    expect![[r#"
        after 5s: try the sync again
        delete batch/Job shop/migrate, background
        apply batch/Job shop/migrate
        apply ConfigMap shop/sorry
        = Failed (batch/Job shop/migrate: back-off limit reached), OutOfSync, Missing nothing of it is there
        ConfigMap/settings: missing
    "#]]
    .assert_eq(&lab.told());
    // Nothing is tried any more, nor is what never was applied "healed".
    assert_eq!(lab.machine.poll_timeout(), None);
    lab.later(100_000);
    assert!(lab.log.is_empty());
    // A person asks again.
    lab.handle(Event::SyncRequested);
    expect![[r#"
        delete batch/Job shop/migrate, background
        apply batch/Job shop/migrate
        = Running (PreSync: waits for batch/Job shop/migrate: the job runs), OutOfSync, Missing nothing of it is there
        ConfigMap/settings: missing
    "#]].assert_eq(&lab.told());
}

#[test]
fn one_bad_object_does_not_hide_the_others() {
    let mut lab =
        Lab::new(assignment(1, spec(), &[config_map("a", "1"), config_map("b", "1"), config_map("c", "1")]));
    lab.cluster.refused.insert(id("ConfigMap/b"), Failure::Invalid("data is too long".into()));
    expect![[r#"
        apply ConfigMap shop/a
        apply ConfigMap shop/b: refused: data is too long
        apply ConfigMap shop/c
        = Running (ConfigMap shop/b: refused: data is too long (try 1 of 6)), OutOfSync, Healthy
        ConfigMap/b: missing
    "#]]
    .assert_eq(&lab.run().told());
    for _ in 0..5 {
        lab.wake();
    }
    expect![[r#"
        after 5s: try the sync again
        apply ConfigMap shop/b: refused: data is too long
        after 10s: try the sync again
        apply ConfigMap shop/b: refused: data is too long
        after 20s: try the sync again
        apply ConfigMap shop/b: refused: data is too long
        after 40s: try the sync again
        apply ConfigMap shop/b: refused: data is too long
        after 80s: try the sync again
        apply ConfigMap shop/b: refused: data is too long
        = Failed (ConfigMap shop/b: refused: data is too long), OutOfSync, Healthy
        ConfigMap/b: missing
    "#]]
    .assert_eq(&lab.told());
    lab.cluster.refused.clear();
    lab.handle(Event::Assigned(assignment(2, spec(), &[config_map("a", "1"), config_map("b", "2")])));
    assert!(lab.told().contains("= Succeeded, Synced"));
}

#[test]
fn an_unreachable_api_server_uses_up_no_tries() {
    let mut once = spec();
    once.sync_policy.retry = Some(shared_model::Retry { limit: 0, backoff: None });
    let mut lab = Lab::new(assignment(1, once, &[config_map("a", "1")]));
    let after = Some(std::time::Duration::from_secs(42));
    lab.cluster.failures.insert(
        id("ConfigMap/a"),
        vec![
            Failure::Unreachable("connection refused".into()),
            Failure::Throttled { after, message: "busy".into() },
        ],
    );
    lab.run().wake().wake();
    expect![[r#"
        apply ConfigMap shop/a: API server unreachable: connection refused
        after 5s: try the sync again
        apply ConfigMap shop/a: API server asks to slow down: busy
        after 42s: try the sync again
        apply ConfigMap shop/a
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}

#[test]
fn a_workload_that_degrades_in_its_wave_stops_the_next() {
    let mut lab = Lab::new(assignment(
        1,
        spec(),
        &[deployment("api", "shop/api:bad", 1), annotated(config_map("after", "1"), &[("sync-wave", "1")])],
    ));
    lab.run().settle("Deployment/api");
    expect![[r#"
        apply apps/Deployment shop/api
        = Running (apps/Deployment shop/api: missed its progress deadline: the image cannot be pulled (try 1 of 6)), OutOfSync, Degraded Deployment/api: missed its progress deadline: the image cannot be pulled
        ConfigMap/after: missing
    "#]].assert_eq(&lab.told());
}

#[test]
fn an_older_position_is_refused() {
    let mut lab = Lab::new(assignment(5, spec(), &[config_map("a", "new")]));
    lab.run().told();
    lab.handle(Event::Assigned(assignment(4, spec(), &[config_map("a", "old")])));
    lab.handle(Event::Removed { position: Position { incarnation: 1, generation: 3 }, cascade: true });
    lab.handle(Event::Removed { position: Position { incarnation: 0, generation: 99 }, cascade: true });
    assert!(lab.log.is_empty());
    assert_eq!(lab.report().position.generation, 5);
}

#[test]
fn a_pause_stops_before_the_next_write_and_goes_on_where_it_was() {
    let mut lab = Lab::new(assignment(
        1,
        spec(),
        &[deployment("api", "shop/api:1", 1), annotated(config_map("after", "1"), &[("sync-wave", "1")])],
    ));
    lab.run();
    lab.handle(Event::Paused(true)).settle("Deployment/api");
    lab.edit("Deployment/api", |object| object["spec"]["replicas"] = json!(7));
    expect![[r#"
        apply apps/Deployment shop/api
        = Running (paused; Sync: waits for apps/Deployment shop/api: 1 of 7 replicas updated), OutOfSync, Progressing Deployment/api: 1 of 7 replicas updated
        ConfigMap/after: missing
        Deployment/api: spec.replicas live=7 desired=1
    "#]]
    .assert_eq(&lab.told());
    lab.later(3600);
    assert_eq!(lab.machine.poll_timeout(), None);
    lab.handle(Event::Paused(false)).settle("Deployment/api");
    expect![[r#"
        apply apps/Deployment shop/api
        apply ConfigMap shop/after
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}

#[test]
fn observing_compares_and_never_writes() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1"), config_map("b", "1")]));
    let mut there = config_map("a", "1");
    there["metadata"]["namespace"] = json!("shop");
    lab.cluster.put(&id("ConfigMap/a"), &there);
    lab.handle(Event::Mode(shared_model::Mode::Observe));
    // An object that somebody else applied, as the release has it, is no drift for want of our marks.
    expect![[r#"
        = Pending (observes only), OutOfSync, Healthy
        ConfigMap/b: missing
    "#]]
    .assert_eq(&lab.told());
    lab.handle(Event::Mode(shared_model::Mode::Enforce));
    expect![[r#"
        apply ConfigMap shop/a
        apply ConfigMap shop/b
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}

#[test]
fn a_restart_after_success_runs_no_hook_again() {
    let release = assignment(
        1,
        spec(),
        &[annotated(job("migrate", "up"), &[("hook", "PreSync")]), config_map("settings", "a")],
    );
    let mut lab = Lab::new(release.clone());
    lab.run().settle("Job/migrate").told();
    lab.machine = crate::Machine::resume(release, Some(lab.saved.clone()), lab.now);
    lab.run();
    expect![[r#"
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
    lab.lose("ConfigMap/settings");
    expect![[r#"
        apply ConfigMap shop/settings
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}

#[test]
fn a_release_without_objects_does_not_empty_an_application_by_accident() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1")]));
    lab.run().told();
    lab.handle(Event::Assigned(assignment(2, spec(), &[])));
    expect![[r#"
        = Failed (the release has no objects and would delete all 1: set syncPolicy.automated.allowEmpty to allow it), OutOfSync, Healthy
        ConfigMap/a: not in the release
    "#]].assert_eq(&lab.told());
    let mut allowed: ReleaseSpec = spec();
    allowed.sync_policy.automated = Some(shared_model::Automated { allow_empty: true, ..Default::default() });
    lab.handle(Event::Assigned(assignment(3, allowed, &[])));
    expect![[r#"
        delete ConfigMap shop/a
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}

#[test]
fn a_report_is_bounded_and_worst_first() {
    let many: Vec<_> = (0..300).map(|index| config_map(&format!("m{index:03}"), "1")).collect();
    let mut lab = Lab::new(assignment(1, spec(), &many));
    lab.handle(Event::Paused(true));
    let report = lab.report();
    assert_eq!(report.drift.len(), crate::MOST_DRIFT_LINES);
    assert_eq!(report.drift.last().unwrap(), "and 281 more differences");
    assert_eq!(report.resources.len(), crate::MOST_RESOURCES);
    lab.handle(Event::Paused(false)).lose("ConfigMap/m299");
    lab.handle(Event::Paused(true)).lose("ConfigMap/m123");
    let report = lab.report();
    assert_eq!((report.resources[0].name.as_str(), report.resources[0].sync), ("m123", SyncState::OutOfSync));
}
