//! Object headers, versions 1 and 2, with their continuations (HDF5 File Format Specification 3.0, IV.A.1).

use std::collections::{HashSet, VecDeque};

use bytes::Bytes;

use super::bytes::Cursor;
use super::checksum;
use super::fault::{Fault, Found, Stop};
use super::store::View;

/// The types of header messages (IV.A.2).
pub(super) mod kind {
    pub(in crate::index) const DATASPACE: u16 = 0x01;
    pub(in crate::index) const LINK_INFO: u16 = 0x02;
    pub(in crate::index) const DATATYPE: u16 = 0x03;
    pub(in crate::index) const OLD_FILL_VALUE: u16 = 0x04;
    pub(in crate::index) const FILL_VALUE: u16 = 0x05;
    pub(in crate::index) const LINK: u16 = 0x06;
    pub(in crate::index) const EXTERNAL_FILES: u16 = 0x07;
    pub(in crate::index) const LAYOUT: u16 = 0x08;
    pub(in crate::index) const FILTERS: u16 = 0x0b;
    pub(in crate::index) const ATTRIBUTE: u16 = 0x0c;
    pub(in crate::index) const SHARED_TABLE: u16 = 0x0f;
    pub(in crate::index) const CONTINUATION: u16 = 0x10;
    pub(in crate::index) const SYMBOL_TABLE: u16 = 0x11;
    pub(in crate::index) const DRIVER_INFO: u16 = 0x14;
    pub(in crate::index) const ATTRIBUTE_INFO: u16 = 0x15;
    pub(in crate::index) const CACHE_IMAGE: u16 = 0x18;
    /// The last type that the specification knows.
    pub(in crate::index) const LAST: u16 = 0x18;
}

/// Message flag: the body says where the message is kept.
pub(super) const SHARED: u8 = 0x02;
/// Message flag: whoever does not know the type must not read the object.
const FAIL_IF_UNKNOWN: u8 = 0x80;

const GUESS: u64 = 512;

/// One message of a header.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) kind: u16,
    pub(super) flags: u8,
    /// The order in which it was made, where the object keeps track of that.
    pub(super) order: Option<u16>,
    /// The address of its body.
    pub(super) address: u64,
    pub(super) body: Bytes,
}

impl Message {
    /// A cursor over the body.
    pub(super) fn cursor<'a>(&'a self, structure: &'static str, view: &View) -> Cursor<'a> {
        view.cursor(structure, &self.body, self.address)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    One,
    Two { tracks_order: bool },
}

#[derive(Debug, Clone, Copy)]
enum Block {
    /// The first block, its length guessed.
    First(u64),
    /// A continuation.
    Next { address: u64, length: u64, version: Version },
}

/// Reads a header block by block: what was read is not read again when bytes are missing.
#[derive(Debug)]
pub(super) struct HeaderWalk {
    address: u64,
    pending: VecDeque<Block>,
    /// The continuations so far.
    seen: HashSet<u64>,
    messages: Vec<Message>,
}

impl HeaderWalk {
    /// A walk over the header at an address.
    pub(super) fn new(address: u64) -> Self {
        let pending = VecDeque::from([Block::First(GUESS)]);
        Self { address, pending, seen: HashSet::new(), messages: Vec::new() }
    }

    /// Reads as far as the bytes at hand allow.
    pub(super) fn run(&mut self, view: &View) -> Found<()> {
        let mut waiting = VecDeque::new();
        while let Some(block) = self.pending.pop_front() {
            match self.block(view, block) {
                Ok(()) => {}
                Err(Stop::Need) => waiting.push_back(block),
                Err(fault) => return Err(fault),
            }
        }
        self.pending = waiting;
        if self.pending.is_empty() { Ok(()) } else { Err(Stop::Need) }
    }

    /// The messages in the order of the blocks.
    pub(super) fn take_messages(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.messages)
    }

