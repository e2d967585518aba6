//! ApplicationSet (argoproj.io/v1alpha1), but for generators and template, which `shared/generate` reads as JSON.

use crate::{Amount, Object, Requirement, meta::nullable};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An ApplicationSet.
pub type ApplicationSet = Object<ApplicationSetSpec>;

/// The fields of an ApplicationSet outside generation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSetSpec {
    /// What becomes of Applications that appear, change or leave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_policy: Option<SetSyncPolicy>,
    /// How a change reaches the Applications.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Fields of the Applications that the set leaves alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preserved_fields: Option<PreservedFields>,
    /// Differences of the Applications that the set leaves alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ignore_application_differences: Option<Value>,
}

/// `spec.syncPolicy` of a set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SetSyncPolicy {
    /// Whether Applications go without taking their objects along.
    pub preserve_resources_on_deletion: bool,
    /// `create-only`, `create-update`, `create-delete` or `sync` (default).
    #[serde(skip_serializing_if = "String::is_empty")]
    pub applications_sync: String,
}

/// `spec.preservedFields` of a set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PreservedFields {
    /// Annotations that the set leaves alone.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub annotations: Vec<String>,
    /// Labels that the set leaves alone.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub labels: Vec<String>,
}

/// `spec.strategy` of a set.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Strategy {
    /// `RollingSync` gates syncs by steps; anything else does not.
    #[serde(rename = "type", skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// The steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling_sync: Option<RollingSync>,
    /// `Reverse` deletes the set's Applications in reverse steps.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub deletion_order: String,
}

/// `spec.strategy.rollingSync`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RollingSync {
    /// The steps, first to last.
    #[serde(deserialize_with = "nullable")]
    pub steps: Vec<RollingStep>,
}

/// One step: the Applications it holds, by their labels, and how many may change at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RollingStep {
    /// `In` and `NotIn` conditions on the Application's labels; none selects all.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub match_expressions: Vec<Requirement>,
    /// How many may change at once; absent means all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_update: Option<Amount>,
}
