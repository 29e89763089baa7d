//! The global heap: texts and lists of any length (HDF5 File Format Specification 3.0, III.E).

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::bytes::{Cursor, decode_text};
use super::fault::{Fault, Found};
use super::store::View;

/// libhdf5's smallest collection.
const GUESS: u64 = 4096;

/// One collection: its bytes, and where each object is.
#[derive(Debug)]
pub(super) struct Collection {
    bytes: Bytes,
    /// By number; of several with one number, the last counts.
    objects: Vec<(u32, Range<usize>)>,
}

/// A reference to an object of the global heap, as elements of any length hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeapReference {
    /// The number of elements.
    pub(super) length: u32,
    /// The address of the collection; `None`: nothing was written.
    pub(super) collection: Option<u64>,
    /// The number of the object there.
    pub(super) object: u32,
}

impl HeapReference {
    /// Reads the reference that an element holds.
    pub(super) fn read(cursor: &mut Cursor) -> Found<Self> {
        let (length, collection, object) = (cursor.u32()?, cursor.address()?, cursor.u32()?);
        // Elements that were never written are all zeros.
        let collection = collection.filter(|address| *address != 0 && length != 0);
        Ok(Self { length, collection, object })
    }
}

/// Opens the collection at an address; each is parsed once.
pub(super) fn open(view: &View, address: u64) -> Found<Arc<Collection>> {
    if let Some(collection) = view.shared.collections.borrow().get(&address) {
        return Ok(Arc::clone(collection));
    }
    let collection = Arc::new(read(view, address)?);
    view.shared.collections.borrow_mut().insert(address, Arc::clone(&collection));
    Ok(collection)
}

fn read(view: &View, address: u64) -> Found<Collection> {
    let guess = view.get_up_to("global heap", address, GUESS)?;
    let mut cursor = view.cursor("global heap", &guess, address);
    cursor.signature(b"GCOL")?;
    cursor.version(1)?;
    cursor.skip(3)?;
    let length = cursor.length()?;
    let bytes = view.get("global heap", address, length)?;
    view.spend_memory(bytes.len())?;
    let mut cursor = view.cursor("global heap", &bytes, address);
    // The heads of a collection and of an object are a multiple of eight bytes, however narrow the lengths are.
    let head = (8 + view.facts.widths.length).next_multiple_of(8);
    cursor.skip(head)?;
    let mut objects: Vec<(u32, Range<usize>)> = Vec::new();
    while cursor.remaining() >= head {
        let object = u32::from(cursor.u16()?);
        cursor.skip(6)?;
        let length = usize::try_from(cursor.length()?).unwrap_or(usize::MAX);
        cursor.skip(head - 8 - view.facts.widths.length)?;
        if object == 0 {
            break;
        }
        let start = cursor.position();
        cursor.skip(length)?;
        objects.push((object, start..cursor.position()));
        let padding = cursor.position().next_multiple_of(8) - cursor.position();
        cursor.skip(padding.min(cursor.remaining()))?;
    }
    objects.sort_by_key(|(object, _)| *object);
    Ok(Collection { bytes, objects })
}

impl Collection {
    /// The bytes of an object.
    pub(super) fn object(&self, number: u32) -> Option<&[u8]> {
        let after = self.objects.partition_point(|(object, _)| *object <= number);
        let (_, range) = self.objects[..after].last().filter(|(object, _)| *object == number)?;
        self.bytes.get(range.clone())
    }
}

/// Reads the bytes that a reference leads to: `length` elements of `size` bytes each.
pub(super) fn resolve<T>(
    view: &View,
    reference: HeapReference,
    size: usize,
    read: impl FnOnce(&[u8]) -> T,
) -> Found<T> {
    let Some(address) = reference.collection else { return Ok(read(&[])) };
    let collection = open(view, address)?;
    let length = (reference.length as usize).saturating_mul(size);
    match collection.object(reference.object) {
        Some(object) if object.len() >= length => {
            // Any number of references may lead to one object.
            view.spend_memory(length)?;
            Ok(read(&object[..length]))
        }
        found => Err(Fault::corrupt(
            "global heap",
            view.absolute(address),
            format!("object {} of {length} bytes", reference.object),
            found.map_or_else(|| "no such object".to_owned(), |object| format!("{} bytes", object.len())),
        )),
    }
}

/// The text that a reference leads to.
pub(super) fn text(view: &View, reference: HeapReference) -> Found<String> {
    resolve(view, reference, 1, |bytes| decode_text(bytes.split(|byte| *byte == 0).next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::testing::{Image, words};
    use super::*;

    fn image() -> Image {
        let mut heap = b"GCOL\x01\0\0\0".to_vec();
        heap.extend(words(&[80]));
        heap.extend([1, 0, 1, 0, 0, 0, 0, 0]);
        heap.extend(words(&[5]));
        heap.extend(b"hello\0\0\0");
        heap.extend([2, 0, 1, 0, 0, 0, 0, 0]);
        heap.extend(words(&[2]));
        heap.extend(b"ab\0\0\0\0\0\0");
        Image::default().put(16, heap).put(96, [0; 4])
    }

    #[test]
    fn texts() {
        let read = |length, object| {
            let reference = HeapReference { length, collection: Some(16), object };
            image().parse(|view| text(view, reference))
        };
        assert_eq!(read(5, 1).unwrap(), "hello");
        assert_eq!(read(2, 2).unwrap(), "ab");
        assert!(matches!(read(3, 2), Err(Fault::Corrupt { .. })));
        assert!(matches!(read(1, 3), Err(Fault::Corrupt { .. })));
        let nothing = HeapReference { length: 0, collection: None, object: 0 };
        assert_eq!(image().parse(|view| text(view, nothing)).unwrap(), "");
    }

    #[test]
    fn a_heap_beyond_the_end_is_named() {
        let reference = HeapReference { length: 1, collection: Some(1 << 40), object: 1 };
        assert!(matches!(image().parse(|view| text(view, reference)), Err(Fault::BeyondEnd { .. })));
    }
}
