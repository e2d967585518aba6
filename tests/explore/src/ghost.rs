//! What an onlooker remembers who never looks into a record of the planner: what was reported and when,
//! what that proves, which rollouts showed themselves where, and which were stopped.

use crate::state::Condition;
use jiff::{SignedDuration, Timestamp};
use shared_model::{ClusterName, Position, ReleaseId, RolloutName};
use std::collections::{BTreeMap, BTreeSet};

/// The last report of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) position: Position,
    pub(crate) condition: Condition,
    /// Since when every report of that position was Healthy.
    pub(crate) since: Option<Timestamp>,
    pub(crate) at: Timestamp,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Ghost {
    pub(crate) heard: BTreeMap<ClusterName, Heard>,
    /// The positions that were rightly counted as proven, and did not fail since.
    pub(crate) proven: BTreeSet<(ClusterName, Position)>,
    /// What was proven where, and did not fail there since.
    pub(crate) good: BTreeSet<(ClusterName, ReleaseId)>,
    /// Bad reports from before a person let the rollout try again.
    pub(crate) forgiven: BTreeSet<(ClusterName, Position)>,
    /// Where a rollout was ever proven.
    pub(crate) shown: BTreeMap<RolloutName, BTreeSet<ClusterName>>,
    /// Where a rollout was rightly excused.
    pub(crate) excused: BTreeMap<RolloutName, BTreeSet<ClusterName>>,
    /// Who of them runs what is not proven and gave up its slot.
    pub(crate) listed: BTreeMap<RolloutName, BTreeSet<ClusterName>>,
    /// Where a rollout was known to have failed.
    pub(crate) failed: BTreeMap<RolloutName, BTreeSet<ClusterName>>,
    /// Rollouts that halted or went back, and that nobody let try again.
    pub(crate) stopped: BTreeSet<RolloutName>,
    /// Rollouts in which a person let members go ahead of their wave.
    pub(crate) expedited: BTreeSet<RolloutName>,
}

impl Ghost {
    /// An agent reported, and the hub received it.
    pub(crate) fn hear(
        &mut self,
        cluster: &ClusterName,
        position: Position,
        condition: Condition,
        now: Timestamp,
    ) {
        let before = self.heard.get(cluster).copied();
        if before.is_some_and(|heard| heard.position > position) {
            return;
        }
        let unbroken = before.filter(|heard| heard.position == position).and_then(|heard| heard.since);
        let since = (condition == Condition::Healthy).then_some(unbroken.unwrap_or(now));
        self.heard.insert(cluster.clone(), Heard { position, condition, since, at: now });
    }

    /// Whether the position was reported Healthy without a break for so long. Of a cluster that is away
    /// nothing is known after its last report.
    pub(crate) fn healthy_for(
        &self,
        cluster: &ClusterName,
        position: Position,
        settle: SignedDuration,
        (now, connected): (Timestamp, bool),
    ) -> bool {
        self.heard.get(cluster).is_some_and(|heard| {
            let until = if connected { now } else { heard.at };
            heard.position == position
                && heard.since.is_some_and(|since| until.duration_since(since) >= settle)
        })
    }

    /// Whether the last report says that the position failed.
    pub(crate) fn is_bad(&self, cluster: &ClusterName, position: Position) -> bool {
        self.heard
            .get(cluster)
            .is_some_and(|heard| heard.position == position && heard.condition != Condition::Healthy)
    }

    pub(crate) fn at(
        of: &BTreeMap<RolloutName, BTreeSet<ClusterName>>,
        rollout: &RolloutName,
    ) -> BTreeSet<ClusterName> {
        of.get(rollout).cloned().unwrap_or_default()
    }

    /// A person lets the rollout try again: what failed counts anew, and only where it still `runs` is it
    /// proven.
    pub(crate) fn retry(
        &mut self,
        rollout: &RolloutName,
        runs: impl Fn(&ClusterName) -> bool,
        at: impl Fn(&ClusterName) -> Option<Position>,
    ) {
        let failed = Self::at(&self.failed, rollout);
        self.forgiven.extend(failed.into_iter().filter_map(|cluster| Some((cluster.clone(), at(&cluster)?))));
        let heard = self.heard.iter();
        let bad = heard.filter(|(_, heard)| heard.condition != Condition::Healthy);
        self.forgiven.extend(bad.map(|(cluster, heard)| (cluster.clone(), heard.position)));
        self.failed.remove(rollout);
        self.stopped.remove(rollout);
        if let Some(shown) = self.shown.get_mut(rollout) {
            shown.retain(runs);
        }
    }
}
