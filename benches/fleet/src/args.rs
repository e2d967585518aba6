//! The command line.

use crate::workload::Name;
use clap::Parser;
use std::path::PathBuf;

/// What a fleet costs: time of rollouts, memory and CPU of the hub.
#[derive(Debug, Parser)]
pub struct Args {
    /// Which workloads; all when left out
    #[arg(value_enum)]
    pub workloads: Vec<Name>,
    /// This share of the clusters and rollouts
    #[arg(long, default_value_t = 1.0)]
    pub scale: f64,
    /// How often each workload's change is pushed
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Processes that the agents are spread over
    #[arg(long, default_value_t = 1)]
    pub processes: usize,
    /// A `flotilla` that is built already
    #[arg(long, value_name = "FILE")]
    pub flotilla: Option<PathBuf>,
    /// What the hub logs
    #[arg(long, default_value = "warn")]
    pub log: String,
    /// Keep the hub's log and data here
    #[arg(long, value_name = "DIR")]
    pub keep: Option<PathBuf>,
    /// A command that is run while the first round is measured; {} stands for the hub's process id
    #[arg(long, value_name = "COMMAND")]
    pub profile: Option<String>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    /// So many of something, at this scale.
    pub(crate) fn scaled(&self, count: usize) -> usize {
        ((count as f64 * self.scale).round() as usize).max(1)
    }
}
