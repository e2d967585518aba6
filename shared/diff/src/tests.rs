#![allow(clippy::needless_pass_by_value, reason = "json! literals read best in place")]

use super::*;
use proptest::prelude::*;
use serde_json::json;
use shared_model::IgnoreDifference;

/// Expects these lines of `desired` against `live`, without ignored differences.
#[track_caller]
fn check(desired: Value, live: Value, expect: &[&str]) {
    check_with(&Rules::default(), desired, live, expect);
}

#[track_caller]
fn check_with(rules: &Rules, desired: Value, live: Value, expect: &[&str]) {
    let lines: Vec<String> = diff(&desired, Some(&live), rules).iter().map(ToString::to_string).collect();
    assert_eq!(lines, expect, "{desired}\n{live}");
    let same = owned_hash(&desired, &live, rules) == owned_hash(&desired, &desired, rules);
    assert_eq!(same, expect.is_empty(), "the hash differs exactly when there is drift");
}

fn deployment(spec: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
           "metadata": {"name": "orders-api", "namespace": "shop"}, "spec": spec})
}

fn containers(containers: Value) -> Value {
    deployment(json!({"template": {"spec": {"containers": containers}}}))
}

fn config_map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": data})
}

fn secret(field: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}, field: data})
}

fn custom(spec: Value) -> Value {
    json!({"apiVersion": "example.com/v1", "kind": "Database", "metadata": {"name": "main"}, "spec": spec})
}

#[test]
fn a_changed_field_is_a_line() {
    check(
        deployment(json!({"replicas": 3})),
        deployment(json!({"replicas": 5, "revisionHistoryLimit": 10})),
        &["Deployment/orders-api: spec.replicas live=5 desired=3"],
    );
    check(
        containers(json!([{"name": "web", "image": "shop/web:2"}])),
        containers(json!([{"name": "mesh", "image": "mesh:1"},
                          {"name": "web", "image": "shop/web:1", "imagePullPolicy": "IfNotPresent"}])),
        &[
            "Deployment/orders-api: spec.template.spec.containers[web].image live=shop/web:1 desired=shop/web:2",
        ],
    );
    check(
        config_map(json!({"greeting": "hello", "app.yaml": "a: 1\nb: 2"})),
        config_map(json!({"greeting": "", "app.yaml": "a: 1"})),
        &[
            r#"ConfigMap/settings: data["app.yaml"] live="a: 1" desired="a: 1\nb: 2""#,
            r#"ConfigMap/settings: data.greeting live="" desired=hello"#,
        ],
    );
}

#[test]
fn objects_that_are_missing_or_too_many() {
    let lines = diff(&config_map(json!({})), None, &Rules::default());
    assert_eq!(lines[0].to_string(), "ConfigMap/settings: missing");
    assert_eq!(DriftLine::extra("ConfigMap", "old").to_string(), "ConfigMap/old: not in the release");
}

#[test]
fn defaults_and_other_managers_fields_do_not_count() {
    let live = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "orders-api", "namespace": "shop", "uid": "u", "generation": 7,
                     "resourceVersion": "9", "labels": {"team": "a", "added": "b"},
                     "annotations": {"deployment.kubernetes.io/revision": "4"},
                     "creationTimestamp": "2026-08-22T10:00:00Z", "managedFields": []},
        "spec": {"replicas": 3, "strategy": {"type": "RollingUpdate"}},
        "status": {"replicas": 3}});
    let desired = json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "orders-api", "labels": {"team": "a"}, "annotations": {},
                     "creationTimestamp": null, "generation": 1},
        "spec": {"replicas": 3, "strategy": {}, "paused": false, "template": null},
        "status": {"replicas": 99}});
    check(desired, live, &[]);
}

