//! Deployments that become ready after a while, or never when their image's tag starts with `broken`.
//!
//! One task plays kube-controller-manager and kubelet for the whole cluster: it wakes when an object changes
//! and when a Deployment's time has come.

use super::{kinds::Kind, objects::Objects};
use serde_json::{Value, json};
use shared_objects::meta::{self, Part};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// How the tag of an image starts whose pods never become ready.
pub(crate) const UNREADY_TAG: &str = "broken";

/// Uid and generation: what pods are started for.
type Revision = (String, i64);

/// A Deployment whose pods were started.
#[derive(Debug)]
struct Started {
    revision: Revision,
    /// When the pods are ready; `None` once they are.
    due: Option<Instant>,
}

/// A Deployment, as the demo judges it. Two that are equal were not touched in between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Workload {
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// Of the first container.
    pub(crate) image: String,
    pub(crate) uid: String,
    pub(crate) generation: i64,
    /// Whether all pods of this generation are.
    pub(crate) ready: bool,
}

/// The Deployments of a cluster.
pub(crate) fn workloads(objects: &Objects) -> Vec<Workload> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |object: &Value, path: &str| object.pointer(path).and_then(Value::as_i64);
    let workload = |object: &Value| Workload {
        namespace: meta::namespace(object).to_owned(),
        name: meta::name(object).to_owned(),
        image: text(object.pointer("/spec/template/spec/containers/0/image")),
        uid: meta::uid(object).to_owned(),
        generation: meta::generation(object),
        ready: number(object, "/status/observedGeneration") == Some(meta::generation(object))
            && number(object, "/status/updatedReplicas") == Some(replicas(object)),
    };
    objects.list(kind(), "").0.iter().map(|object| workload(object)).collect()
}

fn kind() -> Kind {
    Kind::find("apps", "v1", "deployments").expect("deployments are served")
}

/// Works for as long as it runs.
pub(crate) async fn run(objects: Objects, ready_after: Duration) {
    let deployments = kind();
    let mut changes = objects.changes();
    let mut started: BTreeMap<(String, String), Started> = BTreeMap::new();
    loop {
        observe(&objects, deployments, &mut started, Instant::now() + ready_after);
        let next = started.values().filter_map(|deployment| deployment.due).min();
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = at(next) => finish(&objects, deployments, &mut started, Instant::now()),
        }
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// Starts pods for what is new, and forgets what is gone.
fn observe(objects: &Objects, kind: Kind, started: &mut BTreeMap<(String, String), Started>, due: Instant) {
    let mut known = std::mem::take(started);
    for deployment in objects.list(kind, "").0 {
        let name = (meta::namespace(&deployment).to_owned(), meta::name(&deployment).to_owned());
        let revision = (meta::uid(&deployment).to_owned(), meta::generation(&deployment));
        let before = known.remove(&name).filter(|before| before.revision == revision);
        let now = before.unwrap_or_else(|| {
            set(objects, kind, &name, &starting(&deployment));
            Started { revision, due: Some(due) }
        });
        started.insert(name, now);
    }
}

/// Makes the pods ready whose time has come.
fn finish(objects: &Objects, kind: Kind, started: &mut BTreeMap<(String, String), Started>, now: Instant) {
    for (name, deployment) in
        started.iter_mut().filter(|(_, started)| started.due.is_some_and(|due| due <= now))
    {
        deployment.due = None;
        let Ok(object) = objects.get(kind, &name.0, &name.1) else { continue };
        let current = (meta::uid(&object).to_owned(), meta::generation(&object));
        if current == deployment.revision && !never_ready(&object) {
            set(objects, kind, name, &ready(&object));
        }
    }
}

fn starting(deployment: &Value) -> Value {
    let replicas = replicas(deployment);
    let available = deployment.pointer("/status/availableReplicas").and_then(Value::as_i64).unwrap_or(0);
    json!({
        "observedGeneration": meta::generation(deployment),
        "replicas": replicas + i64::from(available > 0),
        "updatedReplicas": 0,
        "availableReplicas": available,
        "readyReplicas": available,
        "unavailableReplicas": replicas,
        "conditions": [
            {"type": "Available", "status": if available > 0 { "True" } else { "False" }, "reason": "Simulated"},
            {"type": "Progressing", "status": "True", "reason": "ReplicaSetUpdated", "message": "the new pods are starting"},
        ],
    })
}

fn ready(deployment: &Value) -> Value {
    let replicas = replicas(deployment);
    json!({
        "observedGeneration": meta::generation(deployment),
        "replicas": replicas,
        "updatedReplicas": replicas,
        "availableReplicas": replicas,
        "readyReplicas": replicas,
        "conditions": [
            {"type": "Available", "status": "True", "reason": "MinimumReplicasAvailable"},
            {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"},
        ],
    })
}

fn set(objects: &Objects, kind: Kind, (ns, name): &(String, String), status: &Value) {
    let written = objects.change(kind, ns, name, Part::Status, |object| {
        let mut object = object.clone();
        object["status"] = status.clone();
        Ok(object)
    });
    if let Err(error) = written {
        tracing::debug!(ns, name, %error, "a simulated status was not written");
    }
}

fn replicas(deployment: &Value) -> i64 {
    deployment.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn never_ready(deployment: &Value) -> bool {
    let containers = deployment.pointer("/spec/template/spec/containers").and_then(Value::as_array);
    let images = containers.into_iter().flatten().filter_map(|container| container["image"].as_str());
    let mut tags = images.filter_map(|image| image.rsplit_once(':').map(|(_, tag)| tag));
    tags.any(|tag| tag.starts_with(UNREADY_TAG))
}
