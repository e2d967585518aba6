//! The health of one live Kubernetes object.
//!
//! Decides from the object alone, in Argo CD's order: being deleted; the kinds of Kubernetes that Argo CD judges in Go
//! (gitops-engine `pkg/health`) or by a bundled script (CronJob, PodDisruptionBudget, CustomResourceDefinition, volume snapshots);
//! the families of custom resources whose bundled script says something else than the conventions do (`family`); every other
//! custom resource by `observedGeneration` and conditions, as kstatus reads them (`custom`). The verdicts are compared with those
//! that Argo CD's own code and scripts gave (`tests/vectors`, recorded by `tests/compat/health-recorder`).
//! Kinds without a health of their own (ConfigMap, Role, …) have none and are left out of the roll-up.
//!
//! Invariants: an object whose controller has not yet seen its newest generation is never `Healthy`;
//! one that is being deleted is `Progressing`; nothing in an object can cause a panic, absent or
//! mistyped fields read as absent.
//!
//! Why it differs from Argo CD on purpose: its scripts and rules that overlook an outdated status say Healthy before the controller
//! has begun, which a rollout must not count as proof; a Job that was suspended, resumed and still runs is Progressing, not Healthy,
//! or a hook would pass before its work is done; where a script of Argo CD fails on a status that is not there yet (Unknown, and the
//! worst of all), the object is Progressing; custom resources without a script have a health here, and none there. Messages say
//! what the controller said; where it said nothing they are ours.
//!
//! What it refuses to know: whether an object is wanted, which application it belongs to, users' own scripts, and time.

mod batch;
mod custom;
mod definition;
mod family;
mod network;
mod pod;
mod read;
mod workload;

use read::{Read, has_annotation};
use serde_json::Value;
use shared_model::{Health, HealthStatus};

const UNSEEN: &str = "waits for the controller to see the newest generation";

/// The health of a live object; `None` for kinds that have none.
pub fn health(object: &Value) -> Option<Health> {
    let api_version = object.text("/apiVersion")?;
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let kind = object.text("/kind")?;
    // A hook holds its own deletion up until its end is seen (Argo CD's finalizer): it is judged until then.
    let leaving = object.pointer("/metadata/deletionTimestamp").is_some_and(|time| !time.is_null());
    if leaving && !held_for_hook(object) {
        return Some(progressing("is being deleted"));
    }
    let verdict = match judge(group, kind) {
        Some(judge) => judge(object),
        None => match family::rule(group, kind) {
            Some(rule) => rule(object)?,
            None => custom::health(object, group)?,
        },
    };
    let early = verdict.status == HealthStatus::Healthy && !observed_generation_current(object);
    Some(if early { progressing(UNSEEN) } else { verdict })
}

fn judge(group: &str, kind: &str) -> Option<fn(&Value) -> Health> {
    Some(match (group, kind) {
        ("apps", "Deployment") => workload::deployment,
        ("apps", "StatefulSet") => workload::stateful_set,
        ("apps", "DaemonSet") => workload::daemon_set,
        ("apps", "ReplicaSet") => workload::replica_set,
        ("batch", "Job") => batch::job,
        ("batch", "CronJob") => batch::cron_job,
        ("policy", "PodDisruptionBudget") => batch::disruption_budget,
        ("", "Pod") => pod::pod,
        ("", "Service") => network::service,
        ("", "PersistentVolumeClaim") => network::volume_claim,
        ("snapshot.storage.k8s.io", "VolumeSnapshot" | "VolumeSnapshotContent") => network::volume_snapshot,
        ("networking.k8s.io" | "extensions", "Ingress") => network::ingress,
        ("autoscaling", "HorizontalPodAutoscaler") => network::autoscaler,
        ("apiregistration.k8s.io", "APIService") => definition::api_service,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => definition::definition,
        _ => return None,
    })
}

fn held_for_hook(object: &Value) -> bool {
    object
        .list("/metadata/finalizers")
        .iter()
        .any(|finalizer| finalizer.as_str() == Some("argocd.argoproj.io/hook-finalizer"))
}

/// Whether the object is a hook of a sync, by Argo CD's annotation or Helm's.
fn is_hook(object: &Value) -> bool {
    has_annotation(object, "argocd.argoproj.io/hook") || has_annotation(object, "helm.sh/hook")
}

/// Whether the object's controller has seen its newest generation: `status.observedGeneration` is not
/// behind `metadata.generation`. `true` for objects that do not tell, as those whose number was never
/// written: 0 is what Go leaves in a field, -1 what a definition may fill in.
pub fn observed_generation_current(object: &Value) -> bool {
    match (object.number("/status/observedGeneration"), object.number("/metadata/generation")) {
        (Some(observed @ 1..), Some(generation)) => observed >= generation,
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

fn suspended(message: impl Into<String>) -> Health {
    Health::new(HealthStatus::Suspended, message)
}

fn unknown(message: impl Into<String>) -> Health {
    Health::new(HealthStatus::Unknown, message)
}

#[cfg(test)]
mod tests;
