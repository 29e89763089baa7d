//! Texts of files, whatever their encoding.

/// A text of the file: UTF-8, or else Latin-1, so that nothing is lost.
pub(super) fn decode_text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|byte| char::from(*byte)).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_keep_every_byte() {
        assert_eq!(decode_text("é".as_bytes()), "é");
        assert_eq!(decode_text(&[b'a', 0xe9]), "aé");
    }
}
