//! How long it took to make what a rollout ships: frozen with it, so that its trace shows it after a restart too.

use super::{Lines, Resolved};
use crate::pins::Pins;
use jiff::Timestamp;
use serde_json::Value;
use shared_model::{
    CommitId, FleetRollout,
    fleet_rollout::{CommitSeen, Timings, Took},
};
use std::{collections::BTreeMap, sync::Arc};

/// How many commits of one rollout are described.
const MOST_COMMITS: usize = 8;

impl Lines {
    /// The releases at the head, and how long it took to make them.
    pub(super) async fn timed(&self, objects: &[Value], pins: &Pins) -> Resolved {
        let from = shared_runtime::now();
        let mut resolved = self.resolve(objects, (pins, &BTreeMap::new())).await;
        resolved.render = Some(Took { from, to: shared_runtime::now() });
        resolved
    }

    /// When what a rollout of these inputs ships came about; of commits those that are new.
    pub(super) async fn timings(&self, head: &Resolved, line: &[Arc<FleetRollout>]) -> Timings {
        let shipped = line.last().map(|rollout| rollout.spec.commits.as_slice()).unwrap_or_default();
        let is_new = |commit: &CommitId| shipped.iter().all(|pin| pin.commit != *commit);
        let new = head.commits.iter().filter(|(_, commit)| is_new(commit)).take(MOST_COMMITS);
        let mut commits: Vec<CommitSeen> = Vec::new();
        for ((url, revision), commit) in new {
            let Some((asked, answered)) = self.git.seen(url, revision) else { continue };
            let about = self.git.describe(url, commit).await;
            let about = about
                .inspect_err(|error| tracing::debug!(%url, %commit, %error, "a commit cannot be described"));
            let about = about.ok();
            commits.push(CommitSeen {
                repo_url: url.clone(),
                revision: revision.clone(),
                commit: commit.clone(),
                committed_at: about.as_ref().and_then(|about| Timestamp::from_second(about.committed).ok()),
                author: about.as_ref().map(|about| about.author.clone()).unwrap_or_default(),
                title: about.map(|about| about.message).unwrap_or_default(),
                asked,
                answered,
            });
        }
        Timings { members: head.members.len(), commits, generate: head.generate, render: head.render }
    }
}
