//! A reader of classic NetCDF files: CDF-1, CDF-2 (64-bit offset) and CDF-5 (64-bit data).
//!
//! ```text
//!  header bytes ──▶ header ──▶ layout ──▶ FileIndex ──▶ values
//!                   as written  where the            of coordinates
//!                               data are
//! ```
//!
//! The header is parsed from the bytes at hand; when they end too early, more are read and it is parsed again. All numbers are
//! big-endian, and none is believed: where data are is computed from types and dimensions, and must lie within the file.
//!
//! | in the file | in the index |
//! | --- | --- |
//! | a variable of fixed size | contiguous, one chunk |
//! | a record variable | chunks of one record; one chunk where its records follow each other without a gap and are single numbers |
//! | `_FillValue`, or else netCDF's own fill of the type | `fill_value`; without a meaning, for all data of these files are there |
//!
//! Source: "The NetCDF Classic Format Specification" of the NetCDF User's Guide, and what netCDF-C does where that is silent.

mod cursor;
mod header;
mod layout;
#[cfg(test)]
mod tests;
mod types;
mod values;

use bytes::Bytes;

use super::IndexError;
use super::reach::Reach;
use crate::model::{FileIndex, SourceFile};
use crate::storage::ByteSource;
use cursor::{Cursor, Stop};
use header::Header;

/// The greatest header; those of archives have kilobytes.
const GREATEST_HEADER: u64 = 64 << 20;

/// Indexes a file of this version (1, 2 or 5) that begins with these bytes; tells the head that would have sufficed, too.
pub(super) fn index(source: &dyn ByteSource, version: u8, head: Bytes) -> Result<(FileIndex, u64), IndexError> {
    let file = source.file();
    let reach = Reach::default();
    let (header, head) = read_header(source, head)?;
    reach.note(&(0..header.length));
    let mut root = layout::lay_out(file, &header)?;
    values::read(source, &head, &reach, &mut root)
        .map_err(|error| IndexError::Storage { file: file.url.to_string(), source: error })?;
    let format = match version {
        1 => "netCDF-3 classic (CDF-1)",
        2 => "netCDF-3 64-bit offset (CDF-2)",
        _ => "netCDF-3 64-bit data (CDF-5)",
    };
    let index = FileIndex { source: file.clone(), format: format.into(), root, notes: Vec::new() };
    Ok((index, reach.head(file.size)))
}

/// Reads as much of the file as its header takes: the header, and the bytes that are at hand then.
fn read_header(source: &dyn ByteSource, mut bytes: Bytes) -> Result<(Header, Bytes), IndexError> {
    let file = source.file();
    loop {
        let length = bytes.len() as u64;
        let (end, object) = match parse(file, &bytes) {
            Ok(header) => return Ok((header, bytes)),
            Err(Stop::Fault(fault)) => return Err(*fault),
            Err(Stop::Short { end, object }) => (end, object),
        };
        if end > file.size || length == file.size {
            let (file, size) = (file.url.to_string(), file.size);
            return Err(IndexError::Truncated { file, object, structure: "the header", end, size });
        }
        if end > GREATEST_HEADER {
            let what = format!("a header of more than {GREATEST_HEADER} bytes");
            return Err(IndexError::Limit { file: file.url.to_string(), object, what });
        }
        let more = source.read_one(length..end.max(length.saturating_mul(2)).min(file.size));
        let more = more.map_err(|error| IndexError::Storage { file: file.url.to_string(), source: error })?;
        bytes = [&bytes[..], &more].concat().into();
    }
}

fn parse(file: &SourceFile, bytes: &Bytes) -> Result<Header, Stop> {
    header::read(&mut Cursor::new(file, bytes))
}
