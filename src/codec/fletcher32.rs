//! HDF5's Fletcher checksum (filter 3): four bytes, little-endian, behind the data.

use std::borrow::Cow;

use super::CodecError;

/// Bytes that the filter adds.
pub(super) const CHECKSUM_LENGTH: usize = 4;

/// Checks the checksum and takes it off.
///
/// HDF5 1.6.2 and earlier wrote it with the bytes of each half swapped on big-endian machines; like the library, both are taken.
pub(super) fn decode(stored: Cow<'_, [u8]>) -> Result<Cow<'_, [u8]>, CodecError> {
    let Some((data, checksum)) = stored.split_last_chunk::<CHECKSUM_LENGTH>() else {
        return Err(CodecError::TooShort { filter: "fletcher32", expected: CHECKSUM_LENGTH, found: stored.len() });
    };
    let expected = u32::from_le_bytes(*checksum);
    let found = checksum_of(data);
    let [a, b, c, d] = found.to_le_bytes();
    if expected != found && expected != u32::from_le_bytes([b, a, d, c]) {
        return Err(CodecError::Checksum { expected, found });
    }
    let length = data.len();
    Ok(match stored {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[..length]),
        Cow::Owned(mut bytes) => {
            bytes.truncate(length);
            Cow::Owned(bytes)
        }
    })
}

/// Appends the checksum.
pub(super) fn encode(mut raw: Vec<u8>) -> Vec<u8> {
    let checksum = checksum_of(&raw);
    raw.extend_from_slice(&checksum.to_le_bytes());
    raw
}

/// The checksum over big-endian words of 16 bits; an odd last byte is the upper half of a word (`H5_checksum_fletcher32`).
fn checksum_of(data: &[u8]) -> u32 {
    // 360 words cannot overflow the sums before they are folded.
    const BLOCK: usize = 360 * 2;
    let fold = |sum: u32| (sum & 0xffff) + (sum >> 16);
    let (mut first, mut second) = (0u32, 0u32);
    for block in data.chunks(BLOCK) {
        for word in block.chunks(2) {
            first += u32::from(word[0]) << 8 | word.get(1).map_or(0, |low| u32::from(*low));
            second += first;
        }
        first = fold(first);
        second = fold(second);
    }
    fold(second) << 16 | fold(first)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The last four bytes of chunks that h5py 3.16 / HDF5 2.0 wrote with `fletcher32=True`.
    #[test]
    fn checksums_are_those_of_hdf5() {
        let long: Vec<u8> = (0..1000u32).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let answers: [(&[u8], [u8; 4]); 4] = [
            (&[1, 2, 3, 4, 5, 6, 7], [0x0c, 0x10, 0x20, 0x1e]),
            (&[255; 6], [255; 4]),
            (&[0; 4], [0; 4]),
            (&long, [0x20, 0x22, 0xe6, 0xe5]),
        ];
        for (data, checksum) in answers {
            assert_eq!(checksum_of(data).to_le_bytes(), checksum, "{data:?}");
        }
    }

    #[test]
    fn the_swapped_checksum_of_old_libraries_is_taken() {
        let good = encode(vec![1, 2, 3, 4, 5]);
        let [.., a, b, c, d] = good[..] else { return };
        let with = |checksum: [u8; 4]| [&good[..5], &checksum].concat();
        assert_eq!(*decode(Cow::Owned(with([b, a, d, c]))).unwrap(), [1, 2, 3, 4, 5]);
        assert!(matches!(decode(Cow::Owned(with([d, c, b, a]))), Err(CodecError::Checksum { .. })));
        assert!(matches!(decode(Cow::Borrowed(&[1, 2, 3])), Err(CodecError::TooShort { found: 3, .. })));
    }
}
