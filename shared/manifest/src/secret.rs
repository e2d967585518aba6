//! What of an object may be shown: values of Secrets are masked in diffs, logs and errors.
//!
//! Decides by group and kind, from the object alone. Not masked: data that users keep in other kinds.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

/// Stands for a value that is not shown, as in Argo CD.
pub const MASK: &str = "++++++++";
/// In a pair, stands for a value that differs from its counterpart.
const OTHER_MASK: &str = "+++++++++";
/// kubectl keeps a copy of the whole object here.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// `object` with every value of a Secret's `data` and `stringData` replaced by [`MASK`], also within lists. Other kinds are returned as they are.
pub fn mask(object: &Value) -> Value {
    let mut masked = object.clone();
    hide(&mut masked, None);
    masked
}

/// Two versions of one object, masked so that a comparison still shows which values differ: `left` has [`MASK`] everywhere, `right` a
/// longer mask where its value is another one.
pub fn mask_pair(left: &Value, right: &Value) -> (Value, Value) {
    let mut masked = right.clone();
    hide(&mut masked, Some(left));
    (mask(left), masked)
}

fn hide(object: &mut Value, other: Option<&Value>) {
    if let Some(items) = object.get_mut("items").and_then(Value::as_array_mut) {
        items.iter_mut().for_each(|item| hide(item, None));
    }
    let core = matches!(object["apiVersion"].as_str(), None | Some("v1"));
    if !core || object["kind"].as_str() != Some("Secret") {
        return;
    }
    for field in ["data", "stringData"] {
        let before = other.map(|other| &other[field]);
        match object.get_mut(field) {
            None | Some(Value::Null) => {}
            Some(Value::Object(entries)) => hide_entries(entries, before),
            Some(not_a_map) => *not_a_map = Value::from(MASK),
        }
    }
    let copy =
        object.pointer_mut("/metadata/annotations").and_then(|annotations| annotations.get_mut(LAST_APPLIED));
    if let Some(copy) = copy {
        *copy = Value::from(MASK);
    }
}

fn hide_entries(entries: &mut Map<String, Value>, before: Option<&Value>) {
    for (key, value) in entries {
        let differs = before.and_then(|before| before.get(key)).is_some_and(|before| before != value);
        *value = Value::from(if differs { OTHER_MASK } else { MASK });
    }
}
