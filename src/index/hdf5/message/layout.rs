//! How the elements of a dataset are kept (IV.A.2.i), versions 1 to 5.
//!
//! Version 5 (HDF5 2.0) differs from version 4 in one thing: how wide the sizes of filtered chunks are in the chunk
//! index. That follows from the size of the index's own records, so both are read alike.

use super::super::bytes::Cursor;
use super::super::fault::Found;

/// Where the elements of a dataset are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Storage {
    /// In the message itself: so many bytes from this place of the message on.
    Compact { position: usize, length: usize },
    /// In one piece; `None`: never written.
    Contiguous { address: Option<u64> },
    /// In chunks.
    Chunked {
        /// The length of each dimension of a chunk, the last one being the size of an element.
        chunk: Vec<u64>,
        index: ChunkIndex,
        /// Where the index is; `None`: no chunk was written.
        address: Option<u64>,
        /// Whether chunks at the edge skip all filters.
        unfiltered_edges: bool,
    },
    /// In other datasets, listed in an object of the global heap: the collection's address, and the object's number.
    Virtual { list: Option<(u64, u32)> },
}

/// How the index of chunks is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum ChunkIndex {
    BtreeV1,
    /// One chunk, with its size and filter mask where it is filtered.
    Single {
        filtered: Option<(u64, u32)>,
    },
    /// Chunks one after the other.
    Implicit,
    FixedArray,
    ExtensibleArray,
    BtreeV2,
}

/// Reads a layout message.
pub(in super::super) fn read(mut cursor: Cursor) -> Found<Storage> {
    match cursor.u8()? {
        1 | 2 => read_old(cursor),
        3 => match cursor.u8()? {
            2 => read_chunked_v3(cursor),
            class => read_whole(cursor, class),
        },
        4 | 5 => match cursor.u8()? {
            2 => read_chunked_v4(cursor),
            3 => {
                let (address, object) = (cursor.address()?, cursor.u32()?);
                Ok(Storage::Virtual { list: address.map(|address| (address, object)) })
            }
            class => read_whole(cursor, class),
        },
        version => Err(cursor.unsupported(format!("data layout version {version}"))),
    }
}

fn read_old(mut cursor: Cursor) -> Found<Storage> {
    let (rank, class) = (cursor.u8()?, cursor.u8()?);
    if !(1..=33).contains(&rank) {
        return Err(cursor.corrupt("1 to 33 dimensions", format!("{rank}")));
    }
    cursor.skip(5)?;
    let address = if class == 0 { None } else { cursor.address()? };
    let lengths = (0..rank).map(|_| cursor.u32().map(u64::from)).collect::<Found<Vec<_>>>()?;
    match class {
        0 => {
            let length = cursor.u32()? as usize;
            compact(cursor, length)
        }
        1 => Ok(Storage::Contiguous { address }),
        2 => chunked(&cursor, lengths, ChunkIndex::BtreeV1, address),
        _ => Err(cursor.corrupt("a layout class from 0 to 2", format!("{class}"))),
    }
}

fn read_whole(mut cursor: Cursor, class: u8) -> Found<Storage> {
    match class {
        0 => {
            let length = usize::from(cursor.u16()?);
            compact(cursor, length)
        }
        1 => Ok(Storage::Contiguous { address: cursor.address()? }),
        _ => Err(cursor.corrupt("a layout class from 0 to 3", format!("{class}"))),
    }
}

fn compact(mut cursor: Cursor, length: usize) -> Found<Storage> {
    let position = cursor.position();
    cursor.skip(length)?;
    Ok(Storage::Compact { position, length })
}

fn read_chunked_v3(mut cursor: Cursor) -> Found<Storage> {
    let rank = cursor.u8()?;
    let address = cursor.address()?;
    let lengths = (0..rank).map(|_| cursor.u32().map(u64::from)).collect::<Found<Vec<_>>>()?;
    chunked(&cursor, lengths, ChunkIndex::BtreeV1, address)
}

