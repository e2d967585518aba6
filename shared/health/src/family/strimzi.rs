//! Strimzi, whose `NotReady: True` takes the place of `Ready: False`. Kinds without a script (KafkaRebalance, …) follow the conventions.

use super::{Line, Rule, by_conditions};
use crate::progressing;
use crate::read::conditions;
use serde_json::Value;
use shared_model::{Health, HealthStatus};

const LINES: [Line; 2] =
    [("NotReady", "True", HealthStatus::Degraded), ("Ready", "True", HealthStatus::Healthy)];

pub(super) fn rule(group: &str, kind: &str) -> Option<Rule> {
    Some(match (group, kind) {
        ("kafka.strimzi.io", "Kafka") => kafka,
        (
            "kafka.strimzi.io",
            "KafkaBridge" | "KafkaConnect" | "KafkaConnector" | "KafkaTopic" | "KafkaUser",
        ) => |object| Some(by_conditions(object, &LINES)),
        _ => return None,
    })
}

/// A cluster is NotReady while it is made, and says so.
fn kafka(object: &Value) -> Option<Health> {
    let making = conditions(object).find(|condition| {
        condition.kind == "NotReady" && condition.is_true() && condition.reason == "Creating"
    });
    Some(match making {
        Some(making) => super::first(object, &LINES[1..]).unwrap_or_else(|| progressing(making.explain())),
        None => by_conditions(object, &LINES),
    })
}
