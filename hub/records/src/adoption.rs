//! What is kept of `flotilla hub restore --adopt`: that the store is an older copy, and each cluster's word.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_model::{AdoptRequest, AppKey, Position, ReleaseId};

/// That the store is an older copy of itself: nothing is released to a cluster that was there before
/// until its agent's word was adopted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// When the hub found that out, at its first start on the copy.
    pub at: Timestamp,
    /// By what, as a fragment.
    pub why: String,
}

/// What an agent holds of one application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// The application.
    pub application: AppKey,
    /// The position of the order that the agent holds.
    pub position: Position,
    /// The release that the order names; `None` when it is a removal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<ReleaseId>,
}

/// What is to become of a cluster's word, or became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adoption {
    /// The person's request.
    pub request: AdoptRequest,
    /// How far it is.
    pub state: AdoptionState,
}

/// How far an adoption is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AdoptionState {
    /// The agent told all; releases and bundles that it named are durable here. What differs is to be
    /// written as assignments.
    Told(Vec<Truth>),
    /// The hub's assignments are the agent's.
    Done {
        /// Since when.
        at: Timestamp,
        /// How many assignments changed.
        changed: usize,
    },
}

impl Adoption {
    /// When it was done.
    pub const fn done(&self) -> Option<Timestamp> {
        match self.state {
            AdoptionState::Told(_) => None,
            AdoptionState::Done { at, .. } => Some(at),
        }
    }
}

impl Restored {
    /// Whether a cluster that was made at `created`, and whose word was adopted at `adopted`, is still to be
    /// left alone.
    pub fn holds(&self, created: Option<Timestamp>, adopted: Option<Timestamp>) -> bool {
        created.is_none_or(|created| created <= self.at) && adopted.is_none_or(|adopted| adopted < self.at)
    }
}
