//! A hundred rollouts at once: the real planner, its plans as transactions on a store that two hubs share, and the
//! real sessions and engines below it.
//!
//! What is real, besides what the day has: `shared_rollout`'s `plan`, `check`, `decide`, `observe` and what its steps
//! write. What is modelled: the store (revisions, compares, a lease), Git (a push makes a rollout), people.
//!
//! What must hold after every transaction: the linter finds nothing in the plan that it is part of, and no order goes
//! out that the [`oracle`] does not allow, which knows nothing of the planner. What must hold while it goes on: no agent
//! applies what it was not ordered, and none that can be reached runs what was rejected once that has been taken back. What must
//! hold at the end: every line is done, rolled back, or halted with a reason, and every cluster equals its assignment.

mod oracle;
mod store;
mod troubles;

use crate::release::Content;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared_model::{AppKey, ClusterName, Owner, OwnerKind, fleet_rollout::PlanSpec};
use shared_rollout::{Decision, Report};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};

pub(crate) use oracle::{Oracle, placed};
pub(crate) use store::{Batch, Store};
pub(crate) use troubles::{Coming, LENGTH, ends, of_a_night};

/// What to simulate.
#[derive(Debug, Clone, Copy)]
pub struct Rollouts {
    /// Everything random comes from it.
    pub seed: u64,
    /// How many clusters.
    pub clusters: usize,
    /// How many sets, each with a rollout under way.
    pub sets: usize,
    /// On how many clusters each of them is.
    pub spread: usize,
}

impl Rollouts {
    /// Runs them to their end. With `file` every line of the log is kept.
    pub fn run(self, file: Option<&Path>) -> crate::Outcome {
        crate::world::run_rollouts(self, file)
    }
}

/// What happens to rollouts.
#[derive(Debug)]
pub(crate) enum Event {
    /// What has changed is planned.
    Plan,
    /// A transaction reaches the store.
    Commit(Box<Batch>),
    /// Somebody pushes to a set's repository.
    Push(Owner, Commit),
    /// Somebody decides about what leads a line.
    Decide(Owner, Decision),
    /// The hub that plans is gone, and its lease runs out.
    Failover,
    /// The other hub has the lease.
    Takeover,
    /// What was rejected is looked for.
    Look,
}

/// What a commit is worth: of a hundred clusters, on how many it does not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) bad: usize,
}

/// The rollouts, beside the agents.
#[derive(Debug)]
pub(crate) struct Waves {
    pub(crate) store: Store,
    pub(crate) oracle: Oracle,
    pub(crate) sets: BTreeMap<Owner, Set>,
    pub(crate) owner_of: BTreeMap<AppKey, Owner>,
    pub(crate) on_cluster: BTreeMap<ClusterName, Vec<Owner>>,
    /// What is to be planned.
    pub(crate) dirty: BTreeSet<Owner>,
    /// Whether that will happen.
    pub(crate) due: bool,
    /// How many plans were made.
    pub(crate) planned: u64,
    /// When time alone changes something in a line, by the hub's clock.
    pub(crate) wakes: BTreeMap<Owner, Timestamp>,
    /// Whose transactions are under way.
    pub(crate) under_way: BTreeSet<Owner>,
    /// The clock of the hub that plans, minus the true time.
    pub(crate) skew: SignedDuration,
    /// Which hub plans: the lease's create revision.
    pub(crate) lease: u64,
    /// What each commit is worth, by its number.
    pub(crate) commits: BTreeMap<usize, Commit>,
    /// What each line waited for, as the last plan said it.
    pub(crate) reports: BTreeMap<Owner, Report>,
    /// Since when each cluster is connected, if it is.
    pub(crate) connected: BTreeMap<ClusterName, Timestamp>,
}

/// A set of applications, one on each of its clusters.
#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) clusters: Vec<ClusterName>,
    /// The wave of each of them, by the oracle's own reckoning.
    pub(crate) waves: BTreeMap<ClusterName, usize>,
    pub(crate) plan: PlanSpec,
    pub(crate) pushes: u64,
}

impl Set {
    pub(crate) fn app(owner: &Owner, cluster: &ClusterName) -> AppKey {
        AppKey::new("argocd", format!("{}-{cluster}", owner.name))
    }

    pub(crate) fn content(owner: &Owner, commit: usize) -> Arc<Content> {
        Arc::new(Content::new(&owner.name, commit))
    }
}

/// How long a member on a cluster of the set must be Healthy.
pub(crate) fn oracle_settle(set: &Set, cluster: &ClusterName) -> SignedDuration {
    let PlanSpec::Policy(policy) = &set.plan else { return SignedDuration::ZERO };
    let wave = set.waves.get(cluster).and_then(|at| policy.waves.get(*at));
    wave.map_or(SignedDuration::ZERO, oracle::settle)
}

pub(crate) fn set(number: usize) -> Owner {
    Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: format!("set-{number:03}") }
}

/// The policies that sets have in turn. Each wave has more slots than tolerated failures, which keep theirs.
pub(crate) fn policy(number: usize) -> PlanSpec {
    let canary = json!({"name": "canary", "match": {"matchLabels": {"ring": "canary"}}});
    let wave = |base: &Value, more: Value| {
        let mut wave = base.clone();
        if let (Some(wave), Value::Object(more)) = (wave.as_object_mut(), more) {
            wave.extend(more);
        }
        wave
    };
    let policy = match number % 5 {
        // Taken back when it fails, with a soak and deadlines.
        0 => json!({"onFailure": "Rollback", "waves": [
            wave(&canary, json!({"soak": "2m", "deadline": "5m"})),
            {"name": "five", "take": 5, "maxUpdate": 2, "deadline": "5m"},
            {"name": "rest", "maxUpdate": "20%", "deadline": "10m"},
        ], "unreachable": {"action": "Skip", "after": "2m", "atMost": "50%"}}),
        // A person approves the canary and the rest.
        1 => json!({"waves": [
            wave(&canary, json!({"approval": "After"})),
            {"name": "rest", "maxUpdate": "30%", "approval": "Before"},
        ], "unreachable": {"action": "Skip", "after": "3m", "atMost": "50%"}}),
        // Nobody is skipped: it waits for whoever is away.
        2 => json!({"onFailure": "Rollback", "supersede": "Restart", "waves": [
            wave(&canary, json!({"soak": "1m"})),
            {"name": "rest", "maxUpdate": 10, "maxFailures": 2},
        ]}),
        // A quorum of each wave is enough.
        3 => json!({"onFailure": "Rollback", "waves": [
            wave(&canary, json!({"minProven": "50%"})),
            {"name": "rest", "maxUpdate": "25%", "minProven": "60%", "maxFailures": 1},
        ], "unreachable": {"action": "Skip", "after": "1m", "atMost": "50%"}, "paused": "Skip"}),
        // One that is in a hurry.
        _ => json!({"waves": [{"name": "all", "maxUpdate": "50%", "maxFailures": 5, "settle": "1s"}]}),
    };
    PlanSpec::Policy(serde_json::from_value(policy).expect("it is a policy"))
}
