//! Manifests of the same bytes, cut in another way.

use super::odd::ANEW;
use crate::model::{ChunkGrid, ChunkLocation, ChunkManifest};

/// The greatest number of chunks a manifest may be cut into.
const CHUNK_LIMIT: u64 = 1 << 26;

/// The greatest common divisor; that of 0 and *n* is *n*.
pub(super) fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// A manifest of the same chunks over a longer array: what was not there is missing, and chunks that the array ended within are to be
/// encoded anew, for their bytes beyond the end need not be fill.
///
/// `None` if a dimension would get shorter.
pub(super) fn extend(grid: &ChunkGrid, manifest: &ChunkManifest, shape: &[u64]) -> Option<(ChunkGrid, ChunkManifest)> {
    let lengths = || grid.shape.iter().zip(shape).zip(&grid.chunk_shape);
    if grid.shape.len() != shape.len() || lengths().any(|((old, new), _)| old > new) {
        return None;
    }
    let ends_within = |place: &[u64]| {
        lengths().zip(place).any(|(((old, new), chunk), at)| old < new && (at + 1).saturating_mul(*chunk) > *old)
    };
    let longer = ChunkGrid::new(shape.to_vec(), grid.chunk_shape.clone())?;
    let mut extended = manifest.missing_alike(counted(&longer)?);
    for (number, location) in manifest.written() {
        let place = grid.coordinates(number as u64);
        let filter_mask = if ends_within(&place) { ANEW } else { location.filter_mask };
        extended.set(usize::try_from(longer.number(&place)?).ok()?, ChunkLocation { filter_mask, ..location });
    }
    Some((longer, extended))
}

fn counted(grid: &ChunkGrid) -> Option<usize> {
    usize::try_from(grid.chunk_count()).ok().filter(|_| grid.chunk_count() <= CHUNK_LIMIT)
}

/// Cuts unfiltered chunks into shorter ones along `axis`; `length` divides the old chunk length, chunk lengths before `axis` are 1, and
/// an element takes `element_size` bytes.
pub(super) fn split(
    grid: &ChunkGrid,
    manifest: &ChunkManifest,
    axis: usize,
    length: u64,
    element_size: u64,
) -> Option<(ChunkGrid, ChunkManifest)> {
    let mut chunk_shape = grid.chunk_shape.clone();
    let old_length = std::mem::replace(chunk_shape.get_mut(axis)?, length);
    if length == 0 || old_length % length != 0 || grid.chunk_shape[..axis].iter().any(|length| *length != 1) {
        return None;
    }
    let cut = ChunkGrid::new(grid.shape.clone(), chunk_shape)?;
    let bytes = cut.chunk_elements()?.checked_mul(element_size)?;
    let mut finer = manifest.missing_alike(counted(&cut)?);
    for number in 0..cut.chunk_count() {
        let mut coordinates = cut.coordinates(number);
        let step = coordinates[axis] * length;
        coordinates[axis] = step / old_length;
        let old = manifest.get(usize::try_from(grid.number(&coordinates)?).ok()?);
        let Some(old) = old else { continue };
        let skipped = (step % old_length / length).checked_mul(bytes)?;
        let location =
            ChunkLocation { offset: old.offset.checked_add(skipped)?, length: bytes, filter_mask: old.filter_mask };
        if skipped.checked_add(bytes)? > old.length {
            return None;
        }
        finer.set(usize::try_from(number).ok()?, location);
    }
    Some((cut, finer))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn location(offset: u64, length: u64) -> ChunkLocation {
        ChunkLocation { offset, length, filter_mask: 0 }
    }

    #[test]
    fn contiguous_data_are_cut_into_steps() {
        let grid = ChunkGrid::new(vec![4, 3], vec![4, 3]).unwrap();
        let (cut, finer) = split(&grid, &ChunkManifest::single(location(100, 48)), 0, 2, 4).unwrap();
        assert_eq!(cut.chunk_shape, [2, 3]);
        assert_eq!(finer.iter().collect::<Vec<_>>(), [Some(location(100, 24)), Some(location(124, 24))]);
        // A chunk that is shorter than it says is not cut.
        assert_eq!(split(&grid, &ChunkManifest::single(location(100, 47)), 0, 2, 4), None);
        // Steps that are not one after the other in the file cannot be cut.
        assert_eq!(split(&grid, &ChunkManifest::single(location(100, 48)), 1, 1, 4), None);
    }

    #[test]
    fn longer_dimensions_are_filled_with_missing_chunks() {
        let grid = ChunkGrid::new(vec![2, 2], vec![1, 1]).unwrap();
        let mut manifest = ChunkManifest::missing(4);
        (0..4).for_each(|n| assert!(manifest.set(n, location(10 * n as u64, 10))));
        let (longer, extended) = extend(&grid, &manifest, &[3, 3]).unwrap();
        assert_eq!(longer.grid_shape(), [3, 3]);
        let offsets: Vec<_> = extended.iter().map(|l| l.map(|l| l.offset)).collect();
        assert_eq!(offsets, [Some(0), Some(10), None, Some(20), Some(30), None, None, None, None]);
        let uneven = ChunkGrid::new(vec![3], vec![2]).unwrap();
        assert_eq!(extend(&uneven, &ChunkManifest::missing(2), &[2]), None);
        let mut manifest = ChunkManifest::missing(2);
        (0..2).for_each(|n| assert!(manifest.set(n, location(10 * n as u64, 10))));
        let (_, extended) = extend(&uneven, &manifest, &[5]).unwrap();
        let masks: Vec<_> = extended.iter().map(|l| l.map(|l| l.filter_mask)).collect();
        assert_eq!(masks, [Some(0), Some(ANEW), None]);
    }
}
