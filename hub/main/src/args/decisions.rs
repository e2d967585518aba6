//! What `flotilla rollout` takes: which rollout, and what a person decides about it.

use super::{Listing, Namespace, Printing, SimulateOptions, duration};
use clap::{Args as Group, Subcommand};
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum RolloutCommand {
    /// Show one rollout: waves, gates with who and why, what it waits for, decisions
    #[command(display_order = 21)]
    Status(Status),
    /// Say of each member that waits what it waits for, a sentence each
    #[command(display_order = 22)]
    Why(Why),
    /// Draw the waves of a rollout as they go, until it ends
    ///
    /// Where the output is no terminal, a line for each change.
    #[command(
        display_order = 23,
        after_help = "Exit codes: 0 done, 3 halted or aborted, 4 rolled back, 5 superseded, 130 interrupted."
    )]
    Watch(Which),
    /// Approve a wave that waits for a person
    #[command(display_order = 24)]
    Approve(Approve),
    /// Hold a rollout: nothing is released, no wave opens, newer commits wait
    #[command(display_order = 25)]
    Pause(Pause),
    /// End a pause, or let newer commits follow a rollout that was taken back
    #[command(display_order = 26)]
    Resume(Plain),
    /// Stop a rollout for good: members keep what they run
    #[command(display_order = 27)]
    Abort(Plain),
    /// Let a rollout that halted or was taken back try again
    #[command(display_order = 28)]
    Retry(Plain),
    /// Take a rollout back: members return to what was proven on each before, newest wave first
    ///
    /// Newer commits wait until `rollout resume`, unless --no-pin.
    #[command(display_order = 29)]
    Undo(Undo),
    /// Release clusters ahead of their wave, unproven: a permission of its own
    #[command(display_order = 30)]
    Expedite(Expedite),
    /// List rollouts with phase, progress and what they wait for
    #[command(visible_alias = "ls")]
    List(Listing),
    /// Try the next rollout in virtual time: its waves, how long it takes, and what it puts at risk
    Simulate(Box<SimulateOptions>),
}

/// Which rollout is meant.
#[derive(Debug, Group)]
pub(crate) struct Which {
    /// The rollout; or an ApplicationSet or Application, whose rollout under way is meant
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) namespace: Namespace,
}

/// Why, for the people who meet it.
#[derive(Debug, Group)]
pub(crate) struct Reason {
    /// Why, for the people who meet it, e.g. INC-7
    #[arg(long)]
    pub(crate) reason: String,
}

/// Why, if there is anything to say.
#[derive(Debug, Group)]
pub(crate) struct MaybeReason {
    /// Why, for the people who meet it, e.g. INC-7
    #[arg(long, default_value = "")]
    pub(crate) reason: String,
}

#[derive(Debug, Group)]
pub(crate) struct Approve {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The wave; the one that waits for approval when left out
    #[arg(long, value_name = "WAVE")]
    pub(crate) wave: Option<String>,
    #[command(flatten)]
    pub(crate) why: Reason,
}

#[derive(Debug, Group)]
pub(crate) struct Pause {
    #[command(flatten)]
    pub(crate) which: Which,
    /// How long, e.g. 2h; until resumed when left out
    #[arg(long = "for", value_name = "TIME", value_parser = some_duration)]
    pub(crate) duration: Option<Duration>,
    #[command(flatten)]
    pub(crate) why: Reason,
}

/// A decision without further arguments.
#[derive(Debug, Group)]
pub(crate) struct Plain {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) why: MaybeReason,
}

#[derive(Debug, Group)]
pub(crate) struct Undo {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Let newer commits follow at once, instead of holding them until `rollout resume`
    #[arg(long)]
    pub(crate) no_pin: bool,
    #[command(flatten)]
    pub(crate) why: Reason,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Expedite {
    #[command(flatten)]
    pub(crate) which: Which,
    /// The cluster to release ahead of its wave (repeatable)
    #[arg(long = "cluster", value_name = "NAME", required = true)]
    pub(crate) clusters: Vec<String>,
    #[command(flatten)]
    pub(crate) why: Reason,
    /// Do not ask
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
}

#[derive(Debug, Group)]
pub(crate) struct Why {
    #[command(flatten)]
    pub(crate) which: Which,
    /// Only what is on this cluster
    #[arg(long, value_name = "NAME", conflicts_with = "app")]
    pub(crate) cluster: Option<String>,
    /// Only this Application
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,
    #[command(flatten)]
    pub(crate) printing: Printing,
}

#[derive(Debug, Group)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) which: Which,
    #[command(flatten)]
    pub(crate) printing: Printing,
    /// Where traces are shown, with {traceID} in it [default: what the hub's settings say]
    #[arg(long, env = "FLOTILLA_TRACE_URL", value_name = "URL")]
    pub(crate) trace_url: Option<String>,
}

fn some_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it would be over at once; `flotilla rollout resume` lifts a pause".to_owned()),
        some => Ok(some),
    }
}
