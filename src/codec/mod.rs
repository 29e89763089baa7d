//! Chunks encoded and decoded: the filters of HDF5 that altostac knows, done and undone; and what the numbers in them stand for.
//!
//! In: the bytes of a chunk as stored, its [`CodecChain`] and filter mask.
//! Out: the bytes of its elements, or a [`CodecError`] that names the filter.
//!
//! Pure and bounded: whatever the bytes say, no more memory is used than the decoded chunk asks for.
//! Source: HDF5 File Format Specification 4.0, IV.A.2.l (filter pipeline message), and the library's own filters.

mod bitshuffle;
mod blocks;
mod blosc;
mod deflate;
mod fletcher32;
mod lz4;
mod lz77;
#[cfg(test)]
mod registered_tests;
mod shuffle;
mod storing;
mod texts;
mod zstd;

pub use storing::{STORING_ATTRIBUTES, Storing};
pub(crate) use texts::{decode_texts, encode_texts};

use std::borrow::Cow;

use crate::model::{Codec, CodecChain};

/// Why a chunk could not be encoded or decoded.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// There is no decoder for a filter.
    #[error(
        "chunks with {filter} are not supported; expected deflate, shuffle, fletcher32, zstd, blosc, lz4, lzf or bitshuffle{advice}",
        advice = library_advice(.filter)
    )]
    Unsupported {
        /// The filter by name and number.
        filter: String,
    },
    /// A chunk is shorter than its filter needs.
    #[error("a chunk with {filter} holds {found} bytes; expected at least {expected}")]
    TooShort {
        /// The filter.
        filter: &'static str,
        /// The least number of bytes.
        expected: usize,
        /// The number of bytes at hand.
        found: usize,
    },
    /// The checksum of a chunk is not that of its bytes.
    #[error("the fletcher32 checksum of a chunk is {found:#010x} by its bytes; expected {expected:#010x}")]
    Checksum {
        /// The checksum that is stored.
        expected: u32,
        /// The checksum of the bytes.
        found: u32,
    },
    /// A compressed chunk is damaged.
    #[error("a chunk of {length} bytes cannot be {action}")]
    Deflate {
        /// `inflated` or `deflated`.
        action: &'static str,
        /// Bytes at hand.
        length: usize,
        /// What the decoder said.
        #[source]
        source: std::io::Error,
    },
    /// A chunk is not as its filter writes it.
    #[error("a chunk of {length} bytes is not {filter}: {reason}")]
    Damaged {
        /// The filter.
        filter: &'static str,
        /// Bytes at hand.
        length: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// A decoded chunk is not as long as its shape asks for.
    #[error("a decoded chunk holds {at_least}{found} bytes; expected {expected}", at_least = if *.more { "more than " } else { "" })]
    Length {
        /// Bytes of a whole chunk.
        expected: usize,
        /// Bytes after decoding.
        found: usize,
        /// Whether decoding stopped there, with more to come.
        more: bool,
    },
}

/// What helps with the filters that the C library has of its own.
fn library_advice(filter: &str) -> &'static str {
    let is_its_own = ["szip", "nbit", "scaleoffset"].iter().any(|name| filter.starts_with(name));
    if is_its_own && cfg!(not(feature = "libhdf5")) {
        " (altostac built with the feature libhdf5 reads it)"
    } else {
        ""
    }
}

