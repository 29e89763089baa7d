//! Where every chunk of one variable in one file is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chunk::ChunkLocation;
use super::packed::{PackedLocations, Seeking};

const MISSING: u64 = u64::MAX;

/// The locations of a variable's chunks in one file, in C order of the chunk grid.
///
/// Chunks that are placed in this order take a few bytes each, and those of one length that stand at one distance from each other (records,
/// chunks without filters, a single chunk) take none. Chunks in any other order take 16 bytes until [`ChunkManifest::pack`].
#[derive(Debug, Clone, Default)]
pub struct ChunkManifest {
    count: usize,
    kept: Kept,
    /// Few chunks were written: those out of order take room for themselves alone.
    is_sparse: bool,
}

/// How the locations are kept.
#[derive(Debug, Clone, Default)]
enum Kept {
    #[default]
    Nothing,
    /// So many chunks from the first on, of one length.
    Even { first: ChunkLocation, stride: u64, len: usize },
    /// In order.
    Packed(PackedLocations),
    /// In any order.
    Columns(Columns),
    /// In any order, few of many.
    Few(BTreeMap<usize, ChunkLocation>),
}

/// A place for each chunk; the column of filter masks is there only if a mask is not 0.
#[derive(Debug, Clone, Default)]
struct Columns {
    offsets: Vec<u64>,
    lengths: Vec<u64>,
    masks: Option<Vec<u32>>,
}

impl Columns {
    fn new(count: usize) -> Self {
        Self { offsets: vec![MISSING; count], lengths: vec![0; count], masks: None }
    }

    fn set(&mut self, number: usize, location: ChunkLocation) {
        let count = self.offsets.len();
        self.offsets[number] = location.offset;
        self.lengths[number] = location.length;
        if location.filter_mask != 0 || self.masks.is_some() {
            self.masks.get_or_insert_with(|| vec![0; count])[number] = location.filter_mask;
        }
    }

    fn get(&self, number: usize) -> Option<ChunkLocation> {
        let offset = *self.offsets.get(number)?;
        if offset == MISSING {
            return None;
        }
        let filter_mask = self.masks.as_ref().and_then(|masks| masks.get(number).copied()).unwrap_or(0);
        Some(ChunkLocation { offset, length: *self.lengths.get(number)?, filter_mask })
    }
}

/// The chunk so many strides after the first.
fn strided(first: ChunkLocation, stride: u64, number: usize) -> ChunkLocation {
    ChunkLocation { offset: first.offset.wrapping_add(stride.wrapping_mul(number as u64)), ..first }
}

impl ChunkManifest {
    /// A manifest of so many chunks, all missing.
    ///
    /// The caller has checked that the count is possible for the file at hand.
    ///
    /// ```
    /// use altostac::model::{ChunkLocation, ChunkManifest};
    /// let mut manifest = ChunkManifest::missing(2);
    /// let location = ChunkLocation { offset: 4096, length: 100, filter_mask: 0 };
    /// assert!(manifest.set(1, location));
    /// assert_eq!(manifest.get(0), None);
    /// assert_eq!(manifest.get(1), Some(location));
    /// assert_eq!(manifest.present(), 1);
    /// ```
    pub fn missing(count: usize) -> Self {
        Self { count, ..Self::default() }
    }

    /// The same for a grid of which few chunks were written: room is taken for those alone, in whatever order they come.
    ///
    /// ```
    /// use altostac::model::{ChunkLocation, ChunkManifest};
    /// let mut manifest = ChunkManifest::sparse(60_000_000);
    /// let location = ChunkLocation { offset: 4096, length: 100, filter_mask: 0 };
    /// assert!(manifest.set(59_999_999, location));
    /// assert_eq!(manifest.written().collect::<Vec<_>>(), [(59_999_999, location)]);
    /// ```
    pub fn sparse(count: usize) -> Self {
        Self { count, is_sparse: true, ..Self::default() }
    }

    /// A manifest of another number of chunks, all missing, that keeps its chunks as this one does.
    pub fn missing_alike(&self, count: usize) -> Self {
        Self { count, is_sparse: self.is_sparse, ..Self::default() }
    }

    /// Whether room is taken for the chunks that were written alone.
    pub(crate) fn is_sparse(&self) -> bool {
        self.is_sparse
    }

    /// A manifest of one chunk.
    pub fn single(location: ChunkLocation) -> Self {
        let mut manifest = Self::missing(1);
        manifest.set(0, location);
        manifest
    }

