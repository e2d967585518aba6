//! Controllers that manage what is outside the cluster (AWS's ACK, Google's Config Connector) and machines within (KubeVirt, Zalando's
//! Postgres).

use super::{Line, Rule, by_conditions};
use crate::read::{Condition, Read, conditions};
use crate::{UNSEEN, degraded, healthy, observed_generation_current, progressing, suspended, unknown};
use serde_json::Value;
use shared_model::{Health, HealthStatus};

pub(super) fn rule(group: &str, kind: &str) -> Option<Rule> {
    Some(match (group, kind) {
        ("kubevirt.io", "VirtualMachine") => virtual_machine,
        ("kubevirt.io", "VirtualMachineInstance") => virtual_machine_instance,
        ("cdi.kubevirt.io", "DataVolume") => data_volume,
        ("acid.zalan.do", "postgresql") => postgres,
        _ if group.ends_with(".services.k8s.aws") => |object| Some(by_conditions(object, &AWS)),
        _ if group.ends_with(".cnrm.cloud.google.com") => config_connector,
        _ => return None,
    })
}

/// `Ready: False` is on its way, but for what AWS will never accept.
const AWS: [Line; 3] = [
    ("ACK.Terminal", "True", HealthStatus::Degraded),
    ("Ready", "False", HealthStatus::Progressing),
    ("Ready", "True", HealthStatus::Healthy),
];

/// Tells by the reason of its one condition; its own installation by a flag.
fn config_connector(object: &Value) -> Option<Health> {
    if !observed_generation_current(object) {
        return Some(progressing(UNSEEN));
    }
    let installs = matches!(object.text("/kind"), Some("ConfigConnector" | "ConfigConnectorContext"))
        || object.text("/apiVersion").is_some_and(|version| version.starts_with("customize.core.cnrm."));
    if let Some(fine) = object.pointer("/status/healthy").and_then(Value::as_bool).filter(|_| installs) {
        let errors: Vec<&str> = object.list("/status/errors").iter().filter_map(Value::as_str).collect();
        return Some(if fine { healthy("") } else { degraded(errors.join(", ")) });
    }
    let told = conditions(object).find_map(|condition| match condition.reason {
        "UpToDate" if condition.is_true() => Some(healthy(condition.message)),
        "UpdateFailed" | "DependencyNotFound" => Some(degraded(condition.explain())),
        "DependencyNotReady" => Some(suspended(condition.explain())),
        _ => None,
    });
    Some(told.unwrap_or_else(|| progressing("is being updated")))
}

/// A machine that is to be off and is off is as wished; one that is off by itself waits for a person.
fn virtual_machine(object: &Value) -> Option<Health> {
    let off = object.pointer("/spec/running") == Some(&Value::Bool(false))
        || object.text("/spec/runStrategy") == Some("Halted");
    let created = object.flag("/status/created");
    if off && !created {
        return Some(healthy("is off, as asked"));
    }
    let said = object.text("/status/printableStatus").unwrap_or_default();
    let has = |kind: &str| conditions(object).find(|condition| condition.kind == kind);
    Some(match (has("Paused").filter(Condition::is_true), has("Ready")) {
        (Some(paused), _) => suspended(paused.explain()),
        (None, Some(ready)) if ready.is_true() => healthy(said),
        (None, Some(ready)) if !created => suspended([said, ready.message].join(": ")),
        _ => progressing(said),
    })
}

fn virtual_machine_instance(object: &Value) -> Option<Health> {
    let phase = object.text("/status/phase").unwrap_or_default();
    let paused = conditions(object).find(|condition| condition.kind == "Paused" && condition.is_true());
    let ready = conditions(object).find(|condition| condition.kind == "Ready");
    Some(match (phase, paused, ready) {
        ("Failed", ..) => degraded(phase),
        ("Pending" | "Scheduling" | "Scheduled", ..) => progressing(phase),
        ("Succeeded", ..) => suspended(phase),
        ("Unknown", ..) => unknown(phase),
        (_, Some(paused), _) => suspended(paused.explain()),
        (_, None, Some(ready)) if ready.is_true() => healthy(phase),
        (_, None, Some(ready)) => degraded(ready.explain()),
        (_, None, None) => progressing(phase),
    })
}

/// The copy of a volume; what its pod says of an error counts besides the phase.
fn data_volume(object: &Value) -> Option<Health> {
    let phase = object.text("/status/phase").unwrap_or_default();
    let error = conditions(object)
        .find(|condition| condition.kind == "Running" && condition.is_false() && condition.reason == "Error");
    Some(match (phase, error) {
        ("Succeeded", _) => healthy(phase),
        ("Paused", _) => suspended(phase),
        (_, Some(error)) => degraded(error.explain()),
        ("Failed" | "Unknown", None) => degraded(phase),
        (_, None) => progressing(phase),
    })
}

/// Whatever it says but these is a failure (`SyncFailed`, `CreateFailed`, …).
fn postgres(object: &Value) -> Option<Health> {
    Some(match object.text("/status/PostgresClusterStatus") {
        Some(word @ "Running") => healthy(word),
        Some(word @ ("Creating" | "Updating")) => progressing(word),
        Some(word) => degraded(word),
        None => progressing("waits for its operator"),
    })
}
