//! Which chunks are compared by value: strata of equal length over all chunks of a variable, one of each.

/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers for the same seed on every machine.
pub(super) struct SplitMix(u64);

impl SplitMix {
    /// Numbers of their own for each variable: adding a variable does not change the choice in the others.
    pub(super) fn new(seed: u64, key: &str) -> Self {
        let mut mix = Self(seed);
        for byte in key.bytes() {
            mix.0 = mix.next().wrapping_add(u64::from(byte));
        }
        mix
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below the limit; 0 for a limit of 0.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next().checked_rem(limit).unwrap_or(0)
    }
}

/// At most `wanted` numbers below `count`, one of each stratum, in order.
pub(super) fn strata(count: u64, wanted: u64, mix: &mut SplitMix) -> Vec<u64> {
    let wanted = wanted.min(count);
    let edge = |stratum: u64| {
        u64::try_from(u128::from(stratum) * u128::from(count) / u128::from(wanted.max(1))).unwrap_or(count)
    };
    (0..wanted).map(|stratum| edge(stratum) + mix.below(edge(stratum + 1) - edge(stratum))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stratum_gives_one() {
        let sample = strata(1000, 10, &mut SplitMix::new(7, "tas"));
        assert_eq!(sample.len(), 10);
        assert!(sample.iter().zip(0u64..).all(|(number, stratum)| number / 100 == stratum), "{sample:?}");
        assert_eq!(sample, strata(1000, 10, &mut SplitMix::new(7, "tas")));
        assert_ne!(sample, strata(1000, 10, &mut SplitMix::new(8, "tas")));
        assert_eq!(strata(3, 10, &mut SplitMix::new(7, "x")), [0, 1, 2]);
        assert!(strata(0, 10, &mut SplitMix::new(7, "x")).is_empty());
    }
}
