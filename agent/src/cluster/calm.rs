//! Whether the API server may be asked at all: one that does not answer, or asks to slow down, is spared.
//!
//! While it is in trouble one request at a time finds out how it is, after 1 s, 2 s, 4 s, … up to 15 s, or when the
//! server said; all others fail at once with the cause, unsent. So an outage costs the same few requests whatever the
//! number of objects, and a pause never waits behind requests that wait. The first answer ends it.
//!
//! Only what says something of the whole server counts: no connection, no answer, 429, 502, 503 with `Retry-After`. A
//! webhook that fails, an aggregated API that is away and every refusal are the object's own trouble.
//!
//! What it refuses to know: what is asked, and who tries again when.

use http::StatusCode;
use parking_lot::Mutex;
use shared_sync::Failure;
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15);
/// The longest that a server's own wish is followed before it is asked again.
const LONGEST_WISH: Duration = Duration::from_secs(60);
/// Whoever was to find out and has not come back in this time is given up.
const FOUND_OUT_WITHIN: Duration = Duration::from_secs(90);

/// What an answer says of the server as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It answers; maybe with a refusal.
    Well,
    /// It is not there, or has too much to do.
    Troubled,
}

impl Standing {
    pub(super) fn of(code: StatusCode, failure: &Failure) -> Self {
        let troubled = code == StatusCode::BAD_GATEWAY || matches!(failure, Failure::Throttled { .. });
        if troubled { Self::Troubled } else { Self::Well }
    }
}

/// How a server is, as far as its answers told.
#[derive(Debug, Default)]
pub(super) struct Calm(Mutex<Option<Trouble>>);

#[derive(Debug)]
struct Trouble {
    /// In a row.
    failures: u32,
    /// When one may find out.
    until: Instant,
    /// Somebody is finding out since then.
    asking: Option<Instant>,
    why: Failure,
}

impl Calm {
    /// Whether a request may be sent now.
    ///
    /// # Errors
    /// With the server's trouble, when it may not.
    pub(super) fn ask(&self, now: Instant) -> Result<(), Failure> {
        let mut trouble = self.0.lock();
        let Some(trouble) = trouble.as_mut() else { return Ok(()) };
        let asking = trouble.asking.is_some_and(|since| now.duration_since(since) < FOUND_OUT_WITHIN);
        if now < trouble.until || asking {
            return Err(trouble.why.clone());
        }
        trouble.asking = Some(now);
        Ok(())
    }

    /// Takes in how a request that was sent ended.
    pub(super) fn heard(&self, standing: Standing, failure: Option<&Failure>, now: Instant) {
        let mut trouble = self.0.lock();
        let Some(why) = failure.filter(|_| standing == Standing::Troubled) else {
            if let Some(over) = trouble.take() {
                tracing::info!(was = %over.why, "the API server answers again");
            }
            return;
        };
        // Those that were under way when the trouble began are no further sign of it.
        let late = trouble.as_ref().is_some_and(|trouble| trouble.asking.is_none());
        let before = trouble.as_ref().map_or(0, |trouble| trouble.failures);
        let failures = if late { before } else { before.saturating_add(1) };
        let wish = match why {
            Failure::Throttled { after: Some(after), .. } => (*after).min(LONGEST_WISH),
            Failure::Throttled { after: None, .. }
            | Failure::NotFound(_)
            | Failure::Conflict(_)
            | Failure::Forbidden(_)
            | Failure::Invalid(_)
            | Failure::KindUnknown(_)
            | Failure::Leaving(_)
            | Failure::Unreachable(_)
            | Failure::Other(_) => Duration::ZERO,
        };
        let wait = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(4)).min(LONGEST).max(wish);
        if before == 0 {
            tracing::warn!(%why, "the API server is in trouble; it is asked by one request at a time");
        }
        *trouble = Some(Trouble { failures, until: now + wait, asking: None, why: why.clone() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gone() -> Failure {
        Failure::Unreachable("connection refused".to_owned())
    }

    /// Asks every 100 ms for a minute, by a hundred at a time, and tells when one was sent.
    fn sent(calm: &Calm, start: Instant, failure: &Failure) -> Vec<u128> {
        let mut sent = Vec::new();
        for tenth in 0..600 {
            let now = start + Duration::from_millis(100 * tenth);
            for _ in 0..100 {
                if calm.ask(now).is_ok() {
                    sent.push((now - start).as_millis());
                    calm.heard(Standing::Troubled, Some(failure), now);
                }
            }
        }
        sent
    }

    #[test]
    fn an_outage_costs_few_requests_whatever_waits() {
        let start = Instant::now();
        assert_eq!(sent(&Calm::default(), start, &gone()), [0, 1000, 3000, 7000, 15000, 30000, 45000]);
        let throttled = Failure::Throttled { after: Some(Duration::from_secs(20)), message: String::new() };
        assert_eq!(sent(&Calm::default(), start, &throttled), [0, 20000, 40000]);
    }

    #[test]
    fn the_first_answer_ends_it() {
        let (calm, start) = (Calm::default(), Instant::now());
        calm.heard(Standing::Troubled, Some(&gone()), start);
        assert_eq!(calm.ask(start), Err(gone()));
        let later = start + FIRST;
        assert_eq!(calm.ask(later), Ok(()));
        assert_eq!(calm.ask(later), Err(gone()), "one finds out");
        calm.heard(Standing::Well, Some(&Failure::Forbidden("no".to_owned())), later);
        assert_eq!((calm.ask(later), calm.ask(later)), (Ok(()), Ok(())));
    }

    #[test]
    fn who_never_comes_back_is_given_up() {
        let (calm, start) = (Calm::default(), Instant::now());
        calm.heard(Standing::Troubled, Some(&gone()), start);
        assert_eq!(calm.ask(start + FIRST), Ok(()));
        assert_eq!(calm.ask(start + FIRST + FOUND_OUT_WITHIN), Ok(()));
    }

    #[test]
    fn many_that_were_under_way_are_one_sign() {
        let (calm, start) = (Calm::default(), Instant::now());
        for _ in 0..16 {
            calm.heard(Standing::Troubled, Some(&gone()), start);
        }
        assert_eq!(calm.ask(start + FIRST), Ok(()));
    }

    #[test]
    fn an_objects_own_trouble_is_not_the_servers() {
        let of = |code: u16, failure: &Failure| Standing::of(StatusCode::from_u16(code).unwrap(), failure);
        let throttled = Failure::Throttled { after: None, message: String::new() };
        assert_eq!(of(500, &gone()), Standing::Well, "a webhook that cannot be called");
        assert_eq!(of(503, &gone()), Standing::Well, "an aggregated API that is away");
        assert_eq!(of(504, &gone()), Standing::Well, "a webhook that takes long");
        assert_eq!(of(502, &gone()), Standing::Troubled);
        assert_eq!(of(429, &throttled), Standing::Troubled);
        assert_eq!(of(503, &throttled), Standing::Troubled);
    }
}
