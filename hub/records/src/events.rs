//! What agents tell of what happened in their clusters: the last [`EVENTS`] of each.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_model::AppKey;

/// How many events are kept of one cluster.
pub const EVENTS: usize = 200;

/// What one cluster's agent told, the oldest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Events {
    /// The last of them.
    pub items: Vec<Event>,
    /// How many the agent lost because it was away from the hub for so long.
    pub dropped: u64,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When, by the agent's clock.
    pub at: Timestamp,
    /// Which application it is about, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<AppKey>,
    /// In CamelCase, as in `DriftHealed`.
    pub reason: String,
    /// What happened.
    pub message: String,
}

impl Events {
    /// Takes more of them, in order, and how many were lost before these.
    pub fn add(&mut self, events: impl IntoIterator<Item = Event>, dropped: u64) {
        self.items.extend(events);
        let old = self.items.len().saturating_sub(EVENTS);
        self.items.drain(..old);
        self.dropped = self.dropped.saturating_add(dropped);
    }
}
