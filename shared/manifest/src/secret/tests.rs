use super::*;
use serde_json::json;

#[test]
fn values_of_secrets_are_masked_and_keys_stay() {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "Opaque",
        "metadata": {"name": "s", "annotations": {LAST_APPLIED: "{\"stringData\":{\"a\":\"hunter2\"}}", "team": "x"}},
        "data": {"a": "aHVudGVyMg==", "b": 7}, "stringData": "hunter2",
    });
    let masked = mask(&secret);
    assert_eq!(masked["data"], json!({"a": MASK, "b": MASK}));
    assert_eq!(masked["stringData"], json!(MASK));
    assert_eq!(masked["metadata"]["annotations"], json!({LAST_APPLIED: MASK, "team": "x"}));
    assert_eq!(masked["type"], "Opaque");
    let list = mask(&json!({"apiVersion": "v1", "kind": "List", "items": [secret]}));
    assert!(!list.to_string().contains("aHVudGVyMg"), "{list}");
}

#[test]
fn other_kinds_are_left_alone() {
    for object in [
        json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}),
        json!({"apiVersion": "x.io/v1", "kind": "Secret", "data": {"a": "b"}}),
        json!("text"),
        Value::Null,
    ] {
        assert_eq!(mask(&object), object);
    }
}

#[test]
fn a_pair_shows_which_values_differ() {
    let secret = |data: Value| json!({"apiVersion": "v1", "kind": "Secret", "data": data});
    let (left, right) =
        mask_pair(&secret(json!({"a": "1", "b": "1"})), &secret(json!({"a": "1", "b": "2", "c": "3"})));
    assert_eq!(left["data"], json!({"a": "++++++++", "b": "++++++++"}));
    assert_eq!(right["data"], json!({"a": "++++++++", "b": "+++++++++", "c": "++++++++"}));
}
