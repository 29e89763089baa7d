//! The shapes of chunks and shards: as the recipe gives them, or chosen for how the store will be read.

use super::ArrayCut;
use crate::model::{ZarrAccess, ZarrSettings, ZarrShards};

/// How many chunks a shard of a chosen shape holds, about.
const CHUNKS_IN_SHARD: u64 = 16;
/// The most bytes of a shard of a chosen shape, before encoding.
const SHARD_LIMIT: u64 = 256 << 20;

/// What choosing a shape asks of an array.
#[derive(Debug, Clone)]
pub(super) struct Extent<'a> {
    /// The names of its dimensions.
    pub(super) dimensions: Vec<&'a str>,
    /// Its length along each.
    pub(super) shape: &'a [u64],
    /// Which of them are time.
    pub(super) is_time: Vec<bool>,
    /// Bytes of an element.
    pub(super) size: u64,
}

impl Extent<'_> {
    fn bytes(&self, shape: &[u64]) -> u64 {
        shape.iter().fold(self.size, |product, length| product.saturating_mul(*length))
    }
}

/// The shape of a chunk: along each dimension at least 1 and at most the array's length.
pub(super) fn chunk_shape(extent: &Extent<'_>, settings: &ZarrSettings) -> Vec<u64> {
    let whole: Vec<u64> = extent.shape.iter().map(|length| (*length).max(1)).collect();
    let given = |axis: usize| settings.chunks.get(extent.dimensions[axis]).map(|length| (*length).min(whole[axis]));
    let mut chunk: Vec<u64> = (0..whole.len()).map(|axis| given(axis).unwrap_or(whole[axis])).collect();
    let free: Vec<usize> = (0..whole.len()).filter(|axis| given(*axis).is_none()).collect();
    for axes in in_turn(extent, settings.access, &free) {
        cut(extent, &whole, &mut chunk, &axes, settings.target);
    }
    chunk
}

/// Which axes are cut first, and which only if that is not enough.
fn in_turn(extent: &Extent<'_>, access: ZarrAccess, free: &[usize]) -> Vec<Vec<usize>> {
    // A map is what the last two dimensions span that are no time.
    let space: Vec<usize> = (0..extent.shape.len()).filter(|axis| !extent.is_time[*axis]).collect();
    let map = &space[space.len().saturating_sub(2)..];
    let part = |wanted: &dyn Fn(usize) -> bool| free.iter().copied().filter(|axis| wanted(*axis)).collect();
    match access {
        ZarrAccess::Balanced => vec![free.to_vec()],
        ZarrAccess::Maps => vec![part(&|axis| !map.contains(&axis)), part(&|axis| map.contains(&axis))],
        ZarrAccess::TimeSeries => vec![part(&|axis| !extent.is_time[axis]), part(&|axis| extent.is_time[axis])],
    }
}

/// Cuts a chunk into ever more pieces, along the axis that has the fewest, until it is small enough.
fn cut(extent: &Extent<'_>, whole: &[u64], chunk: &mut [u64], axes: &[usize], target: u64) {
    let mut pieces = vec![1u64; whole.len()];
    while extent.bytes(chunk) > target {
        let fewest = axes.iter().copied().filter(|axis| chunk[*axis] > 1);
        let Some(axis) = fewest.min_by_key(|axis| (pieces[*axis], u64::MAX - whole[*axis])) else { return };
        // The next number of pieces that makes them shorter.
        let shorter = chunk[axis] - 1;
        pieces[axis] = whole[axis].div_ceil(shorter).max(pieces[axis] + 1);
        chunk[axis] = whole[axis].div_ceil(pieces[axis]);
    }
}

