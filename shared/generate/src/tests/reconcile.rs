use super::{World, expand, set, spec};
use crate::{Changes, reconcile};
use serde_json::{Value, json};

/// A set that lists these names.
fn listing(names: &[&str]) -> Value {
    let elements = names.iter().map(|name| format!("{{app: {name}}}")).collect::<Vec<_>>().join(", ");
    set(&spec(&format!("- list: {{elements: [{elements}]}}"), "{{app}}", "p", "https://a"))
}

/// What the hub holds after the set was written once.
fn existing(names: &[&str]) -> Vec<Value> {
    let set = listing(names);
    reconcile(&set, &[], &expand(&set, &World::default())).create
}

fn changes(set: &Value, existing: &[Value]) -> Changes {
    reconcile(set, existing, &expand(set, &World::default()))
}

fn names(objects: &[Value]) -> Vec<&str> {
    objects.iter().map(|object| object["metadata"]["name"].as_str().unwrap()).collect()
}

#[test]
fn creates_with_an_owner_and_then_is_still() {
    let created = existing(&["a", "b"]);
    assert_eq!(names(&created), ["a", "b"]);
    let owner = json!([{"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": "fleet", "uid": "u-1", "controller": true, "blockOwnerDeletion": true}]);
    assert_eq!(created[0]["metadata"]["ownerReferences"], owner);
    assert_eq!(changes(&listing(&["b", "a"]), &created), Changes::default());
}

#[test]
fn an_update_replaces_all_but_what_is_kept() {
    let mut current = existing(&["a"]);
    let wanted = current[0].clone();
    current[0]["status"] = json!({"health": {}});
    current[0]["spec"]["source"]["path"] = json!("edited");
    current[0]["spec"]["extra"] = json!(1);
    current[0]["metadata"]["labels"] = json!({"gone": "1", "team": "kept"});
    current[0]["metadata"]["annotations"] =
        json!({"gone": "1", "argocd.argoproj.io/refresh": "hard", "note": "kept"});
    current[0]["metadata"]["finalizers"] = json!([
        "resources-finalizer.argocd.argoproj.io",
        "post-delete-finalizer.argocd.argoproj.io/cleanup",
        "gone"
    ]);
    current[0]["metadata"]["ownerReferences"].as_array_mut().unwrap().insert(0, json!({"uid": "other"}));
    let mut set = listing(&["a"]);
    set["spec"]["preservedFields"] = json!({"annotations": ["note"], "labels": ["team"]});
    let updated = changes(&set, &current).update;
    assert_eq!(updated[0]["spec"], wanted["spec"]);
    assert_eq!(updated[0]["status"], json!({"health": {}}));
    assert_eq!(updated[0]["metadata"]["labels"], json!({"team": "kept"}));
    assert_eq!(
        updated[0]["metadata"]["annotations"],
        json!({"argocd.argoproj.io/refresh": "hard", "note": "kept"})
    );
    let finalizers =
        json!(["resources-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io/cleanup"]);
    assert_eq!(updated[0]["metadata"]["finalizers"], finalizers);
    assert_eq!(updated[0]["metadata"]["ownerReferences"].as_array().unwrap().len(), 2);
    assert_eq!(changes(&set, &updated), Changes::default());
}

/// The pauses that an Application has after its set was written anew: `current` is what it has, `by_people` what of that
/// people set, `template` what the set's template says.
#[track_caller]
#[allow(clippy::needless_pass_by_value, reason = "cases read better with values")]
fn check_pauses(current: Value, by_people: &[&str], template: Value, expect: Value) {
    let mut set = listing(&["a"]);
    set["spec"]["template"]["metadata"]["annotations"] = template;
    let mut objects = existing(&["a"]);
    objects[0]["metadata"]["annotations"] = current;
    let owned: Value = by_people.iter().map(|name| (format!("f:{name}"), json!({}))).collect();
    objects[0]["metadata"]["managedFields"] =
        json!([{"manager": "kubectl-annotate", "fieldsV1": {"f:metadata": {"f:annotations": owned}}}]);
    let updated = changes(&set, &objects).update;
    let after = updated.first().unwrap_or(&objects[0]);
    let kept = after["metadata"].get("annotations").cloned().unwrap_or_else(|| json!({}));
    assert_eq!(kept, expect);
    assert_eq!(changes(&set, std::slice::from_ref(after)), Changes::default());
}

