//! Strategic merge of a template patch into an Application.
//!
//! Maps merge, null removes, lists are replaced; `metadata.finalizers` is the one list of an Application with a merge strategy. The directive
//! `$patch: replace` takes the patch as it is, `$patch: delete` leaves an empty map, `$retainKeys` drops other keys, `$deleteFromPrimitiveList/finalizers`
//! takes finalizers away; an order of elements means nothing here (k8s.io/apimachinery `strategicpatch`).

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
            patch.retain(|key, _| !key.starts_with('$'));
            *target = patch;
            return Ok(());
        }
        Some("delete") => {
            target.clear();
            return Ok(());
        }
        None | Some("merge") => {}
        Some(_) => return Err((format!("{path}.$patch"), "the directive is not merge, replace or delete")),
    }
    if let Some(Value::Array(kept)) = patch.remove("$retainKeys") {
        target.retain(|key, _| kept.iter().any(|kept| kept == key));
    }
    if let Some(Value::Array(gone)) = patch.remove("$deleteFromPrimitiveList/finalizers")
        && let Some(Value::Array(finalizers)) = target.get_mut("finalizers")
    {
        finalizers.retain(|finalizer| !gone.contains(finalizer));
    }
    for (key, value) in patch.into_iter().filter(|(key, _)| !key.starts_with('$')) {
        let path = format!("{path}.{key}");
        match (target.get_mut(&key), value) {
            (_, Value::Null) => drop(target.remove(&key)),
            (Some(current), _) if key == "valuesObject" && !current.is_null() => {
                return Err((
                    path,
                    "a valuesObject that the template sets cannot be patched: set it in one place only",
                ));
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
