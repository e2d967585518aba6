#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

use jiff::Timestamp;
use serde_json::json;

use super::*;
use crate::Resource;

const APPS: Resource<'_> = Resource { group: "argoproj.io", kind: "Application", plural: "applications" };
const RULES: Rules = Rules {
    namespaced: true,
    name: NameRule::Subdomain,
    status_subresource: true,
    immutable: &["spec.server"],
    sealable: &["data"],
};

fn now() -> Timestamp {
    "2026-11-21T12:00:00.75Z".parse().unwrap()
}

fn made(object: Value) -> Result<Value, String> {
    create(object, APPS, &RULES, NewObject { uid: "u-1", random: 0 }, now()).map_err(|status| status.message)
}

fn stored() -> Value {
    let object = json!({"kind": "Application", "metadata": {"name": "a", "namespace": "x"}, "spec": {"server": "s", "n": 1}});
    let mut object = made(object).unwrap();
    object["status"] = json!({"ok": true});
    set_version(&mut object, 7);
    object
}

fn with(mut object: Value, changes: &Value) -> Value {
    json_patch::merge(&mut object, changes);
    object
}

#[test]
fn create_sets_what_is_the_systems() {
    let object = json!({
        "metadata": {"generateName": "job-", "namespace": "x", "uid": "mine", "generation": 9, "deletionTimestamp": "now"},
        "spec": {}, "status": {"made": "up"},
    });
    assert_eq!(
        made(object).unwrap(),
        json!({
            "metadata": {"generateName": "job-", "name": "job-bbbbb", "namespace": "x", "uid": "u-1", "generation": 1,
                         "creationTimestamp": "2026-11-21T12:00:00Z"},
            "spec": {},
        })
    );
}

#[test]
fn create_refuses() {
    let check = |metadata: Value, expect: &str| {
        let message = made(json!({"metadata": metadata})).unwrap_err();
        assert!(message.contains(expect), "{message}");
    };
    check(
        json!({"namespace": "x"}),
        r#"Application.argoproj.io "" is invalid: metadata.name: Required value: name or generateName is required"#,
    );
    check(json!({"name": "a"}), "metadata.namespace: Required value");
    check(
        json!({"name": "A", "namespace": "x"}),
        r#"metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain"#,
    );
    check(
        json!({"name": "a", "namespace": "x.y"}),
        r#"metadata.namespace: Invalid value: "x.y": a lowercase RFC 1123 label"#,
    );
    check(
        json!({"name": "a", "namespace": "x", "resourceVersion": "1"}),
        "resourceVersion should not be set on objects to be created",
    );
    check(
        json!({"name": "a", "namespace": "x", "labels": {"a b": "c"}}),
        r#"metadata.labels: Invalid value: "a b": name part"#,
    );
    check(
        json!({"name": "a", "namespace": "x", "labels": {"on": true}}),
        r#"metadata.labels[on]: Invalid value: true: must be a text: quote it, as in on: "true""#,
    );
    check(
        json!({"name": "a", "namespace": "x", "labels": ["a"]}),
        r#"metadata.labels: Invalid value: ["a"]: must be a map of texts"#,
    );
    check(
        json!({"name": "a", "namespace": "x", "annotations": {"a": "x".repeat(300_000)}}),
        "metadata.annotations: Too long",
    );
    check(
        json!({"name": "a", "namespace": "x", "finalizers": ["a b"]}),
        r#"metadata.finalizers: Invalid value: "a b""#,
    );
    check(
        json!({"name": "a", "namespace": "x", "finalizers": "a"}),
        r#"metadata.finalizers: Invalid value: "a": must be a list"#,
    );
    check(
        json!({"name": "a", "namespace": "x", "ownerReferences": [{"uid": "u", "kind": "K", "name": "n"}]}),
        "metadata.ownerReferences[0].apiVersion: Invalid value: \"\": version must not be empty",
    );
    let cluster = Rules { namespaced: false, ..RULES };
    let errors = super::check(&json!({"metadata": {"name": "a", "namespace": "x"}}), &cluster);
    assert_eq!(errors[0].to_string(), "metadata.namespace: Forbidden: not allowed on this type");
}

