//! Zstandard (HDF5 filter 32015, RFC 8878): one frame.

use std::cell::RefCell;

use ::zstd::bulk::{Compressor, Decompressor};
use ::zstd::zstd_safe::{find_frame_compressed_size, get_error_name, get_frame_content_size};

use super::CodecError;

/// No block of at most this many bytes is shorter than [`LEAST_BLOCK`] (RFC 8878, 3.1.1.2).
const GREATEST_BLOCK: usize = 128 << 10;
/// A block of one byte repeated: header and byte.
const LEAST_BLOCK: usize = 4;

thread_local! {
    /// A decoder's tables are larger than most chunks: each thread keeps its own.
    static DECODER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Decodes the first frame, of at most `limit` bytes; bytes behind it are left alone.
pub(super) fn decode(stored: &[u8], limit: usize) -> Result<Vec<u8>, CodecError> {
    let damaged = |reason: String| CodecError::Damaged { filter: "zstd", length: stored.len(), reason };
    let too_long = || CodecError::Length { expected: limit, found: limit, more: true };
    let length = find_frame_compressed_size(stored).map_err(|code| damaged(get_error_name(code).into()))?;
    let frame = stored.get(..length).ok_or_else(|| damaged("the frame is cut off".into()))?;
    let said = get_frame_content_size(frame).map_err(|error| damaged(error.to_string()))?;
    let said = said.map(|length| usize::try_from(length).unwrap_or(usize::MAX));
    if said.is_some_and(|length| length > limit) {
        return Err(too_long());
    }
    // Whatever a frame says, it holds no more than its blocks can: room is taken for that.
    let possible = (frame.len() / LEAST_BLOCK).saturating_add(1).saturating_mul(GREATEST_BLOCK);
    let room = said.unwrap_or(limit).min(possible);
    let decoded = DECODER.with_borrow_mut(|decoder| {
        let decoder = match decoder {
            Some(decoder) => decoder,
            none => none.insert(Decompressor::new()?),
        };
        decoder.decompress(frame, room)
    });
    decoded.map_err(|error| match said {
        // It is the one way to fail that a whole frame of unknown length has.
        None if error.to_string().contains("Destination buffer is too small") => too_long(),
        _ => damaged(error.to_string()),
    })
}

/// Of the level only this is kept: it is a frame that every decoder takes.
pub(super) fn encode(raw: &[u8]) -> Result<Vec<u8>, CodecError> {
    let encoded = Compressor::new(1).and_then(|mut encoder| encoder.compress(raw));
    encoded.map_err(|error| CodecError::Damaged { filter: "zstd", length: raw.len(), reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// A frame that does not say how long it is.
    fn streamed(raw: &[u8]) -> Vec<u8> {
        let mut encoder = ::zstd::stream::Encoder::new(Vec::new(), 1).unwrap();
        encoder.write_all(raw).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_frame_is_bounded_whether_it_says_its_length_or_not() {
        let raw = vec![7; 1_000_000];
        for mut stored in [encode(&raw).unwrap(), streamed(&raw)] {
            assert_eq!(decode(&stored, raw.len()).unwrap(), raw);
            assert_eq!(decode(&stored, usize::MAX).unwrap(), raw);
            assert!(matches!(decode(&stored, raw.len() - 1), Err(CodecError::Length { more: true, .. })));
            assert!(matches!(decode(&stored[..stored.len() - 1], raw.len()), Err(CodecError::Damaged { .. })));
            stored.extend(b"behind it");
            assert_eq!(decode(&stored, raw.len()).unwrap(), raw);
        }
        // A frame of four bytes that says it holds 2^60.
        let mut liar = vec![0x28, 0xb5, 0x2f, 0xfd, 0xe0];
        liar.extend((1u64 << 60).to_le_bytes());
        liar.extend([0x03, 0, 0, 1]);
        assert!(decode(&liar, usize::MAX).is_err());
    }

    proptest! {
        #[test]
        fn damaged_frames_never_panic(raw in prop::collection::vec(0u8..4, 0..400), at in 0usize..400, flip in 1u8.., limit in 0usize..600) {
            let mut stored = encode(&raw).unwrap();
            let at = at % stored.len();
            stored[at] ^= flip;
            if let Ok(bytes) = decode(&stored, limit) {
                prop_assert!(bytes.len() <= limit);
            }
        }
    }
}
