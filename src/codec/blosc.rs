//! Blosc 1 (HDF5 filter 32001): a header of 16 bytes, the place of each block, and the blocks; shuffled by bytes or by bits.
//!
//! Source: `README_CHUNK_FORMAT.rst` of c-blosc 1.21, and `blosc.c` where that is silent.

use super::{CodecError, bitshuffle, deflate, lz77, shuffle, zstd};

const HEADER: usize = 16;
const SHUFFLED: u8 = 0x01;
const COPIED: u8 = 0x02;
const BIT_SHUFFLED: u8 = 0x04;
const NOT_SPLIT: u8 = 0x10;
/// Blocks of larger elements, or of fewer of them, are never split.
const MOST_SPLITS: usize = 16;
const LEAST_SPLIT: usize = 128;

struct Header {
    flags: u8,
    element: usize,
    length: usize,
    block: usize,
}

type Unpack = fn(&[u8], usize) -> Result<Vec<u8>, CodecError>;

pub(super) fn decode(stored: &[u8], limit: usize) -> Result<Vec<u8>, CodecError> {
    let header = read_header(stored)?;
    if header.length > limit {
        return Err(CodecError::Length { expected: limit, found: limit, more: true });
    }
    if header.flags & COPIED != 0 {
        return Ok(piece(stored, HEADER, header.length)?.to_vec());
    }
    if header.block == 0 && header.length > 0 {
        return Err(damaged(stored, "its blocks have no length"));
    }
    let unpack: Unpack = match header.flags >> 5 {
        0 => lz77::blosclz,
        1 => lz77::lz4,
        3 => deflate::decode,
        4 => zstd::decode,
        2 => return Err(CodecError::Unsupported { filter: "blosc with snappy".into() }),
        other => return Err(CodecError::Unsupported { filter: format!("blosc with compressor {other}") }),
    };
    let mut bytes = Vec::new();
    for number in 0..header.length.div_ceil(header.block.max(1)) {
        let start = little_endian(stored, HEADER.saturating_add(number.saturating_mul(4)))?;
        let length = header.block.min(header.length - bytes.len());
        let block = decode_block(stored, start, length, &header, unpack)?;
        bytes.extend_from_slice(&block);
    }
    Ok(bytes)
}

/// A chunk that holds the bytes as they are.
pub(super) fn encode(raw: &[u8], element_size: u8) -> Option<Vec<u8>> {
    let length = u32::try_from(raw.len()).ok()?;
    let mut stored = vec![2, 1, COPIED, element_size.max(1)];
    for number in [length, length, length.checked_add(16)?] {
        stored.extend_from_slice(&number.to_le_bytes());
    }
    stored.extend_from_slice(raw);
    Some(stored)
}

fn damaged(stored: &[u8], reason: &str) -> CodecError {
    CodecError::Damaged { filter: "blosc", length: stored.len(), reason: reason.into() }
}

fn piece(stored: &[u8], start: usize, length: usize) -> Result<&[u8], CodecError> {
    let end = start.saturating_add(length);
    let short = CodecError::TooShort { filter: "blosc", expected: end, found: stored.len() };
    stored.get(start..end).ok_or(short)
}

fn little_endian(stored: &[u8], at: usize) -> Result<usize, CodecError> {
    let number = piece(stored, at, 4)?.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    usize::try_from(number).map_err(|_| damaged(stored, "a length beyond memory"))
}

fn read_header(stored: &[u8]) -> Result<Header, CodecError> {
    let head = piece(stored, 0, HEADER)?;
    if !matches!(head[0], 1 | 2) {
        return Err(CodecError::Unsupported { filter: format!("blosc, version {} of its format", head[0]) });
    }
    Ok(Header {
        flags: head[2],
        element: usize::from(head[3]).max(1),
        length: little_endian(stored, 4)?,
        block: little_endian(stored, 8)?,
    })
}

fn decode_block(
    stored: &[u8],
    start: usize,
    length: usize,
    header: &Header,
    unpack: Unpack,
) -> Result<Vec<u8>, CodecError> {
    let is_last_part = length < header.block;
    let is_split = header.flags & NOT_SPLIT == 0
        && header.element <= MOST_SPLITS
        && length / header.element >= LEAST_SPLIT
        && !is_last_part;
    let splits = if is_split { header.element } else { 1 };
    let expected = length / splits;
    let mut block = Vec::new();
    let mut at = start;
    for _ in 0..splits {
        let stored_length = little_endian(stored, at)?;
        let split = piece(stored, at.saturating_add(4), stored_length)?;
        at = at.saturating_add(4).saturating_add(stored_length);
        if stored_length == expected {
            block.extend_from_slice(split);
        } else {
            block.extend_from_slice(&unpack(split, expected)?);
        }
    }
    if block.len() != length {
        return Err(damaged(stored, &format!("a block of {} bytes instead of {length}", block.len())));
    }
    if header.flags & SHUFFLED != 0 {
        return Ok(shuffle::decode(&block, header.element));
    }
    // Blosc leaves blocks alone whose elements are not a multiple of eight.
    if header.flags & BIT_SHUFFLED != 0 && (length / header.element).is_multiple_of(8) {
        return Ok(bitshuffle::undo(&block, header.element));
    }
    Ok(block)
}
