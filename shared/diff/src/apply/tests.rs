#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

use super::*;
use serde_json::json;

/// `live` with managed fields, and what an apply of `desired` makes of it, without them.
fn check(desired: Value, live: Value, managed: Value, expect: Value) {
    let mut whole = live;
    whole["metadata"]["managedFields"] = managed;
    let mut after = applied(&desired, &whole, "flotilla");
    after["metadata"].as_object_mut().unwrap().remove("managedFields");
    assert_eq!(after, expect);
    // What is so is kept as it is.
    let mut again = whole;
    let kept = again["metadata"]["managedFields"].take();
    again.clone_from(&after);
    again["metadata"]["managedFields"] = kept;
    let mut twice = applied(&desired, &again, "flotilla");
    twice["metadata"].as_object_mut().unwrap().remove("managedFields");
    assert_eq!(twice, after, "an apply after an apply changes nothing");
}

fn entry(manager: &str, operation: &str, fields: Value) -> Value {
    json!({"manager": manager, "operation": operation, "fieldsV1": fields})
}

fn map(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
}

#[test]
fn what_it_sets_is_there_and_what_others_set_stays() {
    check(
        map(json!({"a": "new", "b": "added"})),
        map(json!({"a": "old", "theirs": "kept"})),
        json!([entry("flotilla", "Apply", json!({"f:data": {"f:a": {}}}))]),
        map(json!({"a": "new", "b": "added", "theirs": "kept"})),
    );
}

#[test]
fn what_it_set_before_and_sets_no_longer_is_gone_unless_others_have_it_too() {
    let ours = json!({"f:data": {"f:a": {}, "f:gone": {}, "f:shared": {}}});
    check(
        map(json!({"a": "x"})),
        map(json!({"a": "x", "gone": "1", "shared": "2", "theirs": "3"})),
        json!([
            entry("flotilla", "Apply", ours),
            entry("kubectl", "Update", json!({"f:data": {"f:shared": {}, "f:theirs": {}}})),
        ]),
        map(json!({"a": "x", "shared": "2", "theirs": "3"})),
    );
    // The whole map goes with its last entry.
    let bare = || json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let ours = json!([entry("flotilla", "Apply", json!({"f:data": {"f:a": {}}}))]);
    check(bare(), map(json!({"a": "1"})), ours, bare());
    // What another manager applied is not ours to take away.
    let others = json!([entry("argocd", "Apply", json!({"f:data": {"f:a": {}}}))]);
    check(bare(), map(json!({"a": "1"})), others, map(json!({"a": "1"})));
    check(bare(), map(json!({"a": "1"})), Value::Null, map(json!({"a": "1"})));
}

fn deployment(containers: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
           "spec": {"template": {"spec": {"containers": containers}}}})
}

#[test]
fn lists_merge_by_their_keys_and_defaults_stay() {
    let env = |name: &str| format!("k:{{\"name\":\"{name}\"}}");
    let ours = json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {
        env("web"): {".": {}, "f:name": {}, "f:image": {}, "f:env": {env("OLD"): {".": {}, "f:name": {}, "f:value": {}}}},
        env("old"): {".": {}, "f:name": {}, "f:image": {}},
    }}}}});
    check(
        deployment(json!([{"name": "web", "image": "web:2", "resources": {"limits": {"cpu": "1000m"}}}])),
        deployment(json!([
            {"name": "old", "image": "old:1"},
            {"name": "web", "image": "web:1", "imagePullPolicy": "Always", "env": [{"name": "OLD", "value": "1"}],
             "resources": {"limits": {"cpu": "1"}}},
            {"name": "injected", "image": "mesh:1"},
        ])),
        json!([entry("flotilla", "Apply", ours)]),
        deployment(json!([
            {"name": "web", "image": "web:2", "imagePullPolicy": "Always", "resources": {"limits": {"cpu": "1"}}},
            {"name": "injected", "image": "mesh:1"},
        ])),
    );
}

#[test]
fn sets_and_lists_without_keys() {
    let object = |finalizers: Value, hosts: Value| {
        json!({"apiVersion": "example.com/v1", "kind": "Route",
               "metadata": {"name": "a", "finalizers": finalizers}, "spec": {"hosts": hosts}})
    };
    check(
        object(json!(["b"]), json!(["x", "z"])),
        object(json!(["a", "theirs"]), json!(["x", "y", "w"])),
        json!([entry(
            "flotilla",
            "Apply",
            json!({"f:metadata": {"f:finalizers": {"v:\"a\"": {}}}, "f:spec": {"f:hosts": {}}})
        )]),
        object(json!(["theirs", "b"]), json!(["x", "z"])),
    );
}

#[test]
fn whatever_comes_nothing_panics() {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-c]{0,2}".prop_map(Value::from)
    ];
    let names = "(f:)?(metadata|spec|data|containers|name|managedFields|fieldsV1|k:\\{\"name\":\"a\"\\}|v:1)";
    let value = leaf.prop_recursive(5, 40, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            proptest::collection::btree_map(names, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    });
    proptest!(|(desired in value.clone(), live in value.clone(), fields in value)| {
        let mut live = live;
        if let Value::Object(_) = live {
            live["metadata"] = json!({"managedFields": [entry("flotilla", "Apply", fields)]});
        }
        let _after = applied(&desired, &live, "flotilla");
    });
}
