//! What is kept of live objects: verdicts, never the object.

use crate::assignment::{Assignment, Desired};
use serde_json::{Map, Value, json};
use shared_diff::{DriftLine, Rules};
use shared_manifest::order::{self, Role};
use shared_manifest::{Manifest, ObjectId, tracking};
use shared_model::{Digest, Health};
use std::collections::BTreeMap;

/// Most drift lines kept of one object.
const MOST_LINES: usize = 20;

/// What is known of one object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Live {
    /// Not read yet.
    Unknown,
    /// It could not be read, and asking at once again would not help.
    Unreadable(String),
    /// It is certainly not there.
    Absent,
    /// It is there.
    Present(Box<Facts>),
}

/// The verdicts on a live object.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Facts {
    pub(crate) uid: Option<String>,
    pub(crate) health: Option<Health>,
    /// Differences from the release that our own write did not leave behind.
    pub(crate) drift: Vec<DriftLine>,
    /// Carries the marks of this application and of this very object.
    pub(crate) ours: bool,
    pub(crate) wave: i64,
    pub(crate) hook: bool,
    pub(crate) keep_on_prune: bool,
    pub(crate) keep_on_removal: bool,
    /// `compare-options: IgnoreExtraneous`: not drift when it is not in the release.
    pub(crate) extraneous_ok: bool,
    /// It is being deleted; what holds it, for people.
    pub(crate) deleting: Option<String>,
    /// The Application whose mark it carries instead of ours.
    pub(crate) claimed: Option<String>,
}

/// What is known of one object, and of our writes to it.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) live: Live,
    /// The resourceVersion of `live`, to tell late news from new ones.
    version: Option<u64>,
    /// This machine (or the one before a restart) applied what the release says of it.
    pub(crate) written: bool,
    /// The owned hash that our last write left, when it differs from the release even so.
    accepted: Option<Digest>,
}

impl Seen {
    pub(crate) const fn new(written: bool) -> Self {
        Self { live: Live::Unknown, version: None, written, accepted: None }
    }

    pub(crate) fn facts(&self) -> Option<&Facts> {
        match &self.live {
            Live::Present(facts) => Some(facts),
            Live::Unknown | Live::Unreadable(_) | Live::Absent => None,
        }
    }

    /// Whether it is absent or differs from the release.
    pub(crate) fn differs(&self) -> bool {
        match &self.live {
            Live::Absent => true,
            Live::Present(facts) => !facts.drift.is_empty(),
            Live::Unknown | Live::Unreadable(_) => false,
        }
    }

    /// The release now says something else of it: what was accepted or written counts no longer.
    pub(crate) fn forget_writes(&mut self) {
        self.written = false;
        self.accepted = None;
        self.version = None;
    }

    /// Whether `object` is older news than what is known.
    fn is_late(&self, object: &Value) -> bool {
        let uid = object.pointer("/metadata/uid").and_then(Value::as_str);
        let same = self.facts().is_some_and(|facts| facts.uid.as_deref() == uid);
        same && matches!((version_of(object), self.version), (Some(new), Some(known)) if new < known)
    }
}

fn version_of(object: &Value) -> Option<u64> {
    object.pointer("/metadata/resourceVersion")?.as_str()?.parse().ok()
}

/// Whether news come from our own write or from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    OurWrite,
    Elsewhere,
}

/// What `ignoreDifferences` says, with and without our marks.
#[derive(Debug)]
pub(crate) struct Judge {
    owner: String,
    /// The application as tracking marks name it.
    app: String,
    rules: Rules,
    /// Before our first write its marks are no drift: an adopted object equals its release.
    unmarked: Rules,
}

impl Judge {
    pub(crate) fn of(assignment: &Assignment) -> Self {
        let app = &assignment.spec.application;
        let mut ignored = assignment.spec.ignore_differences.clone();
        let rules = Rules::new(&ignored);
        let pointer =
            |map: &str, key: &str| format!("/metadata/{map}/{}", key.replace('~', "~0").replace('/', "~1"));
        ignored.push(shared_model::IgnoreDifference {
            group: "*".to_owned(),
            kind: "*".to_owned(),
            json_pointers: vec![
                pointer("labels", tracking::OWNER_LABEL),
                pointer("annotations", tracking::TRACKING_ANNOTATION),
            ],
            ..Default::default()
        });
        Self {
            owner: tracking::owner_hash(&app.namespace, &app.name),
            app: mark_of(app),
            rules,
            unmarked: Rules::new(&ignored),
        }
    }

    /// A judge for a removal: nothing is desired.
    pub(crate) fn of_removal(app: &shared_model::AppKey) -> Self {
        let owner = tracking::owner_hash(&app.namespace, &app.name);
        Self { owner, app: mark_of(app), rules: Rules::default(), unmarked: Rules::default() }
    }

    /// Takes in news of an object; whether they changed anything worth a report.
    pub(crate) fn take(
        &self,
        id: &ObjectId,
        seen: &mut Seen,
        desired: Option<&Desired>,
        object: Option<&Value>,
        origin: Origin,
    ) -> bool {
        let live = match object {
            None => Live::Absent,
            Some(object) if seen.is_late(object) => return false,
            Some(object) => {
                seen.version = version_of(object);
                Live::Present(Box::new(self.facts(id, seen, desired, object, origin)))
            }
        };
        if seen.live == live {
            return false;
        }
        seen.live = live;
        true
    }

