//! What a stretch of time cost: CPU of hub and agents, memory, bytes.

use crate::{hub::Hub, swarms::Swarms};
use anyhow::{Context as _, Result};
use benches_agent::usage::Usage;
use jiff::Timestamp;
use std::{
    fs,
    time::{Duration, Instant},
};

/// The state at the start of a stretch.
#[derive(Debug)]
pub(crate) struct Meter {
    /// By the clock that the hub's records have too.
    pub(crate) at: Timestamp,
    began: Instant,
    hub: Usage,
    agents: Duration,
    written: u64,
    network: u64,
}

/// What it came to.
#[derive(Debug, Clone)]
pub(crate) struct Cost {
    pub(crate) time: Duration,
    pub(crate) hub: Duration,
    /// Of the hub, in KiB.
    pub(crate) peak: u64,
    pub(crate) agents: Duration,
    /// Of all agents, in KiB, at the end.
    pub(crate) agents_resident: u64,
    /// By the hub to its disk, in bytes.
    pub(crate) written: u64,
    /// Over loopback, everybody's.
    pub(crate) network: u64,
}

impl Meter {
    pub(crate) fn start(hub: &Hub, agents: &Swarms) -> Result<Self> {
        let process = hub.watched()?;
        process.forget_peak()?;
        Ok(Self {
            at: shared_runtime::now(),
            began: Instant::now(),
            hub: process.usage()?,
            agents: agents.usage()?.0,
            written: written(process.0)?,
            network: network(),
        })
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn stop(&self, hub: &Hub, agents: &Swarms) -> Result<Cost> {
        let process = hub.watched()?;
        let (now, (agents, agents_resident)) = (process.usage()?, agents.usage()?);
        Ok(Cost {
            time: self.began.elapsed(),
            hub: now.cpu.saturating_sub(self.hub.cpu),
            peak: now.peak,
            agents: agents.saturating_sub(self.agents),
            agents_resident,
            written: written(process.0)?.saturating_sub(self.written),
            network: network().saturating_sub(self.network),
        })
    }
}

/// How much a process has sent to the disk, in bytes.
fn written(process: u32) -> Result<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/io")).context("read what the hub wrote")?;
    let line = text.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.and_then(|bytes| bytes.parse().ok()).unwrap_or(0))
}

/// How much loopback has carried, in bytes.
fn network() -> u64 {
    let text = fs::read_to_string("/proc/net/dev").unwrap_or_default();
    let line = text.lines().find_map(|line| line.trim().strip_prefix("lo:"));
    line.and_then(|counts| counts.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
