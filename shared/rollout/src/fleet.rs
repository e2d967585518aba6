//! Everything the planner looks at, as values: an in-memory index of the active lines of rollouts.
//!
//! Control builds it from the store and keeps it up to date; the planner never changes it.

use crate::{
    record::{Assigned, Head, MemberRecord, Phase},
    seats::Seats,
};
use jiff::Timestamp;
use shared_model::{
    AppKey, ClusterName, LocalPin, Mode, Observation, Owner, Position, ReleaseId, RolloutName,
    fleet_rollout::PlanSpec,
};
use std::{collections::BTreeMap, fmt};

/// One application on one cluster: what an `asg/` or `obs/` record is about.
pub type Seat = (ClusterName, AppKey);

/// Everything the planner looks at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fleet {
    /// The clusters that there are.
    pub clusters: BTreeMap<ClusterName, ClusterState>,
    /// The rollouts, by what they roll out.
    pub lines: BTreeMap<Owner, Line>,
    /// What each agent was told (`asg/` records). A record stays as long as its Cluster does, or
    /// positions would start again.
    pub assigned: Seats<Assigned>,
    /// What each agent reported (`obs/` records), as [`crate::observe`] keeps it.
    pub observed: Seats<Observation>,
    /// The sync windows in force, each entry the ones that concern some members together
    /// ([`Member::windows`]).
    pub windows: Vec<shared_project::Windows>,
    /// How many applications of one cluster may be released and not proven, across all rollouts.
    pub max_per_cluster: Option<usize>,
    /// Since when this hub plans: no deadline has passed by what happened before, while it could hear nobody.
    pub since: Option<Timestamp>,
    /// The incarnation of new positions; raised by `hub restore --adopt` only.
    pub incarnation: u64,
}

/// What the planner knows of one cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct ClusterState {
    /// Its labels, set by people.
    pub labels: BTreeMap<String, String>,
    /// The pauses in force: the hub's, the cluster's own, or both. One suffices.
    pub pauses: Vec<Pause>,
    /// Whether its agent is there.
    pub link: Link,
    /// Whether its agent acts or only looks.
    pub mode: Mode,
    /// Present while the cluster must not be told anything.
    pub hold: Option<Hold>,
}

impl Default for ClusterState {
    fn default() -> Self {
        Self {
            labels: BTreeMap::new(),
            pauses: Vec::new(),
            link: Link::Connected,
            mode: Mode::Enforce,
            hold: None,
        }
    }
}

/// A pause of a cluster (invariant 5, *Pause means no action*): it counts from the moment it is
/// requested, acknowledged or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pause {
    /// Why.
    pub reason: String,
    /// Who asked.
    pub by: String,
    /// Since when, as far as it is known: of a local pause, since the hub heard of it.
    pub since: Option<Timestamp>,
    /// When the hub's pause ends by itself. Ignored for a local pause: that one lasts as long as
    /// the agent reports it.
    pub until: Option<Timestamp>,
    /// Whether the agent said that it stopped.
    pub acknowledged: bool,
    /// Set in the cluster itself; only there can it be lifted.
    pub local: bool,
}

impl Pause {
    /// Whether it is in force at `now`.
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.local || self.until.is_none_or(|until| now < until)
    }
}

/// Whether the agent of a cluster is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// Its session is up, and what it observed while away has been received.
    Connected,
    /// Gone since then. After a start of the hub: since that start, so that nobody is excused early.
    LostSince(Timestamp),
    /// Enrolled or declared, never connected.
    NeverSeen {
        /// When the Cluster was made, or the hub started, whichever is later.
        since: Timestamp,
    },
}

impl Link {
    /// Since when the agent has been away; `None` while it is there.
    pub const fn lost_since(self) -> Option<Timestamp> {
        match self {
            Self::Connected => None,
            Self::LostSince(since) | Self::NeverSeen { since } => Some(since),
        }
    }
}

/// Why a cluster must not be told anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hold {
    /// The agent is ahead of the hub's store (invariant 6).
    HubBehindAgent,
    /// The hub's store is an older copy of itself, and nobody has adopted this cluster's agent yet.
    HubRestored,
    /// Another cluster answers under this name.
    ClusterReplaced,
    /// Two agents answer under this name.
    DuplicateAgent,
    /// Another reason, as a fragment: "its certificate is revoked".
    Other(String),
}

impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HubBehindAgent => f.write_str(
                "its agent is ahead of the hub's store (HubBehindAgent); run `flotilla hub restore --adopt`",
            ),
            Self::HubRestored => f.write_str(
                "this hub runs on a copy of its data and may have forgotten what it told the agent (HubRestored); run `flotilla hub restore --adopt`",
            ),
            Self::ClusterReplaced => f.write_str("another cluster answers under its name (ClusterReplaced)"),
            Self::DuplicateAgent => f.write_str("two agents answer under its name (DuplicateAgent)"),
            Self::Other(reason) => f.write_str(reason),
        }
    }
}

