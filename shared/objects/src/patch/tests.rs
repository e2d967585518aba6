#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

mod fuzz;

use serde_json::json;

use super::*;
use crate::apply::Schema;

/// The patched object, or the code and the words of the refusal.
fn check(result: Result<Value, Status>, expect: Result<Value, (u16, &str)>) {
    match (result, expect) {
        (Ok(found), Ok(expect)) => assert_eq!(found, expect),
        (Err(status), Err((code, words))) => {
            assert_eq!(status.code, code, "{status}");
            let causes = status.details.iter().flat_map(|details| &details.causes);
            let mut said = causes.map(|cause| &cause.message).chain([&status.message]);
            assert!(said.any(|said| said.contains(words)), "{status:?}");
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
        r#"operation 1: replace operation does not apply: doc is missing path: /spec/none/x"#,
    );
    refused(
        json!({"op": "test", "path": "/spec/replicas", "value": 3}),
        "operation 1: testing value /spec/replicas failed: test failed",
    );
    refused(
        json!({"op": "move", "from": path, "path": "/spec/y"}),
        r#"operation 1: move operation does not apply: doc is missing from path: /spec/none/x"#,
    );
    refused(
        json!({"op": "move", "from": "/spec", "path": "/spec/y"}),
        "operation 1: move operation does not apply: doc is missing destination path: /spec/y",
    );
}

#[test]
fn json_patches_that_are_none() {
    let wrong = |patch: Value, words: &str| check(json(&deployment(), &patch), Err((400, words)));
    let decoding = "error decoding patch: json: cannot unmarshal";
    wrong(json!({"spec": {}}), &format!("{decoding} object into Go value of type []handlers.jsonPatchOp"));
    wrong(json!([1]), &format!("{decoding} number into Go value of type handlers.jsonPatchOp"));
    let path = format!("{decoding} number into Go struct field jsonPatchOp.path of type string");
    wrong(json!([{"op": "remove", "path": 1}]), &path);
    let refused =
        |operation: Value, words| check(json(&deployment(), &json!([operation])), Err((422, words)));
    refused(json!({"op": "merge", "path": "/x"}), "operation 0: Unexpected kind: merge");
    refused(json!({"op": "remove"}), "operation 0: remove operation failed to decode path: missing value");
    refused(json!({"op": "remove", "path": "spec"}), "doc is missing path: \"spec\": missing value");
    refused(json!({"op": "copy", "path": "/x"}), "copy operation failed to decode from");
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
    check(
        merge(&deployment(), &json!([1])),
        Err((
            400,
            "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}",
        )),
    );
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
        json!({"containers": [{"name": "a"}], "securityContext": {}}),
    );
    check_strategic(
        live,
        json!({"securityContext": {"$retainKeys": ["fsGroup", "runAsGroup"], "runAsGroup": 3}}),
        json!({"securityContext": {"fsGroup": 2, "runAsGroup": 3}, "containers": [{"name": "a"}]}),
    );
    let object = |finalizers: Value| json!({"metadata": {"finalizers": finalizers}});
    let patch = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a"], "finalizers": ["c"]}});
    check(strategic(&object(json!(["a", "b"])), &patch, &Schema::object()), Ok(object(json!(["c", "b"]))));
}

#[test]
fn strategic_patches_that_are_none() {
    let pod = json!({"spec": {"containers": [{"name": "a"}], "nodeSelector": {"a": "b"}}});
    let refused = |patch: Value, code, words| {
        check(strategic(&pod, &patch, &Schema::of_kind("", "Pod")), Err((code, words)));
    };
    refused(json!([]), 400, "json: cannot unmarshal array into Go value of type map[string]interface {}");
    refused(json!({"spec": {"$patch": "erase"}}), 500, "unknown patch type: erase in map: map[$patch:erase]");
    let nameless = json!({"spec": {"containers": [{"image": "x"}]}});
    refused(nameless, 500, "map: map[image:x] does not contain declared merge key: name");
    refused(json!({"spec": {"$setElementOrder": []}}), 400, "invalid patch format of setElementOrder list");
    refused(json!({"spec": {"$retainKeys": 1}}), 400, "invalid patch format of retainKeys");
    refused(json!({"spec": {"containers": [[1]]}}), 500, "list element types are not identical");
}

#[test]
fn what_carries_too_much_or_goes_too_deep() {
    let refused = |patch: Vec<Value>, words| check(json(&deployment(), &patch.into()), Err((422, words)));
    let doubled = vec![json!({"op": "copy", "from": "/spec/list", "path": "/spec/list/-"}); 10_000];
    refused(doubled, "are copied and moved");
    let deeper = |_| json!({"op": "copy", "from": "/spec", "path": "/spec/x"});
    refused((0..200).map(deeper).collect(), "an object must not be deeper than 100 fields");
    let mut nested = vec![json!({"op": "add", "path": "/a", "value": {}})];
    for _ in 0..200 {
        nested.push(json!({"op": "move", "from": "/a", "path": "/b"}));
        nested.push(json!({"op": "add", "path": "/a", "value": {}}));
        nested.push(json!({"op": "move", "from": "/b", "path": "/a/b"}));
    }
    refused(nested, "an object must not be deeper than 100 fields");
}
