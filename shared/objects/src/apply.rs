//! Server-side apply, and who manages which field (`metadata.managedFields`).
//!
//! It decides what an object becomes when a manager applies a configuration: the fields in it are set and
//! become the manager's; the fields that the manager applied before and has dropped go, unless someone else
//! manages them too; a field that would change under another manager's hands is a conflict, which `force`
//! resolves in the applier's favour. Whoever writes by other means takes the fields that change. The rules,
//! the form of `managedFields` and the words of refusals are those of Kubernetes 1.34 (KEP-555,
//! k8s.io/apimachinery `managedfields`, structured-merge-diff); how lists and maps merge comes from a
//! [`Schema`]. `tests/vectors/apply.jsonl` holds it to the recorded answers of a kube-apiserver.
//!
//! Invariants: applying the same twice changes nothing, not even a time; no field has two managers that want
//! different values; what an entry names, the object has. Time is passed in, and kept to the second.
//!
//! It refuses to know values' meanings: it fills in no defaults but those of list keys, converts between no
//! versions (entries of another version than the object's are forgotten, as Kubernetes forgets those that it
//! no longer serves), and leaves it to the caller to keep what a request does not write, as `status`.

mod kinds;
mod last_applied;
mod managers;
mod path;
mod schema;
mod set;
mod typed;
mod update;
mod words;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use managers::{Entry, Managed, Operation, Owner, Said, whole_second};
use path::Step;
pub use schema::Schema;
use set::{FieldSet, shown};
use update::{Conflicting, Target};

use crate::{Cause, FieldError, Resource, Status, meta, value};

use path::equal;
pub(crate) use schema::{Strategy, Type, TypeRef};
pub(crate) use words::{go, go_type};

/// The longest name of a field manager, in bytes.
const LONGEST: usize = 128;
/// Whose entry it is when an object that nobody tracked is applied to.
const BEFORE: &str = "before-first-apply";

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

/// The options of a request that say who writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Options {
    Create,
    Update,
    /// A patch, and whether it says `force`.
    Patch {
        force: Option<bool>,
    },
    /// An apply patch.
    Apply,
}

/// Whether requests may name this field manager and, where they are no applies, `force` something.
///
/// # Errors
/// 422 that says what is wrong with which option.
pub fn check_options(manager: &str, options: Options) -> Result<(), Status> {
    let mut errors = Vec::new();
    match options {
        Options::Apply if manager.is_empty() => {
            errors.push(FieldError::required("fieldManager", "is required for apply patch"));
        }
        Options::Patch { force: Some(_) } => {
            errors.push(FieldError::forbidden("force", "may not be specified for non-apply patch"));
        }
        Options::Create | Options::Update | Options::Patch { .. } | Options::Apply => {}
    }
    if manager.len() > LONGEST {
        errors.push(FieldError::too_long("fieldManager", LONGEST));
    }
    for (at, letter) in manager.char_indices().filter(|(_, letter)| letter.is_control()) {
        let why = format!("invalid character U+{:04X} (at position {at})", u32::from(letter));
        errors.push(FieldError::invalid("fieldManager", manager, why));
    }
    if errors.is_empty() {
        return Ok(());
    }
    let kind = match options {
        Options::Create => "CreateOptions",
        Options::Update => "UpdateOptions",
        Options::Patch { .. } | Options::Apply => "PatchOptions",
    };
    Err(Status::invalid(Resource { group: "meta.k8s.io", kind, plural: "" }, "", &errors))
}

/// Whether a configuration is for this version of this kind.
///
/// # Errors
/// 400 that names what it is for.
pub fn check_kind(config: &Value, api_version: &str, kind: &str) -> Result<(), Status> {
    let text = |field| value::text(config, &[field]);
    if (text("apiVersion"), text("kind")) == (api_version, kind) {
        return Ok(());
    }
    Err(Status::bad_request(format!("invalid object type: {}", typed_name(config))))
}

