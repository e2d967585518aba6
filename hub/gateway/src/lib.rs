//! The hub's side of the agent protocol: who agents are, one session each, bundles.
//!
//! Agents dial in over mTLS. [`Authority`] makes the certificates; [`enroll`] trades a one-time
//! token for one; [`judge`] says what one is worth; [`rotation`] replaces the authority; [`session`] decides what a connected agent must be told (a plain state machine);
//! [`attach`] moves its messages; [`observer`] keeps what agents report; [`links`] tells the planner
//! who is there. [`dispatch`] holds one store watch for all sessions; [`paused`] knows which applications are paused. [`adoption`] collects what an agent
//! holds when the hub's store lost it.
//!
//! Invariants:
//! 1. An agent reads its own assignments and the bundles they name, nothing else: the cluster is the
//!    one in its certificate, never one that it claims.
//! 2. Absence never means deletion: an agent gives something up on an explicit removal only.
//! 3. Nothing is sent to an agent that differs from the store (`HubBehindAgent`), or while the store is an
//!    older copy of itself (`HubRestored`), until a person adopts what the agent holds; nor to another cluster
//!    under a known name (`ClusterReplaced`), or to a second agent of one cluster (`DuplicateAgent`).
//! 4. A certificate that was revoked or replaced is refused at every call, and its live streams end.
//! 5. Reconnecting costs what changed: the session sends what differs from the agent's hello.
//!
//! What it refuses to know: Git, rendering, waves. It reads assignments, it never writes one.

mod adoption;
mod attach;
mod authority;
mod bundles;
mod dispatch;
mod enroll;
mod identity;
mod links;
mod lost;
mod metrics;
mod observer;
mod paused;
mod peer;
mod rotation;
mod service;
mod session;
mod socket;
mod status;
mod tls;
mod traces;
mod verdict;

pub use authority::{AGENT_LIFETIME, Authority, AuthorityError, Phase};
pub use identity::{Certificate, InvalidIdentity, SpiffeId};
pub use links::{Compare, LinkState, Links, Uncompared};
pub use metrics::Metrics;
pub use rotation::{Rotation, RotationError};
pub use service::{Config, Error, Gateway, KEEPALIVE, LOST_AFTER};
pub use session::pause_id;
pub use tls::{CertificateFailure, HubCertificate};
pub use verdict::{RENEWABLE, Unacceptable, Verdict, judge};

/// A session without its shell and without network, for simulations in virtual time.
pub mod parts {
    pub use crate::session::{Action, Behind, Held, Input, Known, Session, Standing};
}

#[cfg(test)]
mod tests;
