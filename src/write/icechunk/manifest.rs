//! Manifests: the references of arrays, in objects of bounded size.
//!
//! An array of many chunks is cut into boxes along its slowest dimensions; each box is in one manifest, a manifest may hold many small
//! arrays. A URL stands once in a manifest, whatever the number of its chunks. A manifest that says what one of the commit before says is not
//! written again.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::ops::Range;

use bytes::Bytes;
use flatbuffers::{FlatBufferBuilder, WIPOffset};
use icechunk_format::flatbuffers::generated;
use icechunk_format::format_constants::FileTypeBin;
use icechunk_format::manifest::{ManifestExtents, ManifestRef};
use icechunk_format::snapshot::ManifestFileInfo;
use icechunk_format::{ManifestId, NodeId};
use sha2::{Digest as _, Sha256};

use super::envelope::sealed;
use super::log::ChunkLog;
use super::{KnownManifest, Location, Put};
use crate::model::{ChunkLocation, FileChecksum, IcechunkVersion};
use crate::write::WriteError;
use crate::write::kerchunk::chunks::ChunkSink;

/// The most chunks of one box: a reader that needs one of them reads them all.
const BOX: u64 = 100_000;
/// A manifest of so many bytes takes no further box.
const FULL: usize = 1 << 20;

/// What the manifests need of their surroundings.
pub(super) struct Store<'a> {
    pub(super) put: Put<'a>,
    pub(super) version: IcechunkVersion,
    /// How each file of the cube is named.
    pub(super) locations: &'a [Location],
    /// The manifests of the commit before, by what they say.
    pub(super) known: &'a BTreeMap<String, KnownManifest>,
}

/// The manifest that is being filled.
struct Open {
    id: ManifestId,
    builder: FlatBufferBuilder<'static>,
    arrays: Vec<(NodeId, WIPOffset<generated::ArrayManifest<'static>>)>,
    /// Where the URL and the ETag of each file are.
    urls: HashMap<usize, (WIPOffset<&'static str>, Option<WIPOffset<&'static str>>)>,
    chunks: u32,
    /// Of what it says.
    digest: Sha256,
}

impl Open {
    fn new() -> Self {
        let (arrays, urls) = (Vec::new(), HashMap::new());
        let (builder, digest) = (FlatBufferBuilder::with_capacity(1 << 16), Sha256::new());
        Self { id: ManifestId::random(), builder, arrays, urls, chunks: 0, digest }
    }

    fn len(&self) -> usize {
        self.builder.unfinished_data().len()
    }

    /// What it says, as a digest, and the manifest that says it: this one, or one of the commit before.
    fn close(mut self, store: &mut Store<'_>) -> io::Result<(String, KnownManifest)> {
        let said = hex(&self.digest.clone().finalize());
        if let Some(known) = store.known.get(&said) {
            return Ok((said, known.clone()));
        }
        self.arrays.sort_by(|(a, _), (b, _)| a.cmp(b));
        let arrays: Vec<_> = self.arrays.iter().map(|(_, array)| *array).collect();
        let arrays = self.builder.create_vector(&arrays);
        let id = generated::ObjectId12::new(&self.id.0);
        let arguments = generated::ManifestArgs {
            id: Some(&id),
            arrays: Some(arrays),
            compression_algorithm: 0,
            ..Default::default()
        };
        let manifest = generated::Manifest::create(&mut self.builder, &arguments);
        self.builder.finish(manifest, Some("Ichk"));
        let bytes = sealed(FileTypeBin::Manifest, store.version, self.builder.finished_data())?;
        (store.put)(&format!("manifests/{}", self.id), &bytes)?;
        let sha256 = hex(&Sha256::digest(&bytes));
        let written = KnownManifest { id: self.id.0, size: bytes.len() as u64, chunks: self.chunks, sha256 };
        Ok((said, written))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Manifests one after the other.
pub(super) struct Manifests<'a> {
    store: Store<'a>,
    open: Option<Open>,
    pub(super) closed: Vec<ManifestFileInfo>,
    /// The same by what they say.
    pub(super) said: BTreeMap<String, KnownManifest>,
    /// Those that the commit before has, by the ids that they would have had.
    pub(super) renamed: HashMap<ManifestId, ManifestId>,
}

impl<'a> Manifests<'a> {
    pub(super) fn new(store: Store<'a>) -> Self {
        Self { store, open: None, closed: Vec::new(), said: BTreeMap::new(), renamed: HashMap::new() }
    }

