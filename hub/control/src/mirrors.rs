//! Which mirrors of repositories are needed, told to Git now and then.
//!
//! Needed is what an Application or a set names, what is polled, and what a rollout that is kept was made
//! from; of a rollout under way also its commits, which a forced push may have taken from the server. Of charts the
//! archives of all rollouts are that may be asked for again: another one may have taken their version.
//!
//! Commits of submodules are not among them: they are in trees, not in what a rollout froze. Their mirrors stay for
//! [`GRACE`] after their last use, and what is rendered again then is fetched again. A submodule's commit that is gone
//! from its server is gone for every clone of the parent too.

use crate::{
    git::{Git, chain},
    index::Index,
    rollouts,
};
use hub_source::charts::Address;
use shared_model::{CommitId, FleetRollout, Owner, RepoUrl, RolloutName};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How often it is told.
const EVERY: Duration = Duration::from_secs(600);
/// How long a mirror that is not needed any more is kept after its last use.
const GRACE: Duration = Duration::from_secs(3600);

/// Has mirrors removed that nobody needs, for as long as it runs.
pub(crate) async fn collect(git: Git) {
    loop {
        let mut needed = needed(&git.index());
        for url in git.polled() {
            needed.entry(url).or_default();
        }
        let archives = needed.extract_if(.., |url, _| Address::is(url)).flat_map(|(_, archives)| archives);
        if let Err(error) = git.charts.retain(archives.collect()).await {
            tracing::warn!(error = chain(&error), "charts could not be removed");
        }
        match git.repositories.retain(needed, GRACE).await {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "mirrors that nobody needs are removed"),
            Err(error) => tracing::warn!(error = chain(&error), "mirrors could not be removed"),
        }
        // After, not before: what rollouts froze is pinned before a restarted hub has fetched much that is new.
        tokio::time::sleep(EVERY).await;
    }
}

/// The rollouts whose members may be asked for again: those that are baselines for clusters that join, too.
fn expanded(index: &Index) -> BTreeSet<(String, RolloutName)> {
    let lines: BTreeSet<&Owner> = index.rollouts.values().map(|rollout| &rollout.spec.owner).collect();
    let key = |rollout: &FleetRollout| {
        (rollout.metadata.namespace.clone(), RolloutName::new(rollout.metadata.name.clone()))
    };
    let head = |rollout: &FleetRollout| {
        index.heads.get(&key(rollout)).map(|(head, _)| head.clone()).unwrap_or_default()
    };
    let kept = lines
        .into_iter()
        .flat_map(|owner| rollouts::retained(&index.line(owner), head, |name| index.is_run(name)));
    kept.map(|rollout| key(&rollout)).collect()
}

/// Repositories, and the commits in them that are to stay.
fn needed(index: &Index) -> BTreeMap<RepoUrl, BTreeSet<CommitId>> {
    let mut needed: BTreeMap<RepoUrl, BTreeSet<CommitId>> = BTreeMap::new();
    for application in index.applications.values() {
        let git = |source: &&shared_model::Source| {
            source.chart.is_empty() && !Address::is(&RepoUrl::new(source.repo_url.clone()))
        };
        for source in application.spec.all_sources().into_iter().filter(git) {
            needed.entry(RepoUrl::new(source.repo_url.clone())).or_default();
        }
    }
    let expanded = expanded(index);
    for (key, rollout) in &index.rollouts {
        let under_way = index.heads.get(key).is_none_or(|(head, _)| head.finished.is_none());
        for pin in &rollout.spec.commits {
            let commits = needed.entry(pin.repo_url.clone()).or_default();
            // What a server has by a chart's version today may be something else than it was.
            if under_way || (Address::is(&pin.repo_url) && expanded.contains(key)) {
                commits.insert(pin.commit.clone());
            }
        }
    }
    needed
}

#[cfg(test)]
mod tests;
