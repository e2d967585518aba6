//! Service, Ingress, PersistentVolumeClaim, HorizontalPodAutoscaler, APIService (gitops-engine
//! `pkg/health`) and CustomResourceDefinition (by its conditions).

use crate::read::{Read, condition, conditions};
use crate::{degraded, healthy, progressing};
use serde_json::Value;
use shared_model::{Health, HealthStatus};

const NO_ADDRESS: &str = "waits for a load balancer address";

fn has_address(object: &Value) -> bool {
    !object.list("/status/loadBalancer/ingress").is_empty()
}

pub(crate) fn service(object: &Value) -> Health {
    if object.text("/spec/type") == Some("LoadBalancer") && !has_address(object) {
        return progressing(NO_ADDRESS);
    }
    healthy("")
}

pub(crate) fn ingress(object: &Value) -> Health {
    if has_address(object) { healthy("") } else { progressing(NO_ADDRESS) }
}

pub(crate) fn volume_claim(object: &Value) -> Health {
    match object.text("/status/phase") {
        Some("Bound") => healthy(""),
        Some("Lost") => degraded("its volume is lost"),
        None | Some("Pending") => progressing("waits for a volume"),
        Some(phase) => Health::new(HealthStatus::Unknown, format!("phase {phase}")),
    }
}

pub(crate) fn autoscaler(object: &Value) -> Health {
    const FAILURES: [(&str, &str); 4] = [
        ("AbleToScale", "FailedGetScale"),
        ("AbleToScale", "FailedUpdateScale"),
        ("ScalingActive", "FailedGetResourceMetric"),
        ("ScalingActive", "InvalidSelector"),
    ];
    let failed = conditions(object)
        .find(|condition| !condition.is_true() && FAILURES.contains(&(condition.kind, condition.reason)));
    if let Some(failed) = failed {
        return degraded(failed.explain());
    }
    let works = conditions(object)
        .find(|condition| condition.is_true() && matches!(condition.kind, "AbleToScale" | "ScalingLimited"));
    match works {
        Some(condition) => healthy(condition.message),
        None => progressing("waits to autoscale"),
    }
}

pub(crate) fn api_service(object: &Value) -> Health {
    match condition(object, "Available") {
        Some(available) if available.is_true() => healthy(available.message),
        Some(other) => progressing(other.explain()),
        None => progressing("waits to be processed"),
    }
}

/// A definition is of use once the API server serves it.
pub(crate) fn definition(object: &Value) -> Health {
    if let Some(refused) = condition(object, "NamesAccepted").filter(|condition| condition.is_false()) {
        return degraded(refused.explain());
    }
    match condition(object, "Established") {
        Some(established) if established.is_true() => healthy(""),
        Some(other) => progressing(other.explain()),
        None => progressing("waits to be established"),
    }
}
