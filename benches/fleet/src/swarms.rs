//! The processes that agents are in, as their bench sees them.

use crate::swarm::{Orders, Seat};
use anyhow::{Context as _, Result, ensure};
use benches_agent::usage::{Usage, Watched};
use std::{path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// All agents.
#[derive(Debug)]
pub(crate) struct Swarms(Vec<Swarm>);

#[derive(Debug)]
struct Swarm {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Swarms {
    /// Starts agents in so many processes and waits until all have joined.
    pub(crate) async fn start(
        program: &Path,
        processes: usize,
        hub: &str,
        mut seats: Vec<Seat>,
    ) -> Result<Self> {
        let each = seats.len().div_ceil(processes.max(1)).max(1);
        let mut swarms = Vec::new();
        while !seats.is_empty() {
            let rest = seats.split_off(each.min(seats.len()));
            let orders = Orders { hub: hub.to_owned(), agents: seats };
            swarms.push(Swarm::start(program, &orders).await?);
            seats = rest;
        }
        for swarm in &mut swarms {
            swarm.answer().await?;
        }
        Ok(Self(swarms))
    }

    /// How many ConfigMaps hold this revision.
    pub(crate) async fn count(&mut self, revision: &str) -> Result<usize> {
        let mut sum = 0;
        for swarm in &mut self.0 {
            swarm.input.write_all(format!("count {revision}\n").as_bytes()).await?;
            sum += swarm.answer().await?.parse::<usize>().context("a count is a number")?;
        }
        Ok(sum)
    }

    /// What all of them used up to now: CPU and resident memory in KiB.
    pub(crate) fn usage(&self) -> Result<(Duration, u64)> {
        let used = |swarm: &Swarm| -> Result<Usage> {
            Watched(swarm.child.id().context("the agents have ended")?).usage()
        };
        let all: Vec<Usage> = self.0.iter().map(used).collect::<Result<_>>()?;
        Ok((all.iter().map(|usage| usage.cpu).sum(), all.iter().map(|usage| usage.resident).sum()))
    }
}

impl Swarm {
    async fn start(program: &Path, orders: &Orders) -> Result<Self> {
        let mut command = Command::new(program);
        // One arena for each thread is nothing that a thousand agents in a thousand pods would have.
        command.env("MALLOC_ARENA_MAX", "4");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().with_context(|| format!("start {}", program.display()))?;
        let mut input = child.stdin.take().context("it was asked for a pipe")?;
        let output = BufReader::new(child.stdout.take().context("it was asked for a pipe")?).lines();
        let orders = serde_json::to_string(orders)?;
        input.write_all(format!("{orders}\n").as_bytes()).await.context("tell the agents what to do")?;
        Ok(Self { child, input, output })
    }

    async fn answer(&mut self) -> Result<String> {
        let line = self.output.next_line().await?;
        ensure!(line.is_some(), "the agents have ended");
        Ok(line.unwrap_or_default())
    }
}
