//! What holds for any configurations.

use proptest::prelude::*;
use serde_json::json;

use super::super::{
    Conflicts, FieldSet, Manager, Schema, Status, apply, extract, managers, typed, without_nulls,
};
use super::fields;
use crate::value;
use jiff::Timestamp;
use serde_json::Value;

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
            .map(|(name, image, dir)| json!({"name": name.to_string(), "image": image, "workingDir": dir}))
            .collect();
        let object = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "finalizers": set, "labels": {"a": a}},
            "spec": {"dnsPolicy": "Default", "hostname": b, "containers": items, "nodeSelector": {"a": a, "b": b}},
        });
        // Nothing in it is empty.
        schema().normalised(without_nulls(&object))
    })
}

fn schema() -> Schema {
    Schema::of_kind("", "Pod")
}

fn manager(name: &str) -> Manager<'_> {
    Manager { name, subresource: "" }
}

fn run(live: Option<&Value>, config: &Value, name: &str, conflicts: Conflicts) -> Result<Value, Status> {
    apply(live, config, manager(name), conflicts, &schema(), Timestamp::UNIX_EPOCH)
}

fn force(live: Option<&Value>, config: &Value, name: &str) -> Value {
    run(live, config, name, Conflicts::Force).unwrap()
}

/// The fields and their values, whatever the order of lists, and whatever is left empty.
fn content(object: &Value) -> Vec<String> {
    let mut object = schema().normalised(object.clone());
    value::metadata_mut(&mut object).remove("managedFields");
    leaves(&object, &mut String::new())
}

fn leaves(value: &Value, path: &mut String) -> Vec<String> {
    let below = |step: String, value: &Value| leaves(value, &mut format!("{path}{step}"));
    let mut found: Vec<String> = match value {
        Value::Object(map) => map.iter().flat_map(|(name, value)| below(format!(".{name}"), value)).collect(),
        Value::Array(items) => {
            let name = |item: &Value| item.get("name").unwrap_or(item).clone();
            items.iter().flat_map(|item| below(format!("[{}]", name(item)), item)).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            vec![format!("{path}: {value}")]
        }
    };
    found.sort();
    found
}

fn managed(object: &Value) -> FieldSet {
    managers::entries(object).values().fold(FieldSet::default(), |all, entry| all.union(&entry.fields))
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
        let nothing = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}});
        let left = run(live.as_ref(), &nothing, "a", Conflicts::Refuse).unwrap();
        prop_assert_eq!(content(&left), content(&nothing), "what is dropped goes");
        prop_assert!(managed(&left).is_empty());
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

    #[test]
    fn whatever_appliers_leave_is_managed_and_there(configs in prop::collection::vec((config(), 0..3_usize), 1..6)) {
        let mut live = None;
        for (config, who) in &configs {
            live = Some(force(live.as_ref(), config, ["a", "b", "c"][*who]));
        }
        let object = live.unwrap();
        let mut bare = object.clone();
        value::metadata_mut(&mut bare).remove("managedFields");
        let (all, owned) = (fields(&bare), managed(&object));
        prop_assert!(all.minus(&owned).is_empty(), "nobody's: {:?} of {object}", all.minus(&owned));
        let of = schema();
        let there = all.with_declared(Some(of.root_type()));
        let gone = owned.with_declared(Some(of.root_type())).minus(&there);
        // What is left empty goes, and stays its manager's.
        let empty = gone.paths().iter().all(|path| path.len() == 2);
        prop_assert!(empty, "not there: {gone:?} in {object}");
    }

    #[test]
    fn what_is_extracted_changes_nothing_when_applied(first in config(), second in config()) {
        let live = force(Some(&force(None, &first, "a")), &second, "b");
        for name in ["a", "b"] {
            let Some(part) = extract(&live, manager(name), &schema()) else { continue };
            prop_assert_eq!(&run(Some(&live), &part, name, Conflicts::Refuse).unwrap(), &live, "{}", part);
        }
        let part = extract(&live, manager("b"), &schema()).unwrap_or_default();
        prop_assert!(content(&second).iter().all(|field| content(&part).contains(field) || field.contains("name")), "{part} of {second}");
        prop_assert_eq!(extract(&live, manager("c"), &schema()), None);
    }

    #[test]
    fn a_merge_has_the_fields_of_both(first in config(), second in config()) {
        let of = schema();
        let merged = typed::merge(Some(&first), Some(&second), of.root_type()).unwrap();
        let both = fields(&first).union(&fields(&second));
        let missing = both.minus(&fields(&merged));
        // A map or list that is empty in one is not in the other.
        prop_assert!(missing.paths().iter().all(|path| path.len() <= 2), "{missing:?}");
    }
}
