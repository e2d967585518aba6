//! How often something is done that takes long on a large fleet.
//!
//! What took a while rests for a multiple of that, so it takes a bounded share of the loop's time; what is quick
//! is done whenever there is a reason. Whoever puts it off does it later: [`Pace::next`] says when.

use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// What takes less never rests.
const QUICK: Duration = Duration::from_millis(5);

/// The pace of one kind of work.
#[derive(Debug)]
pub(crate) struct Pace {
    /// It rests for so many times of what it took.
    times: u32,
    /// The longest rest.
    longest: Duration,
    until: Option<Timestamp>,
}

impl Pace {
    pub(crate) const fn new(times: u32, longest: Duration) -> Self {
        Self { times, longest, until: None }
    }

    /// Whether it may be done now.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// When it may be done next, if that is not now.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.until.filter(|until| *until > now)
    }

    /// It was done, and took so long until now.
    pub(crate) fn took(&mut self, cost: Duration, now: Timestamp) {
        let rest = SignedDuration::try_from((cost * self.times).min(self.longest)).unwrap_or_default();
        self.until = (cost > QUICK).then(|| now + rest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quick_never_rests_and_what_is_slow_rests_in_proportion() {
        let at = |millis: i64| Timestamp::from_millisecond(millis).unwrap();
        let mut pace = Pace::new(10, Duration::from_secs(3));
        assert!(pace.is_due(at(0)));
        pace.took(Duration::from_millis(5), at(0));
        assert!(pace.is_due(at(0)) && pace.next(at(0)).is_none());
        pace.took(Duration::from_millis(20), at(100));
        assert!(!pace.is_due(at(299)) && pace.is_due(at(300)));
        assert_eq!(pace.next(at(200)), Some(at(300)));
        pace.took(Duration::from_secs(9), at(1_000));
        assert_eq!(pace.next(at(1_000)), Some(at(4_000)), "nothing rests for ever");
    }
}
