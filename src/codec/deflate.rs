//! Deflate in a zlib wrapper (HDF5 filter 1, RFC 1950).

use std::cell::RefCell;
use std::io::{Error, ErrorKind, Write};

use flate2::write::ZlibEncoder;
use flate2::{Compression, Decompress, DecompressError, FlushDecompress, Status};

use super::CodecError;

/// No deflate stream is longer than this many times its compressed length.
const GREATEST_RATIO: usize = 1032;

thread_local! {
    /// A decoder's window is larger than many chunks: each thread keeps its own.
    static DECODER: RefCell<Decompress> = RefCell::new(Decompress::new(true));
}

/// Inflates at most `limit` bytes; bytes beyond the stream's end are left alone, as HDF5 does.
pub(super) fn decode(stored: &[u8], limit: usize) -> Result<Vec<u8>, CodecError> {
    // In one go, so that the decoder looks back into these bytes and not into a window of its own; one more tells what is too long.
    let room = limit.min(stored.len().saturating_mul(GREATEST_RATIO)).saturating_add(1);
    let mut bytes = Vec::with_capacity(room);
    let status = DECODER.with_borrow_mut(|decoder| {
        decoder.reset(true);
        loop {
            let before = (decoder.total_in(), bytes.len());
            let rest = usize::try_from(before.0).ok().and_then(|read| stored.get(read..)).unwrap_or_default();
            let status = decoder.decompress_vec(rest, &mut bytes, FlushDecompress::Finish)?;
            // Only what is longer than 4 GiB takes more than one call.
            let is_stuck = before == (decoder.total_in(), bytes.len());
            if status == Status::StreamEnd || is_stuck || bytes.len() >= room {
                return Ok(status);
            }
        }
    });
    let status = status.map_err(|error: DecompressError| failed("inflated", stored.len())(error.into()))?;
    if bytes.len() > limit {
        return Err(CodecError::Length { expected: limit, found: limit, more: true });
    }
    match status {
        Status::StreamEnd => Ok(bytes),
        Status::Ok | Status::BufError => {
            let end = Error::new(ErrorKind::UnexpectedEof, "the deflate stream is cut off");
            Err(failed("inflated", stored.len())(end))
        }
    }
}

pub(super) fn encode(raw: &[u8], level: u8) -> Result<Vec<u8>, CodecError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(u32::from(level.min(9))));
    encoder.write_all(raw).and_then(|()| encoder.finish()).map_err(failed("deflated", raw.len()))
}

fn failed(action: &'static str, length: usize) -> impl FnOnce(Error) -> CodecError {
    move |source| CodecError::Deflate { action, length, source }
}
