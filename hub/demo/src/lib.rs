//! A fleet in one process: a hub, a sample Git repository, and simulated clusters with an agent each, over
//! real mTLS gRPC on loopback; and a look at how commits go through it.
//!
//! It decides nothing about rollouts: hub and agents are the real ones, and what is shown is what they say.
//! Whether a rollout went as the demo claims is checked on the simulated clusters themselves ([`verdict`]).
//!
//! Why simulated clusters: a newcomer needs only Rust and git. Real control planes are in `tests/e2e`.

mod fleet;
mod folder;
mod follow;
mod guide;
mod mirror;
mod repository;
mod sample;
mod simulated;
mod story;
mod verdict;

pub use simulated::Simulated;

use folder::Folder;
use hub_render::Tooling;
use hub_show::Screen;
use shared_runtime::{Tasks, otlp::Choice};
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// How long tasks may take to end. What ends later ends with the process.
const DRAIN: Duration = Duration::from_secs(1);

/// What to show.
#[derive(Debug, Clone)]
pub struct Config {
    /// End after the second rollout.
    pub once: bool,
    /// How many clusters; at least three.
    pub clusters: usize,
    /// Whether the second commit never becomes healthy.
    pub bad_commit: bool,
    /// Where the data stays; a temporary folder otherwise.
    pub data_dir: Option<PathBuf>,
    /// Where the hub's spans go, and with them those of the agents.
    pub traces: Choice,
    /// The tools of charts and overlays; they work in a folder of the demo's, whatever this says.
    pub tooling: Option<Tooling>,
}

/// Runs the demo until it is over or interrupted.
///
/// # Errors
/// When something did not go as it should; the chain says what.
pub async fn run(config: Config) -> anyhow::Result<ExitCode> {
    let mut screen = Screen::detect();
    play(config, &mut screen, shared_runtime::interrupted()).await
}

/// Runs the demo on a screen until it is over or `interrupted`, and tidies up whatever comes.
async fn play(
    config: Config,
    screen: &mut Screen,
    interrupted: impl Future<Output = ()>,
) -> anyhow::Result<ExitCode> {
    let folder = Folder::make(config.data_dir.as_deref())?;
    let tasks = Tasks::new();
    let ended = tokio::select! {
        told = Box::pin(story::tell(&config, screen, folder.path(), &tasks)) => told.map(|()| ExitCode::SUCCESS),
        () = interrupted => {
            screen.keep();
            screen.line(&format!("\nstopping; {}", folder.fate()));
            // Whoever asked for a whole demo did not get it.
            Ok(if config.once { ExitCode::FAILURE } else { ExitCode::SUCCESS })
        }
    };
    tasks.drain(DRAIN).await;
    let removed = folder.remove().await;
    let code = ended?;
    removed?;
    Ok(code)
}

#[cfg(test)]
mod tests;
