//! What is simulated: a fleet as it is, the plan to be tried, and how clusters are taken to behave.

use jiff::Timestamp;
use shared_model::{AppKey, ClusterName, Owner, fleet_rollout::PlanSpec};
use shared_project::Windows;
use shared_rollout::ClusterState;
use std::{collections::BTreeMap, time::Duration};

/// A fleet, and what is to go through it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// What is rolled out.
    pub owner: Owner,
    /// How.
    pub plan: PlanSpec,
    /// The clusters as they are: labels, pauses, links, modes, holds.
    pub clusters: BTreeMap<ClusterName, ClusterState>,
    /// The Applications that get the new release.
    pub members: BTreeMap<AppKey, Subject>,
    /// The sync windows in force ([`Subject::windows`]).
    pub windows: Vec<Windows>,
    /// How many applications of one cluster may be released and not proven.
    pub max_per_cluster: Option<usize>,
}

/// One Application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The cluster it goes to.
    pub cluster: ClusterName,
    /// Its labels, which rollingSync steps match.
    pub labels: BTreeMap<String, String>,
    /// Whether `syncPolicy.automated` is in force.
    pub automated: bool,
    /// Whether something of it runs and is proven there: what a rollback goes back to.
    pub runs: bool,
    /// Which of [`Scenario::windows`] concern it.
    pub windows: Option<usize>,
}

impl Subject {
    /// One that is automated, runs, and no window concerns.
    pub const fn new(cluster: ClusterName) -> Self {
        Self { cluster, labels: BTreeMap::new(), automated: true, runs: true, windows: None }
    }
}

/// How clusters and people are taken to behave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assumptions {
    /// When the commit is there.
    pub start: Timestamp,
    /// How long a member takes from its release to Healthy: half of them less, half of them more.
    pub healthy_after: Duration,
    /// One member in ten takes so many times as long, or longer; at least 1.
    pub spread: f64,
    /// The share of members that turn Degraded instead, 0 to 1.
    pub failure_rate: f64,
    /// The share of connected clusters that are cut off: half of them from the start, the others the
    /// moment they are told. They do not come back.
    pub unreachable_rate: f64,
    /// How long people take to approve a wave, or to sync what waits for that; `None` if nobody does.
    pub approved_after: Option<Duration>,
    /// Everything that happens by chance comes from it.
    pub seed: u64,
}

impl Assumptions {
    /// A minute and a half to Healthy, nothing fails, nobody is cut off, approvals take five minutes.
    pub const fn new(start: Timestamp) -> Self {
        Self {
            start,
            healthy_after: Duration::from_secs(90),
            spread: 2.0,
            failure_rate: 0.0,
            unreachable_rate: 0.0,
            approved_after: Some(Duration::from_secs(300)),
            seed: 1,
        }
    }

    /// How far apart the moments are at which the hub is taken to plan: times are as coarse as this.
    pub(crate) fn tick(&self) -> Duration {
        Duration::from_secs((self.healthy_after.as_secs() / 16).max(1))
    }
}
