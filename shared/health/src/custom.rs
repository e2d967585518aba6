//! Custom resources, by what their controllers commonly tell: `observedGeneration` and conditions.
//!
//! Why: Argo CD judges these by Lua scripts per kind. Most scripts repeat the conventions that kstatus
//! (sigs.k8s.io/cli-utils) wrote down: `Stalled`, `Reconciling`, `Ready`. An object that tells nothing
//! has no health, as in Argo CD.

use crate::read::{Condition, Read, condition, conditions};
use crate::{degraded, healthy, observed_generation_current, progressing};
use serde_json::Value;
use shared_model::Health;

/// API groups of Kubernetes itself whose names have a dot, besides those of no dot at all.
const BUILT_IN: [&str; 17] = [
    "admissionregistration.k8s.io",
    "apiextensions.k8s.io",
    "apiregistration.k8s.io",
    "authentication.k8s.io",
    "authorization.k8s.io",
    "certificates.k8s.io",
    "coordination.k8s.io",
    "discovery.k8s.io",
    "events.k8s.io",
    "flowcontrol.apiserver.k8s.io",
    "internal.apiserver.k8s.io",
    "networking.k8s.io",
    "node.k8s.io",
    "rbac.authorization.k8s.io",
    "resource.k8s.io",
    "scheduling.k8s.io",
    "storage.k8s.io",
];
/// True means that the object failed.
const BAD: [&str; 4] = ["Stalled", "Failed", "Degraded", "Error"];
/// True means that the object is on its way.
const BUSY: [&str; 3] = ["Reconciling", "Progressing", "Pending"];
/// True means that the object is as wished; the first one present decides.
const GOOD: [&str; 10] = [
    "Ready",
    "Available",
    "Healthy",
    "Established",
    "Programmed",
    "Accepted",
    "Succeeded",
    "Complete",
    "Completed",
    "Synced",
];

/// Whether kinds of `group` are custom resources.
pub(crate) fn is_custom(group: &str) -> bool {
    group.contains('.') && !BUILT_IN.contains(&group)
}

pub(crate) fn health(object: &Value) -> Option<Health> {
    if !observed_generation_current(object) {
        return Some(progressing("waits for the controller to see the newest generation"));
    }
    let generation = object.number("/metadata/generation");
    let outdated = |condition: &Condition<'_>| match (condition.observed_generation, generation) {
        (Some(seen), Some(generation)) => seen < generation,
        _ => false,
    };
    let holds = |kinds: &[&str]| {
        conditions(object)
            .find(|condition| condition.is_true() && kinds.contains(&condition.kind) && !outdated(condition))
    };
    if let Some(bad) = holds(&BAD) {
        return Some(degraded(bad.explain()));
    }
    if let Some(refused) = condition(object, "Synced").filter(|synced| synced.is_false() && failed(synced)) {
        return Some(degraded(refused.explain()));
    }
    let good = GOOD.into_iter().find_map(|kind| condition(object, kind));
    // `Progressing: True` beside `Available: True` is how deployments-like controllers say that all is well.
    let busy =
        holds(&BUSY).filter(|busy| busy.kind != "Progressing" || !good.is_some_and(|good| good.is_true()));
    if let Some(busy) = busy {
        return Some(progressing(busy.explain()));
    }
    match good {
        Some(good) if outdated(&good) => {
            Some(progressing("waits for its condition to follow the newest generation"))
        }
        Some(good) if good.is_true() => Some(healthy(good.message)),
        Some(good) if good.is_false() && failed(&good) => Some(degraded(good.explain())),
        Some(good) => Some(progressing(good.explain())),
        None => object.number("/status/observedGeneration").map(|_| healthy("")),
    }
}

/// Whether the reason of a False condition says that waiting will not help.
fn failed(condition: &Condition<'_>) -> bool {
    const SIGNS: [&str; 9] =
        ["Fail", "Error", "Err", "Invalid", "BackOff", "Denied", "Forbidden", "Rejected", "Exceeded"];
    SIGNS.iter().any(|sign| condition.reason.contains(sign))
}
