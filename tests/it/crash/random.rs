//! Random numbers that can be had again: a seed names the series.

use std::time::Duration;

/// The variable that gives the seed; without it every run has its own.
const SEED: &str = "ESM_TEST_SEED";

/// SplitMix64 (Steele, Lea, Flood 2014).
pub struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    pub fn from_environment() -> Self {
        let seed = match std::env::var(SEED) {
            Ok(seed) => seed.parse().expect("ESM_TEST_SEED is a whole number"),
            Err(_) => u64::from_le_bytes(esm::random::bytes().unwrap()),
        };
        Self { seed, state: seed }
    }

    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }

    /// A time of at most `longest`.
    pub fn up_to(&mut self, longest: Duration) -> Duration {
        let micros = u64::try_from(longest.as_micros()).unwrap();
        Duration::from_micros(self.below(micros + 1))
    }
}
