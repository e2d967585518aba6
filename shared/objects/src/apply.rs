//! Server-side apply, and who manages which field (`metadata.managedFields`).
//!
//! It decides what an object becomes when a manager applies a configuration: the fields in it are set and
//! become the manager's; the fields that the manager applied before and has dropped go, unless someone else
//! manages them too; a field that would change under another manager's hands is a conflict, which `force`
//! resolves in the applier's favour. The rules are those of Kubernetes (KEP-555, structured-merge-diff); how
//! lists and maps merge comes from a [`Schema`].
//!
//! It refuses to know schemas of types: values of a wrong type are merged as they are, and defaults are not
//! filled in.

mod kinds;
mod managers;
mod merge;
mod path;
mod schema;
mod set;

use jiff::Timestamp;
use serde_json::Value;

use managers::{Entry, Operation};
use path::FieldPath;
pub use schema::Schema;
use set::{FieldSet, flatten, flatten_strictly};

use crate::{Cause, Status, meta, value};

pub(crate) use merge::{item_key, merge_items};
pub(crate) use schema::Shape;

/// Who writes, and how.
#[derive(Debug, Clone, Copy)]
pub struct Manager<'a> {
    /// The field manager's name.
    pub name: &'a str,
    /// As in `status`; empty for the object itself.
    pub subresource: &'a str,
}

/// What to do about fields that others manage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflicts {
    /// Refuse.
    Refuse,
    /// Take them over.
    Force,
}

/// What the object becomes when `manager` applies `config`; the same as `live` when nothing changes.
///
/// # Errors
/// 409 that names managers and fields; 400 when the configuration cannot be merged.
pub fn apply(
    live: Option<&Value>,
    config: &Value,
    manager: Manager<'_>,
    conflicts: Conflicts,
    schema: &Schema,
    now: Timestamp,
) -> Result<Value, Status> {
    let config = prepare(config, manager, schema)?;
    let set =
        FieldSet::owned(flatten_strictly(&config, schema).map_err(|problem| untyped(&config, &problem))?);
    let Some(live) = live else {
        let mut object = config;
        let entry = Entry::new(manager, Operation::Apply, &object, set, now);
        managers::write(&mut object, vec![entry]);
        return Ok(object);
    };
    let mut entries = managers::read(live);
    let own = entries.iter().position(|e| e.is(manager, Operation::Apply));
    let before = own.map(|at| entries.remove(at));

    let mut object = merge::merge(live, &config, schema);
    let changed = changed(live, &object, schema);
    let lost = conflicting(&entries, &changed);
    if conflicts == Conflicts::Refuse && !lost.is_empty() {
        return Err(refuse(&lost));
    }
    for entry in &mut entries {
        entry.fields.remove(&changed);
    }

    let kept = entries.iter().fold(set.clone(), |all, entry| all.union(&entry.fields));
    if let Some(before) = &before {
        merge::prune(&mut object, &before.fields.minus(&kept), &kept, schema);
    }
    let gone = FieldSet::owned(flatten(live, schema)).minus(&FieldSet::owned(flatten(&object, schema)));
    for entry in &mut entries {
        entry.fields.remove(&gone);
    }
    let at = own.unwrap_or(entries.len());
    entries.insert(at, Entry::continuing(before, Entry::new(manager, Operation::Apply, &object, set, now)));
    managers::write(&mut object, entries);
    Ok(object)
}