    fn block(&mut self, view: &View, block: Block) -> Found<()> {
        match block {
            Block::First(guess) => {
                let bytes = view.get_up_to("object header", self.address, guess)?;
                if bytes.starts_with(b"OHDR") { self.first_v2(view, &bytes) } else { self.first_v1(view, &bytes) }
            }
            Block::Next { address, length, version: Version::One } => {
                let bytes = view.get("object header continuation", address, length)?;
                self.messages_of(view, &bytes, address, Version::One)
            }
            Block::Next { address, length, version } => {
                let bytes = view.get("object header continuation", address, length)?;
                checksum::verify("object header continuation", &bytes, view.absolute(address))?;
                view.cursor("object header continuation", &bytes, address).signature(b"OCHK")?;
                let body = bytes.slice(4..bytes.len().saturating_sub(4).max(4));
                self.messages_of(view, &body, address.saturating_add(4), version)
            }
        }
    }

    /// Hands out the whole first block, once it is known how long it is.
    fn whole(&mut self, view: &View, bytes: &Bytes, length: u64) -> Found<Bytes> {
        match usize::try_from(length) {
            Ok(length) if length <= bytes.len() => Ok(bytes.slice(..length)),
            _ => view.get("object header", self.address, length),
        }
    }

    fn first_v1(&mut self, view: &View, bytes: &Bytes) -> Found<()> {
        let mut cursor = view.cursor("object header", bytes, self.address);
        cursor.version(1)?;
        cursor.skip(7)?;
        let length = u64::from(cursor.u32()?);
        let whole = self.whole(view, bytes, 16 + length)?;
        self.messages_of(view, &whole.slice(16..), self.address.saturating_add(16), Version::One)
    }

    fn first_v2(&mut self, view: &View, bytes: &Bytes) -> Found<()> {
        let mut cursor = view.cursor("object header", bytes, self.address);
        cursor.signature(b"OHDR")?;
        cursor.version(2)?;
        let flags = cursor.u8()?;
        cursor.skip(if flags & 0x20 != 0 { 16 } else { 0 } + if flags & 0x10 != 0 { 4 } else { 0 })?;
        let length = cursor.uint(1 << (flags & 3))?;
        let start = cursor.position();
        let total = length.checked_add(start as u64 + 4);
        let total = total.ok_or_else(|| cursor.corrupt("a header within the file", format!("{length} bytes")))?;
        let whole = self.whole(view, bytes, total)?;
        checksum::verify("object header", &whole, view.absolute(self.address))?;
        let body = whole.slice(start..whole.len() - 4);
        let version = Version::Two { tracks_order: flags & 0x04 != 0 };
        self.messages_of(view, &body, self.address.saturating_add(start as u64), version)
    }

    fn messages_of(&mut self, view: &View, block: &Bytes, address: u64, version: Version) -> Found<()> {
        let prefix = match version {
            Version::One => 8,
            Version::Two { tracks_order } => 4 + if tracks_order { 2 } else { 0 },
        };
        let mut cursor = view.cursor("object header message", block, address);
        while cursor.remaining() >= prefix {
            let (kind, length, flags, order);
            match version {
                Version::One => {
                    (kind, length, flags, order) = (cursor.u16()?, cursor.u16()?, cursor.u8()?, None);
                    cursor.skip(3)?;
                }
                Version::Two { tracks_order } => {
                    (kind, length, flags) = (u16::from(cursor.u8()?), cursor.u16()?, cursor.u8()?);
                    order = if tracks_order { Some(cursor.u16()?) } else { None };
                }
            }
            let at = cursor.position();
            cursor.skip(usize::from(length))?;
            let body = block.slice(at..cursor.position());
            self.message(
                view,
                Message { kind, flags, order, address: address.saturating_add(at as u64), body },
                version,
            )?;
        }
        Ok(())
    }