/// Decodes one chunk: the filters are undone from the last to the first, those whose bit is set in `filter_mask` skipped.
///
/// `decoded_length` is the number of bytes of a whole chunk; the result is exactly as long.
///
/// ```
/// use altostac::codec::{decode_chunk, encode_chunk};
/// use altostac::model::{Codec, CodecChain};
/// let chain = CodecChain(vec![Codec::Shuffle { element_size: 2 }, Codec::Deflate { level: 4 }]);
/// let stored = encode_chunk(&[1, 0, 2, 0], &chain)?;
/// assert_eq!(decode_chunk(&stored, &chain, 0, 4)?, [1, 0, 2, 0]);
/// // Both filters skipped: the bytes stand as they are.
/// assert_eq!(decode_chunk(&[1, 0, 2, 0], &chain, 0b11, 4)?, [1, 0, 2, 0]);
/// # Ok::<(), altostac::codec::CodecError>(())
/// ```
///
/// # Errors
/// [`CodecError`] if a filter is not supported, the bytes are damaged, or their number is not `decoded_length`.
pub fn decode_chunk(
    stored: &[u8],
    chain: &CodecChain,
    filter_mask: u32,
    decoded_length: usize,
) -> Result<Vec<u8>, CodecError> {
    let applied: Vec<&Codec> =
        chain.0.iter().enumerate().filter(|(at, _)| !skipped(filter_mask, *at)).map(|(_, codec)| codec).collect();
    let mut bytes = Cow::Borrowed(stored);
    for (position, codec) in applied.iter().enumerate().rev() {
        bytes = match codec {
            Codec::Deflate { .. } => {
                Cow::Owned(deflate::decode(&bytes, encoded_limit(&applied[..position], decoded_length))?)
            }
            Codec::Shuffle { element_size } => Cow::Owned(shuffle::decode(&bytes, element_length(*element_size))),
            Codec::Fletcher32 => fletcher32::decode(bytes)?,
            Codec::Zstd { .. } => {
                Cow::Owned(zstd::decode(&bytes, encoded_limit(&applied[..position], decoded_length))?)
            }
            Codec::Other { id, parameters, .. } => {
                let limit = encoded_limit(&applied[..position], decoded_length);
                Cow::Owned(match *id {
                    Codec::LZF => lz77::lzf(&bytes, limit)?,
                    Codec::BLOSC => blosc::decode(&bytes, limit)?,
                    Codec::LZ4 => lz4::decode(&bytes, limit)?,
                    Codec::BITSHUFFLE => bitshuffle::decode(&bytes, parameters, limit)?,
                    _ => return Err(CodecError::Unsupported { filter: codec.to_string() }),
                })
            }
        };
    }
    if bytes.len() != decoded_length {
        return Err(CodecError::Length { expected: decoded_length, found: bytes.len(), more: false });
    }
    Ok(bytes.into_owned())
}

/// Encodes one chunk with every filter of the chain, from the first to the last.
///
/// # Errors
/// [`CodecError::Unsupported`] if a filter is none of deflate, shuffle, fletcher32, zstd and blosc.
pub fn encode_chunk(raw: &[u8], chain: &CodecChain) -> Result<Vec<u8>, CodecError> {
    let mut bytes = raw.to_vec();
    for codec in &chain.0 {
        bytes = match codec {
            Codec::Deflate { level } => deflate::encode(&bytes, *level)?,
            Codec::Shuffle { element_size } => shuffle::encode(&bytes, element_length(*element_size)),
            Codec::Fletcher32 => fletcher32::encode(bytes),
            Codec::Zstd { .. } => zstd::encode(&bytes)?,
            Codec::Other { id: Codec::BLOSC, parameters, .. } => {
                let element_size = parameters.get(2).and_then(|size| u8::try_from(*size).ok()).unwrap_or(1);
                blosc::encode(&bytes, element_size)
                    .ok_or_else(|| CodecError::Unsupported { filter: "blosc of more than 4 GiB".into() })?
            }
            Codec::Other { .. } => return Err(CodecError::Unsupported { filter: codec.to_string() }),
        };
    }
    Ok(bytes)
}

/// The first shuffle of a chain that meets bytes which are no whole number of its elements: the number of bytes, and of those of an
/// element.
///
/// HDF5 leaves the remainder where it is; numcodecs, and with it every reader of Zarr, raises an error. netCDF writes such chunks:
/// shuffle behind fletcher32, elements of eight bytes.
///
/// ```
/// use altostac::codec::shuffle_remainder;
/// use altostac::model::{Codec, CodecChain};
/// let chain = CodecChain(vec![Codec::Fletcher32, Codec::Shuffle { element_size: 8 }]);
/// assert_eq!(shuffle_remainder(&chain, 80), Some((84, 8)));
/// assert_eq!(shuffle_remainder(&CodecChain(vec![Codec::Shuffle { element_size: 8 }]), 80), None);
/// ```
pub fn shuffle_remainder(chain: &CodecChain, decoded_length: u64) -> Option<(u64, u32)> {
    let mut length = decoded_length;
    for codec in &chain.0 {
        match codec {
            Codec::Fletcher32 => length = length.saturating_add(fletcher32::CHECKSUM_LENGTH as u64),
            Codec::Shuffle { element_size }
                if *element_size > 1 && !length.is_multiple_of(u64::from(*element_size)) =>
            {
                return Some((length, *element_size));
            }
            Codec::Shuffle { .. } => {}
            // What comes out of a compressor is of any length; nothing shuffles it.
            _ => return None,
        }
    }
    None
}

/// Whether the mask says that this filter was not applied; there are 32 bits, and filters beyond them are always applied.
fn skipped(filter_mask: u32, position: usize) -> bool {
    u32::try_from(position).is_ok_and(|position| filter_mask.checked_shr(position).unwrap_or(0) & 1 == 1)
}

fn element_length(element_size: u32) -> usize {
    usize::try_from(element_size).unwrap_or(usize::MAX)
}

