//! Strategic merge of a template patch into an Application.
//!
//! Maps merge, null removes, lists are replaced; `metadata.finalizers` is the one list of an Application with a merge strategy. The directive
//! `$patch: replace` takes the patch as it is, `$patch: delete` leaves an empty map, `$retainKeys` drops other keys, `$deleteFromPrimitiveList/finalizers`
//! takes finalizers away, `$setElementOrder/finalizers` orders them (k8s.io/apimachinery `strategicpatch`).

use serde_json::{Map, Value};

/// The directive that says in which order a list's elements stand.
const ORDER: &str = "$setElementOrder/";

/// Both lists in one, each item once: those of `order` in that order, the others of `current` before what comes after them there.
fn joined(current: &[Value], added: &[Value], order: &[Value]) -> Vec<Value> {
    let all = || current.iter().chain(added.iter().filter(|item| !current.contains(item)));
    let place = |item: &Value| order.iter().position(|one| one == item);
    let mut patched: Vec<&Value> = all().filter(|item| place(item).is_some()).collect();
    patched.sort_by_key(|item| place(item));
    let was = |item: &Value| current.iter().position(|one| one == item);
    let mut others = all().filter(|item| place(item).is_none()).peekable();
    let mut joined = Vec::new();
    for item in patched {
        let before = was(item);
        while let Some(other) =
            others.next_if(|other| before.is_some_and(|at| was(other).is_some_and(|was| was < at)))
        {
            joined.push(other.clone());
        }
        joined.push(item.clone());
    }
    joined.extend(others.cloned());
    joined
}

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
        None => {}
        Some(_) => return Err((format!("{path}.$patch"), "the directive is not replace or delete")),
    }
    let mut order = None;
    for (key, value) in patch.iter().filter(|(key, _)| key.starts_with(ORDER)) {
        let field = &key[ORDER.len()..];
        if target.get(field).is_some_and(|current| !current.is_array()) || !value.is_array() {
            return Err((format!("{path}.{key}"), "only the elements of a list have an order"));
        }
        if path == ".metadata" && field == "finalizers" {
            order = value.as_array().cloned();
        }
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
                *current = joined(current, &added, order.as_deref().unwrap_or(&added));
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