/// What the object becomes when `manager` applies `config`; the same as `live` when nothing changes.
///
/// What the request does not write of the object, as its status, may be changed in the answer where `config`
/// names it, and where nobody manages anything any more, `managedFields` is an empty list: the caller settles
/// both, as [`meta::update`] does.
///
/// # Errors
/// 409 that names the managers and the fields; 400 or 500 (as Kubernetes has it) when the configuration
/// cannot be merged; 422 when the manager may not be called so.
pub fn apply(
    live: Option<&Value>,
    config: &Value,
    manager: Manager<'_>,
    conflicts: Conflicts,
    schema: &Schema,
    now: Timestamp,
) -> Result<Value, Status> {
    check_options(manager.name, Options::Apply)?;
    if value::get(config, &["metadata", "managedFields"]).is_some() {
        return Err(Status::bad_request("metadata.managedFields must be nil"));
    }
    let stripped;
    let config = if schema.open {
        stripped = without_nulls(config);
        &stripped
    } else {
        config
    };
    typed::check(config, schema.root.get()).map_err(|problem| untyped(config, &problem))?;
    let version = value::text(config, &["apiVersion"]);
    let target = Target { schema, reset: schema.reset(manager.subresource), version };
    let nothing = Value::Object(serde_json::Map::new());
    let mut managed = tracked(live, target, now);
    let existing = live.is_some();
    let live = live.unwrap_or(&nothing);

    let owner = Owner::new(manager, Operation::Apply, version);
    let before = managed.remove(&owner);
    let last = before.as_ref().map(|entry| entry.fields.clone()).unwrap_or_default();
    let mut others = managed.clone();
    let forced = conflicts == Conflicts::Force;
    let applied = match target.apply(live, config, &last, &mut others, forced) {
        Err(lost) => {
            let lost = last_applied::unforeseen(lost, live, manager, &target);
            if !lost.is_empty() {
                return Err(refuse(&lost));
            }
            others = managed;
            target.apply(live, config, &last, &mut others, true)
        }
        done => done,
    };
    let (mut object, fields) = applied.map_err(|lost| refuse(&lost))?;

    let changed = !equal(live, &object);
    let time = if changed { Some(whole_second(now)) } else { before.and_then(|entry| entry.time) };
    let fields = fields.minus(&stripped_fields());
    if !fields.is_empty() {
        others.insert(owner, Entry { fields, version: version.to_owned(), time });
    }
    object = schema.normalised(object);
    last_applied::keep_up(&mut object, config, manager);
    managers::write(&mut object, &others, existing);
    Ok(object)
}

/// The entries of an object that is applied to. One that has none was written when nobody kept track: all of
/// it is then a manager's of its own.
fn tracked(live: Option<&Value>, target: Target<'_>, now: Timestamp) -> Managed {
    let Some(live) = live else { return Managed::new() };
    let managed = managers::entries(live);
    if !managed.is_empty() {
        return target.today(managed);
    }
    let mut managed = Managed::new();
    let fields = target.update(&before_all(target.schema), live, &mut managed).minus(&stripped_fields());
    if !fields.is_empty() {
        let owner = Owner::new(Manager { name: BEFORE, subresource: "" }, Operation::Update, target.version);
        let entry = Entry { fields, version: target.version.to_owned(), time: Some(whole_second(now)) };
        managed.insert(owner, entry);
    }
    managed
}

/// What an object was before it was.
fn before_all(schema: &Schema) -> Value {
    if schema.native { schema.nothing() } else { Value::Object(serde_json::Map::new()) }
}

/// `new` with the managers of its fields, after `manager` made it from `old` by other means than apply.
///
/// What the request itself says about managers counts, unless it cannot be read; a list of one empty entry
/// (of kinds of Kubernetes' own, also an empty list) forgets them all. An object that nobody keeps track of stays so until it is
/// applied to, and its `managedFields` are an empty list for [`meta::update`] to take out. Through a
/// subresource, nothing can be said about managers.
pub fn track(
    old: Option<&Value>,
    new: Value,
    manager: Manager<'_>,
    schema: &Schema,
    now: Timestamp,
) -> Value {
    written(old, new, (manager, false), schema, now)
}

/// As [`track`], for a store whose own writes nobody keeps track of: the first request that changes such an object begins with
/// that, so that what people changed in it is known from then on.
pub fn track_from_now(
    old: Option<&Value>,
    new: Value,
    manager: Manager<'_>,
    schema: &Schema,
    now: Timestamp,
) -> Value {
    written(old, new, (manager, true), schema, now)
}

