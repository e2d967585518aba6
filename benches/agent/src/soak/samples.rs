//! What the two programs hold, every ten seconds.

use crate::{
    requests::Count,
    soak::{
        flat,
        ground::{CLUSTER, Ground},
    },
    table::{megabytes, say},
    usage::Usage,
};
use anyhow::Result;
use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

const EVERY: Duration = Duration::from_secs(10);
/// Samples of a row of the table.
const IN_A_ROW: usize = 6;

/// One look at both.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// Since the beginning.
    at: Duration,
    agent: Program,
    hub: Program,
    /// What the agent did up to now, by its log.
    heals: usize,
    syncs: usize,
    /// Of the API server, those of this measurement among them; a second, since the sample before.
    requests: f64,
}

#[derive(Debug, Clone)]
struct Program {
    usage: Usage,
    files: usize,
    /// Bytes.
    disk: u64,
}

/// All looks, in order.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Sample>);

/// One look now.
///
/// # Errors
/// When one of the programs has ended.
pub(crate) fn sample(ground: &Ground, began: Instant) -> Result<Sample> {
    let [agent, hub] = ground.both()?;
    let [journal, data] = ground.disks();
    let program = |watched: crate::usage::Watched, disk| -> Result<Program> {
        Ok(Program { usage: watched.usage()?, files: watched.open_files()?, disk })
    };
    let log = ground.log();
    let lines = |word: &str| log.lines().filter(|line| line.contains(word)).count();
    Ok(Sample {
        at: began.elapsed(),
        agent: program(agent, journal)?,
        hub: program(hub, data)?,
        heals: lines("\"DriftHealed\""),
        syncs: lines("\"SyncSucceeded\""),
        requests: 0.0,
    })
}

impl Sample {
    /// What both have in memory, in words.
    pub(crate) fn memory(&self) -> String {
        let of = |program: &Program| {
            format!("{} (own pages {})", megabytes(program.usage.resident), megabytes(program.usage.own))
        };
        format!("agent {}, hub {}", of(&self.agent), of(&self.hub))
    }
}

impl Samples {
    /// Takes a sample every ten seconds for so long.
    ///
    /// # Errors
    /// When one of the programs ends.
    pub(crate) async fn take(&mut self, ground: &Ground, time: Duration) -> Result<()> {
        let client = ground.fleet.cluster(CLUSTER).client();
        let (began, mut ticks) = (Instant::now(), tokio::time::interval(EVERY));
        let mut counted = Count::take(&client).await?;
        while began.elapsed() < time {
            ticks.tick().await;
            let mut sample = sample(ground, began)?;
            let count = Count::take(&client).await?;
            sample.requests = count.since(&counted).values().sum();
            counted = count;
            if self.0.len().is_multiple_of(IN_A_ROW) {
                let seconds = sample.at.as_secs();
                say(&format!("{seconds} s: {}; {}", sample.memory(), ground.counts.borrow()));
            }
            self.0.push(sample);
        }
        Ok(())
    }

    /// A table with a row for each minute, and whether memory was flat.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from(
            "| minute | agent (own pages) | its files, threads | its journal | hub (own pages) | its files, threads | its disk | requests a second | heals | syncs |\n\
             |---|---|---|---|---|---|---|---|---|---|\n",
        );
        let mut before: Option<&Sample> = None;
        for row in self.0.chunks(IN_A_ROW).filter(|row| row.len() == IN_A_ROW) {
            let Some(last) = row.last() else { continue };
            let requests = row.iter().map(|sample| sample.requests).sum::<f64>() / row.len() as f64;
            let (heals, syncs) = before.map_or((0, 0), |before| (before.heals, before.syncs));
            let minute = last.at.as_secs().div_ceil(60);
            let program = |program: &Program| {
                let Program { usage, files, disk } = program;
                let (resident, own) = (megabytes(usage.resident), megabytes(usage.own));
                format!("{resident} ({own}) | {files}, {} | {}", usage.threads, megabytes(disk / 1024))
            };
            let (agent, hub) = (program(&last.agent), program(&last.hub));
            let (heals, syncs) = (last.heals - heals, last.syncs - syncs);
            writeln!(text, "| {minute} | {agent} | {hub} | {requests:.0} | {heals} | {syncs} |")
                .expect("a string takes all");
            before = Some(last);
        }
        text.push('\n');
        for (name, of) in [("agent", agent as fn(&Sample) -> &Program), ("hub", hub)] {
            let kib = |own: bool| -> Vec<(f64, f64)> {
                let value = |usage: Usage| if own { usage.own } else { usage.resident };
                let point =
                    |sample: &Sample| (sample.at.as_secs_f64() / 60.0, value(of(sample).usage) as f64);
                self.0[self.0.len() / 2..].iter().map(point).collect()
            };
            let (resident, own) = (flat::said(&kib(false)), flat::said(&kib(true)));
            writeln!(text, "Second half, {name}: resident memory {resident}; own pages {own}.")
                .expect("a string takes all");
        }
        text
    }
}

const fn agent(sample: &Sample) -> &Program {
    &sample.agent
}

const fn hub(sample: &Sample) -> &Program {
    &sample.hub
}
