#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

//! The words are those of kube-apiserver v1.34.3 with Argo CD's definitions, for the same objects.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn check(kind: Kind, object: Value, expect: &[&str]) {
    let mut said: Vec<String> = problems(kind, &object).iter().map(ToString::to_string).collect();
    said.sort();
    let mut expect = expect.to_vec();
    expect.sort_unstable();
    assert_eq!(said, expect, "{object}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    check(
        Kind::Application,
        json!({"spec": {
            "project": 5, "destination": [], "sources": {}, "info": {"a": "b"}, "revisionHistoryLimit": 1.5,
            "source": {
                "repoURL": true, "directory": null,
                "helm": {"parameters": [{"name": 1.5}], "valuesObject": "a"},
                "kustomize": {"replicas": [{"count": true}], "commonLabels": {"a": 5}, "images": "x"},
            },
            "syncPolicy": {"retry": {"limit": "many"}, "automated": {"prune": "yes"}},
            "sourceHydrator": {"drySource": {}, "syncSource": {"path": "", "targetBranch": "a"}},
        }}),
        &[
            r#"spec.sources: Invalid value: "object": spec.sources in body must be of type array: "object""#,
            r#"spec.revisionHistoryLimit: Invalid value: "number": spec.revisionHistoryLimit in body must be of type integer: "number""#,
            r#"spec.project: Invalid value: "integer": spec.project in body must be of type string: "integer""#,
            r#"spec.syncPolicy.automated.prune: Invalid value: "string": spec.syncPolicy.automated.prune in body must be of type boolean: "string""#,
            r#"spec.syncPolicy.retry.limit: Invalid value: "string": spec.syncPolicy.retry.limit in body must be of type integer: "string""#,
            r#"spec.destination: Invalid value: "array": spec.destination in body must be of type object: "array""#,
            r#"spec.info: Invalid value: "object": spec.info in body must be of type array: "object""#,
            r#"spec.source.repoURL: Invalid value: "boolean": spec.source.repoURL in body must be of type string: "boolean""#,
            r#"spec.source.helm.valuesObject: Invalid value: "string": spec.source.helm.valuesObject in body must be of type object: "string""#,
            r#"spec.source.helm.parameters[0].name: Invalid value: "number": spec.source.helm.parameters[0].name in body must be of type string: "number""#,
            r#"spec.source.kustomize.replicas[0].count: Invalid value: "boolean": spec.source.kustomize.replicas[0].count in body must be of type integer,string: "boolean""#,
            "spec.source.kustomize.replicas[0].name: Required value",
            r#"spec.source.kustomize.images: Invalid value: "string": spec.source.kustomize.images in body must be of type array: "string""#,
            r#"spec.source.kustomize.commonLabels.a: Invalid value: "integer": spec.source.kustomize.commonLabels.a in body must be of type string: "integer""#,
            "spec.sourceHydrator.drySource.path: Required value",
            "spec.sourceHydrator.drySource.repoURL: Required value",
            "spec.sourceHydrator.drySource.targetRevision: Required value",
            r#"spec.sourceHydrator.syncSource.path: Invalid value: "": spec.sourceHydrator.syncSource.path in body should be at least 1 chars long"#,
        ],
    );
}

#[test]
fn what_is_missing_and_what_null_is() {
    let right = json!({"project": "a", "destination": {}});
    check(Kind::Application, json!({"spec": right}), &[]);
    check(Kind::Application, json!({}), &["spec: Required value"]);
    check(Kind::Application, json!({"spec": null}), &["spec: Required value"]);
    let wrong = r#"spec: Invalid value: "array": spec in body must be of type object: "array""#;
    check(Kind::Application, json!({"spec": []}), &[wrong]);
    check(
        Kind::Application,
        json!({"spec": {"project": null, "destination": {"nam": 1}}}),
        &["spec.project: Required value"],
    );
    let mut limit = right.clone();
    limit["syncPolicy"] = json!({"retry": {"limit": 1e3}});
    check(Kind::Application, json!({"spec": limit}), &[]);
    limit["revisionHistoryLimit"] = json!(99_999_999_999_999_999_999.0);
    let wrong = r#"spec.revisionHistoryLimit: Invalid value: "number": spec.revisionHistoryLimit in body must be of type integer: "number""#;
    check(Kind::Application, json!({"spec": limit}), &[wrong]);
}

