//! What a reader sees of an object: the object, its status as the hub decided it, and for an Application
//! what its cluster reports.
//!
//! Invariants: an Application reads Synced only when its cluster runs the release that the hub targets now;
//! without a report it reads Unknown and Missing; one that a person pinned in its cluster says so, with
//! who and why; what is shown is never newer than its `resourceVersion`
//! says it could be: that is the newest revision of the parts.

use hub_records::Stored;
use hub_store::Revision;
use serde_json::{Map, Value, json};
use shared_model::{Kind, LocalPin, Observation, ResourceState, SyncPhase, SyncState};
use shared_objects::meta;

/// The records that make up an object.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    pub(crate) object: Stored,
    /// The content of its status record.
    pub(crate) status: Option<(Value, Revision)>,
    /// What its cluster reports; Applications only.
    pub(crate) observation: Option<(Observation, Revision)>,
}

impl Parts {
    /// The newest revision of the parts.
    pub(crate) fn revision(&self) -> Revision {
        let status = self.status.as_ref().map(|(_, revision)| *revision);
        let observation = self.observation.as_ref().map(|(_, revision)| *revision);
        [status, observation].into_iter().flatten().fold(self.object.revision, Ord::max)
    }
}

/// The object as readers see it.
pub(crate) fn view(kind: Kind, parts: Parts) -> Value {
    let revision = parts.revision();
    view_at(kind, parts, revision)
}

/// The object as readers see it, at a version of the caller's choice.
pub(crate) fn view_at(kind: Kind, parts: Parts, revision: Revision) -> Value {
    let Parts { object: Stored { mut value, .. }, status, observation } = parts;
    let status = status.map(|(status, _)| status);
    let status = match kind {
        Kind::Application => Some(application(status, observation.map(|(observation, _)| observation))),
        Kind::Namespace => Some(namespace(&value, status)),
        Kind::ApplicationSet
        | Kind::AppProject
        | Kind::Cluster
        | Kind::FleetRollout
        | Kind::RolloutPolicy
        | Kind::EnrollmentToken
        | Kind::Secret
        | Kind::ConfigMap
        | Kind::Event => status,
    };
    if let Some(status) = status {
        value["status"] = status;
    }
    meta::set_version(&mut value, revision.0);
    value
}

/// A Namespace's status: its phase, and why its deletion waits.
fn namespace(object: &Value, status: Option<Value>) -> Value {
    let mut status = status.filter(Value::is_object).unwrap_or_else(|| json!({}));
    status["phase"] = json!(if meta::is_deleting(object) { "Terminating" } else { "Active" });
    status
}