#[test]
fn a_persons_pause_survives_and_a_templates_goes_with_it() {
    let (pause, skip) = ("flotilla.dev/pause", "argocd.argoproj.io/skip-reconcile");
    let both = || json!({pause: "{}", skip: "true"});
    check_pauses(both(), &[pause, skip], json!({}), both());
    check_pauses(both(), &[pause], json!({}), json!({pause: "{}"}));
    check_pauses(both(), &[], json!({}), json!({}));
    check_pauses(json!({}), &[], json!({pause: "{}"}), json!({pause: "{}"}));
    // The template's word is the template's to change, a person's word stands above it.
    check_pauses(json!({pause: "old"}), &[], json!({pause: "new"}), json!({pause: "new"}));
    check_pauses(json!({pause: "mine"}), &[pause], json!({pause: "new"}), json!({pause: "mine"}));
    check_pauses(json!({skip: "false"}), &[skip], json!({skip: "true"}), json!({skip: "false"}));
}

#[track_caller]
fn check_policy(policy: &str, expect: (usize, usize, usize)) {
    let mut current = existing(&["a", "b"]);
    current[0]["spec"]["source"]["path"] = json!("edited");
    let mut set = listing(&["a", "c"]);
    set["spec"]["syncPolicy"] = json!({"applicationsSync": policy});
    let changes = changes(&set, &current);
    assert_eq!((changes.create.len(), changes.update.len(), changes.delete.len()), expect, "{policy}");
    assert_eq!(changes.held, None);
}

#[test]
fn policies() {
    check_policy("sync", (1, 1, 1));
    check_policy("create-only", (1, 0, 0));
    check_policy("create-update", (1, 1, 0));
    check_policy("create-delete", (1, 0, 1));
}

