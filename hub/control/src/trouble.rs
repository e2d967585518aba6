//! What is said, and since when, of a revision that cannot be read any more while its last known commit stands.
//!
//! Decides when a failure is worth saying: a single one is not, since Applications by the thousand would say it and take it back; the second in a
//! row is, and so is at once that a branch is gone. The text changes seldom: a cause that changes is said after [`SETTLED`] only, and the next
//! try is told as a bound.
//!
//! It refuses to know who follows the revision.

use hub_source::{Error, poll::Key};
use jiff::{SignedDuration, Timestamp};
use shared_model::{CommitId, duration};
use std::time::Duration;

/// Bad answers in a row from which on it is said.
const SAID_FROM: u32 = 2;
/// How long a cause is said before another one takes its place.
const SETTLED: SignedDuration = SignedDuration::from_mins(5);

/// Why and since when a revision cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) cause: String,
    since: Timestamp,
    /// Since when this is the cause.
    told: Timestamp,
    /// The server is there and has no such revision.
    gone: bool,
    /// Whether it is worth saying while a commit stands.
    pub(crate) shown: bool,
}

impl Failure {
    /// The failure after another bad answer, the `times`th in a row.
    pub(crate) fn after(
        before: Option<&Self>,
        error: &Error,
        cause: String,
        times: u32,
        now: Timestamp,
    ) -> Self {
        let gone = matches!(error, Error::RevisionNotFound { .. });
        let fresh = Self { cause, since: now, told: now, gone, shown: gone || times >= SAID_FROM };
        match before {
            None => fresh,
            Some(before) => {
                let since = before.since;
                let shown = before.shown || fresh.shown;
                let settled =
                    now.duration_since(before.told) >= SETTLED || before.gone != gone || !before.shown;
                if settled && before.cause != fresh.cause {
                    Self { since, shown, ..fresh }
                } else {
                    Self { shown, ..before.clone() }
                }
            }
        }
    }
}

/// A sentence about a revision that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trouble(pub(crate) String);

impl Trouble {
    pub(crate) fn new(key: &Key, commit: &CommitId, failure: &Failure, longest: Duration) -> Self {
        let Failure { cause, since, gone, .. } = failure;
        let what = if *gone { "is gone" } else { "cannot be read" };
        Self(format!(
            "{} of {} {what} since {}: {cause}; {}, the last commit known, stands until it can; it is asked for again at least every {}",
            key.revision(),
            key.url(),
            since.strftime("%Y-%m-%dT%H:%M:%SZ"),
            commit.short(),
            duration(longest),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared_model::RepoUrl;

    #[test]
    fn a_failure_is_said_from_the_second_on_and_keeps_its_words() {
        let url = RepoUrl::new("https://git.example.com/fleet");
        let down = |cause: &str| Error::Unreachable { url: url.clone(), cause: cause.to_owned() };
        let gone =
            Error::RevisionNotFound { url: url.clone(), revision: "main".into(), known: "none".into() };
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let mut failure: Option<Failure> = None;
        let mut step = |error: &Error, times: u32, second: i64, expect: (&str, i64, bool)| {
            let next = Failure::after(failure.as_ref(), error, error.to_string(), times, at(second));
            assert!(next.cause.ends_with(expect.0), "{}", next.cause);
            assert_eq!((next.since, next.shown), (at(expect.1), expect.2));
            failure = Some(next);
        };
        step(&down("refused"), 1, 0, ("refused", 0, false));
        step(&down("timed out"), 2, 10, ("timed out", 0, true));
        // It goes from one to the other all the time: that is not news each time.
        step(&down("refused"), 3, 30, ("timed out", 0, true));
        step(&down("refused"), 4, 400, ("refused", 0, true));
        step(&gone, 5, 410, ("none", 0, true));
        let first = Failure::after(None, &gone, gone.to_string(), 1, at(0));
        assert!(first.shown, "a branch that is gone is no blip");
        let commit = "1".repeat(40).parse().unwrap();
        let said = Trouble::new(&Key::new(url, "main"), &commit, &first, Duration::from_secs(300));
        let expect = "main of https://git.example.com/fleet is gone since 1970-01-01T00:00:00Z: revision `main` not found in \
                      https://git.example.com/fleet: none; 1111111, the last commit known, stands until it can; it is asked for again at least every 5m";
        assert_eq!(said.0, expect);
    }
}
