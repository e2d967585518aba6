//! What the fleet planner costs alone, without a store and without agents.
//!
//! A fleet of 10,000 clusters with 10 applications each: ten lines of 10,000 members. Nine of them are
//! done, one is in the middle of its third wave. Measured are the plan of everything, the plan of that
//! line after one observation, which is what happens all day, the check of that plan, and the memory of
//! the index. All through the interface that the hub uses. Nothing is asserted: the figures depend on
//! the machine.

mod ground;
mod run;
mod table;

pub use run::run;

use clap::Parser;

/// What the fleet planner costs.
#[derive(Debug, Parser)]
pub struct Args {
    /// A tenth of the clusters, and fewer rounds
    #[arg(long)]
    pub quick: bool,
    /// Clusters
    #[arg(long)]
    pub clusters: Option<usize>,
    /// Applications on each
    #[arg(long, default_value_t = 10)]
    pub applications: usize,
    /// How many observations are taken in one by one
    #[arg(long)]
    pub observations: Option<usize>,
    /// Given by `cargo bench`
    #[arg(long, hide = true)]
    bench: bool,
}

impl Args {
    fn clusters(&self) -> usize {
        self.clusters.unwrap_or(if self.quick { 1_000 } else { 10_000 })
    }

    fn observations(&self) -> usize {
        self.observations.unwrap_or(if self.quick { 50 } else { 500 })
    }
}
