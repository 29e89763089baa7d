//! Where every chunk of one variable in one file is.

use std::sync::Arc;

use super::chunk::ChunkLocation;

const MISSING: u64 = u64::MAX;

/// The locations of a variable's chunks in one file, in columns, in C order of the chunk grid.
///
/// A million chunks take 16 MB, none before the first is placed; the column of filter masks is there only if a mask is not 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChunkManifest {
    count: usize,
    offsets: Vec<u64>,
    lengths: Vec<u64>,
    masks: Option<Vec<u32>>,
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

    /// A manifest of one chunk.
    pub fn single(location: ChunkLocation) -> Self {
        let mut manifest = Self::missing(1);
        manifest.set(0, location);
        manifest
    }

    /// Places a chunk; false if there is no such chunk.
    pub fn set(&mut self, number: usize, location: ChunkLocation) -> bool {
        let count = self.count;
        if self.offsets.is_empty() {
            self.offsets = vec![MISSING; count];
            self.lengths = vec![0; count];
        }
        let (Some(offset), Some(length)) = (self.offsets.get_mut(number), self.lengths.get_mut(number)) else {
            return false;
        };
        *offset = location.offset;
        *length = location.length;
        if location.filter_mask != 0 || self.masks.is_some() {
            self.masks.get_or_insert_with(|| vec![0; count])[number] = location.filter_mask;
        }
        true
    }

    /// Where a chunk is; `None` if it was never written or does not exist.
    pub fn get(&self, number: usize) -> Option<ChunkLocation> {
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
        self.offsets.iter().filter(|offset| **offset != MISSING).count()
    }

    /// Whether a chunk skipped a filter.
    pub fn has_masks(&self) -> bool {
        self.masks.is_some()
    }

    /// All chunks in C order.
    pub fn iter(&self) -> impl Iterator<Item = Option<ChunkLocation>> + '_ {
        (0..self.len()).map(|number| self.get(number))
    }
}

/// A manifest that many holders share.
pub type ManifestHandle = Arc<ChunkManifest>;
