//! Fractal heaps: the links and attributes of large objects, and shared messages (HDF5 File Format Specification 3.0,
//! III.F).

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;

use super::btree_v2;
use super::bytes::{Cursor, log2};
use super::checksum;
use super::fault::{Fault, Found};
use super::message::filters;
use super::store::View;
use crate::codec::{CodecError, decode_chunk};
use crate::model::CodecChain;

/// The largest block or object that is unpacked; libhdf5 makes blocks of 64 KiB.
const UNPACKED_LIMIT: u64 = 32 << 20;

/// The filters of a heap's direct blocks and huge objects, and how the root block is packed if it is a direct one.
#[derive(Debug)]
struct Filters {
    chain: CodecChain,
    root: Packed,
}

/// How a block or object stands in the file.
#[derive(Debug, Clone, Copy)]
struct Packed {
    length: u64,
    mask: u32,
}

/// An opened heap.
#[derive(Debug)]
pub(super) struct FractalHeap {
    address: u64,
    id_length: usize,
    checksummed_blocks: bool,
    huge_tree: Option<u64>,
    /// The doubling table.
    width: u64,
    first_block: u64,
    largest_direct_block: u64,
    offset_width: usize,
    length_width: usize,
    root: Option<u64>,
    /// Rows of the root indirect block; 0 if the root is a direct block.
    root_rows: u16,
    filters: Option<Filters>,
    /// The direct block that was found last: neighbours in the heap are mostly wanted together.
    recent: Cell<Option<Block>>,
}

/// Opens the heap at an address; a heap that many objects use is opened once.
pub(super) fn open(view: &View, address: u64) -> Found<Rc<FractalHeap>> {
    if let Some(heap) = view.shared.heaps.borrow().get(&address) {
        return Ok(Rc::clone(heap));
    }
    let heap = Rc::new(read(view, address)?);
    view.shared.heaps.borrow_mut().insert(address, Rc::clone(&heap));
    Ok(heap)
}

fn read(view: &View, address: u64) -> Found<FractalHeap> {
    let widths = view.facts.widths;
    let length = 26 + 12 * widths.length + 3 * widths.address;
    let bytes = view.get("fractal heap", address, length as u64)?;
    let mut cursor = view.cursor("fractal heap", &bytes, address);
    cursor.signature(b"FRHP")?;
    cursor.version(0)?;
    let id_length = usize::from(cursor.u16()?);
    let filters_length = usize::from(cursor.u16()?);
    // Version, signature and these lengths stand before whatever their values change.
    let bytes = match filters_length {
        0 => bytes.clone(),
        more => view.get("fractal heap", address, (length + widths.length + 4 + more) as u64)?,
    };
    let at = cursor.position();
    let mut cursor = view.cursor("fractal heap", &bytes, address);
    cursor.skip(at)?;
    checksum::verify("fractal heap", &bytes, view.absolute(address))?;
    let checksummed_blocks = cursor.u8()? & 2 != 0;
    let largest_managed = u64::from(cursor.u32()?);
    cursor.skip(widths.length)?;
    let huge_tree = cursor.address()?;
    cursor.skip(9 * widths.length + widths.address)?;
    let width = u64::from(cursor.u16()?);
    let (first_block, largest_direct_block) = (cursor.length()?, cursor.length()?);
    let heap_bits = usize::from(cursor.u16()?);
    cursor.skip(2)?;
    let root = cursor.address()?;
    let root_rows = cursor.u16()?;
    let sane = width > 0
        && first_block.is_power_of_two()
        && largest_direct_block.is_power_of_two()
        && largest_direct_block >= first_block
        && (1..=64).contains(&heap_bits)
        && root_rows <= 128;
    if !sane {
        return Err(cursor.corrupt(
            "a doubling table of powers of two",
            format!("width {width}, blocks of {first_block} to {largest_direct_block} bytes"),
        ));
    }
    let filters = match filters_length {
        0 => None,
        length => {
            let root = Packed { length: cursor.length()?, mask: cursor.u32()? };
            let at = address.saturating_add(cursor.position() as u64);
            Some(Filters { chain: filters::read(view.cursor("filters of a heap", cursor.take(length)?, at))?, root })
        }
    };
    let width_of = |limit: u64| (log2(limit) as usize).div_ceil(8).max(1);
    Ok(FractalHeap {
        address,
        id_length,
        checksummed_blocks,
        huge_tree,
        width,
        first_block,
        largest_direct_block,
        offset_width: heap_bits.div_ceil(8),
        length_width: width_of(largest_direct_block).min(width_of(largest_managed)),
        root,
        root_rows,
        filters,
        recent: Cell::new(None),
    })
}

