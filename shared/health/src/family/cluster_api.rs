//! Cluster API. Its kinds tell in phases; `Ready: False` is a failure only beyond severity `Info`, and not of machines.

use super::{Line, Rule, by_conditions};
use crate::read::{Read, condition, conditions};
use crate::{degraded, healthy, progressing, suspended};
use serde_json::Value;
use shared_model::{Health, HealthStatus};

pub(super) fn rule(group: &str, kind: &str) -> Option<Rule> {
    Some(match (group, kind) {
        ("cluster.x-k8s.io", "Cluster") => cluster,
        ("cluster.x-k8s.io", "Machine") => machine,
        ("cluster.x-k8s.io", "MachineDeployment") => machine_deployment,
        ("cluster.x-k8s.io", "MachinePool") => machine_pool,
        ("cluster.x-k8s.io", "MachineHealthCheck") => machine_health_check,
        ("addons.cluster.x-k8s.io", "ClusterResourceSet") => resource_set,
        ("controlplane.cluster.x-k8s.io", "AWSManagedControlPlane") => aws_control_plane,
        _ => return None,
    })
}

fn phase(object: &Value) -> &str {
    object.text("/status/phase").unwrap_or_default()
}

/// The severity of a False condition, of Cluster API's own conditions up to v1beta1.
fn severities(object: &Value) -> impl Iterator<Item = (&str, &str, &str, &str)> {
    object.list("/status/conditions").iter().map(|condition| {
        let text = |field: &str| condition.text(field).unwrap_or_default();
        (text("/type"), text("/status"), text("/severity"), text("/message"))
    })
}

/// What keeps it from being ready, in the controller's words.
fn wants(object: &Value, otherwise: &str) -> String {
    let ready = condition(object, "Ready").filter(|ready| ready.is_false());
    ready.map_or_else(|| otherwise.to_owned(), |ready| ready.explain())
}

fn cluster(object: &Value) -> Option<Health> {
    if object.flag("/spec/paused") {
        return Some(suspended("is paused"));
    }
    let failed = severities(object)
        .find(|(kind, status, severity, _)| *kind == "Ready" && *status == "False" && *severity != "Info");
    Some(match (failed, phase(object)) {
        (Some((.., message)), _) => degraded(message),
        (None, "Provisioned") => healthy("is provisioned"),
        (None, "Failed") => degraded(wants(object, "has failed")),
        (None, _) => progressing(wants(object, "is being provisioned")),
    })
}

fn machine(object: &Value) -> Option<Health> {
    Some(match phase(object) {
        "Running" => healthy("is running"),
        "Failed" => degraded(wants(object, "has failed")),
        _ => progressing(wants(object, "is being provisioned")),
    })
}

fn machine_deployment(object: &Value) -> Option<Health> {
    if object.flag("/spec/paused") {
        return Some(suspended("is paused"));
    }
    Some(match phase(object) {
        "Running" => healthy("its machines are running"),
        "Failed" => degraded(wants(object, "has failed")),
        "" => progressing("waits for its machines"),
        other => progressing(format!("phase {other}")),
    })
}

fn machine_pool(object: &Value) -> Option<Health> {
    let open: Vec<String> = conditions(object)
        .filter(|condition| condition.is_false())
        .map(|condition| format!("not {} ({})", condition.kind, condition.reason))
        .collect();
    let said = [&[format!("phase {}", phase(object))][..], &open].concat().join(", ");
    Some(match phase(object) {
        "Running" | "Scaling" => healthy(said),
        "Failed" | "Unknown" => degraded(said),
        "" => progressing("waits for its machines"),
        _ => progressing(said),
    })
}

/// It has counts: of what it watches, all are to be healthy.
fn machine_health_check(object: &Value) -> Option<Health> {
    let expected = object.count("/status/expectedMachines");
    Some(match object.number("/status/currentHealthy") {
        None => progressing("waits for its controller"),
        Some(now) if now == expected => healthy(format!("{now} of {expected} machines are healthy")),
        Some(now) => degraded(format!("{now} of {expected} machines are healthy")),
    })
}

fn resource_set(object: &Value) -> Option<Health> {
    const LINES: [Line; 2] = [
        ("ResourcesApplied", "True", HealthStatus::Healthy),
        ("ResourcesApplied", "False", HealthStatus::Degraded),
    ];
    Some(by_conditions(object, &LINES))
}

/// EKS stays Ready while it is updated, and a failure that ends all tries is a text of its own.
fn aws_control_plane(object: &Value) -> Option<Health> {
    if !crate::observed_generation_current(object) {
        return Some(progressing(crate::UNSEEN));
    }
    if let Some(failure) = object.text("/status/failureMessage").filter(|failure| !failure.is_empty()) {
        return Some(degraded(failure));
    }
    if condition(object, "EKSControlPlaneUpdating").is_some_and(|updating| updating.is_true()) {
        return Some(progressing("is being updated"));
    }
    if let Some(ready) = condition(object, "Ready").filter(|ready| ready.is_true()) {
        return Some(healthy(ready.message));
    }
    let errors: Vec<&str> = severities(object)
        .filter(|(_, status, severity, _)| *status == "False" && *severity == "Error")
        .map(|(.., message)| message)
        .collect();
    Some(if errors.is_empty() {
        progressing(wants(object, "is not ready"))
    } else {
        degraded(errors.join(", "))
    })
}
