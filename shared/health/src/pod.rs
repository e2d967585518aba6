//! Pod (gitops-engine `pkg/health/health_pod.go`).

use crate::read::{Read, annotation, conditions};
use crate::{degraded, healthy, is_hook, progressing, unknown};
use serde_json::Value;
use shared_model::Health;

/// Judges a pod that is meant to end as one that is meant to run, unless it is a hook (Argo CD 3.6).
const IGNORE_RESTART_POLICY: &str = "argocd.argoproj.io/ignore-restart-policy";

pub(crate) fn pod(object: &Value) -> Health {
    let runs_for_ever = object.text("/spec/restartPolicy") == Some("Always")
        || annotation(object, IGNORE_RESTART_POLICY) == Some("true") && !is_hook(object);
    if runs_for_ever {
        // Init containers do not count: a pod whose start is retried is Pending, so Progressing.
        let stuck: Vec<String> =
            object.list("/status/containerStatuses").iter().filter_map(waits_in_vain).collect();
        if !stuck.is_empty() {
            return degraded(stuck.join(", "));
        }
    }
    let message = object.text("/status/message").unwrap_or_default();
    match object.text("/status/phase") {
        Some("Pending") => progressing(message),
        Some("Succeeded") => healthy(message),
        Some("Failed") => degraded(failure(object, message)),
        Some("Running") if runs_for_ever => running(object),
        Some("Running") if matches!(object.text("/spec/restartPolicy"), Some("OnFailure" | "Never")) => {
            progressing(if message.is_empty() { "runs to its end" } else { message })
        }
        Some(phase) => unknown(format!("phase {phase} {message}").trim_end()),
        None => unknown(message),
    }
}

fn running(object: &Value) -> Health {
    if conditions(object).any(|condition| condition.kind == "Ready" && condition.is_true()) {
        return healthy(object.text("/status/message").unwrap_or_default());
    }
    let restarted = object
        .list("/status/containerStatuses")
        .iter()
        .find(|status| status.pointer("/lastState/terminated").is_some_and(|state| !state.is_null()));
    match restarted {
        Some(status) => degraded(format!("container {} ended and is not ready", container_name(status))),
        None => progressing("is not ready"),
    }
}

fn containers(object: &Value) -> impl Iterator<Item = &Value> {
    object.list("/status/initContainerStatuses").iter().chain(object.list("/status/containerStatuses"))
}

fn container_name(status: &Value) -> &str {
    status.text("/name").unwrap_or("?")
}

/// A waiting container whose reason says that waiting will not help (ErrImagePull, CrashLoopBackOff, …).
fn waits_in_vain(status: &Value) -> Option<String> {
    let reason = status.text("/state/waiting/reason")?;
    let hopeless = reason.starts_with("Err") || reason.ends_with("Error") || reason.ends_with("BackOff");
    hopeless.then(|| match status.text("/state/waiting/message") {
        Some(message) if !message.is_empty() => {
            format!("container {}: {reason}: {message}", container_name(status))
        }
        _ => format!("container {}: {reason}", container_name(status)),
    })
}

fn failure(object: &Value, message: &str) -> String {
    if !message.is_empty() {
        return message.to_owned();
    }
    let ended = containers(object).find_map(|status| {
        let state = status.pointer("/state/terminated")?;
        let code = state.count("/exitCode");
        if let Some(message) = state.text("/message").filter(|message| !message.is_empty()) {
            return Some(message.to_owned());
        }
        let reason = state.text("/reason").unwrap_or_default();
        match (reason, code) {
            ("OOMKilled", _) => {
                Some(format!("container {} ran out of memory (OOMKilled)", container_name(status)))
            }
            (_, 0) => None,
            (_, code) => Some(format!("container {} ended with code {code}", container_name(status))),
        }
    });
    ended.or_else(|| object.text("/status/reason").map(str::to_owned)).unwrap_or_default()
}
