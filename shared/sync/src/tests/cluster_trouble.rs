#![allow(clippy::wildcard_enum_match_arm, reason = "tests name what they look at")]

use super::harness::*;
use crate::{Action, Event, Failure};
use expect_test::expect;
use serde_json::json;
use shared_manifest::ObjectId;

#[test]
fn a_kind_that_the_release_defines_may_take_a_moment() {
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "ships.example.com"}, "spec": {"group": "example.com", "names": {"kind": "Ship"}}});
    let ship = json!({"apiVersion": "example.com/v1", "kind": "Ship", "metadata": {"name": "one"}});
    let mut once = spec();
    once.sync_policy.retry = Some(shared_model::Retry { limit: 0, backoff: None });
    let ship_id = ObjectId { group: "example.com".into(), kind: "Ship".into(), ..id("Ship/one") };
    let mut lab = Lab::new(assignment(1, once.clone(), &[definition, ship.clone()]));
    lab.cluster.failures.insert(ship_id.clone(), vec![Failure::KindUnknown("Ship".into())]);
    lab.run().wake();
    expect![[r#"
        apply apiextensions.k8s.io/CustomResourceDefinition ships.example.com
        apply example.com/Ship shop/one: unknown kind: Ship
        after 1s: try the sync again
        apply example.com/Ship shop/one
        = Succeeded, Synced, Progressing CustomResourceDefinition/ships.example.com: waits to be established
    "#]]
    .assert_eq(&lab.told());
    // A kind that nobody defines is a failure like any other.
    let mut lab = Lab::new(assignment(1, once, &[ship]));
    lab.cluster.failures.insert(ship_id, vec![Failure::KindUnknown("Ship".into())]);
    expect![[r#"
        apply example.com/Ship shop/one: unknown kind: Ship
        = Failed (example.com/Ship shop/one: unknown kind: Ship), OutOfSync, Missing nothing of it is there
        Ship/one: missing
    "#]]
    .assert_eq(&lab.run().told());
}

#[test]
fn an_object_that_cannot_be_read_holds_no_other() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1"), config_map("b", "1")]));
    let mut unread = false;
    while let Some(action) = lab.machine.poll_action() {
        let event = match action {
            Action::Get(asked) if asked == id("ConfigMap/a") && !unread => {
                unread = true;
                Some(Event::Unread(asked, Failure::Forbidden("may not get".into())))
            }
            action => lab.perform(action),
        };
        if let Some(event) = event {
            lab.machine.handle(event, lab.now);
        }
    }
    expect![[r#"
        apply ConfigMap shop/a
        apply ConfigMap shop/b
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}

#[test]
fn a_removal_waits_for_what_cannot_be_read() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1")]));
    lab.run().told();
    let position = shared_model::Position { incarnation: 1, generation: 2 };
    lab.machine = crate::Machine::removing(app(), position, true, Some(lab.saved.clone()), lab.now);
    while let Some(action) = lab.machine.poll_action() {
        if let Action::Get(asked) = action {
            let failure = Failure::Unreachable("no route".into());
            lab.machine.handle(Event::Unread(asked, failure), lab.now);
        }
    }
    expect![[r#"
        = Running (cannot read ConfigMap shop/a: API server unreachable: no route), Unknown, Progressing is being removed
    "#]]
    .assert_eq(&lab.told());
    lab.wake();
    assert_eq!(lab.log, ["after 5s: read an object again", "delete ConfigMap shop/a"]);
    assert!(lab.report().removed);
}

#[test]
fn results_in_flight_are_taken_in_while_paused() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1"), config_map("b", "1")]));
    let mut writes = Vec::new();
    while let Some(action) = lab.machine.poll_action() {
        if action.is_write() {
            writes.push(action);
            lab.machine.handle(Event::Paused(true), lab.now);
        } else if let Some(event) = lab.perform(action) {
            lab.machine.handle(event, lab.now);
        }
    }
    assert_eq!(writes.len(), 1, "the second write was taken back");
    let answer = lab.perform(writes.remove(0)).unwrap();
    lab.handle(answer);
    expect![[r#"
        apply ConfigMap shop/a
        = Running (paused; Sync: waits for ConfigMap shop/b to be applied), OutOfSync, Healthy
        ConfigMap/b: missing
    "#]]
    .assert_eq(&lab.told());
    lab.handle(Event::Paused(false));
    assert_eq!(lab.log, ["apply ConfigMap shop/b"]);
}

/// Takes actions until the first write, which is given back unanswered.
fn first_write(lab: &mut Lab) -> Action {
    loop {
        let action = lab.machine.poll_action().unwrap();
        if action.is_write() {
            return action;
        }
        if let Some(event) = lab.perform(action) {
            lab.machine.handle(event, lab.now);
        }
    }
}

#[test]
fn a_removal_waits_for_an_apply_in_flight() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1")]));
    let apply = first_write(&mut lab);
    let position = shared_model::Position { incarnation: 1, generation: 2 };
    lab.handle(Event::Removed { position, cascade: true }).tell("ConfigMap/a");
    assert!(!lab.report().removed, "the apply may still make the object");
    let answer = lab.perform(apply).unwrap();
    lab.handle(answer);
    assert_eq!(lab.log, ["apply ConfigMap shop/a", "delete ConfigMap shop/a"]);
    assert!(lab.report().removed && lab.cluster.objects.is_empty());
}

#[test]
fn an_apply_in_flight_of_an_object_that_left_is_pruned_when_it_lands() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1")]));
    let apply = first_write(&mut lab);
    lab.handle(Event::Assigned(assignment(2, spec(), &[config_map("b", "1")]))).tell("ConfigMap/a");
    let answer = lab.perform(apply).unwrap();
    lab.handle(answer);
    assert_eq!(lab.log, ["apply ConfigMap shop/b", "apply ConfigMap shop/a", "delete ConfigMap shop/a"]);
    assert_eq!(lab.saved, [id("ConfigMap/b")]);
}

#[test]
fn an_object_that_comes_back_while_it_is_being_deleted_is_made_anew() {
    let both = [config_map("a", "1"), config_map("b", "1")];
    let mut lab = Lab::new(assignment(1, spec(), &both));
    lab.cluster.finalized.insert(id("ConfigMap/b"));
    lab.run().handle(Event::Assigned(assignment(2, spec(), &both[..1])));
    lab.handle(Event::Assigned(assignment(3, spec(), &both))).told();
    expect![[r#"
        = Running (Sync: waits for ConfigMap shop/b to be applied), Synced, Progressing ConfigMap/b: is being deleted
    "#]]
    .assert_eq(&lab.told());
    lab.lose("ConfigMap/b");
    expect![[r#"
        apply ConfigMap shop/b
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}

/// The work for an event must not grow with the square of the objects: 1,000 objects, thousands of events.
#[test]
fn a_thousand_objects() {
    let many: Vec<_> = (0..1000).map(|index| config_map(&format!("m{index:04}"), "1")).collect();
    let mut lab = Lab::new(assignment(1, spec(), &many));
    lab.run();
    assert_eq!(lab.log.len(), 1000);
    for index in (0..1000).step_by(10) {
        lab.edit(&format!("ConfigMap/m{index:04}"), |object| object["data"]["key"] = json!("2"));
    }
    assert_eq!(lab.log.len(), 1100);
    assert_eq!(lab.report().healed, 100);
}
