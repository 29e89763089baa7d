//! The references of one manifest.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use icechunk_format::ManifestId;
use icechunk_format::flatbuffers::generated;
use url::Url;

use super::{root, wrong};
use crate::model::{ChunkGrid, PublicUrls, SourceUrl};
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
) -> Result<(), ReadError> {
    let manifest = root::<generated::Manifest<'_>>(path, content)?;
    if manifest.id().0 != id.0 {
        return Err(wrong(path, "the id of its path", &ManifestId::new(manifest.id().0)));
    }
    let mut urls = Urls::default();
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
    urls: &mut Urls<'a>,
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
    urls: &mut Urls<'a>,
) -> Result<Reference, ReadError> {
    let expected = "a virtual or an inline chunk";
    match (chunk.location(), chunk.inline(), chunk.chunk_id(), chunk.compressed_location()) {
        (Some(url), None, None, None) => {
            Ok(Reference::Part { url: urls.share(url), offset: chunk.offset(), length: chunk.length() })
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

/// URLs as products name sources, each once.
#[derive(Default)]
struct Urls<'a> {
    known: HashMap<&'a str, Arc<str>>,
    last: Option<(&'a str, Arc<str>)>,
}

impl<'a> Urls<'a> {
    fn share(&mut self, url: &'a str) -> Arc<str> {
        if let Some((text, known)) = &self.last
            && std::ptr::eq(*text, url)
        {
            return Arc::clone(known);
        }
        let known = self.known.entry(url).or_insert_with(|| named(url).into());
        self.last = Some((url, Arc::clone(known)));
        Arc::clone(known)
    }
}

/// Icechunk takes URLs, and other products paths as they are.
fn named(url: &str) -> String {
    match Url::parse(url) {
        Ok(parsed) => PublicUrls::default().reference(&SourceUrl::new(parsed)),
        Err(_) => url.to_owned(),
    }
}
