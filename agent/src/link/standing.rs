//! How the link stands, for people: told to the engine, which keeps the status file.

use jiff::Timestamp;
use std::collections::BTreeMap;

/// Beyond this a clock is called wrong, in milliseconds.
const SKEW: u64 = 30_000;

/// What a person may want to know of the link.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// The hub in use; without a link all that are tried, with commas.
    pub hub: String,
    /// The hub's clock less the agent's, as the last session found it.
    pub clock_skew_ms: Option<i64>,
    /// When the present certificate ends.
    pub certificate_until: Option<Timestamp>,
    /// What hubs said against this agent, by address, until they let it in or it has another identity.
    pub refusals: BTreeMap<String, String>,
    /// What a person must do about the agent's identity.
    pub remedy: Option<String>,
}

impl Standing {
    /// Takes in what a session found of the clocks.
    pub(super) fn measured(&mut self, skew_ms: i64) {
        let (was, wrong) = (self.clock_is_wrong(), skew_ms.unsigned_abs() > SKEW);
        self.clock_skew_ms = Some(skew_ms);
        if wrong {
            let (amount, side) =
                (skew_ms.unsigned_abs() / 1000, if skew_ms > 0 { "behind" } else { "ahead of" });
            tracing::warn!(
                "this machine's clock is {amount} s {side} the hub's: mend it (NTP), certificates are judged by it"
            );
        } else if was {
            tracing::info!("this machine's clock agrees with the hub's again");
        }
    }

    fn clock_is_wrong(&self) -> bool {
        self.clock_skew_ms.is_some_and(|skew| skew.unsigned_abs() > SKEW)
    }
}
