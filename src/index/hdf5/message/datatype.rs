//! The type of an element (IV.A.2.d).

use std::sync::Arc;

use super::super::bytes::{Cursor, decode_text};
use super::super::fault::{Found, Stop};
use super::parts;
use crate::model::{ByteOrder, DataType, Primitive};

/// Types nest (arrays of enumerations of …); deeper ones are not written by anybody.
const DEEPEST: u8 = 16;

/// What fills a text of fixed length that is shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Padding {
    /// Text up to the first NUL.
    NulTerminated,
    /// NULs at the end.
    Nul,
    /// Spaces at the end.
    Space,
}

/// A type as the file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Datatype {
    /// A type of the model: numbers and enumerations.
    Number(DataType),
    /// Text of a fixed number of bytes.
    FixedString { length: u32, padding: Padding },
    /// Text of any length.
    VariableString { size: u32 },
    /// A reference to an object by its address.
    ObjectReference { size: u32 },
    /// A list of any length.
    Sequence { size: u32, base: Box<Datatype> },
    /// Anything else, in words.
    Other { class: String, size: u32 },
}

impl Datatype {
    /// Bytes of one element in the file.
    pub(in super::super) fn size(&self) -> u32 {
        match self {
            Self::Number(data_type) => data_type.size().and_then(|size| u32::try_from(size).ok()).unwrap_or(0),
            Self::FixedString { length, .. } => *length,
            Self::VariableString { size }
            | Self::ObjectReference { size }
            | Self::Sequence { size, .. }
            | Self::Other { size, .. } => *size,
        }
    }

    /// The type in words, for messages.
    pub(in super::super) fn class(&self) -> String {
        match self {
            Self::ObjectReference { .. } => "object reference".into(),
            Self::Sequence { base, .. } => format!("variable-length list of {}", base.class()),
            other => other.model().to_string(),
        }
    }

    /// The type as the model has it.
    pub(in super::super) fn model(&self) -> DataType {
        match self {
            Self::Number(data_type) => data_type.clone(),
            Self::FixedString { length, .. } => DataType::FixedString { length: *length },
            Self::VariableString { .. } => DataType::VariableString,
            Self::Other { class, size } => DataType::Unsupported { class: class.clone(), size: *size },
            Self::ObjectReference { size } | Self::Sequence { size, .. } => {
                DataType::Unsupported { class: self.class(), size: *size }
            }
        }
    }
}

/// Reads a datatype message.
pub(in super::super) fn read(mut cursor: Cursor) -> Found<Datatype> {
    let mut start = cursor.clone();
    let datatype = match read_nested(&mut cursor, 0) {
        // What an unsupported type is made of is only told: it need not be understood.
        Err(Stop::Fault(_)) if matches!(start.u8()? & 0x0f, 6 | 10) => {
            start.skip(3)?;
            Datatype::Other { class: "compound or array of what is not known".into(), size: start.u32()? }
        }
        found => found?,
    };
    if datatype.size() == 0 {
        return Err(cursor.corrupt("a type of at least one byte", "none"));
    }
    Ok(datatype)
}

pub(super) fn read_nested(cursor: &mut Cursor, depth: u8) -> Found<Datatype> {
    if depth > DEEPEST {
        return Err(cursor.corrupt(format!("types nested at most {DEEPEST} deep"), "more"));
    }
    let class_and_version = cursor.u8()?;
    let (class, version) = (class_and_version & 0x0f, class_and_version >> 4);
    if !(1..=5).contains(&version) {
        return Err(cursor.unsupported(format!("datatype version {version}")));
    }
    let bits = cursor.uint(3)?;
    let size = cursor.u32()?;
    let other = |class: String| Datatype::Other { class, size };
    Ok(match class {
        0 => read_integer(cursor, bits, size)?,
        1 => read_float(cursor, bits, size)?,
        2 => {
            cursor.skip(2)?;
            other(format!("time of {size} bytes"))
        }
        3 => Datatype::FixedString { length: size, padding: read_padding(cursor, bits)? },
        4 => {
            cursor.skip(4)?;
            other(format!("bit field of {size} bytes"))
        }
        5 => {
            let tag = cursor.take(usize::try_from(bits & 0xff).unwrap_or(0))?;
            other(parts::opaque(&decode_text(tag.split(|byte| *byte == 0).next().unwrap_or_default()), size))
        }
        6 => other(parts::compound(cursor, bits, version, size, depth)?),
        7 => match bits & 0x0f {
            0 => Datatype::ObjectReference { size },
            1 => other("region reference".into()),
            kind => other(format!("reference of kind {kind}")),
        },
        8 => read_enumeration(cursor, bits, version, size, depth)?,
        9 => {
            let base = Box::new(read_nested(cursor, depth + 1)?);
            if bits & 0x0f == 1 { Datatype::VariableString { size } } else { Datatype::Sequence { size, base } }
        }
        10 => other(parts::array(cursor, version, depth)?),
        11 => other(format!("complex number of {}", read_nested(cursor, depth + 1)?.class())),
        _ => return Err(cursor.corrupt("a datatype class from 0 to 11", format!("{class}"))),
    })
}

