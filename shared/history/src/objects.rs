//! What a person's change of an object means.
//!
//! What has a word of its own (a pause, a freeze, an approval) is told by it; any other change by who, what and which
//! object, never by what is in it. Changes of bookkeeping alone are none.

use crate::{Entry, Named, What};
use jiff::Timestamp;
use serde_json::Value;
use shared_model::{
    APPROVE_DELETIONS_ANNOTATION, AppKey, ClusterName, Kind, Owner, OwnerKind, PAUSE_ANNOTATION,
    PauseRequest, SKIP_RECONCILE_ANNOTATION, gvk, pause,
};
use shared_project::{Settings, settings};

/// Metadata that says nothing to people.
const BOOKKEEPING: [&str; 5] = ["managedFields", "resourceVersion", "generation", "creationTimestamp", "uid"];
/// Annotations that say nothing to people: what kubectl keeps for itself, and a request to look again.
const NOTES: [&str; 3] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "argocd.argoproj.io/refresh",
    "argocd.argoproj.io/application-set-refresh",
];

/// What a person did to an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    /// It is new.
    Created,
    /// It was another.
    Changed,
    /// Its deletion was asked for; it may wait for others.
    Deleted,
}

/// The entries of a change by a person. `before` is absent when the object is new, `after` when it is gone.
pub fn of_object(
    kind: Kind,
    (before, after): (Option<&Value>, Option<&Value>),
    by: &str,
    now: Timestamp,
) -> Vec<Entry> {
    let Some(object) = after.or(before) else { return Vec::new() };
    // Events are made by the hundred, and are no decisions.
    if kind == Kind::Event {
        return Vec::new();
    }
    let deleting = |object: &Value| !object["metadata"]["deletionTimestamp"].is_null();
    let verb = match (before, after) {
        (None, _) => Verb::Created,
        (Some(before), after) => {
            let deleted = after.is_none_or(|after| deleting(after) && !deleting(before));
            if deleted { Verb::Deleted } else { Verb::Changed }
        }
    };
    let change = Change { kind, object, by, now };
    if verb == Verb::Deleted {
        return vec![change.plain(verb)];
    }
    let (old, new) = (before.unwrap_or(&Value::Null), object);
    let mut entries = match kind {
        Kind::Cluster => change.cluster(old, new),
        Kind::Application => change.application(old, new),
        Kind::ApplicationSet => change.set(old, new),
        Kind::ConfigMap => change.settings(old, new),
        Kind::AppProject
        | Kind::FleetRollout
        | Kind::RolloutPolicy
        | Kind::EnrollmentToken
        | Kind::Namespace
        | Kind::Secret
        | Kind::Event => Vec::new(),
    };
    let rest = |object: &Value| change.rest(object);
    if verb == Verb::Created || rest(old) != rest(new) {
        entries.insert(0, change.plain(verb));
    }
    entries
}

struct Change<'a> {
    kind: Kind,
    object: &'a Value,
    by: &'a str,
    now: Timestamp,
}

