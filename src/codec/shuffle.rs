//! Byte shuffle (HDF5 filter 2): the first bytes of all elements, then all second bytes, and so on.
//!
//! Bytes behind the last whole element stay where they are; fewer than two elements stay as they are.

/// Puts the bytes of each element together again.
pub(super) fn decode(stored: &[u8], element_size: usize) -> Vec<u8> {
    let Some(count) = elements(stored.len(), element_size) else { return stored.to_vec() };
    let mut raw = vec![0; stored.len()];
    let (planes, rest) = stored.split_at(count * element_size);
    let (whole, end) = raw.split_at_mut(count * element_size);
    end.copy_from_slice(rest);
    match element_size {
        2 => join::<2>(planes, whole),
        4 => join::<4>(planes, whole),
        8 => join::<8>(planes, whole),
        _ => {
            for (byte, plane) in planes.chunks_exact(count).enumerate() {
                for (element, value) in whole.chunks_exact_mut(element_size).zip(plane) {
                    element[byte] = *value;
                }
            }
        }
    }
    raw
}

/// Puts together elements whose size is known beforehand: compilers make vectors of that.
fn join<const SIZE: usize>(planes: &[u8], whole: &mut [u8]) {
    let count = planes.len() / SIZE;
    let planes: [&[u8]; SIZE] = std::array::from_fn(|byte| &planes[byte * count..][..count]);
    let (elements, _) = whole.as_chunks_mut::<SIZE>();
    for (at, element) in elements[..count].iter_mut().enumerate() {
        *element = std::array::from_fn(|byte| planes[byte][at]);
    }
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

    #[test]
    fn elements_of_every_size_come_back() {
        let raw: Vec<u8> = (0..=255).cycle().take(1003).collect();
        for size in 0..20 {
            assert_eq!(decode(&encode(&raw, size), size), raw, "{size}");
        }
    }
}
