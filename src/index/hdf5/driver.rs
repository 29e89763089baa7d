//! The driver: reads what the parsers ask for, as few and large ranges as will do.

use std::ops::Range;

use bytes::Bytes;

use super::fault::{Fault, Found, Stop};
use super::store::{Budget, FileFacts, Needs, Shared, Store, View};
use crate::storage::{ByteSource, StorageError};

/// How much of the head of a file is read at first: most small files keep all their structure there.
const HEAD: u64 = 64 << 10;
/// Ranges closer than this are read as one.
const GAP: u64 = 16 << 10;

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
    store: &Store,
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
    store: Store,
    shared: Shared,
    budget: Budget,
    pub(super) facts: FileFacts,
}

impl<'a> Driver<'a> {
    /// Reads the head of a file; addresses count from `base`.
    pub(super) fn open(source: &'a dyn ByteSource, base: u64) -> Result<Self, StorageError> {
        let size = source.file().size;
        let mut store = Store::default();
        store.keep(0, source.read_one(0..size.min(HEAD))?);
        let facts = FileFacts { base, size, ..FileFacts::default() };
        Ok(Self { source, store, shared: Shared::default(), budget: Budget::new(size), facts })
    }

    /// Takes what the superblock says of the whole file. What was read before may not be what it should be.
    pub(super) fn learn(&mut self, facts: FileFacts) -> Result<(), StorageError> {
        self.facts = facts;
        let head = 0..self.facts.size.min(HEAD);
        if self.facts.cache_image.touches(0, self.facts.size) {
            self.store = Store::default();
            for (range, bytes) in self.read(&[head])? {
                self.store.keep(range.start, bytes);
            }
        }
        Ok(())
    }

    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<(Range<u64>, Bytes)>, StorageError> {
        if ranges.is_empty() {
            return Ok(Vec::new());
        }
        let pieces = self.source.read(ranges)?.into_iter();
        let pieces = ranges.iter().zip(pieces).map(|(range, bytes)| self.facts.cache_image.patch(range.start, bytes));
        Ok(ranges.iter().cloned().zip(pieces).collect())
    }

    /// Counts values that are decoded without a parser.
    pub(super) fn spend_values(&self, bytes: u64) -> Result<(), Failure> {
        Ok(self.budget.spend_values(bytes)?)
    }

    /// Runs a parser to its end.
    pub(super) fn run<T>(&mut self, mut parser: impl FnMut(&View) -> Found<T>) -> Result<T, Failure> {
        loop {
            let needs = match step(&self.store, &self.facts, &self.shared, &self.budget, &mut parser) {
                Ok(Step::Done(done)) => return Ok(done),
                Ok(Step::Need(needs)) => needs,
                Err(fault) => return Err(Failure::Fault(fault)),
            };
            self.store.forget_passed();
            let (kept, passing) = (coalesce(needs.kept), coalesce(needs.passing));
            if kept.is_empty() && passing.is_empty() {
                return Err(Failure::Fault(Fault::Limit { what: "a structure that cannot be read to its end".into() }));
            }
            for (range, bytes) in self.read(&kept)? {
                self.store.keep(range.start, bytes);
            }
            for (range, bytes) in self.read(&passing)? {
                self.store.pass(range.start, bytes);
            }
        }
    }
}

/// Joins ranges that overlap or nearly touch.
fn coalesce(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| (range.start, range.end));
    let mut joined: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(GAP) => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_ranges_are_read_as_one() {
        let ranges = vec![200_000..200_010, 0..10, 5..7, 100..200, 200_000..200_004];
        assert_eq!(coalesce(ranges), [0..200, 200_000..200_010]);
    }
}
