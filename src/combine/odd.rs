//! Chunks that no reference can give, one by one: they are decoded, encoded with the filters of all others, and stand in the product.
//!
//! | chunk | why |
//! | --- | --- |
//! | with a filter mask, or at the edge where the file leaves edges unfiltered | an array has one chain of filters |
//! | that a variable ends within, although its dimensions go on | its bytes beyond the end need not be fill |
//! | never written, in a file whose fill is not the cube's | an array has one fill |

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use super::boxes::Boxes;
use super::{Context, along::reversed, conflict};
use crate::codec::encode_chunk;
use crate::model::{
    ChunkGrid, ChunkLocation, ChunkManifest, CodecChain, Conflict, ConflictKind, FileVariable, VariablePath,
};

/// The filter mask of chunks that are to be encoded anew.
pub(super) const ANEW: u32 = u32::MAX;

/// The most bytes of one variable that are encoded anew, decoded.
const LIMIT: u64 = 64 << 20;

/// What one file cannot give by references.
#[derive(Debug, Default)]
pub(super) struct Odd {
    /// By their numbers in the grid of the file's part, as encoded.
    pub(super) chunks: BTreeMap<u64, Bytes>,
    /// How many of them were written by the file.
    pub(super) written: usize,
}

/// A variable's manifest, in which chunks that need another decoding have a filter mask.
pub(super) fn marked(variable: &FileVariable) -> Arc<ChunkManifest> {
    let grid = &variable.grid;
    let is_short = |at: (&u64, (&u64, &u64))| {
        let (place, (length, chunk)) = at;
        (place + 1).saturating_mul(*chunk) > *length
    };
    let has_short = grid.shape.iter().zip(&grid.chunk_shape).any(|(length, chunk)| length % chunk != 0);
    if !variable.unfiltered_edges || variable.codecs.is_empty() || !has_short {
        return Arc::clone(&variable.manifest);
    }
    let mut marked = variable.manifest.missing_alike(variable.manifest.len());
    for (number, location) in (0u64..).zip(variable.manifest.iter()) {
        let (Some(location), Ok(at)) = (location, usize::try_from(number)) else { continue };
        let place = grid.coordinates(number);
        let is_edge = place.iter().zip(grid.shape.iter().zip(&grid.chunk_shape)).any(is_short);
        let filter_mask = if is_edge { ANEW } else { location.filter_mask };
        marked.set(at, ChunkLocation { filter_mask, ..location });
    }
    Arc::new(marked)
}

/// One file's part of a variable, as it stands in the cube.
pub(super) struct FilePart<'a> {
    pub(super) file: usize,
    pub(super) variable: &'a FileVariable,
    pub(super) grid: &'a ChunkGrid,
    pub(super) manifest: Arc<ChunkManifest>,
}

/// Takes chunks that no reference can give out of a manifest; what they hold, encoded.
///
/// `fill` is the element that missing chunks of the cube read as.
///
/// # Errors
/// They are too many, cannot be read, or there is no way to encode them.
pub(super) fn taken_out(
    context: &Context<'_>,
    path: &VariablePath,
    part: FilePart<'_>,
    boxes: &Boxes,
    codecs: &CodecChain,
    fill: &[u8],
) -> Result<(Arc<ChunkManifest>, Odd), Box<Conflict>> {
    let own_fill = fill_of(part.variable);
    let other_fill = own_fill != fill && part.manifest.present() < part.manifest.len();
    if !part.manifest.has_masks() && !other_fill {
        return Ok((part.manifest, Odd::default()));
    }
    let refused = |expected: &str, found: String| {
        let remedy =
            "rewrite the file with all filters for every chunk and one fill value, or leave the variable out of it";
        conflict::within(context, ConflictKind::Unsupported, path, part.file, expected, found, remedy)
    };
    let elements = part.grid.chunk_elements().and_then(|elements| usize::try_from(elements).ok()).unwrap_or(usize::MAX);
    let bytes = (elements as u64).saturating_mul(own_fill.len() as u64);
    let is_odd = |location: &Option<ChunkLocation>| location.map_or(other_fill, |location| location.filter_mask != 0);
    let count = part.manifest.iter().filter(is_odd).count();
    if (count as u64).saturating_mul(bytes) > LIMIT {
        let found =
            format!("{count} chunks of {bytes} bytes that skip filters, end within a chunk or read as another fill");
        return Err(refused("at most 64 MiB of chunks that must be encoded anew", found));
    }
    let encoded = |raw: &[u8]| {
        let encoded =
            encode_chunk(raw, codecs).map_err(|error| refused("filters that can be applied anew", error.to_string()));
        encoded.map(Bytes::from)
    };
    let (mut kept, mut odd) = (part.manifest.missing_alike(part.manifest.len()), Odd::default());
    let mut of_fill: Option<Bytes> = None;
    for (number, location) in (0u64..).zip(part.manifest.iter()) {
        match location {
            Some(location) if location.filter_mask == 0 => {
                kept.set(usize::try_from(number).unwrap_or(usize::MAX), location);
            }
            Some(_) => {
                let (start, count) = in_file(context, boxes, &part, number);
                let raw = context.sources.slab(context.files[part.file], path, &start, &count);
                let raw = raw.map_err(|error| context.unreadable(path, part.file, error))?;
                odd.chunks.insert(number, encoded(&raw)?);
                odd.written += 1;
            }
            None if other_fill => {
                let bytes = match &of_fill {
                    Some(bytes) => bytes.clone(),
                    None => of_fill.insert(encoded(&own_fill.repeat(elements))?).clone(),
                };
                odd.chunks.insert(number, bytes);
            }
            None => {}
        }
    }
    Ok((Arc::new(kept), odd))
}

/// Where a chunk of a part lies in the file: start and count.
fn in_file(context: &Context<'_>, boxes: &Boxes, part: &FilePart<'_>, number: u64) -> (Vec<u64>, Vec<u64>) {
    let place = part.grid.coordinates(number);
    let reversed = reversed(context, boxes, part.file);
    let own = boxes.lifted..place.len();
    let start = own.clone().map(|axis| {
        let at = place[axis].saturating_mul(part.grid.chunk_shape[axis]);
        // Only parts of one step in each chunk are turned round.
        if reversed[axis - boxes.lifted] { part.grid.shape[axis].saturating_sub(1).saturating_sub(at) } else { at }
    });
    (start.collect(), part.grid.chunk_shape[own].to_vec())
}

/// The element that a variable's never-written chunks read as.
pub(super) fn fill_of(variable: &FileVariable) -> Vec<u8> {
    variable.fill_value.clone().unwrap_or_else(|| vec![0; variable.data_type.size().unwrap_or(0)])
}
