//! `flotilla rollout simulate`: the next rollout in virtual time, before anything moves.

mod fleet;
mod show;
mod source;
mod windows;

use crate::{
    args::{Connection, SimulateOptions},
    cli::output,
};
use anyhow::Context as _;
use shared_simulate::{Assumptions, Forecast, Run, Scenario, Trial, forecast};
use std::{
    io::IsTerminal as _,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// How often progress is shown.
const PROGRESS: Duration = Duration::from_millis(200);

pub(crate) async fn run(connection: Connection, options: SimulateOptions) -> anyhow::Result<ExitCode> {
    let start = options.start.unwrap_or_else(shared_runtime::now);
    let assumptions = Assumptions {
        start,
        healthy_after: options.healthy_after,
        spread: options.spread,
        failure_rate: options.failure_rate,
        unreachable_rate: options.unreachable_rate,
        approved_after: options.approved_after.0,
        seed: options.seed,
    };
    let source = source::read(connection, &options, start).await?;
    let scenario = Arc::new(source.scenario);
    let courses = follow(&scenario, &assumptions, options.runs as usize).await?;
    let said = forecast(&scenario, &assumptions, &courses);
    match options.output {
        crate::args::Output::Json => output::line(&show::json(&said, &source.title, &source.notes)?),
        crate::args::Output::Text => {
            show::text(&said, &source.title, &assumptions).iter().for_each(|line| output::line(line));
            source.notes.iter().for_each(|note| output::note(&format!("note: {note}")));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Follows the courses on every processor there is, and shows how far it is on a terminal.
async fn follow(
    scenario: &Arc<Scenario>,
    assumptions: &Assumptions,
    runs: usize,
) -> anyhow::Result<Vec<Run>> {
    let seeds = Arc::new(Forecast::seeds(assumptions, runs));
    let next = Arc::new(AtomicUsize::new(0));
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let workers: Vec<_> = (0..processors.min(runs))
        .map(|_| {
            let (scenario, assumptions) = (Arc::clone(scenario), *assumptions);
            let (seeds, next) = (Arc::clone(&seeds), Arc::clone(&next));
            tokio::task::spawn_blocking(move || {
                let mut done = Vec::new();
                while let Some((at, seed)) = take(&seeds, &next) {
                    done.push((at, shared_simulate::run(&scenario, &assumptions, Trial::Chance, seed)));
                }
                done
            })
        })
        .collect();
    let mut courses = Vec::with_capacity(runs);
    let shows = std::io::stderr().is_terminal();
    let mut clock = tokio::time::interval(PROGRESS);
    for mut worker in workers {
        loop {
            tokio::select! {
                done = &mut worker => {
                    courses.extend(done.context("a course could not be followed")?);
                    break;
                }
                _ = clock.tick(), if shows => {
                    output::progress(&format!("{} of {runs} runs", next.load(Ordering::Relaxed).min(runs)));
                }
            }
        }
    }
    if shows {
        output::progress("");
    }
    courses.sort_by_key(|(at, _)| *at);
    Ok(courses.into_iter().map(|(_, run)| run).collect())
}

fn take(seeds: &[u64], next: &AtomicUsize) -> Option<(usize, u64)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    Some((at, *seeds.get(at)?))
}
