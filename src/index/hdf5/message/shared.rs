//! Messages that are kept elsewhere: in a committed datatype, or in the file's heap of shared messages (IV.A.2,
//! "Shared Message").

use std::ops::Deref;

use bytes::Bytes;

use super::super::fault::{Fault, Found};
use super::super::fractal_heap;
use super::super::object_header::{self, SHARED, kind};
use super::super::store::View;

const IN_HEAP: u8 = 1;

/// The body of a message.
#[derive(Debug)]
pub(in super::super) enum Body<'a> {
    /// In the message itself.
    Here(&'a [u8]),
    Elsewhere(Bytes),
}

impl Deref for Body<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Here(bytes) => bytes,
            Self::Elsewhere(bytes) => bytes,
        }
    }
}

/// The body of a message, wherever it is kept, and the address of its first byte.
///
/// `kind` is the message's type, `flags` those of the message (or, within an attribute, of its part).
pub(in super::super) fn resolve<'a>(
    view: &View,
    kind: u16,
    flags: u8,
    body: &'a [u8],
    address: u64,
) -> Found<(Body<'a>, u64)> {
    if flags & SHARED == 0 {
        return Ok((Body::Here(body), address));
    }
    let mut cursor = view.cursor("shared message", body, address);
    let version = cursor.u8()?;
    let place = cursor.u8()?;
    match version {
        // Version 1 holds a symbol table entry: the offset of a name, then the address.
        1 => cursor.skip(6 + view.facts.widths.length)?,
        2 => {}
        3 if place == IN_HEAP => {
            let id = cursor.take(8)?;
            let heap = shared_heap(view, kind, address)?;
            return Ok((Body::Elsewhere(fractal_heap::open(view, heap)?.object(view, id)?), address));
        }
        3 => {}
        _ => return Err(cursor.corrupt("a shared message of version 1, 2 or 3", format!("version {version}"))),
    }
    let owner = cursor.defined_address()?;
    let found = object_header::read(view, owner)?.into_iter().find(|message| message.kind == kind);
    match found {
        // A committed message that is itself shared could lead round in circles; the library never writes one.
        Some(message) if message.flags & SHARED != 0 => {
            Err(cursor.corrupt("a message kept in full", "another shared message"))
        }
        Some(message) => Ok((Body::Elsewhere(message.body), message.address)),
        None => Err(cursor.corrupt(format!("a message of type {kind:#04x} in the object at {owner}"), "none")),
    }
}

/// The address of the heap of shared messages of a type.
pub(in super::super) fn shared_heap(view: &View, kind: u16, address: u64) -> Found<u64> {
    // Fill values of the old kind stand among those of the new kind.
    let kind = if kind == kind::OLD_FILL_VALUE { kind::FILL_VALUE } else { kind };
    let holds = |types: u16| types.checked_shr(u32::from(kind)).unwrap_or(0) & 1 == 1;
    let heap = view.facts.shared_heaps.iter().find(|(types, _)| holds(*types));
    heap.map(|(_, heap)| *heap).ok_or_else(|| {
        Fault::corrupt(
            "shared message",
            view.absolute(address),
            "a heap for its type in the superblock extension",
            "none",
        )
    })
}
