//! Everything that is random, from one seed.

use jiff::SignedDuration;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};

#[derive(Debug)]
pub(crate) struct Chance(StdRng);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(StdRng::seed_from_u64(seed))
    }

    /// A whole number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.random_range(0..end.max(1))
    }

    /// True so many times in a hundred.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// Milliseconds between two bounds.
    pub(crate) fn millis(&mut self, from: i64, to: i64) -> SignedDuration {
        SignedDuration::from_millis(self.0.random_range(from..=to))
    }

    /// Seconds between two bounds.
    pub(crate) fn seconds(&mut self, from: i64, to: i64) -> SignedDuration {
        self.millis(from * 1000, to * 1000)
    }

    /// One of several.
    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.below(of.len())) }
    }
}
