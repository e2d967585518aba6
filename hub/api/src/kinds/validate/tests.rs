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
