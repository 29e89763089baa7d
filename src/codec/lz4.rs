//! LZ4 as HDF5 frames it (filter 32004): the length of all, that of a block, then each block behind its stored length. All
//! numbers are big-endian; a block as long as its content is stored as it is.

use super::blocks::{Reader, push_block};
use super::{CodecError, lz77};

pub(super) fn decode(stored: &[u8], limit: usize) -> Result<Vec<u8>, CodecError> {
    let mut reader = Reader::new("lz4", stored);
    let total = reader.length(8)?;
    let block = reader.length(4)?;
    if total > limit {
        return Err(CodecError::Length { expected: limit, found: limit, more: true });
    }
    if block == 0 && total > 0 {
        return Err(reader.damaged("its blocks have no length"));
    }
    let mut bytes = Vec::new();
    while bytes.len() < total {
        let expected = block.min(total - bytes.len());
        let length = reader.length(4)?;
        let piece = reader.take(length)?;
        if length == expected {
            bytes.extend_from_slice(piece);
        } else {
            push_block(&mut bytes, "lz4", &lz77::lz4(piece, expected)?, expected)?;
        }
    }
    Ok(bytes)
}
