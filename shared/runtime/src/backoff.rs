//! Exponential back-off with full jitter above half of the wait.

use rand::Rng as _;
use std::time::Duration;

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
        let whole = self.first.saturating_mul(1 << self.attempts.min(20)).min(self.most);
        self.attempts = self.attempts.saturating_add(1);
        whole.mul_f64(rand::rng().random_range(0.5..=1.0))
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
