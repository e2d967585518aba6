//! What extends the API: APIService (gitops-engine `pkg/health/health_apiservice.go`) and CustomResourceDefinition (Argo CD's script).

use crate::read::{Condition, condition, conditions};
use crate::{degraded, healthy, progressing};
use serde_json::Value;
use shared_model::Health;

pub(crate) fn api_service(object: &Value) -> Health {
    match condition(object, "Available") {
        Some(available) if available.is_true() => healthy(available.message),
        Some(other) => progressing(other.explain()),
        None => progressing("waits to be processed"),
    }
}

/// A definition is of use once the API server serves it.
pub(crate) fn definition(object: &Value) -> Health {
    let refused = conditions(object).find_map(|condition| refusal(&condition));
    refused.unwrap_or_else(|| {
        let established = conditions(object).find(|condition| condition.kind == "Established");
        match established {
            Some(established) if established.is_true() => healthy(""),
            Some(other) => progressing(other.explain()),
            None => progressing("waits to be established"),
        }
    })
}

fn refusal(condition: &Condition<'_>) -> Option<Health> {
    match (condition.kind, condition.status, condition.reason) {
        ("Terminating", "True", _) => Some(progressing(condition.explain())),
        ("NamesAccepted", "False", _) | ("NonStructuralSchema", "True", _) => {
            Some(degraded(condition.explain()))
        }
        // The API server stops serving a definition whose conversion webhook it cannot trust.
        ("Established", "False" | "Unknown", "InvalidCABundle") => Some(degraded(condition.explain())),
        _ => None,
    }
}
