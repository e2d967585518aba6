//! KEDA, Istio's operator and Flagger: what moves traffic and load.

use super::Rule;
use crate::read::{Read, condition, conditions};
use crate::{degraded, healthy, progressing, suspended, unknown};
use serde_json::Value;
use shared_model::Health;

pub(super) fn rule(group: &str, kind: &str) -> Option<Rule> {
    Some(match (group, kind) {
        ("keda.sh", "ScaledObject") => {
            |object| Some(scaler(object, &[("Ready", "False"), ("Fallback", "True")]))
        }
        ("keda.sh", "ScaledJob") => {
            |object| Some(scaler(object, &[("Ready", "False"), ("Ready", "Unknown")]))
        }
        ("install.istio.io", "IstioOperator") => istio,
        ("flagger.app", "Canary") => canary,
        _ => return None,
    })
}

/// `Paused` and `Fallback` stand beside `Ready: True`, and change what it means.
fn scaler(object: &Value, bad: &[(&str, &str)]) -> Health {
    let paused = condition(object, "Paused").filter(|paused| paused.is_true());
    if let Some(bad) = conditions(object).find(|condition| bad.contains(&(condition.kind, condition.status)))
    {
        let also = paused.map(|paused| format!("; {}", paused.explain())).unwrap_or_default();
        return degraded(bad.explain() + &also);
    }
    match (condition(object, "Ready").filter(|ready| ready.is_true()), paused) {
        (Some(_), Some(paused)) => suspended(paused.explain()),
        (Some(ready), None) => healthy(ready.message),
        (None, _) => progressing("waits for its autoscaler"),
    }
}

/// Has a state instead of conditions, as a word or as its number.
fn istio(object: &Value) -> Option<Health> {
    const STATES: [&str; 5] = ["NONE", "UPDATING", "RECONCILING", "HEALTHY", "ERROR"];
    let number = object.number("/status/status").and_then(|number| usize::try_from(number).ok());
    let state = object.text("/status/status").or_else(|| STATES.get(number?).copied());
    let said = |otherwise: &str| {
        object.text("/status/message").filter(|message| !message.is_empty()).unwrap_or(otherwise).to_owned()
    };
    Some(match state {
        Some("NONE") => unknown(said("has no component")),
        Some("HEALTHY") => healthy(said("")),
        Some("ERROR") => degraded(said("a component failed")),
        Some("UPDATING") => progressing(said("is being updated")),
        _ => progressing(said("waits for its operator")),
    })
}

/// Has a phase, and its conditions tell the history.
fn canary(object: &Value) -> Option<Health> {
    let said = conditions(object).map(|condition| condition.message).collect::<Vec<_>>().join(", ");
    let weight = object.count("/status/canaryWeight");
    let phase = object.text("/status/phase").unwrap_or_default();
    let weighed = if weight > 0 { format!("{weight} % of the traffic") } else { String::new() };
    let message: Vec<&str> = [phase, &weighed, &said].into_iter().filter(|part| !part.is_empty()).collect();
    let message = message.join(", ");
    Some(match phase {
        "Failed" => degraded(message),
        "Progressing" | "Finalising" | "Promoting" => progressing(message),
        "Succeeded" | "Initialized" => healthy(message),
        // Argo CD has Unknown for all others. These are Flagger's own words for being on the way.
        "" | "Initializing" | "Waiting" | "WaitingPromotion" => progressing(message),
        _ => unknown(message),
    })
}