/// A block of the heap: where it is in the file, and which bytes of the heap it holds.
#[derive(Debug, Clone, Copy)]
struct Block {
    address: u64,
    begin: u64,
    size: u64,
    /// How it is packed; `None`: as it is.
    packed: Option<Packed>,
}

impl FractalHeap {
    /// Asks for the block of a heap that has only one, while its objects are not known yet; what is wrong with it shows later.
    pub(super) fn expect(&self, view: &View) {
        if let (Some(root), 0, None) = (self.root, self.root_rows, &self.filters) {
            let _ = view.get("fractal heap block", root, self.first_block);
        }
    }

    /// The bytes of the object with an ID (III.F, "Fractal Heap ID").
    pub(super) fn object(&self, view: &View, id: &[u8]) -> Found<Bytes> {
        let mut cursor = view.cursor("fractal heap ID", id, self.address);
        let first = cursor.u8()?;
        match (first >> 4) & 3 {
            0 => {
                let offset = cursor.uint(self.offset_width)?;
                let length = cursor.uint(self.length_width)?;
                self.managed(view, offset, length)
            }
            1 => self.huge(view, cursor),
            2 => {
                let extended = self.id_length.saturating_sub(1) > 17;
                let low = usize::from(first & 0x0f);
                let length = if extended { (low << 8 | usize::from(cursor.u8()?)) + 1 } else { low + 1 };
                cursor.take(length).map(Bytes::copy_from_slice)
            }
            kind => Err(cursor.corrupt("a heap ID of type 0, 1 or 2", format!("type {kind}"))),
        }
    }

    fn huge(&self, view: &View, mut cursor: Cursor) -> Found<Bytes> {
        let widths = view.facts.widths;
        let more = if self.filters.is_some() { 4 + widths.length } else { 0 };
        if widths.address + widths.length + more < self.id_length {
            return self.huge_at(view, &mut cursor);
        }
        let key = cursor.uint(self.id_length.saturating_sub(1).min(8))?;
        let tree = self.huge_tree.ok_or_else(|| cursor.corrupt("a B-tree of huge objects", "none"))?;
        let kind = if self.filters.is_some() { 2 } else { 1 };
        for record in btree_v2::records(view, tree, &[kind])?.iter() {
            let mut number = view.cursor("record of a huge object", record, tree);
            number.skip(widths.address + widths.length + more)?;
            if number.length()? == key {
                return self.huge_at(view, &mut view.cursor("record of a huge object", record, tree));
            }
        }
        Err(cursor.corrupt(format!("huge object {key}"), "no such record"))
    }

    /// Reads a huge object, given where it stands and, if the heap has filters, how long it was before.
    fn huge_at(&self, view: &View, cursor: &mut Cursor) -> Found<Bytes> {
        let (address, length) = (cursor.defined_address()?, cursor.length()?);
        if self.filters.is_none() {
            return view.get("huge object of a fractal heap", address, length);
        }
        let packed = Packed { length, mask: cursor.u32()? };
        self.unpack(view, address, packed, cursor.length()?)
    }

