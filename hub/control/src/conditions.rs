//! Conditions that keep their transition time while they say the same.

use jiff::Timestamp;
use serde_json::{Value, json};

/// A condition of an Application: Argo CD's form has no status.
pub(crate) fn of_application(kind: &str, message: &str) -> Value {
    json!({"type": kind, "message": message})
}

/// A condition with a status, as ApplicationSets and Flotilla's own kinds have.
pub(crate) fn of_set(kind: &str, holds: bool, reason: &str, message: &str) -> Value {
    json!({"type": kind, "status": if holds { "True" } else { "False" }, "reason": reason, "message": message})
}

/// `new`, each with the time since when it says so: kept from `before` where nothing but the time differs.
pub(crate) fn since(before: &Value, new: Vec<Value>, now: Timestamp) -> Value {
    let without_time = |condition: &Value| {
        let mut condition = condition.clone();
        if let Some(fields) = condition.as_object_mut() {
            fields.remove("lastTransitionTime");
        }
        condition
    };
    let known = before.as_array().map(Vec::as_slice).unwrap_or_default();
    let timed = new.into_iter().map(|condition| {
        let mut condition = without_time(&condition);
        let same = known.iter().find(|known| without_time(known) == condition);
        let time = same.map_or_else(
            || json!(now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            |known| known["lastTransitionTime"].clone(),
        );
        condition["lastTransitionTime"] = time;
        condition
    });
    Value::Array(timed.collect())
}
