#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

use super::*;
use serde_json::json;

fn check(kind: Kind, object: Value, expect: &[&str]) {
    let said: Vec<String> = match validate(kind, &object) {
        Ok(()) => Vec::new(),
        Err(status) => {
            assert_eq!(status.code, 422);
            let causes = status.details.unwrap().causes;
            causes.into_iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect()
        }
    };
    assert_eq!(said, expect, "{object}");
}

#[test]
fn argo_kinds_as_their_crds() {
    check(Kind::Application, json!({"spec": {"project": "a", "destination": {}}}), &[]);
    check(
        Kind::Application,
        json!({"spec": {"sources": {}}}),
        &[
            "spec.destination: Required value",
            "spec.project: Required value",
            "spec.sources: Invalid value: \"object\": spec.sources in body must be of type array: \"object\"",
        ],
    );
    check(
        Kind::ApplicationSet,
        json!({"spec": {"generators": [], "template": {"metadata": {}, "spec": {"destination": {}, "project": ""}}}}),
        &[],
    );
    check(Kind::AppProject, json!({}), &["spec: Required value"]);
}

#[test]
fn types_and_meaning_are_told_together() {
    check(Kind::Cluster, json!({"spec": {"pause": {"for": "2h"}, "mode": "Observe"}}), &[]);
    check(
        Kind::Cluster,
        json!({"spec": {"pause": {"for": "soon"}, "mode": "Off"}}),
        &[
            "spec.mode: Unsupported value: \"Off\": supported values: \"Enforce\", \"Observe\"",
            "spec.pause.for: Invalid value: \"soon\": must be a duration such as 90s, 15m or 2h",
        ],
    );
    // What is of another type is told once.
    check(
        Kind::Cluster,
        json!({"spec": {"pause": {"for": 5}}}),
        &[
            "spec.pause.for: Invalid value: \"integer\": spec.pause.for in body must be of type string: \"integer\"",
        ],
    );
    check(Kind::RolloutPolicy, json!({"spec": {"waves": [{"name": "a"}]}}), &[]);
    check(
        Kind::RolloutPolicy,
        json!({"spec": {"waves": [{"name": "a", "maxUpdate": "lots"}, {"name": "b", "match": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}]}}),
        &[
            "spec.waves[0].maxUpdate: Forbidden: expected a count such as 3 or a share such as 20%",
            "spec.waves[1].match.matchExpressions[0].operator: Forbidden: `Is` is not an operator: use In, NotIn, Exists or DoesNotExist",
        ],
    );
    check(
        Kind::RolloutPolicy,
        json!({"spec": {"waves": [{"name": "a"}, {"name": "a", "soak": "soon"}]}}),
        &["spec.waves[1]: Duplicate value: {\"name\":\"a\"}"],
    );
    check(
        Kind::EnrollmentToken,
        json!({"spec": {"cluster": "eu", "secretHash": "secret", "expires": "soon"}}),
        &[
            "spec.expires: Invalid value: \"soon\": spec.expires in body must be of type date-time: \"soon\"",
            "spec.secretHash: Invalid value: \"…\": must be the SHA-256 of the secret in lowercase hex",
        ],
    );
}

#[test]
fn keys_of_secrets_and_settings_are_names_of_files() {
    let form = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";
    check(
        Kind::ConfigMap,
        json!({"data": {"a b": "x", "..": "a", "k": "1"}, "binaryData": {"k": "aGk="}}),
        &[
            "data[..]: Invalid value: \"..\": must not be '..'",
            &format!("data[a b]: Invalid value: \"a b\": {form}"),
            "data[k]: Invalid value: \"k\": duplicate of key present in binaryData",
        ],
    );
    check(Kind::Secret, json!({"data": {"": "aGk="}}), &[&format!("data[]: Invalid value: \"\": {form}")]);
}

#[test]
fn windows_and_settings_that_the_hub_could_not_read() {
    let policy = |windows: Value| json!({"spec": {"waves": [{"name": "a"}], "windows": windows}});
    check(
        Kind::RolloutPolicy,
        policy(json!([{"kind": "deny", "schedule": "0 22 * * *", "duration": "9h"}])),
        &[],
    );
    check(
        Kind::RolloutPolicy,
        policy(json!([{"kind": "deny", "schedule": "0 25 * * *", "duration": "9h"}])),
        &["spec.windows[0].schedule: Forbidden: `0 25 * * *`: the hour `25` is not within 0 to 23"],
    );
    let config = |name: &str, windows: &str| {
        json!({
            "metadata": {"name": name, "namespace": "argocd"},
            "data": {"windows.yaml": windows, "rollout.maxUnprovenPerCluster": "2"},
        })
    };
    let good = "- {kind: deny, from: 2026-11-26T00:00:00Z}";
    check(Kind::ConfigMap, config("flotilla-cm", good), &[]);
    let bad = "- {kind: never, from: 2026-11-26T00:00:00Z}";
    check(
        Kind::ConfigMap,
        config("flotilla-cm", bad),
        &["data[windows.yaml][0].kind: Forbidden: `never` is not a kind of window: use allow or deny"],
    );
    check(Kind::ConfigMap, config("another", bad), &[]);
    // As in Argo CD, whose projects take any window: the hub says so in a condition.
    check(Kind::AppProject, json!({"spec": {"syncWindows": [{"kind": "never"}]}}), &[]);
}
