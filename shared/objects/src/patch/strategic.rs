//! Strategic merge patch, which kubectl sends for Kubernetes' own kinds.
//!
//! A list merges only where the kind says so (`patchStrategy: merge`): lists of maps by one key, lists of
//! scalars as sets. A directive says what else is meant: `$patch`, `$retainKeys`,
//! `$deleteFromPrimitiveList/FIELD`, `$setElementOrder/FIELD`. Source: k8s.io/apimachinery
//! `util/strategicpatch`; most refusals are 500 there, and so they are here.

mod order;

use serde_json::{Map, Value};

use super::json::mistyped;
use crate::Status;
use crate::apply::{Schema, Strategy, Type, TypeRef, go, go_type};
use order::{deduplicated, element_kind, ordered, partition};

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder";
const DELETE_FROM: &str = "$deleteFromPrimitiveList";

type Fields = Map<String, Value>;

pub(super) fn apply(object: &Value, patch: &Value, schema: &Schema) -> Result<Value, Status> {
    let nothing = Fields::new();
    let patch = match patch {
        Value::Object(patch) => patch,
        Value::Null => &nothing,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err(Status::bad_request(mistyped(patch, "value of type map[string]interface {}")));
        }
    };
    let object = object.as_object().cloned().unwrap_or_default();
    merge_maps(object, patch.clone(), Some(schema.root_type())).map(Value::Object)
}

fn failed(why: impl Into<String>) -> Status {
    Status::unknown_failure(why)
}

fn bad_type(patch_type: &Value, map: &Fields) -> Status {
    let map = Value::Object(map.clone());
    failed(format!("unknown patch type: {} in map: {}", go(patch_type), go(&map)))
}

fn no_key(map: &Value, key: &str) -> Status {
    failed(format!("map: {} does not contain declared merge key: {key}", go(map)))
}

fn bad_argument(wanted: &str, found: &Value) -> Status {
    failed(format!("expected a {wanted}, but received a {}", go_type(found)))
}

fn listed(value: &Value) -> Result<&[Value], Status> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| bad_argument("[]interface {}", value))
}

/// What the kind says of a field.
fn declared<'a>(of: Option<&'a Type>, name: &str) -> Result<(Option<&'a TypeRef>, Strategy), Status> {
    let Some(map) = of.and_then(|of| of.map.as_ref()) else { return Ok((None, Strategy::default())) };
    if let Some(field) = map.fields.get(name) {
        return Ok((Some(&field.of), field.strategy.clone()));
    }
    match (&map.rest, map.fields.is_empty()) {
        (Some(rest), _) => Ok((Some(rest), Strategy::default())),
        (None, true) => Ok((None, Strategy::default())),
        (None, false) => {
            let of = of.map_or("", |of| of.name.as_str());
            Err(failed(format!("unable to find api field in struct {of} for the json field {name:?}")))
        }
    }
}

fn items_of(of: Option<&TypeRef>) -> Option<&Type> {
    of.and_then(|of| of.get().list.as_ref()).map(|list| list.items.get())
}

fn merge_maps(mut live: Fields, mut patch: Fields, of: Option<&Type>) -> Result<Fields, Status> {
    if let Some(directive) = patch.get(PATCH).cloned() {
        return match directive.as_str() {
            Some("replace") => {
                patch.remove(PATCH);
                Ok(patch)
            }
            Some("delete") => Ok(Fields::new()),
            _ => Err(bad_type(&directive, &patch)),
        };
    }
    retain_keys(&mut live, &mut patch)?;
    set_order(&mut live, &mut patch, of)?;
    for (name, value) in patch {
        let deletes = name.starts_with(DELETE_FROM);
        let name = if deletes { plain_name(&name, DELETE_FROM)? } else { name };
        if value.is_null() {
            live.remove(&name);
            continue;
        }
        match live.get(&name) {
            Some(old) if go_type(old) == go_type(&value) => {
                let old = old.clone();
                match merge_values(&name, old, value, deletes, of)? {
                    Some(merged) => live.insert(name, merged),
                    None => live.remove(&name),
                };
            }
            _ if deletes => {}
            _ => {
                match without_directives(without_nulls(value)) {
                    Some(value) => live.insert(name, value),
                    None => live.remove(&name),
                };
            }
        }
    }
    Ok(live)
}

fn merge_values(
    name: &str,
    old: Value,
    value: Value,
    deletes: bool,
    of: Option<&Type>,
) -> Result<Option<Value>, Status> {
    match (old, value) {
        (Value::Object(old), Value::Object(patch)) => {
            let (of, _) = declared(of, name)?;
            merge_maps(old, patch, of.map(TypeRef::get)).map(|merged| Some(Value::Object(merged)))
        }
        (Value::Array(old), Value::Array(patch)) => {
            let (of, strategy) = declared(of, name)?;
            let merged = if strategy.merge || deletes {
                merge_lists(old, patch, &strategy.key, items_of(of), deletes)?
            } else {
                patch
            };
            Ok(Some(Value::Array(merged)))
        }
        (_, value) => Ok(without_directives(value)),
    }
}

/// Of `$setElementOrder/containers`: `containers`.
fn plain_name(name: &str, prefix: &str) -> Result<String, Status> {
    name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/')).map(str::to_owned).ok_or_else(|| {
        let what = if prefix == ORDER { "setElementOrder list" } else { "primitive list" };
        Status::bad_request(format!("invalid patch format of {what}"))
    })
}

