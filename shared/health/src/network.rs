//! Service, Ingress, PersistentVolumeClaim, HorizontalPodAutoscaler (gitops-engine `pkg/health`), VolumeSnapshot and
//! VolumeSnapshotContent (Argo CD's scripts): what others give an object of ours.

use crate::read::{Condition, Read, annotation, conditions, conditions_of};
use crate::{degraded, healthy, progressing, unknown};
use serde_json::Value;
use shared_model::Health;

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
        Some("Pending") => progressing("waits for a volume"),
        Some(phase) => unknown(format!("phase {phase}")),
        None => unknown("has no phase"),
    }
}

/// Ready to restore from, or why it cannot be.
pub(crate) fn volume_snapshot(object: &Value) -> Health {
    if object.flag("/status/readyToUse") {
        healthy("is ready to use")
    } else if object.pointer("/status/error").is_some_and(|error| !error.is_null()) {
        degraded(object.text("/status/error/message").unwrap_or("could not be taken"))
    } else {
        progressing("is being taken")
    }
}

/// By the first condition that tells, in the controller's order: one that was able to scale stays Healthy while a metric is missing,
/// as right after its creation.
pub(crate) fn autoscaler(object: &Value) -> Health {
    match object.text("/apiVersion") {
        // This version has no conditions; the API server keeps those of `v2` in an annotation.
        Some("autoscaling/v1") => match annotation(object, "autoscaling.alpha.kubernetes.io/conditions") {
            Some(text) => match serde_json::from_str::<Vec<Value>>(text) {
                Ok(list) => scaling(conditions_of(&list)),
                Err(error) => unknown(format!("its conditions cannot be read: {error}")),
            },
            None => scaling(conditions_of(&[])),
        },
        _ => scaling(conditions(object)),
    }
}

fn scaling<'a>(mut conditions: impl Iterator<Item = Condition<'a>>) -> Health {
    const FAILURES: [(&str, &str); 4] = [
        ("AbleToScale", "FailedGetScale"),
        ("AbleToScale", "FailedUpdateScale"),
        ("ScalingActive", "FailedGetResourceMetric"),
        ("ScalingActive", "InvalidSelector"),
    ];
    let told = conditions.find_map(|condition| {
        if FAILURES.contains(&(condition.kind, condition.reason)) {
            return Some(degraded(condition.explain()));
        }
        let works = condition.is_true() && matches!(condition.kind, "AbleToScale" | "ScalingLimited");
        works.then(|| healthy(condition.message))
    });
    told.unwrap_or_else(|| progressing("waits to autoscale"))
}