    /// Undoes the filters of a block or huge object; what is unpacked once is kept.
    fn unpack(&self, view: &View, address: u64, packed: Packed, length: u64) -> Found<Bytes> {
        if let Some(bytes) = view.shared.unpacked.borrow().get(&address).filter(|bytes| bytes.len() as u64 == length) {
            return Ok(bytes.clone());
        }
        let structure = "packed part of a fractal heap";
        let at = view.absolute(address);
        let size = usize::try_from(length).ok().filter(|_| length <= UNPACKED_LIMIT);
        let size = size.ok_or_else(|| {
            Fault::corrupt(structure, at, format!("at most {UNPACKED_LIMIT} bytes"), format!("{length}"))
        })?;
        let stored = view.get(structure, address, packed.length)?;
        view.spend_memory(size)?;
        let none = CodecChain::default();
        let chain = self.filters.as_ref().map_or(&none, |filters| &filters.chain);
        let bytes = decode_chunk(&stored, chain, packed.mask, size).map_err(|error| match error {
            CodecError::Unsupported { filter } => Fault::unsupported(at, format!("a fractal heap with {filter}")),
            damaged => {
                Fault::corrupt(structure, at, format!("{length} bytes packed with {chain}"), damaged.to_string())
            }
        })?;
        let bytes = Bytes::from(bytes);
        view.shared.unpacked.borrow_mut().insert(address, bytes.clone());
        Ok(bytes)
    }

    fn managed(&self, view: &View, offset: u64, length: u64) -> Found<Bytes> {
        let at = view.absolute(self.address);
        let outside = || {
            Fault::corrupt("fractal heap ID", at, "an object within the heap", format!("{length} bytes at {offset}"))
        };
        let root = self.root.ok_or_else(outside)?;
        let block = if self.root_rows == 0 {
            let packed = self.filters.as_ref().map(|filters| filters.root);
            Block { address: root, begin: 0, size: self.first_block, packed }
        } else {
            match self.recent.get().filter(|block| offset.checked_sub(block.begin).is_some_and(|at| at < block.size)) {
                Some(block) => block,
                None => self.find(view, root, offset)?,
            }
        };
        self.recent.set(Some(block));
        let within = offset.checked_sub(block.begin).ok_or_else(outside)?;
        let end = within.checked_add(length).filter(|end| *end <= block.size).ok_or_else(outside)?;
        let unpacked = match block.packed {
            Some(packed) => Some(self.unpack(view, block.address, packed, block.size)?),
            None => None,
        };
        if !view.was_checked(block.address) {
            let bytes = match &unpacked {
                Some(bytes) => bytes.clone(),
                None => view.get("fractal heap block", block.address, block.size)?,
            };
            self.check_direct(view, block, &bytes)?;
            view.note_checked(block.address);
        }
        match (unpacked, usize::try_from(within), usize::try_from(end)) {
            (Some(bytes), Ok(within), Ok(end)) => Ok(bytes.slice(within..end)),
            _ => view.get("object of a fractal heap", block.address.saturating_add(within), length),
        }
    }

    /// Checks a direct block. Its checksum is taken with the checksum's own bytes being 0.
    fn check_direct(&self, view: &View, block: Block, bytes: &Bytes) -> Found<()> {
        let mut cursor = view.cursor("fractal heap block", bytes, block.address);
        cursor.signature(b"FHDB")?;
        cursor.version(0)?;
        cursor.skip(view.facts.widths.address)?;
        let begin = cursor.uint(self.offset_width)?;
        if begin != block.begin {
            return Err(cursor.corrupt(format!("a block that begins at {}", block.begin), format!("{begin}")));
        }
        if self.checksummed_blocks {
            let at = cursor.position();
            let stored = cursor.u32()?;
            let mut zeroed = bytes.to_vec();
            zeroed[at..at + 4].fill(0);
            let found = checksum::lookup3(&zeroed);
            if found != stored {
                return Err(cursor.corrupt(format!("the checksum {stored:08x}"), format!("{found:08x}")));
            }
        }
        Ok(())
    }

