//! Which numbers the colours stand for.

use super::Sketch;
use super::canvas::whole;

/// The part of the numbers that is left out at each end: a few that lie far off do not take the colours from all others.
const OUTSIDE: f64 = 0.02;
/// So many numbers are looked at for it.
const LOOKED_AT: usize = 200_000;

/// A range of numbers, and of all numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Range {
    pub(super) low: f64,
    pub(super) high: f64,
    pub(super) least: f64,
    pub(super) greatest: f64,
    pub(super) is_difference: bool,
}

impl Range {
    /// `None` if no number is valid.
    pub(super) fn of(values: &[f64], sketch: &Sketch) -> Option<Self> {
        let valid = || values.iter().copied().filter(|value| value.is_finite());
        let (least, greatest) = (valid().reduce(f64::min)?, valid().reduce(f64::max)?);
        let step = (values.len() / LOOKED_AT).max(1);
        let mut sample: Vec<f64> = valid().step_by(step).collect();
        sample.sort_by(f64::total_cmp);
        let at = |part: f64| sample.get(whole((sample.len() - 1) as f64 * part));
        let (mut low, mut high) = (least, greatest);
        if !sketch.is_flag
            && let (Some(from), Some(to)) = (at(OUTSIDE), at(1.0 - OUTSIDE))
            && from < to
        {
            (low, high) = (*from, *to);
        }
        let is_difference = sketch.is_difference && low < 0.0 && high > 0.0;
        if is_difference {
            let reach = high.max(-low);
            (low, high) = (-reach, reach);
        }
        Some(Self { low, high, least, greatest, is_difference })
    }

    /// Which part of the range a number is at, 0 to 1.
    pub(super) fn part(&self, value: f64) -> f64 {
        if self.high > self.low { ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0) } else { 0.5 }
    }

    /// Whether all numbers are one.
    pub(super) fn is_constant(&self) -> bool {
        self.least == self.greatest
    }
}