    /// Places a chunk; false if there is no such chunk.
    pub fn set(&mut self, number: usize, location: ChunkLocation) -> bool {
        if number >= self.count {
            return false;
        }
        match &mut self.kept {
            Kept::Columns(columns) => columns.set(number, location),
            Kept::Few(few) => drop(few.insert(number, location)),
            Kept::Packed(packed) => {
                if !packed.push(number as u64, location) {
                    self.set_among_others(number, location);
                }
            }
            Kept::Nothing if number == 0 => self.kept = Kept::Even { first: location, stride: location.length, len: 1 },
            Kept::Even { first, stride, len } if number == *len && is_alike(*first, location) => {
                let is_second = *len == 1;
                if is_second {
                    *stride = location.offset.wrapping_sub(first.offset);
                }
                if strided(*first, *stride, number) == location {
                    *len += 1;
                } else {
                    self.set_among_others(number, location);
                }
            }
            _ => self.set_among_others(number, location),
        }
        true
    }

    /// Keeps the chunks in the next best way, with one more.
    fn set_among_others(&mut self, number: usize, location: ChunkLocation) {
        if !matches!(self.kept, Kept::Packed(_)) {
            let mut packed = PackedLocations::default();
            let is_packed = self.written().all(|(number, location)| packed.push(number as u64, location));
            if is_packed && packed.push(number as u64, location) {
                self.kept = Kept::Packed(packed);
                return;
            }
        }
        self.kept = if self.is_sparse {
            Kept::Few(self.written().chain([(number, location)]).collect())
        } else {
            let mut columns = Columns::new(self.count);
            self.written().chain([(number, location)]).for_each(|(number, location)| columns.set(number, location));
            Kept::Columns(columns)
        };
    }

    /// Takes as little room as it can; nothing else changes.
    ///
    /// ```
    /// use altostac::model::{ChunkLocation, ChunkManifest};
    /// let location = |number| ChunkLocation { offset: 4096 + 10 * number as u64, length: 10, filter_mask: 0 };
    /// let mut manifest = ChunkManifest::missing(3);
    /// [2, 0, 1].into_iter().for_each(|number| assert!(manifest.set(number, location(number))));
    /// let before = manifest.clone();
    /// manifest.pack();
    /// assert_eq!(manifest, before);
    /// ```
    pub fn pack(&mut self) {
        if let Kept::Packed(packed) = &mut self.kept {
            packed.shrink();
        }
        if !matches!(self.kept, Kept::Columns(_) | Kept::Few(_)) {
            return;
        }
        let mut smaller = self.missing_alike(self.count);
        for (number, location) in self.written() {
            smaller.set(number, location);
            if matches!(smaller.kept, Kept::Columns(_) | Kept::Few(_)) {
                return;
            }
        }
        smaller.pack();
        *self = smaller;
    }

    /// Where a chunk is; `None` if it was never written or does not exist.
    pub fn get(&self, number: usize) -> Option<ChunkLocation> {
        match &self.kept {
            Kept::Nothing => None,
            Kept::Even { first, stride, len } => (number < *len).then(|| strided(*first, *stride, number)),
            Kept::Packed(packed) => packed.get(number as u64),
            Kept::Columns(columns) => columns.get(number),
            Kept::Few(few) => few.get(&number).copied(),
        }
    }

    /// Finds chunks one after the other, fast as long as their numbers ascend.
    pub(crate) fn seeking(&self) -> SeekingChunks<'_> {
        let packed = if let Kept::Packed(packed) = &self.kept { Some(packed.seeking()) } else { None };
        SeekingChunks { manifest: self, packed }
    }

    /// The number of chunks, missing ones included.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is no chunk at all.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The number of chunks that were written.
    pub fn present(&self) -> usize {
        match &self.kept {
            Kept::Nothing => 0,
            Kept::Even { len, .. } => *len,
            Kept::Packed(packed) => packed.len(),
            Kept::Columns(columns) => columns.offsets.iter().filter(|offset| **offset != MISSING).count(),
            Kept::Few(few) => few.len(),
        }
    }

    /// Whether a chunk skipped a filter.
    pub fn has_masks(&self) -> bool {
        match &self.kept {
            Kept::Nothing | Kept::Packed(_) => false,
            Kept::Even { first, .. } => first.filter_mask != 0,
            Kept::Columns(columns) => columns.masks.is_some(),
            Kept::Few(few) => few.values().any(|location| location.filter_mask != 0),
        }
    }

    /// All chunks in C order.
    pub fn iter(&self) -> impl Iterator<Item = Option<ChunkLocation>> + '_ {
        let mut written = self.written().peekable();
        (0..self.count).map(move |number| written.next_if(|(at, _)| *at == number).map(|(_, location)| location))
    }

    /// The chunks that were written, with their numbers, in C order.
    pub fn written(&self) -> impl Iterator<Item = (usize, ChunkLocation)> + '_ {
        // All but one are empty.
        let (even, packed, columns, few) = match &self.kept {
            Kept::Nothing => (None, None, None, None),
            Kept::Even { first, stride, len } => (Some((*first, *stride, *len)), None, None, None),
            Kept::Packed(packed) => (None, Some(packed), None, None),
            Kept::Columns(columns) => (None, None, Some(columns), None),
            Kept::Few(few) => (None, None, None, Some(few)),
        };
        let even = even
            .into_iter()
            .flat_map(|(first, stride, len)| (0..len).map(move |number| (number, strided(first, stride, number))));
        let packed = packed.into_iter().flat_map(PackedLocations::iter);
        let packed = packed.filter_map(|(number, location)| Some((usize::try_from(number).ok()?, location)));
        let columns = columns.into_iter().flat_map(|columns| {
            (0..columns.offsets.len()).filter_map(move |number| Some((number, columns.get(number)?)))
        });
        let few = few.into_iter().flatten().map(|(number, location)| (*number, *location));
        even.chain(packed).chain(columns).chain(few)
    }
}

