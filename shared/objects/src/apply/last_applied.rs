//! The way from `kubectl apply` on the client to `kubectl apply --server-side`: the annotation in which the
//! former keeps what it applied.
//!
//! Only for the manager that kubectl calls itself: another name opts out. Source: k8s.io/apimachinery
//! `managedfields/internal/lastapplied*.go`.

use serde_json::Value;

use super::managers::Owner;
use super::typed::{check, compare, fields};
use super::update::{Conflicting, Target};
use super::{FieldSet, Manager, all_of};
use crate::value;

const ANNOTATION: &str = "kubectl.kubernetes.io/last-applied-configuration";
const KUBECTL: &str = "kubectl";
/// How many bytes the annotations of an object may have.
const MOST_ANNOTATIONS: usize = 256 * 1024;

fn annotation(object: &Value) -> Option<&str> {
    object.get("metadata")?.get("annotations")?.get(ANNOTATION)?.as_str().filter(|text| !text.is_empty())
}

/// The conflicts that are not with kubectl's own apply on the client: with a field that the annotation says
/// kubectl applied, and that still is as it was applied.
pub(super) fn unforeseen(
    conflicts: Conflicting,
    live: &Value,
    manager: Manager<'_>,
    target: &Target<'_>,
) -> Conflicting {
    if manager.name != KUBECTL {
        return conflicts;
    }
    let Some(allowed) = applied_before(live, target) else { return conflicts };
    if all_of(&conflicts).iter().all(|path| allowed.contains(path)) {
        return Conflicting::new();
    }
    let left = |(owner, set): (Owner, FieldSet)| (owner, set.minus(&allowed));
    conflicts.into_iter().map(left).filter(|(_, set)| !set.is_empty()).collect()
}

fn applied_before(live: &Value, target: &Target<'_>) -> Option<FieldSet> {
    let of = target.schema.root.get();
    let last: Value = serde_json::from_str(annotation(live)?).ok()?;
    let same = value::text(&last, &["apiVersion"]) == target.version;
    if !same || check(&last, of).is_err() || check(live, of).is_err() {
        return None;
    }
    let since = compare(&last, live, of);
    Some(fields(&last, of).minus(&since.written()).minus(&since.removed))
}

/// Writes into the annotation, where there is one, what kubectl has applied now.
pub(super) fn keep_up(object: &mut Value, config: &Value, manager: Manager<'_>) {
    if manager.name != KUBECTL || annotation(object).is_none() {
        return;
    }
    let mut last = config.clone();
    if let Some(Value::Object(annotations)) = last.pointer_mut("/metadata/annotations") {
        annotations.remove(ANNOTATION);
    }
    let text = as_go_writes(&last);
    let Some(Value::Object(annotations)) = object.pointer_mut("/metadata/annotations") else { return };
    annotations.insert(ANNOTATION.to_owned(), text.into());
    let size: usize =
        annotations.iter().map(|(name, text)| name.len() + text.as_str().map_or(0, str::len)).sum();
    if size > MOST_ANNOTATIONS {
        annotations.remove(ANNOTATION);
    }
}

/// JSON in a line, with the letters escaped that HTML has a meaning for.
fn as_go_writes(value: &Value) -> String {
    let mut text = value.to_string();
    for (letter, escaped) in [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ] {
        text = text.replace(letter, escaped);
    }
    text + "\n"
}
