//! Chunks and shards as they are stored: zstd for each chunk; a shard is its chunks one after the other, and behind them an index of
//! where each is (Zarr specification, version 3, codec `sharding_indexed`, index at the end with CRC-32C).

use std::borrow::Cow;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zarrs::array::codec::Crc32cCodec;
use zarrs::array::{BytesToBytesCodecTraits, CodecError, CodecOptions};
use zstd::bulk::Compressor;
use zstd::zstd_safe::compress_bound;

/// How the index says that a chunk is not there.
const ABSENT: u64 = u64::MAX;

/// Compressors of one level that are used again: their tables, and the room for what does not compress at all, are larger than most
/// encoded chunks.
pub(super) struct Encoders {
    level: i32,
    idle: Mutex<Vec<Encoder>>,
}

struct Encoder {
    compressor: Compressor<'static>,
    room: Vec<u8>,
}

impl Encoders {
    pub(super) fn new(level: i32) -> Self {
        Self { level, idle: Mutex::default() }
    }

    /// Compresses one chunk: a frame that says how long it is.
    pub(super) fn chunk(&self, raw: &[u8]) -> io::Result<Vec<u8>> {
        let known = self.idle().pop();
        let mut encoder = match known {
            Some(encoder) => encoder,
            None => Encoder { compressor: Compressor::new(self.level)?, room: Vec::new() },
        };
        encoder.room.clear();
        encoder.room.reserve(compress_bound(raw.len()));
        encoder.compressor.compress_to_buffer(raw, &mut encoder.room)?;
        let encoded = encoder.room.as_slice().to_vec();
        self.idle().push(encoder);
        Ok(encoded)
    }

    /// Lets go of the memory that is kept for later chunks.
    pub(super) fn rest(&self) {
        self.idle().clear();
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Encoder>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use zarrs::array::codec::ZstdCodec;

    use super::*;

    #[test]
    fn an_encoder_that_was_used_writes_what_a_new_one_does() {
        let encoders = Encoders::new(3);
        for length in [0, 7, 100_000, 300, 100_001] {
            let raw: Vec<u8> = (0..length).map(|at: u32| (at.wrapping_mul(at) / 97).to_le_bytes()[0]).collect();
            let alone = ZstdCodec::new(3, false).encode(Cow::Borrowed(&raw), &CodecOptions::default()).unwrap();
            assert_eq!(encoders.chunk(&raw).unwrap(), alone.as_ref(), "{length}");
        }
        assert_eq!(encoders.idle().len(), 1);
    }
}