fn read_padding(cursor: &Cursor, bits: u64) -> Found<Padding> {
    match bits & 0x0f {
        0 => Ok(Padding::NulTerminated),
        1 => Ok(Padding::Nul),
        2 => Ok(Padding::Space),
        found => Err(cursor.corrupt("a string padding from 0 to 2", format!("{found}"))),
    }
}

fn read_integer(cursor: &mut Cursor, bits: u64, size: u32) -> Found<Datatype> {
    let (bit_offset, precision) = (cursor.u16()?, cursor.u16()?);
    let order = if bits & 1 == 0 { ByteOrder::Little } else { ByteOrder::Big };
    let primitive = match (size, bits & 8 != 0) {
        (1, true) => Primitive::I8,
        (1, false) => Primitive::U8,
        (2, true) => Primitive::I16,
        (2, false) => Primitive::U16,
        (4, true) => Primitive::I32,
        (4, false) => Primitive::U32,
        (8, true) => Primitive::I64,
        (8, false) => Primitive::U64,
        _ => return Ok(Datatype::Other { class: parts::integer(bit_offset, precision, size), size }),
    };
    if bit_offset != 0 || u32::from(precision) != size * 8 {
        return Ok(Datatype::Other { class: parts::integer(bit_offset, precision, size), size });
    }
    Ok(Datatype::Number(DataType::Number { primitive, order }))
}

/// The fields of binary32 and binary64: offset, precision, exponent's place and size, mantissa's place and size, bias.
pub(super) type FloatFields = (u16, u16, u8, u8, u8, u8, u32);
const BINARY32: FloatFields = (0, 32, 23, 8, 0, 23, 127);
const BINARY64: FloatFields = (0, 64, 52, 11, 0, 52, 1023);

fn read_float(cursor: &mut Cursor, bits: u64, size: u32) -> Found<Datatype> {
    let fields = (cursor.u16()?, cursor.u16()?, cursor.u8()?, cursor.u8()?, cursor.u8()?, cursor.u8()?, cursor.u32()?);
    // IEEE 754: the first bit of the mantissa is not stored, the sign stands first.
    let (normalization, sign_at) = (bits >> 4 & 3, bits >> 8 & 0xff);
    let is_ieee = normalization == 2 && sign_at + 1 == u64::from(size) * 8;
    let primitive = match (size, fields) {
        (4, BINARY32) if is_ieee => Primitive::F32,
        (8, BINARY64) if is_ieee => Primitive::F64,
        _ => return Ok(Datatype::Other { class: parts::float(fields, size), size }),
    };
    let order = match bits & 0x41 {
        0x00 => ByteOrder::Little,
        0x01 => ByteOrder::Big,
        _ => return Ok(Datatype::Other { class: "floating-point number in VAX order".into(), size }),
    };
    Ok(Datatype::Number(DataType::Number { primitive, order }))
}

fn read_enumeration(cursor: &mut Cursor, bits: u64, version: u8, size: u32, depth: u8) -> Found<Datatype> {
    let count = usize::try_from(bits & 0xffff).unwrap_or(0);
    let base = read_nested(cursor, depth + 1)?;
    let names = read_names(cursor, count, version)?;
    let Datatype::Number(DataType::Number { primitive, order }) = base else {
        cursor.skip(count.saturating_mul(base.size() as usize))?;
        return Ok(Datatype::Other { class: format!("enum of {}", base.class()), size });
    };
    if primitive.is_float() || primitive.size() != size as usize {
        return Err(cursor.corrupt(format!("an enumeration of integers of {size} bytes"), base.class()));
    }
    let mut members = Vec::with_capacity(names.len());
    for name in names {
        members.push((name, member_value(cursor.take(primitive.size())?, primitive, order)));
    }
    Ok(Datatype::Number(DataType::Enumeration { primitive, order, members: Arc::from(members) }))
}

