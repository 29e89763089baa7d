//! Fixed arrays: the chunk index of datasets that cannot grow without end (HDF5 File Format Specification 3.0, III.H).

use super::checksum;
use super::fault::Found;
use super::placer::{Element, Placer};
use super::store::View;

/// What the header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    element: Element,
    count: u64,
    page: u64,
}

/// A piece of the index.
#[derive(Debug, Clone)]
pub(super) enum Piece {
    Header { address: u64 },
    Block { address: u64, header: Header },
    Page { address: u64, header: Header, first: u64, count: u64 },
}

impl Piece {
    /// Where the piece is.
    pub(super) fn address(&self) -> u64 {
        match self {
            Self::Header { address } | Self::Block { address, .. } | Self::Page { address, .. } => *address,
        }
    }

    /// Reads the piece: places its chunks, and returns the pieces below.
    pub(super) fn read(&self, view: &View, placer: &mut Placer) -> Found<Vec<Self>> {
        match *self {
            Self::Header { address } => read_header(view, address),
            Self::Block { address, header } if header.count > header.page => read_paged_block(view, address, header),
            Self::Block { address, header } => {
                let frame = 6 + view.facts.widths.address;
                read_elements(view, placer, address, header, frame, 0, header.count)
            }
            Self::Page { address, header, first, count } => {
                read_elements(view, placer, address, header, 0, first, count)
            }
        }
    }
}

fn read_header(view: &View, address: u64) -> Found<Vec<Piece>> {
    let widths = view.facts.widths;
    let bytes = view.get("fixed array", address, (12 + widths.length + widths.address) as u64)?;
    checksum::verify("fixed array", &bytes, view.absolute(address))?;
    let mut cursor = view.cursor("fixed array", &bytes, address);
    cursor.signature(b"FAHD")?;
    cursor.version(0)?;
    let (client, size, page_bits) = (cursor.u8()?, cursor.u8()?, cursor.u8()?);
    let element = Element::new(&cursor, widths.address, client, size)?;
    let count = cursor.length()?;
    let page = 1u64.checked_shl(u32::from(page_bits));
    let page = page.ok_or_else(|| cursor.corrupt("pages of at most 2^63 elements", format!("2^{page_bits}")))?;
    let block = cursor.address()?;
    let header = Header { element, count, page };
    Ok(block.map(|address| Piece::Block { address, header }).into_iter().collect())
}

/// A block whose elements stand in pages after it; its bitmap says which of them were written.
fn read_paged_block(view: &View, address: u64, header: Header) -> Found<Vec<Piece>> {
    let pages = header.count.div_ceil(header.page);
    let length = 6 + view.facts.widths.address as u64 + pages.div_ceil(8) + 4;
    let bytes = view.get("fixed array block", address, length)?;
    checksum::verify("fixed array block", &bytes, view.absolute(address))?;
    let mut cursor = view.cursor("fixed array block", &bytes, address);
    cursor.signature(b"FADB")?;
    cursor.version(0)?;
    cursor.skip(1 + view.facts.widths.address)?;
    let bitmap = cursor.take(usize::try_from(pages.div_ceil(8)).unwrap_or(usize::MAX))?;
    let page_length = header.page.saturating_mul(header.element.bytes).saturating_add(4);
    let mut pieces = Vec::new();
    for (number, _) in (0..pages).zip(bits(bitmap)).filter(|(_, written)| *written) {
        let first = number * header.page;
        let address = address.saturating_add(length).saturating_add(number.saturating_mul(page_length));
        view.spend_memory(size_of::<Piece>())?;
        pieces.push(Piece::Page { address, header, first, count: header.page.min(header.count - first) });
    }
    Ok(pieces)
}

/// The bits of a bitmap, the most significant of each byte first.
pub(super) fn bits(bitmap: &[u8]) -> impl Iterator<Item = bool> + '_ {
    bitmap.iter().flat_map(|byte| (0..8).map(move |bit| byte & (0x80 >> bit) != 0))
}

fn read_elements(
    view: &View,
    placer: &mut Placer,
    address: u64,
    header: Header,
    frame: usize,
    first: u64,
    count: u64,
) -> Found<Vec<Piece>> {
    let length = count.saturating_mul(header.element.bytes).saturating_add(frame as u64 + 4);
    let bytes = view.pass("fixed array block", address, length)?;
    checksum::verify("fixed array block", &bytes, view.absolute(address))?;
    let mut cursor = view.cursor("fixed array block", &bytes, address);
    if frame > 0 {
        cursor.signature(b"FADB")?;
        cursor.skip(frame - 4)?;
    }
    for number in first..first + count {
        placer.element(view, &mut cursor, number, header.element)?;
    }
    Ok(Vec::new())
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

    /// Three chunks of 4 bytes in pages of two, the second page not written.
    fn image(pages: u8) -> Image {
        let mut header = b"FAHD\0\0\x08\x01".to_vec();
        header.extend(words(&[3, 100]));
        let mut block = b"FADB\0\0".to_vec();
        block.extend(words(&[0]));
        block.push(pages);
        Image::default()
            .put_summed(0, header)
            .put_summed(100, block)
            .put_summed(119, words(&[200, u64::MAX]))
            .put_summed(139, words(&[204]))
            .put(250, [0])
    }

    fn manifest(image: &Image) -> Result<ChunkManifest, Fault> {
        let grid = ChunkGrid::new(vec![3], vec![1]).unwrap();
        let mut walk = None;
        image.parse(|view| {
            if walk.is_none() {
                let placer = Placer::new(ChunkManifest::missing(3), &grid, &[Some(3)], 4, false);
                walk = Some(ChunkWalk::new(view, placer, ChunkIndex::FixedArray, 0)?);
            }
            walk.as_mut().unwrap().run(view)
        })?;
        Ok(walk.unwrap().into_manifest())
    }

    #[test]
    fn pages_that_were_written_are_read() {
        let offsets = |manifest: ChunkManifest| manifest.iter().map(|at| at.map(|at| at.offset)).collect::<Vec<_>>();
        assert_eq!(offsets(manifest(&image(0b1100_0000)).unwrap()), [Some(200), None, Some(204)]);
        assert_eq!(offsets(manifest(&image(0b1000_0000)).unwrap()), [Some(200), None, None]);
        let mut broken = image(0b1100_0000);
        broken.0[119] ^= 1;
        assert!(matches!(manifest(&broken), Err(Fault::Corrupt { offset: 119, .. })));
    }

    #[test]
    fn bits_begin_with_the_most_significant() {
        let written: Vec<usize> = bits(&[0b1010_0000, 0b0000_0001]).enumerate().filter(|b| b.1).map(|b| b.0).collect();
        assert_eq!(written, [0, 2, 15]);
    }
}
