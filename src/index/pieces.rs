//! The pieces of a file that are at hand.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;

/// Pieces of a file by their offset; no two of them overlap.
#[derive(Debug, Default, Clone)]
pub(super) struct Pieces {
    held: BTreeMap<u64, Bytes>,
    /// Where the pieces begin that are used up soon.
    passing: Vec<u64>,
    /// The piece that was looked into last: what is wanted next is likely to be in it, too.
    recent: RefCell<(u64, Bytes)>,
}

impl Pieces {
    /// Adds bytes that stay until the end.
    pub(super) fn keep(&mut self, start: u64, bytes: &Bytes) {
        for part in self.missing(&(start..start + bytes.len() as u64)) {
            self.insert(start, &part, bytes);
        }
    }

    /// Adds bytes that are used up soon.
    pub(super) fn pass(&mut self, start: u64, bytes: &Bytes) {
        for part in self.missing(&(start..start + bytes.len() as u64)) {
            self.insert(start, &part, bytes);
            self.passing.push(part.start);
        }
    }

    fn insert(&mut self, start: u64, part: &Range<u64>, bytes: &Bytes) {
        let within = |offset: u64| usize::try_from(offset - start).unwrap_or(usize::MAX);
        self.held.insert(part.start, bytes.slice(within(part.start)..within(part.end)));
    }

    /// How many bytes are at hand that are used up soon.
    pub(super) fn passing(&self) -> u64 {
        self.passing.iter().filter_map(|start| self.held.get(start)).map(|piece| piece.len() as u64).sum()
    }

    /// Forgets the bytes that were used up.
    pub(super) fn forget_passed(&mut self) {
        for start in self.passing.drain(..) {
            self.held.remove(&start);
        }
        self.recent = RefCell::default();
    }

    /// The bytes of a range, if all of them are at hand.
    pub(super) fn get(&self, range: &Range<u64>) -> Option<Bytes> {
        let mut recent = self.recent.borrow_mut();
        if let Some(bytes) = cut(recent.0, &recent.1, range) {
            return Some(bytes);
        }
        let (start, piece) = self.held.range(..=range.start).next_back()?;
        match cut(*start, piece, range) {
            Some(bytes) => {
                *recent = (*start, piece.clone());
                Some(bytes)
            }
            None => self.joined(range),
        }
    }

    /// Bytes that lie in several pieces, one after the other.
    fn joined(&self, range: &Range<u64>) -> Option<Bytes> {
        if !self.missing(range).is_empty() {
            return None;
        }
        let mut joined = Vec::with_capacity(usize::try_from(range.end - range.start).ok()?);
        for (held, piece) in self.touching(range) {
            let from = usize::try_from(range.start.saturating_sub(held.start)).ok()?;
            let to = usize::try_from(range.end.min(held.end) - held.start).ok()?;
            joined.extend_from_slice(piece.get(from..to)?);
        }
        Some(joined.into())
    }

    /// The pieces that a range touches, in order.
    fn touching(&self, range: &Range<u64>) -> impl Iterator<Item = (Range<u64>, &Bytes)> {
        let first = self.held.range(..=range.start).next_back().map_or(range.start, |(start, _)| *start);
        let pieces = self.held.range(first..range.end.max(first));
        let pieces = pieces.map(|(start, piece)| (*start..*start + piece.len() as u64, piece));
        pieces.filter(|(held, _)| held.end > range.start)
    }

    /// The parts of a range that are not at hand.
    pub(super) fn missing(&self, range: &Range<u64>) -> Vec<Range<u64>> {
        without(range, self.touching(range).map(|(held, _)| held))
    }
}

/// The bytes of a range, if a piece holds all of them.
fn cut(start: u64, piece: &Bytes, range: &Range<u64>) -> Option<Bytes> {
    let from = usize::try_from(range.start.checked_sub(start)?).ok()?;
    let to = usize::try_from(range.end.checked_sub(start)?).ok()?;
    if from <= to && to <= piece.len() { Some(piece.slice(from..to)) } else { None }
}

/// The parts of a range outside others, which rise.
pub(super) fn without(range: &Range<u64>, others: impl IntoIterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut parts = Vec::new();
    let mut at = range.start;
    for other in others {
        if at < other.start.min(range.end) {
            parts.push(at..other.start.min(range.end));
        }
        at = at.max(other.end);
    }
    if at < range.end {
        parts.push(at..range.end);
    }
    parts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_used_up_is_forgotten() {
        let all = Bytes::from_iter(0..100);
        let mut pieces = Pieces::default();
        pieces.keep(10, &all.slice(10..20));
        pieces.pass(0, &all.slice(0..40));
        assert_eq!(pieces.get(&(5..30)).unwrap(), &all[5..30]);
        pieces.forget_passed();
        assert_eq!(pieces.get(&(10..20)).unwrap(), &all[10..20]);
        assert_eq!(pieces.missing(&(0..40)), [0..10, 20..40]);
    }

    proptest! {
        #[test]
        fn what_was_added_is_found(
            added in prop::collection::vec((0u8..100, 0u8..100), 0..8),
            (from, to) in (0u8..100, 0u8..100),
        ) {
            let all = Bytes::from_iter(0..100);
            let mut pieces = Pieces::default();
            let mut held = [false; 100];
            for (a, b) in added {
                let (a, b) = (a.min(b), a.max(b));
                pieces.keep(a.into(), &all.slice(usize::from(a)..usize::from(b)));
                held[usize::from(a)..usize::from(b)].fill(true);
            }
            let (from, to) = (from.min(to), from.max(to));
            let range = u64::from(from)..u64::from(to);
            let whole = usize::from(from)..usize::from(to);
            if from < to {
                let expected = held[whole.clone()].iter().all(|held| *held).then(|| all.slice(whole.clone()));
                prop_assert_eq!(pieces.get(&range), expected);
            }
            let missing: Vec<u64> = pieces.missing(&range).into_iter().flatten().collect();
            let expected: Vec<u64> = range.filter(|at| !held[usize::try_from(*at).unwrap()]).collect();
            prop_assert_eq!(missing, expected);
        }
    }
}