/// Takes out of the live map what the patch does not retain.
fn retain_keys(live: &mut Fields, patch: &mut Fields) -> Result<(), Status> {
    let Some(retained) = patch.remove(RETAIN_KEYS) else { return Ok(()) };
    let bad = || Status::bad_request("invalid patch format of retainKeys");
    let retained = retained.as_array().ok_or_else(bad)?;
    let kept = |name: &String| retained.iter().any(|kept| kept.as_str() == Some(name));
    let own = |name: &String| name.starts_with(DELETE_FROM) || name.starts_with(ORDER);
    if patch.iter().any(|(name, value)| !value.is_null() && !own(name) && !kept(name)) {
        return Err(bad());
    }
    live.retain(|name, _| kept(name));
    Ok(())
}

/// Merges the lists that the patch gives an order for.
fn set_order(live: &mut Fields, patch: &mut Fields, of: Option<&Type>) -> Result<(), Status> {
    let directives: Vec<_> = patch.keys().filter(|name| name.starts_with(ORDER)).cloned().collect();
    for directive in directives {
        let order = patch.remove(&directive).unwrap_or(Value::Null);
        let order = listed(&order)?;
        let name = plain_name(&directive, ORDER)?;
        let old = live.get(&name).map(|old| listed(old).map(<[Value]>::to_vec)).transpose()?;
        let new = patch.get(&name).map(|new| listed(new).map(<[Value]>::to_vec)).transpose()?;
        let (of, strategy) = declared(of, &name)?;
        let key = strategy.key.as_str();
        order::check(new.as_deref().unwrap_or_default(), order, key)?;
        let merged = match (&old, &new) {
            (None, None) => continue,
            (Some(old), None) => old.clone(),
            (None, Some(new)) => new.iter().cloned().filter_map(without_directives).collect(),
            (Some(old), Some(new)) if strategy.merge => {
                merge_lists(old.clone(), new.clone(), key, items_of(of), false)?
            }
            (Some(_), Some(new)) => new.clone(),
        };
        let (wanted, rest) = partition(&merged, order, key)?;
        let old = old.unwrap_or_default();
        let kind = element_kind(&[&old, new.as_deref().unwrap_or_default()])?;
        patch.remove(&name);
        live.insert(name, ordered(wanted, rest, order, &old, key, kind)?.into());
    }
    Ok(())
}

fn merge_lists(
    live: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
    of: Option<&Type>,
    deletes: bool,
) -> Result<Vec<Value>, Status> {
    if live.is_empty() && patch.is_empty() {
        return Ok(live);
    }
    let kind = element_kind(&[&live, &patch])?;
    if kind != "map[string]interface {}" {
        if deletes {
            return Ok(live.into_iter().filter(|item| !patch.contains(item)).collect());
        }
        let merged = deduplicated([live.clone(), patch.clone()].concat());
        let (wanted, rest) = partition(&merged, &patch, "")?;
        return ordered(wanted, rest, &patch, &live, "", kind);
    }
    if key.is_empty() {
        let of = of.map_or("", |of| of.name.as_str());
        return Err(failed(format!("cannot merge lists without merge key for {of}")));
    }
    let (live, patch) = directed_items(live, patch, key)?;
    let mut merged = live.clone();
    for item in &patch {
        let wanted = item.get(key).ok_or_else(|| no_key(item, key))?;
        let found = merged.iter_mut().find(|old| old.get(key) == Some(wanted));
        match (found, item) {
            (Some(Value::Object(old)), Value::Object(item)) => {
                *old = merge_maps(std::mem::take(old), item.clone(), of)?;
            }
            _ => merged.push(item.clone()),
        }
    }
    let (wanted, rest) = partition(&merged, &patch, key)?;
    ordered(wanted, rest, &patch, &live, key, kind)
}

/// What is left of both lists when the items with a `$patch` have done their work.
fn directed_items(
    mut live: Vec<Value>,
    patch: Vec<Value>,
    key: &str,
) -> Result<(Vec<Value>, Vec<Value>), Status> {
    let (mut plain, mut replaced) = (Vec::new(), false);
    for item in patch {
        let Some(directive) = item.get(PATCH) else {
            plain.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let doomed = item.get(key).ok_or_else(|| no_key(&item, key))?;
                live.retain(|old| old.get(key) != Some(doomed));
            }
            Some("replace") => replaced = true,
            Some("merge") => return Err(failed("merging lists cannot yet be specified in the patch")),
            _ => return Err(bad_type(directive, item.as_object().unwrap_or(&Fields::new()))),
        }
    }
    Ok(if replaced { (plain, Vec::new()) } else { (live, plain) })
}

/// A new value without the maps that are directives.
fn without_directives(value: Value) -> Option<Value> {
    Some(match value {
        Value::Object(fields) if fields.contains_key(PATCH) => return None,
        Value::Object(fields) => {
            let kept =
                fields.into_iter().filter_map(|(name, value)| Some((name, without_directives(value)?)));
            kept.collect()
        }
        Value::Array(items) => items.into_iter().filter_map(without_directives).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    })
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name, without_nulls(value))).collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}
