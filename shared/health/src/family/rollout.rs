//! Argo Rollouts' Rollout. Since 1.0 its controller tells the verdict (`status.phase`); before, it is read off counts, pauses and
//! hashes of replica sets. Its `observedGeneration` is a text, and a referenced workload has a generation of its own.

use crate::read::{Read, annotation, conditions, generation};
use crate::{UNSEEN, degraded, healthy, progressing, suspended};
use serde_json::Value;
use shared_model::{Health, HealthStatus};

pub(super) fn rollout(object: &Value) -> Option<Health> {
    if !is_observed(object) || !is_workload_observed(object) {
        return Some(progressing(UNSEEN));
    }
    let message = object.text("/status/message").unwrap_or_default();
    Some(match object.text("/status/phase") {
        Some("Healthy") => healthy(message),
        Some("Progressing") => progressing(message),
        Some("Degraded") => degraded(message),
        Some("Paused" | "Suspended") => suspended(message),
        Some(phase) => Health::new(HealthStatus::Unknown, format!("phase {phase} {message}").trim_end()),
        None => without_phase(object),
    })
}

/// A number, also one written as text.
fn as_number(value: Option<&Value>) -> Option<i64> {
    let value = value?;
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Before 0.10 this was a hash, and some of those read as numbers: one that is too high is none.
fn is_observed(object: &Value) -> bool {
    if !object.pointer("/status").is_some_and(Value::is_object) {
        return false;
    }
    let wanted = generation(object).unwrap_or_default();
    as_number(object.pointer("/status/observedGeneration")).is_none_or(|seen| seen >= wanted)
}

/// Whether the controller has seen the newest generation of the workload it takes its pods from.
fn is_workload_observed(object: &Value) -> bool {
    let referenced = object.pointer("/spec/workloadRef").is_some_and(Value::is_object);
    let annotated = object.pointer("/metadata/annotations").is_some_and(Value::is_object);
    if !referenced || !annotated {
        return true;
    }
    let wanted =
        annotation(object, "rollout.argoproj.io/workload-generation").and_then(|text| text.parse().ok());
    wanted == as_number(object.pointer("/status/workloadObservedGeneration"))
}

fn without_phase(object: &Value) -> Health {
    let failed = conditions(object).find(|condition| {
        condition.kind == "InvalidSpec"
            || condition.kind == "Progressing"
                && matches!(condition.reason, "RolloutAborted" | "ProgressDeadlineExceeded")
    });
    if let Some(failed) = failed {
        return degraded(failed.explain());
    }
    if !object.list("/status/pauseConditions").is_empty() || object.flag("/spec/paused") {
        return suspended("is paused");
    }
    let Some(hash) = object.text("/status/currentPodHash") else {
        return progressing("waits for its controller");
    };
    let wished = object.number("/spec/replicas").unwrap_or(1);
    let (all, updated) = (object.count("/status/replicas"), object.count("/status/updatedReplicas"));
    let available = object.count("/status/availableReplicas");
    if updated < wished {
        progressing(format!("{updated} of {wished} replicas updated"))
    } else if available < updated {
        progressing(format!("{available} of {updated} updated replicas available"))
    } else {
        by_strategy(object, hash, all.saturating_sub(updated))
    }
}

fn by_strategy(object: &Value, hash: &str, old: i64) -> Health {
    let stable = object.text("/status/stableRS").or_else(|| object.text("/status/canary/stableRS"));
    let settled = stable == Some(hash);
    if object.pointer("/spec/strategy/blueGreen").is_some_and(Value::is_object) {
        if object.text("/status/blueGreen/activeSelector") != Some(hash) {
            return progressing("the active service still has to be switched over");
        }
        // Before 0.8 a blue-green rollout had no stable replica set.
        if stable.is_some_and(|stable| !stable.is_empty()) && !settled {
            return progressing("waits for its analysis");
        }
    } else if object.pointer("/spec/strategy/canary").is_some_and(Value::is_object) {
        if old > 0 {
            return progressing(format!("{old} old replicas still to end"));
        }
        if !settled {
            return progressing("has steps to go");
        }
    }
    healthy("")
}
