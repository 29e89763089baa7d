//! The values of coordinates, bounds and scalars.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::index::digest::Digester;
use crate::index::pieces::Pieces;
use crate::index::reach::Reach;
use crate::index::roles::{self, WHOLE_LIMIT, Wanted};
use crate::model::{Array, DataType, FileGroup, SmallValues, VariableName};
use crate::storage::{ByteSource, StorageError};

/// How much of a large variable is read at a time.
const PIECE: u64 = 4 << 20;
/// How many bytes of small variables are read in one wave.
const WAVE: u64 = 16 << 20;
/// Ranges closer than this are read as one.
const GAP: u64 = 512;

/// Reads the values that the index keeps and puts them into the group; `head` is what is at hand of the file.
pub(super) fn read(
    source: &dyn ByteSource,
    head: &Bytes,
    reach: &Reach,
    root: &mut FileGroup,
) -> Result<(), StorageError> {
    let mut reader = Reader { source, reach, pieces: Pieces::default() };
    reader.pieces.keep(0, head);
    let wanted = roles::wanted(root, 0);
    let (small, large): (Vec<_>, Vec<_>) = wanted.iter().partition(|wanted| wanted.bytes <= WHOLE_LIMIT);
    let mut found: Vec<(VariableName, SmallValues)> = Vec::with_capacity(wanted.len());
    // Each has 1 MiB at most.
    for wave in small.chunks(usize::try_from(WAVE / WHOLE_LIMIT).unwrap_or(1)) {
        reader.pieces.forget_passed();
        let locations = wave.iter().flat_map(|wanted| wanted.variable.manifest.iter().flatten());
        reader.fetch(locations.map(|at| at.offset..at.offset + at.length).collect())?;
        for wanted in wave {
            found.push((wanted.variable.name.clone(), reader.whole(wanted)));
        }
    }
    for wanted in large {
        found.push((wanted.variable.name.clone(), reader.digest(wanted)?));
    }
    for (name, values) in found {
        if let Some(variable) = root.variables.get_mut(&name) {
            variable.values = values;
        }
    }
    Ok(())
}

/// A file, what is at hand of it, and what was used.
struct Reader<'a> {
    source: &'a dyn ByteSource,
    reach: &'a Reach,
    pieces: Pieces,
}

impl Reader<'_> {
    /// All values of a variable whose bytes are at hand.
    fn whole(&self, wanted: &Wanted) -> SmallValues {
        let mut bytes = Vec::new();
        for location in wanted.variable.manifest.iter().flatten() {
            bytes.extend_from_slice(&self.at_hand(&(location.offset..location.offset + location.length)));
        }
        let array = Array::from_bytes(&wanted.variable.data_type, &wanted.shape, &bytes);
        array.map_or(SmallValues::NotRead, SmallValues::from)
    }

    fn at_hand(&self, range: &Range<u64>) -> Bytes {
        self.reach.note(range);
        self.pieces.get(range).unwrap_or_default()
    }

    /// Takes all elements in C order, whole ones at a time.
    fn digest(&mut self, wanted: &Wanted) -> Result<SmallValues, StorageError> {
        let data_type = &wanted.variable.data_type;
        let mut digester = Digester::new().skipping_missing(&wanted.variable.attributes).sampling(&wanted.shape);
        let mut batch: Vec<Range<u64>> = Vec::new();
        let mut bytes = 0;
        for location in wanted.variable.manifest.iter().flatten() {
            let mut at = location.offset;
            let end = location.offset + location.length;
            while at < end {
                // A multiple of eight: no element is cut in two.
                let length = PIECE.min(end - at);
                batch.push(at..at + length);
                at += length;
                bytes += length;
                if bytes >= PIECE {
                    self.digest_batch(&batch, data_type, &mut digester)?;
                    batch.clear();
                    bytes = 0;
                }
            }
        }
        self.digest_batch(&batch, data_type, &mut digester)?;
        Ok(SmallValues::Digest(Arc::new(digester.finish())))
    }

    fn digest_batch(
        &mut self,
        batch: &[Range<u64>],
        data_type: &DataType,
        digester: &mut Digester,
    ) -> Result<(), StorageError> {
        self.pieces.forget_passed();
        self.fetch(batch.to_vec())?;
        batch.iter().for_each(|range| digester.take(data_type, &self.at_hand(range)));
        Ok(())
    }

    /// Reads in one call what is not at hand.
    fn fetch(&mut self, mut ranges: Vec<Range<u64>>) -> Result<(), StorageError> {
        ranges.sort_unstable_by_key(|range| range.start);
        let missing: Vec<Range<u64>> = spans(&ranges).iter().flat_map(|span| self.pieces.missing(span)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        for (range, bytes) in missing.iter().zip(self.source.read(&missing)?) {
            self.pieces.pass(range.start, &bytes);
        }
        Ok(())
    }
}

/// Rising ranges, those that are close to each other as one.
fn spans(ranges: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut spans: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match spans.last_mut() {
            Some(last) if range.start.saturating_sub(last.end) <= GAP => last.end = last.end.max(range.end),
            _ => spans.push(range.clone()),
        }
    }
    spans
}
