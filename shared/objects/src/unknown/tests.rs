use serde_json::json;

use super::*;

fn generators() -> Fields {
    Fields::List(Box::new(
        Fields::of(["list.elements", "git.revision"]).with("matrix.generators", Fields::Again(generators)),
    ))
}

fn fields() -> Fields {
    Fields::of(["spec.waves[].name", "spec.template", "data.*", "spec.values.*.on"])
        .with("spec.generators", Fields::Again(generators))
        .object()
}

fn check(object: &Value, expect: &[&str]) {
    assert_eq!(unknown_fields(object, &fields()), expect);
}

#[test]
fn known_fields_and_free_ones() {
    check(&json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "a", "labels": {"any": "x"}}}), &[]);
    check(
        &json!({"spec": {"waves": [{"name": "a"}], "template": {"any": [{"thing": 1}]}}, "data": {"k": "v"}}),
        &[],
    );
    check(&json!({"spec": {"waves": "of another type"}}), &[]);
}

#[test]
fn unknown_ones_by_path() {
    check(
        &json!({"spec": {"waves": [{"name": "a"}, {"nmae": "b"}]}, "sepc": {}}),
        &["sepc", "spec.waves[1].nmae"],
    );
    check(&json!({"spec": {"values": {"a": {"off": 1, "on": 2}}}}), &["spec.values.a.off"]);
    check(
        &json!({"metadata": {"lables": {}, "ownerReferences": [{"uid": "u", "id": "i"}]}}),
        &["metadata.lables", "metadata.ownerReferences[0].id"],
    );
}

#[test]
fn kinds_that_contain_themselves() {
    let inner = json!({"generators": [{"list": {"elements": []}}, {"git": {"revison": "x"}}]});
    check(
        &json!({"spec": {"generators": [{"matrix": inner}]}}),
        &["spec.generators[0].matrix.generators[1].git.revison"],
    );
}

#[test]
fn words() {
    let paths = ["spec.a".to_owned(), "spec.b".to_owned()];
    assert_eq!(warnings(&paths), [r#"unknown field "spec.a""#, r#"unknown field "spec.b""#]);
    assert_eq!(
        refusal("Cluster", "v1alpha1", &paths).message,
        r#"Cluster in version "v1alpha1" cannot be handled as a Cluster: strict decoding error: unknown field "spec.a", unknown field "spec.b""#
    );
}
