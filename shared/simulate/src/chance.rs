//! What happens by chance, from a seed and the name of whom it happens to.
//!
//! Drawn by name and not in turn, so that one member's luck does not hang on the order in which the
//! planner comes to the others.

use std::time::Duration;

/// A share between 0 and 1 for `what` happening to `whom` under `seed` (FNV-1a, then SplitMix64).
pub(crate) fn share(seed: u64, what: &str, whom: &str) -> f64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ mixed(seed);
    for byte in what.bytes().chain([0]).chain(whom.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let bits = u32::try_from(mixed(hash) >> 32).unwrap_or(0);
    f64::from(bits) / f64::from(u32::MAX)
}

/// The seed of the `number`th run.
pub(crate) const fn derived(seed: u64, number: u64) -> u64 {
    mixed(seed ^ mixed(number.wrapping_add(1)))
}

const fn mixed(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A time around `median`: one in ten takes longer than `spread` times that, one in ten less than a
/// `spread`th; never more than the square. Straight lines between, so that it is the same everywhere.
pub(crate) fn around(median: Duration, spread: f64, share: f64) -> Duration {
    let least = 1.0 / spread;
    let factor = if share < 0.1 {
        least
    } else if share < 0.5 {
        least + (1.0 - least) * (share - 0.1) / 0.4
    } else if share < 0.9 {
        1.0 + (spread - 1.0) * (share - 0.5) / 0.4
    } else {
        spread + (spread * spread - spread) * (share - 0.9) / 0.1
    };
    median.mul_f64(factor)
}
