//! Telling formats apart by their first bytes.

use std::ops::Range;

use super::hdf5::SIGNATURE;
use crate::storage::{ByteSource, StorageError};

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    /// HDF5, with the offset of its superblock.
    Hdf5 { superblock: u64 },
    /// Classic NetCDF: version 1, 2 or 5.
    NetCdf3 { version: u8 },
    /// Something else, in words.
    Other(String),
}

/// Formats that lie around in archives of NetCDF files.
const OTHERS: [(&[u8], &str); 14] = [
    (b"GRIB", "GRIB"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "BigTIFF"),
    (b"MM\0+", "BigTIFF"),
    (b"\x0e\x03\x13\x01", "HDF4"),
    (b"PK\x03\x04", "a zip archive"),
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "xz"),
    (b"PAR1", "Parquet"),
    (b"%PDF", "PDF"),
    (b"BUFR", "BUFR"),
];

/// So much of the head is looked at for formats that are not read.
const SHOWN: usize = 512;

/// Finds out what a file is that begins with these bytes.
pub(super) fn sniff(source: &dyn ByteSource, head: &[u8]) -> Result<Format, StorageError> {
    if head.starts_with(&SIGNATURE) {
        return Ok(Format::Hdf5 { superblock: 0 });
    }
    if let (true, Some(version @ (1 | 2 | 5))) = (head.starts_with(b"CDF"), head.get(3)) {
        return Ok(Format::NetCdf3 { version: *version });
    }
    // A superblock may follow a user block of 512, 1024, 2048, … bytes (II.A of the specification).
    let within = |range: &Range<u64>| range.end <= source.file().size;
    let places = (9..63).map(|power| 1u64 << power).map(|place| place..place + SIGNATURE.len() as u64);
    let places: Vec<Range<u64>> = places.take_while(within).collect();
    let at_hand = |place: &Range<u64>| head.get(usize::try_from(place.start).ok()?..usize::try_from(place.end).ok()?);
    if let Some(place) = places.iter().find(|place| at_hand(place) == Some(&SIGNATURE)) {
        return Ok(Format::Hdf5 { superblock: place.start });
    }
    let beyond = &places[places.iter().take_while(|place| at_hand(place).is_some()).count()..];
    let found = if beyond.is_empty() { Vec::new() } else { source.read(beyond)? };
    match beyond.iter().zip(found).find(|(_, bytes)| *bytes == SIGNATURE[..]) {
        Some((place, _)) => Ok(Format::Hdf5 { superblock: place.start }),
        None => Ok(Format::Other(in_words(&head[..head.len().min(SHOWN)]))),
    }
}

fn in_words(head: &[u8]) -> String {
    if head.is_empty() {
        return "empty".into();
    }
    if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return (*name).into();
    }
    if SIGNATURE.starts_with(head) {
        return "the first bytes of an HDF5 file and no more".into();
    }
    if head.iter().all(|byte| *byte == 0) {
        return "nothing but zeros at its beginning".into();
    }
    let start = String::from_utf8_lossy(&head[..head.len().min(256)]).trim_start().to_ascii_lowercase();
    if start.starts_with("<!doctype html") || start.starts_with("<html") {
        return "an HTML page (of a server's error, perhaps)".into();
    }
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | 0x20..=0x7e);
    if head.iter().all(is_text) {
        return "text".into();
    }
    format!("of no known format (it begins with {})", head[..head.len().min(8)].escape_ascii())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::SourceUrl;
    use crate::storage::MemoryFile;

    fn sniffed(content: impl Into<Vec<u8>>) -> Format {
        let content = content.into();
        let head = content[..content.len().min(600)].to_vec();
        sniff(&MemoryFile::new(SourceUrl::from_path("/a").unwrap(), content), &head).unwrap()
    }

    #[test]
    fn formats() {
        assert_eq!(sniffed(SIGNATURE), Format::Hdf5 { superblock: 0 });
        let mut user_block = vec![1; 2048];
        user_block.extend(SIGNATURE);
        assert_eq!(sniffed(user_block), Format::Hdf5 { superblock: 2048 });
        assert_eq!(sniffed(*b"CDF\x05"), Format::NetCdf3 { version: 5 });
        let words = [
            (&b""[..], "empty"),
            (b"GRIB\0\0\0\x01", "GRIB"),
            (b"II*\0....", "TIFF"),
            (b"hello\n", "text"),
            (b"<!DOCTYPE html><html>", "an HTML page (of a server's error, perhaps)"),
            (b"\x89HDF\r", "the first bytes of an HDF5 file and no more"),
            (b"\0\0\0", "nothing but zeros at its beginning"),
            (b"\x01\xffab", "of no known format (it begins with \\x01\\xffab)"),
        ];
        for (content, expected) in words {
            assert_eq!(sniffed(content), Format::Other(expected.into()));
        }
    }
}
