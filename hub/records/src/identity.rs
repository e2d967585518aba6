//! Whose certificates a Cluster accepts: `status.identity`, written by enrolment, renewal and revocation.
//!
//! Every certificate carries the time at which it was issued, in microseconds. One number, `valid_from`,
//! then says which are good: those issued at it or later. No list of revoked certificates is needed, and a
//! hub restored from an old backup still knows every agent that renewed since, because renewal does not
//! move it.
//!
//! Invariant: within one life of a Cluster, times of issue only grow, whatever the clock does.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the hub knows of the identity of a cluster's agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Identity {
    /// UID of the cluster's kube-system namespace, pinned when it joined.
    pub cluster_uid: String,
    /// When it joined, or took a new identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joined_at: Option<Timestamp>,
    /// The token that it joined with.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// Certificates issued before are refused; microseconds since 1970, by the hub's clock.
    pub valid_from: i64,
    /// When the newest certificate was issued; microseconds since 1970.
    pub last_issued: i64,
    /// When the certificate ends that the agent uses, or has just been given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// SHA-256 of the authority that issued the certificate in use, in hex.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub authority: String,
    /// SHA-256 of each authority that the agent said it trusts, in hex.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusts: Vec<String>,
    /// Who ended the identity; absent while it is good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Revoked>,
}

/// The end of an identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revoked {
    /// When.
    pub at: Timestamp,
    /// Who asked for it.
    pub by: String,
    /// Why; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Identity {
    /// The identity in a Cluster's status; `None` when the cluster has not joined.
    pub fn of(status: &Value) -> Option<Self> {
        let identity: Self = serde_json::from_value(status.get("identity")?.clone()).ok()?;
        (!identity.cluster_uid.is_empty()).then_some(identity)
    }

    /// Puts it into a Cluster's status.
    pub fn put(&self, status: &mut Value) {
        status["identity"] = json!(self);
    }

    /// The time of issue of the next certificate: now, and later than any before.
    pub fn next_issue(&self, now: Timestamp) -> i64 {
        now.as_microsecond().max(self.valid_from).max(self.last_issued + 1)
    }

    /// Ends the identity: nothing that was issued so far is accepted any more.
    pub fn revoke(&mut self, by: &str, reason: &str, now: Timestamp) {
        self.valid_from = self.next_issue(now).max(self.valid_from + 1);
        self.revoked = Some(Revoked { at: now, by: by.to_owned(), reason: reason.to_owned() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_microsecond(micros).unwrap()
    }

    #[test]
    fn times_of_issue_only_grow_whatever_the_clock_does() {
        let mut identity = Identity { cluster_uid: "u".into(), ..Identity::default() };
        let mut before = 0;
        for clock in [100, 200, 200, 50, 300] {
            let issued = identity.next_issue(at(clock));
            assert!(issued > before && issued >= clock, "{issued} after {before} at {clock}");
            (identity.last_issued, before) = (issued, issued);
            if clock == 50 {
                identity.revoke("ada", "", at(clock));
                assert!(identity.valid_from > issued, "what was issued is still good");
                let next = identity.next_issue(at(clock));
                assert!(next >= identity.valid_from, "what is issued next is no good");
            }
        }
    }

    #[test]
    fn it_is_read_as_it_was_written_and_from_what_older_hubs_wrote() {
        let mut status = json!({"connection": {"state": "Connected"}});
        assert_eq!(Identity::of(&status), None);
        let mut identity = Identity { cluster_uid: "u".into(), valid_from: 7, ..Identity::default() };
        identity.revoke("ada", "INC-7", at(9));
        identity.put(&mut status);
        assert_eq!(Identity::of(&status), Some(identity));
        let older = json!({"identity": {"clusterUid": "u", "joinedAt": "2026-01-01T00:00:00Z"}});
        assert_eq!(Identity::of(&older).map(|identity| identity.valid_from), Some(0));
    }
}
