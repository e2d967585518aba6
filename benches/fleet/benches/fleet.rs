//! The entry: arguments in, tables out.

use benches_fleet::args::Args;
use clap::Parser as _;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    shared_runtime::install_crypto();
    benches_fleet::run(&Args::parse(), env!("CARGO_BIN_EXE_fleet-agents").as_ref()).await
}