impl Change<'_> {
    fn name(&self) -> &str {
        self.object["metadata"]["name"].as_str().unwrap_or_default()
    }

    fn namespace(&self) -> &str {
        if gvk(self.kind).namespaced {
            self.object["metadata"]["namespace"].as_str().unwrap_or_default()
        } else {
            ""
        }
    }

    /// What is left of an object without bookkeeping and without what has words of its own.
    fn rest(&self, object: &Value) -> Value {
        let mut object = object.clone();
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.retain(|field, _| !BOOKKEEPING.contains(&field.as_str()));
        }
        if let Some(annotations) = object["metadata"].get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|name, _| !NOTES.contains(&name.as_str()) && !self.has_words(name));
            if annotations.is_empty() {
                object["metadata"]["annotations"] = Value::Null;
            }
        }
        let fields: &[&str] = if self.kind == Kind::Cluster { &["pause", "retire"] } else { &[] };
        for (part, fields) in [("spec", fields), ("data", &[settings::WINDOWS][..])] {
            let own = part == "spec" || self.are_settings();
            if let Some(part) = object.get_mut(part).filter(|_| own).and_then(Value::as_object_mut) {
                part.retain(|field, _| !fields.contains(&field.as_str()));
            }
        }
        for field in ["metadata", "spec", "data", "operation"] {
            let empty = |value: &Value| match value {
                Value::Object(fields) => fields.is_empty() || fields.values().all(Value::is_null),
                Value::Null => true,
                Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => false,
            };
            if let Some(fields) = object.as_object_mut()
                && fields.get(field).is_some_and(|value| field == "operation" || empty(value))
            {
                fields.remove(field);
            }
        }
        if let Some(annotations) = object["metadata"].as_object_mut() {
            annotations.retain(|_, value| !value.is_null());
        }
        object
    }

    fn has_words(&self, annotation: &str) -> bool {
        match self.kind {
            Kind::Application => [PAUSE_ANNOTATION, SKIP_RECONCILE_ANNOTATION].contains(&annotation),
            Kind::ApplicationSet => annotation == APPROVE_DELETIONS_ANNOTATION,
            Kind::Cluster => annotation == SKIP_RECONCILE_ANNOTATION,
            Kind::AppProject
            | Kind::FleetRollout
            | Kind::RolloutPolicy
            | Kind::EnrollmentToken
            | Kind::Namespace
            | Kind::Secret
            | Kind::ConfigMap
            | Kind::Event => false,
        }
    }

    fn are_settings(&self) -> bool {
        Settings::are_in(self.kind, self.namespace(), self.name())
    }

    fn entry(&self, what: What, text: String, reason: &str) -> Entry {
        let (namespace, name) = (self.namespace(), self.name());
        let owner = |kind| vec![Owner { kind, namespace: namespace.to_owned(), name: name.to_owned() }];
        let mut entry = Entry::new(what, self.now, text).by(self.by, reason);
        match self.kind {
            Kind::Cluster => entry.cluster = Some(ClusterName::new(name)),
            Kind::Application => entry.application = Some(AppKey::new(namespace, name)),
            Kind::ApplicationSet => entry.owners = owner(OwnerKind::ApplicationSet),
            Kind::FleetRollout => entry.rollout = Some(shared_model::RolloutName::new(name)),
            Kind::AppProject
            | Kind::RolloutPolicy
            | Kind::EnrollmentToken
            | Kind::Namespace
            | Kind::Secret
            | Kind::ConfigMap
            | Kind::Event => {}
        }
        entry
    }

    fn plain(&self, verb: Verb) -> Entry {
        let (what, word) = match verb {
            Verb::Created => (What::Created, "created"),
            Verb::Changed => (What::Changed, "changed"),
            Verb::Deleted => (What::Deleted, "deleted"),
        };
        let kind = gvk(self.kind).kind;
        let (namespace, name) = (self.namespace(), self.name());
        let place = if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
        let mut entry = self.entry(what, format!("{} {word} {kind} {place}", self.by), "");
        entry.object =
            Some(Named { kind: kind.to_owned(), namespace: namespace.to_owned(), name: name.to_owned() });
        entry
    }

    fn cluster(&self, old: &Value, new: &Value) -> Vec<Entry> {
        let asked = |object: &Value| {
            let spec = serde_json::from_value::<PauseRequest>(object["spec"]["pause"].clone()).ok();
            let skip = object["metadata"]["annotations"][SKIP_RECONCILE_ANNOTATION].as_str() == Some("true");
            let skipped = PauseRequest {
                reason: format!("annotation {SKIP_RECONCILE_ANNOTATION}"),
                ..PauseRequest::default()
            };
            spec.or_else(|| skip.then_some(skipped))
        };
        let mut entries =
            self.paused((asked(old), asked(new)), (What::ClusterPaused, What::ClusterResumed), self.name());
        let retires = |object: &Value| {
            let retire = &object["spec"]["retire"];
            retire.is_object().then(|| retire["drain"].as_bool().unwrap_or_default())
        };
        match (retires(old), retires(new)) {
            (before, Some(drain)) if before != Some(drain) => {
                let how = if drain {
                    ", and what the hub put there is removed first"
                } else {
                    "; what runs there stays"
                };
                let text = format!("{} retires {}{how}", self.by, self.name());
                entries.push(self.entry(What::ClusterRetiring, text, ""));
            }
            (Some(_), None) => {
                let text = format!("{} keeps {}: it does not leave the fleet", self.by, self.name());
                entries.push(self.entry(What::Changed, text, ""));
            }
            (None | Some(_), _) => {}
        }
        entries
    }

    fn application(&self, old: &Value, new: &Value) -> Vec<Entry> {
        let asked = |object: &Value| pause::of_object(object, self.now).map(|asked| asked.request);
        let words = (What::ApplicationPaused, What::ApplicationResumed);
        let mut entries = self.paused((asked(old), asked(new)), words, self.name());
        if new["operation"].is_object() && old["operation"] != new["operation"] {
            let text = format!("{} asked for a sync of {}", self.by, self.name());
            entries.push(self.entry(What::SyncAsked, text, ""));
        }
        entries
    }

    fn paused(
        &self,
        (before, after): (Option<PauseRequest>, Option<PauseRequest>),
        (paused, resumed): (What, What),
        name: &str,
    ) -> Vec<Entry> {
        match (before, after) {
            (before, Some(asked)) if before.as_ref() != Some(&asked) => {
                let until = asked.ends().map(|end| format!(" until {end:.0}")).unwrap_or_default();
                let text = format!("{} paused {name}{until}{}", self.by, because(&asked.reason));
                vec![self.entry(paused, text, &asked.reason)]
            }
            (Some(before), None) if before.is_active(self.now) => {
                vec![self.entry(resumed, format!("{} resumed {name}", self.by), "")]
            }
            (None | Some(_), _) => Vec::new(),
        }
    }

    fn set(&self, old: &Value, new: &Value) -> Vec<Entry> {
        let approved =
            |object: &Value| object["metadata"]["annotations"][APPROVE_DELETIONS_ANNOTATION].clone();
        if approved(new).is_null() || approved(old) == approved(new) {
            return Vec::new();
        }
        let text = format!("{} approved the deletions that {} holds", self.by, self.name());
        vec![self.entry(What::RemovalApproved, text, "")]
    }

    fn settings(&self, old: &Value, new: &Value) -> Vec<Entry> {
        if !self.are_settings() {
            return Vec::new();
        }
        let read = |object: &Value| {
            let text = object["data"][settings::WINDOWS].as_str().unwrap_or_default().to_owned();
            settings::freezes(&text).unwrap_or_default()
        };
        let (before, after) = (read(old), read(new));
        let told = |freeze: &Value| {
            let part = |field: &str| freeze[field].as_str().unwrap_or_default().to_owned();
            let (name, until, schedule) = (part("name"), part("until"), part("schedule"));
            let when = match (until.as_str(), schedule.as_str()) {
                ("", "") => String::new(),
                ("", schedule) => format!(" at {schedule} for {}", part("duration")),
                (until, _) => format!(" until {until}"),
            };
            (if name.is_empty() { "without a name".to_owned() } else { name }, when, part("description"))
        };
        let gone = before.iter().filter(|freeze| !after.contains(freeze)).map(|freeze| {
            let (name, ..) = told(freeze);
            self.entry(What::FreezeLifted, format!("{} lifted the freeze {name}", self.by), "").named(&name)
        });
        let new = after.iter().filter(|freeze| !before.contains(freeze)).map(|freeze| {
            let (name, when, reason) = told(freeze);
            let text = format!("{} set the freeze {name}{when}{}", self.by, because(&reason));
            self.entry(What::FreezeSet, text, &reason).named(&name)
        });
        gone.chain(new).collect()
    }
}

impl Entry {
    /// About one part of the hub's settings.
    fn named(mut self, name: &str) -> Self {
        self.object =
            Some(Named { kind: "Freeze".to_owned(), namespace: String::new(), name: name.to_owned() });
        self
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(": {reason}") }
}
