use super::*;
use serde_json::json;
use shared_model::IgnoreDifference;

fn map(fields: impl Into<Value>) -> Value {
    let mut object =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}});
    for (key, value) in fields.into().as_object().unwrap() {
        object[key] = value.clone();
    }
    object
}

fn change(before: Option<&Value>, after: Option<&Value>) -> Option<Change> {
    let id = ObjectId::of(before.or(after).unwrap());
    Change::of(&id, before, after, &Rules::default())
}

#[test]
fn what_the_server_keeps_is_no_change() {
    let live = json!({"apiVersion": "v1", "kind": "ConfigMap", "status": {"x": 1}, "data": {"a": "1"}, "metadata": {
        "name": "a", "namespace": "shop", "uid": "u", "resourceVersion": "7", "generation": 3, "creationTimestamp": "t",
        "managedFields": [{}], "labels": {"flotilla.dev/owner": "h"},
        "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "{}"},
    }});
    assert_eq!(change(Some(&live), Some(&map(json!({"data": {"a": "1"}})))), None);
    let changed = change(Some(&live), Some(&map(json!({"data": {"a": "2"}})))).unwrap();
    assert_eq!(changed.object, "ConfigMap shop/a");
    assert_eq!(changed.before.unwrap(), map(json!({"data": {"a": "1"}})));
}

#[test]
fn what_is_new_or_goes_has_one_side() {
    let object = map(json!({"data": {"a": "1"}}));
    let new = change(None, Some(&object)).unwrap();
    assert_eq!((new.before, new.after), (None, Some(object.clone())));
    let gone = change(Some(&object), None).unwrap().noting("is left");
    assert_eq!((gone.before, gone.after, gone.note.as_str()), (Some(object), None, "is left"));
}

#[test]
fn secrets_are_masked_and_still_differ() {
    let secret = |value: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, "data": {"k": value, "same": "c2FtZQ=="}});
    let (one, other) = (secret("b25l"), secret("b3RoZXI="));
    for (before, after) in [(Some(&one), Some(&other)), (None, Some(&other)), (Some(&one), None)] {
        let shown = serde_json::to_string(&change(before, after).unwrap()).unwrap();
        assert!(
            !shown.contains("b25l") && !shown.contains("b3RoZXI") && !shown.contains("c2FtZQ"),
            "{shown}"
        );
    }
    let changed = change(Some(&one), Some(&other)).unwrap();
    assert_ne!(changed.before.unwrap()["data"]["k"], changed.after.unwrap()["data"]["k"]);
    assert_eq!(change(Some(&one), Some(&one)), None);
}

#[test]
fn what_rules_ignore_is_no_change() {
    let rule: IgnoreDifference =
        serde_json::from_value(json!({"kind": "ConfigMap", "jsonPointers": ["/data/a"]})).unwrap();
    let rules = Rules::new(&[rule]);
    let (one, other) =
        (map(json!({"data": {"a": "1", "b": "1"}})), map(json!({"data": {"a": "2", "b": "1"}})));
    let id = ObjectId::of(&one);
    assert_eq!(Change::of(&id, Some(&one), Some(&other), &rules), None);
    assert!(Change::of(&id, Some(&one), Some(&other), &Rules::default()).is_some());
}

#[test]
fn two_spellings_of_a_secret_are_one() {
    let secret = |field: &str, value: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "a"}, field: {"k": value}});
    assert_eq!(change(Some(&secret("data", "b25l")), Some(&secret("stringData", "one"))), None);
    assert!(change(Some(&secret("data", "b25l")), Some(&secret("stringData", "two"))).is_some());
}

#[test]
fn encrypted_files_that_come_along_are_no_change() {
    let sealed = |file: &str| {
        let mut object = map(json!({"data": {"a": "ENC[AES256_GCM,data:eA==]"}}));
        object["metadata"]["annotations"] = json!({"flotilla.dev/sops": file});
        object
    };
    assert_eq!(change(Some(&sealed("one")), Some(&sealed("other"))), None);
    let new = change(None, Some(&sealed("one"))).unwrap().after.unwrap();
    assert!(new["metadata"].get("annotations").is_none(), "{new}");
}
