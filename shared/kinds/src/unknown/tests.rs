#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

use super::*;
use serde_json::json;

fn check(kind: Kind, object: Value, expect: &[&str]) {
    let said: Vec<String> = unknown(kind, &object).iter().map(Unknown::warning).collect();
    assert_eq!(said, expect, "{object}");
}

#[test]
fn what_the_kind_does_not_have_is_named_at_any_depth() {
    check(
        Kind::Application,
        json!({
            "spec2": {}, "metadata": {"foo": 1, "ownerReferences": [{"a": 1}], "labels": {"any": "x"}},
            "spec": {"source": {"helm": {"parameters": [{"valeu": "a"}], "valuesObject": {"any": {"x": 1}}}}},
        }),
        &[
            "unknown field \"metadata.foo\"",
            "unknown field \"metadata.ownerReferences[0].a\"",
            "unknown field \"spec.source.helm.parameters[0].valeu\" (did you mean \"spec.source.helm.parameters[0].value\"?)",
            "unknown field \"spec2\" (did you mean \"spec\"?)",
        ],
    );
    check(
        Kind::AppProject,
        json!({"spec": {"syncWindows": [{"knd": "deny"}], "roles": [{"x": 1}]}}),
        &[
            "unknown field \"spec.roles[0].x\"",
            "unknown field \"spec.syncWindows[0].knd\" (did you mean \"spec.syncWindows[0].kind\"?)",
        ],
    );
    let inner = json!({"generators": [{"list": {"elements": [{"any": 1}]}}, {"git": {"revison": "x"}}]});
    check(
        Kind::ApplicationSet,
        json!({"spec": {"generators": [{"matrix": inner}, {"lst": {}}]}}),
        &[
            "unknown field \"spec.generators[0].matrix.generators[1].git.revison\" (did you mean \"spec.generators[0].matrix.generators[1].git.revision\"?)",
            "unknown field \"spec.generators[1].lst\" (did you mean \"spec.generators[1].list\"?)",
        ],
    );
    check(
        Kind::ConfigMap,
        json!({"dat": {}, "data": {"any": "x"}}),
        &["unknown field \"dat\" (did you mean \"data\"?)"],
    );
    // Types are not its affair.
    check(Kind::ConfigMap, json!({"data": ["x"], "metadata": 5}), &[]);
}

#[test]
fn what_matrix_nests_in_itself_is_not_looked_at() {
    let deepest = json!({"matrix": {"generators": [{"whatever": 1}]}});
    let deep = json!({"matrix": {"generators": [deepest]}});
    check(Kind::ApplicationSet, json!({"spec": {"generators": [deep]}}), &[]);
}

#[test]
fn refusals_hold_all_of_them() {
    let warnings = ["duplicate field \"spec.project\"".to_owned(), "unknown field \"spec2\"".to_owned()];
    assert_eq!(
        refusal(Kind::Application, &warnings).message,
        "Application in version \"v1alpha1\" cannot be handled as a Application: strict decoding error: \
         duplicate field \"spec.project\", unknown field \"spec2\""
    );
}
