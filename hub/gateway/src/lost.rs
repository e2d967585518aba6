//! Which clusters are lost: away for a while, not for a moment.
//!
//! An agent that restarts, a link that blinks and a hub that starts again are no news. What is lost is marked in the
//! Cluster's status (`connection.lost`), and the step to that and from it is what the history tells; a hub that starts
//! again goes on from the mark.

use crate::{Links, status};
use hub_records::Records;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use shared_model::ClusterName;
use shared_rollout::Link;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// How often it is looked, unless clusters are lost sooner than that.
const LOOK: Duration = Duration::from_secs(5);

/// Marks lost clusters for as long as it runs. `away` are those that were known when the hub started.
pub(crate) async fn run(records: Records, links: Links, away: Vec<ClusterName>, after: Duration) {
    let started = shared_runtime::now();
    let mut tick = tokio::time::interval(LOOK.min(after).max(Duration::from_millis(100)));
    let mut changes = links.changes();
    changes.mark_changed();
    let mut away: BTreeMap<ClusterName, Timestamp> =
        away.into_iter().map(|cluster| (cluster, started)).collect();
    let mut told: BTreeSet<ClusterName> = BTreeSet::new();
    loop {
        tick.tick().await;
        if changes.has_changed().unwrap_or(false) {
            changes.mark_unchanged();
            for (cluster, state) in links.snapshot() {
                match state.link {
                    Link::Connected => {
                        away.remove(&cluster);
                        told.remove(&cluster);
                    }
                    Link::LostSince(since) | Link::NeverSeen { since } => {
                        // One that came and went was told to be back; it can be lost again.
                        if away.insert(cluster.clone(), since) != Some(since) {
                            told.remove(&cluster);
                        }
                    }
                }
            }
        }
        let now = shared_runtime::now();
        let after = SignedDuration::try_from(after).unwrap_or(SignedDuration::MAX);
        let due: Vec<ClusterName> = away
            .iter()
            .filter(|(cluster, since)| now.duration_since(**since) >= after && !told.contains(*cluster))
            .map(|(cluster, _)| cluster.clone())
            .collect();
        for cluster in due {
            status::update(&records, &cluster, mark).await;
            told.insert(cluster);
        }
    }
}

/// Marks a cluster as lost, unless its agent has come in between.
fn mark(status: &mut Value) {
    if status.pointer("/connection/state").is_some_and(|state| state == "Disconnected") {
        status["connection"]["lost"] = json!(true);
    }
}
