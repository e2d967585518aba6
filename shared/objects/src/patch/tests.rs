#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

use serde_json::json;

use super::*;
use crate::apply::Schema;

/// The patched object, or the code and the words of the refusal.
fn check(result: Result<Value, Status>, expect: Result<Value, (u16, &str)>) {
    match (result, expect) {
        (Ok(found), Ok(expect)) => assert_eq!(found, expect),
        (Err(status), Err((code, words))) => {
            assert_eq!(status.code, code, "{status}");
            assert!(status.message.contains(words), "{status}");
        }
        (result, expect) => panic!("{result:?} instead of {expect:?}"),
    }
}

fn deployment() -> Value {
    json!({"spec": {"replicas": 1, "paused": true, "list": ["a", "b"]}})
}

#[test]
fn media_types() {
    let check = |text: &str, expect: PatchKind| assert_eq!(PatchKind::of_content_type(text), Ok(expect));
    check("application/json-patch+json", PatchKind::Json);
    check("Application/Merge-Patch+JSON; charset=utf-8", PatchKind::Merge);
    check("application/strategic-merge-patch+json", PatchKind::Strategic);
    check("application/apply-patch+yaml", PatchKind::Apply);
    let refused = PatchKind::of_content_type("application/json").unwrap_err();
    assert_eq!(refused.code, 415);
    assert!(
        refused.message.contains("accepted media types include: application/json-patch+json"),
        "{refused}"
    );
}

#[test]
fn json_patches() {
    let patch = json!([
        {"op": "test", "path": "/spec/replicas", "value": 1},
        {"op": "replace", "path": "/spec/replicas", "value": 2},
        {"op": "remove", "path": "/spec/paused"},
        {"op": "add", "path": "/spec/list/-", "value": "c"},
        {"op": "copy", "from": "/spec/list/0", "path": "/spec/first"},
        {"op": "move", "from": "/spec/list/1", "path": "/spec/second"},
    ]);
    let expect = json!({"spec": {"replicas": 2, "list": ["a", "c"], "first": "a", "second": "b"}});
    check(json(&deployment(), &patch), Ok(expect));
    check(json(&deployment(), &json!([])), Ok(deployment()));
}

#[test]
fn json_patches_that_do_not_fit() {
    let first = json!({"op": "add", "path": "/spec/x", "value": 1});
    let refused = |operation: Value, words| {
        check(json(&deployment(), &json!([first, operation])), Err((422, words)));
    };
    let path = "/spec/none/x";
    refused(
        json!({"op": "add", "path": path, "value": 1}),
        r#"operation 1: add operation does not apply: doc is missing path: "/spec/none/x": missing value"#,
    );
    refused(
        json!({"op": "remove", "path": path}),
        r#"operation 1: remove operation does not apply: doc is missing path: "/spec/none/x""#,
    );
    refused(
        json!({"op": "replace", "path": path, "value": 1}),
        r#"operation 1: replace operation does not apply: doc is missing path: "/spec/none/x""#,
    );
    refused(
        json!({"op": "test", "path": "/spec/replicas", "value": 3}),
        "operation 1: testing value /spec/replicas failed: test failed",
    );
    refused(
        json!({"op": "move", "from": path, "path": "/spec/y"}),
        r#"operation 1: move operation does not apply: doc is missing from path: "/spec/none/x""#,
    );
    refused(
        json!({"op": "move", "from": "/spec", "path": "/spec/y"}),
        r#"operation 1: cannot move "/spec" into itself"#,
    );
}

#[test]
fn json_patches_that_are_none() {
    check(json(&deployment(), &json!({"spec": {}})), Err((400, "a JSON patch must be a list of operations")));
    let operation =
        |operation: Value, words| check(json(&deployment(), &json!([operation])), Err((400, words)));
    operation(
        json!({"op": "merge", "path": "/x"}),
        "error decoding patch: operation 0: unknown variant `merge`",
    );
    operation(json!({"op": "remove"}), "operation 0: missing field `path`");
    operation(json!({"op": "remove", "path": "spec"}), "operation 0: ");
    let many = vec![json!({"op": "test", "path": "", "value": 1}); 10_001];
    check(
        json(&deployment(), &many.into()),
        Err((413, "The allowed maximum operations in a JSON patch is 10000, got 10001")),
    );
}

#[test]
fn merge_patches() {
    let patch = json!({"spec": {"replicas": 2, "paused": null, "list": ["c"], "new": {"a": 1, "b": null}}});
    check(merge(&deployment(), &patch), Ok(json!({"spec": {"replicas": 2, "list": ["c"], "new": {"a": 1}}})));
    check(merge(&deployment(), &json!([1])), Err((400, "a merge patch must be a map")));
}

fn check_strategic(live: Value, patch: Value, expect: Value) {
    let pod = |spec: Value| json!({"metadata": {}, "spec": spec});
    check(strategic(&pod(live), &pod(patch), &Schema::of_kind("", "Pod")), Ok(pod(expect)));
}

#[test]
fn strategic_patches_merge_lists_of_maps_by_key() {
    let live = json!({"containers": [{"name": "a", "image": "1", "tty": true}, {"name": "b", "image": "1"}], "tolerations": [{"key": "x"}]});
    check_strategic(
        live.clone(),
        json!({"containers": [{"name": "b", "image": "2"}, {"name": "c"}], "tolerations": [{"key": "y"}]}),
        json!({"containers": [{"name": "a", "image": "1", "tty": true}, {"name": "b", "image": "2"}, {"name": "c"}], "tolerations": [{"key": "y"}]}),
    );
    check_strategic(
        live.clone(),
        json!({"containers": [{"name": "a", "$patch": "delete"}, {"name": "b", "image": null}], "tolerations": null}),
        json!({"containers": [{"name": "b"}]}),
    );
    check_strategic(
        live,
        json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}], "containers": [{"name": "a", "tty": null}]}),
        json!({"containers": [{"name": "b", "image": "1"}, {"name": "a", "image": "1"}], "tolerations": [{"key": "x"}]}),
    );
}

#[test]
fn strategic_directives() {
    let live = json!({"securityContext": {"runAsUser": 1, "fsGroup": 2}, "containers": [{"name": "a"}]});
    check_strategic(
        live.clone(),
        json!({"securityContext": {"$patch": "replace", "runAsGroup": 3}, "containers": [{"name": "b"}, {"$patch": "replace"}]}),
        json!({"securityContext": {"runAsGroup": 3}, "containers": [{"name": "b"}]}),
    );
    check_strategic(
        live.clone(),
        json!({"securityContext": {"$patch": "delete"}}),
        json!({"containers": [{"name": "a"}]}),
    );
    check_strategic(
        live,
        json!({"securityContext": {"$retainKeys": ["fsGroup", "runAsGroup"], "runAsGroup": 3}}),
        json!({"securityContext": {"fsGroup": 2, "runAsGroup": 3}, "containers": [{"name": "a"}]}),
    );
    let object = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
    let patch = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}});
    check(strategic(&object(json!(["a", "b"])), &patch, &Schema::object()), Ok(object(json!(["b", "c"]))));
}

#[test]
fn strategic_patches_that_are_none() {
    let refused = |patch: Value, words| {
        check(strategic(&json!({}), &patch, &Schema::of_kind("", "Pod")), Err((400, words)))
    };
    refused(json!([]), "a strategic merge patch must be a map");
    refused(json!({"spec": {"$patch": "erase"}}), r#"unknown patch type found: $patch: "erase""#);
    refused(json!({"spec": {"containers": [{"image": "x"}]}}), r#"omits key field "name""#);
}
