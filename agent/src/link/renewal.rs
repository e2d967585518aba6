//! When to ask for a new certificate, and what to do while none is given.
//!
//! Decided from the certificate's life, the hub's words, how each try ended, the time and a random share, all
//! passed in: the simulation runs this.
//!
//! Invariants:
//! 1. A renewal is due at two thirds of the life, with a spread of a sixtieth so that a fleet that joined at one
//!    moment does not renew at one; at once when the hub asks for it, and when the authority that issued the
//!    certificate is not trusted any more.
//! 2. A failure is tried again within an hour, and within an eighth of what is left of the life; an expired
//!    certificate within a minute, since the agent is cut off. A refusal is tried again within an hour always.
//! 3. Never hot: two tries are at least [`CLOSEST`] apart, whatever the hub says and the clock does.
//! 4. Nothing here stops the agent: what is assigned goes on with any certificate or none.
//!
//! What it refuses to know: keys, hubs, the network, how a certificate is read.

use jiff::Timestamp;
use shared_runtime::backoff;
use std::time::Duration;

/// The longest wait between two tries, and between two lines about what a person must do.
pub const LONGEST: Duration = Duration::from_secs(3600);
/// The shortest time between two tries.
pub const CLOSEST: Duration = Duration::from_millis(2500);
/// How long after its end the hub still renews a certificate.
pub const GRACE: Duration = Duration::from_secs(90 * 24 * 3600);
const MINUTE: Duration = Duration::from_secs(60);
const EXPIRED_FIRST: Duration = Duration::from_secs(5);

/// What counts of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// Valid from.
    pub from: Timestamp,
    /// Valid until.
    pub to: Timestamp,
    /// Whether one of the authorities that the agent trusts now has issued it.
    pub trusted: bool,
}

/// How a try failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It may pass: no link, a hub in trouble.
    Passing,
    /// The hub said no, or is not the hub.
    Refused,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask for a new certificate now.
    Ask,
    /// Nothing until then; polling sooner does no harm.
    Wait(Timestamp),
}

/// Why a person is needed: a token made with `flotilla cluster token --name NAME --reenrol` mends each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// The hub does not renew the certificate.
    Refused,
    /// The certificate ended so long ago that no hub renews it.
    TooOld,
}

/// The life of one agent's certificates.
#[derive(Debug, Clone)]
pub struct Renewal {
    life: Life,
    share: f64,
    wanted: bool,
    refused: bool,
    failures: u32,
    asked: Option<Timestamp>,
    not_before: Option<Timestamp>,
    told: Option<Timestamp>,
}

impl Renewal {
    /// For a certificate; `random`, between 0 and 1, is this agent's share of the spread.
    pub const fn new(life: Life, random: f64) -> Self {
        Self {
            life,
            share: random,
            wanted: false,
            refused: false,
            failures: 0,
            asked: None,
            not_before: None,
            told: None,
        }
    }

    /// When the certificate is to be renewed, as far as its age tells.
    pub fn due(&self) -> Timestamp {
        let life = self.life.to.duration_since(self.life.from).unsigned_abs();
        self.life.from + life * 2 / 3 + (life / 60).mul_f64(self.share)
    }

    /// When the present certificate ends.
    pub const fn ends(&self) -> Timestamp {
        self.life.to
    }

    /// What to do now.
    pub fn poll(&self, now: Timestamp) -> Step {
        let due = if self.wanted || !self.life.trusted { now } else { self.due() };
        // A time further away than any wait is the work of a clock that was set back.
        let held = self.not_before.filter(|at| *at <= now + LONGEST).unwrap_or(now);
        let at = due.max(held);
        if at <= now { Step::Ask } else { Step::Wait(at.min(now + LONGEST)) }
    }

    /// The hub asked for it.
    pub fn handle_renew_now(&mut self, now: Timestamp) {
        self.wanted = true;
        // The hub is there: no back-off counts, only that it is not asked all the time.
        self.not_before = self.asked.map(|asked| asked + MINUTE).filter(|at| *at > now);
    }

    /// A hub did not let the present certificate attach: a new one may do.
    pub const fn handle_not_let_in(&mut self) {
        self.wanted |= !self.refused;
    }

    /// The hub says that the identity is revoked: asking is in vain until a person has acted.
    pub fn handle_revoked(&mut self, now: Timestamp) {
        self.refused = true;
        self.not_before = Some(self.not_before.unwrap_or(now).max(now + MINUTE));
    }

    /// What is trusted has changed, or the identity was replaced from elsewhere.
    pub const fn handle_life(&mut self, life: Life) {
        self.life = life;
    }

    /// A new certificate is here, from a renewal or an enrolment.
    pub fn handle_renewed(&mut self, life: Life, random: f64, now: Timestamp) {
        // One that is no better is not asked for again at once.
        let failures = if life.trusted { 0 } else { self.failures + 1 };
        *self = Self { failures, asked: Some(now), ..Self::new(life, random) };
        let wait = if life.trusted {
            MINUTE.min(life.to.duration_since(now).unsigned_abs() / 4)
        } else {
            backoff::wait(MINUTE, LONGEST, failures, random)
        };
        self.not_before = Some(now + wait.max(CLOSEST));
    }

    /// A try failed. `random` is between 0 and 1.
    pub fn handle_failed(&mut self, failure: Failure, random: f64, now: Timestamp) {
        self.asked = Some(now);
        self.refused = failure == Failure::Refused;
        let left = self.life.to.duration_since(now);
        let (first, most) = if self.refused {
            (MINUTE, LONGEST)
        } else if left.is_negative() || left.is_zero() {
            (EXPIRED_FIRST, MINUTE)
        } else {
            let most = LONGEST.min(left.unsigned_abs() / 8).max(EXPIRED_FIRST);
            (MINUTE.min(most), most)
        };
        let wait = backoff::wait(first, most, self.failures, random);
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(now + wait.max(CLOSEST));
    }

    /// Whether only a person can help.
    pub fn needs_person(&self, now: Timestamp) -> Option<Remedy> {
        if now.duration_since(self.life.to) > jiff::SignedDuration::try_from(GRACE).expect("it is short") {
            Some(Remedy::TooOld)
        } else {
            self.refused.then_some(Remedy::Refused)
        }
    }

    /// What is to be told to a person now: at most once in [`LONGEST`].
    pub fn poll_remedy(&mut self, now: Timestamp) -> Option<Remedy> {
        let remedy = self.needs_person(now)?;
        let recently = |told: Timestamp| now.duration_since(told).unsigned_abs() < LONGEST;
        if self.told.is_some_and(recently) {
            return None;
        }
        self.told = Some(now);
        Some(remedy)
    }
}

#[cfg(test)]
mod tests;