#[test]
fn sets_projects_and_their_rules() {
    check(
        Kind::ApplicationSet,
        json!({"spec": {
            "generators": ["git", {"list": {"elements": [1, "a", {}]}, "clusters": []}],
            "template": {"metadata": {"labels": {"a": 1}}},
            "syncPolicy": {"applicationsSync": "never"},
            "strategy": {"rollingSync": {"steps": [{"maxUpdate": {}}]}},
        }}),
        &[
            r#"spec.strategy.rollingSync.steps[0].maxUpdate: Invalid value: "object": spec.strategy.rollingSync.steps[0].maxUpdate in body must be of type integer,string: "object""#,
            r#"spec.syncPolicy.applicationsSync: Unsupported value: "never": supported values: "create-only", "create-update", "create-delete", "sync""#,
            r#"spec.template.metadata.labels.a: Invalid value: "integer": spec.template.metadata.labels.a in body must be of type string: "integer""#,
            "spec.template.spec: Required value",
            r#"spec.generators[0]: Invalid value: "string": spec.generators[0] in body must be of type object: "string""#,
            r#"spec.generators[1].clusters: Invalid value: "array": spec.generators[1].clusters in body must be of type object: "array""#,
        ],
    );
    let long = "a".repeat(300);
    check(
        Kind::AppProject,
        json!({"spec": {"description": long}}),
        &["spec.description: Too long: may not be more than 255 bytes"],
    );
    let hydrator = json!({
        "drySource": {"path": "a", "repoURL": "b", "targetRevision": "c"},
        "syncSource": {"path": ".", "targetBranch": "a"},
    });
    check(
        Kind::Application,
        json!({"spec": {"project": "a", "destination": {}, "sourceHydrator": hydrator}}),
        &[
            r#"spec.sourceHydrator.syncSource.path: Invalid value: ".": spec.sourceHydrator.syncSource.path in body should match '^.{2,}|[^./]$'"#,
        ],
    );
}

#[test]
fn times_numbers_and_doubles() {
    let status = |status: Value| json!({"spec": {"project": "a", "destination": {}}, "status": status});
    check(
        Kind::Application,
        status(json!({"reconciledAt": "soon", "observedAt": 5, "sync": {"status": null}})),
        &[
            r#"status.observedAt: Invalid value: "int64": status.observedAt in body must be of type date-time: "int64""#,
            r#"status.reconciledAt: Invalid value: "soon": status.reconciledAt in body must be of type date-time: "soon""#,
            "status.sync.status: Required value",
        ],
    );
    let rollout = json!({"name": "a", "wave": null});
    check(Kind::Application, status(json!({"rollout": rollout})), &[]);
    check(
        Kind::RolloutPolicy,
        json!({"spec": {"waves": [{"name": "a", "take": -1}, {"name": "a", "maxFailures": 5_000_000_000_u64}]}}),
        &[
            "spec.waves[0].take: Invalid value: -1: spec.waves[0].take in body should be greater than or equal to 0",
            "spec.waves[1].maxFailures: Invalid value: 5000000000: spec.waves[1].maxFailures in body should be less than or equal to 4294967295",
            r#"spec.waves[1]: Duplicate value: {"name":"a"}"#,
        ],
    );
}

proptest! {
    /// Whatever there is, it is told of or taken.
    #[test]
    fn nothing_is_too_odd(json in "[\\[\\]{}:,\"a-z0-9 ]{0,40}", at in 0_usize..6) {
        let value: Value = serde_json::from_str(&json).unwrap_or(Value::String(json));
        let fields = ["spec", "metadata", "status", "data", "operation", "involvedObject"];
        for kind in Kind::ALL {
            let object = json!({fields[at]: value});
            problems(kind, &object);
            crate::unreadable(kind, &object);
            crate::unknown(kind, &object);
        }
    }
}