    fn message(&mut self, view: &View, message: Message, version: Version) -> Found<()> {
        if message.kind == kind::CONTINUATION {
            let mut cursor = message.cursor("continuation message", view);
            let (address, length) = (cursor.defined_address()?, cursor.length()?);
            if address == self.address || !self.seen.insert(address) {
                return Err(cursor.corrupt("blocks that do not come back", "a block that was read before"));
            }
            self.pending.push_back(Block::Next { address, length, version });
        } else if message.kind > kind::LAST && message.flags & FAIL_IF_UNKNOWN != 0 {
            return Err(Fault::unsupported(
                view.absolute(message.address),
                format!("object header messages of type {:#04x}, which must not be passed over", message.kind),
            ));
        } else if message.kind != 0 {
            // Headers may overlap.
            view.spend_memory(size_of::<Message>())?;
            self.messages.push(message);
        }
        Ok(())
    }
}

/// Reads a whole header.
pub(super) fn read(view: &View, address: u64) -> Found<Vec<Message>> {
    let mut walk = HeaderWalk::new(address);
    walk.run(view)?;
    Ok(walk.take_messages())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::testing::Image;
    use super::*;

    fn v1(messages: &[u8]) -> Vec<u8> {
        let mut header = vec![1, 0, 2, 0, 1, 0, 0, 0];
        header.extend(u32::try_from(messages.len()).unwrap().to_le_bytes());
        header.extend([0; 4]);
        header.extend(messages);
        header
    }

    fn continuation(address: u8, length: u8) -> Vec<u8> {
        let mut message = vec![0x10, 0, 16, 0, 0, 0, 0, 0];
        message.extend([address, 0, 0, 0, 0, 0, 0, 0, length, 0, 0, 0, 0, 0, 0, 0]);
        message
    }

    #[test]
    fn version_1_goes_on_elsewhere() {
        let image = Image::default()
            .put(0, v1(&continuation(100, 16)))
            .put(100, [1, 0, 8, 0, 0, 0, 0, 0, 11, 12, 13, 14, 15, 16, 17, 18]);
        let messages = image.parse(|view| read(view, 0)).unwrap();
        assert_eq!(messages.len(), 1);
        assert_eq!((messages[0].kind, messages[0].address, messages[0].body[0]), (kind::DATASPACE, 108, 11));
    }

    #[test]
    fn a_continuation_that_comes_back_is_seen() {
        let image = Image::default().put(0, v1(&continuation(100, 24))).put(100, continuation(100, 24));
        assert!(matches!(image.parse(|view| read(view, 0)), Err(Fault::Corrupt { .. })));
    }

    #[test]
    fn version_2_is_checked() {
        let header = b"OHDR\x02\x04\x0a\x01\x02\x00\x00\x05\x00ab\0\0".to_vec();
        let messages = Image::default().put_summed(0, &header).parse(|view| read(view, 0)).unwrap();
        assert_eq!((messages.len(), messages[0].order, &messages[0].body[..]), (1, Some(5), &b"ab"[..]));
        let mut broken = Image::default().put_summed(0, &header);
        broken.0[14] ^= 1;
        assert!(matches!(broken.parse(|view| read(view, 0)), Err(Fault::Corrupt { .. })));
    }

    #[test]
    fn what_must_be_understood_is_refused() {
        let mut message = vec![0x1a, 0, 0, 0, FAIL_IF_UNKNOWN, 0, 0, 0];
        assert!(matches!(
            Image::default().put(0, v1(&message)).parse(|view| read(view, 0)),
            Err(Fault::Unsupported { .. })
        ));
        message[4] = 0;
        assert!(Image::default().put(0, v1(&message)).parse(|view| read(view, 0)).is_ok());
        assert!(matches!(
            Image::default().put(0, v1(&[0x1a, 0, 9, 0, 0, 0, 0, 0])).parse(|view| read(view, 0)),
            Err(Fault::Corrupt { .. })
        ));
    }
}
