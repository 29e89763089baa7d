//! Deflate in a zlib wrapper (HDF5 filter 1, RFC 1950).

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::CodecError;

/// No deflate stream is longer than this many times its compressed length.
const GREATEST_RATIO: usize = 1032;

/// Inflates at most `limit` bytes; bytes beyond the stream's end are left alone, as HDF5 does.
pub(super) fn decode(stored: &[u8], limit: usize) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(limit.min(stored.len().saturating_mul(GREATEST_RATIO)));
    let budget = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    ZlibDecoder::new(stored).take(budget).read_to_end(&mut bytes).map_err(failed("inflated", stored.len()))?;
    if bytes.len() > limit {
        return Err(CodecError::Length { expected: limit, found: limit, more: true });
    }
    Ok(bytes)
}

pub(super) fn encode(raw: &[u8], level: u8) -> Result<Vec<u8>, CodecError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(u32::from(level.min(9))));
    encoder.write_all(raw).and_then(|()| encoder.finish()).map_err(failed("deflated", raw.len()))
}

fn failed(action: &'static str, length: usize) -> impl FnOnce(std::io::Error) -> CodecError {
    move |source| CodecError::Deflate { action, length, source }
}
