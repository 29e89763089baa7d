//! Products and quotients of times without floating-point rounding.

use std::cmp::Ordering;

const SECOND: i128 = 1_000_000;

/// `value × scale` as a whole number of microseconds: the nearest, ties to even. `None` when the value is not finite or the
/// product is far beyond 64 bits.
///
/// With `snap_to_second`, a product less than a microsecond from a whole second is that second, as in cftime: it is how
/// whole hours survive in float days since 1800, whose step is 1.26 µs.
pub(super) fn scale_to_microseconds(value: f64, scale: i64, snap_to_second: bool) -> Option<i128> {
    let (mantissa, exponent) = decompose(value)?;
    if let Some(exact) = whole_microseconds(mantissa, exponent, scale) {
        return Some(exact.into());
    }
    let product = i128::from(mantissa) * i128::from(scale);
    if exponent >= 0 {
        // |product| < 2^98, and a shift beyond 28 makes it larger than any instant.
        return (exponent <= 28).then(|| product << exponent);
    }
    // Beyond 126 bits only the sign of the fraction is left, which 126 bits say as well.
    let bits = exponent.unsigned_abs().min(126);
    let floor = product >> bits;
    let remainder = product - (floor << bits);
    let nearest = match remainder.cmp(&(1 << (bits - 1))) {
        Ordering::Less => floor,
        Ordering::Greater => floor + 1,
        Ordering::Equal => floor + (floor & 1),
    };
    Some(match nearest.rem_euclid(SECOND) {
        1 if snap_to_second => floor,
        999_999 if snap_to_second => floor + i128::from(remainder != 0),
        _ => nearest,
    })
}

/// `mantissa × 2^exponent × scale` if it is a whole number that 64 bits hold: what most times are, and found without a division.
fn whole_microseconds(mantissa: i64, exponent: i32, scale: i64) -> Option<i64> {
    let fraction_bits = exponent.min(0).unsigned_abs();
    let dropped = mantissa.trailing_zeros().min(fraction_bits);
    let left = fraction_bits - dropped;
    if exponent > 0 || left > scale.trailing_zeros() || dropped >= i64::BITS {
        return None;
    }
    (mantissa >> dropped).checked_mul(scale >> left)
}

/// The float nearest to `numerator / denominator`, ties to even.
pub(super) fn quotient(numerator: i128, denominator: u64) -> f64 {
    let magnitude = numerator.unsigned_abs();
    if magnitude == 0 {
        return 0.0;
    }
    let shift = magnitude.leading_zeros();
    let wide = magnitude << shift;
    let denominator = u128::from(denominator.max(1));
    // At least 64 bits of quotient, the last telling whether anything follows: one correct rounding remains.
    let digits = (wide / denominator) | u128::from(!wide.is_multiple_of(denominator));
    let unsigned = digits as f64 * 2_f64.powi(-shift.cast_signed());
    if numerator < 0 { -unsigned } else { unsigned }
}

/// `value = mantissa × 2^exponent`.
fn decompose(value: f64) -> Option<(i64, i32)> {
    if !value.is_finite() {
        return None;
    }
    let bits = value.to_bits();
    let fraction = i64::try_from(bits & ((1 << 52) - 1)).ok()?;
    let biased = i32::try_from((bits >> 52) & 0x7ff).ok()?;
    let magnitude = if biased == 0 { fraction } else { fraction | (1 << 52) };
    Some((if value.is_sign_negative() { -magnitude } else { magnitude }, biased.max(1) - 1075))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    const DAY: i64 = 86_400_000_000;

    #[test]
    fn ties_go_to_the_even_microsecond() {
        for (value, expected) in [(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (0.500_000_1, 1), (-0.75, -1)] {
            assert_eq!(scale_to_microseconds(value, 1, false), Some(expected), "{value}");
        }
    }

    #[test]
    fn the_extremes() {
        assert_eq!(scale_to_microseconds(f64::NAN, 1, true), None);
        assert_eq!(scale_to_microseconds(f64::NEG_INFINITY, 1, true), None);
        assert_eq!(scale_to_microseconds(f64::MAX, DAY, true), None);
        assert_eq!(scale_to_microseconds(5e-324, DAY, true), Some(0));
        assert_eq!(scale_to_microseconds(-5e-324, DAY, true), Some(0));
        assert_eq!(scale_to_microseconds(-0.0, DAY, true), Some(0));
        assert_eq!(scale_to_microseconds(1e18, DAY, true), Some(1_000_000_000_000_000_000 * i128::from(DAY)));
    }

    #[test]
    fn noise_about_a_whole_second_is_that_second() {
        // 0.6 µs from it on either side; 1.2 µs are no noise.
        for (value, exact, snapped) in [
            (6e-7, 1, 0),
            (-6e-7, -1, 0),
            (1.2e-6, 1, 1),
            (-1.2e-6, -1, -1),
            (1.6e-6, 2, 2),
            (0.999_999_4, 999_999, 1_000_000),
        ] {
            assert_eq!(scale_to_microseconds(value, 1_000_000, false), Some(exact), "{value}");
            assert_eq!(scale_to_microseconds(value, 1_000_000, true), Some(snapped), "{value}");
        }
    }

    proptest! {
        #[test]
        fn quotients_are_correctly_rounded(numerator in -(1_i64 << 53)..(1_i64 << 53), denominator in 1_u64..(1 << 46)) {
            // Both convert exactly, and IEEE division rounds once.
            prop_assert_eq!(quotient(numerator.into(), denominator), numerator as f64 / denominator as f64);
        }

        #[test]
        fn large_whole_quotients_are_exact(whole in -(1_i64 << 53)..(1_i64 << 53), denominator in 1_u64..(1 << 46)) {
            prop_assert_eq!(quotient(i128::from(whole) * i128::from(denominator), denominator), whole as f64);
        }

        #[test]
        fn whole_microseconds_are_kept(whole in -(1_i64 << 53)..(1_i64 << 53)) {
            prop_assert_eq!(scale_to_microseconds(whole as f64, 1, false), Some(whole.into()));
            prop_assert_eq!(scale_to_microseconds(whole as f64, DAY, true), Some(i128::from(whole) * i128::from(DAY)));
        }
    }
}
