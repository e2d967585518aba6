//! Strategic merge of a template patch into an Application.
//!
//! Maps merge, null removes, lists are replaced; `metadata.finalizers` is the one list of an Application with a merge strategy. The directive
//! `$patch: replace` takes the patch as it is, `$patch: delete` leaves an empty map (k8s.io/apimachinery `strategicpatch`).

use serde_json::{Map, Value};

/// Applies `patch`; on error the path below the patch and the message.
pub(super) fn apply(
    application: &mut Value,
    patch: Map<String, Value>,
) -> Result<(), (String, &'static str)> {
    let Value::Object(target) = application else { return Ok(()) };
    merge("", target, patch)
}

fn merge(
    path: &str,
    target: &mut Map<String, Value>,
    mut patch: Map<String, Value>,
) -> Result<(), (String, &'static str)> {
    match patch.remove("$patch").as_ref().and_then(Value::as_str) {
        Some("replace") => {
            *target = patch;
            return Ok(());
        }
        Some("delete") => {
            target.clear();
            return Ok(());
        }
        _ => {}
    }
    for (key, value) in patch {
        let path = format!("{path}.{key}");
        match (target.get_mut(&key), value) {
            (_, Value::Null) => drop(target.remove(&key)),
            (Some(current), _) if key == "valuesObject" && !current.is_null() => {
                return Err((path, "a valuesObject that the template sets cannot be patched"));
            }
            (Some(Value::Object(current)), Value::Object(patch)) => merge(&path, current, patch)?,
            (Some(Value::Array(current)), Value::Array(added)) if path == ".metadata.finalizers" => {
                let new: Vec<_> = added.into_iter().filter(|item| !current.contains(item)).collect();
                current.extend(new);
            }
            (_, Value::Object(patch)) => {
                let mut fresh = Map::new();
                merge(&path, &mut fresh, patch)?;
                target.insert(key, Value::Object(fresh));
            }
            (_, value) => drop(target.insert(key, value)),
        }
    }
    Ok(())
}
