//! Zstandard (HDF5 filter 32015, RFC 8878): one frame.

use std::io::Read;

use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::CodecError;

pub(super) fn decode(stored: &[u8], limit: usize) -> Result<Vec<u8>, CodecError> {
    let damaged = |reason: String| CodecError::Damaged { filter: "zstd", length: stored.len(), reason };
    let decoder = StreamingDecoder::new(stored).map_err(|error| damaged(error.to_string()))?;
    let budget = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    decoder.take(budget).read_to_end(&mut bytes).map_err(|error| damaged(error.to_string()))?;
    if bytes.len() > limit {
        return Err(CodecError::Length { expected: limit, found: limit, more: true });
    }
    Ok(bytes)
}

/// Of the level only this is kept: it is a frame that every decoder takes.
pub(super) fn encode(raw: &[u8]) -> Vec<u8> {
    compress_to_vec(raw, CompressionLevel::Fastest)
}