/// `new` with the managers of its fields, after `manager` made it from `old` by other means than apply.
///
/// What the request itself says about managers is ignored, but for an empty list, which forgets them all.
pub fn track(
    old: Option<&Value>,
    mut new: Value,
    manager: Manager<'_>,
    schema: &Schema,
    now: Timestamp,
) -> Value {
    let nothing = Value::Null;
    let old = old.unwrap_or(&nothing);
    let forget = value::get(&new, &["metadata", "managedFields"])
        .and_then(Value::as_array)
        .is_some_and(|list| list.iter().all(|entry| entry.as_object().is_some_and(|e| e.is_empty())));
    let mut entries = if forget { Vec::new() } else { managers::read(old) };
    let changed = changed(old, &new, schema);
    let present = FieldSet::owned(flatten(&new, schema));
    for entry in &mut entries {
        entry.fields.remove(&changed);
    }
    let own = entries.iter().position(|e| e.is(manager, Operation::Update));
    let before = own.map(|at| entries.remove(at));
    let known = before.as_ref().map(|entry| entry.fields.clone()).unwrap_or_default();
    let fields = known.union(&changed).intersection(&present);
    let at = own.unwrap_or(entries.len());
    let entry = Entry::new(manager, Operation::Update, &new, fields, now);
    // The time is that of the last change, even to a field that was ours before.
    entries.insert(at, if changed.is_empty() { Entry::continuing(before, entry) } else { entry });
    managers::write(&mut new, entries);
    new
}

/// The configuration without what apply must not touch.
fn prepare(config: &Value, manager: Manager<'_>, schema: &Schema) -> Result<Value, Status> {
    if manager.name.is_empty() {
        return Err(Status::bad_request(
            "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: \
             is required for apply patch",
        ));
    }
    if value::get(config, &["metadata", "managedFields"]).is_some() {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    let mut config = without_nulls(config);
    let part = value::object_mut(&mut config);
    if manager.subresource.is_empty() {
        schema.excluded().iter().for_each(|field| drop(part.remove(*field)));
    } else {
        let kept = ["apiVersion", "kind", "metadata", manager.subresource];
        part.retain(|field, _| kept.contains(&field.as_str()));
    }
    Ok(config)
}

/// Who applies `null` asks for nothing.
fn without_nulls(config: &Value) -> Value {
    match config {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect()
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => config.clone(),
    }
}

/// The fields that one has and the other has not, or has otherwise.
fn changed(old: &Value, new: &Value, schema: &Schema) -> FieldSet {
    let (old, new) = (flatten(old, schema), flatten(new, schema));
    let gone = old.keys().filter(|path| !new.contains_key(*path));
    let other = new.iter().filter(|(path, value)| old.get(*path) != Some(*value)).map(|(path, _)| path);
    FieldSet::owned(gone.chain(other).map(|path| (path.clone(), None)).collect())
}

fn conflicting<'a>(entries: &'a [Entry], changed: &FieldSet) -> Vec<(&'a Entry, FieldPath)> {
    let of =
        |entry: &'a Entry| entry.fields.intersection(changed).into_paths().map(move |path| (entry, path));
    entries.iter().flat_map(of).collect()
}

fn refuse(conflicts: &[(&Entry, FieldPath)]) -> Status {
    let causes = conflicts.iter().map(|(entry, path)| Cause {
        reason: "FieldManagerConflict".to_owned(),
        message: format!("conflict with {}", entry.describe()),
        field: path.to_string(),
    });
    let message = match conflicts {
        [(entry, path)] => {
            format!("Apply failed with 1 conflict: conflict with {}: {path}", entry.describe())
        }
        _ => format!("Apply failed with {} conflicts: {}", conflicts.len(), by_manager(conflicts)),
    };
    Status::apply_conflict(message, causes.collect())
}

fn by_manager(conflicts: &[(&Entry, FieldPath)]) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut last = String::new();
    for (entry, path) in conflicts {
        let manager = entry.describe();
        if manager != last {
            lines.push(format!("conflicts with {manager}:"));
            last = manager;
        }
        lines.push(format!("- {path}"));
    }
    lines.join("\n")
}

fn untyped(config: &Value, problem: &str) -> Status {
    Status::bad_request(format!(
        "failed to create typed patch object ({}/{}; {}, Kind={}): {problem}",
        meta::namespace(config),
        meta::name(config),
        value::text(config, &["apiVersion"]),
        value::text(config, &["kind"]),
    ))
}

#[cfg(test)]
mod tests;
