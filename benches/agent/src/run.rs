//! The measurement, phase by phase.

use crate::{
    args::Args,
    bundles,
    ground::Ground,
    heals, others,
    quantile::quantile,
    requests::Count,
    table::{Table, megabytes, say, time},
    usage::{Usage, Watched},
};
use anyhow::{Context, Result};
use benches_machine::{load, machine};
use kube::Api;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// How long nothing happens before memory at rest is read.
const REST: Duration = Duration::from_secs(20);
/// How long the API server's own requests are counted.
const BASELINE: Duration = Duration::from_secs(20);

/// Measures everything and prints it.
///
/// # Errors
/// When something cannot be started, or does not get where it should.
pub async fn run(args: &Args) -> Result<()> {
    let (machine, load_before) = (machine(), load());
    say(&format!("{machine}; load before: {load_before}"));
    say(&format!("fills a cluster with {} objects", args.others));
    let filled = Instant::now();
    let mut ground = Ground::start(args).await?;
    say(&format!("filled after {}", time(filled.elapsed())));
    let mut table = Table::default();
    let size = std::fs::metadata(&ground.program).context("read the agent's size")?.len();
    table.row("binary", megabytes(size / 1024), "");

    let baseline = rate(&ground, BASELINE).await?;
    let agent = ground.start_agent().await?;
    memory(&mut table, "idle, nothing assigned", agent, "20 MB").await?;

    agent.forget_peak()?;
    let idle = agent.usage()?.cpu;
    let before = Count::take(&ground.cluster.client()).await?;
    let small = ground.sync("small", &bundles::small("small", args.owned)).await?;
    let after = Count::take(&ground.cluster.client()).await?;
    table.row(&format!("apply of {} ConfigMaps of 1 KB", args.owned), time(small), "10 s");
    table.row("its CPU time", time(agent.usage()?.cpu - idle), "");
    table.row("its requests", listed(&after.more_than(&before)), "500, then 250 a second, 16 at once");
    table.row("its peak", megabytes(agent.usage()?.peak), "96 MB");
    memory(&mut table, &format!("at rest with {} owned", args.owned), agent, "32 MB").await?;

    calm(&mut table, &ground, agent, args, &baseline).await?;
    tamper(&mut table, &ground, args).await?;
    memory(&mut table, "at rest after heals", agent, "32 MB").await?;

    agent.forget_peak()?;
    let large = ground.sync("large", &bundles::large("large")).await?;
    table.row("apply of a bundle of 5 MB", time(large), "");
    table.row("its peak", megabytes(agent.usage()?.peak), "96 MB");
    memory(&mut table, "at rest after it", agent, "").await?;
    table.row("journal on disk", megabytes(ground.journal() / 1024), "");

    let mut log = ground.log();
    let began = Instant::now();
    let agent = ground.start_agent().await?;
    table.row("restart until the hub knows it", time(began.elapsed()), "");
    memory(&mut table, "at rest after a restart with all of it", agent, "").await?;
    table.row("its peak", megabytes(agent.usage()?.peak), "96 MB");

    log.push_str(&ground.log());
    if let Some(path) = &args.log {
        std::fs::write(path, log).with_context(|| format!("write {}", path.display()))?;
    }
    say(&format!("\n{machine}; load average before {load_before}, after {}\n\n{}", load(), table.text()));
    Ok(())
}

/// Requests a second over a while, by verb.
async fn rate(ground: &Ground, over: Duration) -> Result<BTreeMap<String, f64>> {
    let before = Count::take(&ground.cluster.client()).await?;
    tokio::time::sleep(over).await;
    Ok(Count::take(&ground.cluster.client()).await?.since(&before))
}

async fn memory(table: &mut Table, what: &str, agent: Watched, budget: &str) -> Result<Usage> {
    tokio::time::sleep(REST).await;
    let usage = agent.usage()?;
    let own = megabytes(usage.own);
    table.row(
        what,
        format!("{} (own pages {own}), {} threads", megabytes(usage.resident), usage.threads),
        budget,
    );
    Ok(usage)
}

/// CPU, wake-ups and requests while nothing happens to what the agent owns and others change.
async fn calm(
    table: &mut Table,
    ground: &Ground,
    agent: Watched,
    args: &Args,
    baseline: &BTreeMap<String, f64>,
) -> Result<()> {
    say(&format!("counts CPU time for {} s", args.window().as_secs()));
    let before = agent.usage()?;
    let requests = tokio::select! {
        requests = rate(ground, args.window()) => requests?,
        failed = others::change(ground.cluster.client(), args.others) => return failed,
    };
    let after = agent.usage()?;
    let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
    let seconds = args.window().as_secs_f64();
    table.row(
        &format!("CPU over {seconds} s, 10 changes a second of other objects"),
        format!("{:.3} % of a core", 100.0 * cpu / seconds),
        "0.5 %",
    );
    let wakes = after.wakes.saturating_sub(before.wakes);
    table.row("wake-ups", format!("{:.1} a second", wakes as f64 / seconds), "");
    // The changes are PATCH requests of this measurement; the agent applies, which is counted as APPLY.
    let of_agent = requests.into_iter().filter(|(verb, _)| verb != "PATCH");
    let more = of_agent.map(|(verb, rate)| (rate - baseline.get(&verb).copied().unwrap_or(0.0)).max(0.0));
    let per_minute = 60.0 * more.sum::<f64>();
    table.row("requests meanwhile, over the API server's own", format!("{per_minute:.1} a minute"), "");
    Ok(())
}

async fn tamper(table: &mut Table, ground: &Ground, args: &Args) -> Result<()> {
    let maps = Api::namespaced(ground.cluster.client(), "small");
    let heals = heals::tamper(&maps, args.owned, args.tamperings).await?;
    for (what, times) in [("an edit", &heals.edits), ("a deletion", &heals.deletions)] {
        let [median, most] = [50, 99].map(|percent| time(quantile(times, percent)));
        table.row(
            &format!("heal of {what}, p50 / p99 of {}", times.len()),
            format!("{median} / {most}"),
            "p99 1 s",
        );
    }
    Ok(())
}

fn listed(counts: &BTreeMap<String, f64>) -> String {
    let counts = counts.iter().filter(|(_, count)| **count > 0.0);
    counts.map(|(verb, count)| format!("{count} {verb}")).collect::<Vec<_>>().join(", ")
}
