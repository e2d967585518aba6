//! How often something is done that takes long on a large fleet.
//!
//! What took a while rests for a multiple of that, so it takes a bounded share of the loop's time; what is quick
//! is done whenever there is a reason. Whoever puts it off does it later: [`Pace::next`] says when.
//!
//! Rest is counted by a clock that nobody sets: a wall clock that is set back makes nothing wait.

use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// What takes less never rests.
const QUICK: Duration = Duration::from_millis(5);

/// The pace of one kind of work.
#[derive(Debug)]
pub(crate) struct Pace {
    /// It rests for so many times of what it took.
    times: u32,
    /// The longest rest.
    longest: Duration,
    until: Option<Instant>,
}

impl Pace {
    pub(crate) const fn new(times: u32, longest: Duration) -> Self {
        Self { times, longest, until: None }
    }

    /// Whether it may be done now.
    pub(crate) fn is_due(&self) -> bool {
        self.rest(Instant::now()).is_none()
    }

    /// When it may be done next, if that is not now.
    pub(crate) fn next(&self, now: Timestamp) -> Option<Timestamp> {
        self.rest(Instant::now()).map(|rest| now + rest)
    }

    /// It was done, and took so long until now.
    pub(crate) fn took(&mut self, cost: Duration) {
        self.took_until(cost, Instant::now());
    }

    fn took_until(&mut self, cost: Duration, now: Instant) {
        let rest = (cost * self.times).min(self.longest);
        self.until = (cost > QUICK).then(|| now + rest);
    }

    /// How long it still rests.
    fn rest(&self, now: Instant) -> Option<Duration> {
        self.until.filter(|until| *until > now).map(|until| until - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quick_never_rests_and_what_is_slow_rests_in_proportion() {
        let start = Instant::now();
        let at = |millis: u64| start + Duration::from_millis(millis);
        let mut pace = Pace::new(10, Duration::from_secs(3));
        assert_eq!(pace.rest(at(0)), None);
        pace.took_until(Duration::from_millis(5), at(0));
        assert_eq!(pace.rest(at(0)), None);
        pace.took_until(Duration::from_millis(20), at(100));
        assert_eq!((pace.rest(at(299)), pace.rest(at(300))), (Some(Duration::from_millis(1)), None));
        assert_eq!(pace.rest(at(200)), Some(Duration::from_millis(100)));
        pace.took_until(Duration::from_secs(9), at(1_000));
        assert_eq!(pace.rest(at(1_000)), Some(Duration::from_secs(3)), "nothing rests for ever");
    }

    #[test]
    fn a_wall_clock_that_is_set_back_makes_nothing_rest_longer() {
        let second = |second: i64| Timestamp::from_second(second).unwrap();
        let mut pace = Pace::new(10, Duration::from_secs(3));
        pace.took(Duration::from_secs(1));
        for now in [second(100_000), second(0)] {
            let next = pace.next(now).unwrap();
            assert!(next > now && next <= now + Duration::from_secs(3), "{now}: {next}");
            assert!(!pace.is_due());
        }
    }
}
