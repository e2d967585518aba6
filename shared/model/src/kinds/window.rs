//! Sync windows as AppProjects, RolloutPolicies and the hub's settings write them.
//!
//! Argo CD's `SyncWindow` (`pkg/apis/application/v1alpha1/types.go`), word for word, and what freezes need besides:
//! a name, clusters by label, and one span of time instead of a schedule. Values are kept as written;
//! `shared/project` reads them.

use crate::{LabelSelector, meta::nullable};
use serde::{Deserialize, Serialize};

/// One sync window: when changes may go out, or may not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncWindow {
    /// `allow` or `deny`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// When it opens: cron with five fields, or a macro such as `@daily`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub schedule: String,
    /// How long it stays open, e.g. `1h30m`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub duration: String,
    /// Globs of Application names; with the two lists below, one that matches suffices, or all that are
    /// given must when `andOperator` is set.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub applications: Vec<String>,
    /// Globs of destination namespaces.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub namespaces: Vec<String>,
    /// Globs of cluster names or addresses.
    #[serde(deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<String>,
    /// Whether a person's sync goes through all the same.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub manual_sync: bool,
    /// The zone that the schedule is in, e.g. `Europe/Berlin`; UTC when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub time_zone: String,
    /// Whether all of the given lists must match.
    #[serde(rename = "andOperator", skip_serializing_if = "std::ops::Not::not")]
    pub and_operator: bool,
    /// Shown to people.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whether what began while changes were allowed may be ended after that.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sync_overrun: bool,
    /// Flotilla's own: clusters by label, for freezes in the hub's settings and in a RolloutPolicy. It narrows
    /// whatever the lists above take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_selector: Option<LabelSelector>,
    /// Flotilla's own: what `flotilla freeze lift` calls it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Flotilla's own: the start of a window that opens once (RFC 3339), instead of `schedule` and `duration`;
    /// with only `until`, it has always been open.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub from: String,
    /// Flotilla's own: the end of a window that opens once (RFC 3339); with only `from`, it stays open.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub until: String,
}