#[test]
fn an_annotation_that_went_is_drift() {
    let with = |annotations: Value| {
        json!({"apiVersion": "v1", "kind": "Service",
               "metadata": {"name": "web", "annotations": annotations, "labels": {"empty": ""}}})
    };
    check(
        with(json!({"example.com/a": "1"})),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}),
        &[
            r#"Service/web: metadata.annotations live=absent desired={"example.com/a":"1"}"#,
            r#"Service/web: metadata.labels live=absent desired={"empty":""}"#,
        ],
    );
}

#[test]
fn quantities_compare_by_value() {
    let with = |cpu: Value, memory: Value| {
        containers(json!([{"name": "web", "resources": {"limits": {"cpu": cpu, "memory": memory}}}]))
    };
    check(with(json!("1000m"), json!("1Gi")), with(json!("1"), json!("1073741824")), &[]);
    check(with(json!(1), json!("1.5Gi")), with(json!("1"), json!("1536Mi")), &[]);
    check(with(json!("0.5"), json!("1e3")), with(json!("500m"), json!("1k")), &[]);
    check(
        with(json!("1"), json!("1G")),
        with(json!("2"), json!("1Gi")),
        &[
            "Deployment/orders-api: spec.template.spec.containers[web].resources.limits.cpu live=2 desired=1",
            "Deployment/orders-api: spec.template.spec.containers[web].resources.limits.memory live=1Gi desired=1G",
        ],
    );
    // What people keep is compared as written.
    check(
        config_map(json!({"limits": "1000m"})),
        config_map(json!({"limits": "1"})),
        &["ConfigMap/settings: data.limits live=1 desired=1000m"],
    );
}

#[test]
fn ports_merge_by_number_and_protocol() {
    let service = |ports: Value| json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dns"}, "spec": {"ports": ports}});
    check(
        service(json!([{"port": 53, "protocol": "UDP", "name": "u"}, {"port": 53, "name": "t"}])),
        service(json!([{"port": 53, "protocol": "TCP", "name": "t", "targetPort": 53},
                       {"port": 53, "protocol": "UDP", "name": "u", "targetPort": 53}])),
        &[],
    );
    check(
        service(json!([{"port": 80}])),
        service(json!([{"port": 81, "protocol": "TCP"}])),
        &[r#"Service/dns: spec.ports[80] live=absent desired={"port":80}"#],
    );
    check(
        containers(json!([{"name": "web", "ports": [{"containerPort": 80}]}])),
        containers(json!([{"name": "web", "ports": [{"containerPort": 80, "protocol": "TCP"}]}])),
        &[],
    );
}

#[test]
fn lists_without_keys_compare_as_a_whole() {
    check(
        custom(json!({"hosts": ["a", "b"]})),
        custom(json!({"hosts": ["a"]})),
        &[r#"Database/main: spec.hosts live=["a"] desired=["a","b"]"#],
    );
    // A default inside an item does not count; an item of another name does.
    check(
        custom(json!({"users": [{"name": "a"}]})),
        custom(json!({"users": [{"name": "a", "role": "r"}]})),
        &[],
    );
    check(
        containers(json!([{"name": "web", "args": ["--fast"]}])),
        containers(json!([{"name": "web", "args": ["--slow"]}])),
        &["Deployment/orders-api: spec.template.spec.containers[web].args[0] live=--slow desired=--fast"],
    );
    // An environment with one name twice cannot merge.
    let twice = json!([{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]);
    check(
        containers(json!([{"name": "web", "env": twice}])),
        containers(json!([{"name": "web", "env": twice}])),
        &[],
    );
}

#[test]
fn zero_values_are_dropped_by_built_in_kinds_only() {
    check(
        containers(json!([{"name": "web", "env": [{"name": "A", "value": ""}], "tty": false}])),
        containers(json!([{"name": "web", "env": [{"name": "A"}]}])),
        &[],
    );
    check(
        custom(json!({"on": false})),
        custom(json!({})),
        &["Database/main: spec.on live=absent desired=false"],
    );
    check(
        config_map(json!({"a": ""})),
        config_map(json!({"b": "x"})),
        &["ConfigMap/settings: data.a live=absent desired=\"\""],
    );
    check(
        deployment(json!({"replicas": 0})),
        deployment(json!({"replicas": 1})),
        &["Deployment/orders-api: spec.replicas live=1 desired=0"],
    );
}

#[test]
fn numbers_and_their_text_are_one_in_built_in_kinds_only() {
    let budget = |percent: Value| {
        json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "b"},
               "spec": {"minAvailable": percent}})
    };
    check(budget(json!("1")), budget(json!(1)), &[]);
    check(custom(json!({"n": "1"})), custom(json!({"n": 1})), &["Database/main: spec.n live=1 desired=1"]);
    check(custom(json!({"n": 1.0})), custom(json!({"n": 1})), &[]);
}

