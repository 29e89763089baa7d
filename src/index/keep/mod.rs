//! Indexes as bytes, to be kept from one run to the next.
//!
//! In: the indexes of an item's files. Out: one piece of bytes, and the same indexes of it again, bit by bit.
//!
//! What files share in memory is written once, and shared again when it is read: of most files there is little more than names, values of
//! time, and where the chunks are. A digest stands at the end; bytes of another version of altostac are none.

mod bytes;
mod parts;
#[cfg(test)]
mod tests;

use sha2::{Digest as _, Sha256};

use crate::model::FileIndex;
use bytes::{In, Out, Stored};

/// What the bytes begin with: the index may hold something else in every version.
const HEAD: &str = concat!("altostac index 1, altostac ", env!("CARGO_PKG_VERSION"), "\n");

/// An index, and what is known of it beside.
#[derive(Debug, Clone, PartialEq)]
pub struct KeptIndex {
    /// The index.
    pub index: FileIndex,
    /// When the file's inode last changed, in nanoseconds since 1970: no program can put that time back. Of a remote file nothing.
    pub changed_ns: Option<i64>,
    /// Whether a product was compared with it.
    pub is_verified: bool,
}

/// Writes indexes; `None` if one of them cannot be kept: groups within more than 200 others.
///
/// ```
/// use altostac::index::{KeptIndex, pack, unpack};
/// # use altostac::model::*;
/// # let url = SourceUrl::from_path("/a.nc").unwrap();
/// # let source = SourceFile { url, size: 0, fingerprint: Fingerprint::ETag { tag: "a".into() } };
/// # let root = FileGroup { path: "/".into(), ..FileGroup::default() };
/// # let index = FileIndex { source, format: "HDF5".into(), root, notes: vec![] };
/// let kept = vec![KeptIndex { index, changed_ns: None, is_verified: true }];
/// let mut bytes = pack(&kept).unwrap();
/// assert_eq!(unpack(&bytes), Some(kept));
/// bytes[40] ^= 1;
/// assert_eq!(unpack(&bytes), None);
/// ```
pub fn pack(kept: &[KeptIndex]) -> Option<Vec<u8>> {
    let mut out = Out::default();
    out.raw(HEAD.as_bytes());
    out.number(kept.len() as u64);
    for one in kept {
        one.changed_ns.put(&mut out)?;
        one.is_verified.put(&mut out)?;
        one.index.put(&mut out)?;
    }
    let mut bytes = out.into_bytes();
    let digest = Sha256::digest(&bytes);
    bytes.extend_from_slice(&digest);
    Some(bytes)
}

/// Reads what [`pack`] has written; `None` if it is damaged or of another version.
pub fn unpack(bytes: &[u8]) -> Option<Vec<KeptIndex>> {
    let (body, digest) = bytes.split_at_checked(bytes.len().checked_sub(32)?)?;
    if Sha256::digest(body)[..] != *digest {
        return None;
    }
    read(body)
}

fn read(body: &[u8]) -> Option<Vec<KeptIndex>> {
    let mut from = In::new(body);
    if from.raw()? != HEAD.as_bytes() {
        return None;
    }
    let count = from.length()?;
    let mut kept = Vec::with_capacity(count);
    for _ in 0..count {
        let (changed_ns, is_verified) = (Stored::take(&mut from)?, bool::take(&mut from)?);
        kept.push(KeptIndex { index: FileIndex::take(&mut from)?, changed_ns, is_verified });
    }
    from.is_at_end().then_some(kept)
}
