//! The local heap: the names of a symbol-table group (HDF5 File Format Specification 3.0, III.D).

use bytes::Bytes;

use super::bytes::decode_text;
use super::fault::{Fault, Found};
use super::store::View;

/// A local heap's data.
#[derive(Debug, Clone)]
pub(super) struct LocalHeap {
    data: Bytes,
    start: u64,
}

/// Reads the heap at an address.
pub(super) fn read(view: &View, address: u64) -> Found<LocalHeap> {
    let widths = view.facts.widths;
    let bytes = view.get("local heap", address, (8 + 2 * widths.length + widths.address) as u64)?;
    let mut cursor = view.cursor("local heap", &bytes, address);
    cursor.signature(b"HEAP")?;
    cursor.version(0)?;
    cursor.skip(3)?;
    let length = cursor.length()?;
    let _free = cursor.length()?;
    let start = cursor.defined_address()?;
    let data = view.get("local heap data", start, length)?;
    Ok(LocalHeap { data, start: view.absolute(start) })
}

impl LocalHeap {
    /// The text at an offset of the heap.
    pub(super) fn text(&self, offset: u64) -> Found<String> {
        let text = usize::try_from(offset).ok().and_then(|offset| self.data.get(offset..));
        let text = text.and_then(|rest| rest.split(|byte| *byte == 0).next().filter(|text| text.len() < rest.len()));
        text.map(decode_text).ok_or_else(|| {
            let expected = format!("a name within {} bytes", self.data.len());
            Fault::corrupt("local heap", self.start, expected, format!("a name at {offset}"))
        })
    }
}
