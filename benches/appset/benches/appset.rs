//! The entry: arguments in, a table out.

use benches_appset::Args;
use clap::Parser as _;

fn main() -> anyhow::Result<()> {
    benches_appset::run(&Args::parse())
}
