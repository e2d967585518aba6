//! The agent of a spoke cluster: joins a hub, pulls what the cluster is assigned, keeps it true from its own
//! durable copy, and reports how it stands.
//!
//! Parts: [`link`] is the way to the hub (the only home of tonic), [`journal`] what the agent acts on,
//! [`cluster`] the way to the Kubernetes API (the only home of kube), [`engine`] what decides: a state machine that owns
//! a `shared_sync` machine for each application, and [`shell`] the one loop around it.
//!
//! Invariants:
//! 1. The journal is the truth: an order is acted on only when it is durable, so hub and Git may go away at
//!    any time, for ever.
//! 2. Positions only grow; an older one is refused (invariant 6 of the design).
//! 3. Pause means no action (invariant 5): no write starts after it, and it is acknowledged when none is under way.
//! 4. Absence never means deletion: an application goes by an explicit removal only.
//! 5. One application's error or panic never stops another's.
//!
//! What it refuses to know: Git, rendering, waves, other clusters.

mod agent;
mod cluster;
mod engine;
mod journal;
mod link;
mod metrics;
mod seals;
mod shell;
pub mod status;

pub use agent::{Agent, Config, Error};
pub use cluster::{Cluster, Error as ClusterError, context_of};
pub use engine::{Ceiling, NotProtectable, Protected};
pub use journal::{
    Error as JournalError, History, LocalPause, Memory, Pin, Place, Ran, Refusal, Secrets, annotated_pause,
    history, local_pause, roll_back, set_local_pause, unpin,
};
pub use link::{Config as LinkConfig, Error as LinkError, InvalidProxy, Proxies};
pub use metrics::Metrics;
pub use seals::Keys;
pub use shared_sops::Reach;

/// The agent without its shell and without network, for simulations in virtual time: what decides, and what is kept.
pub mod parts {
    pub use crate::cluster::{Facts, Watched, WatchedKind, WatchedPlace};
    pub use crate::engine::{
        Ceiling, Comparison, Counts, Done, Engine, Event, Failure, Gate, Known, Note, Order, Preparation,
        Prepared, Request, Restored, Work,
    };
    pub use crate::journal::{
        App, Control, HubPause, Journal, Local, Memory, Order as KeptOrder, Pin, Place, What,
    };
    pub use crate::link::{FetchError, Standing, hubs, renewal};
}

#[cfg(test)]
mod tests;
