//! What a rollout came to.

use crate::Rollout;
use jiff::Timestamp;

/// From the push to the last healthy cluster of each wave.
pub fn lines(rollout: &Rollout, pushed: Timestamp) -> Vec<String> {
    let seconds = |at: Option<Timestamp>| {
        at.map_or_else(
            || "not healthy".to_owned(),
            |at| format!("{:.1} s", at.duration_since(pushed).as_secs_f64()),
        )
    };
    let last = rollout.waves.iter().filter_map(|wave| rollout.healthy_since(&wave.name)).max();
    let total = rollout.clusters.len();
    let mut lines = vec![format!(
        "commit {}: from the push to the last of {total} healthy clusters {}",
        rollout.commit,
        seconds(last)
    )];
    let width = rollout.waves.iter().map(|wave| wave.name.chars().count()).max().unwrap_or(0);
    for wave in &rollout.waves {
        let clusters = rollout.of_wave(&wave.name).count();
        let noun = if clusters == 1 { "cluster" } else { "clusters" };
        let after = seconds(rollout.healthy_since(&wave.name));
        lines.push(format!("  wave {:width$}  {clusters:>5} {noun:<8}  healthy after {after:>7}", wave.name));
    }
    lines
}

/// How a bad commit was stopped.
pub fn of_halt(rollout: &Rollout, clusters: usize) -> Vec<String> {
    let halt = rollout.halted.clone().unwrap_or_default();
    vec![
        format!("commit {} halted at {}: {}", rollout.commit, halt.cluster, halt.reason),
        format!("  the other {} clusters were not touched: they run what they ran before", clusters - 1),
    ]
}

#[cfg(test)]
mod tests;
