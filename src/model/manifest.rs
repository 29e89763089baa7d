//! Where every chunk of one variable in one file is.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::chunk::ChunkLocation;

const MISSING: u64 = u64::MAX;

/// The locations of a variable's chunks in one file, in C order of the chunk grid.
///
/// They are kept in columns: a million chunks take 16 MB, none before the first is placed; the column of filter masks is there
/// only if a mask is not 0. A sparse manifest keeps the chunks that were written and takes no room for the others.
#[derive(Debug, Clone, Default)]
pub struct ChunkManifest {
    count: usize,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
    masks: Option<Vec<u32>>,
    /// The chunks of a sparse manifest; its columns stay empty.
    written: Option<BTreeMap<usize, ChunkLocation>>,
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

    /// The same for a grid of which few chunks were written: room is taken for those alone.
    ///
    /// ```
    /// use altostac::model::{ChunkLocation, ChunkManifest};
    /// let mut manifest = ChunkManifest::sparse(60_000_000);
    /// let location = ChunkLocation { offset: 4096, length: 100, filter_mask: 0 };
    /// assert!(manifest.set(59_999_999, location));
    /// assert_eq!(manifest.written().collect::<Vec<_>>(), [(59_999_999, location)]);
    /// ```
    pub fn sparse(count: usize) -> Self {
        Self { count, written: Some(BTreeMap::new()), ..Self::default() }
    }

    /// A manifest of another number of chunks, all missing, that keeps its chunks as this one does.
    pub fn missing_alike(&self, count: usize) -> Self {
        if self.written.is_some() { Self::sparse(count) } else { Self::missing(count) }
    }

    /// A manifest of one chunk.
    pub fn single(location: ChunkLocation) -> Self {
        let mut manifest = Self::missing(1);
        manifest.set(0, location);
        manifest
    }

    /// Places a chunk; false if there is no such chunk.
    pub fn set(&mut self, number: usize, location: ChunkLocation) -> bool {
        let count = self.count;
        if number >= count {
            return false;
        }
        if let Some(written) = &mut self.written {
            written.insert(number, location);
            return true;
        }
        if self.offsets.is_empty() {
            self.offsets = vec![MISSING; count];
            self.lengths = vec![0; count];
        }
        self.offsets[number] = location.offset;
        self.lengths[number] = location.length;
        if location.filter_mask != 0 || self.masks.is_some() {
            self.masks.get_or_insert_with(|| vec![0; count])[number] = location.filter_mask;
        }
        true
    }

    /// Where a chunk is; `None` if it was never written or does not exist.
    pub fn get(&self, number: usize) -> Option<ChunkLocation> {
        if let Some(written) = &self.written {
            return written.get(&number).copied();
        }
        let offset = *self.offsets.get(number)?;
        if offset == MISSING {
            return None;
        }
        let filter_mask = self.masks.as_ref().and_then(|masks| masks.get(number).copied()).unwrap_or(0);
        Some(ChunkLocation { offset, length: *self.lengths.get(number)?, filter_mask })
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
        match &self.written {
            Some(written) => written.len(),
            None => self.offsets.iter().filter(|offset| **offset != MISSING).count(),
        }
    }

    /// Whether a chunk skipped a filter.
    pub fn has_masks(&self) -> bool {
        let mut written = self.written.iter().flat_map(BTreeMap::values);
        self.masks.is_some() || written.any(|location| location.filter_mask != 0)
    }

    /// All chunks in C order.
    pub fn iter(&self) -> impl Iterator<Item = Option<ChunkLocation>> + '_ {
        (0..self.len()).map(|number| self.get(number))
    }

    /// The chunks that were written, with their numbers, in C order.
    pub fn written(&self) -> impl Iterator<Item = (usize, ChunkLocation)> + '_ {
        // One of the two is empty.
        let sparse = self.written.iter().flatten().map(|(number, location)| (*number, *location));
        sparse.chain((0..self.offsets.len()).filter_map(|number| Some((number, self.get(number)?))))
    }
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
}
