//! The files that hold the data of a dataset in its file's stead (IV.A.2.h), and the datasets that a virtual one is put
//! together from (global heap block of IV.A.2.i, "Virtual Storage Layout"): both by name only.

use std::sync::Arc;

use super::super::bytes::decode_text;
use super::super::fault::Found;
use super::super::global_heap;
use super::super::local_heap;
use super::super::object_header::Message;
use super::super::store::View;

/// How many files a sentence names.
const NAMED: usize = 3;
/// Flag of a piece of a virtual dataset, version 1: it is in the same file.
const SAME_FILE: u8 = 0x04;

/// Says which other files hold the data.
pub(in super::super) fn read(view: &View, message: &Message) -> Found<Arc<str>> {
    let mut cursor = message.cursor("external data files", view);
    cursor.version(1)?;
    cursor.skip(5)?;
    let count = usize::from(cursor.u16()?);
    let heap = cursor.defined_address()?;
    let heap = local_heap::read(view, heap)?;
    let mut names = Vec::new();
    for _ in 0..count.min(NAMED) {
        names.push(heap.text(cursor.length()?)?);
        let (_offset, _size) = (cursor.length()?, cursor.length()?);
    }
    let more = if count > NAMED { format!(" and {} more", count - NAMED) } else { String::new() };
    Ok(format!("data in other files ({}{more})", names.join(", ")).into())
}

/// Says which datasets a virtual one is put together from; `heap`: the collection and the number of the list there.
pub(in super::super) fn read_virtual(view: &View, heap: Option<(u64, u32)>) -> Found<Arc<str>> {
    const SENTENCE: &str = "a virtual dataset, put together from other datasets";
    let Some((address, object)) = heap else { return Ok(SENTENCE.into()) };
    let collection = global_heap::open(view, address)?;
    let Some(list) = collection.object(object) else {
        let cursor = view.cursor("list of a virtual dataset", &[], address);
        return Err(cursor.corrupt(format!("object {object} of the global heap"), "no such object"));
    };
    let mut cursor = view.cursor("list of a virtual dataset", list, address);
    let version = cursor.u8()?;
    let count = cursor.length()?;
    // What later versions add is not needed to name the first piece; of unknown ones nothing is known.
    let flags = match (version, count) {
        (_, 0) | (2.., _) => return Ok(SENTENCE.into()),
        (0, _) => 0,
        (1, _) => cursor.u8()?,
    };
    let file = if flags & SAME_FILE != 0 { "." } else { &decode_text(cursor.until_nul()?) };
    let dataset = decode_text(cursor.until_nul()?);
    let file = if file == "." { "the file itself" } else { file };
    let pieces = if count == 1 { "1 piece".to_owned() } else { format!("{count} pieces") };
    Ok(format!("{SENTENCE} ({pieces}, the first is {dataset} in {file})").into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::Bytes;

    use super::super::super::testing::{Image, words};
    use super::*;

    #[test]
    fn files_are_named() {
        let mut heap = b"HEAP\0\0\0\0".to_vec();
        heap.extend(words(&[16, 16, 200]));
        let image = Image::default().put(100, heap).put(200, b"\0\0a.bin\0b.bin\0\0\0");
        let named = |count: u8| {
            let mut body = vec![1, 0, 0, 0, 9, 0, count, 0];
            body.extend(words(&[100, 2, 0, 40, 8, 0, 40, 2, 40, 40, 2, 80, 40, 2, 120, 40]));
            let message = Message { kind: 7, flags: 0, order: None, address: 0, body: Bytes::from(body) };
            image.parse(|view| read(view, &message))
        };
        assert_eq!(&*named(2).unwrap(), "data in other files (a.bin, b.bin)");
        assert_eq!(&*named(5).unwrap(), "data in other files (a.bin, b.bin, a.bin and 2 more)");
    }

    #[test]
    fn pieces_are_named() {
        let mut list = vec![0];
        list.extend(words(&[2]));
        list.extend(b"a.h5\0/x\0and how it is cut");
        let mut heap = b"GCOL\x01\0\0\0".to_vec();
        heap.extend(words(&[88]));
        heap.extend([1, 0, 1, 0, 0, 0, 0, 0]);
        heap.extend(words(&[list.len() as u64]));
        heap.extend(&list);
        let image = Image::default().put(16, heap).put(104, [0; 4]);
        let found = image.parse(|view| read_virtual(view, Some((16, 1)))).unwrap();
        assert_eq!(&*found, "a virtual dataset, put together from other datasets (2 pieces, the first is /x in a.h5)");
        assert!(image.parse(|view| read_virtual(view, Some((16, 2)))).is_err());
        assert!(image.parse(|view| read_virtual(view, Some((1 << 40, 1)))).is_err());
        assert!(image.parse(|view| read_virtual(view, None)).is_ok());
    }
}
