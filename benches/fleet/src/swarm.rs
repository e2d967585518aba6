//! Many agents in one process, each with a simulated cluster.
//!
//! The first line of standard input names the hub and the agents with their tokens; when all have joined, a line says
//! so. Each further line asks how many ConfigMaps of all clusters hold a revision (`count REVISION`). The end of the
//! input ends the process.

use agent::{Agent, Ceiling, Cluster, LinkConfig, Memory, Place};
use anyhow::{Context as _, bail};
use futures::{StreamExt as _, TryStreamExt as _};
use hub_demo::Simulated;
use serde::{Deserialize, Serialize};
use shared_runtime::{Tasks, otlp::Choice, telemetry};
use std::{io::Write as _, time::Duration};

/// How many agents join at once.
const AT_ONCE: usize = 64;

/// What a process is told first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Orders {
    /// The hub's agent port.
    pub(crate) hub: String,
    pub(crate) agents: Vec<Seat>,
}

/// One agent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Seat {
    pub(crate) cluster: String,
    pub(crate) token: String,
}

/// Runs the agents until nobody listens any more.
///
/// # Errors
/// When an agent cannot join.
pub fn run() -> anyhow::Result<()> {
    telemetry::init(&telemetry::Config { filter: "error".to_owned(), ..telemetry::Config::default() })?;
    let _allowed = rlimit::increase_nofile_limit(u64::MAX).context("raise the limit of open files")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("start the runtime")?;
    let tasks = Tasks::new();
    let mut lines = std::io::stdin().lines();
    let first = lines.next().context("nobody said what to do")??;
    let orders: Orders = serde_json::from_str(&first).context("the orders cannot be read")?;
    let clusters = runtime.block_on(join(orders, &tasks))?;
    say(&format!("joined {}", clusters.len()))?;
    for line in lines {
        let line = line?;
        let Some(revision) = line.strip_prefix("count ") else { bail!("{line:?} is not understood") };
        say(&clusters.iter().map(|cluster| count(cluster, revision)).sum::<usize>().to_string())?;
    }
    runtime.shutdown_background();
    Ok(())
}

fn say(line: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    out.flush()
}

fn count(cluster: &Simulated, revision: &str) -> usize {
    let holds = |object: &&std::sync::Arc<serde_json::Value>| object["data"]["revision"] == revision;
    cluster.objects("", "v1", "configmaps").iter().filter(holds).count()
}

async fn join(orders: Orders, tasks: &Tasks) -> anyhow::Result<Vec<Simulated>> {
    let Orders { hub, agents } = orders;
    let joining = agents.into_iter().map(|seat| join_one(hub.clone(), seat, tasks));
    futures::stream::iter(joining).buffered(AT_ONCE).try_collect().await
}

async fn join_one(hub: String, seat: Seat, tasks: &Tasks) -> anyhow::Result<Simulated> {
    let cluster = Simulated::start(&seat.cluster, Duration::ZERO, tasks);
    let config = agent::Config {
        link: LinkConfig::of(hub),
        token: Some(seat.token.parse().context("the token")?),
        place: Place::Memory(Memory::new()),
        ceiling: Ceiling::default(),
        traces: Choice::read(|_| None, "flotilla-agent", env!("CARGO_PKG_VERSION"))?,
        metrics: agent::Metrics::default(),
        sops_keys: None,
        sops_reach: agent::Reach::Bound,
    };
    let service = Cluster::from_service(cluster.clone(), "default");
    let joined = Box::pin(Agent::build(config, service, tasks)).await;
    joined.with_context(|| format!("{} did not join", seat.cluster))?;
    Ok(cluster)
}