    /// The references of one array, in C order.
    pub(super) fn array<'b>(&'b mut self, node: NodeId, grid: &'b [u32], log: &'b mut ChunkLog) -> ArrayRefs<'b, 'a> {
        let cut = Cut::of(grid);
        ArrayRefs {
            manifests: self,
            node,
            grid,
            cut,
            log,
            place: Vec::new(),
            current: None,
            refs: Vec::new(),
            places: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Closes the manifest that is being filled: what follows comes into another.
    ///
    /// Returns whether the commit before has it.
    pub(super) fn close(&mut self) -> io::Result<bool> {
        let Some(open) = self.open.take() else { return Ok(false) };
        let own = open.id.clone();
        let (said, known) = open.close(&mut self.store)?;
        let id = ManifestId::new(known.id);
        self.closed.push(ManifestFileInfo { id: id.clone(), size_bytes: known.size, num_chunk_refs: known.chunks });
        self.said.insert(said, known);
        let is_known = id != own;
        if is_known {
            self.renamed.insert(own, id);
        }
        Ok(is_known)
    }

    fn close_if_full(&mut self) -> io::Result<bool> {
        if self.open.as_ref().is_some_and(|open| open.len() >= FULL) { self.close() } else { Ok(false) }
    }
}

/// How a grid of chunks is cut into boxes that follow each other in C order.
struct Cut {
    /// In front of this axis each step is a box of its own.
    axis: usize,
    /// Steps of a box along the axis.
    steps: u64,
}

impl Cut {
    fn of(grid: &[u32]) -> Self {
        let mut inner = grid.iter().map(|length| u64::from(*length)).fold(1u64, u64::saturating_mul);
        for (axis, length) in grid.iter().enumerate() {
            inner = inner.checked_div(u64::from(*length)).unwrap_or(0);
            if inner <= BOX {
                return Self { axis, steps: (BOX / inner.max(1)).max(1) };
            }
        }
        Self { axis: 0, steps: BOX }
    }

    /// The box that a place is in.
    fn around(&self, place: &[u32], grid: &[u32]) -> Vec<Range<u32>> {
        let along = |(axis, (at, length)): (usize, (&u32, &u32))| match axis.cmp(&self.axis) {
            std::cmp::Ordering::Less => *at..at.saturating_add(1),
            std::cmp::Ordering::Greater => 0..*length,
            std::cmp::Ordering::Equal => {
                let steps = u32::try_from(self.steps).unwrap_or(u32::MAX);
                let start = at - at % steps;
                start..start.saturating_add(steps).min(*length)
            }
        };
        place.iter().zip(grid).enumerate().map(along).collect()
    }
}

/// The references of one array.
pub(super) struct ArrayRefs<'b, 'a> {
    manifests: &'b mut Manifests<'a>,
    node: NodeId,
    grid: &'b [u32],
    cut: Cut,
    log: &'b mut ChunkLog,
    place: Vec<u32>,
    current: Option<Vec<Range<u32>>>,
    refs: Vec<WIPOffset<generated::ChunkRef<'static>>>,
    /// The places of the box, one after the other.
    places: Vec<u32>,
    found: Vec<ManifestRef>,
}

impl ArrayRefs<'_, '_> {
    /// Takes one chunk; `payload` fills in what it is.
    fn chunk(
        &mut self,
        place: &[u64],
        payload: impl FnOnce(&mut Open, &[Location], &mut generated::ChunkRefArgs<'static>),
    ) -> Result<(), WriteError> {
        self.place.clear();
        // The grid was counted in 32 bits.
        self.place.extend(place.iter().map(|at| u32::try_from(*at).unwrap_or(u32::MAX)));
        let is_inside = |ranges: &Vec<Range<u32>>| ranges.iter().zip(&self.place).all(|(range, at)| range.contains(at));
        if !self.current.as_ref().is_some_and(is_inside) {
            self.end_box()?;
            self.current = Some(self.cut.around(&self.place, self.grid));
        }
        self.places.extend_from_slice(&self.place);
        let open = self.manifests.open.get_or_insert_with(Open::new);
        let index = open.builder.create_vector(&self.place);
        self.place.iter().for_each(|at| open.digest.update(at.to_le_bytes()));
        let mut arguments = generated::ChunkRefArgs { index: Some(index), ..Default::default() };
        payload(open, self.manifests.store.locations, &mut arguments);
        self.refs.push(generated::ChunkRef::create(&mut open.builder, &arguments));
        open.chunks += 1;
        Ok(())
    }

    fn end_box(&mut self) -> Result<(), WriteError> {
        if let (Some(extents), Some(open)) = (self.current.take(), &mut self.manifests.open) {
            open.digest.update(self.node.0);
            open.digest.update((self.refs.len() as u64).to_le_bytes());
            let refs = open.builder.create_vector(&self.refs);
            self.refs.clear();
            let id = generated::ObjectId8::new(&self.node.0);
            let arguments = generated::ArrayManifestArgs { node_id: Some(&id), refs: Some(refs), ..Default::default() };
            let array = generated::ArrayManifest::create(&mut open.builder, &arguments);
            open.arrays.push((self.node.clone(), array));
            let extents = ManifestExtents::from_ranges_iter(extents);
            self.found.push(ManifestRef { object_id: open.id.clone(), extents });
            // A manifest holds an array once.
            let closed = if self.is_cut() { self.manifests.close() } else { self.manifests.close_if_full() };
            let is_known = closed.map_err(|source| WriteError::Output { source })?;
            // What the commit before has is no change. A manifest of several arrays may not be closed yet.
            if !(is_known && self.is_cut()) {
                match self.grid.len() {
                    0 => self.log.chunk(&[]),
                    rank => self.places.chunks(rank).for_each(|place| self.log.chunk(place)),
                }
            }
            self.places.clear();
        }
        Ok(())
    }

    /// Whether the array has more than one box.
    fn is_cut(&self) -> bool {
        self.cut.axis > 0 || self.grid.first().is_some_and(|length| u64::from(*length) > self.cut.steps)
    }

    /// The manifests that hold the array.
    pub(super) fn end(mut self) -> Result<Vec<ManifestRef>, WriteError> {
        self.end_box()?;
        Ok(self.found)
    }
}

impl ChunkSink for ArrayRefs<'_, '_> {
    fn reference(&mut self, place: &[u64], file: usize, location: ChunkLocation) -> Result<(), WriteError> {
        self.chunk(place, |open, locations, arguments| {
            let Location { url, checksum } = &locations[file];
            open.digest.update(format!("{url}\n{checksum:?} {} {}\n", location.offset, location.length));
            let builder = &mut open.builder;
            let known = open.urls.entry(file).or_insert_with(|| {
                let etag = match checksum {
                    Some(FileChecksum::ETag(tag)) => Some(builder.create_string(tag)),
                    _ => None,
                };
                (builder.create_string(url), etag)
            });
            arguments.location = Some(known.0);
            arguments.checksum_etag = known.1;
            if let Some(FileChecksum::Modified(seconds)) = checksum {
                arguments.checksum_last_modified = *seconds;
            }
            arguments.offset = location.offset;
            arguments.length = location.length;
        })
    }

    fn inlined(&mut self, place: &[u64], bytes: &Bytes) -> Result<(), WriteError> {
        // The index comes first in the buffer, so the bytes may follow it.
        self.chunk(place, |open, _, arguments| {
            open.digest.update((bytes.len() as u64).to_le_bytes());
            open.digest.update(bytes);
            arguments.inline = Some(open.builder.create_vector::<u8>(bytes));
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn boxes_follow_each_other_and_are_not_too_large(grid in prop::collection::vec(1u32..700, 0..4)) {
            let cut = Cut::of(&grid);
            let volume = |ranges: &[Range<u32>]| ranges.iter().map(|range| u64::from(range.end - range.start)).product::<u64>();
            let whole: u64 = grid.iter().map(|length| u64::from(*length)).product();
            let (mut covered, mut place) = (0, vec![0u32; grid.len()]);
            // The first place of each box, in C order.
            for _ in 0..2_000 {
                let around = cut.around(&place, &grid);
                prop_assert!(volume(&around) <= BOX);
                prop_assert_eq!(around.iter().map(|range| range.start).collect::<Vec<_>>(), place.clone());
                covered += volume(&around);
                let mut at = covered;
                for (step, length) in place.iter_mut().zip(&grid).rev() {
                    *step = u32::try_from(at % u64::from(*length)).unwrap_or(0);
                    at /= u64::from(*length);
                }
                if covered >= whole {
                    break;
                }
            }
            prop_assert!(covered >= whole.min(2_000));
        }
    }
}
