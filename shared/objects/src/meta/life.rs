//! Create, update and delete.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::check::{check, check_change};
use super::{Rules, finalizers, generation, is_deleting, name, namespace, uid, version};
use crate::status::MODIFIED;
use crate::value::{self, copy, metadata_mut, object_mut};
use crate::{FieldError, Resource, Status, apply, names};

/// The finalizers by which a deletion waits for, or lets go of, what the object owns.
const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";
/// What only the system writes.
const SYSTEM: [&str; 6] =
    ["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"];

/// What a new object is given. The caller rolls the dice.
#[derive(Debug, Clone, Copy)]
pub struct NewObject<'a> {
    pub uid: &'a str,
    /// For the name, where the object gives a `generateName` only.
    pub random: u64,
}

/// The object as it is first stored.
///
/// # Errors
/// When it brings a resourceVersion, or its metadata is invalid.
pub fn create(
    mut object: Value,
    resource: Resource<'_>,
    rules: &Rules,
    new: NewObject<'_>,
    now: Timestamp,
) -> Result<Value, Status> {
    if !version(&object).is_empty() {
        return Err(Status::bad_request("resourceVersion should not be set on objects to be created"));
    }
    let base = value::text(&object, &["metadata", "generateName"]).to_owned();
    if rules.status_subresource {
        object_mut(&mut object).remove("status");
    }
    let named = !name(&object).is_empty();
    let metadata = metadata_mut(&mut object);
    for field in SYSTEM.into_iter().chain(["resourceVersion"]) {
        metadata.remove(field);
    }
    if !named && !base.is_empty() {
        metadata.insert("name".to_owned(), names::generate(&base, new.random).into());
    }
    metadata.insert("uid".to_owned(), new.uid.into());
    metadata.insert("creationTimestamp".to_owned(), whole_seconds(now));
    metadata.insert("generation".to_owned(), 1.into());
    valid(&check(&object, rules), resource, &object)?;
    Ok(object)
}

/// As `2026-11-21T12:00:00Z`: the API's times have no fractions.
fn whole_seconds(now: Timestamp) -> Value {
    Timestamp::from_second(now.as_second()).expect("a time cut to its second is in range").to_string().into()
}

fn valid(errors: &[FieldError], resource: Resource<'_>, object: &Value) -> Result<(), Status> {
    if errors.is_empty() { Ok(()) } else { Err(Status::invalid(resource, name(object), errors)) }
}

/// Which part of an object a request writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Everything, or where status is a subresource, everything but that.
    Main,
    /// Only `status`.
    Status,
}

/// What came of an update.
#[derive(Debug, Clone, PartialEq)]
pub enum Updated {
    /// Nothing changed: store nothing.
    Unchanged,
    /// Store this.
    Changed(Value),
    /// The last finalizer of an object that was marked is gone: remove it. This is how it was last.
    Removed(Value),
}

/// What a request to replace `old` by `new` makes of it.
///
/// # Errors
/// A conflict when `new` is based on another version or object; invalid when it may not be so.
pub fn update(
    old: &Value,
    mut new: Value,
    part: Part,
    resource: Resource<'_>,
    rules: &Rules,
) -> Result<Updated, Status> {
    check_version(&new, version(old), resource)?;
    same_object(old, &new, resource)?;
    match part {
        Part::Main => keep_what_is_not_written(old, &mut new, rules),
        Part::Status => new = with_status(old, &new),
    }
    if part == Part::Main {
        let mut errors = check(&new, rules);
        errors.extend(check_change(old, &new, rules));
        valid(&errors, resource, &new)?;
    }
    // An empty list says that nobody manages anything any more.
    let managers = value::get(&new, &["metadata", "managedFields"]).and_then(Value::as_array);
    if managers.is_some_and(Vec::is_empty) {
        metadata_mut(&mut new).remove("managedFields");
    }
    if is_deleting(&new) && finalizers(&new).is_empty() {
        return Ok(Updated::Removed(new));
    }
    apply::keep_times(old, &mut new);
    Ok(if new == *old { Updated::Unchanged } else { Updated::Changed(new) })
}

/// Refuses a request based on another version than the stored one. A request without a version takes what
/// there is.
///
/// # Errors
/// A conflict.
pub fn check_version(request: &Value, stored: &str, resource: Resource<'_>) -> Result<(), Status> {
    let given = version(request);
    if given.is_empty() || stored.is_empty() || given == stored {
        return Ok(());
    }
    Err(Status::conflict(resource, name(request), MODIFIED))
}

/// Refuses a request that means another object than the stored one, by name, namespace or uid.
///
/// # Errors
/// Bad request or conflict.
pub fn same_object(old: &Value, new: &Value, resource: Resource<'_>) -> Result<(), Status> {
    let (given, stored) = (name(new), name(old));
    if given != stored {
        let message =
            format!("the name of the object ({given}) does not match the name on the URL ({stored})");
        return Err(Status::bad_request(message));
    }
    let (given, stored) = (namespace(new), namespace(old));
    if !given.is_empty() && given != stored {
        let message = format!(
            "the namespace of the object ({given}) does not match the namespace on the request ({stored})"
        );
        return Err(Status::bad_request(message));
    }
    check_uid(uid(new), old, resource)
}

fn check_uid(given: &str, stored: &Value, resource: Resource<'_>) -> Result<(), Status> {
    if given.is_empty() || given == uid(stored) {
        return Ok(());
    }
    let why =
        format!("Precondition failed: UID in precondition: {given}, UID in object meta: {}", uid(stored));
    Err(Status::conflict(resource, name(stored), &why))
}

