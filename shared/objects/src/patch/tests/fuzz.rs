//! Bodies that nobody would write: they are refused or carried out, and what comes of them is bounded.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::apply::{self, Conflicts, Manager, Schema};
use crate::patch::{json, merge, strategic};

/// Names that mean something to one of the patches, or to the object.
const NAMES: [&str; 22] = [
    "metadata",
    "spec",
    "status",
    "containers",
    "env",
    "ports",
    "name",
    "containerPort",
    "finalizers",
    "labels",
    "managedFields",
    "nodeSelector",
    "$patch",
    "$retainKeys",
    "$setElementOrder/containers",
    "$setElementOrder/finalizers",
    "$deleteFromPrimitiveList/finalizers",
    "$deleteFromPrimitiveList/env",
    "apiVersion",
    "kind",
    "\u{0}",
    "a",
];

const TEXTS: [&str; 9] = ["", "replace", "delete", "merge", "a", "v1", "Pod", "\u{1f600}", "null"];

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(&TEXTS[..]).prop_map(Value::from),
    ]
}

fn anything() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(6, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((prop::sample::select(&NAMES[..]), inner), 0..5).prop_map(|fields| {
                fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }),
        ]
    })
}

fn operation() -> impl Strategy<Value = Value> {
    let words = ["add", "remove", "replace", "move", "copy", "test", "other"];
    let paths = [
        "",
        "/",
        "/metadata/finalizers/-",
        "/metadata/finalizers/0",
        "/metadata/finalizers/-1",
        "/metadata/finalizers/99999999999999999999",
        "/metadata/labels/a~1b",
        "/spec",
        "/spec/containers/0",
        "/spec/containers/0/env",
        "/a",
        "/a/b",
    ];
    let path = || prop::sample::select(paths.to_vec());
    (prop::sample::select(words.to_vec()), path(), path(), anything())
        .prop_map(|(op, path, from, value)| json!({"op": op, "path": path, "from": from, "value": value}))
}

fn pod() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "finalizers": ["a", "b"], "labels": {"a": "b"}},
        "spec": {
            "containers": [{"name": "a", "env": [{"name": "a"}], "ports": [{"containerPort": 1}]}, {"name": "b"}],
            "nodeSelector": {"a": "b"},
        },
    })
}

static SCHEMAS: LazyLock<[Schema; 3]> = LazyLock::new(|| {
    let pod = Schema::of_kind("", "Pod");
    [pod.clone(), pod.open(), Schema::object()]
});

fn size(value: &Value) -> usize {
    value.to_string().len()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn merge_and_strategic_patches(patch in anything(), live in anything()) {
        let schema = Schema::of_kind("", "Pod");
        for live in [pod(), live] {
            let most = 4 * (size(&live) + size(&patch)) + 64;
            for result in [merge(&live, &patch), strategic(&live, &patch, &schema), strategic(&live, &patch, &Schema::object())] {
                let length = result.map_or(0, |object| size(&object));
                prop_assert!(length <= most, "{length} of {most}");
            }
        }
    }

    #[test]
    fn json_patches(operations in prop::collection::vec(operation(), 0..12)) {
        // A few operations can double what is there a few times.
        let patch = Value::from(operations);
        let most = (size(&pod()) + size(&patch)) << 12;
        let length = json(&pod(), &patch).map_or(0, |object| size(&object));
        prop_assert!(length <= most, "{length}");
        let no_list = json!({"operations": patch});
        prop_assert!(json(&pod(), &no_list).is_err());
    }

    #[test]
    fn configurations(config in anything(), live in anything(), force in any::<bool>()) {
        let manager = Manager { name: "m", subresource: "" };
        let conflicts = if force { Conflicts::Force } else { Conflicts::Refuse };
        for schema in SCHEMAS.iter() {
            for live in [None, Some(&live), Some(&pod())] {
                let now = jiff::Timestamp::UNIX_EPOCH;
                let applied = apply::apply(live, &config, manager, conflicts, schema, now);
                let Ok(object) = applied else { continue };
                let tracked = apply::track(live, object.clone(), manager, schema, now);
                let again = apply::apply(Some(&tracked), &config, manager, Conflicts::Force, schema, now);
                prop_assert!(again.is_ok(), "{again:?}");
                prop_assert!(size(&object) <= 32 * (size(&config) + live.map_or(0, size)) + 1024);
            }
        }
    }
}
