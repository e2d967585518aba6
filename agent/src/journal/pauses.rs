//! What the hub asks of the whole cluster, and its pauses of single applications. An expiry is a deadline on the agent's own clock.

use super::{Error, Journal};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_model::{AppKey, Mode};
use std::collections::BTreeMap;

/// What the hub asks of the whole cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Control {
    /// The hub's pause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pause: Option<HubPause>,
    /// Whether the agent acts or only looks.
    #[serde(default)]
    pub(crate) mode: Mode,
    /// The hub's pauses of single applications.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) applications: BTreeMap<AppKey, HubPause>,
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

impl HubPause {
    /// Whether it is in force.
    pub(crate) fn is_active(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Memory, Place};

    #[test]
    fn pauses_of_applications_are_kept_beside_the_clusters() {
        let memory = Memory::new();
        let pause =
            |id: &str, until| HubPause { id: id.into(), reason: "INC-7".into(), by: "ann".into(), until };
        let applications = BTreeMap::from([
            (AppKey::new("argocd", "web"), pause("1", None)),
            (AppKey::new("shop", "web"), pause("2", Some(Timestamp::UNIX_EPOCH))),
        ]);
        let control = Control { pause: Some(pause("3", None)), mode: Mode::Observe, applications };
        let open = || Journal::open(&Place::Memory(memory.clone())).unwrap();
        assert_eq!(open().control().unwrap(), Control::default());
        open().save_control(&control).unwrap();
        assert_eq!(open().control().unwrap(), control);
        // What an agent wrote that knew of none.
        let before = serde_json::json!({"pause": {"id": "3", "reason": "", "by": "", "until": null}});
        open().records.put("control", &before).unwrap();
        assert!(open().control().unwrap().applications.is_empty());
    }
}
