//! Chunks and shards as they are stored: zstd for each chunk; a shard is its chunks one after the other, and behind them an index of
//! where each is (Zarr specification, version 3, codec `sharding_indexed`, index at the end with CRC-32C).

use std::borrow::Cow;

use zarrs::array::codec::{Crc32cCodec, ZstdCodec};
use zarrs::array::{BytesToBytesCodecTraits, CodecError, CodecOptions};

/// How the index says that a chunk is not there.
const ABSENT: u64 = u64::MAX;

/// Compresses one chunk.
pub(super) fn chunk(raw: &[u8], level: i32) -> Result<Vec<u8>, CodecError> {
    let encoded = ZstdCodec::new(level, false).encode(Cow::Borrowed(raw), &CodecOptions::default())?;
    let mut encoded = encoded.into_owned();
    // Room was taken for what does not compress at all.
    encoded.shrink_to_fit();
    Ok(encoded)
}

/// The index of a shard whose chunks, in C order, are stored one after the other; `None` stands for a chunk that is left out.
pub(super) fn shard_index(chunks: &[Option<Vec<u8>>]) -> Result<Vec<u8>, CodecError> {
    let mut offset = 0u64;
    let mut index = Vec::with_capacity(16 * chunks.len());
    for chunk in chunks {
        let (at, length) = match chunk {
            Some(bytes) => (offset, bytes.len() as u64),
            None => (ABSENT, ABSENT),
        };
        index.extend_from_slice(&at.to_le_bytes());
        index.extend_from_slice(&length.to_le_bytes());
        offset += chunk.as_ref().map_or(0, |bytes| bytes.len() as u64);
    }
    let index = Crc32cCodec::new().encode(Cow::Owned(index), &CodecOptions::default())?;
    Ok(index.into_owned())
}
