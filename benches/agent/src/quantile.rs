//! Quantiles by nearest rank.

use std::time::Duration;

/// The smallest of `times` that at least `percent` of them do not exceed; zero of none.
pub fn quantile(times: &[Duration], percent: usize) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(times: &[u64], percent: usize, expect: u64) {
        let times: Vec<Duration> = times.iter().copied().map(Duration::from_millis).collect();
        assert_eq!(quantile(&times, percent), Duration::from_millis(expect), "{percent} of {times:?}");
    }

    #[test]
    fn by_nearest_rank() {
        check(&[], 99, 0);
        check(&[7], 50, 7);
        check(&[3, 1, 2], 50, 2);
        check(&[3, 1, 2], 100, 3);
        let hundred: Vec<u64> = (1..=100).rev().collect();
        check(&hundred, 50, 50);
        check(&hundred, 99, 99);
        check(&[1, 2, 3, 4], 99, 4);
    }
}