fn written(
    old: Option<&Value>,
    mut new: Value,
    (manager, begins): (Manager<'_>, bool),
    schema: &Schema,
    now: Timestamp,
) -> Value {
    let stored = || old.map(managers::entries).unwrap_or_default();
    let said = managers::read(&new, schema.native);
    let begins = begins && matches!(said, Said::Nothing) && stored().is_empty();
    let managed = match said {
        Said::These(managed) if manager.subresource.is_empty() => managed,
        Said::Forget if manager.subresource.is_empty() => Managed::new(),
        Said::These(_) | Said::Forget | Said::Nothing => stored(),
    };
    value::metadata_mut(&mut new).remove("managedFields");
    if managed.is_empty() && old.is_some() && !begins {
        managers::write(&mut new, &managed, true);
        return new;
    }
    let version = value::text(&new, &["apiVersion"]).to_owned();
    let target = Target { schema, reset: schema.reset(manager.subresource), version: &version };
    let before = before_all(schema);
    let mut managed = target.today(managed);
    let mut bare = old.unwrap_or(&before).clone();
    value::metadata_mut(&mut bare).remove("managedFields");
    let fields = target.update(&bare, &new, &mut managed).minus(&stripped_fields());
    if !fields.is_empty() {
        let owner = Owner::new(manager, Operation::Update, &version);
        let known = managed.remove(&owner).map(|entry| entry.fields).unwrap_or_default();
        let time = Some(whole_second(now));
        managed.insert(owner, Entry { fields: known.union(&fields), version: version.clone(), time });
    }
    managers::cap(&mut managed);
    managers::write(&mut new, &managed, old.is_some());
    new
}

/// Gives `new` the times of `old` where nothing else is different: a write that changes nothing is none.
pub(crate) fn keep_times(old: &Value, new: &mut Value) {
    let (before, after) = (managers::entries(old), managers::entries(new));
    let same = before.len() == after.len()
        && before
            .iter()
            .zip(&after)
            .all(|((a, x), (b, y))| a == b && x.fields == y.fields && x.version == y.version);
    if !same || before == after {
        return;
    }
    let mut timed = new.clone();
    if let Some(entries) = old.pointer("/metadata/managedFields") {
        value::metadata_mut(&mut timed).insert("managedFields".to_owned(), entries.clone());
    }
    if timed == *old {
        *new = timed;
    }
}

/// The part of an object that `manager` has applied, with what says which object it is; `None` when it has
/// applied nothing.
///
/// Applied again, it changes nothing.
pub fn extract(object: &Value, manager: Manager<'_>, schema: &Schema) -> Option<Value> {
    let owner = Owner::new(manager, Operation::Apply, "");
    let entry = managers::entries(object).remove(&owner)?;
    let mut part = typed::extract(object, &entry.fields, schema.root.get())
        .unwrap_or_else(|| Value::Object(serde_json::Map::new()));
    for field in ["apiVersion", "kind"] {
        if let Some(given) = object.get(field) {
            value::object_mut(&mut part).insert(field.to_owned(), given.clone());
        }
    }
    for field in ["name", "namespace"] {
        if let Some(given) = value::get(object, &["metadata", field]) {
            value::metadata_mut(&mut part).insert(field.to_owned(), given.clone());
        }
    }
    Some(part)
}

/// What nobody manages: what says which object it is, and what only the server writes.
fn stripped_fields() -> FieldSet {
    const OF_METADATA: [&str; 9] = [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ];
    let field = |name: &str| Step::Field(name.to_owned());
    let mut set = FieldSet::default();
    for name in ["apiVersion", "kind", "metadata"] {
        set.insert(&[field(name)]);
    }
    for name in OF_METADATA {
        set.insert(&[field("metadata"), field(name)]);
    }
    set
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

fn refuse(conflicts: &Conflicting) -> Status {
    let fields = |set: &FieldSet| set.paths().iter().map(|path| shown(path)).collect::<Vec<_>>();
    let all: Vec<_> = conflicts
        .iter()
        .flat_map(|(owner, set)| fields(set).into_iter().map(move |path| (owner, path)))
        .collect();
    let causes = all.iter().map(|(owner, path)| Cause {
        reason: "FieldManagerConflict".to_owned(),
        message: format!("conflict with {}", owner.describe()),
        field: path.clone(),
    });
    let message = match all.as_slice() {
        [(owner, path)] => {
            format!("Apply failed with 1 conflict: conflict with {}: {path}", owner.describe())
        }
        _ => {
            let mut lines = Vec::new();
            for (owner, set) in conflicts {
                lines.push(format!("conflicts with {}:", owner.describe()));
                lines.extend(fields(set).into_iter().map(|path| format!("- {path}")));
            }
            format!("Apply failed with {} conflicts: {}", all.len(), lines.join("\n"))
        }
    };
    Status::apply_conflict(message, causes.collect())
}

fn untyped(config: &Value, problem: &str) -> Status {
    Status::unknown_failure(format!(
        "failed to create typed patch object ({}/{}; {}): {problem}",
        meta::namespace(config),
        meta::name(config),
        typed_name(config),
    ))
}

/// As in `apps/v1, Kind=Deployment`, `/v1, Kind=Pod`.
fn typed_name(object: &Value) -> String {
    let version = value::text(object, &["apiVersion"]);
    let slash = if version.contains('/') { "" } else { "/" };
    format!("{slash}{version}, Kind={}", value::text(object, &["kind"]))
}

/// The paths that conflict, whoever they are with.
fn all_of(conflicts: &Conflicting) -> BTreeSet<Vec<Step>> {
    conflicts.iter().flat_map(|(_, set)| set.paths()).collect()
}

#[cfg(test)]
mod tests;