/// The shape of a shard, whole chunks along each dimension; `None` if chunks are kept apart, or there is only one.
pub(super) fn shard_shape(extent: &Extent<'_>, chunk: &[u64], settings: &ZarrSettings) -> Option<Vec<u64>> {
    let grid: Vec<u64> = extent.shape.iter().zip(chunk).map(|(length, chunk)| length.div_ceil(*chunk).max(1)).collect();
    if grid.iter().all(|count| *count == 1) {
        return None;
    }
    let counts: Vec<u64> = match &settings.shards {
        ZarrShards::None => return None,
        ZarrShards::Given(lengths) => (0..grid.len())
            .map(|axis| lengths.get(extent.dimensions[axis]).map_or(1, |length| length.div_ceil(chunk[axis])))
            .zip(&grid)
            .map(|(count, most)| count.clamp(1, *most))
            .collect(),
        ZarrShards::Auto => chosen_counts(extent, chunk, &grid),
    };
    Some(chunk.iter().zip(counts).map(|(length, count)| length * count).collect())
}

/// Whether an array that grows may be cut as it was, so that what is whole need not be copied again: the shapes fit it and what the recipe says,
/// differ from those that would be chosen now along one axis at most, and are not much smaller.
pub(super) fn still_suits(earlier: &ArrayCut, chosen: &ArrayCut, extent: &Extent<'_>, settings: &ZarrSettings) -> bool {
    let is_large = |old: &[u64], new: &[u64]| {
        let (old, new) = (extent.bytes(old), extent.bytes(new));
        old.saturating_mul(2) >= new && old <= new.max(settings.target)
    };
    let fits = earlier.chunk.len() == extent.shape.len()
        && (0..extent.shape.len()).all(|axis| {
            let (old, new) = (earlier.chunk[axis], chosen.chunk[axis]);
            let is_given = settings.chunks.contains_key(extent.dimensions[axis]);
            (1..=extent.shape[axis].max(1)).contains(&old) && (!is_given || old == new)
        });
    let differing = earlier.chunk.iter().zip(&chosen.chunk).filter(|(old, new)| old != new).count();
    fits && differing <= 1
        && is_large(&earlier.chunk, &chosen.chunk)
        && match (&earlier.shard, &chosen.shard) {
            (None, None) => true,
            (Some(old), Some(new)) => {
                let is_whole = |(shard, chunk): (&u64, &u64)| *shard > 0 && shard.is_multiple_of(*chunk);
                old.len() == earlier.chunk.len()
                    && old.iter().zip(&earlier.chunk).all(is_whole)
                    && extent.bytes(old).saturating_mul(2) >= extent.bytes(new)
                    && extent.bytes(old) <= extent.bytes(new).max(SHARD_LIMIT)
                    && (settings.shards == ZarrShards::Auto || old == new)
            }
            _ => false,
        }
}

