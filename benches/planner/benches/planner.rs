//! The entry: arguments in, a table out.

use benches_planner::Args;
use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    benches_planner::run(&Args::parse())
}
