//! The checksum of version-2 structures: Bob Jenkins' lookup3, `hashlittle` with initial value 0
//! (HDF5 File Format Specification, "Checksum" of every structure that has one).

use super::fault::{Fault, Found};

fn word(bytes: &[u8]) -> u32 {
    let mut raw = [0u8; 4];
    raw[..bytes.len()].copy_from_slice(bytes);
    u32::from_le_bytes(raw)
}

/// The checksum of bytes.
pub(super) fn lookup3(bytes: &[u8]) -> u32 {
    #[allow(clippy::cast_possible_truncation)] // The algorithm takes the length modulo 2^32.
    let start = 0xdead_beef_u32.wrapping_add(bytes.len() as u32);
    let [mut a, mut b, mut c] = [start; 3];
    // The last twelve bytes, or fewer, are mixed in another way.
    let (blocks, rest) = bytes.split_at(bytes.len().saturating_sub(1) / 12 * 12);
    for [a0, a1, a2, a3, b0, b1, b2, b3, c0, c1, c2, c3] in blocks.as_chunks::<12>().0 {
        a = a.wrapping_add(u32::from_le_bytes([*a0, *a1, *a2, *a3]));
        b = b.wrapping_add(u32::from_le_bytes([*b0, *b1, *b2, *b3]));
        c = c.wrapping_add(u32::from_le_bytes([*c0, *c1, *c2, *c3]));
        a = a.wrapping_sub(c) ^ c.rotate_left(4);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(6);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(8);
        b = b.wrapping_add(a);
        a = a.wrapping_sub(c) ^ c.rotate_left(16);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(19);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(4);
        b = b.wrapping_add(a);
    }
    if rest.is_empty() {
        return c;
    }
    let part = |from: usize, to: usize| word(&rest[from.min(rest.len())..to.min(rest.len())]);
    a = a.wrapping_add(part(0, 4));
    b = b.wrapping_add(part(4, 8));
    c = c.wrapping_add(part(8, 12));
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    (c ^ b).wrapping_sub(b.rotate_left(24))
}

/// Checks a structure whose last four bytes are the checksum of those before.
pub(super) fn verify(structure: &'static str, bytes: &[u8], offset: u64) -> Found<()> {
    let Some(split) = bytes.len().checked_sub(4) else {
        return Err(Fault::corrupt(structure, offset, "a checksum", format!("{} bytes", bytes.len())));
    };
    let (content, stored) = bytes.split_at(split);
    let (expected, found) = (word(stored), lookup3(content));
    // A fuzzer that had to find checksums would never come to what they protect.
    if expected == found || cfg!(fuzzing) {
        return Ok(());
    }
    Err(Fault::corrupt(structure, offset, format!("the checksum {expected:08x}"), format!("{found:08x}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn known_values() {
        assert_eq!(lookup3(b""), 0xdead_beef);
        assert_eq!(lookup3(b"Four score and seven years ago"), 0x1777_0551);
    }

    #[test]
    fn a_changed_byte_is_seen() {
        let mut bytes = b"OHDR and more than twelve bytes".to_vec();
        bytes.extend(lookup3(&bytes).to_le_bytes());
        assert!(verify("test", &bytes, 0).is_ok());
        bytes[7] ^= 1;
        assert!(verify("test", &bytes, 0).is_err());
        assert!(verify("test", &bytes[..3], 0).is_err());
    }
}