/// Doubles a shard along the axis that has the most shards, until it holds enough chunks.
fn chosen_counts(extent: &Extent<'_>, chunk: &[u64], grid: &[u64]) -> Vec<u64> {
    let mut counts = vec![1u64; grid.len()];
    loop {
        let chunks: u64 = counts.iter().product();
        let bytes = extent.bytes(chunk).saturating_mul(chunks).saturating_mul(2);
        let shards = |axis: usize| grid[axis].div_ceil(counts[axis]);
        let most = (0..grid.len()).filter(|axis| shards(*axis) > 1).max_by_key(|axis| shards(*axis));
        match most {
            Some(axis) if chunks < CHUNKS_IN_SHARD && bytes <= SHARD_LIMIT => {
                counts[axis] = (counts[axis] * 2).min(grid[axis]);
            }
            _ => return counts,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn extent(shape: &[u64]) -> Extent<'_> {
        let names = ["time", "lev", "lat", "lon"];
        let dimensions: Vec<&str> =
            if shape.len() == 3 { vec!["time", "lat", "lon"] } else { names[..shape.len()].to_vec() };
        Extent { is_time: dimensions.iter().map(|name| *name == "time").collect(), dimensions, shape, size: 4 }
    }

    fn access(access: ZarrAccess, target: u64) -> ZarrSettings {
        ZarrSettings { access, target, ..ZarrSettings::default() }
    }

    #[test]
    fn shapes_follow_from_how_they_are_read() {
        let extent = extent(&[36_500, 96, 144]);
        assert_eq!(chunk_shape(&extent, &access(ZarrAccess::Maps, 4 << 20)), [75, 96, 144]);
        let series = chunk_shape(&extent, &access(ZarrAccess::TimeSeries, 4 << 20));
        assert_eq!(series[0], 36_500);
        let balanced = chunk_shape(&extent, &access(ZarrAccess::Balanced, 4 << 20));
        let grid: Vec<u64> = extent.shape.iter().zip(&balanced).map(|(n, chunk)| n.div_ceil(*chunk)).collect();
        assert!(grid.iter().max().unwrap() - grid.iter().min().unwrap() <= 2, "{grid:?}");
        assert_eq!(chunk_shape(&extent, &access(ZarrAccess::Maps, 1000))[0], 1);
    }

    #[test]
    fn an_array_that_grows_is_cut_as_it_was_until_that_is_too_small() {
        let settings = access(ZarrAccess::Maps, 4 << 20);
        let choose = |shape: &[u64], settings: &ZarrSettings| {
            let extent = extent(shape);
            let chunk = chunk_shape(&extent, settings);
            let shard = shard_shape(&extent, &chunk, settings);
            ArrayCut { chunk, shard }
        };
        let suits = |earlier: &ArrayCut, shape: &[u64], settings: &ZarrSettings| {
            still_suits(earlier, &choose(shape, settings), &extent(shape), settings)
        };
        let first = choose(&[365, 96, 144], &settings);
        assert_ne!(choose(&[366, 96, 144], &settings), first);
        assert!(suits(&first, &[366, 96, 144], &settings) && suits(&first, &[700, 96, 144], &settings));
        // Larger shards, another map, less than there was.
        assert!(!suits(&first, &[3650, 96, 144], &settings) && !suits(&first, &[366, 192, 288], &settings));
        assert!(!suits(&first, &[20, 96, 144], &settings));
        let one = choose(&[1, 96, 144], &settings);
        assert!(suits(&one, &[2, 96, 144], &settings) && !suits(&one, &[3, 96, 144], &settings));
        // What is given counts.
        let given = ZarrSettings { chunks: BTreeMap::from([("time".into(), 365)]), ..settings.clone() };
        let short = choose(&[300, 96, 144], &given);
        assert!(!suits(&short, &[400, 96, 144], &given));
        assert!(suits(&choose(&[400, 96, 144], &given), &[500, 96, 144], &given));
    }

    #[test]
    fn what_is_given_stands() {
        let extent = extent(&[36_500, 96, 144]);
        let mut settings = access(ZarrAccess::Balanced, 1);
        settings.chunks = BTreeMap::from([("time".into(), 365), ("lat".into(), 48), ("lon".into(), 480)]);
        assert_eq!(chunk_shape(&extent, &settings), [365, 48, 144]);
        settings.shards = ZarrShards::Given(BTreeMap::from([("time".into(), 1000), ("lat".into(), 960)]));
        assert_eq!(shard_shape(&extent, &[365, 48, 144], &settings).unwrap(), [1095, 96, 144]);
        assert_eq!(shard_shape(&extent, &[36_500, 96, 144], &settings), None);
        settings.shards = ZarrShards::None;
        assert_eq!(shard_shape(&extent, &[365, 48, 144], &settings), None);
    }

    proptest! {
        #[test]
        fn chunks_and_shards_fit(
            shape in prop::collection::vec(0u64..3000, 0..5), target in 1u64..1 << 20, access in 0usize..3
        ) {
            let access = [ZarrAccess::Maps, ZarrAccess::TimeSeries, ZarrAccess::Balanced][access];
            let settings = ZarrSettings { access, target, ..ZarrSettings::default() };
            let extent = extent(&shape);
            let chunk = chunk_shape(&extent, &settings);
            prop_assert!(chunk.iter().zip(&shape).all(|(chunk, length)| (1..=(*length).max(1)).contains(chunk)));
            prop_assert!(extent.bytes(&chunk) <= target || chunk.iter().all(|length| *length == 1));
            if let Some(shard) = shard_shape(&extent, &chunk, &settings) {
                prop_assert!(shard.iter().zip(&chunk).all(|(shard, chunk)| shard % chunk == 0));
            }
        }
    }
}
