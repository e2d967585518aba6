//! What the tests of this package show.

use crate::{Cluster, Rollout, State, Wave};
use shared_model::HealthStatus;
use shared_rollout::Phase;

/// A rollout in its second wave.
pub(crate) fn halfway() -> Rollout {
    let wave = |name: &str, total, proven, released, opened| Wave {
        name: name.to_owned(),
        opened,
        passed: proven == total,
        total,
        released,
        proven,
        ..Wave::default()
    };
    let cluster = |name: &str, wave: &str, state, runs: &str, health, message: &str| Cluster {
        name: name.to_owned(),
        wave: wave.to_owned(),
        state,
        runs: [runs.to_owned()].into(),
        health,
        healthy_since: None,
        message: message.to_owned(),
    };
    let closed = "wave rest has not opened: wave regions waits for us-1";
    Rollout {
        name: "shop-2".to_owned(),
        commit: "3f2a1bc".to_owned(),
        phase: Phase::Progressing,
        waits_for: "wave regions waits for us-1".to_owned(),
        halted: None,
        waves: vec![
            wave("canary", 2, 2, 0, true),
            wave("regions", 4, 2, 2, true),
            wave("rest", 2, 0, 0, false),
        ],
        clusters: vec![
            cluster("ap-1", "rest", State::Waiting, "0a1b2c3", HealthStatus::Healthy, closed),
            cluster("eu-1", "canary", State::Proven, "3f2a1bc", HealthStatus::Healthy, ""),
            cluster("eu-2", "regions", State::Proven, "3f2a1bc", HealthStatus::Healthy, ""),
            cluster(
                "us-1",
                "regions",
                State::Released,
                "3f2a1bc",
                HealthStatus::Progressing,
                "0 of 2 replicas updated",
            ),
        ],
    }
}
