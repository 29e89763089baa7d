//! Statistics of many values, without holding them: the same whatever the order in which the values come.

use serde::{Deserialize, Serialize};

/// What the values of a variable are like, taken together: those that are finite and not missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Statistics {
    /// The least; `None` if no value is valid.
    pub minimum: Option<f64>,
    /// The greatest.
    pub maximum: Option<f64>,
    /// The arithmetic mean.
    pub mean: Option<f64>,
    /// The standard deviation of all values (not of a sample).
    pub stddev: Option<f64>,
    /// How many values there are, missing ones included.
    pub count: u64,
    /// How many are valid.
    pub valid_count: u64,
}

/// A sum of two binary64 numbers, the second far smaller than the first: about 106 bits, so that rounding does not depend on the order.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Double {
    high: f64,
    low: f64,
}

impl Double {
    fn sum(a: f64, b: f64) -> Self {
        let high = a + b;
        let of_b = high - a;
        Self { high, low: (a - (high - of_b)) + (b - of_b) }
    }

    /// Dekker's product.
    fn product(a: f64, b: f64) -> Self {
        let high = a * b;
        let split = |x: f64| {
            let wide = x * 134_217_729.0;
            let top = wide - (wide - x);
            (top, x - top)
        };
        let ((a1, a2), (b1, b2)) = (split(a), split(b));
        let low = ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2;
        Self { high, low: if low.is_finite() { low } else { 0.0 } }
    }

    fn plus(self, other: Self) -> Self {
        let sum = Self::sum(self.high, other.high);
        let low = Self::sum(self.low, other.low);
        let first = Self::sum(sum.high, sum.low + low.high);
        Self::sum(first.high, first.low + low.low)
    }

    fn minus(self, other: Self) -> Self {
        self.plus(Self { high: -other.high, low: -other.low })
    }

    fn times(self, other: Self) -> Self {
        let product = Self::product(self.high, other.high);
        Self::sum(product.high, product.low + (self.high * other.low + self.low * other.high))
    }

    fn over(self, divisor: f64) -> Self {
        let first = self.high / divisor;
        let rest = self.minus(Self::product(first, divisor));
        Self::sum(first, rest.high / divisor)
    }
}

/// Values on their way to [`Statistics`].
///
/// ```
/// use altostac::model::Accumulator;
/// let mut values = Accumulator::default();
/// values.add(&[1.0, f64::NAN, 3.0]);
/// let found = values.finish();
/// assert_eq!((found.minimum, found.maximum, found.mean, found.stddev), (Some(1.0), Some(3.0), Some(2.0), Some(1.0)));
/// assert_eq!((found.count, found.valid_count), (3, 2));
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Accumulator {
    count: u64,
    valid: u64,
    minimum: f64,
    maximum: f64,
    sum: Double,
    squares: Double,
}

impl Default for Accumulator {
    fn default() -> Self {
        let (minimum, maximum) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { count: 0, valid: 0, minimum, maximum, sum: Double::default(), squares: Double::default() }
    }
}

impl Accumulator {
    /// Takes values; those that are not finite only count.
    pub fn add(&mut self, values: &[f64]) {
        self.count += values.len() as u64;
        for value in values.iter().copied().filter(|value| value.is_finite()) {
            self.valid += 1;
            self.minimum = self.minimum.min(value);
            self.maximum = self.maximum.max(value);
            self.sum = self.sum.plus(Double { high: value, low: 0.0 });
            self.squares = self.squares.plus(Double::product(value, value));
        }
    }

    /// Counts values that are missing.
    pub fn add_missing(&mut self, count: u64) {
        self.count = self.count.saturating_add(count);
    }

    /// Takes what another one took.
    pub fn merge(&mut self, other: &Self) {
        self.count += other.count;
        self.valid += other.valid;
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        self.sum = self.sum.plus(other.sum);
        self.squares = self.squares.plus(other.squares);
    }