#[test]
fn the_brake_holds_more_than_a_tenth() {
    let all: Vec<String> = (0..30).map(|n| format!("app-{n:02}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let current = existing(&all);
    assert_eq!(changes(&listing(&all[3..]), &current).delete, ["app-00", "app-01", "app-02"]);

    let mut fewer: Vec<&str> = all[4..].to_vec();
    fewer.push("new");
    let mut set = listing(&fewer);
    let braked = changes(&set, &current);
    let held = braked.held.unwrap();
    assert_eq!((names(&braked.create), braked.delete.len()), (vec!["new"], 0));
    assert_eq!((held.removals.len(), held.of), (4, 30));
    assert_eq!(
        held.message,
        format!(
            "4 of 30 Applications would be deleted (app-00, app-01, app-02, app-03), and that is more than a tenth of the set; nothing is deleted until it is approved: kubectl annotate applicationset fleet -n argocd --overwrite flotilla.dev/approve-deletions={}",
            held.approval
        )
    );
    set["metadata"]["annotations"] = json!({"flotilla.dev/approve-deletions": "another"});
    assert_eq!(changes(&set, &current).held, Some(held.clone()));
    set["metadata"]["annotations"] = json!({"flotilla.dev/approve-deletions": held.approval});
    assert_eq!(changes(&set, &current).delete, held.removals);
    let mut further = listing(&all[5..]);
    further["metadata"]["annotations"] = set["metadata"]["annotations"].clone();
    assert!(changes(&further, &current).held.is_some(), "the approval is for those four only");
}

#[test]
fn the_brake_lets_one_of_few_go_but_never_the_last() {
    let current = existing(&["a", "b"]);
    assert_eq!(changes(&listing(&["a"]), &current).delete, ["b"]);
    assert_eq!(changes(&listing(&[]), &current[..1]).held.unwrap().removals, ["a"]);
}

#[test]
fn generators_that_are_not_acted_on_hold_every_deletion() {
    let current = existing(&["a", "b", "c"]);
    let generators = "- list: {elements: [{app: a}, {app: b}]}\n- scmProvider: {}";
    let set = set(&spec(generators, "{{app}}", "p", "https://a"));
    assert_eq!(changes(&set, &current).held.unwrap().removals, ["c"]);
}

#[test]
fn what_is_rejected_stands_still() {
    let mut current = existing(&["a", "b"]);
    current[0]["spec"]["source"]["path"] = json!("edited");
    assert_eq!(changes(&listing(&["a", "a", "b"]), &current), Changes::default());
}

#[test]
fn problems_and_deletion_change_nothing() {
    let current = existing(&["a", "b"]);
    let broken = set(&spec("- list: {elements: [{app: c}]}\n- gti: {}", "{{app}}", "p", "https://a"));
    assert_eq!(changes(&broken, &current), Changes::default());
    let mut going = listing(&["c"]);
    going["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    assert_eq!(changes(&going, &current), Changes::default());
}

#[test]
fn applications_that_are_going_are_left_alone() {
    let mut current = existing(&["a", "b"]);
    for application in &mut current {
        application["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
        application["spec"]["source"]["path"] = json!("edited");
    }
    assert_eq!(changes(&listing(&["a"]), &current), Changes::default());
}

#[test]
fn ignored_differences_stay_as_they_are() {
    let mut current = existing(&["a", "b"]);
    for application in &mut current {
        application["spec"]["syncPolicy"] = json!({"automated": null});
        application["spec"]["source"]["path"] = json!("edited");
        application["spec"]["source"].as_object_mut().unwrap().remove("targetRevision");
    }
    let mut set = listing(&["a", "b"]);
    set["spec"]["ignoreApplicationDifferences"] = json!([
        {"jsonPointers": ["/spec/syncPolicy", "/spec/source/targetRevision", "/spec/nowhere/0", "no pointer"]},
        {"name": "b", "jsonPointers": ["/spec/source/path"]},
    ]);
    let updated = changes(&set, &current).update;
    assert_eq!(names(&updated), ["a"]);
    assert_eq!(updated[0]["spec"]["source"], json!({"repoURL": super::REPO, "path": "p"}));
    assert_eq!(updated[0]["spec"]["syncPolicy"], json!({"automated": null}));
    set["spec"]["ignoreApplicationDifferences"] = json!([{"jqPathExpressions": [".spec | keys"]}]);
    let unsupported = expand(&set, &World::default()).unsupported;
    assert_eq!(
        unsupported[0].to_string(),
        "spec.ignoreApplicationDifferences[0].jqPathExpressions[0]: `.spec | keys` is more than a path of jq, and the set writes these fields as its template says: name the fields: `.spec.source.helm.values`, `.spec.sources[] | select(.ref == \"x\") | .targetRevision`"
    );
}

#[test]
fn jq_paths_leave_fields_alone() {
    let mut current = existing(&["a"]);
    current[0]["spec"]["source"] =
        json!({"repoURL": super::REPO, "path": "edited", "helm": {"values": "mine"}});
    current[0]["spec"]["destination"]["namespace"] = json!("edited");
    let mut set = listing(&["a"]);
    set["spec"]["ignoreApplicationDifferences"] = json!([{"jqPathExpressions": [".spec.source[\"helm\"]", ".spec.source | select(.path != null) | .targetRevision"]}]);
    let updated = changes(&set, &current).update;
    assert_eq!(
        updated[0]["spec"]["source"],
        json!({"repoURL": super::REPO, "path": "p", "helm": {"values": "mine"}})
    );
    assert_eq!(updated[0]["spec"]["destination"]["namespace"], "web");
    assert_eq!(changes(&set, &updated), Changes::default());
}

#[test]
fn blocks_that_say_nothing_are_not_written() {
    let mut set = listing(&["a"]);
    set["spec"]["template"]["spec"]["syncPolicy"] = json!({"syncOptions": []});
    set["spec"]["template"]["spec"]["source"]["helm"] = json!({"values": "", "parameters": []});
    set["spec"]["template"]["spec"]["source"]["directory"] = json!({"recurse": true});
    let spec = &changes(&set, &[]).create[0]["spec"];
    assert_eq!((spec.get("syncPolicy"), spec["source"].get("helm")), (None, None));
    assert_eq!(spec["source"]["directory"], json!({"recurse": true}));
    set["spec"]["template"]["spec"]["syncPolicy"] = json!({"automated": {}});
    assert_eq!(changes(&set, &[]).create[0]["spec"]["syncPolicy"], json!({"automated": {}}));
}
