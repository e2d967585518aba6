//! `flotilla rollout simulate`.

use super::{Namespace, duration};
use clap::{Args as Group, ValueEnum};
use jiff::Timestamp;
use std::{path::PathBuf, time::Duration};

/// More runs say nothing that these do not.
const MOST_RUNS: i64 = 100_000;

#[derive(Debug, Group)]
#[command(
    after_help = "Nothing moves: the hub is only read. With -f and --clusters no hub is needed, e.g. in CI.\n\
                  The same fleet, policy, assumptions and seed give the same answer."
)]
pub(crate) struct SimulateOptions {
    /// The ApplicationSet, or an Application that no set made; may be left out with --clusters
    #[arg(value_name = "SET|APP", required_unless_present = "clusters")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) namespace: Namespace,
    /// Try this RolloutPolicy of the hub instead of the one in force
    #[arg(long, value_name = "NAME", conflicts_with_all = ["file", "clusters"])]
    pub(crate) policy: Option<String>,
    /// Try the RolloutPolicy in this file
    #[arg(long, short = 'f', value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Take the Clusters from this file instead of a hub, one Application on each
    #[arg(long, value_name = "FILE", requires = "file")]
    pub(crate) clusters: Option<PathBuf>,
    /// The share of members on which the release turns Degraded
    #[arg(long, value_name = "SHARE", default_value = "2%", value_parser = share)]
    pub(crate) failure_rate: f64,
    /// The share of connected clusters that are cut off, before or when they are told, and stay away
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = share)]
    pub(crate) unreachable_rate: f64,
    /// How long a member takes to become Healthy: half of them take less
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = some)]
    pub(crate) healthy_after: Duration,
    /// One member in ten takes so many times as long, or longer
    #[arg(long, value_name = "FACTOR", default_value = "2", value_parser = factor)]
    pub(crate) spread: f64,
    /// How long people take to approve a wave or sync a member, or `never`
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = approval)]
    pub(crate) approved_after: Approval,
    /// When the commit arrives, for sync windows, e.g. 2026-01-05T08:00:00Z; now when left out
    #[arg(long, value_name = "TIME")]
    pub(crate) start: Option<Timestamp>,
    /// How many courses of events to follow
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=MOST_RUNS))]
    pub(crate) runs: u32,
    /// Everything that happens by chance comes from it
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// How to print it
    #[arg(long, short = 'o', value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

/// How long approvals take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Approval(pub(crate) Option<Duration>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    Text,
    Json,
}

fn approval(text: &str) -> Result<Approval, String> {
    if text == "never" { Ok(Approval(None)) } else { duration(text).map(|time| Approval(Some(time))) }
}

fn some(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        short if short < Duration::from_secs(1) => Err("shorter than a second".to_owned()),
        some => Ok(some),
    }
}

fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    let share = number.trim().parse::<f64>().ok().map(|number| number / whole);
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| format!("`{text}` is not a share such as 2% or 0.02"))
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse::<f64>().ok().filter(|factor| (1.0..=100.0).contains(factor));
    factor.ok_or_else(|| format!("`{text}` is not a factor between 1 and 100"))
}
