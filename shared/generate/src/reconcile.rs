//! What writing an expansion changes, and the brake on deletion (design §4).
//!
//! An update replaces the whole spec and all labels, annotations and finalizers, but for what `preservedFields` and Argo CD itself keep.
//! A person's pause is kept too, with or without `preservedFields`: Argo CD takes `skip-reconcile` off a generated Application
//! (argoproj/argo-cd#14027), and an application that somebody stopped would start again by itself. Whose a pause is, the object's
//! managers tell: what came from the template has none, and goes with the template.
//! Fields under `ignoreApplicationDifferences` stay as they are. Applications that are being deleted are left alone. When the expansion has problems, nothing changes;
//! when generators failed alone, what they gave stays as it is, and where nobody knows what that was, nothing is deleted.

mod ignored;
mod jq;
mod normal;

use crate::outcome::{Changes, Expansion, Held};
use serde_json::{Value, json};
use shared_model::{APPROVE_DELETIONS_ANNOTATION, Digest, PAUSE_ANNOTATION, SKIP_RECONCILE_ANNOTATION};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

pub(crate) use ignored::without_effect;

/// Annotations that live on an Application without being in its template (`defaultPreservedAnnotations`).
const KEPT_ANNOTATIONS: [&str; 3] =
    ["notified.notifications.argoproj.io", "argocd.argoproj.io/refresh", "argocd.argoproj.io/hydrate"];
/// Annotations that pause: kept when a person set them.
const PAUSES: [&str; 2] = [PAUSE_ANNOTATION, SKIP_RECONCILE_ANNOTATION];
/// Finalizers that hooks put on an Application.
const KEPT_FINALIZERS: [&str; 2] =
    ["pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io"];
/// How many names a message lists.
const LISTED: usize = 5;

/// What `applicationsSync` allows beside creation.
#[derive(Debug, Clone, Copy)]
struct Policy {
    updates: bool,
    deletes: bool,
}

/// An Application that a set owns already.
#[derive(Debug)]
pub struct Existing<'a> {
    /// `metadata.name`.
    pub name: &'a str,
    /// Whether it is being deleted.
    pub is_going: bool,
    /// The object; none where it is known to be as the set would have it: neither it, nor the set, nor what the set gives under its name has
    /// changed since [`reconcile`] found nothing to change in it.
    pub object: Option<Cow<'a, Value>>,
}

impl<'a> From<&'a Value> for Existing<'a> {
    fn from(object: &'a Value) -> Self {
        Self { name: name(object), is_going: is_going(object), object: Some(Cow::Borrowed(object)) }
    }
}

/// Compares `expansion` with `existing`, the Applications that `set` owns, under the set's policy. A set that is being deleted changes nothing:
/// its Applications go by their owner references.
pub fn reconcile<'a>(
    set: &Value,
    existing: impl IntoIterator<Item = impl Into<Existing<'a>>>,
    expansion: &Expansion,
) -> Changes {
    if !expansion.problems.is_empty() || is_going(set) {
        return Changes::default();
    }
    let policy = policy(set);
    let existing = existing.into_iter().map(Into::into);
    let existing: BTreeMap<&str, Existing<'a>> = existing.map(|one| (one.name, one)).collect();
    let owner = owner(set);
    let mut changes = Changes::default();
    // What a generator gave that stands still now is its own, whoever gives that name meanwhile.
    let frozen: BTreeSet<&str> = expansion
        .frozen
        .iter()
        .filter_map(|frozen| frozen.applications.as_ref())
        .flatten()
        .map(String::as_str)
        .collect();
    for generated in
        expansion.applications.iter().filter(|generated| !frozen.contains(generated.name.as_str()))
    {
        match existing.get(generated.name.as_str()) {
            None => {
                let mut created = normal::spec(generated.object());
                own(&mut created, &owner);
                changes.create.push(created);
            }
            Some(Existing { object: Some(current), is_going: false, .. }) if policy.updates => {
                let merged = merged(set, current, &normal::spec(generated.object()), &owner);
                if merged != **current {
                    changes.update.push(merged);
                }
            }
            Some(_) => {}
        }
    }
    if policy.deletes {
        let wanted: BTreeSet<&str> = expansion
            .applications
            .iter()
            .map(|generated| generated.name.as_str())
            .chain(expansion.rejected.iter().map(|rejected| rejected.name.as_str()))
            .chain(frozen)
            .collect();
        let living: Vec<&str> =
            existing.values().filter(|current| !current.is_going).map(|current| current.name).collect();
        let removals =
            living.iter().filter(|name| !wanted.contains(*name)).map(|name| (*name).to_owned()).collect();
        brake(set, expansion, living.len(), removals, &mut changes);
    }
    changes
}

/// Argo CD's reason for a condition when Applications could not be written: a policy without updates only creates.
pub(crate) fn unwritten(set: &Value) -> &'static str {
    if policy(set).updates { "UpdateApplicationError" } else { "CreateApplicationError" }
}

fn policy(set: &Value) -> Policy {
    match set.pointer("/spec/syncPolicy/applicationsSync").and_then(Value::as_str).unwrap_or_default() {
        "create-only" => Policy { updates: false, deletes: false },
        "create-update" => Policy { updates: true, deletes: false },
        "create-delete" => Policy { updates: false, deletes: true },
        _ => Policy { updates: true, deletes: true },
    }
}

