//! The way to the hub: joining, one session, bundles. The only home of tonic.
//!
//! The agent dials, the hub never does. [`enroll`] trades a token for an identity once; [`session`] keeps one
//! `Attach` stream up for as long as the agent runs; [`renewal`] replaces the certificate at two thirds of
//! its life, and the next connection uses the new one; [`bundle`] fetches what an assignment names.
//!
//! Invariants:
//! 1. The private key never leaves the agent.
//! 2. A token is shown only to the hub whose authority it names; an identity only to a hub of its authorities.
//! 3. A refusal is told with what a person may do about it, and tried again slowly; a link that is lost is
//!    tried again soon, with jitter.
//!
//! What it refuses to know: what messages mean; the engine does.

mod bundle;
mod dial;
mod enroll;
mod renewal;
mod session;
mod trust;

pub(crate) use bundle::Bundles;
pub use bundle::FetchError;
pub(crate) use enroll::enroll;
#[cfg(test)]
pub(crate) use renewal::ask as ask_renewal;
pub(crate) use renewal::renew;
pub(crate) use session::{News, run};

use crate::journal::{Identity, Journal};
use arc_swap::ArcSwap;
use std::sync::Arc;

/// Why the hub could not be reached or did not let the agent in.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one.
    #[error("`{0}` is not the address of a hub: expected HOST:PORT, e.g. hub.example.com:8443")]
    Address(String),
    /// No connection.
    #[error("the hub {hub} cannot be reached: {problem}")]
    Unreachable {
        /// Its address.
        hub: String,
        /// What the network says.
        problem: String,
    },
    /// Somebody else answers there.
    #[error(
        "{0} is not the hub that made the token: its authority is another one; check the address, or ask that hub for a token"
    )]
    WrongAuthority(String),
    /// The hub's certificate does not name the address.
    #[error(
        "the hub's certificate is not for {0}: start the hub with that name, or use a name that it has: {1}"
    )]
    WrongName(String, String),
    /// The hub's certificate cannot be trusted.
    #[error("{hub} did not prove to be the hub: {problem}")]
    Untrusted {
        /// Its address.
        hub: String,
        /// What is wrong.
        problem: String,
    },
    /// The hub said no.
    #[error("the hub refused: {0}")]
    Refused(String),
    /// The hub or the connection failed.
    #[error("the hub failed: {0}")]
    Failed(String),
    /// Our own key or certificate cannot be used.
    #[error("the agent's identity cannot be used: {0}")]
    Identity(String),
}

impl Error {
    /// Whether trying again may help without a person.
    pub(crate) const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Failed(_) => true,
            Self::Address(_)
            | Self::WrongAuthority(_)
            | Self::WrongName(..)
            | Self::Untrusted { .. }
            | Self::Refused(_)
            | Self::Identity(_) => false,
        }
    }

    fn of_status(status: &tonic::Status) -> Self {
        use tonic::Code;
        match status.code() {
            Code::PermissionDenied
            | Code::Unauthenticated
            | Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::NotFound
            | Code::Unimplemented => Self::Refused(status.message().to_owned()),
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::AlreadyExists
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::OutOfRange
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss => Self::Failed(format!("{} ({:?})", status.message(), status.code())),
        }
    }
}

/// Who the agent is, replaced by renewal without a restart. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Identities {
    current: Arc<ArcSwap<Identity>>,
    journal: Arc<Journal>,
}

impl Identities {
    pub(crate) fn new(identity: Identity, journal: Arc<Journal>) -> Self {
        Self { current: Arc::new(ArcSwap::from_pointee(identity)), journal }
    }

    pub(crate) fn current(&self) -> Arc<Identity> {
        self.current.load_full()
    }

    /// Keeps a new identity; connections made from now on use it.
    async fn replace(&self, identity: Identity) -> Result<(), crate::journal::Error> {
        let journal = Arc::clone(&self.journal);
        let kept = identity.clone();
        tokio::task::spawn_blocking(move || journal.save_identity(&kept))
            .await
            .expect("writing a file does not panic")?;
        self.current.store(Arc::new(identity));
        Ok(())
    }
}
