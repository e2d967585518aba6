//! FleetRollout (flotilla.dev/v1alpha1): the immutable record of what one rollout ships.

use crate::{CommitId, Object, Owner, RepoUrl, RollingSync, RolloutName, RolloutPolicySpec};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// A FleetRollout.
pub type FleetRollout = Object<FleetRolloutSpec>;

/// The inputs that a rollout froze (invariant 3, *Pinned*). Clusters are no part of them: who is a
/// member follows from these inputs and the clusters there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FleetRolloutSpec {
    /// The set or Application that it rolls out.
    pub owner: Owner,
    /// Grows by one with every rollout of the owner.
    pub sequence: u64,
    /// The owner's object (apiVersion, kind, metadata name, namespace, labels and annotations, spec)
    /// as it was.
    pub object: Value,
    /// What every (repository, revision) that generators and sources name resolved to.
    #[serde(default)]
    pub commits: Vec<PinnedCommit>,
    /// The generators of the set that gave nothing then and were isolated (`spec.generators[0].git`): none of their Applications is a member,
    /// whatever they would give now.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub standing: BTreeSet<String>,
    /// How it goes through the fleet.
    pub plan: PlanSpec,
    /// The rollout before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<RolloutName>,
    /// The W3C trace id of its trace, 32 hex digits.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trace_id: String,
    /// When what it ships came about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timings: Option<Timings>,
}

/// When what a rollout ships came about, for people who ask where the time went. It decides nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Timings {
    /// How many members there were.
    pub members: usize,
    /// The commits that the rollout before it did not ship.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commits: Vec<CommitSeen>,
    /// Expanding the set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generate: Option<Took>,
    /// Rendering the releases that were not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub render: Option<Took>,
}

/// A commit, and when it was noticed. Times of the commit are by its author's clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommitSeen {
    /// The repository.
    #[serde(rename = "repoURL")]
    pub repo_url: RepoUrl,
    /// The revision that was asked for.
    pub revision: String,
    /// What it was.
    pub commit: CommitId,
    /// Who wrote it, as `Name`; empty when that is not known.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// The first line of its message.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// When it was committed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub committed_at: Option<Timestamp>,
    /// When the server was asked.
    pub asked: Timestamp,
    /// When it had answered.
    pub answered: Timestamp,
}

/// How long something took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Took {
    /// When it began.
    pub from: Timestamp,
    /// When it had ended.
    pub to: Timestamp,
}

/// What one revision of one repository resolved to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PinnedCommit {
    /// The repository.
    #[serde(rename = "repoURL")]
    pub repo_url: RepoUrl,
    /// The revision as written; `HEAD` when none was.
    pub revision: String,
    /// The commit.
    pub commit: CommitId,
    /// Where a Secret said that this is the repository of a chart: the repository as somebody wrote it, a space, and the
    /// chart's name. Whatever Secrets say later, here it stays this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// How a rollout goes through the fleet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PlanSpec {
    /// One wave without a limit: neither policy nor rollingSync.
    #[default]
    Immediate,
    /// The set's own `strategy.rollingSync`: steps match Application labels.
    RollingSync(RollingSync),
    /// A RolloutPolicy: waves match cluster labels.
    Policy(RolloutPolicySpec),
}

impl PlanSpec {
    /// What people call the wave, from 0: the name that a policy gives it, the number of a rollingSync step
    /// from 1 as Argo CD shows it, `all` without either. Empty when the plan has no such wave.
    pub fn wave_name(&self, wave: usize) -> String {
        match self {
            Self::Immediate => "all".to_owned(),
            Self::RollingSync(_) => (wave + 1).to_string(),
            Self::Policy(policy) => policy.waves.get(wave).map(|wave| wave.name.clone()).unwrap_or_default(),
        }
    }
}