/// An Application's status: what the hub decided, and what the cluster reports of it.
fn application(decided: Option<Value>, seen: Option<Observation>) -> Value {
    let mut status = match decided {
        Some(Value::Object(status)) => status,
        Some(_) | None => Map::new(),
    };
    let target = status.get("target").cloned().unwrap_or_default();
    let mut sync = revisions(&target);
    let Some(seen) = seen else {
        sync.insert("status".to_owned(), json!("Unknown"));
        status.insert("sync".to_owned(), sync.into());
        status.insert("health".to_owned(), json!({"status": "Missing"}));
        return Value::Object(status);
    };
    let current = seen.release.is_some() && json!(seen.release) == target["release"];
    let state = match (current, seen.sync) {
        // What a person chose there is not what the hub's order says, whatever its content.
        (true, SyncState::Synced) if seen.pin.is_some() => SyncState::OutOfSync,
        (true, state) => state,
        (false, SyncState::Unknown) if seen.release.is_none() => SyncState::Unknown,
        (false, _) => SyncState::OutOfSync,
    };
    sync.insert("status".to_owned(), json!(state));
    status.insert("sync".to_owned(), sync.into());
    status.insert("health".to_owned(), json!(seen.health));
    let applied = current && seen.pin.is_none() && seen.phase == SyncPhase::Succeeded;
    status.insert("operationState".to_owned(), operation(&seen, applied.then(|| revisions(&target))));
    report_conditions(&mut status, &seen);
    status.insert(
        "reconciledAt".to_owned(),
        json!(seen.received_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
    );
    if !seen.resources.is_empty() {
        status.insert("resources".to_owned(), seen.resources.iter().map(resource).collect());
    }
    if !seen.drift.is_empty() {
        status.insert("drift".to_owned(), json!(seen.drift));
    }
    if seen.healed > 0 {
        status.insert("healed".to_owned(), json!(seen.healed));
    }
    Value::Object(status)
}

/// What the cluster's report adds to the conditions: a pin, and what the agent does not do.
fn report_conditions(status: &mut Map<String, Value>, seen: &Observation) {
    let mut added = Vec::new();
    if let Some(pin) = &seen.pin {
        let mut condition = json!({"type": "PinnedInCluster", "message": pinned(pin, seen)});
        condition["lastTransitionTime"] = json!(pin.at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        added.push(condition);
        let release = seen.release.map(|release| release.0.short());
        status.insert(
            "pin".to_owned(),
            json!({"by": pin.by, "reason": pin.reason, "since": pin.at, "release": release}),
        );
    }
    if !seen.unsupported.is_empty() {
        let message = format!("the cluster's agent leaves out: {}", seen.unsupported.join("; "));
        added.push(json!({"type": "UnsupportedInCluster", "message": message}));
    }
    if added.is_empty() {
        return;
    }
    let conditions = status.entry("conditions").or_insert_with(|| json!([]));
    if let Value::Array(conditions) = conditions {
        conditions.extend(added);
    } else {
        *conditions = Value::Array(added);
    }
}

fn pinned(pin: &LocalPin, seen: &Observation) -> String {
    let by = if pin.by.is_empty() { "a person" } else { &pin.by };
    let reason = if pin.reason.is_empty() { String::new() } else { format!(": {}", pin.reason) };
    format!(
        "pinned in {} itself by {by} since {}{reason}; nothing new reaches it until `flotilla-agent unpin {}` is run there",
        seen.cluster,
        pin.at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        seen.application,
    )
}

/// One revision for one source, a list for several, as Argo CD has it.
fn revisions(target: &Value) -> Map<String, Value> {
    let mut sync = Map::new();
    match target["revisions"].as_array().map(Vec::as_slice) {
        None | Some([]) => {}
        Some([one]) => drop(sync.insert("revision".to_owned(), one.clone())),
        Some(several) => drop(sync.insert("revisions".to_owned(), json!(several))),
    }
    sync
}

/// The last sync; `revisions` are what it applied, where that is what the hub targets now.
fn operation(seen: &Observation, revisions: Option<Map<String, Value>>) -> Value {
    let phase = match seen.phase {
        SyncPhase::Pending | SyncPhase::Running => "Running",
        SyncPhase::Succeeded => "Succeeded",
        SyncPhase::Failed => "Failed",
    };
    let message = match &seen.pin {
        None => seen.message.clone(),
        Some(pin) if seen.message.is_empty() => pinned(pin, seen),
        Some(pin) => format!("{}; {}", seen.message, pinned(pin, seen)),
    };
    let mut operation = json!({"phase": phase, "message": message});
    if let Some(revisions) = revisions.filter(|revisions| !revisions.is_empty()) {
        operation["syncResult"] = revisions.into();
    }
    operation
}

fn resource(state: &ResourceState) -> Value {
    let mut shown = json!({"kind": state.kind, "name": state.name, "status": state.sync});
    let texts = [("group", &state.group), ("version", &state.version), ("namespace", &state.namespace)];
    for (field, text) in texts.into_iter().filter(|(_, text)| !text.is_empty()) {
        shown[field] = json!(text);
    }
    if let Some(health) = &state.health {
        shown["health"] = json!(health);
    }
    shown
}

#[cfg(test)]
mod tests;
