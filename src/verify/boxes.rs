//! Large chunks cut into boxes that are compared one after the other.

use crate::read::Region;

/// The most bytes of one box, unless one element is larger.
const BOX_LIMIT: u64 = 4 << 20;

/// Cuts a region into boxes of at most 4 MiB, in C order, along the first axes that are longer than 1.
pub(super) fn boxes(region: &Region, size: usize) -> Vec<Region> {
    let bytes = region.elements().and_then(|elements| elements.checked_mul(size as u64)).unwrap_or(u64::MAX);
    let Some(axis) = region.count.iter().position(|count| *count > 1).filter(|_| bytes > BOX_LIMIT) else {
        return vec![region.clone()];
    };
    let (start, count) = (region.start[axis], region.count[axis]);
    let rows = (BOX_LIMIT / (bytes / count).max(1)).max(1);
    let piece = |at: u64| {
        let mut piece = region.clone();
        (piece.start[axis], piece.count[axis]) = (start + at, rows.min(count - at));
        piece
    };
    let step = usize::try_from(rows).unwrap_or(usize::MAX);
    (0..count).step_by(step).flat_map(|at| boxes(&piece(at), size)).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn boxes_cover_the_region_once() {
        let region = Region { start: vec![5, 2, 0], count: vec![1, 7, 1_000_000] };
        let boxes = boxes(&region, 4);
        assert_eq!(boxes.iter().map(|one| one.elements().unwrap()).sum::<u64>(), 7_000_000);
        assert!(boxes.iter().all(|one| one.elements().unwrap() * 4 <= BOX_LIMIT));
        assert_eq!(boxes.first().unwrap(), &Region { start: vec![5, 2, 0], count: vec![1, 1, 1_000_000] });
        let small = Region { start: vec![0], count: vec![9] };
        assert_eq!(super::boxes(&small, 8), std::slice::from_ref(&small));
        // Rows beyond the limit are cut along the next axis.
        let wide = super::boxes(&Region { start: vec![0, 0], count: vec![2, 3_000_000] }, 8);
        assert_eq!(wide.len(), 2 * 6);
    }
}
