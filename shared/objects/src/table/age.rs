//! Ages, rounded as kubectl rounds them (k8s.io/apimachinery `util/duration`): at most two units, and fewer
//! the older it is.

use jiff::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const YEAR: i64 = 365 * DAY;

/// How long ago `at` (RFC 3339) was; `<unknown>` when it is no time.
pub fn age(at: &str, now: Timestamp) -> String {
    match at.parse::<Timestamp>() {
        Ok(at) => human_duration(now.as_second() - at.as_second()),
        Err(_) => "<unknown>".to_owned(),
    }
}

/// A duration in seconds, as in `45s`, `3m20s`, `26h`, `3d4h`, `2y30d`.
pub fn human_duration(seconds: i64) -> String {
    match seconds {
        ..-1 => "<invalid>".to_owned(),
        -1 => "0s".to_owned(),
        0..120 => format!("{seconds}s"),
        120..600 => two(seconds, (MINUTE, 'm'), (1, 's')),
        600..10_800 => one(seconds, (MINUTE, 'm')),
        10_800..28_800 => two(seconds, (HOUR, 'h'), (MINUTE, 'm')),
        28_800..172_800 => one(seconds, (HOUR, 'h')),
        172_800..691_200 => two(seconds, (DAY, 'd'), (HOUR, 'h')),
        691_200..63_072_000 => one(seconds, (DAY, 'd')),
        63_072_000..252_288_000 => two(seconds, (YEAR, 'y'), (DAY, 'd')),
        _ => one(seconds, (YEAR, 'y')),
    }
}

fn one(seconds: i64, (length, letter): (i64, char)) -> String {
    format!("{}{letter}", seconds / length)
}

/// The greater unit, and the rest in the smaller one where there is some.
fn two(seconds: i64, greater: (i64, char), smaller: (i64, char)) -> String {
    let rest = seconds % greater.0;
    let rest = if rest < smaller.0 { String::new() } else { one(rest, smaller) };
    one(seconds, greater) + &rest
}
