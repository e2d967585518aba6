//! What failed by itself and is left alone for a while: something that takes its whole time each time would else have
//! a core for itself.

use crate::request::Failure;
use shared_model::Digest;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// After the first failure.
const FIRST: Duration = Duration::from_secs(5);
/// After many.
const LONGEST: Duration = Duration::from_secs(300);
/// How many are remembered.
const MOST: usize = 10_000;

/// What rests, by its inputs.
#[derive(Debug, Default)]
pub(super) struct Resting(BTreeMap<Digest, Rest>);

#[derive(Debug)]
struct Rest {
    times: u32,
    until: Instant,
    failure: Failure,
}

impl Resting {
    /// Why it rests, while it does.
    pub(super) fn of(&self, inputs: &Digest, now: Instant) -> Option<Failure> {
        let rest = self.0.get(inputs).filter(|rest| now < rest.until)?;
        Some(rest.failure.clone())
    }

    /// Whether it failed before.
    pub(super) fn is_known(&self, inputs: &Digest) -> bool {
        self.0.contains_key(inputs)
    }

    pub(super) fn note(&mut self, inputs: Digest, failure: &Failure, now: Instant) {
        if self.0.len() >= MOST {
            // Whatever has not failed again since is forgotten.
            self.0.retain(|_, rest| now < rest.until + LONGEST);
        }
        let times = self.0.get(&inputs).map_or(0, |rest| rest.times) + 1;
        let wait = FIRST.saturating_mul(1 << (times - 1).min(8)).min(LONGEST);
        if self.0.len() < MOST || times > 1 {
            self.0.insert(inputs, Rest { times, until: now + wait, failure: failure.clone() });
        }
    }

    pub(super) fn forget(&mut self, inputs: &Digest) {
        self.0.remove(inputs);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_longer_each_time() {
        let (mut resting, start) = (Resting::default(), Instant::now());
        let (inputs, failure) = (Digest::of(b"chart"), Failure::Circumstance("too slow".to_owned()));
        let mut now = start;
        for seconds in [5, 10, 20, 40, 80, 160, 300, 300] {
            resting.note(inputs, &failure, now);
            let wait = Duration::from_secs(seconds);
            assert_eq!(resting.of(&inputs, now + wait - Duration::from_millis(1)), Some(failure.clone()));
            assert_eq!(resting.of(&inputs, now + wait), None);
            now += wait;
        }
        resting.forget(&inputs);
        resting.note(inputs, &failure, now);
        assert_eq!(resting.of(&inputs, now + FIRST), None);
    }
}
