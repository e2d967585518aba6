//! Which sets want Git asked more often than everything is: `requeueAfterSeconds` of their git generators.
//!
//! Argo CD generates such a set again after that time, which reads its repositories again. Here what they are asked for is
//! asked again, and the set is evaluated when the answer is another. What is asked for oftener anyway, or as often, is not
//! here. It refuses to know what is asked for.

use shared_model::Owner;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// However often a set wants it, no server is asked for one revision more often than that.
const SHORTEST: Duration = Duration::from_secs(10);

/// Who wants how often, and when the next time is.
#[derive(Debug, Default)]
pub(super) struct Asks(BTreeMap<Owner, (Duration, Instant)>);

impl Asks {
    /// An owner was evaluated: it wants Git asked `after` that time, where everything is asked each `period` (zero: never by
    /// time, and then nobody's wish counts).
    pub(super) fn wants(&mut self, owner: &Owner, after: Option<Duration>, period: Duration, now: Instant) {
        let Some(after) = after.map(|after| after.max(SHORTEST)).filter(|after| *after < period) else {
            self.0.remove(owner);
            return;
        };
        let known = self.0.get(owner).filter(|(known, _)| *known == after);
        if known.is_none() {
            self.0.insert(owner.clone(), (after, now + after));
        }
    }

    /// It is not there any more.
    pub(super) fn forget(&mut self, owner: &Owner) {
        self.0.remove(owner);
    }

    /// Those whose time it is; their next one begins.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Owner> {
        let due = self.0.iter_mut().filter(|(_, (_, at))| *at <= now);
        due.map(|(owner, (after, at))| {
            *at = now + *after;
            owner.clone()
        })
        .collect()
    }

    /// When the next has its time.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.values().map(|(_, at)| *at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_model::OwnerKind;

    #[test]
    fn a_set_that_wants_it_oftener_is_asked_for_in_between() {
        let (mut asks, start) = (Asks::default(), Instant::now());
        let owner = Owner { kind: OwnerKind::ApplicationSet, namespace: "argocd".into(), name: "web".into() };
        let seconds = Duration::from_secs;
        let wants = |asks: &mut Asks, after: Option<u64>, period: u64, at: u64| {
            asks.wants(&owner, after.map(seconds), seconds(period), start + seconds(at));
            asks.next().map(|next| (next - start).as_secs())
        };
        assert_eq!(wants(&mut asks, Some(30), 120, 0), Some(30));
        assert_eq!(wants(&mut asks, Some(30), 120, 20), Some(30), "another evaluation puts nothing off");
        assert_eq!(asks.due(start + seconds(29)), []);
        assert_eq!(asks.due(start + seconds(31)), std::slice::from_ref(&owner));
        assert_eq!(asks.next(), Some(start + seconds(61)));
        assert_eq!(wants(&mut asks, Some(1), 120, 40), Some(50), "no server is asked each second");
        assert_eq!(wants(&mut asks, Some(180), 120, 40), None, "all are asked oftener");
        assert_eq!(wants(&mut asks, Some(30), 0, 40), None, "nothing is asked by time");
        assert_eq!(wants(&mut asks, None, 120, 40), None);
    }
}
