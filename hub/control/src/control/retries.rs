//! When owners are looked at again whose evaluation failed at something that may work later.
//!
//! Each failure in a row makes the next wait twice as long, from [`FIRST`] to [`LONGEST`]: a set of ten thousand that has
//! one member at a server that is down is not prepared from the beginning all the time.
//!
//! It refuses to know why it failed, and what woke an owner before its turn: whoever sees another input says
//! [`Retries::forget`].

use shared_model::Owner;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// The wait after the first failure.
const FIRST: Duration = Duration::from_secs(10);
/// The wait after many.
const LONGEST: Duration = Duration::from_secs(300);

/// Who failed how often in a row, and when he has his next try.
#[derive(Debug, Default)]
pub(super) struct Retries(BTreeMap<Owner, Retry>);

#[derive(Debug)]
struct Retry {
    times: u32,
    /// Absent while it is tried.
    at: Option<Instant>,
}

impl Retries {
    /// It failed, again or for the first time.
    pub(super) fn failed(&mut self, owner: Owner, now: Instant) {
        let retry = self.0.entry(owner).or_insert(Retry { times: 0, at: None });
        let wait = FIRST.saturating_mul(1 << retry.times.min(8)).min(LONGEST);
        *retry = Retry { times: retry.times + 1, at: Some(now + wait) };
    }

    /// It did not fail, or one of its inputs is another.
    pub(super) fn forget(&mut self, owner: &Owner) {
        self.0.remove(owner);
    }

    /// Those whose turn it is; they are not named again before they failed again.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Owner> {
        let due = self.0.iter_mut().filter(|(_, retry)| retry.at.is_some_and(|at| at <= now));
        due.map(|(owner, retry)| {
            retry.at = None;
            owner.clone()
        })
        .collect()
    }

    /// When the next has its turn.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().filter_map(|retry| retry.at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_model::OwnerKind;

    #[test]
    fn each_failure_in_a_row_waits_longer_until_an_input_changes() {
        let (mut retries, mut now) = (Retries::default(), Instant::now());
        let owner = Owner { kind: OwnerKind::Application, namespace: "argocd".into(), name: "web".into() };
        let mut fail = |retries: &mut Retries, seconds: u64| {
            retries.failed(owner.clone(), now);
            let wait = Duration::from_secs(seconds);
            assert_eq!(retries.next(), Some(now + wait));
            assert_eq!(retries.due(now + wait - Duration::from_millis(1)), []);
            now += wait;
            assert_eq!(retries.due(now), std::slice::from_ref(&owner));
            assert_eq!((retries.due(now), retries.next()), (Vec::new(), None), "it is tried right now");
        };
        for seconds in [10, 20, 40, 80, 160, 300, 300] {
            fail(&mut retries, seconds);
        }
        retries.forget(&owner);
        fail(&mut retries, 10);
    }
}
