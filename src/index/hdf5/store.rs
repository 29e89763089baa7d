//! The bytes at hand, and the view through which parsers see them.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::bytes::{Cursor, Widths};
use super::cache_image::CacheImage;
use super::chunks::MOST_CHUNKS;
use super::fault::{Fault, Found, Stop};
use super::fractal_heap::FractalHeap;
use super::global_heap::Collection;
use crate::model::ChunkLocation;

/// How many bytes of chunk indexes one round may ask for: keeps memory small however many chunks there are.
const ROUND_LIMIT: u64 = 16 << 20;

/// Pieces of a file by their offset. No piece lies within another, so the last one that starts at or before an offset
/// is the one that reaches furthest.
#[derive(Debug, Default)]
struct Pieces(BTreeMap<u64, Bytes>);

impl Pieces {
    fn get(&self, range: &Range<u64>) -> Option<Bytes> {
        let (start, piece) = self.0.range(..=range.start).next_back()?;
        let from = usize::try_from(range.start - start).ok()?;
        let to = usize::try_from(range.end - start).ok()?;
        if to <= piece.len() { Some(piece.slice(from..to)) } else { None }
    }

    fn insert(&mut self, start: u64, piece: Bytes) {
        let end = start + piece.len() as u64;
        if self.get(&(start..end)).is_some() {
            return;
        }
        let within: Vec<u64> =
            self.0.range(start..end).filter(|(at, held)| **at + held.len() as u64 <= end).map(|(at, _)| *at).collect();
        for at in within {
            self.0.remove(&at);
        }
        self.0.insert(start, piece);
    }
}

/// The bytes of a file that were read so far.
#[derive(Debug, Default)]
pub(super) struct Store {
    kept: Pieces,
    passing: Pieces,
}

impl Store {
    /// Adds bytes that stay until the end.
    pub(super) fn keep(&mut self, start: u64, piece: Bytes) {
        self.kept.insert(start, piece);
    }

    /// Adds bytes that the next step uses up.
    pub(super) fn pass(&mut self, start: u64, piece: Bytes) {
        self.passing.insert(start, piece);
    }

    /// Forgets the bytes that a step has used up.
    pub(super) fn forget_passed(&mut self) {
        self.passing = Pieces::default();
    }

    fn get(&self, range: &Range<u64>) -> Option<Bytes> {
        self.kept.get(range).or_else(|| self.passing.get(range))
    }
}

/// What the superblock and its extension say about the whole file.
#[derive(Debug, Clone, Default)]
pub(super) struct FileFacts {
    /// Where the addresses of the file count from.
    pub(super) base: u64,
    /// The size of the file in bytes.
    pub(super) size: u64,
    pub(super) widths: Widths,
    /// Heaps of shared messages: a bit per message type, and the heap's address.
    pub(super) shared_heaps: Vec<(u16, u64)>,
    /// What stands in place of the file's own bytes.
    pub(super) cache_image: CacheImage,
}

/// Structures that many objects refer to, parsed once.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) collections: RefCell<HashMap<u64, Arc<Collection>>>,
    pub(super) heaps: RefCell<HashMap<u64, Arc<FractalHeap>>>,
    /// Blocks and objects of heaps that were stored with filters, as they were before.
    pub(super) unpacked: RefCell<HashMap<u64, Bytes>>,
    /// Blocks of heaps that were checked.
    checked: RefCell<HashSet<u64>>,
}

/// How much work and memory the size of a file allows: structures that overlap without end run into this.
///
/// | what | at most |
/// | --- | --- |
/// | bytes of structures looked at | 64 × size + 64 MB |
/// | memory for what is made of them: messages, paths, texts, values | 32 × size + 32 MB |
/// | chunks in columns of 16 bytes each | size / 8 + 1 Mi: a chunk that was written takes more of the file; other grids are sparse |
/// | chunks in all grids of the file | [`MOST_CHUNKS`] |
/// | bytes of chunks decoded for coordinates, and of coordinates of which a digest is made | 1,100 × size + 32 MB: deflate packs at most 1,032 bytes into one |
#[derive(Debug)]
pub(super) struct Budget {
    bytes: Cell<u64>,
    memory: Cell<u64>,
    columns: Cell<u64>,
    chunks: Cell<u64>,
    values: Cell<u64>,
}

impl Budget {
    /// The budget for a file of so many bytes.
    pub(super) fn new(size: u64) -> Self {
        let times = |factor: u64, constant: u64| Cell::new(size.saturating_mul(factor).saturating_add(constant));
        Self {
            bytes: times(64, 64 << 20),
            memory: times(32, 32 << 20),
            columns: Cell::new((size / 8).saturating_add(1 << 20)),
            chunks: Cell::new(MOST_CHUNKS),
            values: times(1100, 32 << 20),
        }
    }

    /// Counts values that are decoded.
    pub(super) fn spend_values(&self, bytes: u64) -> Found<()> {
        spend(&self.values, bytes, "more bytes of coordinates than a file of its size can hold")
    }
}

fn spend(left: &Cell<u64>, amount: u64, what: &str) -> Found<()> {
    match left.get().checked_sub(amount) {
        Some(rest) => {
            left.set(rest);
            Ok(())
        }
        None => Err(Fault::Limit { what: what.to_owned() }.into()),
    }
}

/// The byte ranges that a step asks for.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// To be kept until the end.
    pub(super) kept: Vec<Range<u64>>,
    /// To be used up by the next step.
    pub(super) passing: Vec<Range<u64>>,
}

