//! The figures as a table, as they are measured.

use std::{io::Write as _, time::Duration};

/// The head of the table.
pub(crate) fn head() {
    say("| planner | measured | budget |\n|---|---|---|");
}

pub(crate) fn row(what: &str, value: &str, budget: &str) {
    say(&format!("| {what} | {value} | {budget} |"));
}

pub(crate) fn say(line: &str) {
    // Nobody listens: then nobody misses it.
    drop(writeln!(std::io::stdout(), "{line}"));
}

/// The median and the 99th percentile by nearest rank.
pub(crate) fn quantiles(times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort();
    let at = |percent: usize| {
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        time(sorted.get(rank - 1).copied().unwrap_or_default())
    };
    if sorted.len() == 1 { at(50) } else { format!("{} / {} of {}", at(50), at(99), sorted.len()) }
}

/// `42 ms` or `0.8 ms`.
pub(crate) fn time(time: Duration) -> String {
    let micros = time.as_micros();
    if micros < 100_000 {
        format!("{}.{:02} ms", micros / 1_000, micros % 1_000 / 10)
    } else {
        format!("{} ms", time.as_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units() {
        assert_eq!(time(Duration::from_micros(1_234)), "1.23 ms");
        assert_eq!(time(Duration::from_millis(1_234)), "1234 ms");
    }

    #[test]
    fn quantiles_by_nearest_rank() {
        let times: Vec<Duration> = (1..=100).rev().map(Duration::from_millis).collect();
        assert_eq!(quantiles(&times), "50.00 ms / 99.00 ms of 100");
        assert_eq!(quantiles(&times[..1]), "100 ms");
    }
}
