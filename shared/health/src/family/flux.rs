//! Flux. Its controllers follow kstatus, yet the conventions alone do not give Argo CD's verdicts: there, Progressing takes two
//! conditions at once, and a retry after a failure stays Degraded.

use super::Rule;
use crate::read::{Condition, Read, condition, conditions};
use crate::{degraded, healthy, progressing, suspended};
use serde_json::Value;
use shared_model::Health;

/// What a kind says while it works, and what it needs besides `Ready`.
struct Words {
    /// Whether `spec.suspend` suspends.
    stops: bool,
    /// The status of `Ready` while `Reconciling`.
    busy: &'static str,
    /// The reasons of `Reconciling` that count; all when empty.
    reasons: &'static [&'static str],
    /// One of these has to be True as well; none when empty.
    also: &'static [&'static str],
}

const PLAIN: Words = Words { stops: true, busy: "Unknown", reasons: &[], also: &[] };
const SOURCE: Words = Words { also: &["ArtifactInStorage"], ..PLAIN };
const RELEASE: Words = Words { also: &["Released", "TestSuccess"], ..PLAIN };
const SCAN: Words = Words { busy: "False", reasons: &["NewGeneration", "Scanning"], ..PLAIN };
const IMAGE: Words = Words {
    stops: false,
    busy: "False",
    reasons: &["NewGeneration", "AccessingRepository", "ApplyingPolicy"],
    also: &[],
};

pub(super) fn rule(group: &str, kind: &str) -> Option<Rule> {
    Some(match (group.strip_suffix(".toolkit.fluxcd.io")?, kind) {
        ("kustomize", "Kustomization") | ("image", "ImageUpdateAutomation") => {
            |object| Some(judge(object, &PLAIN))
        }
        ("source", "GitRepository" | "OCIRepository" | "Bucket" | "HelmChart") => {
            |object| Some(judge(object, &SOURCE))
        }
        ("source", "HelmRepository") => helm_repository,
        ("helm", "HelmRelease") => |object| Some(judge(object, &RELEASE)),
        ("image", "ImageRepository") => |object| Some(judge(object, &SCAN)),
        ("image", "ImagePolicy") => |object| Some(judge(object, &IMAGE)),
        ("notification", "Receiver") => receiver,
        _ => return None,
    })
}

/// Whether a HelmRepository is a registry: of those Flux writes no status.
fn is_registry(object: &Value) -> bool {
    object.text("/spec/type") == Some("oci") && !object.flag("/spec/suspend")
}

fn judge(object: &Value, words: &Words) -> Health {
    if words.stops && object.flag("/spec/suspend") {
        return suspended("is suspended");
    }
    // A controller that has only noted the generation has not said anything yet.
    let Some(ready) = condition(object, "Ready") else {
        return without_ready(object);
    };
    let works = conditions(object).any(|condition| {
        condition.kind == "Reconciling"
            && condition.is_true()
            && (words.reasons.is_empty() || words.reasons.contains(&condition.reason))
    });
    let complete = words.also.is_empty()
        || conditions(object).any(|condition| condition.is_true() && words.also.contains(&condition.kind));
    if works && ready.status == words.busy {
        progressing(explain(object, &ready))
    } else if ready.is_true() && complete {
        healthy(explain(object, &ready))
    } else {
        degraded(explain(object, &ready))
    }
}

fn without_ready(object: &Value) -> Health {
    match conditions(object).next() {
        Some(other) => degraded(other.explain()),
        None => progressing("waits for its controller"),
    }
}

/// The reason, which is what Argo CD shows, and what the controller says of it.
fn explain(object: &Value, ready: &Condition<'_>) -> String {
    let outdated =
        condition(object, "ArtifactOutdated").filter(Condition::is_true).map(|outdated| outdated.reason);
    let reasons: Vec<&str> = [Some(ready.reason), outdated].into_iter().flatten().collect();
    match ready.message {
        "" => reasons.join(" "),
        message => format!("{}: {message}", reasons.join(" ")),
    }
}

/// Registries have no status to judge.
fn helm_repository(object: &Value) -> Option<Health> {
    Some(if is_registry(object) { healthy("is a registry, asked on use") } else { judge(object, &SOURCE) })
}

/// It does nothing that takes time: it is Ready or it failed.
fn receiver(object: &Value) -> Option<Health> {
    if object.flag("/spec/suspend") {
        return Some(suspended("is suspended"));
    }
    Some(match condition(object, "Ready") {
        Some(ready) if ready.is_true() => healthy(explain(object, &ready)),
        Some(ready) => degraded(explain(object, &ready)),
        None => without_ready(object),
    })
}
