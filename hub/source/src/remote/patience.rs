//! For how long a server wants to be left alone that says that it is asked too much.
//!
//! gix gives the status of an answer and none of its headers, so the server is asked once more, plainly, when it has refused by 429 or 503. That
//! happens once for each such answer, which the schedule follows by a wait.
//!
//! Read are `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), and, where none is left, the reset times that forges tell: GitHub's and
//! Gitea's `X-RateLimit-Reset` (a time), GitLab's `RateLimit-Reset` (a time) and others' (seconds).

use super::{Target, transport::Reach};
use crate::address::Place;
use jiff::{Timestamp, fmt::rfc2822};
use reqwest::header::HeaderMap;
use std::time::Duration;

/// Of the time that the operation has left, the most that is spent on this.
const LONGEST: Duration = Duration::from_secs(5);
/// A number above this is a time, in seconds since 1970; below it is a number of seconds.
const TIMES: u64 = 1_000_000_000;

/// What the server says when it is asked once more; nothing when it says nothing, or answers.
pub(super) fn asked_for(target: &Target<'_>) -> Option<Duration> {
    let Place::Http { url, .. } = &target.address.place else { return None };
    let left = LONGEST.min(target.deadline.left());
    let builder =
        reqwest::blocking::Client::builder().timeout(left).redirect(reqwest::redirect::Policy::none());
    let client = Reach::of(target).ok()?.configure(builder).build().ok()?;
    let answer = client.get(format!("{url}/info/refs?service=git-upload-pack")).send().ok()?;
    let refused = matches!(answer.status().as_u16(), 403 | 429 | 503);
    refused.then(|| told(answer.headers(), Timestamp::now())).flatten()
}

/// The wait that headers tell.
pub(crate) fn told(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    let until = |at: Timestamp| Duration::try_from(at.duration_since(now)).unwrap_or_default();
    let number = |text: &str| {
        let number: u64 = text.parse().ok()?;
        if number < TIMES {
            return Some(Duration::from_secs(number));
        }
        Timestamp::from_second(i64::try_from(number).ok()?).ok().map(until)
    };
    if let Some(text) = text("retry-after") {
        let date = || rfc2822::DateTimeParser::new().parse_timestamp(text).ok().map(until);
        return number(text).or_else(date);
    }
    ["x-ratelimit", "ratelimit"].iter().find_map(|prefix| {
        let spent = text(&format!("{prefix}-remaining")) == Some("0");
        text(&format!("{prefix}-reset")).filter(|_| spent).and_then(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};

    #[test]
    fn the_wait_is_read_as_servers_tell_it() {
        let now = "2026-11-21T22:00:00Z".parse().unwrap();
        let check = |told_by: &[(&'static str, &'static str)], expect: Option<u64>| {
            let headers = told_by
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
                .collect();
            assert_eq!(told(&headers, now), expect.map(Duration::from_secs), "{told_by:?}");
        };
        check(&[("retry-after", "90")], Some(90));
        check(&[("retry-after", "Sat, 21 Nov 2026 22:02:00 GMT")], Some(120));
        check(&[("retry-after", "Sat, 21 Nov 2026 21:02:00 GMT")], Some(0));
        check(&[("retry-after", "soon")], None);
        check(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1795298700")], Some(300));
        check(&[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", "1795298700")], None);
        check(&[("ratelimit-remaining", "0"), ("ratelimit-reset", "45")], Some(45));
        check(&[], None);
    }
}
