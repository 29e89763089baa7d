//! The registered filters against chunks that hdf5plugin 7.1 and h5py 3.16 wrote (`read_direct_chunk`).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use proptest::prelude::*;

use super::{CodecError, bitshuffle, decode_chunk, encode_chunk};
use crate::model::{Codec, CodecChain};

/// Name, filter, parameters, and the chunk of [`elements`] in hexadecimal.
const CHUNKS: [(&str, u16, &[u32], &str); 10] = [
    (
        "blosc, blosclz, shuffle",
        32001,
        &[2, 2, 2, 600, 5, 1, 0],
        "020101025802000058020000d400000014000000ab00000027000000000000000380000006800000098000000c8000000f800000 \
         1280000015800000188000001b8000001e8000e00e4c050a0a0a0a0a0d800000108000001380000016800000198000001c800000 \
         1f8000000180000004800000078000000a8000804b000d804b081013131313141414178000001a8000001d800000208000000280 \
         000005800000088000000b8000000e80000011800000148000804b0017804b061a1d1d1d1d1d1d0d0000002300000000e0ff1d03 \
         02000000",
    ),
    (
        "blosc, lz4, bit shuffle",
        32001,
        &[2, 2, 2, 600, 5, 2, 1],
        "020124025802000058020000d5000000140000005900000019000100190302001906020019090200190c0200190f020019120200 \
         1915020019180200191b0200191e02000999000998000f9a0001150a0200190d020019100200191302001916020019190200191c \
         0200601f001f001f0060000000221f000200190102001904020019070200190a0200190d02001910020013130200111402001917 \
         0200191a0200191d020019200200190202001905020019080200190b0200190e0200191102000090000602000898000f9a000450 \
         001d001d00",
    ),
    (
        "blosc, zlib, no shuffle",
        32001,
        &[2, 2, 2, 600, 5, 0, 4],
        "02016002580200005802000092000000140000003b000000785e85ce410a802000004121089442318ac2b0ffff32e810cda99d0f \
         6c08df068c88989051b162474387fd9da5d78c82051b0e9cb81e373e9008c13b000000785e8dced10680300000c096a594a53446 \
         64fbffaf8ce9e5de723f7075a85d40c48c150907ae4fee0a6e3c68183161c1861d2732fece5efcb8098c",
    ),
    (
        "blosc, zstd, shuffle",
        32001,
        &[2, 2, 2, 600, 5, 1, 5],
        "0201910258020000580200006e000000140000005600000028b52ffd605801650200840200000306090c0f1215181b1e0a0d1013 \
         16191c1f0104070a0a141414171a1d200205080b0e11140025a830f862d0633911300c78fe596aff7f0328d4b01c8332a1fc6bd0 \
         5aa882386832",
    ),
    (
        "lz4",
        32004,
        &[256],
        "0000000000000258000001000000004c19000100190302001906020019090200190c0200190f0200191202001915020019180200 \
         191b0200191e02000999000998000f9a0001150a0200190d02001910020018130200500016001600000000562416000200191902 \
         00191c0200191f0200190102001904020019070200190a0200190d020019100200131302001114020019170200191a0200191d02 \
         0019200200190202001905020019080200800b000b000b000b0000000026200b000200190e020019110200191402001917020019 \
         1a0200c01d001d001d001d001d001d00",
    ),
    (
        "bitshuffle, lz4",
        32008,
        &[0, 4, 2, 128, 2],
        "00000000000002580000010000000058f01d803fe00ff803fe803f00f0070cfe803f80ff1f00f8ff0180ff1ff0fff30180ff00c0 \
         1ff0ff03fe00c01f00f80700f2000000e0ffff0300ffff1f0000fcff00010021fcff1000340000ff12000f020091500000000000 \
         00000057f11be00ff8ff017fc01ff0f803fe00c01ff01f00f80300ff3f00f0f8ff01803f00f01ff0ff03fe7fc01f00ff2000e000 \
         e0ffff030080ff1f0000fcff000e000010000309001b0001001b7f10000f02007c50000000000000000022d107fc017fc0ff0300 \
         ff3ff803fe0a008f80ff00fcffffff0001001e5000000000001d001d001d001d00",
    ),
    (
        "bitshuffle",
        32008,
        &[0, 4, 2, 128, 0],
        "803fe00ff803fe803f00f0070cfe803f80ff1f00f8ff0180ff1ff0fff30180ff00c01ff0ff03fe00c01f00f803fe00c00000e0ff \
         ff0300ffff1f0000fcff00000000000000fcffffff1f00000000ffff000000000000000000000000000000000000000000000000 \
         00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000 \
         00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000 \
         000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000e00ff8ff \
         017fc01ff0f803fe00c01ff01f00f80300ff3f00f0f8ff01803f00f01ff0ff03fe7fc01f00ff03fe00c01f00e0ffff030080ff1f \
         0000fcff0000e0ffffffff03000000e0ffffffff000000000000000000000000000000007f000000000000000000000000000000 \
         00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000 \
         00000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000 \
         000000000000000000000000000000000000000000000000000000000000000000000000000000000000000007fc017fc0ff0300 \
         ff3ff803fe7fc0ff030080ff00fcffffff0000000000000000000000000000000000000000000000000000000000000000000000 \
         00000000000000000000000000000000000000001d001d001d001d00",
    ),
    (
        "bitshuffle, zstd",
        32008,
        &[0, 4, 2, 0, 3, 3],
        "0000000000000258000020000000007f28b52ffd605001ad0300c2051117c0258d01bb184056fddfffaf2effbf7a7dad3a634926 \
         5376a77ec957f2d50e8f76a115eacdc2e622179d26d0acde745c3db42141165e6864a14d8b10e4e20a0dc0202e13006240859cdf \
         e52a00bb9f903d250d170ea96b384b40bf31b344650bce6d5fe5c5aa919842704601b827daa9041d001d001d001d00",
    ),
    (
        "zstd",
        32015,
        &[3],
        "28b52ffd6058018d0300a40200000306090c0f1215181b1e03060a0d101316191c1f0104070a0d1014171a1d200205080b0e1114 \
         171a2d20e0c59a01871cc7c571073be438073be4b8831d725c1deb95e20ee6ec60871c7730871c77b0438e3b581d69ddc5c6211b \
         0e6438ee600e39ee60871c77303aa4c7e50016",
    ),
    (
        "lzf",
        32000,
        &[4, 261, 600],
        "010000e003000003e004010006e004010009e00401000ce00401000fe004010012e004010015e004010018e00401001be0040100 \
         1ee00401e00500e01799000ae00001000de004010010e004010013e004010016e004010019e00401001ce00401001fe004010001 \
         e004010004e004010007e00401e001954009e01b99001460010017e00401001ae00401001de004010020e004010002e004010005 \
         e004010008e00401000be00401000ee004010011e004018091c005e01d99011d00",
    ),
];

