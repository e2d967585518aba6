//! What changed in a rollout, as lines for a reader that is no terminal.

use crate::{
    frame::{counts, runs},
    rollout::{Cluster, Rollout, State},
};
use shared_model::HealthStatus;
use shared_rollout::Phase;

/// Up to so many clusters each change is told; beyond, only failures and the waves.
pub const FEW: usize = 24;

/// The lines between two looks at a rollout; `before` is `None` at the first.
pub fn changes(before: Option<&Rollout>, now: &Rollout) -> Vec<String> {
    let before = before.filter(|before| before.name == now.name);
    let mut lines = Vec::new();
    if before.map(|before| before.phase) != Some(now.phase) {
        let halted = now
            .halted
            .as_ref()
            .filter(|_| matches!(now.phase, Phase::Halted | Phase::RollingBack | Phase::RolledBack))
            .map(|halt| match halt.cluster.as_str() {
                "" => format!(": in wave {}: {}", halt.wave, halt.reason),
                cluster => format!(": {cluster} in wave {}: {}", halt.wave, halt.reason),
            });
        lines.push(format!(
            "rollout {} of commit {}: {}{}",
            now.name,
            now.commit,
            now.phase,
            halted.unwrap_or_default()
        ));
    }
    let told = |cluster: &&Cluster| now.clusters.len() <= FEW || cluster.state == State::Failed;
    for cluster in now.clusters.iter().filter(told) {
        let then = before.and_then(|before| before.clusters.iter().find(|then| then.name == cluster.name));
        if then.map(news) != Some(news(cluster)) {
            lines.push(of_cluster(cluster));
        }
    }
    for wave in &now.waves {
        let then = before.and_then(|before| before.waves.iter().find(|then| then.name == wave.name));
        if then != Some(wave) && (wave.opened || then.is_none()) {
            let state = if wave.passed { " (passed)" } else { "" };
            lines.push(format!("wave {}: {}{state}", wave.name, counts(wave)));
        }
    }
    lines
}

/// What of a cluster is told when it changes.
fn news(cluster: &Cluster) -> (State, HealthStatus) {
    (cluster.state, cluster.health)
}

fn of_cluster(cluster: &Cluster) -> String {
    let message = if cluster.message.is_empty() { String::new() } else { format!(": {}", cluster.message) };
    format!("{} runs {}, {}, {}{message}", cluster.name, runs(cluster), cluster.health, cluster.state.word())
}

#[cfg(test)]
mod tests;
