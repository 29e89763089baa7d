//! Bitshuffle (HDF5 filter 32008): the first bits of all elements of a block, then all second bits, and so on; each block
//! compressed with LZ4 or Zstandard, or not at all.
//!
//! Source: the filter's README and `bitshuffle_core.c`. Parameters: version (2), bytes of an element, elements of a block,
//! compressor (0 none, 2 LZ4, 3 Zstandard), level.

use super::blocks::{Reader, push_block};
use super::{CodecError, lz77, zstd};

/// Blocks hold a multiple of so many elements; what is left of a chunk is stored as it is.
const MULTIPLE: usize = 8;
const DEFAULT_BLOCK_BYTES: usize = 8192;
const LEAST_BLOCK: usize = 128;

pub(super) fn decode(stored: &[u8], parameters: &[u32], decoded_length: usize) -> Result<Vec<u8>, CodecError> {
    let parameter = |at: usize| parameters.get(at).and_then(|value| usize::try_from(*value).ok()).unwrap_or(0);
    let (element, block, compressor) = (parameter(2).max(1), parameter(3), parameter(4));
    if compressor == 0 {
        let elements = if block == 0 { default_block(element) } else { block };
        return Ok(decode_plain(stored, element, elements.saturating_mul(element)));
    }
    let unpack: fn(&[u8], usize) -> Result<Vec<u8>, CodecError> = match compressor {
        2 => lz77::lz4,
        3 => zstd::decode,
        other => return Err(CodecError::Unsupported { filter: format!("bitshuffle with compressor {other}") }),
    };
    let mut reader = Reader::new("bitshuffle", stored);
    let total = reader.length(8)?;
    let block = reader.length(4)?;
    if total > decoded_length {
        return Err(CodecError::Length { expected: decoded_length, found: decoded_length, more: true });
    }
    let step = block / element / MULTIPLE * MULTIPLE * element;
    if step == 0 {
        return Err(reader.damaged("blocks of less than eight elements"));
    }
    let mut bytes = Vec::new();
    let whole = total / element / MULTIPLE * MULTIPLE * element;
    while bytes.len() < whole {
        let expected = step.min(whole - bytes.len());
        let length = reader.length(4)?;
        let shuffled = unpack(reader.take(length)?, expected)?;
        push_block(&mut bytes, "bitshuffle", &undo(&shuffled, element), expected)?;
    }
    bytes.extend_from_slice(reader.take(total - whole)?);
    Ok(bytes)
}

fn default_block(element: usize) -> usize {
    (DEFAULT_BLOCK_BYTES / element / MULTIPLE * MULTIPLE).max(LEAST_BLOCK)
}

fn decode_plain(stored: &[u8], element: usize, block: usize) -> Vec<u8> {
    let step = (block / element / MULTIPLE * MULTIPLE).max(MULTIPLE).saturating_mul(element);
    let whole = stored.len() / element / MULTIPLE * MULTIPLE * element;
    let mut bytes = Vec::with_capacity(stored.len());
    for shuffled in stored[..whole].chunks(step) {
        bytes.extend_from_slice(&undo(shuffled, element));
    }
    bytes.extend_from_slice(&stored[whole..]);
    bytes
}

/// Puts the bits of each element together again; what is not eight whole elements stays where it is.
pub(super) fn undo(shuffled: &[u8], element: usize) -> Vec<u8> {
    let mut raw = shuffled.to_vec();
    let count = shuffled.len() / element / MULTIPLE * MULTIPLE;
    let row = count / 8;
    if row == 0 {
        return raw;
    }
    raw[..count * element].fill(0);
    for (number, bits) in shuffled[..count * element].chunks_exact(row).enumerate() {
        let (byte, bit) = (number / 8, number % 8);
        for (group, bits) in bits.iter().enumerate().filter(|(_, bits)| **bits != 0) {
            for member in 0..8 {
                raw[(group * 8 + member) * element + byte] |= (bits >> member & 1) << bit;
            }
        }
    }
    raw
}
