//! Argo's own kinds but for the Rollout: phases, and conditions whose True means trouble. An Application has no health, as in
//! Argo CD; a Workflow is judged there in Go.

use super::{Line, Rule, first, rollout};
use crate::read::Read;
use crate::{healthy, progressing};
use serde_json::Value;
use shared_model::{Health, HealthStatus};

pub(super) fn rule(group: &str, kind: &str) -> Option<Rule> {
    Some(match (group, kind) {
        ("argoproj.io", "Rollout") => rollout::rollout,
        ("argoproj.io", "AnalysisRun") => {
            |object| by_phase(object, &[("Inconclusive", HealthStatus::Unknown)])
        }
        ("argoproj.io", "Experiment") => |object| by_phase(object, &[]),
        ("argoproj.io", "Workflow") => workflow,
        ("argoproj.io", "CronWorkflow") => cron_workflow,
        ("argoproj.io", "ApplicationSet") => application_set,
        ("argoproj.io", "EventBus") => event_bus,
        _ => return None,
    })
}

fn say(object: &Value, status: HealthStatus) -> Health {
    let phase = object.text("/status/phase").unwrap_or_default();
    let message = object.text("/status/message").filter(|message| !message.is_empty()).unwrap_or(phase);
    Health::new(status, message)
}

/// A run: a phase that none of this lists is not judged, as in Argo CD.
fn by_phase(object: &Value, more: &[(&str, HealthStatus)]) -> Option<Health> {
    let phase = object.text("/status/phase").unwrap_or_default();
    let status = match phase {
        "" | "Pending" | "Running" => HealthStatus::Progressing,
        "Successful" => HealthStatus::Healthy,
        "Failed" | "Error" => HealthStatus::Degraded,
        other => more.iter().find(|(name, _)| *name == other)?.1,
    };
    Some(if phase.is_empty() { progressing("waits for its controller") } else { say(object, status) })
}

fn workflow(object: &Value) -> Option<Health> {
    let status = match object.text("/status/phase").unwrap_or_default() {
        "" | "Pending" | "Running" => HealthStatus::Progressing,
        "Succeeded" => HealthStatus::Healthy,
        "Failed" | "Error" => HealthStatus::Degraded,
        _ => HealthStatus::Unknown,
    };
    Some(say(object, status))
}

/// It has conditions only while something is wrong or it stopped for good.
fn cron_workflow(object: &Value) -> Option<Health> {
    const LINES: [Line; 3] = [
        ("SpecError", "True", HealthStatus::Degraded),
        ("SubmissionError", "True", HealthStatus::Degraded),
        ("Completed", "True", HealthStatus::Healthy),
    ];
    Some(first(object, &LINES).unwrap_or_else(|| healthy("")))
}

/// Its conditions are all there at once: trouble counts before a rollout, and that before being up to date.
fn application_set(object: &Value) -> Option<Health> {
    const LINES: [Line; 4] = [
        ("ErrorOccurred", "True", HealthStatus::Degraded),
        ("ResourcesUpToDate", "False", HealthStatus::Degraded),
        ("RolloutProgressing", "True", HealthStatus::Progressing),
        ("ResourcesUpToDate", "True", HealthStatus::Healthy),
    ];
    let told = LINES.iter().find_map(|line| first(object, std::slice::from_ref(line)));
    Some(told.unwrap_or_else(|| progressing("waits for its controller")))
}

fn event_bus(object: &Value) -> Option<Health> {
    const LINES: [Line; 2] =
        [("Deployed", "False", HealthStatus::Degraded), ("Deployed", "True", HealthStatus::Healthy)];
    Some(super::by_conditions(object, &LINES))
}
