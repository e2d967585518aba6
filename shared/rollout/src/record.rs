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
    /// Its members go back to what was proven on each before it, newest wave first.
    RollingBack,
    /// Every member that can be told has gone back. Nothing of it is tried again until its inputs change
    /// or a person says so.
    RolledBack,
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
    /// How many rollouts in a row were given up unfinished for the next, up to this one.
    #[serde(skip_serializing_if = "is_zero")]
    pub replaced: u32,
    /// How often a person let it try again after it halted.
    #[serde(skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// Present while a person holds it: it releases nothing and opens nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<HeldUp>,
    /// The approvals given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub approvals: Vec<Approved>,
    /// Members that a person let go ahead of their wave.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expedited: Vec<Expedited>,
    /// Present once it is to be taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback: Option<Rollback>,
    /// What people decided about it, oldest first, at most [`DECISIONS`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub decisions: Vec<Decided>,
}

/// How many decisions of people a head keeps.
pub const DECISIONS: usize = 50;

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// A person's hold on a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldUp {
    /// Who.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// When it ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}

impl Head {
    /// The approval of one side of a wave.
    pub fn approval(&self, wave: usize, side: Side) -> Option<&Approved> {
        self.approvals.iter().find(|given| given.wave == wave && given.side == side)
    }

    /// The person who holds it at `now`.
    pub fn holder(&self, now: Timestamp) -> Option<&HeldUp> {
        self.paused.as_ref().filter(|paused| paused.is_active(now))
    }

    /// Whether a person let the cluster's members go ahead of their wave.
    pub fn expedites(&self, cluster: &ClusterName) -> bool {
        self.expedited.iter().any(|given| given.clusters.is_empty() || given.clusters.contains(cluster))
    }

    /// Whether what it ships is rejected: it halted, or was taken back.
    pub const fn is_rejected(&self) -> bool {
        self.halted.is_some() || self.rollback.is_some()
    }
}

impl HeldUp {
    /// Whether it is in force at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// On which side of a wave an approval is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Side {
    /// Before its first release.
    Before,
    /// When everything else that it waits for is there.
    After,
}

/// A person's approval of a wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// The wave, from 0.
    pub wave: usize,
    /// On which side of it.
    pub side: Side,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Members that go ahead of their wave because a person said so. They count as unproven like any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expedited {
    /// On which clusters; empty for all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<ClusterName>,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// That a rollout is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// When.
    pub at: Timestamp,
    /// Who; `None` when the policy did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, as a fragment.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
    /// Whether newer commits wait until a person resumes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pins: bool,
}

/// What a person decided about a rollout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What, with its arguments.
    #[serde(flatten)]
    pub what: Decision,
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// A decision about a rollout, as `POST .../fleetrollouts/NAME/decisions` takes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Decision {
    /// The wave may open, or pass.
    Approve {
        /// Its name; absent means the one that waits for approval.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wave: Option<String>,
    },
    /// Nothing is released and no wave opens until somebody resumes.
    Pause {
        /// When it ends by itself.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<Timestamp>,
    },
    /// Ends a pause, or lets newer commits follow a rollout that a person took back.
    Resume,
    /// Halts it for good: members keep what they run.
    Abort,
    /// A halted or rolled back rollout tries again; what failed counts anew.
    Retry,
    /// Members go back to what was proven on each before.
    Undo {
        /// Whether newer commits wait until somebody resumes.
        #[serde(default = "yes")]
        pin: bool,
    },
    /// Members are released ahead of their wave.
    Expedite {
        /// On which clusters; empty for all.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        clusters: Vec<ClusterName>,
    },
}

const fn yes() -> bool {
    true
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
    /// What its gate was met with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<Evidence>,
    /// Whether its `take` was used up once; it takes no further cluster.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub filled: bool,
}

/// What a gate was met with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The members of the wave.
    pub total: usize,
    /// How many were proven.
    pub proven: usize,
    /// How many were excused.
    pub excused: usize,
    /// How many had failed and were tolerated.
    pub failed: usize,
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
    /// Who aborted it; `None` when a failure halted it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
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
    /// The attempt of its rollout (see [`Head::attempt`]) that it takes part in.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// Whether its agent must be told again although it was told this very release before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
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
    /// Its agent is told to run what was proven there before; not proven again yet.
    Returning {
        /// The assignment's.
        position: Position,
        /// When; deadlines count from here.
        at: Timestamp,
        /// What it goes back to.
        release: ReleaseId,
    },
    /// It went back, and that is proven.
    Returned {
        /// The assignment's.
        position: Position,
        /// When.
        at: Timestamp,
        /// What it went back to.
        release: ReleaseId,
    },
}

impl MemberRecord {
    /// What the member's agent was told by its rollout, and at which position.
    pub fn told(&self) -> Option<(Position, ReleaseId)> {
        let position = self.state.position()?;
        let release = match self.state {
            MemberState::Returning { release, .. } | MemberState::Returned { release, .. } => release,
            MemberState::Waiting
            | MemberState::Released { .. }
            | MemberState::Proven { .. }
            | MemberState::Failed { .. } => self.release,
        };
        Some((position, release))
    }
}

impl MemberState {
    /// The position of its assignment, once released.
    pub const fn position(&self) -> Option<Position> {
        match self {
            Self::Waiting => None,
            Self::Released { position, .. }
            | Self::Proven { position, .. }
            | Self::Failed { position, .. }
            | Self::Returning { position, .. }
            | Self::Returned { position, .. } => Some(*position),
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
