//! Extensible arrays: the chunk index of datasets with one unlimited dimension (HDF5 File Format Specification 3.0,
//! III.I).
//!
//! Elements stand first in the index block, then in data blocks that grow: super block *u* has `2^(u/2)` data blocks of
//! `minimum × 2^((u+1)/2)` elements each. The data blocks of the first super blocks hang on the index block itself.

use super::bytes::log2;
use super::checksum;
use super::fault::Found;
use super::fixed_array::bits;
use super::placer::{Element, Placer};
use super::store::View;

/// What the header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    element: Element,
    in_index_block: u64,
    smallest_block: u64,
    /// Super blocks whose data blocks hang on the index block.
    direct_super_blocks: u32,
    super_blocks: u32,
    /// The width of the offsets of blocks within the array.
    offset_width: usize,
    /// Elements of one page of a data block.
    page: u64,
}

impl Header {
    fn blocks_of(&self, super_block: u32) -> u64 {
        1 << (super_block / 2)
    }

    fn elements_of(&self, super_block: u32) -> u64 {
        self.smallest_block << super_block.div_ceil(2)
    }
}

/// A piece of the index.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Header {
        address: u64,
    },
    IndexBlock {
        address: u64,
        header: Header,
    },
    SuperBlock {
        address: u64,
        header: Header,
        number: u32,
        first: u64,
    },
    /// Elements between a frame and a checksum: a data block, or (frame 0) a page of one.
    Elements {
        address: u64,
        header: Header,
        frame: usize,
        first: u64,
        count: u64,
    },
}

impl Piece {
    /// Where the piece is.
    pub(super) fn address(&self) -> u64 {
        match self {
            Self::Header { address }
            | Self::IndexBlock { address, .. }
            | Self::SuperBlock { address, .. }
            | Self::Elements { address, .. } => *address,
        }
    }

    /// Reads the piece: places its chunks, and returns the pieces below.
    pub(super) fn read(&self, view: &View, placer: &mut Placer) -> Found<Vec<Self>> {
        match *self {
            Self::Header { address } => read_header(view, address),
            Self::IndexBlock { address, header } => read_index_block(view, placer, address, header),
            Self::SuperBlock { address, header, number, first } => {
                read_super_block(view, address, header, number, first)
            }
            Self::Elements { address, header, frame, first, count } => {
                let length = count.saturating_mul(header.element.bytes).saturating_add(frame as u64 + 4);
                let bytes = view.pass("extensible array block", address, length)?;
                checksum::verify("extensible array block", &bytes, view.absolute(address))?;
                let mut cursor = view.cursor("extensible array block", &bytes, address);
                if frame > 0 {
                    cursor.signature(b"EADB")?;
                    cursor.skip(frame - 4)?;
                }
                for number in first..first.saturating_add(count) {
                    placer.element(view, &mut cursor, number, header.element)?;
                }
                Ok(Vec::new())
            }
        }
    }
}

fn read_header(view: &View, address: u64) -> Found<Vec<Piece>> {
    let widths = view.facts.widths;
    let length = 16 + 6 * widths.length + widths.address;
    let bytes = view.get("extensible array", address, length as u64)?;
    checksum::verify("extensible array", &bytes, view.absolute(address))?;
    let mut cursor = view.cursor("extensible array", &bytes, address);
    cursor.signature(b"EAHD")?;
    cursor.version(0)?;
    let (client, size, most_bits) = (cursor.u8()?, cursor.u8()?, u32::from(cursor.u8()?));
    let (in_index_block, smallest) = (u64::from(cursor.u8()?), u64::from(cursor.u8()?));
    let (pointers, page_bits) = (u64::from(cursor.u8()?), u32::from(cursor.u8()?));
    let element = Element::new(&cursor, widths.address, client, size)?;
    let sane = smallest.is_power_of_two()
        && pointers.is_power_of_two()
        && pointers >= 2
        && (log2(smallest)..=60).contains(&most_bits)
        && page_bits < 60;
    if !sane {
        let found =
            format!("2^{most_bits} elements, blocks of {smallest}, {pointers} pointers, pages of 2^{page_bits}");
        return Err(cursor.corrupt("an array of powers of two", found));
    }
    cursor.skip(6 * widths.length)?;
    let header = Header {
        element,
        in_index_block,
        smallest_block: smallest,
        direct_super_blocks: 2 * log2(pointers),
        super_blocks: 1 + most_bits - log2(smallest),
        offset_width: most_bits.div_ceil(8) as usize,
        page: 1 << page_bits,
    };
    Ok(cursor.address()?.map(|address| Piece::IndexBlock { address, header }).into_iter().collect())
}

fn read_index_block(view: &View, placer: &mut Placer, address: u64, header: Header) -> Found<Vec<Piece>> {
    let width = view.facts.widths.address;
    let direct = header.direct_super_blocks.min(header.super_blocks);
    let blocks: u64 = (0..header.direct_super_blocks).map(|number| header.blocks_of(number)).sum();
    let pointers = blocks + u64::from(header.super_blocks - direct);
    let length = 6 + width as u64 + header.in_index_block * header.element.bytes + pointers * width as u64 + 4;
    let bytes = view.get("extensible array index block", address, length)?;
    checksum::verify("extensible array index block", &bytes, view.absolute(address))?;
    let mut cursor = view.cursor("extensible array index block", &bytes, address);
    cursor.signature(b"EAIB")?;
    cursor.version(0)?;
    cursor.skip(1 + width)?;
    for number in 0..header.in_index_block {
        placer.element(view, &mut cursor, number, header.element)?;
    }
    let mut first = header.in_index_block;
    let mut pieces = Vec::new();
    for number in 0..header.direct_super_blocks {
        let count = header.elements_of(number);
        for _ in 0..header.blocks_of(number) {
            if let Some(address) = cursor.address()? {
                let frame = 6 + width + header.offset_width;
                pieces.push(Piece::Elements { address, header, frame, first, count });
            }
            first = first.saturating_add(count);
        }
    }
    for number in direct..header.super_blocks {
        if let Some(address) = cursor.address()? {
            pieces.push(Piece::SuperBlock { address, header, number, first });
        }
        first = first.saturating_add(header.blocks_of(number).saturating_mul(header.elements_of(number)));
    }
    Ok(pieces)
}

