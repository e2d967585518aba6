//! What the holder of a certificate may do.
//!
//! Decided from the certificate (which TLS has verified to come from this hub), the Cluster's status and the
//! time; asked at every call, and again for live streams when the status changes.
//!
//! Invariants: a certificate issued before `validFrom` is never good again; an expired one renews itself for
//! 90 days and does nothing else; every refusal says what a person may do about it.
//!
//! What it refuses to know: TLS, streams, the store.

use crate::Certificate;
use hub_records::Identity;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// How long after its end a certificate can be renewed (design §6).
pub const RENEWABLE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// What a certificate is worth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that an agent of the cluster may do.
    Good,
    /// It expired then: it can be renewed, nothing else.
    RenewOnly(Timestamp),
    /// Nothing.
    Refused(Unacceptable),
}

/// Why a certificate is worth nothing. The texts are for the person at the other end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unacceptable {
    /// There is no such Cluster.
    #[error(
        "the Cluster {0} was deleted on the hub; what runs there stays; `flotilla cluster token --name {0}` lets it join again"
    )]
    Deleted(String),
    /// A Cluster of this name exists, but no agent has joined it.
    #[error(
        "no agent has joined as {0} since that Cluster was made; `flotilla cluster token --name {0}` lets this one join"
    )]
    NotJoined(String),
    /// A person ended the identity.
    #[error(
        "{by} revoked the identity of {cluster} at {at:.0}{}; what runs there stays; `flotilla cluster token --name {cluster} --reenrol` lets it come back",
        because(reason)
    )]
    Revoked {
        /// The cluster.
        cluster: String,
        /// When.
        at: Timestamp,
        /// Who.
        by: String,
        /// Why; may be empty.
        reason: String,
    },
    /// Another identity has taken its place.
    #[error(
        "an agent joined as {cluster} {} and its identity replaced this one; if this is the right agent, join it again with `flotilla cluster token --name {cluster} --reenrol`", since(*joined)
    )]
    Superseded {
        /// The cluster.
        cluster: String,
        /// When the other one joined.
        joined: Option<Timestamp>,
    },
    /// It expired too long ago.
    #[error(
        "the certificate of {cluster} expired at {at:.0}, more than 90 days ago, and cannot be renewed any more; `flotilla cluster token --name {cluster} --reenrol` replaces it"
    )]
    Expired {
        /// The cluster.
        cluster: String,
        /// When it expired.
        at: Timestamp,
    },
}

impl Unacceptable {
    /// The word for it in the protocol.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Deleted(_) | Self::NotJoined(_) | Self::Revoked { .. } | Self::Superseded { .. } => {
                "Revoked"
            }
            Self::Expired { .. } => "Expired",
        }
    }
}

fn because(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}

fn since(joined: Option<Timestamp>) -> String {
    joined.map_or_else(|| "later".to_owned(), |at| format!("at {at}"))
}

/// Judges a certificate. `cluster` is the status of the Cluster that it names; `None` when there is none.
pub fn judge(certificate: &Certificate, cluster: Option<&Value>, now: Timestamp) -> Verdict {
    let name = || certificate.cluster.to_string();
    let Some(status) = cluster else { return Verdict::Refused(Unacceptable::Deleted(name())) };
    let Some(identity) = Identity::of(status) else {
        return Verdict::Refused(Unacceptable::NotJoined(name()));
    };
    if let Some(revoked) = identity.revoked {
        let (at, by, reason) = (revoked.at, revoked.by, revoked.reason);
        return Verdict::Refused(Unacceptable::Revoked { cluster: name(), at, by, reason });
    }
    if certificate.issued < identity.valid_from {
        let joined = identity.joined_at;
        return Verdict::Refused(Unacceptable::Superseded { cluster: name(), joined });
    }
    let at = certificate.expires;
    if now <= at {
        Verdict::Good
    } else if now.duration_since(at) <= RENEWABLE {
        Verdict::RenewOnly(at)
    } else {
        Verdict::Refused(Unacceptable::Expired { cluster: name(), at })
    }
}

#[cfg(test)]
mod tests;