fn keep_what_is_not_written(old: &Value, new: &mut Value, rules: &Rules) {
    let (Some(old_map), new_map) = (old.as_object(), object_mut(new)) else { return };
    if rules.status_subresource {
        copy(old_map, new_map, "status");
    }
    let generation = generation(old) + i64::from(desired(old_map) != desired(new_map));
    let empty = Map::new();
    let old_meta = old["metadata"].as_object().unwrap_or(&empty);
    let metadata = metadata_mut(new);
    for field in SYSTEM.into_iter().chain(["namespace", "resourceVersion"]) {
        copy(old_meta, metadata, field);
    }
    if !metadata.contains_key("managedFields") {
        copy(old_meta, metadata, "managedFields");
    }
    metadata.insert("generation".to_owned(), generation.into());
}

/// Everything that people ask for: all but metadata and status (and what says which kind it is).
fn desired(object: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let outside = ["metadata", "status", "apiVersion", "kind"];
    let mut fields: Vec<_> = object.iter().filter(|(name, _)| !outside.contains(&name.as_str())).collect();
    fields.sort_by_key(|(name, _)| *name);
    fields
}

/// The stored object with the status (and the field managers that wrote it) of the request.
fn with_status(old: &Value, new: &Value) -> Value {
    let mut object = old.clone();
    if let Some(new) = new.as_object() {
        copy(new, object_mut(&mut object), "status");
    }
    if let Some(managers) = value::get(new, &["metadata", "managedFields"]) {
        metadata_mut(&mut object).insert("managedFields".to_owned(), managers.clone());
    }
    object
}

/// What becomes of the objects that a deleted one owns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propagation {
    /// They go after it.
    Background,
    /// It waits until they are gone.
    Foreground,
    /// They stay.
    Orphan,
}

/// A `DeleteOptions`, as far as it is acted on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Deletion {
    /// Without one, what an earlier deletion asked for stays.
    pub propagation: Option<Propagation>,
    /// Delete only if the object has this uid.
    pub uid: Option<String>,
    /// Delete only if the object is at this version.
    pub version: Option<String>,
}

impl Deletion {
    /// Reads the body of a DELETE request (`meta/v1 DeleteOptions`); `null` is one without options.
    ///
    /// # Errors
    /// Bad request when a field is not what it should be.
    pub fn from_value(options: &Value) -> Result<Self, Status> {
        let propagation = match value::text(options, &["propagationPolicy"]) {
            "Background" => Some(Propagation::Background),
            "Foreground" => Some(Propagation::Foreground),
            "Orphan" => Some(Propagation::Orphan),
            "" if value::get(options, &["orphanDependents"]) == Some(&Value::Bool(true)) => {
                Some(Propagation::Orphan)
            }
            "" => None,
            other => {
                let names = ["Background", "Foreground", "Orphan"];
                let error = FieldError::not_supported("propagationPolicy", other, &names);
                return Err(Status::bad_request(format!("DeleteOptions is invalid: {error}")));
            }
        };
        let precondition =
            |name| value::get(options, &["preconditions", name]).and_then(Value::as_str).map(str::to_owned);
        Ok(Self { propagation, uid: precondition("uid"), version: precondition("resourceVersion") })
    }
}

/// What came of a deletion.
#[derive(Debug, Clone, PartialEq)]
pub enum Deleted {
    /// Remove the object. This is how it was last.
    Removed(Value),
    /// Store this: it is marked, and waits for its finalizers.
    Marked(Value),
    /// It was marked before and still waits: store nothing.
    Waits(Value),
}

/// What a request to delete `object` makes of it.
///
/// # Errors
/// A conflict when a precondition does not hold.
pub fn delete(
    object: Value,
    deletion: &Deletion,
    resource: Resource<'_>,
    now: Timestamp,
) -> Result<Deleted, Status> {
    check_uid(deletion.uid.as_deref().unwrap_or_default(), &object, resource)?;
    if let Some(wanted) = deletion.version.as_deref().filter(|wanted| *wanted != version(&object)) {
        let why = format!(
            "Precondition failed: ResourceVersion in precondition: {wanted}, ResourceVersion in object meta: {}",
            version(&object)
        );
        return Err(Status::conflict(resource, name(&object), &why));
    }
    let wanted = finalizers_for(&object, deletion.propagation);
    if wanted.is_empty() {
        return Ok(Deleted::Removed(object));
    }
    if is_deleting(&object) && wanted == finalizers(&object) {
        return Ok(Deleted::Waits(object));
    }
    Ok(Deleted::Marked(mark(&object, &wanted, now)))
}

fn finalizers_for(object: &Value, propagation: Option<Propagation>) -> Vec<&str> {
    let mut wanted = finalizers(object);
    let Some(propagation) = propagation else { return wanted };
    wanted.retain(|name| ![FOREGROUND, ORPHAN].contains(name));
    wanted.extend(match propagation {
        Propagation::Background => None,
        Propagation::Foreground => Some(FOREGROUND),
        Propagation::Orphan => Some(ORPHAN),
    });
    wanted
}

fn mark(object: &Value, finalizers: &[&str], now: Timestamp) -> Value {
    let mut marked = object.clone();
    let metadata = metadata_mut(&mut marked);
    metadata.insert("finalizers".to_owned(), json!(finalizers));
    if !is_deleting(object) {
        metadata.insert("deletionTimestamp".to_owned(), whole_seconds(now));
        metadata.insert("deletionGracePeriodSeconds".to_owned(), 0.into());
        metadata.insert("generation".to_owned(), (generation(object) + 1).into());
    }
    marked
}
