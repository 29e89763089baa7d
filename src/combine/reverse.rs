//! Files that run the other way.

use crate::model::{ChunkGrid, ChunkManifest};

/// The chunks of an array that is turned round along `axis`; `None` if they are longer than one step there: within a chunk nothing can be
/// turned round.
pub(super) fn manifest(grid: &ChunkGrid, manifest: &ChunkManifest, axis: usize) -> Option<ChunkManifest> {
    let length = *grid.shape.get(axis)?;
    if *grid.chunk_shape.get(axis)? != 1 && length > 1 {
        return None;
    }
    let mut turned = ChunkManifest::missing(manifest.len());
    for (number, location) in (0u64..).zip(manifest.iter()) {
        let Some(location) = location else { continue };
        let mut place = grid.coordinates(number);
        place[axis] = length.checked_sub(place[axis])?.checked_sub(1)?;
        if !turned.set(usize::try_from(grid.number(&place)?).ok()?, location) {
            return None;
        }
    }
    Some(turned)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::ChunkLocation;

    #[test]
    fn steps_are_turned_round_but_not_within_chunks() {
        let grid = ChunkGrid::new(vec![3, 2], vec![1, 1]).unwrap();
        let mut chunks = ChunkManifest::missing(6);
        for number in 0..5 {
            chunks.set(number, ChunkLocation { offset: number as u64, length: 1, filter_mask: 0 });
        }
        let offsets = |turned: ChunkManifest| turned.iter().map(|l| l.map(|l| l.offset)).collect::<Vec<_>>();
        let turned = manifest(&grid, &chunks, 0).unwrap();
        assert_eq!(offsets(turned), [Some(4), None, Some(2), Some(3), Some(0), Some(1)]);
        let longer = ChunkGrid::new(vec![3, 2], vec![3, 2]).unwrap();
        assert_eq!(manifest(&longer, &ChunkManifest::missing(1), 0), None);
    }
}
