//! Pseudorandom numbers, the same for the same seed.

/// SplitMix64 (Steele, Lea, Flood 2014): good enough to spread retries, and not secret.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Uniform between 0 and `max`, both included.
    pub(crate) fn up_to(&mut self, max: u64) -> u64 {
        let scaled = u128::from(self.next()) * (u128::from(max) + 1);
        u64::try_from(scaled >> 64).unwrap_or(max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_over_their_range_and_the_same_for_the_same_seed() {
        let drawn = |seed| {
            let mut random = Random::new(seed);
            (0..10_000).map(|_| random.up_to(9)).collect::<Vec<_>>()
        };
        assert_eq!(drawn(7), drawn(7));
        assert_ne!(drawn(7), drawn(8));
        for number in 0..=9 {
            let times = drawn(7).iter().filter(|drawn| **drawn == number).count();
            assert!((850..1_150).contains(&times), "{number} came {times} times");
        }
        assert_eq!(Random::new(1).up_to(0), 0);
    }
}
