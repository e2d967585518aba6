//! Exponential back-off with full jitter above half of the wait.

use rand::Rng as _;
use std::time::Duration;

/// The wait after `failures` earlier ones: `first`, doubled each time up to `most`, shortened by up to half.
/// `random` is between 0 and 1; decisions that are replayed pass their own.
pub fn wait(first: Duration, most: Duration, failures: u32, random: f64) -> Duration {
    let whole = first.saturating_mul(1 << failures.min(20)).min(most);
    whole.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0)
}

/// A share between 0 and 1 for [`wait`].
pub fn random() -> f64 {
    rand::rng().random_range(0.0..=1.0)
}

/// Waits between attempts: each twice the last up to a bound, shortened at random by up to half so
/// that many clients that lost one server do not return at one instant.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    most: Duration,
    attempts: u32,
}

impl Backoff {
    /// Waits from `first` up to `most`.
    pub const fn new(first: Duration, most: Duration) -> Self {
        Self { first, most, attempts: 0 }
    }

    /// The wait before the next attempt.
    pub fn next_wait(&mut self) -> Duration {
        let wait = wait(self.first, self.most, self.attempts, random());
        self.attempts = self.attempts.saturating_add(1);
        wait
    }

    /// How many waits there were since the last success.
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// An attempt succeeded: the next wait is the first again.
    pub const fn reset(&mut self) {
        self.attempts = 0;
    }
}