    /// The size of the blocks of a row (III.F, "doubling table").
    fn row_size(&self, row: u32) -> Option<u64> {
        1u64.checked_shl(row.saturating_sub(1)).and_then(|factor| self.first_block.checked_mul(factor))
    }

    /// Finds the direct block that holds a byte of the heap.
    fn find(&self, view: &View, root: u64, offset: u64) -> Found<Block> {
        let mut node = Block { address: root, begin: 0, size: 0, packed: None };
        let mut rows = u32::from(self.root_rows);
        let direct_rows = log2(self.largest_direct_block) - log2(self.first_block) + 2;
        loop {
            let at = view.absolute(node.address);
            let outside =
                || Fault::corrupt("fractal heap", at, "an object within the heap", format!("one at {offset}"));
            let within = offset.checked_sub(node.begin).ok_or_else(outside)?;
            let first_row = self.first_block.checked_mul(self.width).ok_or_else(outside)?;
            let row = if within < first_row { 0 } else { log2(within / first_row) + 1 };
            if row >= rows {
                return Err(outside());
            }
            let size = self.row_size(row).ok_or_else(outside)?;
            let row_begin = if row == 0 { 0 } else { size.checked_mul(self.width).ok_or_else(outside)? };
            let column = (within - row_begin) / size;
            let entry = u64::from(row) * self.width + column;
            let direct = u64::from(rows.min(direct_rows)) * self.width;
            let (address, packed) = self.child(view, node, u64::from(rows) * self.width, direct, entry)?;
            let begin = node.begin + row_begin + column * size;
            let block = Block { address: address.ok_or_else(outside)?, begin, size, packed };
            if row < direct_rows {
                return Ok(block);
            }
            // A child holds fewer bytes than its parent, so this ends.
            rows = (log2(size) + 1).checked_sub(log2(first_row)).filter(|below| *below < rows).ok_or_else(outside)?;
            node = block;
        }
    }