/// Finds chunks of a manifest one after the other.
#[derive(Debug, Clone)]
pub(crate) struct SeekingChunks<'a> {
    manifest: &'a ChunkManifest,
    packed: Option<Seeking<'a>>,
}

impl SeekingChunks<'_> {
    /// Where a chunk is, as [`ChunkManifest::get`] says it.
    pub(crate) fn get(&mut self, number: usize) -> Option<ChunkLocation> {
        match &mut self.packed {
            Some(packed) => packed.get(number as u64),
            None => self.manifest.get(number),
        }
    }
}

/// Whether two chunks differ in nothing but where they begin.
fn is_alike(first: ChunkLocation, other: ChunkLocation) -> bool {
    (first.length, first.filter_mask) == (other.length, other.filter_mask)
}

/// Manifests are equal if they say the same, however they keep it.
impl PartialEq for ChunkManifest {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.written().eq(other.written())
    }
}

impl Eq for ChunkManifest {}

/// A manifest that many holders share.
pub type ManifestHandle = Arc<ChunkManifest>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparse_manifest_says_the_same() {
        let (mut columns, mut sparse) = (ChunkManifest::missing(5), ChunkManifest::sparse(5));
        assert_eq!(columns, sparse);
        for (number, filter_mask) in [(4, 0), (1, 2)] {
            let location = ChunkLocation { offset: 10 * number as u64, length: 3, filter_mask };
            assert!(columns.set(number, location) && sparse.set(number, location));
            assert_eq!(columns, sparse);
        }
        assert!(!sparse.set(5, ChunkLocation { offset: 0, length: 0, filter_mask: 0 }));
        assert_eq!((sparse.present(), sparse.len(), sparse.has_masks()), (2, 5, true));
        assert!(sparse.iter().eq(columns.iter()));
        assert!(sparse.written().eq(columns.written()));
        sparse.set(1, ChunkLocation { offset: 10, length: 3, filter_mask: 0 });
        assert_ne!(columns, sparse);
    }

    proptest::proptest! {
        /// Whatever the order and however they are kept: the last location of each number counts.
        #[test]
        fn a_manifest_says_what_was_placed(
            placed in proptest::collection::vec((0usize..40, 0u64..5, 1u64..3, 0u32..20), 0..60),
            is_sparse in proptest::bool::ANY,
            is_even in proptest::bool::ANY,
        ) {
            let mut manifest = if is_sparse { ChunkManifest::sparse(40) } else { ChunkManifest::missing(40) };
            let mut expected = BTreeMap::new();
            for (at, (number, offset, length, mask)) in placed.into_iter().enumerate() {
                let (number, offset) = if is_even { (at % 40, 12 * at as u64) } else { (number, 7 * offset) };
                let location = ChunkLocation { offset, length, filter_mask: u32::from(mask == 19) };
                proptest::prop_assert!(manifest.set(number, location));
                expected.insert(number, location);
            }
            for _ in 0..2 {
                proptest::prop_assert!(manifest.written().eq(expected.clone()));
                proptest::prop_assert!(manifest.iter().eq((0..40).map(|number| expected.get(&number).copied())));
                proptest::prop_assert!((0..41).all(|number| manifest.get(number) == expected.get(&number).copied()));
                proptest::prop_assert_eq!(manifest.present(), expected.len());
                manifest.pack();
            }
            proptest::prop_assert!(manifest.has_masks() || expected.values().all(|location| location.filter_mask == 0));
        }
    }
}
