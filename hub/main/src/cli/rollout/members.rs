//! All members of a rollout, page by page.

use crate::cli::client::{Hub, collection};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared_model::{HealthStatus, Kind};

/// A member as the hub serves it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    /// Its namespace and name.
    pub(super) application: String,
    pub(super) cluster: String,
    /// Empty when no wave takes it.
    #[serde(default)]
    pub(super) wave: String,
    pub(super) state: String,
    #[serde(default)]
    pub(super) excused: Option<String>,
    /// What it waits for; empty when nothing.
    #[serde(default)]
    pub(super) waits_for: String,
    #[serde(default)]
    pub(super) health: Option<HealthStatus>,
    /// Whether it runs the rollout's release; absent when its agent reports nothing.
    #[serde(default)]
    pub(super) current: Option<bool>,
    /// Where a rollback leads.
    #[serde(default)]
    pub(super) before: Option<Before>,
}

/// What was last proven on a member before the rollout.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
pub(super) struct Before {
    /// Abbreviated.
    pub(super) release: String,
    /// The commit that it was rendered from; empty when that is not known any more.
    #[serde(default)]
    pub(super) revision: String,
}

/// The members of a rollout, in the order of the hub.
pub(super) async fn all(hub: &Hub, ns: &str, rollout: &str) -> anyhow::Result<Vec<Member>> {
    read(hub, ns, rollout, "").await
}

/// As [`all`], each with what was proven there before.
pub(super) async fn with_before(hub: &Hub, ns: &str, rollout: &str) -> anyhow::Result<Vec<Member>> {
    read(hub, ns, rollout, "&before=true").await
}

async fn read(hub: &Hub, ns: &str, rollout: &str, detail: &str) -> anyhow::Result<Vec<Member>> {
    let path = format!("{}/{rollout}/members", collection(Kind::FleetRollout, ns));
    let (mut members, mut next) = (Vec::new(), String::new());
    loop {
        let mut page = hub.get(&format!("{path}?limit=500{detail}{next}")).await?;
        for item in page["items"].as_array_mut().map(std::mem::take).unwrap_or_default() {
            members.push(serde_json::from_value(item)?);
        }
        match page.pointer("/metadata/continue").and_then(Value::as_str) {
            Some(token) => next = format!("&continue={token}"),
            None => return Ok(members),
        }
    }
}
