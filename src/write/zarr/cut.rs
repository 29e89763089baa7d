//! How an array is cut into chunks, and these kept in shards.

use super::ArrayCut;
use crate::model::{ChunkGrid, ZarrVersion};
use crate::read::Region;

/// The chunks and shards of an array.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cut {
    pub(super) version: ZarrVersion,
    /// Shape and chunk shape.
    pub(super) grid: ChunkGrid,
    /// The shape of a shard: whole chunks; `None` if each chunk is a file of its own.
    pub(super) shard: Option<Vec<u64>>,
}

impl Cut {
    /// The same for who keeps it.
    pub(super) fn told(&self) -> ArrayCut {
        ArrayCut { chunk: self.grid.chunk_shape.clone(), shard: self.shard.clone() }
    }

    /// The shape of what is one file: a shard, or a chunk.
    pub(super) fn unit(&self) -> &[u64] {
        self.shard.as_ref().unwrap_or(&self.grid.chunk_shape)
    }

    /// The places of the units that a box touches, counted in units.
    pub(super) fn units_in(&self, region: &Region) -> Vec<Vec<u64>> {
        places(&ranges(region, self.unit()))
    }

    /// The box of a unit, which may reach beyond the array.
    pub(super) fn unit_region(&self, place: &[u64]) -> Region {
        let start = place.iter().zip(self.unit()).map(|(at, length)| at * length).collect();
        Region { start, count: self.unit().to_vec() }
    }

    /// The key of a unit of the array with this key.
    pub(super) fn unit_key(&self, array: &str, place: &[u64]) -> String {
        let key = crate::read::chunk_key(place);
        match self.version {
            ZarrVersion::V2 => format!("{array}/{key}"),
            ZarrVersion::V3 if place.is_empty() => format!("{array}/c"),
            ZarrVersion::V3 => format!("{array}/c/{}", key.replace('.', "/")),
        }
    }

    /// The numbers of the chunks of a unit, in C order within it; `None` for those that lie beyond the array.
    pub(super) fn chunks_of(&self, place: &[u64]) -> Vec<Option<u64>> {
        let region = self.unit_region(place);
        places(&ranges(&region, &self.grid.chunk_shape)).iter().map(|place| self.grid.number(place)).collect()
    }

    /// The numbers of the chunks that a box within the array touches.
    pub(super) fn chunks_in(&self, region: &Region) -> Vec<u64> {
        let places = places(&ranges(region, &self.grid.chunk_shape));
        places.iter().filter_map(|place| self.grid.number(place)).collect()
    }
}

/// The first and the end of the cells of this shape that a box touches, along each dimension.
fn ranges(region: &Region, cell: &[u64]) -> Vec<(u64, u64)> {
    let range = |((start, count), cell): ((&u64, &u64), &u64)| (start / cell, (start + count).div_ceil(*cell));
    region.start.iter().zip(&region.count).zip(cell).map(range).collect()
}

/// All places of a grid within these ranges, in C order.
fn places(ranges: &[(u64, u64)]) -> Vec<Vec<u64>> {
    let mut all = vec![Vec::with_capacity(ranges.len())];
    for (first, end) in ranges {
        let along = |place: Vec<u64>| (*first..*end).map(move |at| [place.as_slice(), &[at]].concat());
        all = all.into_iter().flat_map(along).collect();
    }
    all
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn shards_hold_the_chunks_of_their_box() {
        let grid = ChunkGrid::new(vec![5, 7], vec![2, 2]).unwrap();
        let cut = Cut { version: ZarrVersion::V3, grid, shard: Some(vec![4, 4]) };
        assert_eq!(cut.units_in(&Region { start: vec![0, 4], count: vec![5, 3] }), [[0, 1], [1, 1]]);
        assert_eq!(cut.chunks_of(&[0, 1]), [Some(2), Some(3), Some(6), Some(7)]);
        assert_eq!(cut.chunks_of(&[1, 1]), [Some(10), Some(11), None, None]);
        assert_eq!(cut.chunks_in(&Region { start: vec![1, 1], count: vec![2, 1] }), [0, 4]);
        assert_eq!(cut.unit_key("a/tas", &[1, 0]), "a/tas/c/1/0");
        let scalar = Cut { version: ZarrVersion::V3, grid: ChunkGrid::new(vec![], vec![]).unwrap(), shard: None };
        assert_eq!((scalar.unit_key("x", &[]), scalar.chunks_of(&[])), ("x/c".into(), vec![Some(0)]));
        let second = Cut { version: ZarrVersion::V2, ..scalar };
        assert_eq!((second.unit_key("x", &[]), second.unit_key("x", &[3, 0])), ("x/0".into(), "x/3.0".into()));
    }
}
