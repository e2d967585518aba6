//! Whose an object is: the marks on it.
//!
//! Two marks are written at the first real apply: Argo CD's annotation, so that both tools recognise each other's objects, and a label that
//! a watch can select on. Invariants: [`stamp`] changes nothing but these two; a mark names one application. Refuses to know: whether the
//! mark is true; the agent's inventory says what may be pruned.

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};
use shared_model::{DEFAULT_NAMESPACE, Digest};

use crate::{Manifest, ObjectId};

/// Argo CD's tracking annotation, its default since 3.0.
pub const TRACKING_ANNOTATION: &str = "argocd.argoproj.io/tracking-id";
/// Our label: [`owner_hash`] of the application.
pub const OWNER_LABEL: &str = "flotilla.dev/owner";

/// The value of Argo CD's annotation: `<app>:<group>/<Kind>:<namespace>/<name>` (`util/argo/resource_tracking.go`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrackingId {
    /// The Application's name, or `<namespace>_<name>` when it lives outside the control namespace.
    pub app: String,
    /// The object that was stamped; another object with this mark is a copy that somebody made.
    pub object: ObjectId,
}

/// A text that is no tracking id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a tracking id: expected <app>:<group>/<Kind>:<namespace>/<name>")]
pub struct InvalidTrackingId(String);

impl TrackingId {
    /// The mark of `object` for the Application `app_name` in `app_ns` on the hub.
    pub fn new(app_ns: &str, app_name: &str, object: ObjectId) -> Self {
        let app =
            if app_ns == DEFAULT_NAMESPACE { app_name.to_owned() } else { format!("{app_ns}_{app_name}") };
        Self { app, object }
    }
}

impl fmt::Display for TrackingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ObjectId { group, kind, namespace, name } = &self.object;
        write!(f, "{}:{group}/{kind}:{namespace}/{name}", self.app)
    }
}

impl FromStr for TrackingId {
    type Err = InvalidTrackingId;

    fn from_str(text: &str) -> Result<Self, InvalidTrackingId> {
        let parts = || {
            let (app, rest) = text.split_once(':')?;
            let (group_kind, place) = rest.split_once(':')?;
            let (group, kind) = group_kind.split_once('/')?;
            let (namespace, name) = place.split_once('/')?;
            let owned = str::to_owned;
            let object = ObjectId {
                group: owned(group),
                kind: owned(kind),
                namespace: owned(namespace),
                name: owned(name),
            };
            Some(Self { app: owned(app), object })
                .filter(|id| !app.is_empty() && !id.object.kind.is_empty() && !name.is_empty())
        };
        parts().ok_or_else(|| InvalidTrackingId(text.chars().take(100).collect()))
    }
}

/// The first 16 hex digits of the SHA-256 of `<namespace>/<name>`: what [`OWNER_LABEL`] holds.
pub fn owner_hash(app_ns: &str, app_name: &str) -> String {
    let mut hex = Digest::of(format!("{app_ns}/{app_name}").as_bytes()).hex();
    hex.truncate(16);
    hex
}

/// `manifest` with both marks of its application. A CustomResourceDefinition gets the label alone, since Argo CD does not track them.
/// An object without a name yet gets the annotation of its prefix.
pub fn stamp(manifest: &Manifest, app_ns: &str, app_name: &str) -> Value {
    let mut object = manifest.value().clone();
    set(&mut object, "labels", OWNER_LABEL, owner_hash(app_ns, app_name));
    if !manifest.is_crd() {
        set(
            &mut object,
            "annotations",
            TRACKING_ANNOTATION,
            TrackingId::new(app_ns, app_name, manifest.id()).to_string(),
        );
    }
    object
}

/// The owner's hash on an object, live or not.
pub fn owner_of(object: &Value) -> Option<&str> {
    object["metadata"]["labels"][OWNER_LABEL].as_str()
}

/// Argo CD's mark on an object, live or not; `None` without one or when it cannot be read.
pub fn tracking_of(object: &Value) -> Option<TrackingId> {
    object["metadata"]["annotations"][TRACKING_ANNOTATION].as_str()?.parse().ok()
}

/// Takes both marks off, and the maps that are empty without them.
pub fn unstamp(object: &mut Value) {
    for (field, key) in [("labels", OWNER_LABEL), ("annotations", TRACKING_ANNOTATION)] {
        let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
        let Some(map) = metadata.get_mut(field).and_then(Value::as_object_mut) else { continue };
        if map.remove(key).is_some() && map.is_empty() {
            metadata.remove(field);
        }
    }
}

fn set(object: &mut Value, field: &str, key: &str, value: String) {
    let map = &mut object["metadata"][field];
    if !map.is_object() {
        *map = Value::Object(Map::new());
    }
    map[key] = Value::from(value);
}
