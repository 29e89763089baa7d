//! Types that altostac does not carry into products, in words.

use super::super::bytes::{Cursor, width_for};
use super::super::fault::Found;
use super::datatype::{FloatFields, read_name, read_nested};

/// How many members of a compound are named.
const NAMED: usize = 8;

/// An integer that does not fill one, two, four or eight bytes.
pub(super) fn integer(bit_offset: u16, precision: u16, size: u32) -> String {
    let from = if bit_offset == 0 { String::new() } else { format!(" from bit {bit_offset}") };
    match u32::from(precision) == size.saturating_mul(8) {
        true => format!("integer of {precision} bits"),
        false => format!("integer of {precision} bits{from} in {size} bytes"),
    }
}

/// A floating-point number of neither 32 nor 64 bits; those of HDF5 2.0's predefined types by their names.
pub(super) fn float(fields: FloatFields, size: u32) -> String {
    match fields {
        (0, 16, 10, 5, 0, 10, 15) => "float16".into(),
        (0, 16, 7, 8, 0, 7, 127) => "bfloat16".into(),
        (0, 8, 3, 4, 0, 3, 7) => "float8 (E4M3)".into(),
        (0, 8, 2, 5, 0, 2, 15) => "float8 (E5M2)".into(),
        (_, precision, _, exponent, _, mantissa, _) => format!(
            "floating-point number of {precision} bits in {size} bytes ({exponent} of exponent, {mantissa} of mantissa)"
        ),
    }
}

/// Bytes without a meaning but their tag.
pub(super) fn opaque(tag: &str, size: u32) -> String {
    if tag.is_empty() { format!("opaque of {size} bytes") } else { format!("opaque of {size} bytes ({tag})") }
}

/// An array in each element (IV.A.2.d, class 10): its shape and its own elements' type.
pub(super) fn array(cursor: &mut Cursor, version: u8, depth: u8) -> Found<String> {
    let rank = usize::from(cursor.u8()?);
    if version < 3 {
        cursor.skip(3)?;
    }
    let shape = (0..rank).map(|_| cursor.u32()).collect::<Found<Vec<_>>>()?;
    if version < 3 {
        cursor.skip(4 * rank)?;
    }
    Ok(format!("array {shape:?} of {}", read_nested(cursor, depth + 1)?.class()))
}

/// Several values in each element (IV.A.2.d, class 6): their names and types.
pub(super) fn compound(cursor: &mut Cursor, bits: u64, version: u8, size: u32, depth: u8) -> Found<String> {
    let count = usize::try_from(bits & 0xffff).unwrap_or(0);
    let mut members = Vec::new();
    for number in 0..count {
        let name = read_name(cursor, version)?;
        let shape = match version {
            1 => {
                cursor.skip(4)?;
                member_shape(cursor)?
            }
            2 => cursor.skip(4).map(|()| String::new())?,
            _ => cursor.skip(width_for(u64::from(size))).map(|()| String::new())?,
        };
        let member = read_nested(cursor, depth + 1)?.class();
        if number < NAMED {
            members.push(format!("{name}: {shape}{member}"));
        }
    }
    let more = if count > NAMED { format!(", and {} more", count - NAMED) } else { String::new() };
    Ok(format!("compound {{{}{more}}}", members.join(", ")))
}

/// In version 1 members have shapes themselves.
fn member_shape(cursor: &mut Cursor) -> Found<String> {
    let rank = usize::from(cursor.u8()?).min(4);
    cursor.skip(3 + 4 + 4)?;
    let lengths = (0..4).map(|_| cursor.u32()).collect::<Found<Vec<_>>>()?;
    Ok(if rank == 0 { String::new() } else { format!("array {:?} of ", &lengths[..rank]) })
}
