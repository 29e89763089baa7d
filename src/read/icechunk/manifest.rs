//! The references of one manifest.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use icechunk_format::ManifestId;
use icechunk_format::flatbuffers::generated;
use url::Url;

use super::{root, wrong};
use crate::model::{ChunkGrid, FileChecksum, PublicUrls, SourceUrl};
use crate::read::zarr3::StoredArray;
use crate::read::{ReadError, Reference};

/// The places of chunks that a manifest is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Extents(Vec<(u32, u32)>);

impl Extents {
    pub(super) fn new(
        key: &str,
        grid: &ChunkGrid,
        ranges: impl Iterator<Item = (u32, u32)>,
    ) -> Result<Self, ReadError> {
        let ranges: Vec<(u32, u32)> = ranges.collect();
        let counts = grid.grid_shape();
        let is_inside = |((from, to), count): (&(u32, u32), &u64)| from < to && u64::from(*to) <= *count;
        if ranges.len() != counts.len() || !ranges.iter().zip(&counts).all(is_inside) {
            return Err(wrong(key, "a manifest of chunks within the grid", &format!("{ranges:?} of {counts:?}")));
        }
        Ok(Self(ranges))
    }

    /// Whether all places come before all places of another, in C order.
    pub(super) fn is_before(&self, other: &Self) -> bool {
        let last = self.0.iter().map(|(_, to)| to - 1);
        last.cmp(other.0.iter().map(|(from, _)| *from)) == Ordering::Less
    }

    fn contains(&self, place: &[u64]) -> bool {
        self.0.iter().zip(place).all(|((from, to), at)| (u64::from(*from)..u64::from(*to)).contains(at))
    }
}

/// What a manifest is asked for.
pub(super) struct Wanted {
    pub(super) node: [u8; 8],
    /// The number of the array.
    pub(super) array: usize,
    pub(super) extents: Extents,
}

/// Gives the references of a manifest to their arrays.
pub(super) fn take(
    path: &str,
    id: &ManifestId,
    content: &[u8],
    wanted: &[Wanted],
    arrays: &mut [StoredArray],
    checksums: &mut Checksums,
) -> Result<(), ReadError> {
    let manifest = root::<generated::Manifest<'_>>(path, content)?;
    if manifest.id().0 != id.0 {
        return Err(wrong(path, "the id of its path", &ManifestId::new(manifest.id().0)));
    }
    let mut urls = Urls { known: HashMap::new(), last: None, checksums };
    let mut last: Option<[u8; 8]> = None;
    let mut served = 0;
    for found in manifest.arrays() {
        let node = found.node_id().0;
        if last.is_some_and(|last| last >= node) {
            return Err(wrong(path, "arrays in the order of their ids", &"another order"));
        }
        last = Some(node);
        let asked = wanted.iter().find(|wanted| wanted.node == node);
        let asked = asked.ok_or_else(|| wrong(path, "arrays of the snapshot alone", &"another array"))?;
        served += 1;
        let array = arrays.get_mut(asked.array).ok_or_else(|| wrong(path, "an array of the snapshot", &"none"))?;
        references(path, &found, asked, array, &mut urls)?;
    }
    if served == wanted.len() { Ok(()) } else { Err(wrong(path, "each array of the snapshot that names it", &served)) }
}

fn references<'a>(
    path: &str,
    found: &generated::ArrayManifest<'a>,
    asked: &Wanted,
    stored: &mut StoredArray,
    urls: &mut Urls<'a, '_>,
) -> Result<(), ReadError> {
    let mut last: Option<u64> = None;
    let mut place = Vec::new();
    for chunk in found.refs() {
        place.clear();
        place.extend(chunk.index().iter().map(u64::from));
        let number = stored.grid.number(&place).filter(|_| asked.extents.contains(&place));
        let key = &stored.array.key;
        let number = number.ok_or_else(|| wrong(path, "chunks within the extents", &format!("{key} {place:?}")))?;
        if last.is_some_and(|last| last >= number) {
            return Err(wrong(path, "chunks in C order", &format!("{key} {place:?}")));
        }
        last = Some(number);
        let reference = reference(path, &chunk, stored, urls)?;
        if !stored.array.references.insert(number, reference) {
            return Err(wrong(path, "each chunk once", &format!("{} {place:?}", stored.array.key)));
        }
    }
    Ok(())
}

fn reference<'a>(
    path: &str,
    chunk: &generated::ChunkRef<'a>,
    stored: &StoredArray,
    urls: &mut Urls<'a, '_>,
) -> Result<Reference, ReadError> {
    let expected = "a virtual or an inline chunk";
    match (chunk.location(), chunk.inline(), chunk.chunk_id(), chunk.compressed_location()) {
        (Some(url), None, None, None) => {
            let checksum = match (chunk.checksum_etag(), chunk.checksum_last_modified()) {
                (Some(tag), _) => Checksum::ETag(tag),
                (None, 0) => Checksum::None,
                (None, seconds) => Checksum::Modified(seconds),
            };
            let url = urls.share(url, checksum).ok_or_else(|| wrong(path, "one checksum of each file", &url))?;
            Ok(Reference::Part { url, offset: chunk.offset(), length: chunk.length() })
        }
        (None, Some(bytes), None, None) => {
            let bytes = stored.inline(Bytes::copy_from_slice(bytes.bytes()));
            let bytes =
                bytes.ok_or_else(|| wrong(path, "texts of the array's length and number", &stored.array.key))?;
            Ok(Reference::Inline(bytes))
        }
        _ => Err(wrong(path, expected, &format!("another, or several, of {}", stored.array.key))),
    }
}

/// The checksum of each file, by its name.
pub(super) type Checksums = BTreeMap<Arc<str>, Option<FileChecksum>>;

/// A checksum as it stands in the manifest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Checksum<'a> {
    None,
    ETag(&'a str),
    Modified(u32),
}

impl Checksum<'_> {
    fn kept(self) -> Option<FileChecksum> {
        match self {
            Self::None => None,
            Self::ETag(tag) => Some(FileChecksum::ETag(tag.into())),
            Self::Modified(seconds) => Some(FileChecksum::Modified(seconds)),
        }
    }
}

/// URLs as products name sources, each once, with their checksums.
struct Urls<'a, 'c> {
    known: HashMap<&'a str, Arc<str>>,
    last: Option<(&'a str, Checksum<'a>, Arc<str>)>,
    checksums: &'c mut Checksums,
}

impl<'a> Urls<'a, '_> {
    /// `None` if the file had another checksum before.
    fn share(&mut self, url: &'a str, checksum: Checksum<'a>) -> Option<Arc<str>> {
        if let Some((text, last, known)) = &self.last
            && std::ptr::eq(*text, url)
            && *last == checksum
        {
            return Some(Arc::clone(known));
        }
        let known = Arc::clone(self.known.entry(url).or_insert_with(|| named(url).into()));
        let kept = self.checksums.entry(Arc::clone(&known)).or_insert_with(|| checksum.kept());
        if *kept != checksum.kept() {
            return None;
        }
        self.last = Some((url, checksum, Arc::clone(&known)));
        Some(known)
    }
}

/// Icechunk takes URLs, and other products paths as they are.
fn named(url: &str) -> String {
    match Url::parse(url) {
        Ok(parsed) => PublicUrls::default().reference(&SourceUrl::new(parsed)),
        Err(_) => url.to_owned(),
    }
}
