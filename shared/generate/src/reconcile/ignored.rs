//! `ignoreApplicationDifferences`: fields of the Applications that the set leaves as they are.
//!
//! An entry is for the Application it names, or for all. Its `jsonPointers` (RFC 6901) point into the Application; a pointer that leads nowhere in
//! the existing Application takes the field out of the generated one too. `jqPathExpressions` are paths of jq ([`super::jq`]), looked up in both;
//! one that is more than a path has no effect ([`without_effect`]).

use super::jq::Path;
use crate::Unsupported;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Puts the ignored fields of `current` into `merged`.
pub(super) fn keep(set: &Value, name: &str, current: &Value, merged: &mut Value) {
    for entry in entries(set).filter(|entry| text(entry, "name").is_empty() || text(entry, "name") == name) {
        let pointers = entry
            .get("jsonPointers")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        let pointers = pointers.filter(|pointer| pointer.starts_with('/')).map(str::to_owned);
        let found = expressions(entry).filter_map(Path::parse).flat_map(|path| {
            let (mut mine, theirs) = (path.pointers(merged), path.pointers(current));
            mine.extend(theirs);
            mine
        });
        // From the last, so that what goes from a list moves nothing that is still to come.
        let all: BTreeSet<String> = pointers.chain(found).collect();
        for pointer in all.iter().rev() {
            match current.pointer(pointer) {
                Some(value) => put(merged, pointer, value),
                None => remove(merged, pointer),
            }
        }
    }
}

/// The parts of the field that have no effect.
pub(crate) fn without_effect(set: &Value) -> impl Iterator<Item = Unsupported> {
    entries(set).enumerate().flat_map(|(index, entry)| {
        let unknown = expressions(entry).enumerate().filter(|(_, text)| Path::parse(text).is_none());
        unknown.map(move |(at, text)| Unsupported {
            path: format!("spec.ignoreApplicationDifferences[{index}].jqPathExpressions[{at}]"),
            message: format!("`{text}` is more than a path of jq, and the set writes these fields as its template says"),
            remedy: "name the fields: `.spec.source.helm.values`, `.spec.sources[] | select(.ref == \"x\") | .targetRevision`".to_owned(),
            hides_applications: false,
        })
    })
}

fn expressions(entry: &Value) -> impl Iterator<Item = &str> {
    entry.get("jqPathExpressions").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
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
