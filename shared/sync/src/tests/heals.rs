use super::harness::*;
use crate::{Event, Failure};
use expect_test::expect;
use serde_json::json;

#[test]
fn a_manual_edit_is_healed_at_once_and_then_ever_slower() {
    let mut lab = Lab::new(assignment(1, spec(), &[deployment("api", "shop/api:1", 3)]));
    lab.run().settle("Deployment/api").told();
    lab.edit("Deployment/api", |object| object["spec"]["replicas"] = json!(5));
    expect![[r#"
        apply apps/Deployment shop/api
        = Succeeded, Synced, Progressing Deployment/api: waits for the controller to see the newest generation
    "#]]
    .assert_eq(&lab.told());
    for _ in 0..3 {
        lab.edit("Deployment/api", |object| object["spec"]["replicas"] = json!(5));
        lab.wake();
    }
    expect![[r#"
        after 2s: heal an object again
        apply apps/Deployment shop/api
        after 6s: heal an object again
        apply apps/Deployment shop/api
        after 18s: heal an object again
        apply apps/Deployment shop/api
        = Succeeded, Synced, Progressing Deployment/api: waits for the controller to see the newest generation
    "#]]
    .assert_eq(&lab.told());
    assert_eq!(lab.report().healed, 4);
    lab.later(400).edit("Deployment/api", |object| object["spec"]["replicas"] = json!(5));
    assert_eq!(lab.log, ["apply apps/Deployment shop/api"], "the counter is forgotten");
}

#[test]
fn without_self_heal_drift_is_told() {
    let mut manual = spec();
    manual.self_heal = false;
    let mut lab =
        Lab::new(assignment(1, manual, &[deployment("api", "shop/api:1", 3), config_map("a", "1")]));
    lab.run().settle("Deployment/api").told();
    lab.edit("Deployment/api", |object| object["spec"]["replicas"] = json!(5)).lose("ConfigMap/a");
    expect![[r#"
        = Succeeded, OutOfSync, Progressing Deployment/api: 3 of 5 replicas updated
        ConfigMap/a: missing
        Deployment/api: spec.replicas live=5 desired=3
    "#]]
    .assert_eq(&lab.told());
    assert_eq!(lab.machine.poll_timeout(), None);
}

#[test]
fn a_deleted_object_is_made_again() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1")]));
    lab.run().told();
    lab.lose("ConfigMap/a");
    expect![[r#"
        apply ConfigMap shop/a
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}

#[test]
fn drift_heals_while_a_sync_waits_for_something_else() {
    let mut lab = Lab::new(assignment(
        1,
        spec(),
        &[
            annotated(config_map("first", "1"), &[("sync-wave", "-1")]),
            deployment("api", "shop/api:1", 3),
            annotated(config_map("last", "1"), &[("sync-wave", "1")]),
        ],
    ));
    lab.run().told();
    lab.edit("ConfigMap/first", |object| object["data"]["key"] = json!("2"));
    assert_eq!(lab.log, ["apply ConfigMap shop/first"]);
}

#[test]
fn a_removed_mark_is_put_back() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1")]));
    lab.run().told();
    lab.edit("ConfigMap/a", |object| object["metadata"]["labels"] = json!({}));
    assert_eq!(lab.log, ["apply ConfigMap shop/a"]);
}

#[test]
fn what_a_webhook_changes_in_our_own_write_is_not_drift() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1")]));
    // The webhook answers every apply with another value.
    let action = loop {
        let action = lab.machine.poll_action().unwrap();
        if action.is_write() {
            break action;
        }
        if let Some(event) = lab.perform(action) {
            lab.machine.handle(event, lab.now);
        }
    };
    let Some(Event::Applied(object_id, Ok(_))) = lab.perform(action) else { unreachable!() };
    lab.cluster.edit(&object_id, |object| object["data"]["key"] = json!("hooked"));
    let object = lab.cluster.get(&object_id).unwrap();
    lab.handle(Event::Applied(object_id, Ok(object)));
    lab.told();
    lab.tell("ConfigMap/a");
    expect![[r#"
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
    // Another value than that is drift.
    lab.edit("ConfigMap/a", |object| object["data"]["key"] = json!("edited"));
    assert_eq!(lab.log, ["apply ConfigMap shop/a"]);
}

#[test]
fn a_heal_that_fails_is_told_and_tried_politely() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1")]));
    lab.run().told();
    lab.cluster.refused.insert(id("ConfigMap/a"), Failure::Forbidden("no more".into()));
    lab.edit("ConfigMap/a", |object| object["data"]["key"] = json!("2")).wake().wake();
    expect![[r#"
        apply ConfigMap shop/a: forbidden: no more
        after 5s: heal an object again
        apply ConfigMap shop/a: forbidden: no more
        after 10s: heal an object again
        apply ConfigMap shop/a: forbidden: no more
        = Succeeded (cannot heal ConfigMap shop/a: forbidden: no more), OutOfSync, Healthy
        ConfigMap/a: data.key live=2 desired=1
    "#]]
    .assert_eq(&lab.told());
}

#[test]
fn the_same_news_twice_does_nothing() {
    let mut lab = Lab::new(assignment(1, spec(), &[deployment("api", "shop/api:1", 3)]));
    lab.run().settle("Deployment/api").told();
    let object = lab.cluster.get(&id("Deployment/api"));
    for _ in 0..10 {
        lab.machine.handle(Event::Live(id("Deployment/api"), object.clone()), lab.now);
        lab.machine.handle(Event::Tick, lab.now);
        assert_eq!(lab.machine.poll_action(), None);
    }
}

#[test]
fn late_news_do_not_count() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1")]));
    lab.run().told();
    lab.cluster.edit(&id("ConfigMap/a"), |object| object["data"]["key"] = json!("2"));
    let edited = lab.cluster.get(&id("ConfigMap/a"));
    lab.tell("ConfigMap/a").told();
    lab.later(60).handle(Event::Live(id("ConfigMap/a"), edited));
    assert!(lab.log.is_empty(), "{:?}", lab.log);
}
