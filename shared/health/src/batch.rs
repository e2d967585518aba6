//! Job (gitops-engine `pkg/health/health_job.go`), CronJob and PodDisruptionBudget (Argo CD's scripts).

use crate::read::{Condition, Read, conditions};
use crate::{degraded, healthy, progressing, suspended};
use serde_json::Value;
use shared_model::Health;

/// Unlike Argo CD, for whom a Job that was suspended and resumed is Healthy while it still runs: its end is what hooks wait for.
pub(crate) fn job(object: &Value) -> Health {
    let find = |kind: &str| -> Option<Condition<'_>> {
        conditions(object).find(|condition| condition.kind == kind && !condition.is_false())
    };
    if let Some(failed) = find("Failed") {
        degraded(failed.explain())
    } else if let Some(held) = find("Suspended").filter(Condition::is_true) {
        suspended(held.explain())
    } else if let Some(complete) = find("Complete") {
        healthy(complete.message)
    } else {
        progressing("the job runs")
    }
}

/// Degraded only when its last run is known to have failed. Suspended ones are Healthy, as a wish fulfilled.
pub(crate) fn cron_job(object: &Value) -> Health {
    if object.flag("/spec/suspend") {
        return healthy("is suspended");
    }
    if !object.pointer("/status").is_some_and(Value::is_object) {
        return progressing("waits for the controller");
    }
    let (Some(scheduled), succeeded) =
        (object.text("/status/lastScheduleTime"), object.text("/status/lastSuccessfulTime"))
    else {
        return healthy("has not been scheduled yet");
    };
    match succeeded {
        None => healthy("has never succeeded yet"),
        Some(_) if !object.list("/status/active").is_empty() => healthy("the job runs"),
        // RFC 3339 in UTC, which is how the API server writes times, sorts as text.
        Some(succeeded) if succeeded < scheduled => degraded("its last job did not succeed"),
        Some(_) => healthy("its last job succeeded"),
    }
}

/// A budget that allows no disruption for want of pods does what it is for.
pub(crate) fn disruption_budget(object: &Value) -> Health {
    let mut said = None;
    for condition in conditions(object) {
        if condition.is_false() && condition.reason != "InsufficientPods" {
            return degraded(condition.explain());
        }
        said = Some(condition.reason);
    }
    said.map_or_else(|| progressing("waits for the controller"), healthy)
}
