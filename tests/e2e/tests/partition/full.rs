//! The agent's disk is full: a new order that cannot be kept is reported and not begun, what ran before goes on
//! healing, also after a restart, and when there is room again the agent goes on by itself.
//!
//! The full disk is a limit of zero on the size of the files that the agent's process may write, set and lifted while
//! it runs: each write fails with an error of the system, as it does without space, and nobody needs to be root.

use crate::shop::{maps, runs_maps, set, tamper_maps};
use anyhow::{Context, Result, ensure};
use std::{process::Command, time::Instant};
use tests_e2e::{Fleet, Options, control_plane, eventually, fleet::SOON};

/// Makes a process's writes fail instead of ending it, and lets its log go on through another one.
const WRAPPED: &str = r#"
trap "" XFSZ
rm -f log.pipe && mkfifo log.pipe
cat log.pipe &
test "$1" = room || ulimit -S -f 0
shift
exec "$@" >log.pipe 2>&1
"#;

#[tokio::test]
async fn a_full_disk_delays_orders_and_stops_no_healing() -> Result<()> {
    let Some(control_plane) = control_plane() else { return Ok(()) };
    let began = Instant::now();
    let step = |what: &str| println!("{:6.1}s {what}", began.elapsed().as_secs_f32());
    let mut fleet = Fleet::start(control_plane).await?;
    fleet.push(&[("shop/all.yaml", &maps("v1"))])?;
    fleet.join(&[("eu-1", "env=prod,ring=canary")], Options::default()).await?;
    fleet.apply(&set(&fleet, "shop", "shop", "shop", None)).await?;
    runs_maps(fleet.cluster("eu-1"), "v1").await;
    fleet.kill_agent("eu-1");
    fleet.start_agent_by("eu-1", |command| wrapped(&command, "room"))?;
    fleet.connected("eu-1").await;

    // From now on nothing can be written any more.
    limit(&fleet, "0:")?;
    tamper_maps(fleet.cluster("eu-1")).await?;
    runs_maps(fleet.cluster("eu-1"), "v1").await;
    step("the disk is full, and what was done by hand is undone");
    fleet.push(&[("shop/all.yaml", &maps("v2"))])?;
    reported(&fleet).await?;
    step("people read why the new commit is not there");
    tamper_maps(fleet.cluster("eu-1")).await?;
    runs_maps(fleet.cluster("eu-1"), "v1").await;

    // An agent that starts on a full disk does the same.
    fleet.kill_agent("eu-1");
    tamper_maps(fleet.cluster("eu-1")).await?;
    fleet.start_agent_by("eu-1", |command| wrapped(&command, "none"))?;
    runs_maps(fleet.cluster("eu-1"), "v1").await;
    step("an agent that started on the full disk has healed too");
    eventually(SOON, "it tries the order again", async || {
        let log = fleet.agent_log("eu-1");
        let starts = log.rfind("the agent starts").context("it starts")?;
        ensure!(log[starts..].contains("the order cannot be carried out; what ran before goes on"), "{log}");
        Ok(())
    })
    .await;

    limit(&fleet, "unlimited:")?;
    let room = Instant::now();
    runs_maps(fleet.cluster("eu-1"), "v2").await;
    fleet.rollout("shop-2", "Done").await;
    println!("{:?} after there was room again the new commit was there", room.elapsed());
    eventually(SOON, "the agent's status is written again", async || {
        let status = fleet.agent_status("eu-1").await?;
        ensure!(status.split_whitespace().any(|word| word == "1.2"), "{status}");
        Ok(())
    })
    .await;
    Ok(())
}

/// The agent below a shell that prepares it; it takes the shell's place.
fn wrapped(agent: &Command, room: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", WRAPPED, "sh", room]).arg(agent.get_program()).args(agent.get_args());
    for (name, value) in agent.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(folder) = agent.get_current_dir() {
        shell.current_dir(folder);
    }
    shell
}

/// Sets the largest size of files that the running agent may write; util-linux' prlimit(1) does it from outside.
fn limit(fleet: &Fleet, size: &str) -> Result<()> {
    let agent = fleet.agent("eu-1").context("the agent runs")?.id().to_string();
    let set = Command::new("prlimit").args(["--pid", &agent, &format!("--fsize={size}")]).status();
    ensure!(set.context("run prlimit of util-linux")?.success(), "prlimit --fsize={size}");
    Ok(())
}

/// Where people look they read what holds the commit up.
async fn reported(fleet: &Fleet) -> Result<()> {
    eventually(SOON, "it is reported", async || {
        let status = fleet.object("application", "shop-eu-1").await?["status"].clone();
        ensure!(status.to_string().contains("File too large"), "{status:#}");
        let listed = fleet.flotilla(&["app", "list"]).await?;
        ensure!(listed.contains("File too large"), "{listed}");
        Ok(())
    })
    .await;
    let log = fleet.agent_log("eu-1");
    ensure!(log.contains("the order cannot be carried out; what ran before goes on"), "{log}");
    Ok(())
}
