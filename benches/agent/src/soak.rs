//! Whether memory stays flat: a real hub and the agent's shipped build under changes and trouble of every kind for as
//! long as is asked, with what they hold sampled from outside.
//!
//! Four applications of 200 objects in all; all at once:
//! - a commit every five seconds changes values, adds objects and removes some, and now and then a whole kind;
//! - every two seconds somebody edits or deletes an object by hand;
//! - every minute the network between agent and hub (at times also Git's) is cut, swallows everything, resets or
//!   delays, for twenty seconds, and heals;
//! - the cluster is paused and resumed, by the hub and by the agent's own command in turn;
//! - an application is removed with its objects, and comes back.
//!
//! Invariants:
//! 1. Memory, files, threads and requests are read from the kernel and the API server, never from the programs. Heals
//!    and syncs are counted in the agent's log.
//! 2. At the end all trouble is over and every object of the cluster has to be as Git says, none more and none less:
//!    that alone is an error when it is not so.
//! 3. Whether memory was flat is said in words, of a straight line through the second half.
//!
//! Why names of objects are never used again: whatever keeps something for each name that ever was is to be seen.

mod flat;
mod ground;
mod samples;
mod trouble;
mod truth;

use crate::{args::Args, table::say};
use anyhow::{Context, Result};
use benches_machine::{load, machine};
use ground::Ground;
use samples::Samples;
use std::time::{Duration, Instant};

/// After the trouble nothing happens for so long.
const REST: Duration = Duration::from_secs(60);

/// Goes on for `time` and prints what it saw.
///
/// # Errors
/// When something cannot be started, one of the programs ends, or the cluster is not as Git says at the end.
pub async fn soak(args: &Args, time: Duration) -> Result<()> {
    let (machine, load_before) = (machine(), load());
    say(&format!("{machine}; load before: {load_before}"));
    let ground = Ground::start(args).await?;
    say("all is synced; the trouble begins");
    let mut samples = Samples::default();
    let began = Instant::now();
    tokio::select! {
        failed = trouble::all(&ground) => failed.map(|never| match never {})?,
        sampled = samples.take(&ground, time) => sampled?,
    }
    say(&format!("the trouble ends after {} s", began.elapsed().as_secs()));
    let ended = trouble::end(&ground).await;
    if let Some(path) = &args.log {
        std::fs::write(path, ground.log()).with_context(|| format!("write {}", path.display()))?;
    }
    ended?;
    tokio::time::sleep(REST).await;
    let after = samples::sample(&ground, began)?;
    let counts = ground.counts.borrow();
    say(&format!("\n{machine}; load average before {load_before}, after {}\n", load()));
    say(&samples.text());
    say(&format!("{counts}. At the end the cluster is as Git says."));
    say(&format!("After {} s without trouble: {}.", REST.as_secs(), after.memory()));
    Ok(())
}
