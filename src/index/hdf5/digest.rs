//! Digests of coordinates that are too large to be kept: read row of chunks by row of chunks.

use super::driver::Failure;
use super::fault::{Fault, Stop};
use super::values::{chunk_bytes, chunk_limit, decode, filled, place};
use crate::index::digest::Digester;
use crate::index::roles::Wanted;
use crate::model::{ChunkLocation, Digest, Layout};
use crate::storage::ByteSource;

/// How much of a contiguous variable is read at a time.
const PIECE: u64 = 4 << 20;
/// The same, of what is in memory.
const PIECE_BYTES: usize = 4 << 20;

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Fault(fault) => Self::Fault(*fault),
            Stop::Need => Self::Fault(Fault::Limit { what: "a value that cannot be read to its end".into() }),
        }
    }
}

/// Digests a variable.
pub(super) fn digest(source: &dyn ByteSource, wanted: &Wanted) -> Result<Digest, Failure> {
    let variable = wanted.variable;
    let mut digester = Digester::new().skipping_missing(&variable.attributes).sampling(&wanted.shape);
    if variable.layout == Layout::Chunked {
        digest_chunks(source, wanted, &mut digester)?;
    } else {
        digest_whole(source, wanted, &mut digester)?;
    }
    Ok(digester.finish())
}

/// A contiguous array has no unlimited dimension: it is stored as it is.
fn digest_whole(source: &dyn ByteSource, wanted: &Wanted, digester: &mut Digester) -> Result<(), Failure> {
    let Some(location) = wanted.variable.manifest.get(0) else {
        digest_fill(wanted, wanted.bytes, digester);
        return Ok(());
    };
    let mut done = 0;
    while done < wanted.bytes {
        let length = PIECE.min(wanted.bytes - done);
        let piece = source.read_one(location.offset + done..location.offset + done + length)?;
        digester.take(&wanted.variable.data_type, &piece);
        done += length;
    }
    Ok(())
}

/// So many bytes that were never written.
fn digest_fill(wanted: &Wanted, bytes: u64, digester: &mut Digester) {
    let mut left = bytes;
    while left > 0 {
        let length = PIECE.min(left);
        digester.take(&wanted.variable.data_type, &filled(wanted, length));
        left -= length;
    }
}

fn digest_chunks(source: &dyn ByteSource, wanted: &Wanted, digester: &mut Digester) -> Result<(), Failure> {
    let grid = &wanted.variable.grid;
    let limit = chunk_limit(source.file().size);
    chunk_bytes(wanted, limit)?;
    let in_row: u64 = grid.grid_shape().iter().skip(1).product();
    let row_bytes =
        wanted.shape.iter().skip(1).fold(wanted.element as u64, |bytes, length| bytes.saturating_mul(*length));
    let slab_rows = grid.chunk_shape[0].min(wanted.shape[0]);
    let mut first = 0;
    while first < wanted.shape[0] {
        let rows = slab_rows.min(wanted.shape[0] - first);
        let mut shape = wanted.shape.clone();
        shape[0] = rows;
        let row = first / grid.chunk_shape[0];
        let numbers = (row * in_row..(row + 1) * in_row).filter_map(|number| usize::try_from(number).ok());
        let present: Vec<(usize, ChunkLocation)> =
            numbers.filter_map(|number| Some((number, wanted.variable.manifest.get(number)?))).collect();
        if present.is_empty() {
            digest_fill(wanted, rows * row_bytes, digester);
            first += rows;
            continue;
        }
        if slab_rows.saturating_mul(row_bytes) > limit {
            let what = format!("rows of chunks of more than {limit} bytes in a coordinate");
            return Err(Fault::Limit { what }.into());
        }
        let mut slab = filled(wanted, rows * row_bytes);
        let ranges: Vec<_> = present.iter().map(|(_, at)| at.offset..at.offset + at.length).collect();
        for ((number, location), stored) in present.iter().zip(source.read(&ranges)?) {
            let decoded = decode(wanted, *number, *location, &stored)
                .map_err(|source| Failure::Fault(Fault::Decode { source }))?;
            place(wanted, &mut slab, &shape, first, *number, &decoded);
        }
        for piece in slab.chunks(PIECE_BYTES) {
            digester.take(&wanted.variable.data_type, piece);
        }
        first += rows;
    }
    Ok(())
}