fn read_names(cursor: &mut Cursor, count: usize, version: u8) -> Found<Vec<String>> {
    (0..count).map(|_| read_name(cursor, version)).collect()
}

/// The name of a member; before version 3 filled up to a multiple of eight bytes.
pub(super) fn read_name(cursor: &mut Cursor, version: u8) -> Found<String> {
    let start = cursor.position();
    let name = decode_text(cursor.until_nul()?);
    if version < 3 {
        let length = cursor.position() - start;
        cursor.skip(length.next_multiple_of(8) - length)?;
    }
    Ok(name)
}

fn member_value(bytes: &[u8], primitive: Primitive, order: ByteOrder) -> i64 {
    let signed = primitive.kind() == 'i';
    let most_significant = match order {
        ByteOrder::Little => bytes.last(),
        ByteOrder::Big => bytes.first(),
    };
    let negative = signed && most_significant.is_some_and(|byte| byte & 0x80 != 0);
    let mut raw = [if negative { 0xff } else { 0 }; 8];
    for (place, byte) in bytes.iter().enumerate() {
        raw[if order == ByteOrder::Little { place } else { bytes.len() - 1 - place }] = *byte;
    }
    i64::from_le_bytes(raw)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::bytes::Widths;
    use super::*;

    fn parse(bytes: &[u8]) -> Found<Datatype> {
        read(Cursor::new("datatype", bytes, 0, Widths::default()))
    }

    #[test]
    fn numbers() {
        let mut big_float = [0x11, 0x21, 31, 0, 4, 0, 0, 0, 0, 0, 32, 0, 23, 8, 0, 23, 127, 0, 0, 0];
        let expected = DataType::Number { primitive: Primitive::F32, order: ByteOrder::Big };
        assert_eq!(parse(&big_float).unwrap(), Datatype::Number(expected));
        big_float[2] = 30;
        assert!(matches!(parse(&big_float).unwrap(), Datatype::Other { size: 4, .. }));
        let twelve_bits = [0x10, 0, 0, 0, 2, 0, 0, 0, 0, 0, 12, 0];
        assert!(matches!(parse(&twelve_bits).unwrap(), Datatype::Other { size: 2, .. }));
        assert!(parse(&[0x60, 0, 0, 0, 2, 0, 0, 0, 0, 0, 16, 0]).is_err());
    }

    #[test]
    fn a_boolean_of_h5py() {
        let mut bytes = vec![0x38, 2, 0, 0, 1, 0, 0, 0, 0x10, 8, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0];
        bytes.extend(b"FALSE\0TRUE\0\0\xff");
        let Datatype::Number(DataType::Enumeration { primitive, members, .. }) = parse(&bytes).unwrap() else {
            unreachable!()
        };
        assert_eq!(primitive, Primitive::I8);
        assert_eq!(&*members, [("FALSE".to_owned(), 0), ("TRUE".to_owned(), -1)]);
        assert!(parse(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn what_is_not_carried_over_is_described() {
        let half = [0x11, 0, 15, 0, 2, 0, 0, 0, 0, 0, 16, 0, 10, 5, 0, 10, 15, 0, 0, 0];
        assert_eq!(parse(&half).unwrap().class(), "float16");
        // Version 3: names are not filled up, places of members are as wide as the size asks for.
        let mut compound = vec![0x36, 2, 0, 0, 4, 0, 0, 0];
        compound.extend(b"a\0\0");
        compound.extend([0x10, 0, 0, 0, 2, 0, 0, 0, 0, 0, 12, 0]);
        compound.extend(b"bc\0\x02");
        compound.extend([0x3a, 0, 0, 0, 2, 0, 0, 0, 1, 2, 0, 0, 0, 0x13, 0, 0, 0, 1, 0, 0, 0]);
        let class = "compound {a: integer of 12 bits in 2 bytes, bc: array [2] of char}";
        assert_eq!(parse(&compound).unwrap(), Datatype::Other { class: class.into(), size: 4 });
        let cut = parse(&compound[..20]).unwrap();
        assert!(matches!(&cut, Datatype::Other { class, size: 4 } if class.ends_with("not known")), "{cut:?}");
        assert!(parse(&compound[..7]).is_err());
    }

    #[test]
    fn lists_within_lists_end() {
        let mut bytes = Vec::new();
        for _ in 0..20 {
            bytes.extend([0x19, 0, 0, 0, 16, 0, 0, 0]);
        }
        assert!(parse(&bytes).is_err());
    }
}
