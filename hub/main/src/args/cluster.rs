//! `flotilla cluster`.

use super::{Printing, duration, some_duration};
use clap::Subcommand;
use std::time::Duration;

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Print the one command that joins a cluster
    Token {
        /// The cluster's name on the hub
        #[arg(long)]
        name: String,
        /// Labels that it gets, e.g. env=prod,region=eu
        #[arg(long, value_name = "K=V,...", default_value = "")]
        labels: String,
        /// How long the token works
        #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
        expires: Duration,
        /// Replace the identity of a cluster that has joined before
        #[arg(long)]
        reenrol: bool,
    },
    /// List clusters: connected, paused, acknowledged
    #[command(visible_alias = "ls")]
    List {
        /// Only those with these labels, e.g. env=prod
        #[arg(long, short = 'l', value_name = "SELECTOR")]
        selector: Option<String>,
        #[command(flatten)]
        printing: Printing,
    },
    /// Show one cluster: connection, pauses, what holds it, what is pinned there
    #[command(visible_alias = "status")]
    Get {
        /// The cluster
        name: String,
        #[command(flatten)]
        printing: Printing,
    },
    /// Let a cluster's agent look and report only: it writes nothing there until --off
    ///
    /// Releases still reach the agent, which says what they would change; --off lets it apply, heal and prune again.
    Observe {
        /// The cluster
        name: String,
        /// End it: the agent applies, heals and prunes what the hub tells it
        #[arg(long)]
        off: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// What a cluster's agent told last of what happened there, the newest last
    Events {
        /// The cluster
        name: String,
    },
    /// Leave a cluster alone: nothing is applied, healed or pruned there until it is resumed
    Pause {
        /// The cluster
        name: String,
        /// How long, e.g. 2h; until resumed when left out
        #[arg(long = "for", value_name = "TIME", value_parser = some_duration)]
        duration: Option<Duration>,
        /// Why, for the people who meet it, e.g. INC-7
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// End the hub's pause of a cluster
    Resume {
        /// The cluster
        name: String,
    },
    /// End the identity of a cluster's agent: its stream is cut and its certificates are refused
    ///
    /// What runs in the cluster stays, and its agent goes on healing it. `cluster token --reenrol` lets the
    /// cluster come back, with its position in every rollout.
    Revoke {
        /// The cluster
        name: String,
        /// Why, for the people who meet it, e.g. INC-7
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// Take a cluster out of the fleet: its identity ends, its Applications go, what runs there stays
    ///
    /// With --drain, everything that the hub put there is removed first, bit by bit; this shows how far that is,
    /// and the hub goes on without it. A drain that waits for a cluster is given up by asking again without
    /// --drain.
    Retire {
        /// The cluster
        name: String,
        /// Remove what the hub put there first
        #[arg(long)]
        drain: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}
