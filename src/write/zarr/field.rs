//! A variable as it is copied: how it is stored, how it is cut, and which parts of which files it is made of.

use super::cut::Cut;
use super::part::FilePart;
use super::slabs::{Slabs, Stretches};
use crate::read::Region;

/// A variable as it is copied.
pub(super) struct Field<'a> {
    pub(super) key: String,
    pub(super) cut: Cut,
    /// Bytes of an element.
    pub(super) size: usize,
    /// The element that stands where no file has anything.
    pub(super) background: Vec<u8>,
    /// Whether readers take a missing chunk for the background.
    pub(super) is_background_readable: bool,
    pub(super) parts: Vec<FilePart<'a>>,
    /// Whether every element comes from a written chunk.
    pub(super) is_full: bool,
}

impl<'a> Field<'a> {
    pub(super) fn new(key: String, cut: Cut, background: Vec<u8>, is_readable: bool, parts: Vec<FilePart<'a>>) -> Self {
        let elements = |region: Region| region.elements().unwrap_or(u64::MAX);
        let held = parts.iter().map(|part| elements(part.target())).fold(0u64, u64::saturating_add);
        let all = cut.grid.shape.iter().fold(1u64, |product, length| product.saturating_mul(*length));
        let is_full = held == all && parts.iter().all(FilePart::is_full);
        let size = background.len();
        Self { key, cut, size, background, is_background_readable: is_readable, parts, is_full }
    }

    /// The slabs that it is copied by, of at most so many bytes if that is possible.
    pub(super) fn slabs(&self, limit: u64) -> Slabs {
        let stretches: Vec<Stretches> = (0..self.cut.grid.shape.len())
            .map(|axis| {
                let mut all: Stretches = self.parts.iter().flat_map(|part| part.stretches(axis)).collect();
                all.sort_unstable();
                all.dedup();
                all
            })
            .collect();
        Slabs::plan(&self.cut.grid.shape, self.cut.unit(), &stretches, self.size as u64, limit)
    }

    /// The bytes of an array of this shape.
    pub(super) fn bytes(&self, shape: &[u64]) -> u64 {
        shape.iter().fold(self.size as u64, |product, length| product.saturating_mul(*length))
    }

    /// The bytes of a chunk.
    pub(super) fn chunk_bytes(&self) -> u64 {
        self.bytes(&self.cut.grid.chunk_shape)
    }

    /// The bytes of a shard, or of a chunk that is none's.
    pub(super) fn unit_bytes(&self) -> u64 {
        self.bytes(self.cut.unit())
    }

    /// The bytes of one decoded piece of a source, the largest.
    pub(super) fn piece_bytes(&self) -> u64 {
        self.parts.iter().map(FilePart::piece_bytes).max().unwrap_or(0)
    }

    /// The box of a chunk, of which some may lie beyond the array.
    pub(super) fn chunk_region(&self, number: u64) -> Region {
        let chunk = &self.cut.grid.chunk_shape;
        let start = self.cut.grid.coordinates(number).iter().zip(chunk).map(|(at, length)| at * length).collect();
        Region { start, count: chunk.clone() }
    }

    /// The bytes that a chunk begins with, before anything of it is known, in this buffer.
    pub(super) fn empty_chunk(&self, region: &Region, mut buffer: Vec<u8>) -> Vec<u8> {
        let shape = &self.cut.grid.shape;
        let is_inside = (0..shape.len()).all(|axis| region.start[axis] + region.count[axis] <= shape[axis]);
        // Where all is written over, anything may stand before.
        if !self.is_full || !is_inside {
            buffer.clear();
        }
        self.fill(&mut buffer);
        buffer
    }

    /// Makes a chunk of a buffer: the background stands behind what it holds.
    fn fill(&self, buffer: &mut Vec<u8>) {
        let length = usize::try_from(self.chunk_bytes()).unwrap_or(0);
        if self.background.iter().all(|byte| *byte == 0) || buffer.len() >= length {
            return buffer.resize(length, 0);
        }
        buffer.clear();
        buffer.reserve_exact(length);
        (0..length / self.size.max(1)).for_each(|_| buffer.extend_from_slice(&self.background));
    }

    /// A chunk in which nothing is.
    pub(super) fn background_chunk(&self) -> Vec<u8> {
        let mut chunk = Vec::new();
        self.fill(&mut chunk);
        chunk
    }
}
