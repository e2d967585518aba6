//! How a cluster's applications stand, as its agent writes it for `flotilla-agent status`: works offline.

use crate::journal::{self, Place};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_model::{AppKey, HealthStatus, Position, SyncPhase, SyncState};

/// The record's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The cluster's name on the hub.
    pub cluster: String,
    /// The address of the hub in use; without a link all that are tried, with commas.
    pub hub: String,
    /// Whether the link to the hub was up.
    pub connected: bool,
    /// The hub's clock less the agent's, as the last session found it.
    #[serde(default)]
    pub clock_skew_ms: Option<i64>,
    /// When the agent's certificate ends.
    #[serde(default)]
    pub certificate_until: Option<Timestamp>,
    /// What keeps the hub from working with this agent, and what a person may do.
    #[serde(default)]
    pub problems: Vec<String>,
    /// When this was written, by the agent's clock.
    pub at: Timestamp,
    /// Why nothing is written to the cluster; empty when it is not paused.
    pub pauses: Vec<String>,
    /// By name.
    pub applications: Vec<Application>,
}

/// One application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Application {
    /// Its name.
    pub name: AppKey,
    /// The position that the agent acts on.
    pub position: Position,
    /// How the sync went.
    pub phase: SyncPhase,
    /// What it waits for, or what went wrong.
    pub message: String,
    /// Whether live objects equal the release.
    pub sync: SyncState,
    /// The worst health of its objects.
    pub health: HealthStatus,
    /// What differs.
    pub drift: Vec<String>,
    /// How often drift was healed.
    pub healed: u64,
    /// Why nothing is written for this application alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
}

impl Status {
    /// As it is kept.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a status has only string keys")
    }
}

/// Whether the agent with that journal runs; `None` when that cannot be told.
pub fn runs(place: &Place) -> Option<bool> {
    journal::is_held(place)
}

/// Reads what the agent with that journal wrote last; `None` before it wrote anything.
///
/// # Errors
/// When it cannot be read.
pub fn read(place: &Place) -> Result<Option<Status>, journal::Error> {
    let Some(bytes) = journal::read_status(place)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| journal::Error::Damaged {
        at: format!("the status in {place}"),
        problem: error.to_string(),
        remedy: "start the agent: it writes it anew",
    })
}
