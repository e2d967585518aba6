//! Families of custom resources whose Argo CD scripts say something else than the conventions of `custom` do.
//!
//! Decides by tables where a family's words fit one: which condition or phase means what. A kind has code of its own only where
//! its script counts, compares or looks elsewhere than at conditions; the function says why. Each family's verdicts are held
//! to those of Argo CD's scripts by recorded vectors.
//!
//! Invariant: a rule reads the one object it is given, and says Degraded or Suspended only for what the object says.
//!
//! What it refuses to know: the order of contradictory conditions is the object's own, and the first one counts.

mod argo;
mod cloud;
mod cloudnative_pg;
mod cluster_api;
mod crossplane;
mod flux;
mod gateway;
mod knative;
mod mesh;
mod operators;
mod rollout;
mod secrets;
mod strimzi;

use crate::progressing;
use crate::read::{Condition, Read, conditions, generation};
use serde_json::Value;
use shared_model::{Health, HealthStatus};

/// How a kind is judged; `None` for an object that tells nothing.
pub(crate) type Rule = fn(&Value) -> Option<Health>;

/// The rule for a kind of a family; `None` for kinds that follow the conventions.
pub(crate) fn rule(group: &str, kind: &str) -> Option<Rule> {
    secrets::rule(group, kind)
        .or_else(|| crossplane::rule(group, kind))
        .or_else(|| flux::rule(group, kind))
        .or_else(|| argo::rule(group, kind))
        .or_else(|| strimzi::rule(group, kind))
        .or_else(|| cloudnative_pg::rule(group, kind))
        .or_else(|| knative::rule(group, kind))
        .or_else(|| cluster_api::rule(group, kind))
        .or_else(|| mesh::rule(group, kind))
        .or_else(|| gateway::rule(group, kind))
        .or_else(|| operators::rule(group, kind))
        .or_else(|| cloud::rule(group, kind))
}

/// What a condition of this type and status means.
type Line = (&'static str, &'static str, HealthStatus);

/// `Ready` as most controllers that try for ever use it: False is a failure, whatever its reason.
const READY: [Line; 2] =
    [("Ready", "False", HealthStatus::Degraded), ("Ready", "True", HealthStatus::Healthy)];

/// What the first condition that a line names says, in the object's order.
fn first(object: &Value, lines: &[Line]) -> Option<Health> {
    conditions(object).find_map(|condition| said(object, &condition, lines))
}

fn said(object: &Value, condition: &Condition<'_>, lines: &[Line]) -> Option<Health> {
    let meant = |line: &&Line| line.0 == condition.kind && line.1 == condition.status;
    let (.., status) = lines.iter().find(meant)?;
    if *status != HealthStatus::Healthy {
        return Some(Health::new(*status, condition.explain()));
    }
    Some(if condition.is_outdated(generation(object)) {
        progressing("waits for its condition to follow the newest generation")
    } else {
        Health::new(*status, if condition.message.is_empty() { condition.reason } else { condition.message })
    })
}

/// By the first line that fits; Progressing while none does.
fn by_conditions(object: &Value, lines: &[Line]) -> Health {
    first(object, lines).unwrap_or_else(|| progressing("waits for its controller"))
}

/// By `Ready`, True or False.
fn by_ready(object: &Value) -> Option<Health> {
    Some(by_conditions(object, &READY))
}

/// By a word of the status; Progressing for one that is not listed. The message is what the controller says at `message`, or the word.
fn by_word(object: &Value, word: &str, words: &[(&str, HealthStatus)], message: &str) -> Health {
    let Some(found) = object.text(word).filter(|found| !found.is_empty()) else {
        return progressing("waits for its controller");
    };
    let status = words
        .iter()
        .find(|(word, _)| *word == found)
        .map_or(HealthStatus::Progressing, |(_, status)| *status);
    Health::new(status, object.text(message).filter(|message| !message.is_empty()).unwrap_or(found))
}
