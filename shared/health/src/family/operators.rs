//! Common operators beyond the large families: their scripts in Argo CD take a word of the status, or one condition, for the verdict.

use super::{Line, READY, Rule, by_conditions, by_ready, by_word};
use crate::read::{Read, condition, generation};
use crate::{UNSEEN, degraded, healthy, progressing, suspended, unknown};
use serde_json::Value;
use shared_model::{Health, HealthStatus};

const BACKUPS: [(&str, HealthStatus); 6] = [
    ("Completed", HealthStatus::Healthy),
    ("Failed", HealthStatus::Degraded),
    ("FailedValidation", HealthStatus::Degraded),
    ("FinalizingPartiallyFailed", HealthStatus::Degraded),
    ("PartiallyFailed", HealthStatus::Degraded),
    ("WaitingForPluginOperationsPartiallyFailed", HealthStatus::Degraded),
];
const SCHEDULES: [(&str, HealthStatus); 2] =
    [("Enabled", HealthStatus::Healthy), ("FailedValidation", HealthStatus::Degraded)];
const BUCKETS: [(&str, HealthStatus); 2] =
    [("Bound", HealthStatus::Healthy), ("Failed", HealthStatus::Degraded)];
const STORES: [(&str, HealthStatus); 2] =
    [("Ready", HealthStatus::Healthy), ("Failure", HealthStatus::Degraded)];
const TRACERS: [(&str, HealthStatus); 2] =
    [("Running", HealthStatus::Healthy), ("Failed", HealthStatus::Degraded)];
const LIGHTS: [(&str, HealthStatus); 3] = [
    ("green", HealthStatus::Healthy),
    ("yellow", HealthStatus::Progressing),
    ("red", HealthStatus::Degraded),
];
const CLUSTER_POLICIES: [Line; 3] = [READY[0], READY[1], ("Ready", "Unknown", HealthStatus::Degraded)];

pub(super) fn rule(group: &str, kind: &str) -> Option<Rule> {
    Some(match (group, kind) {
        ("karpenter.sh", "NodePool") | ("karpenter.k8s.aws", "EC2NodeClass") => by_ready,
        ("karpenter.sh", "NodeClaim") => node_claim,
        ("kyverno.io", "Policy") => policy,
        ("kyverno.io", "ClusterPolicy") => |object| Some(by_conditions(object, &CLUSTER_POLICIES)),
        ("monitoring.coreos.com", "Alertmanager" | "Prometheus" | "ThanosRuler") => monitor,
        ("bitnami.com", "SealedSecret") => sealed_secret,
        ("rabbitmq.com", "RabbitmqCluster") => rabbitmq,
        ("velero.io", "Backup" | "Restore") => {
            |object| Some(by_word(object, "/status/phase", &BACKUPS, "/status/failureReason"))
        }
        ("velero.io", "Schedule") => |object| Some(by_word(object, "/status/phase", &SCHEDULES, "")),
        ("objectbucket.io", "ObjectBucketClaim") => {
            |object| Some(by_word(object, "/status/phase", &BUCKETS, ""))
        }
        ("ceph.rook.io", "CephObjectStore") => {
            |object| Some(by_word(object, "/status/phase", &STORES, "/status/message"))
        }
        ("ceph.rook.io", "CephCluster") => ceph,
        ("jaegertracing.io", "Jaeger") => |object| Some(by_word(object, "/status/phase", &TRACERS, "")),
        ("logstash.k8s.elastic.co", "Logstash") => {
            |object| Some(by_word(object, "/status/health", &LIGHTS, ""))
        }
        ("elasticsearch.k8s.elastic.co", "Elasticsearch") => elasticsearch,
        ("clickhouse.altinity.com", "ClickHouseInstallation")
        | ("clickhouse-keeper.altinity.com", "ClickHouseKeeperInstallation") => clickhouse,
        _ => return None,
    })
}

/// Ready for one reason only; unlike for a ClusterPolicy, all else is waiting.
fn policy(object: &Value) -> Option<Health> {
    let ready = condition(object, "Ready").filter(|ready| ready.is_true() && ready.reason == "Succeeded");
    Some(ready.map_or_else(|| progressing("waits for its controller"), |ready| healthy(ready.message)))
}

