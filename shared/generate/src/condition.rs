//! The set's conditions, in Argo CD's types and reasons, with two of our own.
//!
//! Argo CD's: `ErrorOccurred`, `ParametersGenerated`, `ResourcesUpToDate`. Ours, present only while true: `DeletionsHeld`,
//! `UnsupportedFields`.

use crate::outcome::{Expansion, Failed, Held, Reason};
use crate::reconcile;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared_model::unsupported;
use std::fmt::Display;

const UP_TO_DATE: &str = "ApplicationSetUpToDate";
const ERROR: &str = "ErrorOccurred";
const ALL_WELL: &str = "All applications have been generated successfully";
const GENERATED: &str = "Successfully generated parameters for all Applications";
/// How many entries a message lists.
const LISTED: usize = 5;

struct Condition {
    kind: &'static str,
    status: bool,
    reason: &'static str,
    message: String,
}

/// The conditions of `set` after an expansion. `held` is what [`crate::reconcile`] held; `failed` is what failed after generation, if anything did;
/// `previous` are the conditions so far: one whose status stays keeps its `lastTransitionTime`, others get `now`.
pub fn conditions(
    set: &Value,
    expansion: &Expansion,
    held: Option<&Held>,
    failed: Option<&Failed>,
    previous: &[Value],
    now: Timestamp,
) -> Vec<Value> {
    let mut found = outcome(set, expansion, failed);
    if let Some(held) = held {
        let message = held.message.clone();
        found.push(Condition { kind: "DeletionsHeld", status: true, reason: "AwaitingApproval", message });
    }
    let ours = expansion.unsupported.iter().map(ToString::to_string);
    let others = unsupported::application_set(set)
        .into_iter()
        .map(|field| format!("{}: {}", field.path, field.remedy));
    let all: Vec<_> = ours.chain(others).collect();
    if !all.is_empty() {
        let message = listed(&all);
        found.push(Condition { kind: "UnsupportedFields", status: true, reason: "NoEffectYet", message });
    }
    found.into_iter().map(|condition| condition.to_json(previous, now)).collect()
}

fn outcome(set: &Value, expansion: &Expansion, failed: Option<&Failed>) -> Vec<Condition> {
    let frozen = expansion
        .frozen
        .iter()
        .flat_map(|frozen| frozen.problems.iter().map(move |problem| (frozen, problem)));
    let frozen: Vec<_> = frozen.collect();
    let (reason, message) = if let Some(first) = expansion.problems.first() {
        (first.reason.as_str(), listed(&expansion.problems))
    } else if let Some((_, first)) = frozen.first() {
        let said = frozen.iter().map(|(frozen, problem)| {
            format!("{problem}; the Applications of {} stay as they are", frozen.origin)
        });
        (first.reason.as_str(), listed(&said.collect::<Vec<_>>()))
    } else if !expansion.rejected.is_empty() {
        let rejected = expansion.rejected.iter().map(|rejected| match rejected.name.as_str() {
            "" => rejected.problem.to_string(),
            name => format!("application `{name}`: {}", rejected.problem),
        });
        (Reason::ApplicationValidationError.as_str(), listed(&rejected.collect::<Vec<_>>()))
    } else if let Some(failed) = failed {
        let (reason, message) = match failed {
            Failed::Write(message) => (reconcile::unwritten(set), message),
            Failed::Delete(message) => ("DeleteApplicationError", message),
            Failed::Refresh(message) => ("RefreshApplicationError", message),
        };
        (reason, message.clone())
    } else {
        return vec![
            Condition { kind: ERROR, status: false, reason: UP_TO_DATE, message: ALL_WELL.to_owned() },
            generated(),
            Condition {
                kind: "ResourcesUpToDate",
                status: true,
                reason: UP_TO_DATE,
                message: ALL_WELL.to_owned(),
            },
        ];
    };
    // A template that fails counts as parameters that were not generated, as in Argo CD.
    let parameters = if expansion.problems.is_empty() && expansion.frozen.is_empty() {
        generated()
    } else {
        Condition { kind: "ParametersGenerated", status: false, reason: ERROR, message: message.clone() }
    };
    vec![
        Condition { kind: ERROR, status: true, reason, message: message.clone() },
        parameters,
        Condition { kind: "ResourcesUpToDate", status: false, reason: ERROR, message },
    ]
}

fn generated() -> Condition {
    Condition {
        kind: "ParametersGenerated",
        status: true,
        reason: "ParametersGenerated",
        message: GENERATED.to_owned(),
    }
}

impl Condition {
    fn to_json(&self, previous: &[Value], now: Timestamp) -> Value {
        let status = if self.status { "True" } else { "False" };
        let same = |condition: &&Value| {
            let is = |key: &str, value: &str| condition.get(key).and_then(Value::as_str) == Some(value);
            is("type", self.kind) && is("status", status)
        };
        let since =
            previous.iter().find(same).and_then(|condition| condition.get("lastTransitionTime")).cloned();
        json!({
            "type": self.kind,
            "status": status,
            "reason": self.reason,
            "message": self.message,
            "lastTransitionTime": since.unwrap_or_else(|| json!(format!("{now:.0}"))),
        })
    }
}

fn listed<T: Display>(items: &[T]) -> String {
    let shown = items.iter().take(LISTED).map(ToString::to_string).collect::<Vec<_>>().join("; ");
    match items.len().saturating_sub(LISTED) {
        0 => shown,
        more => format!("{shown}; and {more} more"),
    }
}
