//! update and patch.

use super::{Change, Changed, create, prepare, status};
use crate::{
    body,
    kinds::{check_fields, check_patched, schema, validate},
    list, namespaces,
    options::failed,
    view::{self, Parts},
};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use hub_records::{Error, Stored, resource, rules};
use hub_store::Revision;
use serde_json::{Value, json};
use shared_model::gvk;
use shared_objects::{
    Status,
    apply::{self, Conflicts, Manager, Options},
    meta::{self, Part, Updated},
    patch::{self, PatchKind},
    status::MODIFIED,
};

/// How often a patch is tried again when another writer comes in between.
const TRIES: usize = 16;

/// Replaces an object, or its status.
pub(crate) async fn update(change: &Change<'_>, mut object: Value) -> Result<Changed, Status> {
    apply::check_options(change.query.get("fieldManager"), Options::Update)?;
    prepare::identify(change, &mut object)?;
    let warnings = check_fields(change.kind, &object, change.validation()?)?;
    // A replacement without a version takes what there is, so it is tried on what there is.
    let tries = if meta::version(&object).is_empty() { TRIES } else { 1 };
    let mut attempts = Attempts::new(tries);
    loop {
        let tried = update_once(change, object.clone(), warnings.clone()).await;
        if let Some(answer) = attempts.settle(tried) {
            return answer;
        }
    }
}

async fn update_once(change: &Change<'_>, object: Value, warnings: Vec<String>) -> Result<Changed, Failed> {
    let Some((current, _)) = read(change).await? else { return Err(missing(change).into()) };
    write(change, &current, object, warnings).await
}

/// Patches an object, or its status. An apply patch creates what is missing.
pub(crate) async fn patch(change: &Change<'_>, body: &Bytes) -> Result<Changed, Status> {
    let media_type =
        change.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    // How a list of a custom resource merges strategically, nothing says.
    let kind = if gvk(change.kind).group.is_empty() {
        PatchKind::of_content_type(media_type)?
    } else {
        PatchKind::of_custom_content_type(media_type)?
    };
    let options = match kind {
        PatchKind::Apply => Options::Apply,
        PatchKind::Json | PatchKind::Merge | PatchKind::Strategic => Options::Patch {
            force: (!change.query.get("force").is_empty()).then(|| change.query.is("force")),
        },
    };
    apply::check_options(change.query.get("fieldManager"), options)?;
    let mut wanted = if kind == PatchKind::Apply { body::yaml(body)? } else { body::json(body)? };
    let mut warnings = Vec::new();
    if kind == PatchKind::Apply {
        if !wanted.is_object() {
            return Err(Status::bad_request(
                "an apply patch must be an object with apiVersion, kind and metadata",
            ));
        }
        prepare::identify(change, &mut wanted)?;
        warnings = check_fields(change.kind, &wanted, change.validation()?)?;
        if meta::name(&wanted).is_empty() {
            wanted["metadata"]["name"] = json!(change.name);
        }
    }
    let mut attempts = Attempts::new(TRIES);
    loop {
        let tried = match kind {
            PatchKind::Apply => apply_once(change, &wanted, warnings.clone()).await,
            PatchKind::Json | PatchKind::Merge | PatchKind::Strategic => {
                patch_once(change, kind, &wanted).await
            }
        };
        if let Some(answer) = attempts.settle(tried) {
            return answer;
        }
    }
}

async fn patch_once(change: &Change<'_>, kind: PatchKind, wanted: &Value) -> Result<Changed, Failed> {
    let Some((current, base)) = read(change).await? else { return Err(missing(change).into()) };
    let mut patched = match kind {
        PatchKind::Json => patch::json(&base, wanted)?,
        PatchKind::Merge => patch::merge(&base, wanted)?,
        PatchKind::Strategic | PatchKind::Apply => patch::strategic(&base, wanted, schema(change.kind))?,
    };
    // Only a version that the patch itself names is a condition.
    if meta::version(&patched) == meta::version(&base)
        && wanted.pointer("/metadata/resourceVersion").is_none()
    {
        without_version(&mut patched);
    }
    let warnings = check_patched(change.kind, &base, &patched, change.validation()?)?;
    write(change, &current, patched, warnings).await
}

