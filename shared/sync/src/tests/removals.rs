use super::harness::*;
use crate::{Event, Failure, Machine};
use expect_test::expect;
use serde_json::json;
use shared_model::Position;

fn at(generation: u64) -> Position {
    Position { incarnation: 1, generation }
}

#[test]
fn a_cascade_deletes_what_is_ours_the_last_wave_first() {
    let mut lab = Lab::new(assignment(
        1,
        spec(),
        &[
            config_map("a", "1"),
            annotated(config_map("late", "1"), &[("sync-wave", "2")]),
            annotated(config_map("kept", "1"), &[("sync-options", "Delete=false")]),
        ],
    ));
    lab.run().told();
    // Somebody took this one over: without our marks it is not ours.
    lab.machine.handle(Event::Paused(true), lab.now);
    lab.cluster.put(&id("ConfigMap/foreign"), &config_map("foreign", "1"));
    lab.machine.handle(Event::Paused(false), lab.now);
    lab.cluster.finalized.insert(id("ConfigMap/late"));
    lab.handle(Event::Removed { position: at(2), cascade: true });
    expect![[r#"
        delete ConfigMap shop/late
        = Running (waits for ConfigMap shop/a and 1 more to be gone), Unknown, Progressing is being removed
    "#]]
    .assert_eq(&lab.told());
    assert!(!lab.report().removed);
    lab.lose("ConfigMap/late");
    expect![[r#"
        delete ConfigMap shop/a
        = Succeeded, Unknown, Progressing is being removed
    "#]]
    .assert_eq(&lab.told());
    assert!(lab.report().removed && lab.saved.is_empty());
    let left: Vec<String> = lab.cluster.objects.keys().map(ToString::to_string).collect();
    assert_eq!(left, ["ConfigMap shop/foreign", "ConfigMap shop/kept"]);
}

#[test]
fn without_cascade_everything_is_left_and_forgotten() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1")]));
    lab.run().told();
    lab.handle(Event::Removed { position: at(2), cascade: false });
    assert!(lab.report().removed && lab.log.is_empty() && lab.saved.is_empty());
    assert_eq!(lab.cluster.objects.len(), 1);
}

#[test]
fn a_removal_waits_for_a_pause_to_end_and_survives_a_restart() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1")]));
    lab.run().told();
    lab.handle(Event::Paused(true)).handle(Event::Removed { position: at(2), cascade: true });
    expect![[r#"
        = Running (paused), Unknown, Progressing is being removed
    "#]]
    .assert_eq(&lab.told());
    lab.machine = Machine::removing(app(), at(2), true, Some(lab.saved.clone()), lab.now);
    lab.run();
    assert_eq!(lab.log, ["delete ConfigMap shop/a"]);
    assert!(lab.report().removed);
}

#[test]
fn a_deletion_that_fails_is_tried_again() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1")]));
    lab.run().told();
    lab.cluster.failures.insert(id("ConfigMap/a"), vec![Failure::Forbidden("not yet".into())]);
    lab.handle(Event::Removed { position: at(2), cascade: true });
    expect![[r#"
        delete ConfigMap shop/a: forbidden: not yet
        = Running (cannot delete ConfigMap shop/a: forbidden: not yet), Unknown, Progressing is being removed
    "#]]
    .assert_eq(&lab.told());
    lab.wake();
    assert_eq!(lab.log, ["after 5s: try a deletion again", "delete ConfigMap shop/a"]);
    assert!(lab.report().removed);
}

#[test]
fn without_an_inventory_nothing_is_pruned_before_the_search() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1"), config_map("b", "1")]));
    lab.run().told();
    lab.machine = Machine::new(assignment(2, spec(), &[config_map("a", "1")]), None, lab.now);
    lab.run();
    expect![[r#"
        apply ConfigMap shop/a
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
    lab.handle(Event::InventoryLoaded(vec![id("ConfigMap/a"), id("ConfigMap/b"), id("ConfigMap/foreign")]));
    assert_eq!(lab.log, ["delete ConfigMap shop/b"]);
}

/// The search finds what is there; what somebody had deleted meanwhile is healed, and is not forgotten for it.
#[test]
fn what_is_healed_after_the_search_is_pruned_when_its_time_comes() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1"), config_map("b", "1")]));
    lab.run().told();
    lab.machine =
        Machine::resume(assignment(1, spec(), &[config_map("a", "1"), config_map("b", "1")]), None, lab.now);
    lab.lose("ConfigMap/b");
    lab.handle(Event::InventoryLoaded(vec![id("ConfigMap/a")]));
    expect![[r#"
        apply ConfigMap shop/b
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
    lab.handle(Event::Assigned(assignment(2, spec(), &[config_map("a", "1")])));
    expect![[r#"
        delete ConfigMap shop/b
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}

#[test]
fn what_lost_our_mark_is_not_pruned() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1"), config_map("b", "1")]));
    lab.run().told();
    lab.handle(Event::Paused(true));
    lab.edit("ConfigMap/b", |object| object["metadata"]["labels"] = json!({}));
    lab.handle(Event::Assigned(assignment(2, spec(), &[config_map("a", "1")]))).handle(Event::Paused(false));
    expect![[r#"
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}
