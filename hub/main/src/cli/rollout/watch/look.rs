//! A rollout and its members, as the API serves them, in the form that is shown.

use crate::cli::rollout::{members::Member, text};
use hub_show::{Cluster, Halt, Rollout, State, Wave, natural, short};
use serde_json::Value;
use shared_model::HealthStatus;
use std::collections::BTreeMap;

/// What is known of a rollout, and what [`super::follow`] asks of it besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Look {
    /// As it is shown.
    pub(super) rollout: Rollout,
    /// Whether it goes back by itself when it halts.
    pub(super) goes_back: bool,
}

/// Reads one look.
pub(super) fn read(rollout: &Value, members: &[Member]) -> Look {
    let status = &rollout["status"];
    let commit = short(&text(rollout, "/spec/commits/0/commit"));
    let mut waits_for = text(status, "/waitsFor");
    if status["paused"].is_object() && waits_for.is_empty() {
        waits_for = format!("paused by {}", text(status, "/paused/by"));
    }
    let halted = status.get("halted").filter(|halted| halted.is_object()).map(|halted| Halt {
        wave: text(halted, "/waveName"),
        cluster: text(halted, "/cluster"),
        reason: text(halted, "/reason"),
    });
    let by_person = !text(status, "/halted/by").is_empty();
    Look {
        goes_back: text(rollout, "/spec/plan/policy/onFailure") == "Rollback" && !by_person,
        rollout: Rollout {
            name: text(rollout, "/metadata/name"),
            phase: serde_json::from_value(status["phase"].clone()).unwrap_or_default(),
            waits_for,
            halted,
            waves: status["waves"].as_array().into_iter().flatten().map(Wave::read).collect(),
            clusters: clusters(members, &commit),
            commit,
        },
    }
}

/// Each cluster as its member that is furthest behind.
fn clusters(members: &[Member], commit: &str) -> Vec<Cluster> {
    let mut clusters: BTreeMap<&str, Cluster> = BTreeMap::new();
    for member in members {
        let runs =
            member.current.map(|current| if current { commit.to_owned() } else { "another".to_owned() });
        let one = Cluster {
            name: member.cluster.clone(),
            wave: member.wave.clone(),
            state: State::of(&member.state),
            runs: runs.into_iter().collect(),
            health: member.health.unwrap_or(HealthStatus::Missing),
            healthy_since: None,
            message: member.waits_for.clone(),
        };
        match clusters.get_mut(member.cluster.as_str()) {
            Some(cluster) => cluster.merge(one),
            None => drop(clusters.insert(&member.cluster, one)),
        }
    }
    let mut clusters: Vec<Cluster> = clusters.into_values().collect();
    clusters.sort_by_key(|cluster| natural(&cluster.name));
    clusters
}