fn updated(part: Part, changes: Value) -> Result<Updated, String> {
    update(&stored(), with(stored(), &changes), part, APPS, &RULES).map_err(|status| status.message)
}

fn check_changed(part: Part, changes: Value, expect: &Value) {
    assert_eq!(updated(part, changes), Ok(Updated::Changed(with(stored(), expect))));
}

#[test]
fn the_generation_follows_the_spec() {
    check_changed(
        Part::Main,
        json!({"spec": {"n": 2}}),
        &json!({"spec": {"n": 2}, "metadata": {"generation": 2}}),
    );
    check_changed(
        Part::Main,
        json!({"metadata": {"labels": {"a": "b"}}}),
        &json!({"metadata": {"labels": {"a": "b"}}}),
    );
    check_changed(Part::Status, json!({"status": {"ok": false}}), &json!({"status": {"ok": false}}));
    assert_eq!(updated(Part::Main, json!({})), Ok(Updated::Unchanged));
}

#[test]
fn each_part_leaves_the_other_alone() {
    assert_eq!(updated(Part::Main, json!({"status": {"ok": false}})), Ok(Updated::Unchanged));
    assert_eq!(
        updated(Part::Status, json!({"spec": {"n": 2}, "metadata": {"labels": {"a": "b"}}})),
        Ok(Updated::Unchanged)
    );
    assert_eq!(updated(Part::Main, json!({"status": null})), Ok(Updated::Unchanged));
    // Who leaves out the field managers does not mean to remove them.
    let managed = with(stored(), &json!({"metadata": {"managedFields": [{"manager": "m"}]}}));
    assert_eq!(update(&managed, stored(), Part::Main, APPS, &RULES), Ok(Updated::Unchanged));
    let system = json!({"metadata": {"generation": 50, "creationTimestamp": null, "deletionTimestamp": "now", "uid": null}});
    assert_eq!(updated(Part::Main, system), Ok(Updated::Unchanged));
    // Where status is no subresource it is written with the rest.
    let rules = Rules { status_subresource: false, ..RULES };
    let new = with(stored(), &json!({"status": {"ok": false}}));
    assert_eq!(update(&stored(), new.clone(), Part::Main, APPS, &rules), Ok(Updated::Changed(new)));
}

