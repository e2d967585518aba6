//! Merge patch (RFC 7396), as Kubernetes carries it out: what is new loses its nulls within lists too.
//!
//! Source: github.com/evanphx/json-patch v4.

use serde_json::{Map, Value};

use super::json::mistyped;
use crate::Status;

pub(super) fn apply(object: &Value, patch: &Value) -> Result<Value, Status> {
    let patch = match patch {
        Value::Object(patch) => patch,
        Value::Null => return Err(Status::bad_request("Invalid JSON Patch")),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            let why = mistyped(patch, "value of type map[string]interface {}");
            return Err(Status::bad_request(format!("error decoding patch: {why}")));
        }
    };
    let mut object = object.clone();
    if let Value::Object(fields) = &mut object {
        merge_maps(fields, patch);
    }
    Ok(object)
}

fn merge_maps(to: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (name, value) in patch {
        match (value, to.get_mut(name)) {
            (Value::Null, _) => drop(to.remove(name)),
            (Value::Object(patch), Some(Value::Object(to))) => merge_maps(to, patch),
            // As it is: only what replaces no map is cleaned.
            (value, Some(to @ Value::Object(_))) => *to = value.clone(),
            (value, _) => drop(to.insert(name.clone(), without_nulls(value))),
        }
    }
}

/// Without the fields that are null; the items of lists stay.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}
