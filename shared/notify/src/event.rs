//! What a sink can ask for.

use serde::{Deserialize, Serialize};
use shared_history::What;
use std::fmt;

/// What a sink can ask for, as `on` lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Event {
    /// A branch that is followed is another commit.
    Commit,
    /// A rollout began.
    Started,
    /// A wave waits for a person.
    WaitingForApproval,
    /// A person approved a wave.
    Approved,
    /// A rollout releases nothing more: it failed, or a person stopped it.
    Halted,
    /// A rollout goes back, or has gone back.
    RolledBack,
    /// Every wave has passed.
    Done,
    /// Somebody else changed something in a cluster.
    Drift,
    /// An application does not work, or could not be synced.
    Degraded,
    /// It works again.
    Healthy,
    /// A cluster's agent is away.
    ClusterLost,
    /// It is back.
    ClusterBack,
    /// Somebody paused a rollout, a cluster or an application.
    Paused,
    /// Such a pause is over.
    Resumed,
    /// Deletions wait for a person.
    RemovalHeld,
}

impl Event {
    /// All of them, as they are listed to people.
    pub const ALL: [Self; 15] = [
        Self::Started,
        Self::WaitingForApproval,
        Self::Approved,
        Self::Halted,
        Self::RolledBack,
        Self::Done,
        Self::Drift,
        Self::Degraded,
        Self::Healthy,
        Self::ClusterLost,
        Self::ClusterBack,
        Self::Paused,
        Self::Resumed,
        Self::RemovalHeld,
        Self::Commit,
    ];

    /// What an entry of the history is to a sink; `None` when it is nothing that one can ask for.
    pub const fn of(what: What) -> Option<Self> {
        Some(match what {
            What::CommitSeen => Self::Commit,
            What::RolloutStarted => Self::Started,
            What::WaitingForApproval => Self::WaitingForApproval,
            What::Approved => Self::Approved,
            What::RolloutHalted | What::Aborted => Self::Halted,
            What::RollbackStarted | What::Undone | What::RolledBack => Self::RolledBack,
            What::RolloutDone => Self::Done,
            What::DriftHealed | What::DriftFound => Self::Drift,
            What::Degraded | What::SyncFailed => Self::Degraded,
            What::Healthy => Self::Healthy,
            What::ClusterLost => Self::ClusterLost,
            What::ClusterBack => Self::ClusterBack,
            What::RolloutPaused | What::ClusterPaused | What::PausedInCluster | What::ApplicationPaused => {
                Self::Paused
            }
            What::RolloutResumed
            | What::ClusterResumed
            | What::ResumedInCluster
            | What::ApplicationResumed
            | What::PauseEnded => Self::Resumed,
            What::RemovalHeld => Self::RemovalHeld,
            What::RolloutQueued
            | What::RolloutSuperseded
            | What::WaveOpened
            | What::WavePassed
            | What::WaitingForWindow
            | What::Retried
            | What::Expedited
            | What::SyncAsked
            | What::ClusterJoined
            | What::ClusterRetiring
            | What::ClusterGone
            | What::IdentityRevoked
            | What::ClusterAdopted
            | What::ClusterHeld
            | What::FreezeSet
            | What::FreezeLifted
            | What::Created
            | What::Changed
            | What::Deleted
            | What::RemovalApproved
            | What::HubStarted
            | What::HubRestored
            | What::NotificationLost
            | What::Other => return None,
        })
    }

    /// Whether many at once are one message: what happens to clusters and applications one by one.
    pub const fn is_gathered(self) -> bool {
        match self {
            Self::Drift
            | Self::Degraded
            | Self::Healthy
            | Self::ClusterLost
            | Self::ClusterBack
            | Self::Paused
            | Self::Resumed
            | Self::Commit => true,
            Self::Started
            | Self::WaitingForApproval
            | Self::Approved
            | Self::Halted
            | Self::RolledBack
            | Self::Done
            | Self::RemovalHeld => false,
        }
    }

    /// As configurations and messages write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Started => "started",
            Self::WaitingForApproval => "waitingForApproval",
            Self::Approved => "approved",
            Self::Halted => "halted",
            Self::RolledBack => "rolledBack",
            Self::Done => "done",
            Self::Drift => "drift",
            Self::Degraded => "degraded",
            Self::Healthy => "healthy",
            Self::ClusterLost => "clusterLost",
            Self::ClusterBack => "clusterBack",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::RemovalHeld => "removalHeld",
        }
    }

    /// What so many of it are called, as a heading.
    pub(crate) fn many(self, count: usize) -> String {
        let what = match self {
            Self::Commit => "new commits",
            Self::Started => "rollouts started",
            Self::WaitingForApproval => "waves wait for approval",
            Self::Approved => "waves approved",
            Self::Halted => "rollouts halted",
            Self::RolledBack => "rollouts rolled back",
            Self::Done => "rollouts done",
            Self::Drift => "applications drifted",
            Self::Degraded => "applications degraded",
            Self::Healthy => "applications healthy again",
            Self::ClusterLost => "clusters lost",
            Self::ClusterBack => "clusters back",
            Self::Paused => "pauses",
            Self::Resumed => "pauses over",
            Self::RemovalHeld => "sets hold deletions",
        };
        format!("{count} {what}")
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl std::str::FromStr for Event {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|event| event.word() == word);
        found.copied().ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|event| event.word()).collect();
            format!("there is no event `{word}`; there are {}", known.join(", "))
        })
    }
}
