//! What holds for any configurations.

use proptest::prelude::*;
use serde_json::json;

use super::super::*;

fn config() -> impl Strategy<Value = Value> {
    let maybe = |values: &'static [&'static str]| prop::option::of(prop::sample::select(values));
    let item = (0..4_u8, maybe(&["1", "2"]), maybe(&["x", "y"]));
    let items = prop::collection::vec(item, 0..4);
    let set = prop::collection::btree_set(prop::sample::select(vec!["f", "g", "h"]), 0..3);
    (maybe(&["1", "2"]), maybe(&["1", "2"]), items, set).prop_map(|(a, b, mut items, set)| {
        items.sort();
        items.dedup_by_key(|item| item.0);
        let items: Vec<_> = items
            .into_iter()
            .map(|(name, image, tty)| json!({"name": name.to_string(), "image": image, "tty": tty}))
            .collect();
        let object = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "finalizers": set, "labels": {"a": a}},
            "spec": {"b": b, "containers": items, "whole": {"a": a, "b": b}},
        });
        without_nulls(&object)
    })
}

fn schema() -> Schema {
    Schema::of_kind("", "Pod").atomic("spec.whole")
}

fn run(live: Option<&Value>, config: &Value, name: &str, conflicts: Conflicts) -> Result<Value, Status> {
    apply(live, config, Manager { name, subresource: "" }, conflicts, &schema(), Timestamp::UNIX_EPOCH)
}

fn force(live: Option<&Value>, config: &Value, name: &str) -> Value {
    run(live, config, name, Conflicts::Force).unwrap()
}

/// The fields and their values, whatever the order of lists, and whatever is left empty.
fn content(object: &Value) -> Vec<(String, String)> {
    let mut object = object.clone();
    value::metadata_mut(&mut object).remove("managedFields");
    let schema = schema();
    let flat = flatten(&object, &schema);
    let empty = |value: &Value| *value == json!({}) || *value == json!([]);
    let filled = flat.into_iter().filter(|(_, value)| !value.is_some_and(empty));
    filled
        .map(|(path, value)| (path.to_string(), value.map(ToString::to_string).unwrap_or_default()))
        .collect()
}

proptest! {
    #[test]
    fn a_sole_managers_object_is_its_configuration(configs in prop::collection::vec(config(), 1..6)) {
        let mut live = None;
        for config in &configs {
            let object = run(live.as_ref(), config, "a", Conflicts::Refuse).unwrap();
            prop_assert_eq!(content(&object), content(config));
            prop_assert_eq!(&run(Some(&object), config, "a", Conflicts::Refuse).unwrap(), &object, "applying twice");
            live = Some(object);
        }
    }

    #[test]
    fn without_conflict_nobody_loses_anything(first in config(), second in config(), third in config()) {
        let live = force(None, &first, "a");
        let Ok(live) = run(Some(&live), &second, "b", Conflicts::Refuse) else { return Ok(()) };
        let Ok(live) = run(Some(&live), &third, "a", Conflicts::Refuse) else { return Ok(()) };
        let found = content(&live);
        for field in content(&second).iter().chain(&content(&third)) {
            prop_assert!(found.contains(field), "{field:?} is lost from {live}");
        }
    }

    #[test]
    fn force_always_gets_its_way(first in config(), second in config()) {
        let live = force(Some(&force(None, &first, "a")), &second, "b");
        let found = content(&live);
        for field in content(&second) {
            prop_assert!(found.contains(&field), "{field:?} is missing in {live}");
        }
        prop_assert!(run(Some(&live), &second, "c", Conflicts::Refuse).is_ok(), "the same values are no conflict");
    }
}
