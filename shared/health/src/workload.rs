//! Deployment, StatefulSet, DaemonSet, ReplicaSet (gitops-engine `pkg/health/health_deployment.go`,
//! `health_statefulset.go`, `health_daemonset.go`, `health_replicaset.go`).

use crate::read::{Read, condition, unobserved};
use crate::{degraded, healthy, progressing};
use serde_json::Value;
use shared_model::{Health, HealthStatus};

const UNSEEN: &str = "waits for the controller to see the newest generation";

/// The wished number of replicas; the API server's default is 1.
fn replicas(object: &Value) -> i64 {
    object.number("/spec/replicas").unwrap_or(1)
}

pub(crate) fn deployment(object: &Value) -> Health {
    if object.flag("/spec/paused") {
        return Health::new(HealthStatus::Suspended, "is paused");
    }
    if unobserved(object) {
        return progressing(UNSEEN);
    }
    if let Some(condition) =
        condition(object, "Progressing").filter(|condition| condition.reason == "ProgressDeadlineExceeded")
    {
        return degraded(format!("missed its progress deadline: {}", condition.explain()));
    }
    let (wished, updated) = (replicas(object), object.count("/status/updatedReplicas"));
    let (all, available) = (object.count("/status/replicas"), object.count("/status/availableReplicas"));
    if updated < wished {
        progressing(format!("{updated} of {wished} replicas updated"))
    } else if all > updated {
        progressing(format!("{} old replicas still to end", all - updated))
    } else if available < updated {
        progressing(format!("{available} of {updated} updated replicas available"))
    } else {
        healthy("")
    }
}

pub(crate) fn stateful_set(object: &Value) -> Health {
    if object.count("/status/observedGeneration") == 0 || unobserved(object) {
        return progressing(UNSEEN);
    }
    let (wished, ready) = (replicas(object), object.count("/status/readyReplicas"));
    let updated = object.count("/status/updatedReplicas");
    if ready < wished {
        return progressing(format!("{ready} of {wished} pods ready"));
    }
    if object.text("/spec/updateStrategy/type") == Some("OnDelete") {
        return healthy(format!("{ready} pods ready"));
    }
    // A partition above the number of replicas holds every pod back.
    let partition = object.number("/spec/updateStrategy/rollingUpdate/partition").filter(|held| *held > 0);
    if let Some(partition) = partition {
        let due = (wished - partition).max(0);
        return if updated < due {
            progressing(format!("{updated} of {due} pods above the partition updated"))
        } else {
            healthy(format!("{updated} pods above the partition updated"))
        };
    }
    if object.text("/status/updateRevision") != object.text("/status/currentRevision") {
        return progressing(format!("{updated} of {wished} pods updated"));
    }
    healthy("")
}

pub(crate) fn daemon_set(object: &Value) -> Health {
    if unobserved(object) {
        return progressing(UNSEEN);
    }
    if object.text("/spec/updateStrategy/type") == Some("OnDelete") {
        return healthy("pods are updated when they are deleted");
    }
    let wished = object.count("/status/desiredNumberScheduled");
    let updated = object.count("/status/updatedNumberScheduled");
    let available = object.count("/status/numberAvailable");
    if updated < wished {
        progressing(format!("{updated} of {wished} pods updated"))
    } else if available < wished {
        progressing(format!("{available} of {wished} pods available"))
    } else {
        healthy("")
    }
}

pub(crate) fn replica_set(object: &Value) -> Health {
    if unobserved(object) {
        return progressing(UNSEEN);
    }
    if let Some(failure) = condition(object, "ReplicaFailure").filter(|condition| condition.is_true()) {
        return degraded(failure.explain());
    }
    let (wished, available) = (replicas(object), object.count("/status/availableReplicas"));
    if available < wished {
        return progressing(format!("{available} of {wished} replicas available"));
    }
    healthy("")
}