#[test]
fn secrets_are_compared_and_never_shown() {
    check(secret("stringData", json!({"key": "s3cret"})), secret("data", json!({"key": "czNjcmV0"})), &[]);
    check(secret("data", json!({"key": "czNj\ncmV0\n"})), secret("data", json!({"key": "czNjcmV0"})), &[]);
    check(
        secret("stringData", json!({"key": "s3cret", "new": "x"})),
        secret("data", json!({"key": "b3RoZXI="})),
        &["Secret/token: data.key live=*** desired=***", "Secret/token: data.new live=absent desired=***"],
    );
    check(
        secret("data", json!({"key": "czNjcmV0"})),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "token"}}),
        &["Secret/token: data live=absent desired=***"],
    );
    let mut copied = secret("data", json!({}));
    copied["metadata"]["annotations"] = json!({"kubectl.kubernetes.io/last-applied-configuration": "hush"});
    let bare = secret("data", json!({}));
    check(copied.clone(), bare, &["Secret/token: metadata.annotations live=absent desired=***"]);
    check(copied, json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"annotations": {}}}), &[]);
}

#[test]
fn long_values_are_cut() {
    let lines = diff(
        &config_map(json!({"a": "x".repeat(500)})),
        Some(&config_map(json!({"a": "y".repeat(500)}))),
        &Rules::default(),
    );
    let expect = format!("ConfigMap/settings: data.a live={}… desired={}…", "y".repeat(59), "x".repeat(59));
    assert_eq!(lines[0].to_string(), expect);
}

fn ignore(edit: impl FnOnce(&mut IgnoreDifference)) -> Rules {
    let mut rule = IgnoreDifference { group: "apps".into(), kind: "Deployment".into(), ..Default::default() };
    edit(&mut rule);
    Rules::new(&[rule])
}

#[test]
fn ignored_pointers() {
    let (desired, live) = (deployment(json!({"replicas": 3})), deployment(json!({"replicas": 5})));
    let pointer = || vec!["/spec/replicas".to_owned()];
    let drift = &["Deployment/orders-api: spec.replicas live=5 desired=3"][..];
    let check_rule = |edit: fn(&mut IgnoreDifference), expect: &[&str]| {
        let rules = ignore(|rule| {
            rule.json_pointers = pointer();
            edit(rule);
        });
        check_with(&rules, desired.clone(), live.clone(), expect);
    };
    check_rule(|_| {}, &[]);
    check_rule(|rule| (rule.group, rule.kind) = ("*".into(), "Deploy*".into()), &[]);
    check_rule(|rule| rule.name = "orders-api".into(), &[]);
    check_rule(|rule| rule.name = "other".into(), drift);
    check_rule(|rule| rule.namespace = "shop".into(), &[]);
    check_rule(|rule| rule.namespace = "other".into(), drift);
    check_rule(|rule| rule.group = String::new(), drift);
    check_rule(|rule| rule.json_pointers = vec!["/spec/nothing/0".into(), String::new()], drift);
    check_rule(|rule| rule.jq_path_expressions = vec![".spec".into()], &[]);

    check_with(
        &ignore(|rule| rule.json_pointers = vec!["/spec/template/spec/containers/1".into()]),
        containers(json!([{"name": "web"}, {"name": "extra", "image": "a"}])),
        containers(json!([{"name": "web"}])),
        &[],
    );
}

