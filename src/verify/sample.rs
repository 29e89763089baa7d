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

/// How many of its chunks each variable may have in the sample: as many of each, and what some have too few for goes to the others.
///
/// At least one of each, whatever the budget.
pub(super) fn shares(counts: &[u64], budget: u64) -> Vec<u64> {
    let mut by_count: Vec<usize> = (0..counts.len()).collect();
    by_count.sort_by_key(|at| counts[*at]);
    let (mut shares, mut left, mut others) = (vec![0; counts.len()], budget, counts.len() as u64);
    for at in by_count {
        let share = counts[at].min((left / others.max(1)).max(1));
        shares[at] = share;
        left = left.saturating_sub(share);
        others -= 1;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_small_variables_leave_goes_to_large_ones() {
        assert_eq!(shares(&[1, 1500, 0, 100], 256), [1, 155, 0, 100]);
        assert_eq!(shares(&[1000, 1000], 256), [128, 128]);
        assert_eq!(shares(&[5, 5, 5], 2), [1, 1, 1]);
        assert!(shares(&[], 256).is_empty());
    }

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
