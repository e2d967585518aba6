//! The command line.

use clap::Parser;
use std::{path::PathBuf, time::Duration};

/// What the agent costs, measured on a real API server.
#[derive(Debug, Parser)]
pub struct Args {
    /// One minute of CPU time instead of ten
    #[arg(long)]
    pub quick: bool,
    /// So many seconds of CPU time instead
    #[arg(long, value_name = "SECONDS")]
    pub window: Option<u64>,
    /// Instead of all that, see for so long (as 20m) whether memory stays flat under changes and trouble
    #[arg(long, value_name = "TIME")]
    pub soak: Option<jiff::SignedDuration>,
    /// ConfigMaps of the application
    #[arg(long, default_value_t = 1_000)]
    pub owned: usize,
    /// Objects that are not Flotilla's
    #[arg(long, default_value_t = 50_000)]
    pub others: usize,
    /// How often an object is edited or deleted by hand
    #[arg(long, default_value_t = 200)]
    pub tamperings: usize,
    /// An agent that is built already
    #[arg(long, value_name = "FILE")]
    pub agent: Option<PathBuf>,
    /// Without the environment that the container file sets
    #[arg(long)]
    pub bare: bool,
    /// Keep the agent's log here
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    /// How long CPU time is counted.
    pub(crate) fn window(&self) -> Duration {
        Duration::from_secs(self.window.unwrap_or(if self.quick { 60 } else { 600 }))
    }
}