/// A node that is taken away on purpose is at rest.
fn node_claim(object: &Value) -> Option<Health> {
    let leaving = condition(object, "Disrupting").filter(|leaving| leaving.is_true());
    Some(match leaving {
        _ if !crate::observed_generation_current(object) => progressing(UNSEEN),
        Some(leaving) => suspended(leaving.explain()),
        None => by_conditions(object, &READY),
    })
}

/// `Available` is a failure unless some of its pods are still to come.
fn monitor(object: &Value) -> Option<Health> {
    Some(match condition(object, "Available") {
        Some(available) if available.is_true() => healthy(available.message),
        Some(available) if available.reason == "SomePodsNotReady" => progressing(available.explain()),
        Some(available) => degraded(available.explain()),
        None => progressing("waits for its operator"),
    })
}

/// What is sealed is of no use before this very generation was opened.
fn sealed_secret(object: &Value) -> Option<Health> {
    const LINES: [Line; 2] =
        [("Synced", "False", HealthStatus::Degraded), ("Synced", "True", HealthStatus::Healthy)];
    let observed = object.number("/status/observedGeneration");
    let opened = observed.is_some() && observed == generation(object);
    Some(if opened { by_conditions(object, &LINES) } else { progressing("waits to be unsealed") })
}

/// Three conditions, of which one fails, two wait, and both of those have to hold.
fn rabbitmq(object: &Value) -> Option<Health> {
    if let Some(failed) = condition(object, "ReconcileSuccess").filter(|done| done.is_false()) {
        return Some(degraded(failed.explain()));
    }
    let both = [condition(object, "ClusterAvailable"), condition(object, "AllReplicasReady")];
    let [Some(available), Some(ready)] = both else {
        let open = both.into_iter().flatten().find(|condition| !condition.is_true());
        return Some(progressing(
            open.map_or_else(|| "waits for its operator".to_owned(), |open| open.explain()),
        ));
    };
    let asleep =
        ready.is_false() && ready.reason == "ScaledToZero" && object.number("/spec/replicas") == Some(0);
    let open = [available, ready].into_iter().find(|condition| !condition.is_true());
    Some(match open {
        Some(_) if asleep && available.status != "Unknown" => suspended(ready.explain()),
        Some(open) => progressing(open.explain()),
        None => healthy(ready.message),
    })
}

/// Ceph's own health counts before the operator's state of it; a warning is a failure.
fn ceph(object: &Value) -> Option<Health> {
    let health = object.text("/status/ceph/health").unwrap_or_default();
    let state = object.text("/status/state").unwrap_or_default();
    let details = object.pointer("/status/ceph/details").and_then(Value::as_object).into_iter().flatten();
    let said = details.filter_map(|(_, detail)| detail.text("/message"));
    let words = [health, state].into_iter().chain(said).chain(object.text("/status/message"));
    let message = words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(", ");
    Some(match (health, state) {
        ("HEALTH_ERR" | "HEALTH_WARN", _) | ("HEALTH_OK", "Error") => degraded(message),
        ("HEALTH_OK", "" | "Created" | "Connected") => healthy(message),
        _ => progressing(message),
    })
}

/// All nodes first, then the operator's phase, then the light. Unlike in Argo CD, a cluster without a status is Progressing.
fn elasticsearch(object: &Value) -> Option<Health> {
    let Some(available) = object.number("/status/availableNodes") else {
        return Some(progressing("waits for its operator"));
    };
    let wished =
        object.list("/spec/nodeSets").iter().fold(0_i64, |sum, set| sum.saturating_add(set.count("/count")));
    let phase = object.text("/status/phase").unwrap_or_default();
    Some(match phase {
        _ if available < wished => progressing(format!("{available} of {wished} nodes available")),
        "Ready" if available == wished => match object.text("/status/health") {
            Some("unknown") | None => unknown("tells no health"),
            Some(_) => by_word(object, "/status/health", &LIGHTS, ""),
        },
        "ApplyingChanges" | "MigratingData" => progressing(phase),
        "Invalid" => degraded(phase),
        _ => unknown(format!("phase {phase}, {available} of {wished} nodes available")),
    })
}

/// Whatever it says but done and under way is a failure.
fn clickhouse(object: &Value) -> Option<Health> {
    Some(match object.text("/status/status") {
        Some("Completed") => healthy(""),
        Some("InProgress") => progressing("is under way"),
        Some(other) => degraded(format!("status {other}")),
        None => progressing("waits for its operator"),
    })
}
