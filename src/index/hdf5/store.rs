//! The view through which parsers see a file, and the limits of their work.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::beside;
use super::bytes::{Cursor, Widths};
use super::cache_image::CacheImage;
use super::chunks::MOST_CHUNKS;
use super::fault::{Fault, Found, Stop};
use super::fractal_heap::FractalHeap;
use super::global_heap::Collection;
use crate::index::pieces::Pieces;
use crate::index::reach::Reach;
use crate::model::{ChunkLocation, ChunkManifest};

/// How many bytes of the values of small datasets are asked for before it is known whether they are wanted: of one
/// dataset, and of a whole file.
const WISH_LIMIT: u64 = 64 << 10;
const WISHES_LIMIT: u64 = 256 << 10;

/// However many threads share a step, together they ask for no more than so many bytes of chunk indexes.
const SHARED_ROUND: u64 = 8 << 20;

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
    pub(super) heaps: RefCell<HashMap<u64, Rc<FractalHeap>>>,
    /// Blocks and objects of heaps that were stored with filters, as they were before.
    pub(super) unpacked: RefCell<HashMap<u64, Bytes>>,
    /// Blocks of heaps that were checked.
    checked: RefCell<HashSet<u64>>,
    checked_last: Cell<Option<u64>>,
    /// Bytes of wishes so far.
    wished: Cell<u64>,
    /// What was used near the start of the file.
    pub(super) reach: Reach,
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
#[derive(Debug, Clone)]
pub(super) struct Budget {
    bytes: Cell<u64>,
    memory: Cell<u64>,
    columns: Cell<u64>,
    chunks: Cell<u64>,
    values: Cell<u64>,
    /// How many bytes of chunk indexes one step of one thread may ask for: keeps memory small however many chunks there are.
    round: u64,
    /// How many threads share a step.
    threads: Cell<u64>,
}

impl Budget {
    /// The budget for a file of so many bytes, whose chunk indexes are read in rounds of so many.
    pub(super) fn new(size: u64, round: u64) -> Self {
        let times = |factor: u64, constant: u64| Cell::new(size.saturating_mul(factor).saturating_add(constant));
        Self {
            bytes: times(64, 64 << 20),
            memory: times(32, 32 << 20),
            columns: Cell::new((size / 8).saturating_add(1 << 20)),
            chunks: Cell::new(MOST_CHUNKS),
            values: times(1100, 32 << 20),
            round,
            threads: Cell::new(1),
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

/// A view to be, for another thread: the same file and the same bytes at hand, but cells of its own.
#[derive(Debug)]
pub(super) struct Aside<'a> {
    facts: &'a FileFacts,
    store: Pieces,
    before: Budget,
    after: Budget,
    reach: Reach,
}

impl Aside<'_> {
    /// Runs a parser, which finds nothing at hand that it did not find before.
    pub(super) fn run<T>(&mut self, parser: impl FnOnce(&View) -> T) -> T {
        let shared = Shared::default();
        let found = parser(&View::new(self.facts, &shared, &self.store, &self.after));
        self.reach = shared.reach;
        found
    }
}

/// The byte ranges that a step asks for.
#[derive(Debug, Default)]
pub(super) struct Needs {
    /// To be kept until the end.
    pub(super) kept: Vec<Range<u64>>,
    /// To be used up by the next step.
    pub(super) passing: Vec<Range<u64>>,
    /// Of use later perhaps, to be kept; asked for only together with the others.
    pub(super) wishes: Vec<Range<u64>>,
}

/// What parsers see of a file: bytes at hand by address; what is missing is written down.
pub(super) struct View<'a> {
    pub(super) facts: &'a FileFacts,
    pub(super) shared: &'a Shared,
    store: &'a Pieces,
    needs: RefCell<Needs>,
    passing_asked: Cell<u64>,
    budget: &'a Budget,
}

