//! The block that a terminal shows of a rollout: a line for each wave, then the clusters.
//!
//! A fleet too large for the terminal is told by its waves and its exceptional clusters: those that failed
//! and those that are being updated.

use crate::{
    rollout::{Cluster, Rollout, State, Wave},
    style::{Ink, Line, Style, bar},
};
use shared_rollout::Phase;

const BAR: usize = 20;
/// Lines beside the clusters and waves: title, two blank ones, and the one that counts what is not listed.
const BESIDE: usize = 5;

/// The lines of the block.
pub fn frame(rollout: &Rollout, title: &str, style: Style) -> Vec<String> {
    let mut lines = vec![heading(rollout, title, style)];
    let name = width(rollout.waves.iter().map(|wave| wave.name.as_str()));
    lines.extend(rollout.waves.iter().map(|wave| of_wave(wave, name, style)));
    let (listed, rest) = listed(rollout, style.height.saturating_sub(BESIDE + rollout.waves.len()));
    if !listed.is_empty() {
        lines.push(String::new());
        lines.extend(of_clusters(&listed, style));
    }
    if let Some(rest) = rest {
        lines.push(Line::new(style).ink(Ink::Dim, &format!("  {rest}")).end());
    }
    lines
}

fn heading(rollout: &Rollout, title: &str, style: Style) -> String {
    let ink = match rollout.phase {
        Phase::Halted | Phase::RollingBack | Phase::RolledBack => Ink::Red,
        Phase::Done => Ink::Green,
        Phase::Queued | Phase::Progressing | Phase::Superseded => Ink::Yellow,
    };
    let line = Line::new(style)
        .ink(Ink::Bold, &format!("{title} {}", rollout.commit))
        .ink(Ink::Plain, "  ")
        .ink(ink, &rollout.phase.to_string());
    let line = if rollout.waits_for.is_empty() {
        line
    } else {
        line.ink(Ink::Plain, &format!("  {}", rollout.waits_for))
    };
    line.end()
}

fn of_wave(wave: &Wave, name: usize, style: Style) -> String {
    let ink = match wave {
        Wave { failed: 1.., .. } => Ink::Red,
        Wave { passed: true, .. } => Ink::Green,
        Wave { opened: true, .. } => Ink::Yellow,
        Wave { .. } => Ink::Dim,
    };
    Line::new(style)
        .ink(Ink::Plain, "  wave ")
        .column(Ink::Plain, &wave.name, name)
        .column(ink, &bar(wave.proven, wave.total, BAR), BAR)
        .ink(Ink::Plain, &counts(wave))
        .end()
}

/// `3/8 proven, 4 updating, 1 failed`.
pub fn counts(wave: &Wave) -> String {
    let mut text = format!("{}/{} proven", wave.proven, wave.total);
    for (count, word) in
        [(wave.released, "updating"), (wave.failed, "failed"), (wave.excused, "excused"), (wave.back, "back")]
    {
        if count > 0 {
            text.push_str(&format!(", {count} {word}"));
        }
    }
    text
}

/// The clusters there is room for, and a word about the others.
fn listed(rollout: &Rollout, room: usize) -> (Vec<&Cluster>, Option<String>) {
    let all: Vec<&Cluster> = rollout.clusters.iter().collect();
    if all.len() <= room {
        return (all, None);
    }
    let mut exceptional: Vec<&Cluster> =
        all.into_iter().filter(|cluster| cluster.state <= State::Returning).collect();
    exceptional.sort_by_key(|cluster| cluster.state);
    exceptional.truncate(room);
    let others = rollout.clusters.len() - exceptional.len();
    let proven = rollout.clusters.iter().filter(|cluster| cluster.state == State::Proven).count();
    (
        exceptional,
        Some(format!("and {others} other clusters; {proven} of {} are proven", rollout.clusters.len())),
    )
}

fn of_clusters(clusters: &[&Cluster], style: Style) -> Vec<String> {
    let runs: Vec<String> = clusters.iter().map(|cluster| runs(cluster)).collect();
    let name = width(clusters.iter().map(|cluster| cluster.name.as_str()));
    let wave = width(clusters.iter().map(|cluster| cluster.wave.as_str()));
    let commit = width(runs.iter().map(String::as_str));
    let word = width(clusters.iter().map(|cluster| cluster.state.word())).max("updating".len());
    let line = |(cluster, runs): (&&Cluster, &String)| {
        let health = cluster.health.to_string();
        Line::new(style)
            .ink(Ink::Plain, "  ")
            .column(Ink::Bold, &cluster.name, name)
            .column(Ink::Plain, &cluster.wave, wave)
            .column(Ink::Plain, runs, commit)
            .column(Ink::of_health(cluster.health), &health, "Progressing".len())
            .column(Ink::of_state(cluster.state), cluster.state.word(), word)
            .ink(Ink::Dim, &cluster.message)
            .end()
    };
    clusters.iter().zip(&runs).map(line).collect()
}

/// The commits that a cluster runs.
pub(crate) fn runs(cluster: &Cluster) -> String {
    if cluster.runs.is_empty() {
        return "nothing".to_owned();
    }
    cluster.runs.iter().map(String::as_str).collect::<Vec<_>>().join("+")
}

fn width<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.map(|text| text.chars().count()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests;