#[test]
fn update_refuses() {
    let check = |changes: Value, expect: &str| {
        let message = updated(Part::Main, changes).unwrap_err();
        assert!(message.contains(expect), "{message}");
    };
    check(json!({"metadata": {"resourceVersion": "6"}}), "the object has been modified");
    check(
        json!({"metadata": {"uid": "u-0"}}),
        "Precondition failed: UID in precondition: u-0, UID in object meta: u-1",
    );
    check(
        json!({"metadata": {"name": "b"}}),
        "the name of the object (b) does not match the name on the URL (a)",
    );
    check(
        json!({"metadata": {"namespace": "y"}}),
        "the namespace of the object (y) does not match the namespace on the request (x)",
    );
    check(json!({"spec": {"server": "t"}}), r#"spec.server: Invalid value: "t": field is immutable"#);
    assert!(matches!(
        updated(Part::Main, json!({"metadata": {"resourceVersion": null}, "spec": {"n": 2}})),
        Ok(Updated::Changed(_))
    ));
}

fn deleted(object: &Value, propagation: Option<Propagation>) -> Deleted {
    delete(object.clone(), &Deletion { propagation, ..Deletion::default() }, APPS, now()).unwrap()
}

#[test]
fn finalizers_hold_a_deletion() {
    assert_eq!(deleted(&stored(), None), Deleted::Removed(stored()));
    let held = with(stored(), &json!({"metadata": {"finalizers": ["a.io/x", "a.io/y"]}}));
    let Deleted::Marked(marked) = deleted(&held, None) else { panic!("it has finalizers") };
    let mark = json!({"metadata": {"deletionTimestamp": "2026-11-21T12:00:00Z", "deletionGracePeriodSeconds": 0, "generation": 2}});
    assert_eq!(marked, with(held, &mark));
    assert_eq!(deleted(&marked, None), Deleted::Waits(marked.clone()));

    let finalizers = |names: &[&str]| with(marked.clone(), &json!({"metadata": {"finalizers": names}}));
    let update = |new: Value| update(&marked, new, Part::Main, APPS, &RULES).map_err(|s| s.message);
    assert_eq!(update(finalizers(&["a.io/y"])), Ok(Updated::Changed(finalizers(&["a.io/y"]))));
    assert_eq!(update(finalizers(&[])), Ok(Updated::Removed(finalizers(&[]))));
    let error = update(finalizers(&["a.io/x", "a.io/z"])).unwrap_err();
    assert!(error.ends_with(r#"metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"a.io/z"}"#), "{error}");
}

#[test]
fn propagation_is_a_finalizer() {
    let check = |object: &Value, propagation, expect: &[&str]| {
        let (Deleted::Marked(object) | Deleted::Removed(object) | Deleted::Waits(object)) =
            deleted(object, propagation);
        assert_eq!(finalizers(&object), expect);
    };
    check(&stored(), Some(Propagation::Foreground), &["foregroundDeletion"]);
    check(&stored(), Some(Propagation::Orphan), &["orphan"]);
    let orphaning = with(stored(), &json!({"metadata": {"finalizers": ["orphan"]}}));
    check(&orphaning, None, &["orphan"]);
    check(&orphaning, Some(Propagation::Foreground), &["foregroundDeletion"]);
    assert!(matches!(deleted(&orphaning, Some(Propagation::Background)), Deleted::Removed(_)));
}

#[test]
fn preconditions() {
    let check = |options: Value, expect: Result<(), &str>| {
        let deletion = Deletion::from_value(&options).unwrap();
        let found = delete(stored(), &deletion, APPS, now()).map(drop).map_err(|s| s.message);
        let expect = expect
            .map_err(|why| format!("Operation cannot be fulfilled on applications.argoproj.io \"a\": {why}"));
        assert_eq!(found, expect);
    };
    check(Value::Null, Ok(()));
    check(json!({"preconditions": {"uid": "u-1", "resourceVersion": "7"}}), Ok(()));
    check(
        json!({"preconditions": {"uid": "u-2"}}),
        Err("Precondition failed: UID in precondition: u-2, UID in object meta: u-1"),
    );
    check(
        json!({"preconditions": {"resourceVersion": "6"}}),
        Err("Precondition failed: ResourceVersion in precondition: 6, ResourceVersion in object meta: 7"),
    );
    let error = Deletion::from_value(&json!({"propagationPolicy": "Now"})).unwrap_err();
    assert_eq!(
        error.message,
        r#"DeleteOptions is invalid: propagationPolicy: Unsupported value: "Now": supported values: "Background", "Foreground", "Orphan""#
    );
}

#[test]
fn what_is_sealed_stays_as_it_is() {
    let sealed = with(stored(), &json!({"immutable": true, "data": {"a": "hunter2"}}));
    let check = |change: Value, expect: Result<(), &str>| {
        let new = with(sealed.clone(), &change);
        let said = update(&sealed, new, Part::Main, APPS, &RULES).map(drop).map_err(|status| status.message);
        assert!(said.as_ref().is_err_and(|said| !said.contains("hunter")) || said.is_ok(), "{said:?}");
        let expect = expect.map_err(|field| {
            format!("Application.argoproj.io \"a\" is invalid: {field}: Forbidden: field is immutable when `immutable` is set")
        });
        assert_eq!(said, expect);
    };
    check(json!({"metadata": {"labels": {"team": "shop"}}}), Ok(()));
    check(json!({"data": {"a": "hunter3"}}), Err("data"));
    check(json!({"immutable": false}), Err("immutable"));
    check(json!({"immutable": null}), Err("immutable"));
}
