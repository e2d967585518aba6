#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

use super::*;
use serde_json::json;

fn refused(kind: Kind, object: Value) -> String {
    check(kind, &object, Validation::Strict).unwrap_err().message
}

#[test]
fn a_typo_is_refused_with_its_path_and_what_was_meant() {
    let set = json!({"spec": {"goTemplat": true, "template": {"spec": {"syncPolicy": {"automatd": {}}}}}});
    assert_eq!(
        refused(Kind::ApplicationSet, set.clone()),
        "ApplicationSet in version \"v1alpha1\" cannot be handled as a ApplicationSet: strict decoding error: \
         unknown field \"spec.goTemplat\" (did you mean \"spec.goTemplate\"?), \
         unknown field \"spec.template.spec.syncPolicy.automatd\" (did you mean \"spec.template.spec.syncPolicy.automated\"?)"
    );
    assert_eq!(check(Kind::ApplicationSet, &set, Validation::Warn).unwrap().len(), 2);
    assert!(check(Kind::ApplicationSet, &set, Validation::Ignore).unwrap().is_empty());
    let policy = json!({"spec": {"waves": [{"name": "a"}, {"maxUpdat": 1}]}});
    assert!(
        refused(Kind::RolloutPolicy, policy).ends_with(
            "unknown field \"spec.waves[1].maxUpdat\" (did you mean \"spec.waves[1].maxUpdate\"?)"
        )
    );
    assert!(
        refused(Kind::Cluster, json!({"specification": {}})).ends_with("unknown field \"specification\"")
    );
}

#[test]
fn what_cannot_be_read_is_refused_whatever_is_asked_for() {
    let map = json!({"metadata": {"name": "x"}, "data": {"x": 1}});
    for validation in [Validation::Strict, Validation::Warn, Validation::Ignore] {
        assert_eq!(
            check(Kind::ConfigMap, &map, validation).unwrap_err().message,
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: \
             json: cannot unmarshal number into Go struct field ConfigMap.data of type string"
        );
    }
}

#[test]
fn a_patch_is_told_of_what_is_its_own() {
    let base = json!({"spec": {"old": 1}});
    let patched = json!({"spec": {"old": 1, "new": 1}});
    let told = check_patched(Kind::Cluster, &base, &patched, Validation::Warn).unwrap();
    assert_eq!(told, ["unknown field \"spec.new\""]);
    assert!(check_patched(Kind::Cluster, &base, &base, Validation::Strict).unwrap().is_empty());
}

#[test]
fn what_argo_cd_knows_is_known() {
    let application = json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "a"},
        "operation": {"sync": {}}, "status": {"sync": {"status": "Synced"}, "cluster": "eu"},
        "spec": {
            "project": "default", "destination": {"name": "eu"}, "revisionHistoryLimit": 3,
            "source": {"repoURL": "x", "helm": {"valueFiles": []}, "directory": {"recurse": true}},
            "sources": [{"repoURL": "x", "ref": "y", "directory": {"jsonnet": {"tlas": []}}}],
            "syncPolicy": {"automated": {"selfHeal": true}, "syncOptions": ["a=b"],
                "managedNamespaceMetadata": {"labels": {"a": "b"}}},
        },
    });
    assert!(check(Kind::Application, &application, Validation::Strict).unwrap().is_empty());
    let set = json!({"spec": {
        "generators": [{"matrix": {"generators": []}, "selector": {}}],
        "template": {"metadata": {"name": "x", "labels": {"a": "b"}}, "spec": application["spec"]},
        "strategy": {"type": "RollingSync", "rollingSync": {"steps": [{"maxUpdate": "10%"}]}},
    }});
    assert!(check(Kind::ApplicationSet, &set, Validation::Strict).unwrap().is_empty());
}
