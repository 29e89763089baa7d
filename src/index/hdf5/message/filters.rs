//! The filters that chunks went through (IV.A.2.l).

use super::super::bytes::{Cursor, decode_text};
use super::super::fault::Found;
use crate::model::{Codec, CodecChain};

/// The names of registered filters that files often leave out.
const REGISTERED: [(u16, &str); 8] = [
    (4, "szip"),
    (5, "nbit"),
    (6, "scaleoffset"),
    (32000, "lzf"),
    (32001, "blosc"),
    (32004, "lz4"),
    (32008, "bitshuffle"),
    (32026, "blosc2"),
];

/// Reads a filter pipeline message.
pub(in super::super) fn read(mut cursor: Cursor) -> Found<CodecChain> {
    let (version, count) = (cursor.u8()?, cursor.u8()?);
    match version {
        1 => cursor.skip(6)?,
        2 => {}
        _ => return Err(cursor.unsupported(format!("filter pipeline version {version}"))),
    }
    if count > 32 {
        return Err(cursor.corrupt("at most 32 filters", format!("{count}")));
    }
    let codecs = (0..count).map(|_| read_filter(&mut cursor, version)).collect::<Found<Vec<_>>>()?;
    Ok(CodecChain(codecs))
}

fn read_filter(cursor: &mut Cursor, version: u8) -> Found<Codec> {
    let id = cursor.u16()?;
    let name_length = if version == 1 || id >= 256 { usize::from(cursor.u16()?) } else { 0 };
    let _flags = cursor.u16()?;
    let count = usize::from(cursor.u16()?);
    let padded = if version == 1 { name_length.next_multiple_of(8) } else { name_length };
    let name = cursor.take(padded)?;
    let name = decode_text(name.split(|byte| *byte == 0).next().unwrap_or_default());
    let parameters = (0..count).map(|_| cursor.u32()).collect::<Found<Vec<_>>>()?;
    if version == 1 && count % 2 == 1 {
        cursor.skip(4)?;
    }
    Ok(codec(id, name, parameters))
}

fn codec(id: u16, name: String, parameters: Vec<u32>) -> Codec {
    let first = parameters.first().copied();
    match (id, first) {
        (1, level) if level.unwrap_or(6) <= 9 => {
            Codec::Deflate { level: level.and_then(|level| u8::try_from(level).ok()).unwrap_or(6) }
        }
        (2, Some(element_size)) if element_size > 0 => Codec::Shuffle { element_size },
        (3, _) => Codec::Fletcher32,
        (32015, level) => Codec::Zstd { level: level.map_or(3, u32::cast_signed) },
        _ => {
            let registered = REGISTERED.iter().find(|(number, _)| *number == id).map(|(_, name)| (*name).to_owned());
            Codec::Other { id, name: registered.unwrap_or(name), parameters }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::bytes::Widths;
    use super::*;

    fn parse(bytes: &[u8]) -> Found<CodecChain> {
        read(Cursor::new("filter pipeline", bytes, 0, Widths::default()))
    }

    #[test]
    fn versions() {
        let expected = CodecChain(vec![Codec::Shuffle { element_size: 4 }, Codec::Deflate { level: 1 }]);
        let mut one = vec![1, 2, 0, 0, 0, 0, 0, 0];
        one.extend([2, 0, 8, 0, 1, 0, 1, 0]);
        one.extend(b"shuffle\0");
        one.extend([4, 0, 0, 0, 0, 0, 0, 0]);
        one.extend([1, 0, 8, 0, 1, 0, 1, 0]);
        one.extend(b"deflate\0");
        one.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(parse(&one).unwrap(), expected);
        let two = [2, 2, 2, 0, 1, 0, 1, 0, 4, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0];
        assert_eq!(parse(&two).unwrap(), expected);
        assert!(parse(&two[..21]).is_err());
    }

    #[test]
    fn unknown_filters_keep_their_name() {
        let mut two = vec![2, 1, 0xff, 0x7f, 4, 0, 0, 0, 0, 0];
        two.extend(b"own\0");
        let expected = Codec::Other { id: 32767, name: "own".into(), parameters: vec![] };
        assert_eq!(parse(&two).unwrap(), CodecChain(vec![expected]));
    }
}