impl<'a> View<'a> {
    pub(super) fn new(facts: &'a FileFacts, shared: &'a Shared, store: &'a Pieces, budget: &'a Budget) -> Self {
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

    /// The bytes at hand of a range.
    fn at_hand(&self, range: &Range<u64>) -> Found<Option<Bytes>> {
        let Some(bytes) = self.store.get(range) else { return Ok(None) };
        self.spend(bytes.len() as u64)?;
        self.shared.reach.note(range);
        Ok(Some(bytes))
    }

    /// The bytes of a structure of known length.
    pub(super) fn get(&self, structure: &'static str, address: u64, length: u64) -> Found<Bytes> {
        let range = self.range(structure, address, length)?;
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        if let Some(bytes) = self.at_hand(&range)? {
            return Ok(bytes);
        }
        self.spend(0)?;
        let kept = &mut self.needs.borrow_mut().kept;
        // Many objects of one block ask for that block.
        if kept.last() != Some(&range) {
            kept.push(range);
        }
        Err(Stop::Need)
    }

    /// The bytes of a structure whose length is guessed: fewer at the end of the file.
    pub(super) fn get_up_to(&self, structure: &'static str, address: u64, guess: u64) -> Found<Bytes> {
        let length = guess.min(self.left(structure, address)?);
        self.get(structure, address, length)
    }

    /// The bytes of a structure that is parsed as soon as it is there and not looked at again.
    pub(super) fn pass(&self, structure: &'static str, address: u64, length: u64) -> Found<Bytes> {
        let range = self.range(structure, address, length)?;
        if let Some(bytes) = self.at_hand(&range)? {
            return Ok(bytes);
        }
        let asked = self.passing_asked.get();
        self.passing_asked.set(asked.saturating_add(length).max(1));
        if asked == 0 || asked.saturating_add(length) <= self.round() {
            self.needs.borrow_mut().passing.push(range);
        }
        Err(Stop::Need)
    }

    /// Whether this step has asked for as much of chunk indexes as it may: what is not at hand then waits for a later one.
    pub(super) fn round_is_full(&self) -> bool {
        self.passing_asked.get() > self.round()
    }

    fn round(&self) -> u64 {
        let shared = self.budget.round.saturating_mul(self.budget.threads.get());
        self.budget.round.max(shared.min(SHARED_ROUND))
    }

    /// In how many parts what was asked for of chunk indexes is best parsed; the next rounds are for as many threads.
    pub(super) fn parts(&self) -> usize {
        let parts = beside::parts(self.store.passing());
        self.budget.threads.set(self.budget.threads.get().max(parts as u64));
        parts
    }

    /// The view of another thread.
    pub(super) fn aside(&self) -> Aside<'a> {
        let (before, after) = (self.budget.clone(), self.budget.clone());
        Aside { facts: self.facts, store: self.store.clone(), before, after, reach: Reach::default() }
    }

    /// Counts what another thread has done.
    pub(super) fn take_back(&self, aside: &Aside) -> Found<()> {
        self.shared.reach.merge(&aside.reach);
        let spent = |cell: fn(&Budget) -> &Cell<u64>| cell(&aside.before).get() - cell(&aside.after).get();
        self.spend(spent(|budget| &budget.bytes))?;
        self.spend_memory(usize::try_from(spent(|budget| &budget.memory)).unwrap_or(usize::MAX))
    }

    /// Asks for what is likely to be wanted later, if other bytes are waited for anyway.
    pub(super) fn wish(&self, chunks: &ChunkManifest) {
        let locations = || chunks.iter().flatten();
        let length = locations().fold(0u64, |sum, location| sum.saturating_add(location.length));
        let wished = self.shared.wished.get().saturating_add(length);
        if length <= WISH_LIMIT && wished <= WISHES_LIMIT {
            self.shared.wished.set(wished);
            self.needs.borrow_mut().wishes.extend(locations().map(|at| at.offset..at.offset + at.length));
        }
    }

    /// Whether a block was checked: that is done once, and not for every object in it.
    pub(super) fn was_checked(&self, address: u64) -> bool {
        self.shared.checked_last.get() == Some(address) || self.shared.checked.borrow().contains(&address)
    }

    /// Notes that a block was checked.
    pub(super) fn note_checked(&self, address: u64) {
        self.shared.checked.borrow_mut().insert(address);
        self.shared.checked_last.set(Some(address));
    }

    /// The number of bytes from an address to the end of the file, at least 1.
    pub(super) fn left(&self, structure: &'static str, address: u64) -> Found<u64> {
        let range = self.range(structure, address, 1)?;
        Ok(self.facts.size - range.start)
    }
}
