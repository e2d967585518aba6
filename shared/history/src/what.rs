//! What can happen.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What happened. Written as it is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum What {
    /// A branch or tag that something follows is another commit than before.
    CommitSeen,
    /// A rollout waits for its turn.
    RolloutQueued,
    /// A rollout began.
    RolloutStarted,
    /// A newer rollout took its place.
    RolloutSuperseded,
    /// Every wave has passed.
    RolloutDone,
    /// A rollout releases nothing more.
    RolloutHalted,
    /// Members go back to what was proven before.
    RollbackStarted,
    /// Every member that can be told has gone back.
    RolledBack,
    /// Members of a wave may be released.
    WaveOpened,
    /// The gate of a wave was met.
    WavePassed,
    /// A wave waits for a person.
    WaitingForApproval,
    /// A rollout waits for a sync window or a freeze.
    WaitingForWindow,
    /// A person approved a wave.
    Approved,
    /// A person holds a rollout.
    RolloutPaused,
    /// A person let a rollout go on.
    RolloutResumed,
    /// A person stopped a rollout for good.
    Aborted,
    /// A person lets a rollout try again.
    Retried,
    /// A person takes a rollout back.
    Undone,
    /// A person released members ahead of their wave.
    Expedited,
    /// A person asked a cluster to apply a release again.
    SyncAsked,
    /// The hub leaves a cluster alone.
    ClusterPaused,
    /// The hub's pause of a cluster was lifted.
    ClusterResumed,
    /// Somebody paused a cluster in the cluster itself.
    PausedInCluster,
    /// That pause is over.
    ResumedInCluster,
    /// The hub leaves an application alone.
    ApplicationPaused,
    /// The pause of an application was lifted.
    ApplicationResumed,
    /// The time of a pause is over.
    PauseEnded,
    /// An agent wrote back what somebody else had changed.
    DriftHealed,
    /// Somebody else changed what is not healed.
    DriftFound,
    /// An application does not work on a cluster.
    Degraded,
    /// It works again.
    Healthy,
    /// A sync ended without success.
    SyncFailed,
    /// A cluster joined, or took a new identity.
    ClusterJoined,
    /// A cluster's agent has been away for a while.
    ClusterLost,
    /// It is there again.
    ClusterBack,
    /// A person wants a cluster to leave.
    ClusterRetiring,
    /// Nothing is left of a cluster on the hub.
    ClusterGone,
    /// A cluster's certificates are refused from now on.
    IdentityRevoked,
    /// What a cluster's agent holds was taken as truth.
    ClusterAdopted,
    /// The hub tells a cluster's agent nothing, because one of them is behind the other.
    ClusterHeld,
    /// Nothing new goes out for a while, or at certain times.
    FreezeSet,
    /// A freeze was lifted.
    FreezeLifted,
    /// A person created an object.
    Created,
    /// A person changed an object.
    Changed,
    /// A person asked for the deletion of an object.
    Deleted,
    /// Deletions wait for a person.
    RemovalHeld,
    /// A person lets them happen.
    RemovalApproved,
    /// The hub started.
    HubStarted,
    /// The hub found itself on an older copy of its data.
    HubRestored,
    /// A notification could not be delivered and was given up.
    NotificationLost,
    /// Something that a newer hub wrote.
    #[serde(other)]
    Other,
}

/// What entries are about, as `--kind` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Commits.
    Commit,
    /// The course of rollouts.
    Rollout,
    /// Waves.
    Wave,
    /// What gates wait for.
    Gate,
    /// Decisions of people about rollouts.
    Decision,
    /// Pauses, of whatever.
    Pause,
    /// What others changed in clusters.
    Drift,
    /// Whether applications work.
    Health,
    /// Clusters that come and go.
    Cluster,
    /// Freezes.
    Freeze,
    /// Objects that people changed.
    Change,
    /// Deletions that are held and approved.
    Removal,
    /// The hub itself.
    Hub,
}

/// How an entry looks to somebody in a hurry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Something went wrong.
    Bad,
    /// A person may have to act, or did.
    Attention,
    /// Something went well.
    Good,
    /// For the record.
    Plain,
}

impl Topic {
    /// All of them, as they are listed to people.
    pub const ALL: [Self; 13] = [
        Self::Commit,
        Self::Rollout,
        Self::Wave,
        Self::Gate,
        Self::Decision,
        Self::Pause,
        Self::Drift,
        Self::Health,
        Self::Cluster,
        Self::Freeze,
        Self::Change,
        Self::Removal,
        Self::Hub,
    ];