fn read_super_block(view: &View, address: u64, header: Header, number: u32, first: u64) -> Found<Vec<Piece>> {
    let width = view.facts.widths.address;
    let (blocks, elements) = (header.blocks_of(number), header.elements_of(number));
    let pages = if elements > header.page { elements / header.page } else { 0 };
    let bitmap_length = blocks.saturating_mul(pages.div_ceil(8));
    let frame = 6 + width + header.offset_width;
    let length = (frame as u64 + 4).saturating_add(bitmap_length).saturating_add(blocks.saturating_mul(width as u64));
    let bytes = view.get("extensible array super block", address, length)?;
    checksum::verify("extensible array super block", &bytes, view.absolute(address))?;
    let mut cursor = view.cursor("extensible array super block", &bytes, address);
    cursor.signature(b"EASB")?;
    cursor.version(0)?;
    cursor.skip(frame - 5)?;
    let bitmap = cursor.take(usize::try_from(bitmap_length).unwrap_or(usize::MAX))?;
    let mut written = bits(bitmap);
    let page_length = header.page.saturating_mul(header.element.bytes).saturating_add(4);
    let mut pieces = Vec::new();
    for block in 0..blocks {
        let first = first.saturating_add(block.saturating_mul(elements));
        let address = cursor.address()?;
        if pages == 0 {
            pieces.extend(address.map(|address| Piece::Elements { address, header, frame, first, count: elements }));
            continue;
        }
        for page in 0..pages {
            // The pages follow the frame of the block and its checksum.
            let is_written = written.next().unwrap_or(false);
            if let Some(address) = address.filter(|_| is_written) {
                let address = address.saturating_add(frame as u64 + 4).saturating_add(page.saturating_mul(page_length));
                let first = first.saturating_add(page.saturating_mul(header.page));
                view.spend_memory(size_of::<Piece>())?;
                pieces.push(Piece::Elements { address, header, frame: 0, first, count: header.page });
            }
        }
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::super::chunks::ChunkWalk;
    use super::super::fault::Fault;
    use super::super::message::layout::ChunkIndex;
    use super::super::testing::{Image, words};
    use super::*;
    use crate::model::{ChunkGrid, ChunkManifest};

    /// One element in the index block, data blocks of 1, 1 (super block 0: 1 of 1; 1: 1 of 2), then super block 2: 2 of 2.
    fn image() -> Image {
        let mut header = b"EAHD\0\0\x08\x08\x01\x01\x02\x0a".to_vec();
        header.extend(words(&[0, 0, 0, 0, 0, 0, 100]));
        let mut index = b"EAIB\0\0".to_vec();
        index.extend(words(&[0, 500]));
        // Two data blocks, then super blocks 2 to 8.
        index.extend(words(&[300, u64::MAX, 200]));
        index.extend(words(&[u64::MAX; 6]));
        let block = |signature: &[u8; 4], offset: u8, content: &[u64]| {
            let mut bytes = signature.to_vec();
            bytes.extend([0, 0]);
            bytes.extend(words(&[0]));
            bytes.push(offset);
            bytes.extend(words(content));
            bytes
        };
        Image::default()
            .put_summed(0, header)
            .put_summed(100, index)
            .put_summed(200, block(b"EASB", 3, &[u64::MAX, 400]))
            .put_summed(300, block(b"EADB", 0, &[504]))
            .put_summed(400, block(b"EADB", 5, &[508, u64::MAX]))
            .put(600, [0])
    }

    fn manifest(image: &Image) -> Result<ChunkManifest, Fault> {
        let grid = ChunkGrid::new(vec![8], vec![1]).unwrap();
        let mut walk = None;
        image.parse(|view| {
            if walk.is_none() {
                let placer = Placer::new(ChunkManifest::missing(8), &grid, &[None], 4, false);
                walk = Some(ChunkWalk::new(view, placer, ChunkIndex::ExtensibleArray, 0)?);
            }
            walk.as_mut().unwrap().run(view)
        })?;
        Ok(walk.unwrap().into_manifest())
    }

    #[test]
    fn elements_stand_where_the_array_grows() {
        let manifest = manifest(&image()).unwrap();
        let found: Vec<(usize, u64)> =
            manifest.iter().enumerate().filter_map(|(number, at)| Some((number, at?.offset))).collect();
        // Element 0 in the index block; 1 in the first data block; 2 and 3 missing; 4 and 5 missing; 6 in super block 2.
        assert_eq!(found, [(0, 500), (1, 504), (6, 508)]);
    }

    #[test]
    fn broken_arrays_are_named() {
        for at in [10, 110, 210, 310, 410] {
            let mut broken = image();
            broken.0[at] ^= 1;
            assert!(matches!(manifest(&broken), Err(Fault::Corrupt { .. })), "byte {at}");
        }
    }
}