    /// The same values so many times.
    #[allow(clippy::cast_precision_loss)]
    pub fn times(&self, times: u64) -> Self {
        let factor = Double { high: times as f64, low: 0.0 };
        Self {
            count: self.count.saturating_mul(times),
            valid: self.valid.saturating_mul(times),
            sum: self.sum.times(factor),
            squares: self.squares.times(factor),
            ..*self
        }
    }

    /// What they are like.
    #[allow(clippy::cast_precision_loss)]
    pub fn finish(&self) -> Statistics {
        let Self { count, valid, .. } = *self;
        if valid == 0 {
            return Statistics { minimum: None, maximum: None, mean: None, stddev: None, count, valid_count: 0 };
        }
        let mean = self.sum.over(valid as f64);
        let variance = self.squares.over(valid as f64).minus(mean.times(mean));
        // A mean that rounding puts beyond all values is none.
        let shown = mean.high.clamp(self.minimum, self.maximum);
        let finite = |value: f64| Some(value).filter(|value| value.is_finite());
        let stddev = |variance: f64| if self.minimum < self.maximum { variance.max(0.0).sqrt() } else { 0.0 };
        Statistics {
            minimum: Some(self.minimum),
            maximum: Some(self.maximum),
            mean: finite(shown),
            stddev: finite(variance.high).map(stddev),
            count,
            valid_count: valid,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::cast_precision_loss)]
    use super::*;
    use proptest::prelude::*;

    fn of(values: &[f64]) -> Statistics {
        let mut all = Accumulator::default();
        all.add(values);
        all.finish()
    }

    #[test]
    fn nothing_is_lost_where_values_are_large_and_differ_little() {
        let base = 1e9;
        let values: Vec<f64> = (0..10_000).map(|at| base + f64::from(at % 2)).collect();
        let found = of(&values);
        assert_eq!((found.mean, found.stddev), (Some(base + 0.5), Some(0.5)));
        assert_eq!(of(&[0.1; 1_000_000]).mean, Some(0.1));
        assert_eq!(of(&[0.1; 1_000_000]).stddev, Some(0.0));
    }

    #[test]
    fn without_valid_values_there_is_nothing_to_say() {
        let found = of(&[f64::NAN, f64::INFINITY]);
        assert_eq!((found.minimum, found.mean, found.stddev), (None, None, None));
        assert_eq!((found.count, found.valid_count), (2, 0));
    }

    proptest! {
        #[test]
        fn the_order_and_the_pieces_do_not_matter(values in prop::collection::vec(-1e6f64..1e6, 1..200), cut in 0usize..200) {
            let whole = of(&values);
            let mut reversed = values.clone();
            reversed.reverse();
            let (first, second) = reversed.split_at(cut.min(values.len()));
            let mut merged = Accumulator::default();
            merged.add(first);
            let mut other = Accumulator::default();
            other.add(second);
            merged.merge(&other);
            let found = merged.finish();
            prop_assert!((found.stddev.unwrap() - whole.stddev.unwrap()).abs() <= 1e-12 * whole.stddev.unwrap());
            prop_assert_eq!(Statistics { stddev: whole.stddev, ..found }, whole);
        }

        #[test]
        fn two_passes_say_the_same(values in prop::collection::vec(-1e3f64..1e3, 1..200), times in 1u64..5) {
            let repeated: Vec<f64> = (0..times).flat_map(|_| values.iter().copied()).collect();
            let mut once = Accumulator::default();
            once.add(&values);
            let (found, expected) = (once.times(times).finish(), of(&repeated));
            prop_assert!((found.stddev.unwrap() - expected.stddev.unwrap()).abs() <= 1e-9);
            prop_assert_eq!((found.mean, found.valid_count), (expected.mean, expected.valid_count));
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
            let found = of(&values);
            prop_assert!((found.mean.unwrap() - mean).abs() <= 1e-9);
            prop_assert!((found.stddev.unwrap() - variance.sqrt()).abs() <= 1e-7);
        }
    }
}
