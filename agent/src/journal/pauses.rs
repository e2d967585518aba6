//! What the hub asks of the whole cluster. An expiry is a deadline on the agent's own clock.

use super::{Error, Journal};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_model::Mode;

/// What the hub asks of the whole cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// The hub's pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pause: Option<HubPause>,
    /// Whether the agent acts or only looks.
    #[serde(default)]
    pub(crate) mode: Mode,
}

/// A pause that the hub asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubPause {
    /// The hub's name for the request.
    pub(crate) id: String,
    /// Why.
    pub(crate) reason: String,
    /// Who asked.
    pub(crate) by: String,
    /// When it ends by itself.
    pub(crate) until: Option<Timestamp>,
}

impl Journal {
    /// What the hub asked of the whole cluster last.
    pub fn control(&self) -> Result<Control, Error> {
        let remedy = "the agent does nothing to the cluster before the hub tells it anew";
        Ok(self.records.get("control", remedy)?.unwrap_or_default())
    }

    /// Keeps what the hub asks of the whole cluster.
    pub fn save_control(&self, control: &Control) -> Result<(), Error> {
        self.records.put("control", control)
    }
}