    /// The address in one entry of an indirect block, the first `direct` of whose `entries` lead to direct blocks, and how
    /// that block is packed.
    fn child(
        &self,
        view: &View,
        node: Block,
        entries: u64,
        direct: u64,
        entry: u64,
    ) -> Found<(Option<u64>, Option<Packed>)> {
        let widths = view.facts.widths;
        let head = 5 + widths.address + self.offset_width;
        let pointer = widths.address as u64;
        let direct_pointer = pointer + if self.filters.is_some() { widths.length as u64 + 4 } else { 0 };
        let start = |entry: u64| {
            let (before, after) = (entry.min(direct), entry.saturating_sub(direct));
            head as u64 + before.saturating_mul(direct_pointer).saturating_add(after.saturating_mul(pointer))
        };
        if !view.was_checked(node.address) {
            let length = start(entries).saturating_add(4);
            let bytes = view.get("fractal heap indirect block", node.address, length)?;
            let mut cursor = view.cursor("fractal heap indirect block", &bytes, node.address);
            cursor.signature(b"FHIB")?;
            cursor.version(0)?;
            checksum::verify("fractal heap indirect block", &bytes, view.absolute(node.address))?;
            view.note_checked(node.address);
        }
        let at = node.address.saturating_add(start(entry));
        let is_packed = self.filters.is_some() && entry < direct;
        let bytes = view.get("entry of a fractal heap", at, if is_packed { direct_pointer } else { pointer })?;
        let mut cursor = view.cursor("entry of a fractal heap", &bytes, at);
        let address = cursor.address()?;
        let packed = if is_packed { Some(Packed { length: cursor.length()?, mask: cursor.u32()? }) } else { None };
        Ok((address, packed))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::testing::{Image, words};
    use super::*;

    /// Width 2, blocks of 64 to 128 bytes: rows 0 to 2 are direct.
    fn header(root: u64, rows: u8) -> Vec<u8> {
        let mut bytes = b"FRHP\0\x08\0\0\0\0".to_vec();
        bytes.extend([64, 0, 0, 0]);
        bytes.extend(words(&[0, u64::MAX, 0, u64::MAX, 0, 0, 0, 0, 0, 0, 0, 0]));
        bytes.extend([2, 0]);
        bytes.extend(words(&[64, 128]));
        bytes.extend([16, 0, 1, 0]);
        bytes.extend(words(&[root]));
        bytes.extend([rows, 0]);
        bytes
    }

    fn block(begin: u16, content: &[u8]) -> Vec<u8> {
        let mut bytes = b"FHDB\0".to_vec();
        bytes.extend(words(&[0]));
        bytes.extend(begin.to_le_bytes());
        bytes.extend(content);
        bytes
    }

    fn id(offset: u16, length: u8) -> [u8; 8] {
        let [low, high] = offset.to_le_bytes();
        [0, low, high, length, 0, 0, 0, 0]
    }

    fn read(image: &Image, id: &[u8]) -> Result<Bytes, Fault> {
        image.parse(|view| open(view, 0)?.object(view, id))
    }

    #[test]
    fn objects_of_one_block() {
        let image = Image::default().put_summed(0, header(200, 0)).put(200, block(0, b"hello")).put(263, [0]);
        assert_eq!(read(&image, &id(15, 5)).unwrap(), &b"hello"[..]);
        assert!(matches!(read(&image, &id(60, 5)), Err(Fault::Corrupt { .. })));
        assert_eq!(read(&image, &[0x21, b'o', b'k', 0, 0, 0, 0, 0]).unwrap(), &b"ok"[..]);
        assert!(matches!(read(&image, &[0x30; 8]), Err(Fault::Corrupt { .. })));
        assert!(matches!(read(&image, &[0x10, 1, 0, 0, 0, 0, 0, 0]), Err(Fault::Corrupt { .. })));
    }

    #[test]
    fn objects_of_a_packed_block() {
        let whole = [block(0, b"hello"), vec![0; 64]].concat();
        let chain = CodecChain(vec![crate::model::Codec::Deflate { level: 6 }]);
        let packed = crate::codec::encode_chunk(&whole[..64], &chain).unwrap();
        let mut bytes = header(300, 0);
        bytes[7] = 12;
        bytes.extend(words(&[packed.len() as u64]));
        bytes.extend([0; 4]);
        bytes.extend([2, 1, 1, 0, 1, 0, 1, 0, 6, 0, 0, 0]);
        let mut image = Image::default().put_summed(0, &bytes).put(300, &packed);
        assert_eq!(read(&image, &id(15, 5)).unwrap(), &b"hello"[..]);
        assert!(matches!(read(&image, &id(60, 5)), Err(Fault::Corrupt { .. })));
        image.0[310] ^= 1;
        assert!(matches!(read(&image, &id(15, 5)), Err(Fault::Corrupt { .. })));
    }

    #[test]
    fn objects_of_later_rows() {
        let mut indirect = b"FHIB\0".to_vec();
        indirect.extend(words(&[0]));
        indirect.extend([0, 0]);
        indirect.extend(words(&[u64::MAX, u64::MAX, u64::MAX, 300, u64::MAX, 400]));
        // Row 1 begins at 128: its second block at 192. Row 2 begins at 256: its second block at 384.
        let image = Image::default()
            .put_summed(0, header(200, 3))
            .put_summed(200, indirect)
            .put(300, block(192, b"row one"))
            .put(400, block(384, b"row two"))
            .put(527, [0]);
        assert_eq!(read(&image, &id(192 + 15, 7)).unwrap(), &b"row one"[..]);
        assert_eq!(read(&image, &id(384 + 15, 7)).unwrap(), &b"row two"[..]);
        assert!(matches!(read(&image, &id(0, 7)), Err(Fault::Corrupt { .. })));
        assert!(matches!(read(&image, &id(600, 7)), Err(Fault::Corrupt { .. })));
    }
}
