//! The metadata cache image: structures of the file as they were in the writer's memory when it closed the file, kept in one
//! block instead of in their places (HDF5 File Format Specification 3.0, II.C and IV.A.2.y; libhdf5's `H5Cimage.c`).

use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::checksum;
use super::fault::Found;
use super::store::View;

/// What stands in place of the file's own bytes: offsets in the file, and bytes.
#[derive(Debug, Clone, Default)]
pub(super) struct CacheImage(Arc<[(u64, Bytes)]>);

/// Reads the block.
pub(super) fn read(view: &View, address: u64, length: u64) -> Found<CacheImage> {
    let widths = view.facts.widths;
    let structure = "metadata cache image";
    let bytes = view.get(structure, address, length)?;
    checksum::verify(structure, &bytes, view.absolute(address))?;
    let mut cursor = view.cursor(structure, &bytes, address);
    cursor.signature(b"MDCI")?;
    cursor.version(0)?;
    cursor.skip(1 + widths.length)?;
    let count = cursor.u32()?;
    let mut entries = Vec::new();
    for _ in 0..count {
        cursor.skip(8)?;
        let parents = usize::from(cursor.u16()?);
        cursor.skip(4)?;
        let (address, length) = (cursor.defined_address()?, cursor.length()?);
        cursor.skip(parents * widths.address)?;
        let start = cursor.position();
        cursor.skip(usize::try_from(length).unwrap_or(usize::MAX))?;
        // Refuses what lies beyond the file.
        let place = view.location(structure, address, length)?;
        entries.push((place.offset, bytes.slice(start..cursor.position())));
    }
    Ok(CacheImage(entries.into()))
}

impl CacheImage {
    /// Whether a piece of the file is, in part, not what the file says.
    pub(super) fn touches(&self, start: u64, length: u64) -> bool {
        self.0.iter().any(|(at, bytes)| *at < start.saturating_add(length) && start < at + bytes.len() as u64)
    }

    /// A piece of the file as it should be.
    pub(super) fn patch(&self, start: u64, piece: Bytes) -> Bytes {
        if !self.touches(start, piece.len() as u64) {
            return piece;
        }
        let mut whole = BytesMut::from(&piece[..]);
        for (at, bytes) in self.0.iter() {
            let from = start.max(*at);
            let to = (start + piece.len() as u64).min(at + bytes.len() as u64);
            let within = |origin: u64| Some(usize::try_from(from - origin).ok()?..usize::try_from(to - origin).ok()?);
            if let (true, Some(target), Some(source)) = (from < to, within(start), within(*at)) {
                whole[target].copy_from_slice(&bytes[source]);
            }
        }
        whole.freeze()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::testing::{Image, words};
    use super::*;

    fn image(address: u64) -> Image {
        let mut block = b"MDCI\0\0".to_vec();
        block.extend(words(&[0]));
        block.extend([1, 0, 0, 0]);
        block.extend([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
        block.extend(words(&[address, 3, 77]));
        block.extend(b"new");
        Image::default().put(0, [b'o'; 100]).put_summed(100, block)
    }

    #[test]
    fn pieces_are_patched() {
        let length = image(0).0.len() as u64 - 100;
        let found = image(10).parse(|view| read(view, 100, length)).unwrap();
        let patched = |start: u64| found.patch(start, Bytes::from_static(b"....."));
        assert_eq!(patched(8), &b"..new"[..]);
        assert_eq!(patched(6), &b"....n"[..]);
        assert_eq!(patched(12), &b"w...."[..]);
        assert_eq!(patched(13), &b"....."[..]);
        assert!(found.touches(0, 11) && !found.touches(0, 10) && !found.touches(13, 1));
        assert!(image(1 << 40).parse(|view| read(view, 100, length)).is_err());
        assert!(image(10).parse(|view| read(view, 100, length - 1)).is_err());
    }
}
