//! A rollout as the demo shows it.

use jiff::Timestamp;
use shared_model::HealthStatus;
use shared_rollout::Phase;
use std::collections::BTreeSet;

/// A rollout of the sample set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rollout {
    pub(crate) name: String,
    /// Abbreviated.
    pub(crate) commit: String,
    pub(crate) phase: Phase,
    /// What the whole of it waits for; empty when nothing.
    pub(crate) waits_for: String,
    pub(crate) halted: Option<Halt>,
    pub(crate) waves: Vec<Wave>,
    pub(crate) clusters: Vec<Cluster>,
}

/// Why it halted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Halt {
    pub(crate) wave: String,
    pub(crate) cluster: String,
    pub(crate) reason: String,
}

/// One wave: counts of Applications.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Wave {
    pub(crate) name: String,
    pub(crate) opened: bool,
    pub(crate) passed: bool,
    pub(crate) total: usize,
    pub(crate) released: usize,
    pub(crate) proven: usize,
    pub(crate) failed: usize,
    pub(crate) excused: usize,
}

/// One cluster: where its Application stands that is furthest behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cluster {
    pub(crate) name: String,
    pub(crate) wave: String,
    pub(crate) state: State,
    /// The commits that it runs, abbreviated.
    pub(crate) runs: BTreeSet<String>,
    pub(crate) health: HealthStatus,
    /// Since when all of it runs what it should, Healthy.
    pub(crate) healthy_since: Option<Timestamp>,
    /// What it waits for; empty when nothing.
    pub(crate) message: String,
}

/// How far a member of a rollout is. The worst sorts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    Failed,
    Released,
    Waiting,
    Proven,
}

impl State {
    /// Reads the word that the hub writes.
    pub(crate) fn of(word: &str) -> Self {
        match word {
            "Failed" => Self::Failed,
            "Released" => Self::Released,
            "Proven" => Self::Proven,
            _ => Self::Waiting,
        }
    }

    /// The word for people.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Released => "updating",
            Self::Waiting => "waiting",
            Self::Proven => "proven",
        }
    }
}

impl Cluster {
    /// Takes in another Application of the same cluster.
    pub(crate) fn merge(&mut self, other: Self) {
        if other.state < self.state {
            (self.state, self.message, self.wave) = (other.state, other.message, other.wave);
        }
        self.runs.extend(other.runs);
        self.health = self.health.max(other.health);
        self.healthy_since = self.healthy_since.zip(other.healthy_since).map(|(one, other)| one.max(other));
    }
}

impl Rollout {
    /// When the last cluster of a wave became healthy; `None` while one is not.
    pub(crate) fn healthy_since(&self, wave: &str) -> Option<Timestamp> {
        let times: Option<Vec<_>> = self.of_wave(wave).map(|cluster| cluster.healthy_since).collect();
        times?.into_iter().max()
    }

    /// The clusters of a wave.
    pub(crate) fn of_wave(&self, wave: &str) -> impl Iterator<Item = &Cluster> {
        self.clusters.iter().filter(move |cluster| cluster.wave == wave)
    }
}
