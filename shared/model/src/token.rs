//! The text that a person carries from the hub to a cluster that joins.

use crate::InvalidId;
use std::{fmt, str::FromStr};

const PREFIX: &str = "flt1";

/// A one-time token: which EnrollmentToken, its secret, and the hub's authority, so that the agent
/// knows its hub before it says anything. Written `flt1.<id>.<secret>.<sha256 of the authority>`.
#[derive(Clone, PartialEq, Eq)]
pub struct JoinToken {
    /// The EnrollmentToken's name.
    pub id: String,
    /// The secret, known to nobody but the token's holder.
    pub secret: String,
    /// SHA-256 of the hub's authority certificate (DER), in hex.
    pub authority: String,
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}.{}.{}.{}", self.id, self.secret, self.authority)
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}.{}.…", self.id)
    }
}

impl FromStr for JoinToken {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // The value may hold a secret: an error must not repeat it.
        let invalid = || InvalidId {
            value: format!("{}…", text.chars().take(6).collect::<String>()),
            expected: "a token as printed by `flotilla cluster token` (flt1.<id>.<secret>.<authority>)",
        };
        let parts: Vec<&str> = text.trim().split('.').collect();
        let [PREFIX, id, secret, authority] = parts[..] else { return Err(invalid()) };
        let hex = authority.len() == 64 && authority.bytes().all(|byte| byte.is_ascii_hexdigit());
        if id.is_empty() || secret.is_empty() || !hex {
            return Err(invalid());
        }
        Ok(Self { id: id.to_owned(), secret: secret.to_owned(), authority: authority.to_lowercase() })
    }
}
