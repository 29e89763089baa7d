//! Digests of coordinates that are too large to be kept: read row of chunks by row of chunks.

use super::driver::Failure;
use super::fault::{Fault, Stop};
use super::values::{CHUNK_LIMIT, chunk_bytes, decode, filled, place};
use crate::index::digest::Digester;
use crate::index::roles::Wanted;
use crate::model::{ChunkLocation, Digest, Layout};
use crate::storage::ByteSource;

/// How much of a contiguous variable is read at a time.
const PIECE: u64 = 4 << 20;

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
    // Deflate packs at most 1,032 bytes into one: what is larger was never written, and is no coordinate.
    if wanted.bytes > source.file().size.saturating_mul(1100).saturating_add(CHUNK_LIMIT) {
        let what = format!("{} bytes of coordinates, more than its file can hold", wanted.bytes);
        return Err(Fault::Limit { what }.into());
    }
    let mut digester = Digester::new().skipping_missing(&variable.attributes);
    if variable.layout == Layout::Chunked {
        digest_chunks(source, wanted, &mut digester)?;
    } else {
        digest_whole(source, wanted, &mut digester)?;
    }
    Ok(digester.finish())
}

/// A contiguous array has no unlimited dimension: it is stored as it is.
fn digest_whole(source: &dyn ByteSource, wanted: &Wanted, digester: &mut Digester) -> Result<(), Failure> {
    let location = wanted.variable.manifest.get(0);
    let mut done = 0;
    while done < wanted.bytes {
        let length = PIECE.min(wanted.bytes - done);
        let piece = match location {
            Some(location) => source.read_one(location.offset + done..location.offset + done + length)?,
            None => filled(wanted, length).into(),
        };
        digester.take(&wanted.variable.data_type, &piece);
        done += length;
    }
    Ok(())
}

fn digest_chunks(source: &dyn ByteSource, wanted: &Wanted, digester: &mut Digester) -> Result<(), Failure> {
    let grid = &wanted.variable.grid;
    chunk_bytes(wanted)?;
    let in_row: u64 = grid.grid_shape().iter().skip(1).product();
    let row_bytes =
        wanted.shape.iter().skip(1).fold(wanted.element as u64, |bytes, length| bytes.saturating_mul(*length));
    let slab_rows = grid.chunk_shape[0].min(wanted.shape[0]);
    if slab_rows.saturating_mul(row_bytes) > CHUNK_LIMIT {
        let what = format!("rows of chunks of more than {CHUNK_LIMIT} bytes in a coordinate");
        return Err(Fault::Limit { what }.into());
    }
    let mut first = 0;
    while first < wanted.shape[0] {
        let rows = slab_rows.min(wanted.shape[0] - first);
        let mut shape = wanted.shape.clone();
        shape[0] = rows;
        let mut slab = filled(wanted, rows * row_bytes);
        let row = first / grid.chunk_shape[0];
        let numbers = (row * in_row..(row + 1) * in_row).filter_map(|number| usize::try_from(number).ok());
        let present: Vec<(usize, ChunkLocation)> =
            numbers.filter_map(|number| Some((number, wanted.variable.manifest.get(number)?))).collect();
        let ranges: Vec<_> = present.iter().map(|(_, at)| at.offset..at.offset + at.length).collect();
        for ((number, location), stored) in present.iter().zip(source.read(&ranges)?) {
            let decoded = decode(wanted, *number, *location, &stored)
                .map_err(|source| Failure::Fault(Fault::Decode { source }))?;
            place(wanted, &mut slab, &shape, first, *number, &decoded);
        }
        digester.take(&wanted.variable.data_type, &slab);
        first += rows;
    }
    Ok(())
}
