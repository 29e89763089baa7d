//! Stretches of longitude on the circle.

/// Stretches of longitude, in degrees; finds the shortest arc that holds them all.
#[derive(Debug, Clone, Default)]
pub(super) struct Arcs {
    /// West end in [0, 360) and width.
    arcs: Vec<(f64, f64)>,
    /// The widest gap that is taken for none.
    tolerance: f64,
}

/// A gap at the antimeridian is taken in place of one that is wider by less than a tenth: clients prefer boxes that do not cross.
const NEARLY_AS_WIDE: f64 = 0.9;

/// What rounding in a file's longitudes may leave open between two cells, in degrees.
const ROUNDING: f64 = 1e-4;

impl Arcs {
    /// Adds a stretch from `west` to `east`, in any turn of the circle; `east` is not less than `west`.
    pub(super) fn add(&mut self, west: f64, east: f64) {
        let start = west.rem_euclid(360.0);
        // rem_euclid of a tiny negative number is 360 itself.
        self.arcs.push((if start >= 360.0 { 0.0 } else { start }, (east - west).clamp(0.0, 360.0)));
    }

    /// Takes gaps up to `degrees` for none.
    pub(super) fn tolerate(&mut self, degrees: f64) {
        self.tolerance = self.tolerance.max(degrees);
    }

    /// Takes gaps of a tenth of the mean cell for none: cells that close the circle but for rounding.
    pub(super) fn tolerate_rounding(&mut self) {
        let total: f64 = self.arcs.iter().map(|(_, width)| width).sum();
        #[allow(clippy::cast_precision_loss)]
        let mean = total / self.arcs.len().max(1) as f64;
        self.tolerate(mean / 10.0 + ROUNDING);
    }

    /// Adds all stretches of others.
    pub(super) fn extend(&mut self, other: &Self) {
        self.arcs.extend_from_slice(&other.arcs);
        self.tolerate(other.tolerance);
    }

    /// The shortest arc that holds all stretches, or one hardly longer that does not cross the antimeridian: west in [-180, 180), east in (-180, 180]; west > east if it crosses
    /// the antimeridian; (-180, 180) if the stretches close the circle. `None` if there are no stretches.
    pub(super) fn hull(&self) -> Option<(f64, f64)> {
        let mut sorted = self.arcs.clone();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        // What reaches over 360 covers the beginning of the circle.
        let mut reach = sorted.iter().map(|(start, width)| start + width - 360.0).reduce(f64::max)?;
        let mut gaps = Vec::with_capacity(sorted.len());
        for (start, width) in &sorted {
            gaps.push((reach, *start));
            reach = reach.max(start + width);
        }
        let width = |(from, to): &(f64, f64)| to - from;
        let widest = gaps.iter().map(width).reduce(f64::max)?;
        let at_antimeridian = |(from, to): &&(f64, f64)| [-180.0, 180.0].iter().any(|at| from <= at && at <= to);
        let wide_enough = |gap: &&(f64, f64)| width(gap) >= widest * NEARLY_AS_WIDE;
        let chosen = gaps.iter().filter(wide_enough).find(at_antimeridian);
        let (from, west) = *chosen.or(gaps.iter().find(|gap| width(gap) >= widest))?;
        let east = from + 360.0;
        if widest <= self.tolerance.max(ROUNDING) {
            return Some((-180.0, 180.0));
        }
        let width = east - west;
        let west = if west >= 180.0 { west - 360.0 } else { west };
        let east = west + width;
        Some((west, if east > 180.0 { east - 360.0 } else { east }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn hull(arcs: &[(f64, f64)]) -> (f64, f64) {
        let mut all = Arcs::default();
        arcs.iter().for_each(|(west, east)| all.add(*west, *east));
        all.hull().unwrap()
    }

    #[test]
    fn the_widest_gap_decides() {
        assert_eq!(hull(&[(350.0, 355.0), (5.0, 10.0)]), (-10.0, 10.0));
        assert_eq!(hull(&[(170.0, 175.0), (185.0, 190.0)]), (170.0, -170.0));
        assert_eq!(hull(&[(0.0, 180.0)]), (0.0, 180.0));
        assert_eq!(hull(&[(180.0, 270.0)]), (-180.0, -90.0));
        assert_eq!(hull(&[(12.0, 12.0)]), (12.0, 12.0));
        assert_eq!(hull(&[(-30.0, 40.0)]), (-30.0, 40.0));
        // Of gaps about as wide the one at the antimeridian is left out.
        assert_eq!(hull(&[(13.0, 14.0), (73.0, 74.0), (173.0, 174.0), (273.0, 274.0)]), (-87.0, 174.0));
        // A stretch over 360 covers what begins at 0.
        assert_eq!(hull(&[(340.0, 380.0), (5.0, 10.0)]), (-20.0, 20.0));
    }

    #[test]
    fn a_closed_circle_is_global() {
        assert_eq!(hull(&[(0.0, 180.0), (180.0, 360.0)]), (-180.0, 180.0));
        assert_eq!(hull(&[(-0.5, 359.5)]), (-180.0, 180.0));
        assert!(Arcs::default().hull().is_none());
    }
}
