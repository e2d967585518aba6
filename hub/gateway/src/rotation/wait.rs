//! What the replacement of an authority waits for: decided from what the store says.

use crate::{Phase, RENEWABLE};
use hub_records::Identity;
use jiff::Timestamp;
use shared_model::{ClusterName, EnrollmentTokenSpec};
use std::collections::{BTreeMap, BTreeSet};

/// A cluster that has joined.
#[derive(Debug, Clone)]
pub(super) struct Member {
    pub(super) cluster: ClusterName,
    pub(super) connected: bool,
    pub(super) identity: Identity,
}

/// A token that was not used.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    pub(super) id: String,
    pub(super) spec: EnrollmentTokenSpec,
    pub(super) made: Option<Timestamp>,
}

/// What is waited for; nothing at all means that the next phase begins.
#[derive(Debug, Default)]
pub(super) struct Waits {
    pub(super) clusters: BTreeMap<ClusterName, Member>,
    tokens: Vec<Pending>,
    confirming: bool,
}

/// Decides. The fingerprints are those of the trusted authorities, the issuing one first.
pub(super) fn wait(
    phase: &Phase,
    fingerprints: &[String],
    members: Vec<Member>,
    tokens: Vec<Pending>,
    now: Timestamp,
) -> Waits {
    let (confirming, since) = match phase {
        Phase::Settled => return Waits::default(),
        Phase::Introducing { since, .. } => (true, since),
        Phase::Replacing { since, .. } => (false, since),
    };
    let (Some(issuing), Some(new)) =
        (fingerprints.first(), if confirming { fingerprints.get(1) } else { fingerprints.first() })
    else {
        return Waits::default();
    };
    let done = |identity: &Identity| {
        if confirming { identity.trusts.contains(new) } else { identity.authority == *new }
    };
    // One that cannot come back without a new token is not waited for.
    let may_connect = |identity: &Identity| {
        identity.revoked.is_none() && identity.expires_at.is_none_or(|at| now.duration_since(at) <= RENEWABLE)
    };
    // One that was made before tokens named their authority names the one that issued then.
    let of_old = |token: &Pending| match token.spec.authority.as_str() {
        "" => token.made.is_none_or(|made| made <= *since),
        named => named != issuing,
    };
    let joined: BTreeSet<String> = members.iter().map(|member| member.cluster.to_string()).collect();
    let usable = |token: &Pending| {
        token.spec.expires.is_none_or(|expires| now < expires)
            && (token.spec.reenrol || !joined.contains(&token.spec.cluster))
    };
    Waits {
        clusters: members
            .into_iter()
            .filter(|member| may_connect(&member.identity) && !done(&member.identity))
            .map(|member| (member.cluster.clone(), member))
            .collect(),
        tokens: tokens.into_iter().filter(|token| !confirming && of_old(token) && usable(token)).collect(),
        confirming,
    }
}

impl Waits {
    pub(super) fn is_empty(&self) -> bool {
        self.clusters.is_empty() && self.tokens.is_empty()
    }

    /// A sentence for each.
    pub(super) fn lines(&self) -> Vec<String> {
        let wished = if self.confirming {
            "to confirm that it trusts the new authority"
        } else {
            "to use a certificate of the new authority"
        };
        let cluster = |member: &Member| {
            let away = if member.connected { "" } else { ", which is not connected" };
            format!("{}{away}: {wished}", member.cluster)
        };
        let token = |token: &Pending| {
            let end = token.spec.expires.map_or_else(|| "never".to_owned(), |at| format!("at {at:.0}"));
            format!(
                "token {0} for {1}: to be used, to expire ({end}), or `kubectl delete enrollmenttoken {0}`; it names the old authority",
                token.id, token.spec.cluster
            )
        };
        self.clusters.values().map(cluster).chain(self.tokens.iter().map(token)).collect()
    }
}

#[cfg(test)]
mod tests;
