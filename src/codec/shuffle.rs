//! Byte shuffle (HDF5 filter 2): the first bytes of all elements, then all second bytes, and so on.
//!
//! Bytes behind the last whole element stay where they are; fewer than two elements stay as they are.

/// Puts the bytes of each element together again.
pub(super) fn decode(stored: &[u8], element_size: usize) -> Vec<u8> {
    let mut raw = stored.to_vec();
    let Some(count) = elements(stored.len(), element_size) else { return raw };
    for (byte, plane) in stored.chunks_exact(count).take(element_size).enumerate() {
        for (element, value) in plane.iter().enumerate() {
            raw[element * element_size + byte] = *value;
        }
    }
    raw
}

/// Sorts the bytes of all elements by their place in the element.
pub(super) fn encode(raw: &[u8], element_size: usize) -> Vec<u8> {
    let mut stored = raw.to_vec();
    let Some(count) = elements(raw.len(), element_size) else { return stored };
    for (element, bytes) in raw.chunks_exact(element_size).enumerate() {
        for (byte, value) in bytes.iter().enumerate() {
            stored[byte * count + element] = *value;
        }
    }
    stored
}

/// The number of whole elements; `None` if there is nothing to shuffle.
fn elements(length: usize, element_size: usize) -> Option<usize> {
    let count = length.checked_div(element_size)?;
    (element_size > 1 && count > 1).then_some(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remainder_stays_at_the_end() {
        let raw = [1, 2, 3, 4, 5, 6, 7];
        assert_eq!(encode(&raw, 3), [1, 4, 2, 5, 3, 6, 7]);
        assert_eq!(decode(&[1, 4, 2, 5, 3, 6, 7], 3), raw);
        assert_eq!(encode(&raw, 4), raw);
        assert_eq!(encode(&raw, 0), raw);
    }
}