    fn facts(
        &self,
        id: &ObjectId,
        seen: &mut Seen,
        desired: Option<&Desired>,
        object: &Value,
        origin: Origin,
    ) -> Facts {
        let slim = slim(object);
        let annotated = |key: &str, option: &str| slim.annotation_items(key).any(|item| item == option);
        let option = |name: &str| {
            ["false", "confirm"].iter().any(|value| order::has_option(&slim, &format!("{name}={value}")))
        };
        let definition = is_definition(id);
        let helm_keeps = annotated("helm.sh/resource-policy", "keep");
        Facts {
            uid: object.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned),
            health: shared_health::health(object),
            drift: desired.map_or_else(Vec::new, |desired| self.drift(seen, desired, object, origin)),
            ours: self.is_ours(id, object),
            wave: order::wave(&slim),
            hook: order::role(&slim) != Role::Resource,
            keep_on_prune: helm_keeps || option("Prune"),
            keep_on_removal: helm_keeps || option("Delete") || definition,
            extraneous_ok: annotated("argocd.argoproj.io/compare-options", "IgnoreExtraneous"),
            deleting: leaving(object),
            claimed: desired.and_then(|_| self.claimed(id, object)),
        }
    }

    fn drift(&self, seen: &mut Seen, desired: &Desired, object: &Value, origin: Origin) -> Vec<DriftLine> {
        if desired.hook.is_some() {
            return Vec::new();
        }
        let rules = if seen.written { &self.rules } else { &self.unmarked };
        let wanted = desired.object.read();
        let mut lines = shared_diff::diff(&wanted, Some(object), rules);
        let hash = || shared_diff::owned_hash(&wanted, object, rules);
        if lines.is_empty() {
            seen.accepted = None;
        } else if origin == Origin::OurWrite {
            // Writing again would end the same: the API server or a webhook changed what we sent.
            seen.accepted = Some(hash());
            lines.clear();
        } else if seen.accepted.is_some_and(|accepted| accepted == hash()) {
            lines.clear();
        }
        lines.truncate(MOST_LINES);
        lines
    }

    /// Our label, and Argo CD's annotation naming this very object: controllers copy labels to what they make
    /// (a Service's go to its Endpoints). Definitions of kinds carry the label alone.
    fn is_ours(&self, id: &ObjectId, object: &Value) -> bool {
        tracking::owner_of(object) == Some(&self.owner)
            && (is_definition(id) || tracking::tracking_of(object).is_some_and(|mark| mark.object == *id))
    }

    /// Another Application says that this very object is its own (Argo CD's `SharedResourceWarning`).
    fn claimed(&self, id: &ObjectId, object: &Value) -> Option<String> {
        let mark = tracking::tracking_of(object)?;
        (mark.object == *id && mark.app != self.app).then_some(mark.app)
    }
}

fn mark_of(app: &shared_model::AppKey) -> String {
    tracking::TrackingId::new(&app.namespace, &app.name, ObjectId::of(&Value::Null)).app
}

/// Longest text about what holds an object that is being deleted, in characters.
const MOST_HELD: usize = 300;

/// `None` unless the object is being deleted: then what it waits for, as far as it tells.
pub(crate) fn leaving(object: &Value) -> Option<String> {
    object.pointer("/metadata/deletionTimestamp").filter(|time| !time.is_null())?;
    let texts = |pointer: &str| -> Vec<&str> {
        object
            .pointer(pointer)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    };
    // A Namespace tells in its conditions what is left in it and who holds that.
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let mut told: Vec<String> = conditions
        .filter(|one| one["status"] == "True" && one["type"].as_str().is_some_and(is_of_deletion))
        .filter_map(|one| one["message"].as_str().map(str::to_owned))
        .collect();
    let finalizers = texts("/metadata/finalizers");
    if !finalizers.is_empty() {
        told.push(format!("finalizers hold it: {}", finalizers.join(", ")));
    }
    Some(told.join("; ").chars().take(MOST_HELD).collect())
}

/// Conditions of a Namespace that is being deleted (Kubernetes, `pkg/controller/namespace/deletion/status_condition_utils.go`),
/// and of a definition.
fn is_of_deletion(condition: &str) -> bool {
    condition.starts_with("Namespace") || condition == "Terminating"
}

fn is_definition(id: &ObjectId) -> bool {
    id.group == "apiextensions.k8s.io" && id.kind == "CustomResourceDefinition"
}

/// The object with nothing but the annotations that say how it is to be treated.
fn slim(object: &Value) -> Manifest {
    let told = |key: &str| key.starts_with("argocd.argoproj.io/") || key.starts_with("helm.sh/");
    let annotations: Map<String, Value> = object
        .pointer("/metadata/annotations")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter(|(key, value)| told(key) && value.is_string())
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    // Roles and options are read off annotations alone; no name or kind of a cluster can make this fail.
    let slim =
        json!({"apiVersion": "v1", "kind": "Object", "metadata": {"name": "x", "annotations": annotations}});
    Manifest::new(slim).expect("its kind and name are fixed, its annotations are text")
}

/// Everything known of the cluster, by object.
pub(crate) type World = BTreeMap<ObjectId, Seen>;
