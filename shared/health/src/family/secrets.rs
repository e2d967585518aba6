//! cert-manager, trust-manager and External Secrets: they try for ever, so `Ready: False` is a failure whatever its reason says.

use super::{READY, Rule, by_conditions, by_ready, by_word};
use crate::read::{Read, conditions};
use crate::{degraded, healthy, progressing};
use serde_json::Value;
use shared_model::{Health, HealthStatus};

pub(super) fn rule(group: &str, kind: &str) -> Option<Rule> {
    Some(match (group, kind) {
        ("cert-manager.io" | "certmanager.k8s.io", "Certificate") => certificate,
        ("cert-manager.io" | "certmanager.k8s.io", "Issuer" | "ClusterIssuer") => by_ready,
        ("cert-manager.io", "CertificateRequest") => certificate_request,
        ("acme.cert-manager.io", "Order" | "Challenge") => acme,
        ("trust.cert-manager.io", "Bundle") => bundle,
        ("external-secrets.io", "ExternalSecret" | "SecretStore" | "ClusterSecretStore" | "PushSecret") => {
            by_ready
        }
        ("external-secrets.io", "ClusterExternalSecret") => cluster_external_secret,
        ("kubernetes-client.io", "ExternalSecret") => old_external_secret,
        _ => return None,
    })
}

/// `Issuing` counts before `Ready`: a renewal keeps the old certificate Ready, a first issue has it False.
fn certificate(object: &Value) -> Option<Health> {
    let issuing = conditions(object).find(|condition| condition.kind == "Issuing" && condition.is_true());
    Some(issuing.map_or_else(|| by_conditions(object, &READY), |issuing| progressing(issuing.explain())))
}

/// The one kind of cert-manager's whose reason tells waiting from failing.
fn certificate_request(object: &Value) -> Option<Health> {
    let refused = conditions(object)
        .find(|condition| condition.is_true() && matches!(condition.kind, "Denied" | "InvalidRequest"));
    if let Some(refused) = refused {
        return Some(degraded(refused.explain()));
    }
    let waits = conditions(object)
        .find(|condition| condition.kind == "Ready")
        .filter(|ready| !ready.is_true())
        .map(|ready| {
            if ready.reason == "Pending" { progressing(ready.explain()) } else { degraded(ready.explain()) }
        });
    Some(waits.unwrap_or_else(|| by_conditions(object, &READY)))
}

/// They have a state of RFC 8555 and no conditions.
fn acme(object: &Value) -> Option<Health> {
    const STATES: [(&str, HealthStatus); 4] = [
        ("valid", HealthStatus::Healthy),
        ("invalid", HealthStatus::Degraded),
        ("expired", HealthStatus::Degraded),
        ("errored", HealthStatus::Degraded),
    ];
    Some(by_word(object, "/status/state", &STATES, "/status/reason"))
}

fn bundle(object: &Value) -> Option<Health> {
    const LINES: [(&str, &str, HealthStatus); 3] = [
        ("Synced", "True", HealthStatus::Healthy),
        ("Synced", "False", HealthStatus::Degraded),
        ("Synced", "Unknown", HealthStatus::Degraded),
    ];
    Some(by_conditions(object, &LINES))
}

/// Its controller appends a condition for each change of state: the last one counts.
fn cluster_external_secret(object: &Value) -> Option<Health> {
    let last = conditions(object).last().filter(super::Condition::is_true);
    Some(match last.map(|last| (last.kind, last)) {
        Some(("Ready", last)) => healthy(last.message),
        Some(("PartiallyReady" | "NotReady", last)) => degraded(last.explain()),
        _ => progressing("waits for its controller"),
    })
}

/// The predecessor of External Secrets: one text, `SUCCESS` or `ERROR, …`.
fn old_external_secret(object: &Value) -> Option<Health> {
    let text = object.text("/status/status").unwrap_or_default();
    Some(match text.strip_prefix("ERROR") {
        Some(error) => degraded(error.trim_start_matches([',', ' '])),
        None if text == "SUCCESS" => healthy("is fetched"),
        None => progressing("waits to be fetched"),
    })
}