async fn apply_once(change: &Change<'_>, wanted: &Value, warnings: Vec<String>) -> Result<Changed, Failed> {
    let subresource = if change.part == Part::Status { "status" } else { "" };
    let manager = Manager { name: change.query.get("fieldManager"), subresource };
    let conflicts = if change.query.is("force") { Conflicts::Force } else { Conflicts::Refuse };
    let schema = schema(change.kind);
    let found = read(change).await?;
    let mut wanted = wanted.clone();
    prepare::own(change, found.as_ref().map(|(_, base)| base), &mut wanted);
    let wanted = &wanted;
    if let Some((current, base)) = found {
        let mut merged = apply::apply(Some(&base), wanted, manager, conflicts, schema, change.now)?;
        if meta::version(wanted).is_empty() {
            without_version(&mut merged);
        }
        return commit(change, &current, merged, warnings).await;
    }
    if change.part == Part::Status {
        return Err(missing(change).into());
    }
    let uid = meta::uid(wanted);
    if !uid.is_empty() {
        let why = format!(
            "uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        );
        return Err(Status::conflict(resource(change.kind), change.name, &why).into());
    }
    namespaces::check(change.records, change.kind, change.namespace).await?;
    let mut applied = apply::apply(None, wanted, manager, conflicts, schema, change.now)?;
    // A version is no condition where there is nothing yet.
    without_version(&mut applied);
    let managers = applied.pointer("/metadata/managedFields").cloned();
    let created = create::store(change, applied, warnings, |mut object| {
        if let Some(managers) = &managers {
            object["metadata"]["managedFields"] = managers.clone();
        }
        Ok(object)
    });
    created.await.map_err(|status| match status.reason {
        "AlreadyExists" => Failed::Again(status),
        _ => Failed::Refused(status),
    })
}

fn missing(change: &Change<'_>) -> Status {
    Status::not_found(resource(change.kind), change.name)
}

/// Why an attempt did not succeed.
enum Failed {
    Refused(Status),
    /// Another writer came in between.
    Again(Status),
}

impl From<Status> for Failed {
    fn from(status: Status) -> Self {
        Self::Refused(status)
    }
}

/// How often a change may still be tried.
struct Attempts(usize);

impl Attempts {
    const fn new(tries: usize) -> Self {
        Self(tries)
    }

    /// The answer, unless it is worth another try.
    fn settle(&mut self, tried: Result<Changed, Failed>) -> Option<Result<Changed, Status>> {
        self.0 -= 1;
        match tried {
            Ok(changed) => Some(Ok(changed)),
            Err(Failed::Refused(status)) => Some(Err(status)),
            Err(Failed::Again(status)) => (self.0 == 0).then_some(Err(status)),
        }
    }
}

/// The object, and what a patch works on: the object with the status that is stored, at its version.
async fn read(change: &Change<'_>) -> Result<Option<(Parts, Value)>, Status> {
    let stored = change.records.get(change.kind, change.namespace, change.name).await.map_err(failed)?;
    let Some(stored) = stored else { return Ok(None) };
    let parts = list::complete(change.records, change.kind, stored).await.map_err(failed)?;
    let mut base = parts.object.value.clone();
    if let Some((status, _)) = &parts.status {
        base["status"] = status.clone();
    }
    meta::set_version(&mut base, parts.revision().0);
    Ok(Some((parts, base)))
}

/// Writes `new` with the fields that it changes under the manager's name.
async fn write(
    change: &Change<'_>,
    current: &Parts,
    mut new: Value,
    warnings: Vec<String>,
) -> Result<Changed, Failed> {
    prepare::identify(change, &mut new)?;
    if change.part == Part::Main {
        prepare::own(change, Some(&current.object.value), &mut new);
        let schema = schema(change.kind);
        // What the hub itself wrote has no managers; what people change in it must have (a pause, for one).
        let before = Some(&current.object.value);
        let tracked = apply::track_from_now(before, new, change.manager(), schema, change.now);
        return match updated(change, &current.object, tracked)? {
            Updated::Unchanged => done(change, current.clone(), warnings),
            Updated::Changed(value) => store(change, current, value, warnings).await,
            Updated::Removed(value) => remove(change, current, value, warnings).await,
        };
    }
    check_version(change, &current.object, &new)?;
    status::write(change, current, &new, warnings).await.map_err(Failed::Refused)
}

/// Writes what an apply made: its managers are settled already.
async fn commit(
    change: &Change<'_>,
    current: &Parts,
    mut new: Value,
    warnings: Vec<String>,
) -> Result<Changed, Failed> {
    if change.part == Part::Status {
        check_version(change, &current.object, &new)?;
        return status::write(change, current, &new, warnings).await.map_err(Failed::Refused);
    }
    prepare::own(change, Some(&current.object.value), &mut new);
    match updated(change, &current.object, new)? {
        Updated::Unchanged => done(change, current.clone(), warnings),
        Updated::Changed(value) => store(change, current, value, warnings).await,
        Updated::Removed(value) => remove(change, current, value, warnings).await,
    }
}

fn updated(change: &Change<'_>, old: &Stored, mut new: Value) -> Result<Updated, Status> {
    check_version(change, old, &new)?;
    without_version(&mut new);
    if let Some(fields) = new.as_object_mut() {
        fields.remove("status");
    }
    meta::update(&old.value, new, Part::Main, resource(change.kind), &rules(change.kind))
}

/// A version is a condition on the object alone: a newer status is no conflict.
fn check_version(change: &Change<'_>, old: &Stored, new: &Value) -> Result<(), Status> {
    let given = meta::version(new);
    if given.is_empty() {
        return Ok(());
    }
    let given: u64 = given.parse().map_err(|_| {
        Status::bad_request(format!(
            "metadata.resourceVersion: {given:?} is no version that this API gave out"
        ))
    })?;
    if Revision(given) < old.revision {
        return Err(Status::conflict(resource(change.kind), change.name, MODIFIED));
    }
    Ok(())
}

async fn store(
    change: &Change<'_>,
    current: &Parts,
    value: Value,
    warnings: Vec<String>,
) -> Result<Changed, Failed> {
    validate(change.kind, &value)?;
    prepare::check_size(change.kind, &value)?;
    let stored = if change.dry_run()? {
        Stored { value, ..current.object.clone() }
    } else {
        change.records.put(change.kind, &current.object, value).await.map_err(again)?
    };
    done(change, Parts { object: stored, ..current.clone() }, warnings)
}

async fn remove(
    change: &Change<'_>,
    current: &Parts,
    value: Value,
    warnings: Vec<String>,
) -> Result<Changed, Failed> {
    let revision = if change.dry_run()? {
        current.object.revision
    } else {
        change.records.remove(change.kind, &current.object).await.map_err(again)?.revision
    };
    let object = Stored { value, revision, created: current.object.created };
    done(change, Parts { object, ..current.clone() }, warnings)
}

fn done(change: &Change<'_>, parts: Parts, warnings: Vec<String>) -> Result<Changed, Failed> {
    Ok(Changed { created: false, document: view::view(change.kind, parts), warnings })
}

fn again(error: Error) -> Failed {
    let again = matches!(error, Error::Conflict { .. });
    let status = failed(error);
    if again { Failed::Again(status) } else { Failed::Refused(status) }
}

fn without_version(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
    }
}
