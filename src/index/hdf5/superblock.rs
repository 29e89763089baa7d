//! The superblock and its extension (HDF5 File Format Specification 3.0, II.A and II.B).

use super::bytes::{Cursor, Widths};
use super::cache_image;
use super::checksum;
use super::fault::{Fault, Found};
use super::fractal_heap;
use super::object_header::{self, kind};
use super::store::{FileFacts, View};

/// The first eight bytes of every HDF5 file.
pub(in crate::index) const SIGNATURE: [u8; 8] = *b"\x89HDF\r\n\x1a\n";

/// File consistency flag of version 3: open for writing.
const OPEN_FOR_WRITING: u8 = 0x01;
/// The same beside readers (SWMR): the writer keeps what they see whole at every moment.
const OPEN_BESIDE_READERS: u8 = 0x04;

/// The longest superblock: version 1 with addresses of 8 bytes.
const GUESS: u64 = 100;

/// What the superblock says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Superblock {
    pub(super) widths: Widths,
    /// The address of the root group's object header.
    pub(super) root: u64,
    /// The address of the object header of the extension.
    extension: Option<u64>,
    /// The address of the driver information block.
    driver: Option<u64>,
    /// The end of the file as it was when it was closed, counted from the superblock.
    end: u64,
    /// Whether the file is marked as open for writing beside readers.
    pub(super) beside_readers: bool,
}

/// Reads the superblock that lies at the base address.
pub(super) fn read(view: &View) -> Found<Superblock> {
    let bytes = view.get_up_to("superblock", 0, GUESS)?;
    let mut cursor = view.cursor("superblock", &bytes, 0);
    if cursor.take(8)? != SIGNATURE {
        return Err(cursor.corrupt("the HDF5 signature", "other bytes"));
    }
    match cursor.u8()? {
        version @ (0 | 1) => read_old(&bytes, cursor, version),
        version @ (2 | 3) => read_new(&bytes, cursor, version),
        version => Err(cursor.unsupported(format!("superblock version {version}"))),
    }
}

fn read_widths(cursor: &mut Cursor) -> Found<Widths> {
    let (address, length) = (usize::from(cursor.u8()?), usize::from(cursor.u8()?));
    let known = |width: usize| matches!(width, 2 | 4 | 8);
    if known(address) && known(length) {
        return Ok(Widths { address, length });
    }
    Err(cursor.unsupported(format!("addresses of {address} bytes and lengths of {length} bytes")))
}

fn read_old(bytes: &[u8], mut cursor: Cursor, version: u8) -> Found<Superblock> {
    cursor.skip(4)?;
    let widths = read_widths(&mut cursor)?;
    cursor.skip(9 + if version == 1 { 4 } else { 0 })?;
    let at = cursor.position();
    let start = cursor.offset();
    let mut cursor = Cursor::new("superblock", &bytes[at..], start, widths);
    let base = cursor.defined_address()?;
    let _free_space = cursor.address()?;
    let end = cursor.defined_address()?.saturating_sub(base);
    let driver = cursor.address()?;
    let _name = cursor.address()?;
    let root = cursor.defined_address()?;
    Ok(Superblock { widths, root, extension: None, driver, end, beside_readers: false })
}

fn read_new(bytes: &[u8], mut cursor: Cursor, version: u8) -> Found<Superblock> {
    let widths = read_widths(&mut cursor)?;
    let flags = cursor.u8()?;
    // What the writer has not yet written would read as missing.
    let beside_readers = version == 3 && flags & OPEN_BESIDE_READERS != 0;
    if version == 3 && flags & OPEN_FOR_WRITING != 0 && !beside_readers {
        return Err(cursor.unsupported("a file marked as open for writing (`h5clear -s` removes a stale mark)"));
    }
    let total = cursor.position() + 4 * widths.address + 4;
    let Some(whole) = bytes.get(..total) else {
        return Err(cursor.corrupt(format!("a superblock of {total} bytes"), format!("{}", bytes.len())));
    };
    let start = cursor.offset();
    checksum::verify("superblock", whole, start - cursor.position() as u64)?;
    let mut cursor = Cursor::new("superblock", &whole[cursor.position()..], start, widths);
    let base = cursor.defined_address()?;
    let extension = cursor.address()?;
    let end = cursor.defined_address()?.saturating_sub(base);
    let root = cursor.defined_address()?;
    Ok(Superblock { widths, root, extension, driver: None, end, beside_readers })
}

