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
    check(Kind::Application, json!({}), &["spec: Required value"]);
    check(
        Kind::Application,
        json!({"spec": {"sources": {}}}),
        &[
            "spec.destination: Required value",
            "spec.project: Required value",
            "spec.sources: Invalid value: \"object\": must be a list",
        ],
    );
    check(Kind::ApplicationSet, json!({"spec": {"generators": [], "template": {}}}), &[]);
    check(
        Kind::ApplicationSet,
        json!({"spec": {"generators": {"list": {}}}}),
        &["spec.template: Required value", "spec.generators: Invalid value: \"object\": must be a list"],
    );
    check(
        Kind::ApplicationSet,
        json!({"spec": {"generators": ["git"], "template": {}}}),
        &["spec.generators[0]: Invalid value: \"string\": must be a map, as in {list: {elements: []}}"],
    );
}

#[test]
fn own_kinds() {
    check(Kind::Cluster, json!({"spec": {"pause": {"for": "2h"}, "mode": "Observe"}}), &[]);
    check(
        Kind::Cluster,
        json!({"spec": {"pause": {"for": "soon"}, "mode": "Off"}}),
        &[
            "spec.mode: Unsupported value: \"Off\": supported values: \"Enforce\", \"Observe\"",
            "spec.pause.for: Invalid value: \"soon\": must be a duration such as 90s, 15m or 2h",
        ],
    );
    check(Kind::RolloutPolicy, json!({"spec": {"waves": [{"name": "a"}]}}), &[]);
    check(
        Kind::RolloutPolicy,
        json!({"spec": {"waves": [{"name": "a"}, {"name": "a", "maxUpdate": "lots"}]}}),
        &[
            "spec.waves[1].name: Forbidden: `a` names an earlier wave too",
            "spec.waves[1].maxUpdate: Forbidden: expected a count such as 3 or a share such as 20%",
        ],
    );
    check(
        Kind::EnrollmentToken,
        json!({"spec": {"cluster": "eu", "secretHash": "secret", "expires": "soon"}}),
        &[
            "spec.secretHash: Invalid value: \"…\": must be the SHA-256 of the secret in lowercase hex",
            "spec.expires: Invalid value: \"soon\": must be a time such as 2026-01-31T12:00:00Z",
        ],
    );
    check(
        Kind::Secret,
        json!({"data": {"password": 1234}}),
        &["data[password]: Invalid value: \"number\": must be a text: put it in quotes"],
    );
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
