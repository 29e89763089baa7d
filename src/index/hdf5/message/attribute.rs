//! Attribute messages (IV.A.2.m).

use super::super::bytes::decode_text;
use super::super::fault::Found;
use super::super::object_header::{SHARED, kind};
use super::super::store::View;
use super::dataspace::{self, Dataspace};
use super::datatype::{self, Datatype};
use super::resolve;

/// An attribute whose value is not decoded yet.
#[derive(Debug, Clone)]
pub(in super::super) struct RawAttribute<'a> {
    pub(in super::super) name: String,
    pub(in super::super) datatype: Datatype,
    pub(in super::super) space: Dataspace,
    /// The bytes of its elements.
    pub(in super::super) data: &'a [u8],
    pub(in super::super) address: u64,
}

/// Reads an attribute message.
pub(in super::super) fn read<'a>(view: &View, body: &'a [u8], address: u64) -> Found<RawAttribute<'a>> {
    let mut cursor = view.cursor("attribute", body, address);
    let version = cursor.u8()?;
    if !(1..=3).contains(&version) {
        return Err(cursor.unsupported(format!("attribute version {version}")));
    }
    let flags = cursor.u8()?;
    let lengths = [usize::from(cursor.u16()?), usize::from(cursor.u16()?), usize::from(cursor.u16()?)];
    cursor.skip(usize::from(version == 3))?;
    let mut parts = [&body[..0]; 3];
    let mut addresses = [0; 3];
    for ((part, at), length) in parts.iter_mut().zip(&mut addresses).zip(lengths) {
        let start = cursor.position();
        *part = cursor.take(length)?;
        *at = address.saturating_add(start as u64);
        if version == 1 {
            // The padding after the last part may be missing when there are no data.
            cursor.skip((length.next_multiple_of(8) - length).min(cursor.remaining()))?;
        }
    }
    let [name, datatype, space] = parts;
    let name = decode_text(name.split(|byte| *byte == 0).next().unwrap_or_default());
    let shared = |bit: u8| if version > 1 && flags & bit != 0 { SHARED } else { 0 };
    let (datatype, datatype_at) = resolve(view, kind::DATATYPE, shared(1), datatype, addresses[1])?;
    let (space, space_at) = resolve(view, kind::DATASPACE, shared(2), space, addresses[2])?;
    let datatype = datatype::read(view.cursor("datatype of an attribute", &datatype, datatype_at))?;
    let space = dataspace::read(view.cursor("dataspace of an attribute", &space, space_at))?;
    let elements = space.elements().and_then(|count| usize::try_from(count).ok());
    let length = elements.and_then(|count| count.checked_mul(datatype.size() as usize));
    let length = length.ok_or_else(|| cursor.corrupt("a value that fits the header", "a larger one"))?;
    let start = cursor.position();
    let data = cursor.take(length)?;
    Ok(RawAttribute { name, datatype, space, data, address: address.saturating_add(start as u64) })
}
