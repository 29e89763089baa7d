//! How an array is cut into slabs that are copied one after the other: so that each chunk of the sources is decoded once, if the memory
//! allows.

use crate::read::Region;

/// The stretches of the sources' pieces along one axis, each once.
pub(super) type Stretches = Vec<(u64, u64)>;

/// How an array is copied.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Slabs {
    /// The array's shape.
    pub(super) shape: Vec<u64>,
    /// The shape of a slab: whole shards or chunks.
    pub(super) slab: Vec<u64>,
    /// How often a piece of a source is decoded, on average.
    pub(super) amplification: f64,
}

impl Slabs {
    /// Chooses the shape of slabs of at most `limit` bytes that are whole `units`, at least one of them.
    ///
    /// Beginning with one unit, the slab grows along the axis where that saves most decoding for the bytes that it costs.
    pub(super) fn plan(shape: &[u64], unit: &[u64], sources: &[Stretches], size: u64, limit: u64) -> Self {
        let mut slab = unit.to_vec();
        let along = |axis: usize, length: u64| amplification(&sources[axis], length);
        loop {
            let bytes = bytes(&slab, size);
            let mut best: Option<(f64, usize, u64)> = None;
            for axis in 0..shape.len() {
                let now = along(axis, slab[axis]);
                let whole = shape[axis].div_ceil(unit[axis]).max(1) * unit[axis];
                if now <= 1.0 || slab[axis] >= whole {
                    continue;
                }
                for length in lengths(slab[axis], unit[axis], whole) {
                    let mut larger = slab.clone();
                    larger[axis] = length;
                    let cost = self::bytes(&larger, size);
                    let saved = now / along(axis, length);
                    if cost > limit || saved <= 1.0 + 1e-9 {
                        continue;
                    }
                    let growth = ratio(cost, bytes).max(1.0 + 1e-9);
                    let worth = saved.ln() / growth.ln();
                    if best.is_none_or(|(most, ..)| worth > most) {
                        best = Some((worth, axis, length));
                    }
                }
            }
            match best {
                Some((_, axis, length)) => slab[axis] = length,
                None => break,
            }
        }
        let amplification = (0..shape.len()).map(|axis| along(axis, slab[axis])).product();
        Self { shape: shape.to_vec(), slab, amplification }
    }

    /// How many slabs there are.
    pub(super) fn count(&self) -> u64 {
        self.grid().iter().product()
    }

    fn grid(&self) -> Vec<u64> {
        self.shape.iter().zip(&self.slab).map(|(length, slab)| length.div_ceil(*slab)).collect()
    }

    /// The box of a slab by its number in C order; what lies beyond the array is left out.
    pub(super) fn region(&self, mut number: u64) -> Region {
        let mut region = Region { start: vec![0; self.shape.len()], count: vec![0; self.shape.len()] };
        for (axis, count) in self.grid().iter().enumerate().rev() {
            let at = number.checked_rem(*count).unwrap_or(0);
            number = number.checked_div(*count).unwrap_or(0);
            region.start[axis] = at * self.slab[axis];
            region.count[axis] = self.slab[axis].min(self.shape[axis] - region.start[axis]);
        }
        region
    }
}

/// Longer lengths to try: by one unit, twice as long, all.
fn lengths(length: u64, unit: u64, whole: u64) -> [u64; 3] {
    [(length + unit).min(whole), length.saturating_mul(2).min(whole), whole]
}

/// The bytes of a slab.
fn bytes(slab: &[u64], size: u64) -> u64 {
    slab.iter().fold(size, |product, length| product.saturating_mul(*length))
}

#[allow(clippy::cast_precision_loss, reason = "it is compared with others of its kind")]
fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b.max(1) as f64
}

/// How many slabs of this length a stretch touches, on average.
fn amplification(stretches: &Stretches, length: u64) -> f64 {
    let touched = |(start, end): &(u64, u64)| (end.saturating_sub(1) / length).saturating_sub(start / length) + 1;
    let all = stretches.iter().filter(|(start, end)| end > start);
    let count = all.clone().count() as u64;
    if count == 0 { 1.0 } else { ratio(all.map(touched).sum(), count) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::cast_possible_truncation)]
    use super::*;

    fn stretches(length: u64, chunk: u64) -> Stretches {
        (0..length.div_ceil(chunk)).map(|at| (at * chunk, length.min((at + 1) * chunk))).collect()
    }

    #[test]
    fn slabs_are_as_large_as_the_sources_ask_for() {
        // Daily maps into long small blocks: a slab is a year of maps.
        let sources = [stretches(36_500, 1), stretches(96, 96), stretches(144, 144)];
        let slabs = Slabs::plan(&[36_500, 96, 144], &[365, 48, 48], &sources, 4, 1 << 28);
        assert_eq!((&slabs.slab[..], slabs.count()), (&[365, 96, 144][..], 100));
        assert!((slabs.amplification - 1.0).abs() < 1e-9);
        // Nothing to gain: as small as it can be.
        let sources = [stretches(365, 365), stretches(96, 48), stretches(144, 48)];
        assert_eq!(Slabs::plan(&[365, 96, 144], &[365, 48, 48], &sources, 4, 1 << 28).slab, [365, 48, 48]);
        // No room: the pieces are decoded several times, and that is said.
        let sources = [stretches(1000, 1), stretches(1000, 1000)];
        let slabs = Slabs::plan(&[1000, 1000], &[1000, 10], &sources, 4, 200_000);
        assert_eq!(slabs.slab, [1000, 50]);
        assert!((slabs.amplification - 20.0).abs() < 1e-9);
    }

    #[test]
    fn slabs_cover_the_array_once() {
        let slabs = Slabs { shape: vec![5, 7], slab: vec![2, 4], amplification: 1.0 };
        let regions: Vec<Region> = (0..slabs.count()).map(|number| slabs.region(number)).collect();
        assert_eq!(regions.iter().map(|region| region.elements().unwrap_or(0)).sum::<u64>(), 35);
        assert_eq!(regions[5], Region { start: vec![4, 4], count: vec![1, 3] });
        let scalar = Slabs::plan(&[], &[], &[], 8, 100);
        assert_eq!((scalar.count(), scalar.region(0)), (1, Region { start: vec![], count: vec![] }));
    }
}
