//! Chains of filters on any bytes: no more memory than the decoded chunk asks for; what is encoded is decoded to the same.
#![no_main]

use altostac::codec::{decode_chunk, encode_chunk, shuffle_remainder};
use altostac::model::{Codec, CodecChain};
use altostac_fuzz::allocator::within;

fn codec(kind: u8, parameter: u8) -> Codec {
    let other = |id| Codec::Other {
        id,
        name: String::new(),
        parameters: vec![2, 2, u32::from(parameter & 15), u32::from(parameter) * 8, 5, 1, u32::from(parameter & 7)],
    };
    match kind % 9 {
        0 => Codec::Deflate { level: parameter % 10 },
        1 => Codec::Shuffle { element_size: u32::from(parameter) },
        2 => Codec::Fletcher32,
        3 => Codec::Zstd { level: 3 },
        4 => other(Codec::LZF),
        5 => other(Codec::BLOSC),
        6 => other(Codec::LZ4),
        7 => Codec::Other {
            id: Codec::BITSHUFFLE,
            name: String::new(),
            parameters: vec![0, 4, 1 << (parameter & 3), u32::from(parameter & 0x30), u32::from(parameter >> 6)],
        },
        _ => other(9),
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [count, mask, low, high, rest @ ..] = data else { return };
    let filters = usize::from(count % 4);
    if rest.len() < 2 * filters {
        return;
    }
    let (chain, stored) = rest.split_at(2 * filters);
    let chain = CodecChain(chain.chunks_exact(2).map(|pair| codec(pair[0], pair[1])).collect());
    let length = usize::from(u16::from_le_bytes([*low, *high])) * (1 + usize::from(count >> 6) * 7);
    let _ = shuffle_remainder(&chain, length as u64);
    // Each filter of a chain may hold its output beside its input; tables of the decoders are the constant.
    within(16 * (length + stored.len()) + (32 << 20), || {
        if let Ok(decoded) = decode_chunk(stored, &chain, u32::from(*mask), length) {
            assert_eq!(decoded.len(), length);
        }
        if let Ok(encoded) = encode_chunk(stored, &chain) {
            let again = decode_chunk(&encoded, &chain, 0, stored.len());
            assert!(again.as_ref().is_ok_and(|again| again == stored), "{chain:?}: {again:?}");
        }
    });
});