/// One owner's rollouts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    /// Oldest first. Of finished ones, those that still serve as baseline or that seats still run.
    pub rollouts: Vec<Rollout>,
}

impl Line {
    /// The rollout that decides for the line: the newest that was started and not superseded.
    pub fn lead(&self) -> Option<&Rollout> {
        self.rollouts.iter().rfind(|rollout| rollout.head.phase.leads())
    }

    /// The rollout of that name.
    pub fn get(&self, name: &RolloutName) -> Option<&Rollout> {
        self.rollouts.iter().find(|rollout| rollout.name == *name)
    }

    /// As [`Line::get`].
    pub fn get_mut(&mut self, name: &RolloutName) -> Option<&mut Rollout> {
        self.rollouts.iter_mut().find(|rollout| rollout.name == *name)
    }
}

impl Phase {
    /// Whether a rollout in this phase decides for its line until a newer one starts.
    pub const fn leads(self) -> bool {
        matches!(self, Self::Progressing | Self::Halted | Self::Done | Self::RollingBack | Self::RolledBack)
    }
}

/// One rollout: frozen inputs, and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Rollout {
    /// The FleetRollout's name.
    pub name: RolloutName,
    /// Grows by one with every rollout of the owner.
    pub sequence: u64,
    /// When it was made.
    pub created: Timestamp,
    /// How it goes through the fleet; frozen.
    pub plan: PlanSpec,
    /// How far it is; durable.
    pub head: Head,
    /// Its members, as its frozen inputs and the clusters there are give them now. A finished
    /// rollout lists joiners too, so that it can be their baseline (invariant 3, *Pinned*).
    pub members: BTreeMap<AppKey, Member>,
}

/// One application of a rollout.
#[derive(Debug, Clone, PartialEq)]
pub struct Member {
    /// The cluster it goes to.
    pub cluster: ClusterName,
    /// The Application's labels, which rollingSync steps match.
    pub labels: BTreeMap<String, String>,
    /// What it gets, rendered from the rollout's frozen inputs.
    pub release: ReleaseId,
    /// Whether `syncPolicy.automated` is in force.
    pub automated: bool,
    /// The release that a person asked to sync.
    pub sync_requested: Option<ReleaseId>,
    /// The pauses of this application alone, beside those of its cluster.
    pub pauses: Vec<Pause>,
    /// Which of [`Fleet::windows`] concern it.
    pub windows: Option<usize>,
    /// How far it is; durable. `None` until the planner placed it.
    pub record: Option<MemberRecord>,
}

impl Member {
    /// A member that the planner has not placed yet; automated.
    pub fn new(cluster: ClusterName, release: ReleaseId) -> Self {
        Self {
            cluster,
            labels: BTreeMap::new(),
            release,
            automated: true,
            sync_requested: None,
            pauses: Vec::new(),
            windows: None,
            record: None,
        }
    }

    /// The record, if it is about what the member is now: an application that changed its cluster,
    /// or that its cluster's labels made another release of, is placed again.
    pub fn current(&self) -> Option<&MemberRecord> {
        self.record.as_ref().filter(|record| record.cluster == self.cluster && record.release == self.release)
    }
}

impl Fleet {
    /// Who chose another release for the seat in the cluster itself, as its agent last said.
    pub fn pin(&self, seat: &Seat) -> Option<&LocalPin> {
        self.observed.get(seat).filter(|seen| !seen.removed)?.pin.as_ref()
    }

    /// The position after everything that the seat's agent was told or told us; `None` when the
    /// agent is ahead of the store (invariant 6, *Never backwards by accident*).
    pub fn next_position(&self, seat: &Seat) -> Option<Position> {
        self.follows(self.assigned.get(seat), self.observed.get(seat))
    }

    /// As [`Fleet::next_position`], of what is known of the seat.
    pub(crate) fn follows(
        &self,
        assigned: Option<&Assigned>,
        observed: Option<&Observation>,
    ) -> Option<Position> {
        let told = assigned.map(|assigned| assigned.position);
        let seen = observed.map(|observed| (observed.position, observed.removed));
        let last = match (told, seen) {
            (None, None) => Position { incarnation: self.incarnation, generation: 0 },
            (None, Some((seen, true))) => seen,
            (None, Some((_, false))) => return None,
            (Some(told), Some((seen, _))) if seen > told => return None,
            (Some(told), _) => told,
        };
        let next = Position { incarnation: self.incarnation, generation: last.generation + 1 };
        (last.incarnation <= self.incarnation).then_some(next)
    }
}

/// The observation, if it is about exactly the position and release that the seat was assigned, and
/// not of a release chosen in the cluster itself. Only such observations prove or fail anything.
pub(crate) fn evidence<'a>(
    assigned: &Assigned,
    observed: Option<&'a Observation>,
    cluster: &ClusterName,
) -> Option<&'a Observation> {
    let (position, release) = assigned.running()?;
    observed.filter(|seen| {
        seen.position == position
            && seen.release == Some(release)
            && seen.cluster == *cluster
            && !seen.removed
            && seen.pin.is_none()
    })
}