    /// In lower case.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Rollout => "rollout",
            Self::Wave => "wave",
            Self::Gate => "gate",
            Self::Decision => "decision",
            Self::Pause => "pause",
            Self::Drift => "drift",
            Self::Health => "health",
            Self::Cluster => "cluster",
            Self::Freeze => "freeze",
            Self::Change => "change",
            Self::Removal => "removal",
            Self::Hub => "hub",
        }
    }
}

impl What {
    /// Its place among what happens at one moment: one plan ends a wave, opens the next and ends a rollout.
    pub(crate) fn place(self) -> usize {
        const FIRST: [What; 6] = [
            What::CommitSeen,
            What::RolloutSuperseded,
            What::RolloutQueued,
            What::RolloutStarted,
            What::WavePassed,
            What::WaveOpened,
        ];
        let last = usize::from(matches!(self, Self::RolloutDone | Self::RolledBack));
        FIRST.iter().position(|first| *first == self).unwrap_or(FIRST.len() + last)
    }

    /// What it is about.
    pub const fn topic(self) -> Topic {
        match self {
            Self::CommitSeen => Topic::Commit,
            Self::RolloutQueued
            | Self::RolloutStarted
            | Self::RolloutSuperseded
            | Self::RolloutDone
            | Self::RolloutHalted
            | Self::RollbackStarted
            | Self::RolledBack => Topic::Rollout,
            Self::WaveOpened | Self::WavePassed => Topic::Wave,
            Self::WaitingForApproval | Self::WaitingForWindow => Topic::Gate,
            Self::Approved | Self::Aborted | Self::Retried | Self::Undone | Self::Expedited => {
                Topic::Decision
            }
            Self::RolloutPaused
            | Self::RolloutResumed
            | Self::ClusterPaused
            | Self::ClusterResumed
            | Self::PausedInCluster
            | Self::ResumedInCluster
            | Self::ApplicationPaused
            | Self::ApplicationResumed
            | Self::PauseEnded => Topic::Pause,
            Self::DriftHealed | Self::DriftFound => Topic::Drift,
            Self::Degraded | Self::Healthy | Self::SyncFailed => Topic::Health,
            Self::ClusterJoined
            | Self::ClusterLost
            | Self::ClusterBack
            | Self::ClusterRetiring
            | Self::ClusterGone
            | Self::IdentityRevoked
            | Self::ClusterAdopted
            | Self::ClusterHeld => Topic::Cluster,
            Self::FreezeSet | Self::FreezeLifted => Topic::Freeze,
            Self::SyncAsked | Self::Created | Self::Changed | Self::Deleted => Topic::Change,
            Self::RemovalHeld | Self::RemovalApproved => Topic::Removal,
            Self::HubStarted | Self::HubRestored | Self::NotificationLost | Self::Other => Topic::Hub,
        }
    }

    /// How it looks.
    pub const fn tone(self) -> Tone {
        match self {
            Self::RolloutHalted
            | Self::RollbackStarted
            | Self::RolledBack
            | Self::Aborted
            | Self::Undone
            | Self::Degraded
            | Self::SyncFailed
            | Self::ClusterLost
            | Self::IdentityRevoked
            | Self::ClusterHeld
            | Self::HubRestored
            | Self::NotificationLost => Tone::Bad,
            Self::WaitingForApproval
            | Self::WaitingForWindow
            | Self::RolloutPaused
            | Self::ClusterPaused
            | Self::PausedInCluster
            | Self::ApplicationPaused
            | Self::Expedited
            | Self::DriftHealed
            | Self::DriftFound
            | Self::ClusterRetiring
            | Self::FreezeSet
            | Self::Deleted
            | Self::RemovalHeld => Tone::Attention,
            Self::RolloutDone
            | Self::WavePassed
            | Self::Approved
            | Self::Healthy
            | Self::ClusterJoined
            | Self::ClusterBack
            | Self::ClusterResumed
            | Self::ResumedInCluster
            | Self::ApplicationResumed
            | Self::RolloutResumed => Tone::Good,
            Self::CommitSeen
            | Self::RolloutQueued
            | Self::RolloutStarted
            | Self::RolloutSuperseded
            | Self::WaveOpened
            | Self::Retried
            | Self::SyncAsked
            | Self::PauseEnded
            | Self::ClusterGone
            | Self::ClusterAdopted
            | Self::FreezeLifted
            | Self::Created
            | Self::Changed
            | Self::RemovalApproved
            | Self::HubStarted
            | Self::Other => Tone::Plain,
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
