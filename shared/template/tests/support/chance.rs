//! What is picked at random, and is the same in every run.

/// A small generator of numbers, the same on every machine (xorshift).
pub(crate) struct Chance(u64);

impl Default for Chance {
    /// From `FUZZ_SEED`, a number.
    fn default() -> Self {
        let seed = option_env!("FUZZ_SEED").map_or(0, |seed| seed.parse::<u64>().expect("a number"));
        Self(0x9e37_79b9_7f4a_7c15_u64.wrapping_add(seed).max(1))
    }
}

impl Chance {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).unwrap_or(0)
    }
}

/// Rounds tried: `usual` in CI, and `FUZZ_ROUNDS` times as many for whoever has more time.
pub(crate) fn rounds(usual: usize) -> usize {
    usual * option_env!("FUZZ_ROUNDS").map_or(1, |times| times.parse().expect("a number of times"))
}
