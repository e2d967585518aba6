//! Custom resources, by what their controllers commonly tell: `observedGeneration` and conditions.
//!
//! Why: Argo CD judges these by Lua scripts per kind. Most scripts repeat the conventions that kstatus
//! (sigs.k8s.io/cli-utils) wrote down: `Stalled`, `Reconciling`, `Ready`. Those that do not are in `family`.
//! An object that tells nothing has no health, as in Argo CD; Degraded and Progressing are only what a condition
//! or `observedGeneration` says, so nothing can stay there that does not ask for it.

use crate::read::{Condition, Read, condition, conditions, generation};
use crate::{UNSEEN, degraded, healthy, observed_generation_current, progressing};
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
const BUSY: [&str; 4] = ["Reconciling", "Progressing", "Pending", "NotReady"];
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
fn is_custom(group: &str) -> bool {
    group.contains('.') && !BUILT_IN.contains(&group)
}

/// By convention; `None` for kinds of Kubernetes itself and for objects that tell nothing.
pub(crate) fn health(object: &Value, group: &str) -> Option<Health> {
    if !is_custom(group) {
        return None;
    }
    let generation = generation(object);
    if !observed_generation_current(object) {
        // Some controllers note the generation of what succeeded only, and that of a failure on the condition.
        let failure =
            failure(object).filter(|bad| bad.observed_generation.is_some() && !bad.is_outdated(generation));
        return Some(match failure {
            Some(failure) => degraded(failure.explain()),
            None => progressing(UNSEEN),
        });
    }
    if let Some(bad) = failure(object) {
        return Some(degraded(bad.explain()));
    }
    let good = GOOD.into_iter().find_map(|kind| condition(object, kind));
    // `Progressing: True` beside `Available: True` is how deployments-like controllers say that all is well.
    let busy = conditions(object).find(|busy| {
        let said = busy.is_true() && BUSY.contains(&busy.kind) && !busy.is_outdated(generation);
        said && (busy.kind != "Progressing" || !good.is_some_and(|good| good.is_true()))
    });
    if let Some(busy) = busy {
        return Some(progressing(busy.explain()));
    }
    match good {
        Some(good) if good.is_outdated(generation) => {
            Some(progressing("waits for its condition to follow the newest generation"))
        }
        Some(good) if good.is_true() => Some(healthy(good.message)),
        Some(good) => Some(progressing(good.explain())),
        None => object.number("/status/observedGeneration").filter(|seen| *seen > 0).map(|_| healthy("")),
    }
}

/// The condition that says that the object failed, if it is of the newest generation.
fn failure(object: &Value) -> Option<Condition<'_>> {
    let generation = generation(object);
    let fresh = |condition: &Condition<'_>| !condition.is_outdated(generation);
    let bad = conditions(object).filter(fresh).find(|condition| {
        condition.is_true()
            && (BAD.contains(&condition.kind) || condition.kind == "NotReady" && failed(condition))
    });
    let refused = || condition(object, "Synced").filter(|synced| synced.is_false() && failed(synced));
    let good = || {
        let first = GOOD.into_iter().find_map(|kind| condition(object, kind));
        let busy = conditions(object).any(|busy| busy.is_true() && BUSY.contains(&busy.kind) && fresh(&busy));
        first.filter(|good| !busy && good.is_false() && failed(good) && fresh(good))
    };
    bad.or_else(refused).or_else(good)
}

/// Whether the reason of a False condition says that waiting will not help.
fn failed(condition: &Condition<'_>) -> bool {
    const SIGNS: [&str; 9] =
        ["Fail", "Error", "Err", "Invalid", "BackOff", "Denied", "Forbidden", "Rejected", "Exceeded"];
    SIGNS.iter().any(|sign| condition.reason.contains(sign))
}
