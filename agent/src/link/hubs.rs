//! Which hub to try, and when: several addresses of one fleet's hub, in the order that a person gave.
//!
//! Decided from how each try ended, the time and a random share, all passed in: the simulation runs this.
//!
//! Invariants:
//! 1. Each hub has its own jittered exponential back-off: one that refuses or is away never delays another.
//! 2. After a session that worked the same hub is tried first, the next ones after it; nobody goes back to the
//!    first of the list without need, since moving costs a whole session.
//! 3. Never hot: one hub is tried at most once in half of [`FIRST_WAIT`], whatever the clock does.
//!
//! What it refuses to know: addresses, connections, what a refusal says.

use jiff::Timestamp;
use shared_runtime::backoff;
use std::time::Duration;

/// The wait after a first failure and after a session that was lost, before jitter.
pub const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait after a failure that may pass by itself.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long until the next try when a person must do something first.
pub const AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// How a try ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The hub had told everything before the session ended, or the agent itself ended it to show a new identity.
    Worked,
    /// No session, or one that broke early: it may pass.
    Failed,
    /// The hub said no: a person is needed.
    Refused,
}

/// The hub to try next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// Its place in the list.
    pub hub: usize,
    /// Not before this; in the past when at once.
    pub at: Timestamp,
}

#[derive(Debug, Clone, Default)]
struct Hub {
    failures: u32,
    not_before: Option<Timestamp>,
}

impl Hub {
    /// When it may be tried. A time further away than any wait is the work of a clock that was set back.
    fn ready(&self, now: Timestamp) -> Timestamp {
        self.not_before.filter(|at| *at <= now + LONGEST_WAIT.max(AFTER_REFUSAL)).unwrap_or(now)
    }
}

/// The hubs of one agent.
#[derive(Debug, Clone)]
pub struct Hubs {
    list: Vec<Hub>,
    preferred: usize,
}

impl Hubs {
    /// So many hubs, none tried yet.
    ///
    /// # Panics
    /// When there is none.
    pub fn new(count: usize) -> Self {
        assert!(count > 0, "an agent has at least one hub");
        Self { list: vec![Hub::default(); count], preferred: 0 }
    }

    /// Which hub to try next, and when.
    pub fn poll(&self, now: Timestamp) -> Next {
        let count = self.list.len();
        let order = (0..count).map(|step| (self.preferred + step) % count);
        let candidates = order.map(|hub| Next { hub, at: self.list[hub].ready(now) });
        // The first that is ready; else the first to be.
        candidates.min_by_key(|next| next.at.max(now)).expect("there is at least one hub")
    }

    /// Takes in how a try of `hub` ended. `random` is between 0 and 1.
    pub fn handle_ended(&mut self, hub: usize, ended: Ended, random: f64, now: Timestamp) {
        let this = &mut self.list[hub];
        this.failures = if ended == Ended::Worked { 0 } else { this.failures.saturating_add(1) };
        let wait = backoff::wait(FIRST_WAIT, LONGEST_WAIT, this.failures.saturating_sub(1), random);
        let wait = if ended == Ended::Refused { wait.max(AFTER_REFUSAL) } else { wait };
        let at = now + wait;
        this.not_before = Some(at);
        if ended == Ended::Worked {
            self.preferred = hub;
            for other in &mut self.list {
                // Not sooner than the one that worked.
                other.not_before = Some(other.ready(now).max(at));
            }
        }
    }

    /// The agent has another identity: what was refused may be let in now.
    pub fn handle_identity(&mut self, random: f64, now: Timestamp) {
        let at = now + backoff::wait(FIRST_WAIT, LONGEST_WAIT, 0, random);
        for hub in &mut self.list {
            *hub = Hub { failures: 0, not_before: Some(hub.ready(now).min(at)) };
        }
    }
}

#[cfg(test)]
mod tests;
