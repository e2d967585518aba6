//! The entry: arguments in, a table out.

use benches_agent::args::Args;
use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    benches_agent::run(&Args::parse()).await
}
