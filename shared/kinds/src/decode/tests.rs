#![allow(clippy::needless_pass_by_value, reason = "cases read better with values")]

//! The words are those of kube-apiserver v1.34.3, for the same objects.

use super::*;
use serde_json::json;

fn check(kind: Kind, object: Value, expect: &str) {
    let said = unreadable(kind, &object).unwrap_or_default();
    let said = said.split_once(": ").map_or("", |(_, why)| why);
    assert_eq!(said, expect, "{object}");
}

#[test]
fn the_whole_of_core_kinds_is_read() {
    let go = "json: cannot unmarshal";
    let named = |object: Value| {
        let mut object = object;
        object["metadata"] = json!({"name": "x"});
        object
    };
    let check = |kind, object, expect: &str| check(kind, named(object), expect);
    let secret = |object, expect: &str| check(Kind::Secret, object, expect);
    secret(
        json!({"data": {"a": 5}}),
        &format!("{go} number into Go struct field Secret.data of type []uint8"),
    );
    secret(
        json!({"stringData": {"x": 1}}),
        &format!("{go} number into Go struct field Secret.stringData of type string"),
    );
    secret(
        json!({"data": []}),
        &format!("{go} array into Go struct field Secret.data of type map[string][]uint8"),
    );
    secret(
        json!({"immutable": "yes"}),
        &format!("{go} string into Go struct field Secret.immutable of type bool"),
    );
    secret(json!({"data": {"a": "!!"}}), "illegal base64 data at input byte 0");
    secret(json!({"data": {"a": "aGk"}}), "illegal base64 data at input byte 0");
    secret(json!({"data": {"a": "aG!k"}}), "illegal base64 data at input byte 2");
    secret(json!({"data": {"a": null, "b": "aGk=\n"}}), "");
    check(
        Kind::ConfigMap,
        json!({"data": {"x": {"y": 1}}}),
        &format!("{go} object into Go struct field ConfigMap.data of type string"),
    );
    let event = |object, expect: &str| check(Kind::Event, object, expect);
    event(json!({"count": "5"}), &format!("{go} string into Go struct field Event.count of type int32"));
    event(json!({"count": 5.5}), &format!("{go} number 5.5 into Go struct field Event.count of type int32"));
    event(
        json!({"series": {"count": 99_999_999_999_u64}}),
        &format!("{go} number 99999999999 into Go struct field EventSeries.series.count of type int32"),
    );
    event(
        json!({"involvedObject": {"name": 5}}),
        &format!("{go} number into Go struct field ObjectReference.involvedObject.name of type string"),
    );
    event(
        json!({"source": 5}),
        &format!("{go} number into Go struct field Event.source of type v1.EventSource"),
    );
    event(
        json!({"eventTime": "soon"}),
        r#"parsing time "soon" as "2006-01-02T15:04:05.000000Z07:00": cannot parse "soon" as "2006""#,
    );
    event(
        json!({"firstTimestamp": 5}),
        &format!("{go} number into Go struct field Event.firstTimestamp of type string"),
    );
    check(
        Kind::Namespace,
        json!({"spec": 5}),
        &format!("{go} number into Go struct field Namespace.spec of type v1.NamespaceSpec"),
    );
    check(
        Kind::Namespace,
        json!({"status": {"conditions": 5}}),
        &format!(
            "{go} number into Go struct field NamespaceStatus.status.conditions of type []v1.NamespaceCondition"
        ),
    );
}

#[test]
fn of_other_kinds_only_metadata_is_read() {
    let go = "json: cannot unmarshal";
    let app = |metadata: Value, expect: String| {
        check(Kind::Application, json!({"metadata": metadata, "spec": 5}), &expect);
    };
    app(json!({"labels": {"a": "b"}, "ownerReferences": null}), String::new());
    app(json!(5), format!("{go} number into Go value of type v1.ObjectMeta"));
    app(
        json!({"labels": {"a": 5}}),
        format!("{go} number into Go struct field ObjectMeta.labels of type string"),
    );
    app(
        json!({"labels": []}),
        format!("{go} array into Go struct field ObjectMeta.labels of type map[string]string"),
    );
    app(
        json!({"finalizers": 5}),
        format!("{go} number into Go struct field ObjectMeta.finalizers of type []string"),
    );
    app(
        json!({"finalizers": [5]}),
        format!("{go} number into Go struct field ObjectMeta.finalizers of type string"),
    );
    app(
        json!({"ownerReferences": {}}),
        format!("{go} object into Go struct field ObjectMeta.ownerReferences of type []v1.OwnerReference"),
    );
    app(
        json!({"ownerReferences": [{"controller": "a"}]}),
        format!("{go} string into Go struct field OwnerReference.ownerReferences.controller of type bool"),
    );
    app(
        json!({"creationTimestamp": "soon"}),
        r#"parsing time "soon" as "2006-01-02T15:04:05Z07:00": cannot parse "soon" as "2006""#.to_owned(),
    );
    let secret = json!({"metadata": {"ownerReferences": 5}});
    let path = "ObjectMeta.metadata.ownerReferences of type []v1.OwnerReference";
    check(Kind::Secret, secret.clone(), &format!("{go} number into Go struct field {path}"));
    let whole = unreadable(Kind::Secret, &secret).unwrap();
    assert!(whole.starts_with("Secret in version \"v1\" cannot be handled as a Secret: json: "), "{whole}");
}
