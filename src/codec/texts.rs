//! numcodecs' `vlen-utf8`: the number of texts, then length and bytes of each, all lengths u32 little-endian.

/// Encodes texts; `None` if there are more, or longer ones, than 32 bits can count.
pub(crate) fn encode_texts(texts: &[String]) -> Option<Vec<u8>> {
    let length = |length: usize| u32::try_from(length).map(u32::to_le_bytes).ok();
    let mut bytes = length(texts.len())?.to_vec();
    for text in texts {
        bytes.extend_from_slice(&length(text.len())?);
        bytes.extend_from_slice(text.as_bytes());
    }
    Some(bytes)
}

/// Decodes texts; `None` if the bytes are no such list, or hold more.
pub(crate) fn decode_texts(bytes: &[u8]) -> Option<Vec<String>> {
    let (count, mut rest) = bytes.split_first_chunk::<4>()?;
    let mut texts = Vec::new();
    for _ in 0..u32::from_le_bytes(*count) {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let (text, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)?;
        texts.push(std::str::from_utf8(text).ok()?.to_owned());
        rest = after;
    }
    rest.is_empty().then_some(texts)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn as_numcodecs_writes_them() {
        let texts = ["Süd".to_owned(), String::new()];
        assert_eq!(encode_texts(&texts).unwrap(), b"\x02\0\0\0\x04\0\0\0S\xc3\xbcd\0\0\0\0");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(texts in prop::collection::vec("\\PC{0,9}", 0..9), more: u8) {
            let mut bytes = encode_texts(&texts).unwrap();
            prop_assert_eq!(decode_texts(&bytes), Some(texts));
            bytes.push(more);
            prop_assert_eq!(decode_texts(&bytes), None);
        }

        #[test]
        fn any_bytes_are_taken_or_refused(bytes: Vec<u8>) {
            let _ = decode_texts(&bytes);
        }
    }
}