/// What parsers see of a file: bytes at hand by address; what is missing is written down.
pub(super) struct View<'a> {
    pub(super) facts: &'a FileFacts,
    pub(super) shared: &'a Shared,
    store: &'a Store,
    needs: RefCell<Needs>,
    passing_asked: Cell<u64>,
    budget: &'a Budget,
}

impl<'a> View<'a> {
    pub(super) fn new(facts: &'a FileFacts, shared: &'a Shared, store: &'a Store, budget: &'a Budget) -> Self {
        Self { facts, shared, store, needs: RefCell::default(), passing_asked: Cell::new(0), budget }
    }

    /// The needs written down.
    pub(super) fn into_needs(self) -> Needs {
        self.needs.into_inner()
    }

    /// A cursor over a structure that lies at an address.
    pub(super) fn cursor<'b>(&self, structure: &'static str, bytes: &'b [u8], address: u64) -> Cursor<'b> {
        Cursor::new(structure, bytes, self.absolute(address), self.facts.widths)
    }

    /// The offset in the file of an address.
    pub(super) fn absolute(&self, address: u64) -> u64 {
        self.facts.base.saturating_add(address)
    }

    fn range(&self, structure: &'static str, address: u64, length: u64) -> Found<Range<u64>> {
        let start = self.absolute(address);
        match start.checked_add(length) {
            Some(end) if end <= self.facts.size => Ok(start..end),
            end => Err(Fault::BeyondEnd { structure, end: end.unwrap_or(u64::MAX) }.into()),
        }
    }

    /// The place in the file of data, which must lie within it.
    pub(super) fn location(&self, what: &'static str, address: u64, length: u64) -> Found<ChunkLocation> {
        let range = self.range(what, address, length)?;
        Ok(ChunkLocation { offset: range.start, length, filter_mask: 0 })
    }

    /// Counts so many bytes of work.
    pub(super) fn spend(&self, length: u64) -> Found<()> {
        spend(
            &self.budget.bytes,
            length.saturating_add(64),
            "structures that refer to each other more often than its size allows",
        )
    }

    /// Counts the chunks of one more variable; whether there is room for them in columns.
    pub(super) fn spend_chunks(&self, count: u64) -> Found<bool> {
        spend(&self.budget.chunks, count, "more chunks than altostac indexes in one file")?;
        Ok(spend(&self.budget.columns, count, "").is_ok())
    }

    /// Counts memory for what is made of the bytes of the file.
    pub(super) fn spend_memory(&self, bytes: usize) -> Found<()> {
        spend(&self.budget.memory, bytes as u64, "texts and values that take more memory than its size allows")
    }

    /// Counts values that are decoded.
    pub(super) fn spend_values(&self, bytes: u64) -> Found<()> {
        self.budget.spend_values(bytes)
    }

    /// The bytes of a structure of known length.
    pub(super) fn get(&self, structure: &'static str, address: u64, length: u64) -> Found<Bytes> {
        let range = self.range(structure, address, length)?;
        match self.store.get(&range) {
            Some(bytes) => self.spend(length).map(|()| bytes),
            None => {
                self.spend(0)?;
                self.needs.borrow_mut().kept.push(range);
                Err(Stop::Need)
            }
        }
    }

    /// The bytes of a structure whose length is guessed: fewer at the end of the file.
    pub(super) fn get_up_to(&self, structure: &'static str, address: u64, guess: u64) -> Found<Bytes> {
        let length = guess.min(self.left(structure, address)?);
        self.get(structure, address, length)
    }

    /// The bytes of a structure that is parsed as soon as it is there and not looked at again.
    pub(super) fn pass(&self, structure: &'static str, address: u64, length: u64) -> Found<Bytes> {
        let range = self.range(structure, address, length)?;
        if let Some(bytes) = self.store.get(&range) {
            self.spend(length)?;
            return Ok(bytes);
        }
        let asked = self.passing_asked.get();
        if asked == 0 || asked.saturating_add(length) <= ROUND_LIMIT {
            self.passing_asked.set(asked.saturating_add(length).max(1));
            self.needs.borrow_mut().passing.push(range);
        }
        Err(Stop::Need)
    }

    /// Whether a block was checked: that is done once, and not for every object in it.
    pub(super) fn was_checked(&self, address: u64) -> bool {
        self.shared.checked.borrow().contains(&address)
    }

    /// Notes that a block was checked.
    pub(super) fn note_checked(&self, address: u64) {
        self.shared.checked.borrow_mut().insert(address);
    }

    /// The number of bytes from an address to the end of the file, at least 1.
    pub(super) fn left(&self, structure: &'static str, address: u64) -> Found<u64> {
        let range = self.range(structure, address, 1)?;
        Ok(self.facts.size - range.start)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pieces_are_found_across_overlaps() {
        let mut pieces = Pieces::default();
        let all: Vec<u8> = (0..100).collect();
        for range in [0..10, 20..40, 30..60, 25..35, 5..70] {
            pieces.insert(range.start as u64, Bytes::copy_from_slice(&all[range]));
        }
        assert_eq!(pieces.get(&(30..70)).unwrap(), &all[30..70]);
        assert_eq!(pieces.get(&(0..10)).unwrap(), &all[0..10]);
        assert_eq!(pieces.get(&(0..20)), None);
        assert_eq!(pieces.get(&(69..71)), None);
        assert_eq!(pieces.0.len(), 2);
    }
}
