//! Knative. Its scripts count conditions: one that is not listed is as bad as one that is.

use super::Rule;
use crate::read::{Condition, Read, conditions};
use crate::{degraded, healthy, progressing};
use serde_json::Value;
use shared_model::Health;

pub(super) fn rule(group: &str, kind: &str) -> Option<Rule> {
    Some(match (group, kind) {
        ("serving.knative.dev", "Service") => service,
        ("operator.knative.dev", "KnativeEventing") => {
            |object| Some(installation(object, &EVENTING, &["Ready"]))
        }
        ("operator.knative.dev", "KnativeServing") => {
            |object| Some(installation(object, &SERVING, &["Ready", "DeploymentsAvailable"]))
        }
        _ => return None,
    })
}

const EVENTING: [&str; 2] = ["Ready", "InstallSucceeded"];
const SERVING: [&str; 4] = ["Ready", "InstallSucceeded", "DependenciesInstalled", "DeploymentsAvailable"];

fn true_of(object: &Value, kinds: &[&str]) -> usize {
    conditions(object).filter(|condition| condition.is_true() && kinds.contains(&condition.kind)).count()
}

fn is_unknown(condition: &Condition<'_>) -> bool {
    condition.status == "Unknown"
}

fn told(condition: &Condition<'_>) -> String {
    let said = [condition.reason, condition.message].into_iter().filter(|said| !said.is_empty());
    [condition.kind].into_iter().chain(said).collect::<Vec<_>>().join(": ")
}

/// Any False is a failure, the reason does not matter: a revision that does not come up says so in this way only.
fn service(object: &Value) -> Option<Health> {
    let open: Vec<Condition<'_>> =
        conditions(object).filter(|condition| condition.is_false() || is_unknown(condition)).collect();
    let message = || open.iter().map(told).collect::<Vec<_>>().join(", ");
    Some(if open.iter().any(Condition::is_false) {
        degraded(message())
    } else if open.is_empty() && true_of(object, &["ConfigurationsReady", "RoutesReady", "Ready"]) == 3 {
        healthy("")
    } else if open.is_empty() {
        progressing("waits for its configurations and routes")
    } else {
        progressing(message())
    })
}

/// An installation is on its way while any of `open` is False or anything Unknown; Degraded is the rest that is not done.
fn installation(object: &Value, done: &[&str], open: &[&str]) -> Health {
    if object.list("/status/conditions").is_empty() {
        return progressing("waits to be installed");
    }
    let waits = conditions(object)
        .find(|condition| is_unknown(condition) || condition.is_false() && open.contains(&condition.kind));
    let failed = conditions(object).find(Condition::is_false);
    match (waits, failed) {
        (Some(waits), _) => progressing(told(&waits)),
        (None, _) if true_of(object, done) == done.len() => healthy(""),
        (None, Some(failed)) => degraded(told(&failed)),
        (None, None) => degraded("not all of its conditions are reported"),
    }
}
