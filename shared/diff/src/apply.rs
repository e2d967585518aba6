//! What a server-side apply would make of a live object, told without asking the API server.
//!
//! Asking would be a dry run: that needs a writer's rights and calls admission webhooks, which only looking at a cluster
//! must not. So this is a forecast: it does not know what admission changes, nor defaults of what is new.

use crate::{
    normal,
    schema::{Kind, List, Place, list},
};
use serde_json::{Map, Value};

/// `live` after an apply of `desired` with force: what it sets is there, and what `manager` applied before and it sets no
/// longer is gone, unless somebody else has it too (`metadata.managedFields`, KEP-555; without them nothing is gone).
/// Spellings that are one value stay as they are in `live`.
pub fn applied(desired: &Value, live: &Value, manager: &str) -> Value {
    let (Value::Object(desired), Value::Object(live)) = (desired, live) else { return desired.clone() };
    let kind = Kind::of(desired);
    let (desired, live) = (normal::secret_data(desired), normal::secret_data(live));
    let mut merged = Value::Object(live.as_ref().clone());
    let entries = live.get("metadata").and_then(|metadata| metadata.get("managedFields"));
    let entries = || entries.and_then(Value::as_array).into_iter().flatten();
    let is_ours = |entry: &&Value| entry["manager"] == manager && entry["operation"] == "Apply";
    let fields = |entry: &'_ Value| entry.get("fieldsV1").cloned();
    let ours: Vec<Value> = entries().filter(is_ours).filter_map(fields).collect();
    let others: Vec<Value> = entries().filter(|entry| !is_ours(entry)).filter_map(fields).collect();
    let others: Vec<&Value> = others.iter().collect();
    let wanted = Value::Object(desired.as_ref().clone());
    for ours in &ours {
        release(&mut merged, Some(&wanted), ours, &others);
    }
    if let Value::Object(merged) = &mut merged {
        for (key, value) in desired.iter() {
            if matches!(key.as_str(), "apiVersion" | "kind" | "status") {
                continue;
            }
            set(merged, key, value, kind, Place::top());
        }
    }
    merged
}

fn set(into: &mut Map<String, Value>, key: &str, desired: &Value, kind: Kind, place: Place) {
    let place = place.below(kind, key);
    match into.get_mut(key) {
        Some(live) => *live = merge(key, desired, live, kind, place),
        None if normal::is_absent_like(desired, place) => {}
        None => drop(into.insert(key.to_owned(), desired.clone())),
    }
}

fn merge(key: &str, desired: &Value, live: &Value, kind: Kind, place: Place) -> Value {
    match (desired, live) {
        (Value::Object(desired), Value::Object(live)) => {
            let mut merged = live.clone();
            desired.iter().for_each(|(key, value)| set(&mut merged, key, value, kind, place));
            Value::Object(merged)
        }
        (Value::Array(desired), Value::Array(live)) => {
            Value::Array(merge_lists(key, desired, live, kind, place))
        }
        _ if normal::equal(desired, live, place) => live.clone(),
        _ => desired.clone(),
    }
}

fn merge_lists(key: &str, desired: &[Value], live: &[Value], kind: Kind, place: Place) -> Vec<Value> {
    let pair = |desired: &Value, live: &Value| merge("", desired, live, kind, place);
    let mut merged = live.to_vec();
    match list(kind, key, desired) {
        List::Set => merged.extend(desired.iter().filter(|item| !live.contains(item)).cloned()),
        List::Keyed(keys) => {
            for item in desired {
                match merged.iter_mut().find(|live| keys.same(item, live)) {
                    Some(live) => *live = pair(item, live),
                    None => merged.push(item.clone()),
                }
            }
        }
        List::Whole if desired.len() == live.len() => {
            merged = desired.iter().zip(live).map(|(desired, live)| pair(desired, live)).collect();
        }
        List::Whole => merged = desired.to_vec(),
    }
    merged
}

/// Takes out of `live` what `ours` (a node of `fieldsV1`) has, `desired` has not, and no node of `others` has.
fn release(live: &mut Value, desired: Option<&Value>, ours: &Value, others: &[&Value]) {
    let Some(ours) = ours.as_object() else { return };
    for (step, ours) in ours {
        let below: Vec<&Value> = others.iter().filter_map(|node| node.get(step)).collect();
        if let Some(key) = step.strip_prefix("f:") {
            let wanted = desired.and_then(|desired| desired.get(key));
            let Some(value) = live.get_mut(key) else { continue };
            release(value, wanted, ours, &below);
            if wanted.is_none()
                && below.is_empty()
                && is_spent(value, ours)
                && let Some(fields) = live.as_object_mut()
            {
                fields.remove(key);
            }
        } else if let Some(keys) = step.strip_prefix("k:") {
            let Ok(Value::Object(keys)) = serde_json::from_str(keys) else { continue };
            let is_it = |item: &Value| {
                keys.iter().all(|(key, value)| match item.get(key) {
                    Some(given) => given == value,
                    None => key == "protocol" && value == "TCP",
                })
            };
            let wanted =
                desired.and_then(Value::as_array).and_then(|items| items.iter().find(|item| is_it(item)));
            let Some(items) = live.as_array_mut() else { continue };
            let Some(at) = items.iter().position(is_it) else { continue };
            if wanted.is_none() && below.is_empty() {
                items.remove(at);
            } else {
                release(&mut items[at], wanted, ours, &below);
            }
        } else if let Some(value) = step.strip_prefix("v:") {
            let Ok(value) = serde_json::from_str::<Value>(value) else { continue };
            let wanted = desired.and_then(Value::as_array).is_some_and(|items| items.contains(&value));
            if let Some(items) = live.as_array_mut().filter(|_| !wanted && below.is_empty()) {
                items.retain(|item| *item != value);
            }
        }
    }
}

/// Whether nothing of others is left in a value: it was ours as a whole, or is empty now.
fn is_spent(value: &Value, ours: &Value) -> bool {
    ours.as_object().is_some_and(Map::is_empty)
        || value.as_object().is_some_and(Map::is_empty)
        || value.as_array().is_some_and(Vec::is_empty)
}

#[cfg(test)]
mod tests;
