//! Strategic merge patch (k8s.io/apimachinery `util/strategicpatch`), which kubectl sends for Kubernetes' own
//! kinds.
//!
//! A list of maps merges by key. A list that Kubernetes knows as atomic is replaced. A set of scalars is
//! united.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::Status;
use crate::apply::{Schema, Shape, item_key, merge_items};

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

pub(super) fn apply(object: &Value, patch: &Value, schema: &Schema) -> Result<Value, Status> {
    let patch =
        patch.as_object().ok_or_else(|| Status::bad_request("a strategic merge patch must be a map"))?;
    let empty = Map::new();
    let object = object.as_object().unwrap_or(&empty);
    Ok(merge_map(object, patch, schema)?.map_or(Value::Null, Value::Object))
}

/// What the `$patch` of a map says.
enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(patch: &Map<String, Value>) -> Result<Directive, Status> {
    match patch.get(PATCH).map(Value::as_str) {
        None | Some(Some("merge")) => Ok(Directive::Merge),
        Some(Some("replace")) => Ok(Directive::Replace),
        Some(Some("delete")) => Ok(Directive::Delete),
        Some(_) => {
            let found = &patch[PATCH];
            Err(Status::bad_request(format!(
                "unknown patch type found: $patch: {found} (merge, replace or delete)"
            )))
        }
    }
}

/// The merged map; `None` when the patch deletes it.
fn merge_map(
    live: &Map<String, Value>,
    patch: &Map<String, Value>,
    schema: &Schema,
) -> Result<Option<Map<String, Value>>, Status> {
    match directive(patch)? {
        Directive::Delete => return Ok(None),
        Directive::Replace => return Ok(Some(plain(patch))),
        Directive::Merge => {}
    }
    let mut merged = live.clone();
    if let Some(retained) = patch.get(RETAIN_KEYS).and_then(Value::as_array) {
        merged.retain(|name, _| retained.iter().any(|kept| kept == name));
    }
    for (name, value) in patch.iter().filter(|(name, _)| !name.starts_with('$')) {
        let live = merged.get(name);
        match merge_value(live, value, schema.field(name))? {
            Some(value) => merged.insert(name.clone(), value),
            None => merged.remove(name),
        };
    }
    for (directive, value) in patch {
        let Some(listed) = value.as_array() else { continue };
        let list = |prefix| directive.strip_prefix(prefix);
        if let Some(Value::Array(items)) = list(DELETE_FROM).and_then(|name| merged.get_mut(name)) {
            items.retain(|item| !listed.contains(item));
        }
        if let Some(name) = list(ORDER)
            && let Some(Value::Array(items)) = merged.get_mut(name)
        {
            sort(items, listed, schema.field(name));
        }
    }
    Ok(Some(merged))
}

fn merge_value(live: Option<&Value>, patch: &Value, schema: &Schema) -> Result<Option<Value>, Status> {
    let nothing = Map::new();
    match (patch, schema.shape()) {
        (Value::Null, _) => Ok(None),
        (Value::Object(patch), _) => {
            let live = live.and_then(Value::as_object).unwrap_or(&nothing);
            Ok(merge_map(live, patch, schema)?.map(Value::Object))
        }
        (Value::Array(patch), shape @ (Shape::Set | Shape::Map(_))) => {
            let live = live.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            merge_list(live, patch, shape, schema).map(|items| Some(Value::Array(items)))
        }
        _ => Ok(Some(patch.clone())),
    }
}

fn merge_list(live: &[Value], patch: &[Value], shape: &Shape, schema: &Schema) -> Result<Vec<Value>, Status> {
    let no_key = |problem: String| Status::bad_request(format!("map does not contain key: {problem}"));
    let directives = patch.iter().filter_map(Value::as_object);
    // An item `$patch: replace` stands for the whole list.
    if directives.clone().any(|item| item.get(PATCH) == Some(&Value::from("replace"))) {
        let items = patch.iter().filter(|item| item.get(PATCH).is_none());
        return Ok(items.cloned().collect());
    }
    let mut deleted = BTreeSet::new();
    let mut wanted = Vec::new();
    for item in patch {
        let key = item_key(shape, item).map_err(no_key)?;
        match item.as_object().map(directive).transpose()? {
            Some(Directive::Delete) => drop(deleted.insert(key)),
            _ => wanted.push((key, item)),
        }
    }
    let mut kept = Vec::new();
    for item in live {
        let key = item_key(shape, item).map_err(no_key)?;
        if !deleted.contains(&key) {
            kept.push((key, item));
        }
    }
    // Merged one by one first: merging can fail, and putting together cannot.
    let mut merged = Vec::new();
    for (key, item) in wanted {
        let live = kept.iter().find(|(found, _)| *found == key).map(|(_, item)| *item);
        if let Some(item) = merge_value(live, item, schema.items())? {
            merged.push((key, item));
        }
    }
    let merged: Vec<_> = merged.iter().map(|(key, item)| (key.clone(), item)).collect();
    Ok(merge_items(&kept, &merged, |_, merged| merged.clone()))
}

/// Puts the items that the order names into that order; the others keep their places behind those before
/// them.
fn sort(items: &mut [Value], order: &[Value], schema: &Schema) {
    let key = |item: &Value| item_key(schema.shape(), item).ok();
    let rank = |item: &Value| order.iter().position(|wanted| key(wanted) == key(item) && key(item).is_some());
    let mut named: Vec<_> = items.iter().filter(|item| rank(item).is_some()).cloned().collect();
    named.sort_by_key(|item| rank(item));
    let mut named = named.into_iter();
    for item in items.iter_mut().filter(|item| rank(item).is_some()) {
        *item = named.next().expect("as many are named as before");
    }
}

/// A map without directives.
fn plain(patch: &Map<String, Value>) -> Map<String, Value> {
    patch
        .iter()
        .filter(|(name, _)| !name.starts_with('$'))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