#[test]
fn ignored_managers() {
    let rules = ignore(|rule| rule.managed_fields_managers = vec!["autoscaler".into()]);
    let desired = deployment(json!({"replicas": 3, "template": {"spec": {"containers": [
        {"name": "web", "image": "a", "ports": [{"containerPort": 80, "name": "http"}]}]}}}));
    let live = |manager: &str| {
        let mut live = deployment(json!({"replicas": 5, "template": {"spec": {"containers": [
            {"name": "web", "image": "b", "ports": [{"containerPort": 80, "name": "www"}]}]}}}));
        live["metadata"]["managedFields"] = json!([
            {"manager": "kubectl", "fieldsV1": {"f:spec": {}}},
            {"manager": manager, "fieldsV1": {"f:spec": {"f:replicas": {}, "f:template": {"f:spec": {"f:containers":
                {"k:{\"name\":\"web\"}": {".": {}, "f:ports":
                    {"k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {"f:name": {}}}}}}}}}},
        ]);
        live
    };
    let image = "Deployment/orders-api: spec.template.spec.containers[web].image live=b desired=a";
    check_with(&rules, desired.clone(), live("autoscaler"), &[image]);
    check_with(
        &rules,
        desired,
        live("person"),
        &[
            "Deployment/orders-api: spec.replicas live=5 desired=3",
            image,
            "Deployment/orders-api: spec.template.spec.containers[web].ports[80].name live=www desired=http",
        ],
    );
}

#[test]
fn jq_is_said_to_be_missing() {
    let rule = IgnoreDifference {
        kind: "Deployment".into(),
        jq_path_expressions: vec![".spec.replicas".into()],
        ..Default::default()
    };
    let expect = "ignoreDifferences for Deployment: jqPathExpressions are not acted on yet, use jsonPointers";
    assert_eq!(unsupported(&[rule, IgnoreDifference::default()]), [expect]);
}

fn any_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        prop_oneof!["[a-c]{0,2}", Just("1Gi".to_owned())].prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 24, 4, |inner| {
        let key = prop_oneof![
            Just("name"),
            Just("containers"),
            Just("env"),
            Just("ports"),
            Just("port"),
            Just("limits"),
            Just("labels"),
            Just("data"),
            Just("stringData"),
            Just("finalizers"),
            Just("spec"),
            Just("managedFields"),
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key.prop_map(str::to_owned), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn any_object() -> impl Strategy<Value = Value> {
    let kind = prop_oneof![
        Just(("v1", "Secret")),
        Just(("v1", "Service")),
        Just(("apps/v1", "Deployment")),
        Just(("example.com/v1", "Thing")),
    ];
    (kind, any_value(), any_value()).prop_map(|((api_version, kind), metadata, spec)| {
        json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec.clone(), "data": spec})
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_object_equals_itself(object in any_object()) {
        let lines = diff(&object, Some(&object), &Rules::default());
        prop_assert!(lines.is_empty(), "{lines:?}");
    }

    /// The hash tells what the lines tell: no lines, same hash as the release itself, and the other way round.
    #[test]
    fn hash_and_lines_agree(desired in any_object(), live in any_object()) {
        let rules = Rules::default();
        let drift = !diff(&desired, Some(&live), &rules).is_empty();
        let differs = owned_hash(&desired, &live, &rules) != owned_hash(&desired, &desired, &rules);
        prop_assert_eq!(differs, drift);
    }

    #[test]
    fn a_secrets_values_are_in_no_line(mut live in any_object(), mut desired in any_object()) {
        for object in [&mut live, &mut desired] {
            object["apiVersion"] = json!("v1");
            object["kind"] = json!("Secret");
            object["metadata"] = json!({"name": "n"});
            object["spec"] = json!(null);
            object["data"] = json!({"password": format!("hush{}", object["data"])});
        }
        for line in diff(&desired, Some(&live), &Rules::default()) {
            prop_assert!(!line.to_string().contains("hush"), "{line}");
        }
    }
}
