//! Where a source's index has the bytes of a box.

use crate::model::{ChunkLocation, Codec, CodecChain, FileVariable};
use crate::read::Region;

/// Where a box of a variable lies in its file: a whole chunk, or one unbroken piece of an unfiltered one.
pub(super) fn locate(variable: &FileVariable, start: &mut [u64], count: &[u64]) -> Result<ChunkLocation, String> {
    let grid = &variable.grid;
    let place: Vec<u64> = start.iter().zip(&grid.chunk_shape).map(|(start, chunk)| start / chunk).collect();
    for (start, chunk) in start.iter_mut().zip(&grid.chunk_shape) {
        *start %= chunk;
    }
    let location = grid.number(&place).and_then(|number| variable.manifest.get(usize::try_from(number).ok()?));
    let location = location.ok_or("a missing chunk: it was never written")?;
    if location.filter_mask != 0 {
        return Err(format!("inlined values: the chunk skipped filters (mask {:#x})", location.filter_mask));
    }
    let is_edge =
        (0..place.len()).any(|axis| (place[axis] + 1).saturating_mul(grid.chunk_shape[axis]) > grid.shape[axis]);
    if variable.unfiltered_edges && is_edge && !variable.codecs.is_empty() {
        return Err("inlined values: chunks at the edge skip all filters".into());
    }
    let is_whole = start.iter().all(|start| *start == 0) && count == grid.chunk_shape;
    if is_whole {
        return Ok(location);
    }
    piece_of(variable, location, start, count).ok_or_else(|| {
        format!("inlined values: the steps are not a chunk of the file, whose chunks are {:?}", grid.chunk_shape)
    })
}

/// The bytes of a box within an unfiltered chunk, if they are unbroken.
fn piece_of(variable: &FileVariable, chunk: ChunkLocation, start: &[u64], count: &[u64]) -> Option<ChunkLocation> {
    let shape = &variable.grid.chunk_shape;
    let size = variable.data_type.size()? as u64;
    let fits = (0..shape.len()).all(|axis| start[axis].checked_add(count[axis]).is_some_and(|end| end <= shape[axis]));
    // Before the first axis that is cut, one row; behind it, whole rows.
    let cut = (0..shape.len()).find(|axis| count[*axis] != 1).unwrap_or(shape.len());
    let is_unbroken = (cut + 1..shape.len()).all(|axis| count[axis] == shape[axis]);
    if !fits || !is_unbroken || !variable.codecs.is_empty() {
        return None;
    }
    let first = shape.iter().zip(start).try_fold(0u64, |n, (length, at)| n.checked_mul(*length)?.checked_add(*at))?;
    let elements = count.iter().try_fold(1u64, |product, n| product.checked_mul(*n))?;
    let (offset, length) = (chunk.offset.checked_add(first.checked_mul(size)?)?, elements.checked_mul(size)?);
    let is_inside = offset.checked_add(length)? <= chunk.offset.checked_add(chunk.length)?;
    is_inside.then_some(ChunkLocation { offset, length, filter_mask: 0 })
}

/// The first written chunk that a box of a file touches.
pub(super) fn first_written(variable: &FileVariable, region: &Region) -> Option<ChunkLocation> {
    let grid = &variable.grid;
    let stored = Region { start: vec![0; grid.shape.len()], count: grid.shape.clone() };
    let inside = region.intersection(&stored)?;
    let first: Vec<u64> = inside.start.iter().zip(&grid.chunk_shape).map(|(start, chunk)| start / chunk).collect();
    let counts: Vec<u64> = (0..first.len())
        .map(|axis| (inside.start[axis] + inside.count[axis]).div_ceil(grid.chunk_shape[axis]) - first[axis])
        .collect();
    let touched: u64 = counts.iter().product();
    (0..touched).find_map(|mut number| {
        let mut place = first.clone();
        for (place, count) in place.iter_mut().zip(&counts).rev() {
            *place += number % count;
            number /= count;
        }
        variable.manifest.get(usize::try_from(grid.number(&place)?).ok()?)
    })
}

/// Filters that are undone in the same way: levels do not matter, and chunks of Blosc say themselves how they were made.
pub(super) fn are_same_filters(first: &CodecChain, second: &CodecChain) -> bool {
    let without_level = |codec: &Codec| match codec {
        Codec::Deflate { .. } => Codec::Deflate { level: 0 },
        Codec::Zstd { .. } => Codec::Zstd { level: 0 },
        Codec::Other { id: Codec::BLOSC, .. } => {
            Codec::Other { id: Codec::BLOSC, name: "blosc".into(), parameters: Vec::new() }
        }
        other => other.clone(),
    };
    first.0.iter().map(without_level).eq(second.0.iter().map(without_level))
}
