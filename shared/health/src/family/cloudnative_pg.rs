//! CloudNativePG, which tells in phases.

use super::{Rule, by_word};
use crate::read::{Read, annotation, condition, generation};
use crate::{degraded, healthy, progressing, suspended};
use serde_json::Value;
use shared_model::{Health, HealthStatus};

/// What the phases of a Cluster mean; others are Unknown.
const PHASES: [(&str, HealthStatus); 20] = [
    ("Cluster in healthy state", HealthStatus::Healthy),
    ("Creating a new replica", HealthStatus::Progressing),
    ("Promoting to primary cluster", HealthStatus::Progressing),
    ("Setting up primary", HealthStatus::Progressing),
    ("Upgrading cluster", HealthStatus::Progressing),
    ("Waiting for the instances to become active", HealthStatus::Progressing),
    ("Applying configuration", HealthStatus::Degraded),
    (
        "Cluster cannot execute instance online upgrade due to missing architecture binary",
        HealthStatus::Degraded,
    ),
    ("Cluster upgrade delayed", HealthStatus::Degraded),
    ("Failing over", HealthStatus::Degraded),
    ("Online upgrade in progress", HealthStatus::Degraded),
    ("Primary instance is being restarted in-place", HealthStatus::Degraded),
    ("Primary instance is being restarted without a switchover", HealthStatus::Degraded),
    ("Switchover in progress", HealthStatus::Degraded),
    ("Upgrading Postgres major version", HealthStatus::Degraded),
    ("Waiting for user action", HealthStatus::Degraded),
    (
        "Cluster cannot proceed to reconciliation due to an unknown plugin being required",
        HealthStatus::Suspended,
    ),
    ("Cluster has incomplete or invalid image catalog", HealthStatus::Suspended),
    ("Cluster is unrecoverable and needs manual intervention", HealthStatus::Suspended),
    ("Unable to create required cluster objects", HealthStatus::Suspended),
];

pub(super) fn rule(group: &str, kind: &str) -> Option<Rule> {
    Some(match (group, kind) {
        ("postgresql.cnpg.io", "Cluster") => cluster,
        ("postgresql.cnpg.io", "Database") => database,
        ("postgresql.cnpg.io", "Backup") => backup,
        _ => return None,
    })
}

fn cluster(object: &Value) -> Option<Health> {
    if annotation(object, "cnpg.io/reconciliationLoop") == Some("disabled") {
        return Some(suspended("its reconciliation is disabled"));
    }
    let phase = object.text("/status/phase").unwrap_or_default();
    let reason = object.text("/status/phaseReason").filter(|reason| !reason.is_empty()).unwrap_or(phase);
    // Without conditions the operator has not judged it yet.
    if !object.pointer("/status/conditions").is_some_and(Value::is_array) {
        return Some(progressing(if reason.is_empty() { "waits for its operator" } else { reason }));
    }
    if let Some(sleep) = condition(object, "cnpg.io/hibernation") {
        return Some(if sleep.is_true() { suspended(sleep.explain()) } else { degraded(sleep.explain()) });
    }
    let status = PHASES.iter().find(|(name, _)| *name == phase).map(|(_, status)| *status);
    Some(Health::new(status.unwrap_or(HealthStatus::Unknown), reason))
}

/// Its operator notes the generation of what succeeded only: a failure before that is the first try, one after it is a fall back.
fn database(object: &Value) -> Option<Health> {
    let message = object.text("/status/message").unwrap_or_default();
    let wanted = generation(object);
    let seen = wanted.is_none() || object.number("/status/observedGeneration") == wanted;
    Some(match object.pointer("/status/applied").and_then(Value::as_bool) {
        Some(true) if seen => healthy(message),
        Some(false) if seen => degraded(message),
        _ if message.is_empty() => progressing("waits to be applied"),
        _ => progressing(message),
    })
}

fn backup(object: &Value) -> Option<Health> {
    const PHASES: [(&str, HealthStatus); 4] = [
        ("completed", HealthStatus::Healthy),
        ("failed", HealthStatus::Degraded),
        ("invalid backup definition", HealthStatus::Degraded),
        ("walArchivingFailing", HealthStatus::Degraded),
    ];
    Some(by_word(object, "/status/phase", &PHASES, "/status/error"))
}
