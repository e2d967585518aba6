//! `ignoreApplicationDifferences`: fields of the Applications that the set leaves as they are.
//!
//! An entry is for the Application it names, or for all. Its `jsonPointers` (RFC 6901) point into the Application; a pointer that leads nowhere in
//! the existing Application takes the field out of the generated one too. `jqPathExpressions` have no effect yet ([`without_effect`]).

use crate::Unsupported;
use serde_json::{Map, Value};

/// Puts the ignored fields of `current` into `merged`.
pub(super) fn keep(set: &Value, name: &str, current: &Value, merged: &mut Value) {
    for entry in entries(set).filter(|entry| text(entry, "name").is_empty() || text(entry, "name") == name) {
        let pointers = entry
            .get("jsonPointers")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        for pointer in pointers.filter(|pointer| pointer.starts_with('/')) {
            match current.pointer(pointer) {
                Some(value) => put(merged, pointer, value),
                None => remove(merged, pointer),
            }
        }
    }
}

/// The parts of the field that have no effect.
pub(crate) fn without_effect(set: &Value) -> impl Iterator<Item = Unsupported> {
    let queries = |entry: &Value| {
        entry.get("jqPathExpressions").and_then(Value::as_array).is_some_and(|items| !items.is_empty())
    };
    entries(set).enumerate().filter(move |(_, entry)| queries(entry)).map(|(index, _)| Unsupported {
        path: format!("spec.ignoreApplicationDifferences[{index}].jqPathExpressions"),
        message: "jq paths are not acted on yet, the set writes these fields as its template says".to_owned(),
        remedy: "use jsonPointers".to_owned(),
        hides_applications: false,
    })
}

fn entries(set: &Value) -> impl Iterator<Item = &Value> {
    set.pointer("/spec/ignoreApplicationDifferences").and_then(Value::as_array).into_iter().flatten()
}

/// Sets what `pointer` names, with the objects on the way. In a list only an item that is there can be set.
fn put(target: &mut Value, pointer: &str, value: &Value) {
    let mut at = target;
    for segment in pointer.split('/').skip(1).map(unescaped) {
        let next = match at {
            Value::Object(map) => Some(map.entry(segment).or_insert_with(|| Value::Object(Map::new()))),
            Value::Array(items) => segment.parse::<usize>().ok().and_then(|index| items.get_mut(index)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        };
        let Some(next) = next else { return };
        at = next;
    }
    *at = value.clone();
}

fn remove(target: &mut Value, pointer: &str) {
    let Some((parent, last)) = pointer.rsplit_once('/') else { return };
    match target.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.remove(&unescaped(last))),
        Some(Value::Array(items)) => {
            if let Some(index) = last.parse::<usize>().ok().filter(|index| *index < items.len()) {
                items.remove(index);
            }
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) | None => {}
    }
}

fn unescaped(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}

fn text<'a>(entry: &'a Value, key: &str) -> &'a str {
    entry.get(key).and_then(Value::as_str).unwrap_or_default()
}
