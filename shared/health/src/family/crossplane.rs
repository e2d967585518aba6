//! Crossplane, its packages and the managed resources of its providers (Upbound's included). Composite resources are of users' own
//! groups: the conventions (`Synced`, `Ready`) judge them.

use super::Rule;
use crate::read::{Condition, Read, condition, conditions, conditions_of};
use crate::{degraded, healthy, progressing, suspended};
use serde_json::Value;
use shared_model::Health;

/// Kinds that nobody writes conditions of: without any they are as good as they get.
const WITHOUT_CONDITIONS: [&str; 5] = [
    "ClusterProviderConfig",
    "ClusterProviderConfigUsage",
    "ProviderConfig",
    "ProviderConfigUsage",
    "StoreConfig",
];
/// Those of Crossplane itself.
const ALSO_WITHOUT: [&str; 6] = [
    "Composition",
    "CompositionRevision",
    "ControllerConfig",
    "DeploymentRuntimeConfig",
    "EnvironmentConfig",
    "ImageConfig",
];
/// True means done. One is enough: packages have no `Ready`, claims have no `Healthy`.
const GOOD: [&str; 6] = ["Ready", "Healthy", "Offered", "Established", "ValidPipeline", "RevisionHealthy"];

pub(super) fn rule(group: &str, kind: &str) -> Option<Rule> {
    Some(match (group, kind) {
        ("pkg.crossplane.io", "Provider") => provider,
        ("stacks.crossplane.io", "ClusterStackInstall") => stack,
        ("cloudfront.aws.crossplane.io", "Distribution")
        | ("iam.aws.crossplane.io", "Policy" | "Role" | "RolePolicyAttachment")
        | ("rds.aws.crossplane.io", "DBCluster" | "DBInstance")
        | ("route53.aws.crossplane.io", "ResourceRecordSet")
        | ("s3.aws.crossplane.io", "Bucket") => classic,
        _ if group.ends_with(".crossplane.io") => crossplane,
        _ if group.ends_with(".upbound.io") => upbound,
        _ => return None,
    })
}

fn upbound(object: &Value) -> Option<Health> {
    Some(managed(object, &WITHOUT_CONDITIONS, &GOOD[..1]))
}

fn crossplane(object: &Value) -> Option<Health> {
    let silent: Vec<&str> = WITHOUT_CONDITIONS.into_iter().chain(ALSO_WITHOUT).collect();
    let verdict = managed(object, &silent, &GOOD);
    // A definition that is not to be active is not established, by wish.
    let resting = object.text("/spec/state") != Some("Active")
        && condition(object, "Established")
            .is_some_and(|established| established.reason == "InactiveManagedResource");
    let waits = verdict.status == crate::HealthStatus::Progressing;
    Some(if waits && resting { healthy("is inactive, as asked") } else { verdict })
}

/// `Synced: False` is what a provider says of every error and of a pause, so its reason does not matter; `Ready: False` alone is
/// creation, whatever its reason.
fn managed(object: &Value, silent: &[&str], good: &[&str]) -> Health {
    if object.list("/status/conditions").is_empty() {
        let kind = object.text("/kind").unwrap_or_default();
        return if silent.contains(&kind) { healthy("") } else { progressing("waits for its controller") };
    }
    let bad = conditions(object)
        .find(|condition| condition.is_false() && matches!(condition.kind, "LastAsyncOperation" | "Synced"));
    if let Some(bad) = bad {
        return degraded(bad.explain());
    }
    let done = conditions(object).find(|condition| condition.is_true() && good.contains(&condition.kind));
    match done {
        Some(done) => healthy(done.message),
        None => progressing(
            condition(object, "Ready").map_or_else(|| "is being made".to_owned(), |ready| ready.explain()),
        ),
    }
}

/// Needs two conditions True at once; any other sight of them is a failure.
fn provider(object: &Value) -> Option<Health> {
    let (installed, running) = (condition(object, "Installed"), condition(object, "Healthy"));
    let is_true = |condition: &Option<Condition<'_>>| condition.is_some_and(|condition| condition.is_true());
    let told: Vec<Condition<'_>> = installed.into_iter().chain(running).collect();
    let reasons = || told.iter().map(|condition| condition.reason).collect::<Vec<_>>().join(" ");
    Some(if told.is_empty() {
        progressing("waits to be installed")
    } else if is_true(&installed) && is_true(&running) {
        healthy(reasons())
    } else {
        let said: Vec<&str> =
            told.iter().map(|condition| condition.message).filter(|message| !message.is_empty()).collect();
        degraded([&[reasons().as_str()][..], &said].concat().join(": "))
    })
}

/// The classic AWS kinds: the only scripts of Argo CD's that tell a pause from a failure.
fn classic(object: &Value) -> Option<Health> {
    if object.list("/status/conditions").is_empty() {
        return Some(progressing("waits to be made"));
    }
    let (ready, synced) = (condition(object, "Ready"), condition(object, "Synced"));
    let is_true = |condition: &Option<Condition<'_>>| condition.is_some_and(|condition| condition.is_true());
    let paused = synced.filter(|synced| synced.reason == "ReconcilePaused");
    let reason = |condition: Option<Condition<'_>>| {
        condition.map(|condition| condition.reason.to_owned()).unwrap_or_default()
    };
    Some(match (is_true(&ready), is_true(&synced), paused) {
        (true, true, _) => healthy(reason(ready)),
        (_, false, Some(paused)) => suspended(paused.reason),
        (false, true, None) => progressing(reason(ready)),
        _ => degraded(synced.map(|synced| synced.explain()).unwrap_or_default()),
    })
}

/// Crossplane before 1.0 kept its conditions one level deeper.
fn stack(object: &Value) -> Option<Health> {
    let mut ready = conditions_of(object.list("/status/conditionedStatus/conditions"))
        .filter(|condition| condition.kind == "Ready")
        .peekable();
    let waits = ready.peek().map_or("waits to be installed", |ready| ready.reason);
    Some(ready.find(Condition::is_true).map_or_else(|| progressing(waits), |ready| healthy(ready.reason)))
}