/// Checks that the file is whole and in one piece, and finds the heaps of shared messages.
pub(super) fn complete(view: &View, superblock: &Superblock) -> Found<FileFacts> {
    let mut facts = view.facts.clone();
    if let Some(address) = superblock.driver {
        let bytes = view.get("driver information", address, 16)?;
        refuse_driver(view, &bytes[8..16], address)?;
    }
    if let Some(address) = superblock.extension {
        for message in object_header::read(view, address)? {
            let mut cursor = message.cursor("superblock extension", view);
            match message.kind {
                kind::DRIVER_INFO => refuse_driver(view, message.body.get(1..9).unwrap_or_default(), address)?,
                kind::SHARED_TABLE => {
                    cursor.version(0)?;
                    let table = cursor.defined_address()?;
                    facts.shared_heaps = read_shared_table(view, table, cursor.u8()?)?;
                }
                kind::CACHE_IMAGE => {
                    cursor.version(0)?;
                    if let Some(address) = cursor.address()? {
                        facts.cache_image = cache_image::read(view, address, cursor.length()?)?;
                    }
                }
                _ => {}
            }
        }
    }
    let end = view.absolute(superblock.end);
    if end > facts.size {
        return Err(Fault::BeyondEnd { structure: "the file as it was closed", end }.into());
    }
    Ok(facts)
}

fn refuse_driver(view: &View, name: &[u8], address: u64) -> Found<()> {
    // The default driver writes no such block; the named ones spread a file over several.
    Err(Fault::unsupported(
        view.absolute(address),
        format!("a file spread over several by the driver {}", name.escape_ascii()),
    ))
}

/// The shared object header message table (III.G): which heap holds the shared messages of which types.
fn read_shared_table(view: &View, address: u64, indexes: u8) -> Found<Vec<(u16, u64)>> {
    let widths = view.facts.widths;
    let entry = 1 + 1 + 2 + 4 + 2 * 3 + 2 * widths.address;
    let length = 4 + usize::from(indexes) * entry + 4;
    let bytes = view.get("shared message table", address, length as u64)?;
    checksum::verify("shared message table", &bytes, view.absolute(address))?;
    let mut cursor = view.cursor("shared message table", &bytes, address);
    cursor.signature(b"SMTB")?;
    let mut heaps = Vec::new();
    for _ in 0..indexes {
        cursor.skip(2)?;
        let types = cursor.u16()?;
        cursor.skip(4 + 6)?;
        let _index = cursor.address()?;
        if let Some(heap) = cursor.address()? {
            heaps.push((types, heap));
        }
    }
    // Opened here so that a broken heap is a fault of the table and not of the first object that uses it.
    for (_, heap) in &heaps {
        fractal_heap::open(view, *heap)?;
    }
    Ok(heaps)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use bytes::Bytes;

    use super::super::driver::Driver;
    use super::super::testing::Image;
    use super::*;
    use crate::model::SourceUrl;
    use crate::storage::MemoryFile;

    fn version_2(end: u64) -> Image {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([2, 4, 4, 0]);
        for address in [0, u32::MAX, u32::try_from(end).unwrap(), 48] {
            bytes.extend(address.to_le_bytes());
        }
        Image::default().put_summed(0, bytes).put(63, [0])
    }

    #[test]
    fn version_2_with_narrow_addresses() {
        let found = version_2(64).parse(read).unwrap();
        let widths = Widths { address: 4, length: 4 };
        assert_eq!(
            found,
            Superblock { widths, root: 48, extension: None, driver: None, end: 64, beside_readers: false }
        );
        let mut broken = version_2(64);
        broken.0[20] ^= 1;
        assert!(matches!(broken.parse(read), Err(Fault::Corrupt { .. })));
        broken.0[8] = 9;
        assert!(matches!(broken.parse(read), Err(Fault::Unsupported { .. })));
    }

    #[test]
    fn marks_of_writers() {
        let marked = |flags| {
            let mut image = version_2(64);
            (image.0[8], image.0[11]) = (3, flags);
            let sum = checksum::lookup3(&image.0[..28]).to_le_bytes();
            image.0[28..32].copy_from_slice(&sum);
            image.parse(read)
        };
        assert!(!marked(0).unwrap().beside_readers);
        assert!(marked(5).unwrap().beside_readers);
        assert!(matches!(marked(1), Err(Fault::Unsupported { .. })));
    }

    #[test]
    fn a_shortened_file_is_noticed() {
        for (end, whole) in [(64, true), (65, false)] {
            let head = version_2(end).0.into();
            let file = MemoryFile::new(SourceUrl::from_path("/a").unwrap(), Bytes::clone(&head));
            let mut driver = Driver::new(&file, 0, &head);
            let superblock = driver.run(read).unwrap();
            assert_eq!(driver.run(|view| complete(view, &superblock)).is_ok(), whole);
        }
    }
}
