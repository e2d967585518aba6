//! What something waits for, as one sentence (invariant 10, *Explained*).

mod kind;
mod sentence;

use crate::{fleet::Hold, record::Side};
use jiff::Timestamp;
use shared_model::{AppKey, ClusterName, HealthStatus, LocalPin, ReleaseId, RolloutName};

pub use kind::WAIT_KINDS;
pub(crate) use sentence::second;

/// What a member or a rollout waits for. `Display` is one sentence that names the cluster, gate or person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// Its rollout has not started.
    Queued {
        /// The rollout that has its turn.
        behind: RolloutName,
    },
    /// Its rollout halted.
    Halted {
        /// The wave in which it went wrong.
        wave: String,
        /// The member that failed.
        member: Option<AppKey>,
        /// That member's cluster.
        cluster: Option<ClusterName>,
        /// Why.
        reason: String,
    },
    /// No wave takes its cluster.
    NoWave {
        /// The cluster.
        cluster: ClusterName,
    },
    /// Its wave has not opened.
    WaveNotOpen {
        /// Its wave.
        wave: String,
        /// What the wave waits for.
        waits_for: Box<Self>,
    },
    /// Its wave's `maxUpdate` is used up.
    Budget {
        /// The wave.
        wave: String,
        /// How many may be released and not proven.
        max_update: usize,
        /// Who is, at most eight.
        holding: Vec<ClusterName>,
        /// How many are.
        held: usize,
    },
    /// Too much on its cluster is released and not proven, across all rollouts.
    ClusterLimit {
        /// The cluster.
        cluster: ClusterName,
        /// How much may be.
        limit: usize,
    },
    /// Its cluster is paused.
    Paused {
        /// The cluster.
        cluster: ClusterName,
        /// Why it is paused.
        reason: String,
        /// Who paused it.
        by: String,
        /// When the pause ends by itself.
        until: Option<Timestamp>,
        /// Whether the agent said that it stopped.
        acknowledged: bool,
        /// Whether it was paused in the cluster itself.
        local: bool,
    },
    /// The application is paused there.
    ApplicationPaused {
        /// The application.
        app: AppKey,
        /// Its cluster.
        cluster: ClusterName,
        /// Why it is paused.
        reason: String,
        /// Who paused it.
        by: String,
        /// When the pause ends by itself.
        until: Option<Timestamp>,
        /// Whether the agent said that it stopped.
        acknowledged: bool,
    },
    /// A person holds the rollout.
    RolloutPaused {
        /// The rollout.
        rollout: RolloutName,
        /// Why.
        reason: String,
        /// Who.
        by: String,
        /// When the hold ends by itself.
        until: Option<Timestamp>,
    },
    /// A person must approve a wave.
    Approval {
        /// The rollout.
        rollout: RolloutName,
        /// The wave.
        wave: String,
        /// Before its first release, or after it is proven.
        side: Side,
    },
    /// A sync window is closed.
    Window {
        /// The cluster.
        cluster: ClusterName,
        /// Which, in words.
        why: String,
        /// When releases may go out again.
        until: Option<Timestamp>,
    },
    /// A set that goes first is not proven on the cluster.
    DependsOn {
        /// The cluster.
        cluster: ClusterName,
        /// The set.
        set: String,
        /// What is missing, as a clause.
        because: String,
    },
    /// The rollout is taken back, newest wave first.
    RollingBack {
        /// The wave that goes back.
        wave: String,
        /// Whose clusters it waits for, at most eight.
        clusters: Vec<ClusterName>,
        /// How many.
        count: usize,
        /// Why it is taken back.
        reason: String,
    },
    /// The rollout was taken back.
    RolledBack {
        /// Who did; `None` when the policy did.
        by: Option<String>,
        /// Why.
        reason: String,
        /// Whether newer commits wait until somebody resumes.
        pins: bool,
    },
    /// It goes back to what was proven there before.
    GoesBack {
        /// Its cluster.
        cluster: ClusterName,
        /// What it goes back to.
        release: ReleaseId,
        /// What that waits for.
        waits_for: Option<Box<Self>>,
    },
    /// It is back on what was proven there before.
    BackOn {
        /// Its cluster.
        cluster: ClusterName,
        /// What it runs.
        release: ReleaseId,
    },
    /// It runs what was rejected, and nothing was proven there before.
    NothingBefore {
        /// Its cluster.
        cluster: ClusterName,
    },
    /// A person chose another release for it in the cluster itself.
    Pinned {
        /// The cluster.
        cluster: ClusterName,
        /// The member.
        app: AppKey,
        /// Why.
        reason: String,
        /// Who.
        by: String,
        /// Since when, by the agent's clock.
        since: Timestamp,
    },
    /// What it runs was adopted from its agent after the hub lost its own word of it, and may be newer.
    Adopted {
        /// The cluster.
        cluster: ClusterName,
        /// The member.
        app: AppKey,
        /// What runs there; `None` when the agent had removed it.
        running: Option<ReleaseId>,
        /// When it was adopted.
        at: Timestamp,
    },
    /// Its cluster must not be told anything.
    Held {
        /// The cluster.
        cluster: ClusterName,
        /// Why.
        hold: Hold,
    },
    /// Its agent is not there.
    Unreachable {
        /// The cluster.
        cluster: ClusterName,
        /// Since when.
        since: Timestamp,
        /// Whether it was ever there.
        seen: bool,
    },
    /// There is no such Cluster.
    UnknownCluster {
        /// The name.
        cluster: ClusterName,
    },
    /// Its agent only looks, so that it cannot be proven.
    Observing {
        /// The cluster.
        cluster: ClusterName,
    },
    /// A person must sync it.
    AwaitingSync {
        /// The member.
        app: AppKey,
        /// The release that a sync applies.
        release: ReleaseId,
    },
    /// It joined while an earlier wave is under way, and no earlier rollout can stand in.
    NoBaseline {
        /// Its cluster.
        cluster: ClusterName,
        /// Its wave.
        wave: String,
        /// What the wave waits for.
        waits_for: Box<Self>,
    },
    /// Too few members of a wave are proven, and no other can be.
    NothingProven {
        /// The wave.
        wave: String,
        /// How many are.
        proven: usize,
        /// How many must be.
        needed: usize,
        /// How many are excused.
        excused: usize,
    },
    /// Members of a wave are not proven yet.
    Unproven {
        /// The wave.
        wave: String,
        /// Whose clusters, at most eight.
        clusters: Vec<ClusterName>,
        /// How many.
        count: usize,
    },
    /// A wave must stay proven for a while.
    Soak {
        /// The wave.
        wave: String,
        /// Until when.
        until: Timestamp,
    },
    /// It must stay Healthy for a while.
    Settle {
        /// The cluster.
        cluster: ClusterName,
        /// Until when, if nothing breaks.
        until: Timestamp,
    },
    /// Its agent has not said anything of this release yet.
    Unreported {
        /// The cluster.
        cluster: ClusterName,
    },
    /// Its sync is under way.
    Syncing {
        /// The cluster.
        cluster: ClusterName,
        /// What the agent says of it.
        message: String,
    },
    /// It is not Healthy.
    Progressing {
        /// The cluster.
        cluster: ClusterName,
        /// What it is.
        health: HealthStatus,
        /// Why.
        message: String,
        /// When it counts as failed.
        deadline: Option<Timestamp>,
    },
    /// It failed.
    Failed {
        /// The cluster.
        cluster: ClusterName,
        /// Why.
        reason: String,
    },
}

impl Wait {
    /// That of a pinned member.
    pub(crate) fn pinned(cluster: &ClusterName, app: &AppKey, pin: &LocalPin) -> Self {
        let LocalPin { reason, by, at } = pin.clone();
        Self::Pinned { cluster: cluster.clone(), app: app.clone(), reason, by, since: at }
    }
}
