//! What is explored: a fleet, a policy, and how often each kind of trouble may come.
//!
//! Quotas are what makes the stories finite: without them a cluster could be lost and come back for ever.

use crate::state::Fences;
use shared_model::{LabelSelector, RolloutPolicySpec, Wave};
use shared_rollout::Decision;

/// How much of each kind may still happen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Quota {
    /// Commits.
    pub commits: u8,
    /// Reports of a degraded or failed member.
    pub bad: u8,
    /// Links that break.
    pub losses: u8,
    /// Pauses of a cluster.
    pub pauses: u8,
    /// Plans that are on their way to the store while other things happen.
    pub flights: u8,
    /// Deaths of the hub between two writes of a plan.
    pub deaths: u8,
    /// Times that another hub takes the planning lease.
    pub takeovers: u8,
    /// Decisions of people.
    pub decisions: u8,
}

/// A fleet and what may happen to it.
#[derive(Debug, Clone)]
pub struct Setup {
    /// For people.
    pub name: &'static str,
    /// The clusters and the ring of each.
    pub clusters: Vec<(&'static str, &'static str)>,
    /// The policy of every commit.
    pub policy: RolloutPolicySpec,
    /// What may happen how often.
    pub quota: Quota,
    /// Which decisions people may take, at any time.
    pub decisions: Vec<Decision>,
    /// What a transaction of the hub compares.
    pub fences: Fences,
    /// Whether clusters of one ring count as interchangeable. It hides which of two equals the planner
    /// takes first, and nothing else.
    pub symmetric: bool,
}

impl Setup {
    /// A setup of one canary, one early cluster and two others, released one by one.
    ///
    /// # Panics
    /// When the policy is not one.
    pub fn new(name: &'static str, policy: &str, quota: Quota) -> Self {
        let mut policy: RolloutPolicySpec = serde_json::from_str(policy).expect("a policy as JSON");
        if policy.waves.is_empty() {
            policy.waves = vec![wave("canary"), wave("early"), wave("rest")];
        }
        let problems = policy.problems();
        assert!(problems.is_empty(), "{problems:?}");
        Self {
            name,
            clusters: vec![("c1", "canary"), ("c2", "early"), ("c3", "rest"), ("c4", "rest")],
            policy,
            quota,
            decisions: Vec::new(),
            fences: Fences::default(),
            symmetric: true,
        }
    }

    /// The wave that a cluster is in, by its ring alone.
    pub(crate) fn wave_of(&self, cluster: &str) -> usize {
        let ring = self.clusters.iter().find(|(name, _)| *name == cluster).map_or("", |(_, ring)| ring);
        self.policy.waves.iter().position(|wave| wave.name == ring).expect("a wave is named after each ring")
    }
}

/// A wave of the ring, one cluster at a time.
fn wave(ring: &str) -> Wave {
    Wave {
        name: ring.to_owned(),
        selector: Some(LabelSelector {
            match_labels: [("ring".to_owned(), ring.to_owned())].into(),
            ..LabelSelector::default()
        }),
        max_update: Some(shared_model::Amount::Count(1)),
        ..Wave::default()
    }
}
