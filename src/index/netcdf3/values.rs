//! The values of coordinates, bounds and scalars.

use std::ops::Range;

use crate::index::digest::Digester;
use crate::index::roles::{self, WHOLE_LIMIT, Wanted};
use crate::model::{Array, FileGroup, SmallValues, VariableName};
use crate::storage::{ByteSource, StorageError};

/// How much is read at a time.
const PIECE: u64 = 4 << 20;
/// Ranges closer than this are read as one.
const GAP: u64 = 512;

/// Reads the values that the index keeps and puts them into the group.
pub(super) fn read(source: &dyn ByteSource, root: &mut FileGroup) -> Result<(), StorageError> {
    let mut found: Vec<(VariableName, SmallValues)> = Vec::new();
    for wanted in roles::wanted(root, 0) {
        found.push((wanted.variable.name.clone(), read_variable(source, &wanted)?));
    }
    for (name, values) in found {
        if let Some(variable) = root.variables.get_mut(&name) {
            variable.values = values;
        }
    }
    Ok(())
}

fn read_variable(source: &dyn ByteSource, wanted: &Wanted) -> Result<SmallValues, StorageError> {
    let data_type = &wanted.variable.data_type;
    if wanted.bytes <= WHOLE_LIMIT {
        let mut bytes = Vec::new();
        each_piece(source, wanted, |piece| bytes.extend_from_slice(piece))?;
        let array = Array::from_bytes(data_type, &wanted.shape, &bytes);
        return Ok(array.map_or(SmallValues::NotRead, SmallValues::Decoded));
    }
    let mut digester = Digester::new().skipping_missing(&wanted.variable.attributes);
    each_piece(source, wanted, |piece| digester.take(data_type, piece))?;
    Ok(SmallValues::Digest(digester.finish()))
}

/// Hands out all elements in C order, whole ones at a time.
fn each_piece(source: &dyn ByteSource, wanted: &Wanted, mut take: impl FnMut(&[u8])) -> Result<(), StorageError> {
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
                read_batch(source, &batch, &mut take)?;
                batch.clear();
                bytes = 0;
            }
        }
    }
    read_batch(source, &batch, &mut take)
}

fn read_batch(source: &dyn ByteSource, batch: &[Range<u64>], mut take: impl FnMut(&[u8])) -> Result<(), StorageError> {
    let spans = spans(batch);
    let pieces = source.read(&spans)?;
    let mut at = 0;
    for range in batch {
        while spans.get(at).is_some_and(|span| range.end > span.end) {
            at += 1;
        }
        let (Some(span), Some(piece)) = (spans.get(at), pieces.get(at)) else { continue };
        let within = |offset: u64| usize::try_from(offset.saturating_sub(span.start)).unwrap_or(usize::MAX);
        take(piece.get(within(range.start)..within(range.end)).unwrap_or_default());
    }
    Ok(())
}

/// Rising ranges, those that are close to each other as one.
fn spans(batch: &[Range<u64>]) -> Vec<Range<u64>> {
    let mut spans: Vec<Range<u64>> = Vec::new();
    for range in batch {
        match spans.last_mut() {
            Some(last) if range.start.saturating_sub(last.end) <= GAP => last.end = range.end,
            _ => spans.push(range.clone()),
        }
    }
    spans
}