const LENGTH: usize = 600;

/// 300 numbers of two bytes, little-endian.
fn elements() -> Vec<u8> {
    (0..300u16).flat_map(|n| (n / 7 % 11 * 3 + n / 100).to_le_bytes()).collect()
}

fn codec(id: u16, parameters: &[u32]) -> CodecChain {
    CodecChain(vec![match id {
        32015 => Codec::Zstd { level: 3 },
        _ => Codec::Other { id, name: String::new(), parameters: parameters.to_vec() },
    }])
}

fn bytes(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<char> = hexadecimal.chars().filter(char::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}

#[test]
fn chunks_of_the_filters_themselves() {
    for (name, id, parameters, chunk) in CHUNKS {
        assert_eq!(decode_chunk(&bytes(chunk), &codec(id, parameters), 0, LENGTH).unwrap(), elements(), "{name}");
    }
}

#[test]
fn no_more_is_decoded_than_a_chunk_holds() {
    for (name, id, parameters, chunk) in CHUNKS {
        for length in [0, 1, LENGTH - 1, LENGTH + 1] {
            let error = decode_chunk(&bytes(chunk), &codec(id, parameters), 0, length).unwrap_err();
            assert!(matches!(error, CodecError::Length { .. }), "{name}: {error}");
        }
    }
}

#[test]
fn cut_chunks_are_errors() {
    for (name, id, parameters, chunk) in CHUNKS {
        let whole = bytes(chunk);
        for length in 0..whole.len() {
            assert!(
                decode_chunk(&whole[..length], &codec(id, parameters), 0, LENGTH).is_err(),
                "{name} cut at {length}"
            );
        }
    }
}

#[test]
fn what_is_not_decoded_is_named() {
    let error = decode_chunk(&[0; 8], &codec(32026, &[]), 0, 8).unwrap_err();
    assert!(error.to_string().contains("filter 32026"), "{error}");
    let mut snappy = bytes(CHUNKS[0].3);
    snappy[2] = 2 << 5;
    let error = decode_chunk(&snappy, &codec(32001, &[]), 0, LENGTH).unwrap_err();
    assert!(error.to_string().contains("snappy"), "{error}");
}

#[test]
fn fill_for_references_is_encoded() {
    for id in [32001, 32015] {
        let stored = encode_chunk(&elements(), &codec(id, &[2, 2, 2, 600, 5, 1, 0])).unwrap();
        assert_eq!(decode_chunk(&stored, &codec(id, &[]), 0, LENGTH).unwrap(), elements());
    }
}

/// The filter's own direction, bit by bit as its README says it.
fn bit_shuffled(raw: &[u8], element: usize) -> Vec<u8> {
    let mut shuffled = raw.to_vec();
    let count = raw.len() / element / 8 * 8;
    shuffled[..count * element].fill(0);
    for at in 0..count {
        for bit in 0..element * 8 {
            let value = raw[at * element + bit / 8] >> (bit % 8) & 1;
            shuffled[bit * count / 8 + at / 8] |= value << (at % 8);
        }
    }
    shuffled
}

proptest! {
    #[test]
    fn bits_come_back(raw in prop::collection::vec(any::<u8>(), 0..300), element in 1usize..9) {
        prop_assert_eq!(bitshuffle::undo(&bit_shuffled(&raw, element), element), raw);
    }

    #[test]
    fn changed_chunks_never_panic(
        at in 0..CHUNKS.len(),
        changes in prop::collection::vec((0usize..400, any::<u8>()), 1..6),
        length in 0usize..1000,
    ) {
        let (_, id, parameters, chunk) = CHUNKS[at];
        let mut stored = bytes(chunk);
        for (place, byte) in changes {
            if let Some(changed) = stored.get_mut(place) {
                *changed = byte;
            }
        }
        if let Ok(decoded) = decode_chunk(&stored, &codec(id, parameters), 0, length) {
            prop_assert_eq!(decoded.len(), length);
        }
    }

    #[test]
    fn any_bytes_never_panic(
        id in prop::sample::select(vec![32000u16, 32001, 32004, 32008, 32015]),
        parameters in prop::collection::vec(prop_oneof![0u32..5, any::<u32>()], 0..7),
        stored in prop::collection::vec(prop_oneof![Just(0u8), 0u8..8, any::<u8>()], 0..200),
        length in 0usize..1000,
    ) {
        if let Ok(decoded) = decode_chunk(&stored, &codec(id, &parameters), 0, length) {
            prop_assert_eq!(decoded.len(), length);
        }
    }
}
