//! The links of a group: link messages, and where the links of a large group are (IV.A.2.c and IV.A.2.g).

use super::super::bytes::{Cursor, decode_text};
use super::super::fault::Found;

/// What a link leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Target {
    /// The object at an address.
    Hard(u64),
    /// A path in this file.
    Soft(String),
    /// Something outside: the kind in words.
    Outside(String),
}

/// A link of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Link {
    pub(in super::super) name: String,
    /// The order in which it was made, where the group keeps track of that.
    pub(in super::super) order: Option<u64>,
    pub(in super::super) target: Target,
}

/// Reads a link message.
pub(in super::super) fn read(mut cursor: Cursor) -> Found<Link> {
    cursor.version(1)?;
    let flags = cursor.u8()?;
    let kind = if flags & 0x08 != 0 { cursor.u8()? } else { 0 };
    let order = if flags & 0x04 != 0 { Some(cursor.u64()?) } else { None };
    cursor.skip(usize::from(flags & 0x10 != 0))?;
    let length = usize::try_from(cursor.uint(1 << (flags & 3))?).unwrap_or(usize::MAX);
    let name = decode_text(cursor.take(length)?);
    let target = match kind {
        0 => Target::Hard(cursor.defined_address()?),
        1 => {
            let length = usize::from(cursor.u16()?);
            Target::Soft(decode_text(cursor.take(length)?))
        }
        64 => {
            let length = usize::from(cursor.u16()?);
            let value = decode_text(cursor.take(length)?.get(1..).unwrap_or_default());
            let mut parts = value.split('\0');
            let (file, path) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            Target::Outside(format!("external link to {path} in {file}"))
        }
        kind => Target::Outside(format!("user-defined link of type {kind}")),
    };
    Ok(Link { name, order, target })
}

/// Where the links or attributes of an object are that do not stand in its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Dense {
    /// The fractal heap.
    pub(in super::super) heap: u64,
    /// The v2 B-tree by name.
    pub(in super::super) names: u64,
    /// Whether the order of creation is kept.
    pub(in super::super) ordered: bool,
}

/// Reads a link info message; `None` if all links stand in the header.
pub(in super::super) fn read_link_info(cursor: Cursor) -> Found<Option<Dense>> {
    read_info(cursor, 8)
}

/// Reads an attribute info message (IV.A.2.v); `None` if all attributes stand in the header.
pub(in super::super) fn read_attribute_info(cursor: Cursor) -> Found<Option<Dense>> {
    read_info(cursor, 2)
}

fn read_info(mut cursor: Cursor, order_width: usize) -> Found<Option<Dense>> {
    cursor.version(0)?;
    let flags = cursor.u8()?;
    cursor.skip(if flags & 1 != 0 { order_width } else { 0 })?;
    let heap = cursor.address()?;
    let names = cursor.address()?;
    Ok(heap.zip(names).map(|(heap, names)| Dense { heap, names, ordered: flags & 1 != 0 }))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::bytes::Widths;
    use super::*;

    const WIDTHS: Widths = Widths { address: 4, length: 4 };

    fn parse(bytes: &[u8]) -> Found<Link> {
        read(Cursor::new("link", bytes, 0, WIDTHS))
    }

    #[test]
    fn kinds() {
        let hard = [1, 0x14, 3, 0, 0, 0, 0, 0, 0, 0, 1, 2, b'l', b'a', 0, 1, 0, 0];
        assert_eq!(parse(&hard).unwrap(), Link { name: "la".into(), order: Some(3), target: Target::Hard(256) });
        let soft = [1, 8, 1, 1, b's', 2, 0, b'/', b'a'];
        assert_eq!(parse(&soft).unwrap().target, Target::Soft("/a".into()));
        let mut external = vec![1, 8, 64, 1, b'e', 8, 0, 0];
        external.extend(b"b.h5\0/x");
        assert_eq!(parse(&external).unwrap().target, Target::Outside("external link to /x in b.h5".into()));
        assert!(parse(&soft[..8]).is_err());
    }

    #[test]
    fn info() {
        let bytes = [0, 1, 9, 9, 9, 9, 9, 9, 9, 9, 1, 0, 0, 0, 2, 0, 0, 0];
        let dense = read_link_info(Cursor::new("link info", &bytes, 0, WIDTHS)).unwrap();
        assert_eq!(dense, Some(Dense { heap: 1, names: 2, ordered: true }));
        let none = [0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        assert_eq!(read_attribute_info(Cursor::new("attribute info", &none, 0, WIDTHS)).unwrap(), None);
    }
}
