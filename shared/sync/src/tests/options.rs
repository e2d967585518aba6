use super::harness::*;
use crate::{Event, Failure};
use expect_test::expect;
use serde_json::json;
use shared_model::ReleaseSpec;

fn with(options: &[&str]) -> ReleaseSpec {
    let mut spec = spec();
    spec.sync_policy.sync_options = options.iter().map(|option| (*option).to_owned()).collect();
    spec
}

#[test]
fn the_namespace_is_created_and_made_again() {
    let mut release = with(&["CreateNamespace=true"]);
    release.sync_policy.managed_namespace_metadata = Some(json!({"labels": {"team": "orders"}}));
    let mut lab = Lab::new(assignment(1, release, &[config_map("a", "1")]));
    expect![[r#"
        create Namespace shop
        apply ConfigMap shop/a
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.run().told());
    assert_eq!(lab.cluster.objects[&id("Namespace/shop")]["metadata"]["labels"], json!({"team": "orders"}));
    assert_eq!(lab.saved, [id("ConfigMap/a")], "the namespace is not ours to delete");
    let missing = Failure::NotFound("namespaces \"shop\" not found".into());
    lab.cluster.failures.insert(id("ConfigMap/a"), vec![missing]);
    lab.lose("Namespace/shop").lose("ConfigMap/a");
    expect![[r#"
        apply ConfigMap shop/a: not found: namespaces "shop" not found
        create Namespace shop
        apply ConfigMap shop/a
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}

#[test]
fn what_may_not_be_pruned_stays_out_of_sync() {
    let kept = annotated(config_map("kept", "1"), &[("sync-options", "Prune=false")]);
    let ignored = annotated(
        config_map("ignored", "1"),
        &[("sync-options", "Prune=false"), ("compare-options", "IgnoreExtraneous")],
    );
    let mut lab = Lab::new(assignment(1, spec(), &[kept, ignored, config_map("a", "1")]));
    lab.run().told();
    lab.handle(Event::Assigned(assignment(2, spec(), &[config_map("a", "1")])));
    expect![[r#"
        = Succeeded, OutOfSync, Healthy
        ConfigMap/kept: not in the release
    "#]]
    .assert_eq(&lab.told());
}

#[test]
fn without_prune_leftovers_are_told() {
    let mut unpruned = spec();
    unpruned.prune = false;
    let mut lab = Lab::new(assignment(1, unpruned.clone(), &[config_map("a", "1"), config_map("b", "1")]));
    lab.run().told();
    lab.handle(Event::Assigned(assignment(2, unpruned, &[config_map("a", "1")])));
    expect![[r#"
        = Succeeded, OutOfSync, Healthy
        ConfigMap/b: not in the release
    "#]]
    .assert_eq(&lab.told());
    lab.handle(Event::Assigned(assignment(3, spec(), &[config_map("a", "1")])));
    assert_eq!(lab.log, ["delete ConfigMap shop/b"]);
}

#[test]
fn pruning_goes_in_mirrored_waves_or_last() {
    let waved = |name: &str, wave: &str| annotated(config_map(name, "1"), &[("sync-wave", wave)]);
    let before = [waved("early", "-1"), config_map("middle", "1"), waved("late", "3")];
    let after = [waved("new", "0")];
    let pruned = |options: &[&str]| {
        let mut lab = Lab::new(assignment(1, with(options), &before));
        lab.run().told();
        lab.handle(Event::Assigned(assignment(2, with(options), &after)));
        lab.log.join("\n")
    };
    expect![[r#"
        delete ConfigMap shop/late
        delete ConfigMap shop/middle
        apply ConfigMap shop/new
        delete ConfigMap shop/early"#]]
    .assert_eq(&pruned(&[]));
    expect![[r#"
        apply ConfigMap shop/new
        delete ConfigMap shop/early, background
        delete ConfigMap shop/late, background
        delete ConfigMap shop/middle, background"#]]
    .assert_eq(&pruned(&["PruneLast=true", "PrunePropagationPolicy=background"]));
}

#[test]
fn an_objects_own_options_win() {
    let release = with(&["Replace=true", "Validate=false"]);
    let own =
        annotated(config_map("own", "1"), &[("sync-options", "Replace=false,Validate=true,Force=true")]);
    let mut lab = Lab::new(assignment(1, release, &[config_map("plain", "1"), own]));
    expect![[r#"
        apply ConfigMap shop/own, recreate
        replace ConfigMap shop/plain, unvalidated
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.run().told());
}

#[test]
fn what_is_not_acted_on_is_named() {
    let release = with(&["ServerSideApply=true", "FailOnSharedResource=true", "Prune=confirm"]);
    let odd = annotated(config_map("odd", "1"), &[("hook", "Sometimes")]);
    let gone = annotated(config_map("gone", "1"), &[("hook", "PreDelete")]);
    let lab = Lab::new(assignment(1, release, &[odd, gone]));
    expect![[r#"
        syncOptions: sync option FailOnSharedResource=true is not acted on
        syncOptions: sync option Prune=confirm keeps the object: confirming is not acted on yet
        ConfigMap shop/gone: hook PreDelete is not acted on yet
        ConfigMap shop/odd: hook Sometimes is not acted on"#]]
    .assert_eq(&lab.report().unsupported.join("\n"));
}

#[test]
fn ignored_health_does_not_count() {
    let quiet = annotated(deployment("api", "shop/api:bad", 1), &[("ignore-healthcheck", "true")]);
    let after = annotated(config_map("after", "1"), &[("sync-wave", "1")]);
    let mut lab = Lab::new(assignment(1, spec(), &[quiet, after]));
    lab.run().settle("Deployment/api");
    expect![[r#"
        apply apps/Deployment shop/api
        apply ConfigMap shop/after
        = Succeeded, Synced, Healthy
    "#]]
    .assert_eq(&lab.told());
}

#[test]
fn cluster_scoped_objects_get_no_namespace() {
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                      "metadata": {"name": "reader"}});
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "fleets.example.com"},
        "spec": {"group": "example.com", "scope": "Cluster", "names": {"kind": "Fleet"}}});
    let fleet = json!({"apiVersion": "example.com/v1", "kind": "Fleet", "metadata": {"name": "all"}});
    let other = json!({"apiVersion": "example.com/v1", "kind": "Ship", "metadata": {"name": "one"}});
    let mut lab = Lab::new(assignment(1, spec(), &[role, definition, fleet, other]));
    expect![[r#"
        apply apiextensions.k8s.io/CustomResourceDefinition fleets.example.com
        apply rbac.authorization.k8s.io/ClusterRole reader
        apply example.com/Fleet all
        apply example.com/Ship shop/one
    "#]]
    .assert_eq(lab.run().told().split('=').next().unwrap());
}
