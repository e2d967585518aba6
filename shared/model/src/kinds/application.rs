//! Application (argoproj.io/v1alpha1): one source of manifests on one cluster.

use crate::{Object, Source, meta::nullable};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An Application.
pub type Application = Object<ApplicationSpec>;

/// What of an Application's spec Flotilla acts on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ApplicationSpec {
    /// The AppProject that limits it.
    pub project: String,
    /// Where it goes.
    pub destination: Destination,
    /// Its single source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Its sources; `source` is ignored when there are any, as in Argo CD.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub sources: Vec<Source>,
    /// Automation, options and retries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync_policy: Option<SyncPolicy>,
    /// Differences that are not drift.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub ignore_differences: Vec<IgnoreDifference>,
}

impl ApplicationSpec {
    /// The sources in order.
    pub fn all_sources(&self) -> Vec<&Source> {
        if self.sources.is_empty() { self.source.iter().collect() } else { self.sources.iter().collect() }
    }
}

/// A cluster, by name or by server address, and the namespace for objects that name none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Destination {
    /// The Cluster's `spec.server`; excludes `name`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// The Cluster's name; excludes `server`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// The namespace for objects that name none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

/// Automation, options and retries.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncPolicy {
    /// Present when syncs need no person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub automated: Option<Automated>,
    /// Strings such as `CreateNamespace=true`.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub sync_options: Vec<String>,
    /// How failed syncs are tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
    /// Labels and annotations for the namespace that `CreateNamespace=true` makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_namespace_metadata: Option<Value>,
}

impl SyncPolicy {
    /// Whether syncs need no person: the block is there and not switched off.
    pub fn is_automated(&self) -> bool {
        self.automated.as_ref().is_some_and(|automated| automated.enabled != Some(false))
    }

    /// Whether the option `name=true` (or `name` alone) is set.
    pub fn has_option(&self, name: &str) -> bool {
        self.sync_options.iter().any(|option| option.strip_prefix(name).is_some_and(|rest| rest == "=true"))
    }
}

/// The `automated` block.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Automated {
    /// `false` keeps the block but turns it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Whether objects that left the source are deleted.
    #[serde(skip_serializing_if = "is_false")]
    pub prune: bool,
    /// Whether drift is healed.
    #[serde(skip_serializing_if = "is_false")]
    pub self_heal: bool,
    /// Whether a source without any object may empty the application.
    #[serde(skip_serializing_if = "is_false")]
    pub allow_empty: bool,
}

/// How failed syncs are tried again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retry {
    /// Tries after the first; negative means for ever.
    pub limit: i64,
    /// The waits between them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
}

/// Exponential waits: `duration × factor^n`, at most `maxDuration`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Backoff {
    /// The first wait, as Go writes durations; 5s when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub duration: String,
    /// 2 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<i64>,
    /// 3m when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub max_duration: String,
}

/// Differences of some objects that are not drift.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct IgnoreDifference {
    /// API group glob.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind glob.
    pub kind: String,
    /// Name; empty means all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Namespace; empty means all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// RFC 6901 pointers.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub json_pointers: Vec<String>,
    /// jq paths.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub jq_path_expressions: Vec<String>,
    /// Fields owned by these field managers.
    #[serde(skip_serializing_if = "Vec::is_empty", deserialize_with = "nullable")]
    pub managed_fields_managers: Vec<String>,
}

/// The top-level `operation` of an Application: a person asks for a sync.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Operation {
    /// Present when a sync is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sync: Option<Value>,
    /// Who asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initiated_by: Option<Value>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}
