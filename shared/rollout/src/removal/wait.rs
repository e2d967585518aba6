//! What something that goes waits for, as the rest of a sentence: "Terminating, …".

use super::Family;
use crate::fleet::{Hold, Pause, Seat};
use jiff::Timestamp;
use shared_model::{AppKey, ClusterName, LocalPin};
use std::fmt;

/// What an application that goes waits for. `Display` names the cluster, the person or the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemovalWait {
    /// Its agent was told and has not given it up yet.
    Told {
        /// The cluster.
        cluster: ClusterName,
    },
    /// Its agent cannot be reached.
    Away {
        /// The cluster.
        cluster: ClusterName,
        /// The application.
        app: AppKey,
        /// Since when.
        since: Timestamp,
    },
    /// The cluster, or the application, is paused.
    Paused {
        /// The cluster.
        cluster: ClusterName,
        /// The application, when it alone is.
        app: Option<AppKey>,
        /// The pause.
        pause: Pause,
    },
    /// The cluster must not be told anything.
    Held {
        /// The cluster.
        cluster: ClusterName,
        /// Why.
        hold: Hold,
    },
    /// A person chose another release in the cluster itself.
    Pinned {
        /// The cluster.
        cluster: ClusterName,
        /// The application.
        app: AppKey,
        /// Who and why.
        pin: LocalPin,
    },
    /// The cluster's agent only looks.
    Observing {
        /// The cluster.
        cluster: ClusterName,
    },
    /// Enough of its family is on its way out.
    Budget {
        /// The family.
        family: Family,
        /// How many may be at once.
        at_once: usize,
        /// Of how many.
        of: usize,
        /// Some of those that are.
        holding: Vec<Seat>,
        /// How many are.
        held: usize,
    },
    /// Enough of its cluster, which is drained, is on its way out.
    Drain {
        /// The cluster.
        cluster: ClusterName,
        /// How many may be at once.
        at_once: usize,
        /// Of how many.
        of: usize,
        /// Some of those that are.
        holding: Vec<Seat>,
    },
    /// Another one goes before it (`deletionOrder: Reverse`).
    Turn {
        /// That one.
        first: Seat,
    },
    /// There is no such cluster.
    Unknown {
        /// The cluster.
        cluster: ClusterName,
    },
}

impl RemovalWait {
    /// Whether only a person or the return of a cluster ends it.
    pub const fn is_stuck(&self) -> bool {
        match self {
            Self::Away { .. }
            | Self::Paused { .. }
            | Self::Held { .. }
            | Self::Pinned { .. }
            | Self::Observing { .. } => true,
            Self::Told { .. }
            | Self::Budget { .. }
            | Self::Drain { .. }
            | Self::Turn { .. }
            | Self::Unknown { .. } => false,
        }
    }
}

fn listed(seats: &[Seat], held: usize) -> String {
    let names: Vec<String> = seats.iter().map(|(cluster, app)| format!("{app} on {cluster}")).collect();
    match held.saturating_sub(seats.len()) {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

impl fmt::Display for RemovalWait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told { cluster } => write!(f, "waits for {cluster}"),
            Self::Away { cluster, app, since } => write!(
                f,
                "waits for {cluster}: its agent is away since {}; `flotilla app forget {} -n {}` goes on without it",
                since.strftime("%Y-%m-%dT%H:%M:%SZ"),
                app.name,
                app.namespace
            ),
            Self::Paused { cluster, app, pause } => {
                let what = app.as_ref().map_or("it is".to_owned(), |app| format!("{app} is"));
                let by = if pause.by.is_empty() { String::new() } else { format!(" by {}", pause.by) };
                let place = if pause.local { " in the cluster itself" } else { "" };
                let why =
                    if pause.reason.is_empty() { String::new() } else { format!(" ({})", pause.reason) };
                write!(f, "waits for {cluster}: {what} paused{place}{by}{why}")
            }
            Self::Held { cluster, hold } => write!(f, "waits for {cluster}: {hold}"),
            Self::Pinned { cluster, app, pin } => {
                let by = if pin.by.is_empty() { "a person" } else { &pin.by };
                let why = if pin.reason.is_empty() { String::new() } else { format!(" ({})", pin.reason) };
                write!(
                    f,
                    "waits for {cluster}: pinned there by {by}{why} until `flotilla-agent unpin {app}` is run in {cluster}"
                )
            }
            Self::Observing { cluster } => {
                write!(f, "waits for {cluster}: its agent only looks (spec.mode: Observe)")
            }
            Self::Budget { family, at_once, of, holding, held } => write!(
                f,
                "waits for its turn: at most {at_once} of {of} of {family} may go at once, now {}",
                listed(holding, *held)
            ),
            Self::Drain { cluster, at_once, of, holding } => write!(
                f,
                "waits for its turn: at most {at_once} of {of} on {cluster}, which is drained, may go at once, now {}",
                listed(holding, holding.len())
            ),
            Self::Turn { first: (cluster, app) } => {
                write!(f, "waits for {app} on {cluster}, which goes before it (deletionOrder Reverse)")
            }
            Self::Unknown { cluster } => write!(f, "waits for {cluster}, which is not there"),
        }
    }
}