/// Lets few deletions through, and others when they are approved by name.
fn brake(set: &Value, expansion: &Expansion, of: usize, removals: Vec<String>, changes: &mut Changes) {
    if removals.is_empty() {
        return;
    }
    let hiding = expansion.unsupported.iter().find(|unsupported| unsupported.hides_applications);
    let hiding = hiding.map(|hiding| format!("{}: {}", hiding.path, hiding.message));
    let unknown = expansion.frozen.iter().find(|frozen| frozen.applications.is_none());
    let unknown = unknown.and_then(|frozen| frozen.problems.first()).map(ToString::to_string);
    let why = match unknown.or(hiding) {
        Some(hiding) if !expansion.frozen.is_empty() => {
            format!("they may be missing only because of {hiding}")
        }
        _ if expansion.applications.is_empty() => "the set generates no Application now".to_owned(),
        Some(hiding) => format!("they may be missing only because of {hiding}"),
        None if removals.len() > (of / 10).max(1) => "that is more than a tenth of the set".to_owned(),
        None => {
            changes.delete = removals;
            return;
        }
    };
    let approval = Digest::of(removals.join("\n").as_bytes()).short();
    let annotation = format!("/metadata/annotations/{}", APPROVE_DELETIONS_ANNOTATION.replace('/', "~1"));
    if set.pointer(&annotation).and_then(Value::as_str) == Some(&approval) {
        changes.delete = removals;
        return;
    }
    let more = removals.len().saturating_sub(LISTED);
    let names = removals.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let names = if more == 0 { names } else { format!("{names} and {more} more") };
    let message = format!(
        "{} of {of} Applications would be deleted ({names}), and {why}; nothing is deleted until it is approved: kubectl annotate applicationset {} -n {} --overwrite {APPROVE_DELETIONS_ANNOTATION}={approval}",
        removals.len(),
        name(set),
        crate::render::namespace(set),
    );
    changes.held = Some(Held { removals, of, approval, message });
}

/// The existing object with what the set decides.
fn merged(set: &Value, current: &Value, generated: &Value, owner: &Value) -> Value {
    let mut merged = current.clone();
    let Value::Object(fields) = &mut merged else { return generated.clone() };
    for key in ["apiVersion", "kind", "spec", "operation"] {
        if let Some(value) = generated.get(key) {
            fields.insert(key.to_owned(), value.clone());
        }
    }
    let preserved = |kind: &str| {
        let listed = set.pointer(&format!("/spec/preservedFields/{kind}")).and_then(Value::as_array);
        listed.into_iter().flatten().filter_map(Value::as_str)
    };
    let by_people = PAUSES.into_iter().filter(|name| is_by_people(current, name));
    let annotations = preserved("annotations").chain(KEPT_ANNOTATIONS).chain(by_people);
    let annotations = with_kept(current, generated, "annotations", annotations);
    let labels = with_kept(current, generated, "labels", preserved("labels"));
    let finalizers = finalizers(current, generated);
    let Some(Value::Object(metadata)) = fields.get_mut("metadata") else { return generated.clone() };
    for (key, value) in [("annotations", annotations), ("labels", labels), ("finalizers", finalizers)] {
        match value {
            Some(value) => drop(metadata.insert(key.to_owned(), value)),
            None => drop(metadata.remove(key)),
        }
    }
    ignored::keep(set, name(current), current, &mut merged);
    own(&mut merged, owner);
    merged
}

/// Whether a request to the API set an annotation: the hub's own writes have no manager.
fn is_by_people(object: &Value, annotation: &str) -> bool {
    let managers = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let field = format!("f:{annotation}");
    // All that was there when somebody first applied to it is that one's, whoever wrote it.
    let mut people =
        managers.into_iter().flatten().filter(|manager| manager["manager"] != "before-first-apply");
    people.any(|manager| {
        let owned = &manager["fieldsV1"]["f:metadata"]["f:annotations"];
        !owned[&field].is_null()
    })
}

fn with_kept<'a>(
    current: &Value,
    generated: &Value,
    kind: &str,
    kept: impl Iterator<Item = &'a str>,
) -> Option<Value> {
    let map = |object: &Value| {
        object.pointer(&format!("/metadata/{kind}")).and_then(Value::as_object).cloned().unwrap_or_default()
    };
    let (current, mut result) = (map(current), map(generated));
    for key in kept {
        if let Some(value) = current.get(key) {
            result.insert(key.to_owned(), value.clone());
        }
    }
    (!result.is_empty()).then_some(Value::Object(result))
}

fn finalizers(current: &Value, generated: &Value) -> Option<Value> {
    let list = |object: &Value| {
        object.pointer("/metadata/finalizers").and_then(Value::as_array).cloned().unwrap_or_default()
    };
    let mut result = list(generated);
    for finalizer in list(current) {
        let kept =
            finalizer.as_str().is_some_and(|text| KEPT_FINALIZERS.iter().any(|kept| text.starts_with(kept)));
        if kept && !result.contains(&finalizer) {
            result.push(finalizer);
        }
    }
    (!result.is_empty()).then_some(Value::Array(result))
}

fn owner(set: &Value) -> Value {
    let uid = set.pointer("/metadata/uid").cloned().unwrap_or_else(|| json!(""));
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "name": name(set),
        "uid": uid,
        "controller": true,
        "blockOwnerDeletion": true,
    })
}

/// Makes the set the controlling owner; other owners stay.
fn own(application: &mut Value, owner: &Value) {
    let Some(metadata) = application.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let list = metadata.entry("ownerReferences").or_insert_with(|| json!([]));
    let Value::Array(items) = list else {
        *list = json!([owner]);
        return;
    };
    match items.iter_mut().find(|item| item.get("uid") == owner.get("uid")) {
        Some(item) => *item = owner.clone(),
        None => items.push(owner.clone()),
    }
}

fn is_going(object: &Value) -> bool {
    object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null())
}

fn name(object: &Value) -> &str {
    object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default()
}
