//! The health of one live Kubernetes object.
//!
//! Decides from the object alone: kinds that Argo CD judges in Go (gitops-engine `pkg/health`) by the
//! same rules, custom resources by `observedGeneration` and their conditions (as kstatus reads them).
//! Kinds without a health of their own (ConfigMap, Role, …) have none and are left out of the roll-up.
//!
//! Invariants: an object whose controller has not yet seen its newest generation is never `Healthy`;
//! one that is being deleted is `Progressing`; nothing in an object can cause a panic, absent or
//! mistyped fields read as absent.
//!
//! What it refuses to know: whether an object is wanted, which application it belongs to, and time.

mod custom;
mod network;
mod pod;
mod read;
mod workload;

use read::Read;
use serde_json::Value;
use shared_model::{Health, HealthStatus};

/// The health of a live object; `None` for kinds that have none.
pub fn health(object: &Value) -> Option<Health> {
    let api_version = object.text("/apiVersion").unwrap_or_default();
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = object.text("/kind").unwrap_or_default();
    let judge = judge(group, kind);
    if judge.is_none() && !custom::is_custom(group) {
        return None;
    }
    if object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null()) {
        return Some(progressing("is being deleted"));
    }
    match judge {
        Some(judge) => Some(judge(object)),
        None => custom::health(object),
    }
}

fn judge(group: &str, kind: &str) -> Option<fn(&Value) -> Health> {
    Some(match (group, kind) {
        ("apps" | "extensions", "Deployment") => workload::deployment,
        ("apps", "StatefulSet") => workload::stateful_set,
        ("apps" | "extensions", "DaemonSet") => workload::daemon_set,
        ("apps" | "extensions", "ReplicaSet") => workload::replica_set,
        ("batch", "Job") => pod::job,
        ("", "Pod") => pod::pod,
        ("", "Service") => network::service,
        ("", "PersistentVolumeClaim") => network::volume_claim,
        ("networking.k8s.io" | "extensions", "Ingress") => network::ingress,
        ("autoscaling", "HorizontalPodAutoscaler") => network::autoscaler,
        ("apiregistration.k8s.io", "APIService") => network::api_service,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => network::definition,
        _ => return None,
    })
}

/// Whether the object's controller has seen its newest generation: `status.observedGeneration` is not
/// behind `metadata.generation`. `true` for objects that do not tell.
pub fn observed_generation_current(object: &Value) -> bool {
    match (object.number("/status/observedGeneration"), object.number("/metadata/generation")) {
        (Some(observed), Some(generation)) => observed >= generation,
        _ => true,
    }
}

/// The worst of several healths, with the message of the first that is as bad; `Healthy` for none
/// (Argo CD's order: Healthy, Suspended, Progressing, Missing, Degraded, Unknown).
pub fn worst<'a>(healths: impl Iterator<Item = &'a Health>) -> Health {
    let mut worst: Option<&Health> = None;
    for health in healths {
        if worst.is_none_or(|so_far| health.status > so_far.status) {
            worst = Some(health);
        }
    }
    worst.cloned().unwrap_or_else(|| Health::new(HealthStatus::Healthy, ""))
}

fn healthy(message: impl Into<String>) -> Health {
    Health::new(HealthStatus::Healthy, message)
}

fn progressing(message: impl Into<String>) -> Health {
    Health::new(HealthStatus::Progressing, message)
}

fn degraded(message: impl Into<String>) -> Health {
    Health::new(HealthStatus::Degraded, message)
}

#[cfg(test)]
mod tests;
