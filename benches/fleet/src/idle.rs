//! Agents with nothing to do: what each costs the hub in memory, and all of them in CPU, from a start of the hub on.

use crate::{
    args::Args,
    floors::{Floors, Needs},
    ground::Ground,
    measure::Meter,
    run::Row,
    workload::Workload,
};
use anyhow::Result;
use benches_agent::table::{megabytes, say};
use std::{
    path::Path,
    time::{Duration, Instant},
};

/// For how long CPU is counted.
const CALM: Duration = Duration::from_secs(60);
/// How long everything comes to rest before that.
const REST: Duration = Duration::from_secs(30);

/// A hub without anybody, then with all of them.
pub(crate) async fn measure(args: &Args, workload: Workload, program: &Path, floors: Floors) -> Result<Row> {
    let alone = Workload { clusters: 1, group: 1, sets: 0, ..workload.clone() };
    let empty = {
        let ground = Ground::start(args, alone, program).await?;
        tokio::time::sleep(REST / 3).await;
        ground.hub.watched()?.usage()?
    };
    let mut ground = Ground::start(args, Workload { sets: 0, ..workload.clone() }, program).await?;
    tokio::time::sleep(REST).await;
    let joined = ground.hub.watched()?.usage()?;
    // Joining happens once in a cluster's life; a hub's everyday begins with a start.
    ground.hub.kill();
    ground.hub.restart().await?;
    let began = Instant::now();
    ground.connected().await?;
    let back = began.elapsed();
    tokio::time::sleep(REST).await;
    let meter = Meter::start(&ground.hub, &ground.agents)?;
    tokio::time::sleep(CALM).await;
    let cost = meter.stop(&ground.hub, &ground.agents)?;
    let now = ground.hub.watched()?.usage()?;
    let of_each = |own: u64| own.saturating_sub(empty.own) as f64 / workload.clusters as f64;
    let (each, after_joining) = (of_each(now.own), of_each(joined.own));
    let row = Row {
        what: workload.told(),
        published: workload.published,
        aim: workload.aim,
        measured: format!(
            "{each:.1} KiB each ({} own pages, of them {} with one agent; {after_joining:.1} KiB after all had joined), {:.1} % of a core; joined in {:.1} s, back in {:.1} s after a restart of the hub",
            megabytes(now.own),
            megabytes(empty.own),
            100.0 * cost.hub.as_secs_f64() / cost.time.as_secs_f64(),
            ground.joined.as_secs_f64(),
            back.as_secs_f64(),
        ),
        floor: format!(
            "of being back: {}",
            floors.of(Needs { turns: 0, handshakes: workload.clusters, bytes: 0 })
        ),
        cost: format!(
            "hub {} resident; agents {:.1} % of a core, {}",
            megabytes(now.resident),
            100.0 * cost.agents.as_secs_f64() / cost.time.as_secs_f64(),
            megabytes(cost.agents_resident),
        ),
    };
    say(&format!("{}: {} | {} | floor {}", row.what, row.measured, row.cost, row.floor));
    Ok(row)
}
