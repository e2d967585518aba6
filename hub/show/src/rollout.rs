//! A rollout as people see it.

use jiff::Timestamp;
use serde_json::Value;
use shared_model::HealthStatus;
use shared_rollout::Phase;
use std::collections::BTreeSet;

/// A rollout.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rollout {
    /// Its name.
    pub name: String,
    /// The commit that it ships, abbreviated.
    pub commit: String,
    /// How far it is.
    pub phase: Phase,
    /// What the whole of it waits for; empty when nothing.
    pub waits_for: String,
    /// Why it halted, if it did.
    pub halted: Option<Halt>,
    /// Its waves, in order.
    pub waves: Vec<Wave>,
    /// Its clusters.
    pub clusters: Vec<Cluster>,
}

/// Why it halted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Halt {
    /// In which wave.
    pub wave: String,
    /// Where it failed; empty when a person halted it.
    pub cluster: String,
    /// Why.
    pub reason: String,
}

/// One wave: counts of Applications.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wave {
    /// Its name.
    pub name: String,
    /// Whether its members may be released.
    pub opened: bool,
    /// Whether its gate was met.
    pub passed: bool,
    /// All of them.
    pub total: usize,
    /// Released, and not proven.
    pub released: usize,
    /// Proven.
    pub proven: usize,
    /// Failed.
    pub failed: usize,
    /// Excused.
    pub excused: usize,
    /// Told to go back, or back.
    pub back: usize,
}

impl Wave {
    /// One of a FleetRollout's `status.waves`.
    pub fn read(wave: &Value) -> Self {
        let count =
            |field: &str| wave[field].as_u64().and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
        Self {
            name: wave["name"].as_str().unwrap_or_default().to_owned(),
            opened: wave["opened"].is_string(),
            passed: wave["passed"].is_string(),
            total: count("total"),
            released: count("released"),
            proven: count("proven"),
            failed: count("failed"),
            excused: count("excused"),
            back: count("back"),
        }
    }
}

/// One cluster: where its Application stands that is furthest behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its wave; empty when none takes it.
    pub wave: String,
    /// How far it is.
    pub state: State,
    /// The commits that it runs, abbreviated.
    pub runs: BTreeSet<String>,
    /// How its Applications are.
    pub health: HealthStatus,
    /// Since when all of it runs what it should, Healthy.
    pub healthy_since: Option<Timestamp>,
    /// What it waits for; empty when nothing.
    pub message: String,
}

/// How far a member of a rollout is. The worst sorts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It failed.
    Failed,
    /// Told to run the release, and not proven.
    Released,
    /// Told to go back to what was proven there before.
    Returning,
    /// Not released.
    Waiting,
    /// Back on what was proven there before.
    Returned,
    /// Proven.
    Proven,
}

impl State {
    /// Reads the word that the hub writes.
    pub fn of(word: &str) -> Self {
        match word {
            "Failed" => Self::Failed,
            "Released" => Self::Released,
            "Returning" => Self::Returning,
            "Returned" => Self::Returned,
            "Proven" => Self::Proven,
            _ => Self::Waiting,
        }
    }

    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Released => "updating",
            Self::Returning => "going back",
            Self::Waiting => "waiting",
            Self::Returned => "back",
            Self::Proven => "proven",
        }
    }
}

impl Cluster {
    /// Takes in another Application of the same cluster.
    pub fn merge(&mut self, other: Self) {
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
    pub fn healthy_since(&self, wave: &str) -> Option<Timestamp> {
        let times: Option<Vec<_>> = self.of_wave(wave).map(|cluster| cluster.healthy_since).collect();
        times?.into_iter().max()
    }

    /// The clusters of a wave.
    pub fn of_wave(&self, wave: &str) -> impl Iterator<Item = &Cluster> {
        self.clusters.iter().filter(move |cluster| cluster.wave == wave)
    }
}

/// A commit as people write it.
pub fn short(commit: &str) -> String {
    commit.chars().take(7).collect()
}

/// What names sort by, so that `eu-2` comes before `eu-10`.
pub fn natural(name: &str) -> (String, u64) {
    let (base, number) = name.rsplit_once('-').unwrap_or((name, ""));
    (base.to_owned(), number.parse().unwrap_or(0))
}
