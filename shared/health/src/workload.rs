//! Deployment, StatefulSet, DaemonSet, ReplicaSet (gitops-engine `pkg/health/health_deployment.go`,
//! `health_statefulset.go`, `health_daemonset.go`, `health_replicaset.go`).

use crate::read::{Read, condition, unobserved};
use crate::{UNSEEN, degraded, healthy, progressing, suspended};
use serde_json::Value;
use shared_model::Health;

/// The wished number of replicas; the API server fills it in, so an object without it is not counted.
fn replicas(object: &Value) -> Option<i64> {
    object.number("/spec/replicas")
}

pub(crate) fn deployment(object: &Value) -> Health {
    if object.flag("/spec/paused") {
        let said =
            condition(object, "Progressing").filter(|condition| condition.reason == "DeploymentPaused");
        return suspended(said.map_or_else(|| "is paused".to_owned(), |said| said.explain()));
    }
    if unobserved(object) {
        return progressing(UNSEEN);
    }
    if let Some(condition) =
        condition(object, "Progressing").filter(|condition| condition.reason == "ProgressDeadlineExceeded")
    {
        return degraded(format!("missed its progress deadline: {}", condition.explain()));
    }
    let updated = object.count("/status/updatedReplicas");
    let (all, available) = (object.count("/status/replicas"), object.count("/status/availableReplicas"));
    if let Some(wished) = replicas(object).filter(|wished| updated < *wished) {
        progressing(format!("{updated} of {wished} replicas updated"))
    } else if all > updated {
        progressing(format!("{} old replicas still to end", all.saturating_sub(updated)))
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
    let (ready, updated) = (object.count("/status/readyReplicas"), object.count("/status/updatedReplicas"));
    if let Some(wished) = replicas(object).filter(|wished| ready < *wished) {
        return progressing(format!("{ready} of {wished} pods ready"));
    }
    let strategy = object.text("/spec/updateStrategy/type");
    // The API server always fills in the partition of a rolling update; 0 is none.
    if strategy == Some("RollingUpdate")
        && object.pointer("/spec/updateStrategy/rollingUpdate").is_some_and(Value::is_object)
    {
        let partition = object.number("/spec/updateStrategy/rollingUpdate/partition");
        // A partition above the number of replicas holds every pod back.
        let due = replicas(object).zip(partition).map(|(wished, held)| wished.saturating_sub(held));
        return match (due.filter(|due| updated < *due), partition) {
            (Some(due), Some(1..)) => {
                progressing(format!("{updated} of {due} pods above the partition updated"))
            }
            (Some(due), _) => progressing(format!("{updated} of {due} pods updated")),
            (None, Some(1..)) => healthy(format!("{updated} pods above the partition updated")),
            (None, _) => healthy(""),
        };
    }
    if strategy == Some("OnDelete") {
        return healthy(format!("{ready} pods ready"));
    }
    if object.text("/status/updateRevision") != object.text("/status/currentRevision") {
        let wished = replicas(object).unwrap_or(1);
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
    let available = object.count("/status/availableReplicas");
    match replicas(object).filter(|wished| available < *wished) {
        Some(wished) => progressing(format!("{available} of {wished} replicas available")),
        None => healthy(""),
    }
}
