//! From the ranges that are wanted to those that are requested, and back: pure.

use std::ops::Range;

use bytes::{Bytes, BytesMut};

/// Ranges closer than this are fetched as one: a request costs more than these bytes.
pub(super) const GAP: u64 = 32 << 10;

/// Longer ranges are fetched in parts, at the same time.
pub(super) const PART: u64 = 8 << 20;

/// The requests for these ranges: sorted, disjoint, none empty, nothing of the first `held` bytes.
pub(super) fn requests(wanted: &[Range<u64>], held: u64) -> Vec<Range<u64>> {
    requests_with(wanted, held, GAP, PART)
}

fn requests_with(wanted: &[Range<u64>], held: u64, gap: u64, part: u64) -> Vec<Range<u64>> {
    let mut missing: Vec<Range<u64>> =
        wanted.iter().map(|range| range.start.max(held)..range.end).filter(|range| range.start < range.end).collect();
    missing.sort_by_key(|range| range.start);
    let mut spans: Vec<Range<u64>> = Vec::new();
    for range in missing {
        match spans.last_mut() {
            Some(last) if range.start <= last.end.saturating_add(gap) => last.end = last.end.max(range.end),
            _ => spans.push(range),
        }
    }
    spans.into_iter().flat_map(|span| parts(span, part)).collect()
}

fn parts(span: Range<u64>, part: u64) -> impl Iterator<Item = Range<u64>> {
    let count = (span.end - span.start).div_ceil(part);
    (0..count).map(move |at| {
        let start = span.start + at * part;
        start..span.end.min(start.saturating_add(part))
    })
}

/// Bytes of a file, by where they begin; sorted and disjoint.
pub(super) struct Pieces(pub(super) Vec<(u64, Bytes)>);

impl Pieces {
    /// The bytes of a range that lies within adjoining pieces; without copying if one piece holds it.
    /// `None` if a piece is missing.
    pub(super) fn cut(&self, range: &Range<u64>) -> Option<Bytes> {
        if range.is_empty() {
            return Some(Bytes::new());
        }
        let mut at = self.0.partition_point(|(start, _)| *start <= range.start).checked_sub(1)?;
        let mut position = range.start;
        let mut joined = BytesMut::new();
        loop {
            let (start, bytes) = self.0.get(at)?;
            let from = usize::try_from(position.checked_sub(*start)?).ok()?;
            let left = usize::try_from(range.end - position).ok()?;
            let available = bytes.len().checked_sub(from).filter(|available| *available > 0)?;
            let piece = bytes.slice(from..from + available.min(left));
            position += piece.len() as u64;
            if position == range.end && joined.is_empty() {
                return Some(piece);
            }
            joined.extend_from_slice(&piece);
            if position == range.end {
                return Some(joined.freeze());
            }
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::single_range_in_vec_init)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn close_ranges_are_one_request_and_long_ones_several() {
        let far = 100 + GAP + 1;
        assert_eq!(requests(&[50..100, 10..20, far..far + 1], 0), [10..100, far..far + 1]);
        assert_eq!(requests(&[0..10, 5..64, 7..7], 64), []);
        assert_eq!(requests(&[0..100], 64), [64..100]);
        assert_eq!(requests(&[1..PART + 2], 0), [1..PART + 1, PART + 1..PART + 2]);
    }

    proptest! {
        #[test]
        fn what_is_wanted_comes_back(
            wanted in prop::collection::vec((0_u64..4000, 0_u64..300), 0..12),
            held in 0_u64..1000,
            gap in 0_u64..50,
            part in 1_u64..200,
        ) {
            let wanted: Vec<_> = wanted.iter().map(|(start, length)| *start..start + length).collect();
            let asked = requests_with(&wanted, held, gap, part);
            prop_assert!(asked.windows(2).all(|pair| pair[0].end <= pair[1].start));
            prop_assert!(asked.iter().all(|range| range.start >= held && range.end - range.start <= part));
            let content = |range: &Range<u64>| Bytes::from_iter(range.clone().map(|at| at.to_le_bytes()[0]));
            let mut pieces = vec![(0, content(&(0..held)))];
            pieces.extend(asked.iter().map(|range| (range.start, content(range))));
            let pieces = Pieces(pieces);
            for range in &wanted {
                prop_assert_eq!(pieces.cut(range), Some(content(range)));
            }
        }
    }
}
