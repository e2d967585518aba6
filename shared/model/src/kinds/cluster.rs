//! Cluster (flotilla.dev/v1alpha1): one spoke cluster.

use crate::{ClusterName, Object, kinds::pause};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A Cluster.
pub type Cluster = Object<ClusterSpec>;

/// What people ask of a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterSpec {
    /// The address by which Applications may name it; `https://NAME.clusters.flotilla.invalid` when empty.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub server: String,
    /// The AppProject it belongs to, for the clusters generator.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub project: String,
    /// Present while the cluster is to be left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause: Option<PauseRequest>,
    /// Whether the agent acts or only looks.
    #[serde(skip_serializing_if = "Mode::is_default")]
    pub mode: Mode,
    /// Present once a person took what the agent holds as truth, because the hub's store lost it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adopt: Option<AdoptRequest>,
    /// Present once a person wants the cluster to leave the fleet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retire: Option<RetireRequest>,
}

/// A request to take a cluster out of the fleet (`flotilla cluster retire`, or deleting the Cluster): its
/// identity ends, its Applications go, and what runs in it stays, but for what a drain removes first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RetireRequest {
    /// Whether everything that the hub put there is removed first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub drain: bool,
    /// Who asked; set by the hub from the request's subject.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// When the hub stored the request; set by the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<jiff::Timestamp>,
}

/// A request to take what a cluster's agent holds as truth (`flotilla hub restore --adopt`). It waits for
/// the agent, however long that is away, and is answered once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdoptRequest {
    /// Names the request: one that was answered is not answered again.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub request: String,
    /// Who asked; set by the hub from the request's subject.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// When the hub stored the request; set by the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<jiff::Timestamp>,
}

/// Whether the agent acts or only looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// Applies, heals and prunes.
    #[default]
    Enforce,
    /// Compares and reports; writes nothing.
    Observe,
}

impl Mode {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_default(&self) -> bool {
        *self == Self::Enforce
    }
}

/// A request to leave a cluster alone (invariant 5, *Pause means no action*).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PauseRequest {
    /// Why, for the people who meet it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Who asked; set by the hub from the request's subject.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// How long, counted from `at`; absent means until resumed.
    #[serde(rename = "for", with = "crate::text::optional", skip_serializing_if = "Option::is_none")]
    pub duration: Option<Duration>,
    /// When the hub stored the request; set by the hub.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<jiff::Timestamp>,
}

impl PauseRequest {
    /// When the pause ends by itself; `None` for one without an end or not stored yet.
    pub fn ends(&self) -> Option<jiff::Timestamp> {
        self.at?.checked_add(self.duration?).ok()
    }

    /// Whether the pause is in force at `now`.
    pub fn is_active(&self, now: jiff::Timestamp) -> bool {
        self.ends().is_none_or(|end| now < end)
    }
}

/// The address of a cluster that was given none.
pub fn default_server(name: &ClusterName) -> String {
    format!("https://{name}.clusters.flotilla.invalid")
}

impl Cluster {
    /// The cluster's name.
    pub fn name(&self) -> ClusterName {
        ClusterName::new(self.metadata.name.clone())
    }

    /// Whether it is on its way out of the fleet: nothing new goes there.
    pub const fn is_leaving(&self) -> bool {
        self.spec.retire.is_some() || self.metadata.deletion_timestamp.is_some()
    }

    /// Whether what the hub put there is removed before it leaves.
    pub fn is_drained(&self) -> bool {
        self.spec.retire.as_ref().is_some_and(|retire| retire.drain)
    }

    /// The pause that is asked for at `now`: `spec.pause`, or Argo CD's annotation, or both as one.
    pub fn pause(&self, now: jiff::Timestamp) -> Option<PauseRequest> {
        let asked = self.spec.pause.clone().filter(|pause| pause.is_active(now));
        pause::with_skip_reconcile(asked, &self.metadata.annotations)
    }

    /// The address by which Applications may name it.
    pub fn server(&self) -> String {
        if self.spec.server.is_empty() { default_server(&self.name()) } else { self.spec.server.clone() }
    }
}
