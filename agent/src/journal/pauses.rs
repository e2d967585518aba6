//! Pauses and the mode. An expiry is a deadline on the agent's own clock.

use super::{Error, Journal, disk::Disk};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_model::Mode;
use std::path::Path;

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

/// A pause set in the cluster itself. Independent of the hub's: one suffices, each is lifted where it was set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalPause {
    /// Why.
    pub reason: String,
    /// Who asked.
    pub by: String,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
}

/// What was decided in the cluster itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Local {
    pub(crate) pause: Option<LocalPause>,
    pub(crate) pins: std::collections::BTreeMap<shared_model::AppKey, Pin>,
}

/// An earlier release chosen in the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pin {
    /// Of the order that named the release.
    pub(crate) position: shared_model::Position,
    pub(crate) reason: String,
    pub(crate) by: String,
    pub(crate) at: Timestamp,
}

const REMEDY: &str = "the agent does nothing to the cluster until it is resumed: run `flotilla-agent resume`";

impl Journal {
    /// What the hub asked of the whole cluster last.
    pub(crate) fn control(&self) -> Result<Control, Error> {
        let remedy = "the agent does nothing to the cluster before the hub tells it anew";
        let Some(bytes) = self.disk.read("control", remedy)? else { return Ok(Control::default()) };
        serde_json::from_slice(&bytes).map_err(|error| Error::Damaged {
            path: self.disk.path("control"),
            problem: error.to_string(),
            remedy,
        })
    }

    /// Keeps what the hub asks of the whole cluster.
    pub(crate) fn save_control(&self, control: &Control) -> Result<(), Error> {
        self.disk.write("control", &serde_json::to_vec(control).expect("control has only string keys"))
    }

    /// The local pause; one that cannot be read holds.
    pub(crate) fn local_pause(&self) -> Option<LocalPause> {
        read(&self.disk).unwrap_or_else(|error| {
            Some(LocalPause { reason: error.to_string(), by: String::new(), until: None })
        })
    }
}

fn read(disk: &Disk) -> Result<Option<LocalPause>, Error> {
    let Some(bytes) = disk.read("local-pause", REMEDY)? else { return Ok(None) };
    serde_json::from_slice(&bytes).map(Some).map_err(|error| Error::Damaged {
        path: disk.path("local-pause"),
        problem: error.to_string(),
        remedy: REMEDY,
    })
}

/// Sets or lifts the local pause of the agent with the data folder `folder`, whether it runs or not.
///
/// # Errors
/// When the folder cannot be written.
pub fn set_local_pause(folder: &Path, pause: Option<&LocalPause>) -> Result<(), Error> {
    let disk = Disk::new(folder);
    match pause {
        Some(pause) => {
            disk.write("local-pause", &serde_json::to_vec(pause).expect("a pause has only string keys"))
        }
        None => disk.remove("local-pause"),
    }
}

/// The local pause of the agent with the data folder `folder`.
///
/// # Errors
/// When it cannot be read.
pub fn local_pause(folder: &Path) -> Result<Option<LocalPause>, Error> {
    read(&Disk::new(folder))
}
