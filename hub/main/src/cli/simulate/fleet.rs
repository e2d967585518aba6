//! Objects as the API shows them, as the planner sees them.

use anyhow::Context as _;
use jiff::Timestamp;
use serde_json::Value;
use shared_model::{AppKey, Application, Cluster, ClusterName, SyncPolicy};
use shared_rollout::{ClusterState, Hold, Link, Pause};
use shared_simulate::Subject;

/// Conditions of a Cluster that keep everything from it.
const HOLDS: [&str; 4] = ["HubBehindAgent", "HubRestored", "ClusterReplaced", "DuplicateAgent"];

/// A Cluster of the hub, with its connection.
pub(super) fn live(object: &Value, now: Timestamp) -> anyhow::Result<(ClusterName, ClusterState)> {
    let (name, mut state) = declared(object, now)?;
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let since = |pointer: &str| text(pointer).parse().unwrap_or(now);
    state.link = match text("/status/connection/state") {
        "Connected" => Link::Connected,
        "" => Link::NeverSeen { since: since("/metadata/creationTimestamp") },
        _ => Link::LostSince(since("/status/connection/since")),
    };
    let acknowledged = object.pointer("/status/pause/acknowledgedAt").is_some();
    for pause in &mut state.pauses {
        pause.acknowledged = acknowledged;
    }
    let until = text("/status/pause/local/until").parse().ok();
    if object.pointer("/status/pause/local").is_some_and(Value::is_object)
        && until.is_none_or(|until: Timestamp| now < until)
    {
        state.pauses.push(Pause {
            reason: text("/status/pause/local/reason").to_owned(),
            by: text("/status/pause/local/by").to_owned(),
            since: None,
            until,
            acknowledged: true,
            // One that ends does so in the simulation too.
            local: until.is_none(),
        });
    }
    state.hold = hold(object);
    Ok((name, state))
}

/// A Cluster as people write it: connected.
pub(super) fn declared(object: &Value, now: Timestamp) -> anyhow::Result<(ClusterName, ClusterState)> {
    let named = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("without a name");
    let cluster = Cluster::from_value(object).with_context(|| format!("Cluster {named}"))?;
    let pause = cluster.spec.pause.as_ref().filter(|pause| pause.is_active(now)).map(|pause| Pause {
        reason: pause.reason.clone(),
        by: pause.by.clone(),
        since: pause.at,
        until: pause.ends().or_else(|| now.checked_add(pause.duration?).ok()),
        acknowledged: true,
        local: false,
    });
    let state = ClusterState {
        labels: cluster.metadata.labels.clone(),
        pauses: pause.into_iter().collect(),
        mode: cluster.spec.mode,
        ..ClusterState::default()
    };
    Ok((cluster.name(), state))
}

fn hold(object: &Value) -> Option<Hold> {
    if object.pointer("/status/identity/revoked").is_some() {
        return Some(Hold::Other("its identity is revoked".to_owned()));
    }
    let conditions = object.pointer("/status/conditions").and_then(Value::as_array)?;
    let held = conditions.iter().find(|condition| {
        condition["status"] == "True" && condition["type"].as_str().is_some_and(|kind| HOLDS.contains(&kind))
    })?;
    let text = |field: &str| held[field].as_str().unwrap_or_default();
    Some(Hold::Other(format!("{} ({})", text("message"), text("type"))))
}

/// An Application, with what windows ask of it.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) key: AppKey,
    pub(super) subject: Subject,
    pub(super) project: String,
    pub(super) namespace: String,
}

/// An Application of the hub; `None` while the hub knows no cluster for it.
pub(super) fn member(object: &Value) -> anyhow::Result<Option<Placed>> {
    let named = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("without a name");
    let application = Application::from_value(object).with_context(|| format!("Application {named}"))?;
    let Some(cluster) = object.pointer("/status/cluster").and_then(Value::as_str) else { return Ok(None) };
    let subject = Subject {
        labels: application.metadata.labels.clone(),
        automated: application.spec.sync_policy.as_ref().is_some_and(SyncPolicy::is_automated),
        runs: object.pointer("/status/operationState").is_some(),
        ..Subject::new(ClusterName::new(cluster))
    };
    let key = AppKey::new(application.metadata.namespace, application.metadata.name);
    let (project, namespace) = (application.spec.project, application.spec.destination.namespace);
    Ok(Some(Placed { key, subject, project, namespace }))
}
