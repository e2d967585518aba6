//! The entry: arguments in, a table out.

use benches_agent::args::Args;
use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    match args.soak {
        Some(time) => benches_agent::soak(&args, time.unsigned_abs()).await,
        None => benches_agent::run(&args).await,
    }
}