/// The greatest number of bytes that these filters make of a chunk.
fn encoded_limit(filters: &[&Codec], decoded_length: usize) -> usize {
    filters.iter().fold(decoded_length, |length, codec| match codec {
        Codec::Fletcher32 => length.saturating_add(fletcher32::CHECKSUM_LENGTH),
        // Compressors make incompressible bytes at most a little longer.
        Codec::Deflate { .. } | Codec::Zstd { .. } | Codec::Other { .. } => {
            length.saturating_add(length / 8).saturating_add(1024)
        }
        Codec::Shuffle { .. } => length,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    fn codec() -> impl Strategy<Value = Codec> {
        prop_oneof![
            (0u8..10).prop_map(|level| Codec::Deflate { level }),
            (0u32..12).prop_map(|element_size| Codec::Shuffle { element_size }),
            Just(Codec::Fletcher32),
        ]
    }

    proptest! {
        #[test]
        fn any_chain_is_undone(raw in prop::collection::vec(any::<u8>(), 0..600), chain in prop::collection::vec(codec(), 0..5)) {
            let chain = CodecChain(chain);
            let stored = encode_chunk(&raw, &chain).unwrap();
            prop_assert_eq!(decode_chunk(&stored, &chain, 0, raw.len()).unwrap(), raw);
        }

        #[test]
        fn masked_filters_are_skipped(raw in prop::collection::vec(any::<u8>(), 0..200), chain in prop::collection::vec(codec(), 0..5), mask in 0u32..32) {
            let applied = chain.iter().enumerate().filter(|(at, _)| mask >> at & 1 == 0).map(|(_, codec)| codec.clone()).collect();
            let stored = encode_chunk(&raw, &CodecChain(applied)).unwrap();
            prop_assert_eq!(decode_chunk(&stored, &CodecChain(chain), mask, raw.len()).unwrap(), raw);
        }

        #[test]
        fn damaged_bytes_never_panic(stored in prop::collection::vec(any::<u8>(), 0..100), chain in prop::collection::vec(codec(), 0..4), length in 0usize..200) {
            if let Ok(bytes) = decode_chunk(&stored, &CodecChain(chain), 0, length) {
                prop_assert_eq!(bytes.len(), length);
            }
        }
    }

    /// h5py 3.16 / HDF5 2.0: `create_dataset(data=array([1, 2, 3, 258], "<i2"), shuffle=True, compression="gzip",
    /// compression_opts=9, fletcher32=True)`, read by `read_direct_chunk`.
    #[test]
    fn a_chunk_that_hdf5_wrote_is_decoded() {
        let stored = &[
            0x78, 0xda, 0x63, 0x64, 0x62, 0x66, 0x62, 0x60, 0x60, 0x60, 0x04, 0x00, 0x00, 0x3b, 0x00, 0x0a, 0xab, 0x05,
            0xdc, 0x46,
        ];
        let chain =
            CodecChain(vec![Codec::Shuffle { element_size: 2 }, Codec::Deflate { level: 9 }, Codec::Fletcher32]);
        assert_eq!(decode_chunk(stored, &chain, 0, 8).unwrap(), [1, 0, 2, 0, 3, 0, 2, 1]);
        let mut damaged = stored.to_vec();
        damaged[5] ^= 1;
        assert!(matches!(decode_chunk(&damaged, &chain, 0, 8), Err(CodecError::Checksum { .. })));
    }

    #[test]
    fn a_bomb_is_stopped_at_the_length_of_a_chunk() {
        let chain = CodecChain(vec![Codec::Deflate { level: 9 }]);
        let bomb = encode_chunk(&vec![0; 10_000_000], &chain).unwrap();
        let error = decode_chunk(&bomb, &chain, 0, 1000).unwrap_err();
        assert_eq!(error.to_string(), "a decoded chunk holds more than 1000 bytes; expected 1000");
        assert!(matches!(
            decode_chunk(&bomb, &chain, 0, 10_000_001),
            Err(CodecError::Length { found: 10_000_000, .. })
        ));
        assert!(matches!(
            decode_chunk(&bomb[..bomb.len() - 9], &chain, 0, 10_000_000),
            Err(CodecError::Deflate { .. })
        ));
    }

    #[test]
    fn unknown_filters_are_refused_by_name() {
        let other = |id, name: &str| Codec::Other { id, name: name.into(), parameters: vec![] };
        for codec in [other(4, "szip"), other(32026, "blosc2")] {
            let chain = CodecChain(vec![codec.clone()]);
            let error = decode_chunk(&[0; 8], &chain, 0, 8).unwrap_err();
            assert!(error.to_string().contains(&codec.to_string()), "{error}");
            assert_eq!(decode_chunk(&[0; 8], &chain, 1, 8).unwrap(), [0; 8]);
            assert!(encode_chunk(&[0; 8], &chain).is_err());
        }
    }
}
