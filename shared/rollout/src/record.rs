//! What a rollout keeps durably: its head, a record per member, and what each agent was told.
//!
//! The planner is the only writer. Everything else it needs it derives anew each time.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use shared_model::{AppKey, ClusterName, Position, ReleaseId, RolloutName};
use std::fmt;

/// How far a rollout is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Waits for its turn in its line.
    #[default]
    Queued,
    /// Releases wave after wave.
    Progressing,
    /// Releases nothing more until a person or a newer commit decides (invariant 4, *Halt*).
    Halted,
    /// Every wave has passed. Joiners and those who were excused still get its releases.
    Done,
    /// A newer rollout took its place.
    Superseded,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The durable part of a rollout (`st/fleetrollouts…`). Whoever wants to stop a rollout changes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Head {
    /// How far it is.
    pub phase: Phase,
    /// When it started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// When it was done, or superseded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished: Option<Timestamp>,
    /// One per wave of its plan once it started.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub waves: Vec<WaveHead>,
    /// Why it halted; kept when a newer rollout takes its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halted: Option<Halted>,
}

/// How far a wave is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct WaveHead {
    /// When its members began to be released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opened: Option<Timestamp>,
    /// When its gate was met; what joins it later never closes the gate again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub passed: Option<Timestamp>,
    /// Whether its `take` was used up once; it takes no further cluster.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub filled: bool,
}

/// Why a rollout halted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halted {
    /// When.
    pub at: Timestamp,
    /// In which wave, from 0.
    pub wave: usize,
    /// Why, as a fragment.
    pub reason: String,
    /// The member whose failure was one too many; `None` when a person halted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<AppKey>,
}

/// The durable part of a member (`rel/…`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemberRecord {
    /// The cluster it goes to.
    pub cluster: ClusterName,
    /// What it gets.
    pub release: ReleaseId,
    /// Its wave, from 0, frozen; `None` is in no wave and is never released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wave: Option<usize>,
    /// Whether its wave had passed when it was placed or came back: it never closes the gate.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// How far it is.
    pub state: MemberState,
    /// Why its wave goes on without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excused: Option<Excuse>,
    /// Whether it may run an unproven release without holding a slot (it was excused while it did).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_run: bool,
    /// Whether its deadline stands still, because its cluster may not act or its agent only looks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
    /// How often it failed in this rollout.
    #[serde(default)]
    pub failures: u32,
    /// When this rollout wrote its assignment; `None` while it did not, or need not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Timestamp>,
    /// What was last proven here before this rollout: where a rollback leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Proof>,
}

/// How far a member is. A position is that of its assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum MemberState {
    /// Not released yet.
    Waiting,
    /// Its assignment is this rollout's release; not proven.
    Released {
        /// The assignment's.
        position: Position,
        /// When; deadlines count from here.
        at: Timestamp,
    },
    /// Its sync succeeded and it was Healthy for the settle time.
    Proven {
        /// The assignment's.
        position: Position,
        /// When; soak counts from here.
        at: Timestamp,
    },
    /// It failed. It may recover, and then is proven.
    Failed {
        /// The assignment's.
        position: Position,
        /// When.
        at: Timestamp,
        /// Why, as a fragment: "the sync failed: …".
        reason: String,
    },
}

impl MemberState {
    /// The position of its assignment, once released.
    pub const fn position(&self) -> Option<Position> {
        match self {
            Self::Waiting => None,
            Self::Released { position, .. }
            | Self::Proven { position, .. }
            | Self::Failed { position, .. } => Some(*position),
        }
    }

    /// Whether it is proven.
    pub const fn is_proven(&self) -> bool {
        matches!(self, Self::Proven { .. })
    }
}

/// Why a wave goes on without a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Excuse {
    /// Its cluster cannot be reached, and the policy says Skip.
    Unreachable,
    /// Its cluster is paused, and the policy says Skip.
    Paused,
    /// Its agent only looks (mode Observe), and the policy says to skip paused ones.
    Observing,
    /// A person chose another release in the cluster itself; no policy is asked.
    Pinned,
}

/// What the agent of a seat is to run now (`asg/…`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assigned {
    /// Only grows (invariant 6, *Never backwards by accident*).
    pub position: Position,
    /// What it is to do.
    pub order: Order,
    /// The last release that was proven here; at `position` when it is the one that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
    /// Present while this is the agent's word and no rollout has taken it over yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<Adopted>,
}

/// That an assignment is what its agent said it holds, because the hub's own store had lost it
/// (invariant 6, *Never backwards by accident*). What was frozen before the store was found wanting never
/// moves it; what was frozen after that, and before a person decided, only from a release known as older.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopted {
    /// When it was adopted.
    pub at: Timestamp,
    /// Since when the hub knows that its store lacks something: rollouts made since then are of inputs
    /// that it read itself.
    pub since: Timestamp,
    /// Whether the hub had no Application for it: then nothing of it is removed for lack of one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub orphan: bool,
}

/// What an agent is to do with an application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// Run a release, and heal to it (invariant 7, *Heal always*).
    Run {
        /// The release.
        release: ReleaseId,
        /// The rollout that released it.
        rollout: RolloutName,
        /// When.
        at: Timestamp,
    },
    /// Give it up. Never written by the planner.
    Remove {
        /// Whether the cluster's objects go too.
        cascade: bool,
        /// When.
        at: Timestamp,
    },
}

/// That a release was proven on a seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// The release.
    pub release: ReleaseId,
    /// The position it was proven at.
    pub position: Position,
    /// When.
    pub at: Timestamp,
}

impl Assigned {
    /// What it runs, and at which position; `None` for a removal.
    pub const fn running(&self) -> Option<(Position, ReleaseId)> {
        match self.order {
            Order::Run { release, .. } => Some((self.position, release)),
            Order::Remove { .. } => None,
        }
    }

    /// Whether it runs a release that is not proven at this position.
    pub fn is_unproven(&self) -> bool {
        self.running().is_some() && self.proof.is_none_or(|proof| proof.position != self.position)
    }
}
