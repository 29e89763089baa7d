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
    Ok(format!("{SENTENCE} ({count} pieces, the first is {dataset} in {file})").into())
}

/// Flag of a piece, version 1: the dataset is in the same file.
const SAME_FILE: u8 = 0x04;
