//! What many courses say together.

use crate::{
    Assumptions, Scenario, chance,
    run::{Ending, Run, Trial, WaveRun, run},
};
use serde::Serialize;
use shared_model::{ClusterName, duration};
use std::{collections::BTreeSet, time::Duration};

/// How many sentences and names are given.
const MOST: usize = 20;

/// What a rollout would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Forecast {
    /// The seed of all of it.
    pub seed: u64,
    /// How many courses were followed.
    pub runs: usize,
    /// The waves, as they go when nothing fails and nobody is cut off.
    pub waves: Vec<WavePlan>,
    /// From the commit to the end when nothing fails.
    pub clean: Ends,
    /// How the courses under the assumptions ended.
    pub ends: Vec<Ends>,
    /// What a release that fails does before it is stopped.
    pub exposure: Vec<Exposure>,
    /// What it waits for besides the clusters' own work, when nothing fails, with the time from the commit.
    pub waits: Vec<String>,
    /// Members that did not get the release even then, and why.
    pub left: Vec<String>,
    /// How many those are.
    pub left_count: usize,
    /// Members that no wave takes.
    pub in_no_wave: Vec<String>,
    /// How many those are.
    pub in_no_wave_count: usize,
}

/// A wave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WavePlan {
    /// Its name.
    pub name: String,
    /// How many members.
    pub members: usize,
    /// Its clusters, in name order.
    pub clusters: BTreeSet<ClusterName>,
    /// When it opens, from the commit.
    #[serde(with = "as_text", skip_serializing_if = "Option::is_none")]
    pub opens: Option<Duration>,
    /// When it passes.
    #[serde(with = "as_text", skip_serializing_if = "Option::is_none")]
    pub passes: Option<Duration>,
}

/// Courses that ended alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ends {
    /// `Done`, `Halted`, `RolledBack` or `Waits`.
    pub ending: String,
    /// In which wave it stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wave: Option<String>,
    /// How many of the courses.
    pub runs: usize,
    /// Half of them took no longer.
    #[serde(with = "as_text")]
    pub p50: Option<Duration>,
    /// Nine in ten took no longer.
    #[serde(with = "as_text")]
    pub p90: Option<Duration>,
    /// The most clusters on which it failed.
    pub worst_clusters: usize,
    /// One of the reasons.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// How far a release comes that fails on every cluster of a wave and of those after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Exposure {
    /// The wave in which it begins to fail.
    pub wave: String,
    /// On how many clusters it fails before nothing more is released.
    pub clusters: usize,
    /// How many members.
    pub members: usize,
    /// Of how many clusters in the fleet concerned.
    pub of: usize,
    /// How that ends.
    pub ending: String,
    /// When.
    #[serde(with = "as_text")]
    pub after: Option<Duration>,
}

impl Forecast {
    /// The courses that are to be followed, so that the caller may follow them where it likes.
    pub fn seeds(assumptions: &Assumptions, runs: usize) -> Vec<u64> {
        (0..runs as u64).map(|number| chance::derived(assumptions.seed, number)).collect()
    }
}

/// What `courses` (of [`Trial::Chance`], one per seed of [`Forecast::seeds`]) say together, with a course in which nothing
/// fails, and one per wave in which all of it does.
pub fn forecast(scenario: &Scenario, assumptions: &Assumptions, courses: &[Run]) -> Forecast {
    let calm = Assumptions { failure_rate: 0.0, unreachable_rate: 0.0, ..*assumptions };
    let clean = run(scenario, &calm, Trial::Chance, assumptions.seed);
    let fleet: BTreeSet<&ClusterName> = clean.waves.iter().flat_map(|wave| &wave.clusters).collect();
    let bad = |wave: usize| run(scenario, &calm, Trial::BadFrom(wave), assumptions.seed);
    let trials = clean.waves.iter().enumerate().filter(|(_, wave)| wave.members > 0);
    let exposure = trials.map(|(at, wave)| exposure(wave, &bad(at), fleet.len())).collect();
    Forecast {
        seed: assumptions.seed,
        runs: courses.len(),
        waves: clean.waves.iter().map(planned).collect(),
        clean: together(&[&clean], &clean),
        ends: ends(courses),
        exposure,
        waits: clean
            .waits
            .iter()
            .take(MOST)
            .map(|(at, text)| format!("after {}: {text}", rough(*at)))
            .collect(),
        left: clean.left.iter().take(MOST).map(|(app, text)| format!("{}: {text}", app.name)).collect(),
        left_count: clean.left.len(),
        in_no_wave: clean.in_no_wave.iter().take(MOST).map(|app| app.name.to_string()).collect(),
        in_no_wave_count: clean.in_no_wave.len(),
    }
}

fn planned(wave: &WaveRun) -> WavePlan {
    WavePlan {
        name: wave.name.clone(),
        members: wave.members,
        clusters: wave.clusters.clone(),
        opens: wave.opened,
        passes: wave.passed,
    }
}

fn exposure(wave: &WaveRun, bad: &Run, of: usize) -> Exposure {
    Exposure {
        wave: wave.name.clone(),
        clusters: bad.waves.iter().map(|wave| wave.bad_clusters).sum(),
        members: bad.waves.iter().map(|wave| wave.bad).sum(),
        of,
        ending: format!("{:?}", bad.ending),
        after: Some(bad.took),
    }
}

/// The courses by how and where they ended, most first.
fn ends(courses: &[Run]) -> Vec<Ends> {
    let key = |run: &Run| (run.ending, run.wave);
    let kinds: BTreeSet<_> = courses.iter().map(key).collect();
    let mut ends: Vec<Ends> = kinds
        .into_iter()
        .filter_map(|kind| {
            let alike: Vec<&Run> = courses.iter().filter(|run| key(run) == kind).collect();
            Some(together(&alike, alike.first()?))
        })
        .collect();
    ends.sort_by_key(|ends| std::cmp::Reverse(ends.runs));
    ends
}

fn together(alike: &[&Run], one: &Run) -> Ends {
    let mut took: Vec<Duration> = alike.iter().map(|run| run.took).collect();
    took.sort();
    let share =
        |percent: usize| took.get((took.len() * percent / 100).min(took.len().saturating_sub(1))).copied();
    let bad = |run: &&Run| run.waves.iter().map(|wave| wave.bad_clusters).sum();
    Ends {
        ending: format!("{:?}", one.ending),
        wave: one.wave.and_then(|wave| one.waves.get(wave)).map(|wave| wave.name.clone()),
        runs: alike.len(),
        p50: share(50),
        p90: share(90),
        worst_clusters: alike.iter().map(bad).max().unwrap_or(0),
        reason: if one.ending == Ending::Done { String::new() } else { one.reason.clone() },
    }
}

/// To the second.
fn rough(length: Duration) -> String {
    duration(Duration::from_secs(length.as_secs()))
}

/// Durations as people write them.
mod as_text {
    use serde::{Serialize as _, Serializer};
    use std::time::Duration;

    #[allow(clippy::ref_option, reason = "serde passes a reference")]
    pub(super) fn serialize<S: Serializer>(
        length: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        length.map(super::rough).serialize(serializer)
    }
}
