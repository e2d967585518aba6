//! What `flotilla rollout` takes: which rollout, and what a person decides about it.

use super::{Namespace, duration};
use clap::{Args as Group, ValueEnum};
use std::time::Duration;

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
}

#[derive(Debug, Group)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) which: Which,
    /// How to print it
    #[arg(long, short = 'o', value_enum, default_value_t = Form::Text)]
    pub(crate) output: Form,
    /// Where traces are shown, with {traceID} in it [default: what the hub's settings say]
    #[arg(long, env = "FLOTILLA_TRACE_URL", value_name = "URL")]
    pub(crate) trace_url: Option<String>,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// For people
    Text,
    /// The FleetRollout as the hub serves it
    Json,
}

fn some_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => Err("it would be over at once; `flotilla rollout resume` lifts a pause".to_owned()),
        some => Ok(some),
    }
}
