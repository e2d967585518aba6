//! What somebody does to a cluster under our hands, and what stays in the way.

use super::harness::*;
use crate::{Event, Failure};
use expect_test::expect;
use serde_json::{Value, json};
use shared_manifest::ObjectId;

fn leaving(object: &mut Value) {
    object["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    object["metadata"]["finalizers"] = json!(["example.com/hold", "example.com/other"]);
}

#[test]
fn a_finalizer_that_holds_an_object_of_the_release_is_told() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1"), config_map("b", "1")]));
    lab.run().told();
    lab.edit("ConfigMap/a", leaving);
    expect![[r#"
        = Succeeded (ConfigMap shop/a is being deleted: finalizers hold it: example.com/hold, example.com/other; it is made again when it is gone), Synced, Progressing ConfigMap/a: is being deleted
    "#]]
    .assert_eq(&lab.told());
    lab.edit("ConfigMap/b", |object| object["data"]["key"] = json!("2")).lose("ConfigMap/a");
    expect![[r#"
        apply ConfigMap shop/b
        apply ConfigMap shop/a
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}

#[test]
fn a_finalizer_that_holds_what_was_pruned_is_told_and_holds_nothing_else() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1"), config_map("old", "1")]));
    lab.cluster.finalized.insert(id("ConfigMap/old"));
    lab.run().told();
    lab.handle(Event::Assigned(assignment(2, spec(), &[config_map("a", "2")])));
    lab.edit("ConfigMap/old", leaving);
    expect![[r#"
        delete ConfigMap shop/old
        apply ConfigMap shop/a
        = Succeeded (ConfigMap shop/old is being deleted: finalizers hold it: example.com/hold, example.com/other), OutOfSync, Healthy
        ConfigMap/old: not in the release
    "#]]
    .assert_eq(&lab.told());
    lab.lose("ConfigMap/old");
    assert_eq!(lab.report().message, "");
}

fn makes_namespace() -> shared_model::ReleaseSpec {
    let mut spec = spec();
    spec.sync_policy.sync_options = vec!["CreateNamespace=true".to_owned()];
    spec
}

#[test]
fn one_question_waits_for_a_namespace_that_is_being_deleted() {
    let many: Vec<Value> = (0..5).map(|index| config_map(&format!("m{index}"), "1")).collect();
    let mut lab = Lab::new(assignment(1, makes_namespace(), &many));
    lab.run().told();
    lab.cluster.edit(&id("Namespace/shop"), |namespace| {
        namespace["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        namespace["status"]["conditions"] = json!([
            {"type": "NamespaceFinalizersRemaining", "status": "True",
             "message": "Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances"},
            {"type": "NamespaceDeletionContentFailure", "status": "False", "message": "All content successfully deleted"},
        ]);
    });
    for index in 0..5 {
        let object_id = id(&format!("ConfigMap/m{index}"));
        let refusal = "configmaps is forbidden: unable to create new content in namespace shop because it is being terminated";
        lab.cluster.refused.insert(object_id.clone(), Failure::Leaving(refusal.into()));
        lab.cluster.objects.remove(&object_id);
        lab.machine.handle(Event::Live(object_id, None), lab.now);
    }
    lab.run().wake().wake();
    expect![[r#"
        apply ConfigMap shop/m0: configmaps is forbidden: unable to create new content in namespace shop because it is being terminated
        apply ConfigMap shop/m1: configmaps is forbidden: unable to create new content in namespace shop because it is being terminated
        apply ConfigMap shop/m2: configmaps is forbidden: unable to create new content in namespace shop because it is being terminated
        apply ConfigMap shop/m3: configmaps is forbidden: unable to create new content in namespace shop because it is being terminated
        apply ConfigMap shop/m4: configmaps is forbidden: unable to create new content in namespace shop because it is being terminated
        after 5s: try the sync again
        create Namespace shop
        after 5s: try the sync again
        create Namespace shop
        = Succeeded (waits for namespace shop: it is being deleted: Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances), OutOfSync, Missing nothing of it is there
        ConfigMap/m0: missing
        ConfigMap/m1: missing
        ConfigMap/m2: missing
        ConfigMap/m3: missing
        ConfigMap/m4: missing
    "#]]
    .assert_eq(&lab.told());
    lab.cluster.objects.remove(&id("Namespace/shop"));
    lab.cluster.refused.clear();
    lab.wake();
    expect![[r#"
        after 5s: try the sync again
        create Namespace shop
        apply ConfigMap shop/m0
        apply ConfigMap shop/m1
        apply ConfigMap shop/m2
        apply ConfigMap shop/m3
        apply ConfigMap shop/m4
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}

#[test]
fn objects_wait_for_a_namespace_that_the_release_brings() {
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
    let mut lab = Lab::new(assignment(1, spec(), &[namespace, config_map("a", "1")]));
    lab.run().told();
    lab.edit("Namespace/shop", leaving).lose("ConfigMap/a").later(60);
    assert!(lab.log.is_empty(), "{:?}", lab.log);
    lab.lose("Namespace/shop");
    assert_eq!(lab.log, ["apply Namespace shop", "apply ConfigMap shop/a"]);
    assert_eq!(lab.report().message, "");
}

#[test]
fn objects_wait_for_a_definition_of_the_release() {
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "ships.example.com"}, "spec": {"group": "example.com", "names": {"kind": "Ship"}}});
    let ship = json!({"apiVersion": "example.com/v1", "kind": "Ship", "metadata": {"name": "one"}});
    let definition_id = ObjectId {
        group: "apiextensions.k8s.io".into(),
        kind: "CustomResourceDefinition".into(),
        namespace: String::new(),
        name: "ships.example.com".into(),
    };
    let ship_id = ObjectId { group: "example.com".into(), kind: "Ship".into(), ..id("Ship/one") };
    let mut lab = Lab::new(assignment(1, spec(), &[definition, ship]));
    let established = json!({"conditions": [
        {"type": "Established", "status": "True"}, {"type": "NamesAccepted", "status": "True"}]});
    lab.run().cluster.edit(&definition_id, |object| object["status"] = established.clone());
    lab.handle(Event::Live(definition_id.clone(), lab.cluster.get(&definition_id))).told();
    // The definition goes, and its objects with it; it comes back, but is not served yet.
    for gone in [&ship_id, &definition_id] {
        lab.cluster.objects.remove(gone);
        lab.handle(Event::Live(gone.clone(), None));
    }
    // Its objects were gone first, while it still was there.
    expect![[r#"
        apply example.com/Ship shop/one
        apply apiextensions.k8s.io/CustomResourceDefinition ships.example.com
        = Succeeded, Synced, Progressing CustomResourceDefinition/ships.example.com: waits to be established
    "#]]
    .assert_eq(&lab.told());
    lab.cluster.objects.remove(&ship_id);
    lab.handle(Event::Live(ship_id, None)).later(60);
    assert!(lab.log.is_empty(), "{:?}", lab.log);
    lab.cluster.edit(&definition_id, |object| object["status"] = established);
    lab.handle(Event::Live(definition_id.clone(), lab.cluster.get(&definition_id)));
    assert_eq!(lab.log, ["apply example.com/Ship shop/one"]);
}

#[test]
fn what_another_application_wrote_is_told_and_fought_for_ever_slower() {
    let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1")]));
    lab.run().told();
    let claim = |object: &mut Value| {
        object["data"]["key"] = json!("2");
        object["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"] =
            json!("other:/ConfigMap:shop/a");
    };
    lab.edit("ConfigMap/a", claim);
    for _ in 0..2 {
        lab.edit("ConfigMap/a", claim);
        assert_eq!(
            lab.report().message,
            "ConfigMap shop/a is also of Application other, which wrote it last: keep it in one of them"
        );
        lab.wake();
    }
    expect![[r#"
        apply ConfigMap shop/a
        after 2s: heal an object again
        apply ConfigMap shop/a
        after 6s: heal an object again
        apply ConfigMap shop/a
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}

/// A failure is no fight: its waits are those of failures, and after trouble of the server never longer than 30 s.
#[test]
fn waits_after_failures() {
    let check = |failure: Failure, expect: &[&str]| {
        let mut lab = Lab::new(assignment(1, spec(), &[config_map("a", "1")]));
        lab.run().told();
        lab.cluster.refused.insert(id("ConfigMap/a"), failure);
        lab.edit("ConfigMap/a", |object| object["data"]["key"] = json!("2"));
        for _ in expect {
            lab.wake();
        }
        lab.log.retain(|line| line.starts_with("after"));
        let waits: Vec<&str> = lab.log.iter().filter_map(|line| line.split([' ', ':']).nth(1)).collect();
        assert_eq!(waits, expect);
    };
    check(Failure::Invalid("no".into()), &["5s", "10s", "20s", "40s", "80s", "160s", "180s", "180s"]);
    check(Failure::Unreachable("gone".into()), &["5s", "10s", "20s", "30s", "30s"]);
    let throttled = |after| Failure::Throttled { after, message: "slow".into() };
    check(throttled(None), &["5s", "10s", "20s", "30s", "30s"]);
    check(throttled(Some(std::time::Duration::from_secs(60))), &["60s", "60s"]);
}
