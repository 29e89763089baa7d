//! Shards: several chunks in one file, and behind them an index of where each is (codec `sharding_indexed`).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::unreadable;
use crate::model::ChunkGrid;
use crate::read::ReadError;
use crate::read::zarr2::{lengths, shown, wrong};

/// How the index says that a chunk is not there.
const ABSENT: u64 = u64::MAX;
/// Bytes of one chunk in the index: where it begins and how long it is.
const ENTRY: usize = 16;

/// The shape of an array's shards.
pub(super) struct Sharding {
    shard: Vec<u64>,
    chunk: Vec<u64>,
}

/// Takes the codec `sharding_indexed` away: what is left describes the array by its chunks.
pub(super) fn unwrap(key: &str, mut document: Map<String, Value>) -> Result<(Value, Option<Sharding>), ReadError> {
    let codecs = document.get("codecs").and_then(Value::as_array).cloned().unwrap_or_default();
    let is_sharding = |codec: &Value| codec.get("name").is_some_and(|name| name == "sharding_indexed");
    if !codecs.iter().any(is_sharding) {
        return Ok((Value::Object(document), None));
    }
    let unknown = || {
        wrong(key, "sharding_indexed alone, its index little-endian, with crc32c, at the end", &shown(codecs.first()))
    };
    let [codec] = &codecs[..] else { return Err(unknown()) };
    let configuration = codec.get("configuration").and_then(Value::as_object).ok_or_else(unknown)?;
    let index = json!([{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]);
    let is_at_end = configuration.get("index_location").is_none_or(|location| location == "end");
    if configuration.get("index_codecs") != Some(&index) || !is_at_end {
        return Err(unknown());
    }
    let chunk = lengths(key, configuration, "chunk_shape")?;
    let grid = document.get("chunk_grid").and_then(|grid| grid.get("configuration")).and_then(Value::as_object);
    let shard = lengths(
        key,
        grid.ok_or_else(|| wrong(key, "a regular chunk_grid", &shown(document.get("chunk_grid"))))?,
        "chunk_shape",
    )?;
    let fits = shard.len() == chunk.len() && shard.iter().zip(&chunk).all(|(s, c)| *c > 0 && *s > 0 && s % c == 0);
    if !fits {
        return Err(wrong(key, "shards of whole chunks", &format!("{shard:?} of {chunk:?}")));
    }
    let inner = configuration.get("codecs").cloned().unwrap_or_default();
    if inner.as_array().is_some_and(|codecs| codecs.iter().any(is_sharding)) {
        return Err(wrong(key, "chunks in shards, not shards in shards", &inner));
    }
    document.insert("codecs".into(), inner);
    document.insert("chunk_grid".into(), json!({"name": "regular", "configuration": {"chunk_shape": &chunk}}));
    Ok((Value::Object(document), Some(Sharding { shard, chunk })))
}

impl Sharding {
    /// The grid of shards over an array.
    pub(super) fn units(&self, key: &str, grid: &ChunkGrid) -> Result<ChunkGrid, ReadError> {
        ChunkGrid::new(grid.shape.clone(), self.shard.clone())
            .ok_or_else(|| wrong(key, "as many shard lengths as shape", &format!("{:?}", self.shard)))
    }

    /// The chunks of a shard: the number of each in the array, where it begins and how long it is.
    pub(super) fn chunks(
        &self,
        folder: &Path,
        (key, size): (&str, u64),
        place: &[u64],
        grid: &ChunkGrid,
    ) -> Result<Vec<(u64, u64, u64)>, ReadError> {
        let index = self.index(folder, key, size)?;
        let counts: Vec<u64> = self.shard.iter().zip(&self.chunk).map(|(shard, chunk)| shard / chunk).collect();
        let data = size - index.len() as u64 - 4;
        let mut found = Vec::new();
        for (number, entry) in (0u64..).zip(index.chunks_exact(ENTRY)) {
            let (offset, length) = entry.split_at(8);
            let number64 = |bytes: &[u8]| bytes.try_into().map_or(ABSENT, u64::from_le_bytes);
            let (offset, length) = (number64(offset), number64(length));
            if (offset, length) == (ABSENT, ABSENT) {
                continue;
            }
            let mut rest = number;
            let mut chunk = vec![0; counts.len()];
            for axis in (0..counts.len()).rev() {
                chunk[axis] = place[axis] * counts[axis] + rest % counts[axis];
                rest /= counts[axis];
            }
            let wrong =
                |expected| wrong(key, expected, &format!("chunk {number} at {offset}+{length} of {data} bytes"));
            let within = grid.number(&chunk).ok_or_else(|| wrong("chunks within the array"))?;
            if offset.checked_add(length).is_none_or(|end| end > data) {
                return Err(wrong("chunks within the shard"));
            }
            found.push((within, offset, length));
        }
        Ok(found)
    }

    fn index(&self, folder: &Path, key: &str, size: u64) -> Result<Vec<u8>, ReadError> {
        let count = self.shard.iter().zip(&self.chunk).try_fold(1u64, |n, (shard, chunk)| n.checked_mul(shard / chunk));
        let length = count.and_then(|count| count.checked_mul(ENTRY as u64)).and_then(|length| length.checked_add(4));
        let length = length.filter(|length| *length <= size);
        let length = length.ok_or_else(|| wrong(key, "room for the index of a shard", &format!("{size} bytes")))?;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let read = File::open(folder.join(key)).and_then(|file| file.read_exact_at(&mut bytes, size - length));
        read.map_err(|source| unreadable(key, source))?;
        let stored = bytes.split_off(bytes.len() - 4);
        let found = crc32c(&bytes).to_le_bytes();
        if stored != found {
            return Err(wrong(key, "an index whose CRC-32C is right", &format!("{found:02x?} for {stored:02x?}")));
        }
        Ok(bytes)
    }
}

/// CRC-32C (Castagnoli), bit by bit: indexes are small, and the writer has another implementation.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_known_one() {
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }
}