fn chunked(cursor: &Cursor, chunk: Vec<u64>, index: ChunkIndex, address: Option<u64>) -> Found<Storage> {
    check_chunk(cursor, &chunk)?;
    Ok(Storage::Chunked { chunk, index, address, unfiltered_edges: false })
}

/// Checks the shape of a chunk, the size of an element being its last length.
fn check_chunk(cursor: &Cursor, chunk: &[u64]) -> Found<()> {
    if !(2..=33).contains(&chunk.len()) {
        return Err(cursor.corrupt("a chunk of 1 to 32 dimensions", format!("{}", chunk.len().saturating_sub(1))));
    }
    let bytes = chunk.iter().try_fold(1u64, |product, length| product.checked_mul(*length));
    match bytes {
        Some(bytes) if bytes > 0 => Ok(()),
        _ => Err(cursor.corrupt("a chunk of 1 to 2^64 bytes", format!("a chunk of {chunk:?} bytes"))),
    }
}

fn read_chunked_v4(mut cursor: Cursor) -> Found<Storage> {
    let (flags, rank, width) = (cursor.u8()?, cursor.u8()?, usize::from(cursor.u8()?));
    if flags & !3 != 0 {
        return Err(cursor.unsupported(format!("chunked layout with flags {flags:#04x}")));
    }
    let chunk = (0..rank).map(|_| cursor.uint(width)).collect::<Found<Vec<_>>>()?;
    check_chunk(&cursor, &chunk)?;
    let index = match cursor.u8()? {
        1 if flags & 2 != 0 => ChunkIndex::Single { filtered: Some((cursor.length()?, cursor.u32()?)) },
        1 => ChunkIndex::Single { filtered: None },
        2 => ChunkIndex::Implicit,
        // What follows is repeated in the header of each index.
        3 => {
            cursor.skip(1)?;
            ChunkIndex::FixedArray
        }
        4 => {
            cursor.skip(5)?;
            ChunkIndex::ExtensibleArray
        }
        5 => {
            cursor.skip(6)?;
            ChunkIndex::BtreeV2
        }
        found => return Err(cursor.corrupt("a chunk index type from 1 to 5", format!("{found}"))),
    };
    let address = cursor.address()?;
    Ok(Storage::Chunked { chunk, index, address, unfiltered_edges: flags & 1 != 0 })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::bytes::Widths;
    use super::*;

    fn parse(bytes: &[u8]) -> Found<Storage> {
        read(Cursor::new("layout", bytes, 0, Widths { address: 4, length: 4 }))
    }

    #[test]
    fn pieces() {
        assert_eq!(parse(&[3, 0, 2, 0, 7, 8]).unwrap(), Storage::Compact { position: 4, length: 2 });
        assert_eq!(parse(&[3, 1, 0, 1, 0, 0, 9, 0, 0, 0]).unwrap(), Storage::Contiguous { address: Some(256) });
        assert_eq!(parse(&[4, 3, 9, 0, 0, 0, 7, 0, 0, 0]).unwrap(), Storage::Virtual { list: Some((9, 7)) });
        assert!(parse(&[4, 3]).is_err());
        assert!(parse(&[3, 0, 2, 0, 7]).is_err());
    }

    #[test]
    fn chunks() {
        let three = [3, 2, 2, 0xff, 0xff, 0xff, 0xff, 5, 0, 0, 0, 4, 0, 0, 0];
        let Storage::Chunked { chunk, index, address, .. } = parse(&three).unwrap() else { unreachable!() };
        assert_eq!((chunk, index, address), (vec![5, 4], ChunkIndex::BtreeV1, None));
        let mut four = [4, 2, 3, 2, 1, 100, 4, 1, 9, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0];
        let Storage::Chunked { index, address, unfiltered_edges, .. } = parse(&four).unwrap() else { unreachable!() };
        assert_eq!((index, address), (ChunkIndex::Single { filtered: Some((9, 1)) }, Some(256)));
        assert!(unfiltered_edges);
        four[0] = 5;
        assert!(matches!(parse(&four).unwrap(), Storage::Chunked { .. }));
        four[5] = 0;
        assert!(parse(&four).is_err());
    }
}
