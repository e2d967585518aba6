//! Waits between tries.

use crate::Failure;
use jiff::{SignedDuration, Timestamp};
use shared_model::{Retry, parse_duration};
use std::time::Duration;

/// How often a failed sync is tried again, and the waits: `duration × factor^n`, at most `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Tries after the first; `None` is for ever.
    pub(crate) limit: Option<u32>,
    first: Duration,
    factor: u32,
    max: Duration,
}

/// Reads that failed, deletions that failed, and writes that nobody judged: tried again for ever.
pub(crate) const POLITE: Policy =
    Policy { limit: None, first: Duration::from_secs(5), factor: 2, max: Duration::from_secs(180) };
/// Healing one object: the first at once, then these waits (Argo CD's self-heal back-off).
pub(crate) const HEAL: Policy =
    Policy { limit: None, first: Duration::from_secs(2), factor: 3, max: Duration::from_secs(300) };
/// An object that stayed as it should for so long starts from the first wait again.
pub(crate) const HEAL_FORGOTTEN: Duration = Duration::from_secs(330);

/// The longest wait after trouble that passes by itself and was not the object's fault: what waited is back so soon
/// after the trouble is over. The cluster's shell sees to it that waiting so little is no load.
const TROUBLE_PASSES: Duration = Duration::from_secs(30);

impl Policy {
    /// Argo CD's defaults: 5 tries, 5 s doubling up to 3 minutes. A text that is no duration counts as absent.
    pub(crate) fn of(retry: Option<&Retry>) -> Self {
        let defaults = Self { limit: Some(5), ..POLITE };
        let Some(retry) = retry else { return defaults };
        let limit = u32::try_from(retry.limit).ok();
        let Some(backoff) = &retry.backoff else { return Self { limit, ..defaults } };
        let read = |text: &str| parse_duration(text).ok().filter(|wait| !wait.is_zero());
        Self {
            limit,
            first: read(&backoff.duration).unwrap_or(defaults.first),
            factor: backoff
                .factor
                .and_then(|factor| u32::try_from(factor).ok())
                .unwrap_or(defaults.factor)
                .max(1),
            max: read(&backoff.max_duration).unwrap_or(defaults.max),
        }
    }

    /// The wait before the try after `failed` failed ones (at least 1).
    pub(crate) fn wait(&self, failed: u32) -> Duration {
        let steps = failed.saturating_sub(1).min(32);
        let factor = self.factor.saturating_pow(steps);
        self.first.saturating_mul(factor).min(self.max)
    }

    /// The wait after `failure`, which may itself ask for a longer one.
    pub(crate) fn wait_after(&self, failed: u32, failure: &Failure) -> Duration {
        let wait = self.wait(failed);
        match failure {
            Failure::Throttled { after, .. } => {
                let asked = after.unwrap_or_default().min(self.max);
                wait.min(TROUBLE_PASSES).max(asked)
            }
            Failure::Unreachable(_) | Failure::Leaving(_) => wait.min(TROUBLE_PASSES),
            Failure::NotFound(_)
            | Failure::Conflict(_)
            | Failure::Forbidden(_)
            | Failure::Invalid(_)
            | Failure::KindUnknown(_)
            | Failure::Other(_) => wait,
        }
    }
}

/// `now` and `wait` after it; the end of time when it does not fit.
pub(crate) fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

/// Something that failed and is to be tried again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Again {
    pub(crate) due: Timestamp,
    pub(crate) failed: u32,
    pub(crate) message: String,
}

impl Again {
    /// After one more failure.
    pub(crate) fn after(before: Option<&Self>, policy: Policy, failure: &Failure, now: Timestamp) -> Self {
        let failed = before.map_or(0, |before| before.failed).saturating_add(1);
        Self { due: later(now, policy.wait_after(failed, failure)), failed, message: failure.to_string() }
    }
}
