//! The driver: reads what the parsers ask for, as few and large ranges as will do.

use std::ops::Range;

use bytes::Bytes;

use super::beside;
use super::fault::{Fault, Found, Stop};
use super::store::{Budget, FileFacts, Needs, Shared, View};
use crate::index::pieces::{Pieces, without};
use crate::storage::{ByteSource, StorageError};

/// Bytes between ranges that are read for the sake of fewer ranges, of one file: what is read is kept.
const GAPS: u64 = 8 << 20;
/// Ranges closer than this are read as one even then.
const NARROW: u64 = 4 << 10;
/// Structures that stay are read with what stands around them, for others of the same object often do.
const PAGE: u64 = 4 << 10;

/// What a parser did with the bytes at hand.
#[derive(Debug)]
pub(super) enum Step<T> {
    /// It lacks these.
    Need(Needs),
    /// It has come to its end.
    Done(T),
}

/// Runs a parser once over the bytes at hand; no I/O.
pub(super) fn step<T>(
    store: &Pieces,
    facts: &FileFacts,
    shared: &Shared,
    budget: &Budget,
    parser: impl FnOnce(&View) -> Found<T>,
) -> Result<Step<T>, Fault> {
    let view = View::new(facts, shared, store, budget);
    match parser(&view) {
        Ok(done) => Ok(Step::Done(done)),
        Err(Stop::Need) => Ok(Step::Need(view.into_needs())),
        Err(Stop::Fault(fault)) => Err(*fault),
    }
}

/// Why a parser and its driver did not come to the end.
#[derive(Debug)]
pub(super) enum Failure {
    Storage(StorageError),
    Fault(Fault),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<StorageError> for Failure {
    fn from(error: StorageError) -> Self {
        Self::Storage(error)
    }
}

/// A file with what was read of it so far.
pub(super) struct Driver<'a> {
    source: &'a dyn ByteSource,
    head: Bytes,
    store: Pieces,
    shared: Shared,
    budget: Budget,
    /// How many bytes may still be read that nobody asked for.
    gaps: u64,
    pub(super) facts: FileFacts,
}

impl<'a> Driver<'a> {
    /// A driver that begins with the head of a file; addresses count from `base`.
    pub(super) fn new(source: &'a dyn ByteSource, base: u64, head: &Bytes) -> Self {
        let size = source.file().size;
        let mut store = Pieces::default();
        store.keep(0, head);
        let facts = FileFacts { base, size, ..FileFacts::default() };
        let budget = Budget::new(size, source.wave_limit());
        Self { source, head: head.clone(), store, shared: Shared::default(), budget, gaps: GAPS, facts }
    }

    /// Takes what the superblock says of the whole file. What was read before may not be what it should be.
    pub(super) fn learn(&mut self, facts: FileFacts) {
        self.facts = facts;
        if self.facts.cache_image.touches(0, self.facts.size) {
            self.store = Pieces::default();
            self.store.keep(0, &self.facts.cache_image.patch(0, self.head.clone()));
        }
    }

    /// Counts values that are decoded without a parser.
    pub(super) fn spend_values(&self, bytes: u64) -> Result<(), Failure> {
        Ok(self.budget.spend_values(bytes)?)
    }

    /// Runs a parser to its end.
    pub(super) fn run<T>(&mut self, mut parser: impl FnMut(&View) -> Found<T>) -> Result<T, Failure> {
        loop {
            match step(&self.store, &self.facts, &self.shared, &self.budget, &mut parser) {
                Ok(Step::Done(done)) => return Ok(done),
                Ok(Step::Need(needs)) => self.wave(needs)?,
                Err(fault) => return Err(Failure::Fault(fault)),
            }
        }
    }

    /// Reads what is needed in one call; nothing that is at hand is read again.
    fn wave(&mut self, needs: Needs) -> Result<(), Failure> {
        self.store.forget_passed();
        let kept = needs.kept.into_iter().chain(needs.wishes).map(|range| self.pages(&range)).collect();
        let kept = coalesce(kept, self.source.gap(), &mut self.gaps);
        let kept: Vec<Range<u64>> = kept.iter().flat_map(|range| self.store.missing(range)).collect();
        let passing = coalesce(needs.passing, NARROW, &mut 0);
        let passing = passing.iter().flat_map(|range| self.store.missing(range));
        let passing: Vec<Range<u64>> = passing.flat_map(|range| without(&range, after(&kept, &range))).collect();
        let ranges = [&kept[..], &passing[..]].concat();
        if ranges.is_empty() {
            return Err(Failure::Fault(Fault::Limit { what: "a structure that cannot be read to its end".into() }));
        }
        for (number, (range, bytes)) in ranges.iter().zip(self.read(&ranges)?).enumerate() {
            let bytes = self.facts.cache_image.patch(range.start, bytes);
            if number < kept.len() {
                self.store.keep(range.start, &bytes);
            } else {
                self.store.pass(range.start, &bytes);
            }
        }
        Ok(())
    }

    /// Reads ranges, in several threads if that is worth while.
    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        let length = ranges.iter().fold(0u64, |sum, range| sum.saturating_add(range.end - range.start));
        let parts = if self.source.reads_beside() && ranges.len() > 1 { beside::parts(length) } else { 1 };
        if parts < 2 {
            return self.source.read(ranges);
        }
        let tasks = ranges.chunks(ranges.len().div_ceil(parts)).collect();
        let read: Result<Vec<Vec<Bytes>>, StorageError> =
            beside::each(tasks, |ranges: &[Range<u64>]| self.source.read(ranges)).into_iter().collect();
        Ok(read?.concat())
    }

    /// The whole pages around a range.
    fn pages(&self, range: &Range<u64>) -> Range<u64> {
        let end = range.end.checked_next_multiple_of(PAGE).unwrap_or(u64::MAX);
        range.start / PAGE * PAGE..end.min(self.facts.size)
    }

    /// The head that would have held all that was used so far.
    pub(super) fn needed_head(&self) -> u64 {
        self.shared.reach.head(self.facts.size)
    }
}

/// Of ranges that rise, those that reach beyond the start of another.
fn after(ranges: &[Range<u64>], other: &Range<u64>) -> impl Iterator<Item = Range<u64>> {
    ranges[ranges.partition_point(|range| range.end <= other.start)..].iter().cloned()
}

/// Joins ranges that overlap or nearly touch, and those up to `gap` from each other while `left` is left for what lies between.
fn coalesce(mut ranges: Vec<Range<u64>>, gap: u64, left: &mut u64) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        let Some(last) = joined.last_mut() else {
            joined.push(range);
            continue;
        };
        let between = range.start.saturating_sub(last.end);
        if between <= NARROW {
            last.end = last.end.max(range.end);
        } else if between <= gap.min(*left) {
            *left -= between;
            last.end = range.end;
        } else {
            joined.push(range);
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ranges_are_read_as_one() {
        let ranges = vec![200_000..200_010, 0..10, 5..7, 100..200, 200_000..200_004, 10_200..10_300];
        assert_eq!(coalesce(ranges.clone(), 0, &mut 0), [0..200, 10_200..10_300, 200_000..200_010]);
        let mut left = 12_000;
        assert_eq!(coalesce(ranges.clone(), 1 << 20, &mut left), [0..10_300, 200_000..200_010]);
        assert_eq!(left, 2_000);
        assert_eq!(coalesce(ranges, 1 << 20, &mut left), [0..200, 10_200..10_300, 200_000..200_010]);
    }
}
