//! The values of coordinates, bounds and scalars.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::bytes::decode_text;
use super::digest::digest;
use super::driver::{Driver, Failure};
use super::fault::{Fault, Found, Stop, each};
use super::global_heap::{self, HeapReference};
use super::netcdf4::Tree;
use super::store::View;
use crate::codec::{CodecError, decode_chunk};
use crate::index::roles::{self, WHOLE_LIMIT, Wanted};
use crate::model::{
    Array, ArrayValues, ChunkLocation, CodecChain, DataType, FileGroup, Layout, Note, SmallValues, VariablePath,
};
use crate::storage::ByteSource;

/// A decoded chunk, or a row of chunks of a large coordinate, may have so many bytes.
const CHUNK_LIMIT: u64 = 256 << 20;

/// The same for a file of so many bytes: those of small files are bounded by what they can hold.
pub(super) fn chunk_limit(size: u64) -> u64 {
    CHUNK_LIMIT.min(size.saturating_mul(256).saturating_add(32 << 20))
}

/// What references to texts are made of where nothing was written: the undefined address, and a length that no text has.
const NEVER_WRITTEN: u8 = 0xff;

/// What was read of a variable, and why nothing was.
type Read = (SmallValues, Option<String>);

/// Reads the values that the index keeps and puts them into the tree; on failure, the path of the variable at hand.
///
/// What this program cannot decode is not read, and said; what is damaged is a failure.
pub(super) fn read(driver: &mut Driver, source: &dyn ByteSource, tree: &mut Tree) -> Result<(), (String, Failure)> {
    let wanted = roles::wanted(&tree.root, 8 + driver.facts.widths.address);
    let (mut small, large): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|wanted| wanted.bytes <= WHOLE_LIMIT);
    // Coordinates first: they are what the memory is for.
    small.sort_by_key(|wanted| !wanted.coordinate);
    let mut found: Vec<Option<Read>> = vec![None; small.len()];
    let mut notes = Vec::new();
    let mut at = 0;
    let read = driver.run(|view| {
        let missing = found.iter_mut().zip(&small).enumerate().filter(|(_, (found, _))| found.is_none());
        each(missing, |(number, (found, wanted))| {
            at = number;
            *found = Some(read_small(view, wanted)?);
            Ok(())
        })
        .map(|_| ())
    });
    read.map_err(|failure| (small.get(at).map_or_else(String::new, |wanted| wanted.path.as_str().into()), failure))?;
    let mut values: HashMap<VariablePath, SmallValues> = HashMap::new();
    let mut keep = |wanted: &Wanted, (read, obstacle): Read| {
        values.insert(wanted.path.clone(), read);
        if let Some(obstacle) = obstacle.filter(|_| wanted.coordinate) {
            let path = wanted.path.as_str();
            notes.push(
                Note::new("values_not_read", format!("the values of {path} are not read: {obstacle}")).about(path),
            );
        }
    };
    for (wanted, found) in small.iter().zip(found) {
        found.into_iter().for_each(|read| keep(wanted, read));
    }
    for wanted in &large {
        let spent = driver.spend_values(wanted.bytes.max(decoded_bytes(wanted)));
        let read = match spent.and_then(|()| digest(source, wanted)) {
            Ok(digest) => (SmallValues::Digest(Arc::new(digest)), None),
            Err(Failure::Fault(fault)) => {
                unread(fault).map_err(|fault| (wanted.path.as_str().to_owned(), fault.into()))?
            }
            Err(failure) => return Err((wanted.path.as_str().to_owned(), failure)),
        };
        keep(wanted, read);
    }
    put(&mut tree.root, &mut values);
    tree.notes.extend(notes);
    Ok(())
}

fn put(group: &mut FileGroup, values: &mut HashMap<VariablePath, SmallValues>) {
    for variable in group.variables.values_mut() {
        if let Some(values) = values.remove(&VariablePath::new(&group.path, &variable.name)) {
            variable.values = values;
        }
    }
    group.groups.values_mut().for_each(|child| put(child, values));
}

/// A filter that is not known here leaves the values unread; any other fault is one of the file.
fn unread(fault: Fault) -> Result<Read, Fault> {
    match fault {
        Fault::Decode { source: source @ CodecError::Unsupported { .. } } => {
            Ok((SmallValues::NotRead, Some(source.to_string())))
        }
        other => Err(other),
    }
}

fn read_small(view: &View, wanted: &Wanted) -> Found<Read> {
    match read_whole(view, wanted) {
        Err(Stop::Fault(fault)) => Ok(unread(*fault)?),
        found => Ok((found?, None)),
    }
}

fn read_whole(view: &View, wanted: &Wanted) -> Found<SmallValues> {
    read_up_to(view, wanted, WHOLE_LIMIT)
}

/// All values; texts of any length, up to so many bytes of them.
pub(super) fn read_up_to(view: &View, wanted: &Wanted, text_limit: u64) -> Found<SmallValues> {
    let variable = wanted.variable;
    chunk_bytes(wanted, chunk_limit(view.facts.size))?;
    let chunks = each(variable.manifest.written(), |(number, location)| {
        let address = location.offset.saturating_sub(view.facts.base);
        Ok((number, location, view.get("chunk", address, location.length)?))
    })?;
    view.spend_values(decoded_bytes(wanted))?;
    match view.spend_memory(usize::try_from(wanted.bytes).unwrap_or(usize::MAX)) {
        // Only coordinates must be kept.
        Err(_) if !wanted.coordinate => return Ok(SmallValues::NotRead),
        spent => spent?,
    }
    let mut elements = match variable.data_type {
        DataType::VariableString => vec![NEVER_WRITTEN; filled(wanted, wanted.bytes).len()],
        _ => filled(wanted, wanted.bytes),
    };
    for (number, location, stored) in chunks {
        match decode(wanted, number, location, &stored) {
            Ok(decoded) => place(wanted, &mut elements, &wanted.shape, 0, number, &decoded),
            Err(source) => return Err(Fault::Decode { source }.into()),
        }
    }
    if variable.data_type == DataType::VariableString {
        return strings(view, wanted, &elements, text_limit);
    }
    let array = Array::from_bytes(&variable.data_type, &wanted.shape, &elements);
    Ok(array.map_or(SmallValues::NotRead, SmallValues::from))
}

/// Texts of any length, up to so many bytes of them.
fn strings(view: &View, wanted: &Wanted, elements: &[u8], limit: u64) -> Found<SmallValues> {
    let mut cursor = view.cursor("references to texts", elements, 0);
    let count = elements.len() / wanted.element.max(1);
    let references = (0..count).map(|_| HeapReference::read(&mut cursor)).collect::<Found<Vec<_>>>()?;
    each(references.iter().filter_map(|reference| reference.collection), |address| global_heap::open(view, address))?;
    let total = references.iter().filter(|r| r.collection.is_some()).map(|r| u64::from(r.length)).sum::<u64>();
    if total > limit {
        return Ok(SmallValues::NotRead);
    }
    let fill = decode_text(wanted.variable.fill_value.as_deref().unwrap_or_default());
    let texts = each(references, |reference| match (reference.collection, reference.length) {
        (None, u32::MAX) => Ok(fill.clone()),
        _ => global_heap::text(view, reference),
    })?;
    Ok(Array { shape: wanted.shape.clone(), values: ArrayValues::Strings(texts) }.into())
}

/// The bytes of all chunks when decoded: of an array of one column, each chunk may have any number of columns.
fn decoded_bytes(wanted: &Wanted) -> u64 {
    let chunk = wanted.variable.grid.chunk_elements().unwrap_or(u64::MAX).saturating_mul(wanted.element as u64);
    chunk.saturating_mul(wanted.variable.manifest.present() as u64)
}

/// The bytes of a decoded chunk, if they are no more than `limit`.
pub(super) fn chunk_bytes(wanted: &Wanted, limit: u64) -> Found<usize> {
    let elements = wanted.variable.grid.chunk_elements();
    let bytes = elements.and_then(|elements| elements.checked_mul(wanted.element as u64));
    match bytes.filter(|bytes| *bytes <= limit).and_then(|bytes| usize::try_from(bytes).ok()) {
        Some(bytes) => Ok(bytes),
        None => {
            let what = format!("chunks of {} bytes; those of a coordinate may have {limit}", bytes.unwrap_or(u64::MAX));
            Err(Fault::Limit { what }.into())
        }
    }
}

/// So many bytes of fill values.
pub(super) fn filled(wanted: &Wanted, bytes: u64) -> Vec<u8> {
    let bytes = usize::try_from(bytes).unwrap_or(0);
    match &wanted.variable.fill_value {
        Some(fill) if fill.len() == wanted.element && fill.iter().any(|byte| *byte != 0) => {
            fill.iter().copied().cycle().take(bytes).collect()
        }
        _ => vec![0; bytes],
    }
}

pub(super) fn decode(
    wanted: &Wanted,
    number: usize,
    location: ChunkLocation,
    stored: &Bytes,
) -> Result<Vec<u8>, CodecError> {
    let grid = &wanted.variable.grid;
    let bytes = chunk_bytes(wanted, CHUNK_LIMIT).unwrap_or(0);
    let none = CodecChain::default();
    let at_edge = || {
        let coordinates = grid.coordinates(number as u64);
        let mut axes = coordinates.iter().zip(&grid.chunk_shape).zip(&grid.shape);
        axes.any(|((at, chunk), length)| (at + 1).saturating_mul(*chunk) > *length)
    };
    let unfiltered = wanted.variable.unfiltered_edges && at_edge();
    let chain = if unfiltered || wanted.variable.layout != Layout::Chunked { &none } else { &wanted.variable.codecs };
    decode_chunk(stored, chain, location.filter_mask, bytes)
}

/// Copies a decoded chunk to where it belongs in an array of this shape whose first row is row `first` of the variable.
pub(super) fn place(wanted: &Wanted, target: &mut [u8], shape: &[u64], first: u64, number: usize, chunk: &[u8]) {
    let grid = &wanted.variable.grid;
    let element = wanted.element;
    let rank = grid.shape.len();
    let Some(last) = rank.checked_sub(1) else {
        target.copy_from_slice(&chunk[..element]);
        return;
    };
    let coordinates = grid.coordinates(number as u64);
    let mut origin: Vec<u64> = coordinates.iter().zip(&grid.chunk_shape).map(|(at, chunk)| at * chunk).collect();
    let extent: Vec<u64> =
        (0..rank).map(|d| grid.chunk_shape[d].min(grid.shape[d].saturating_sub(origin[d]))).collect();
    origin[0] -= first;
    let row = usize::try_from(extent[last]).unwrap_or(0) * element;
    let mut at = vec![0u64; rank];
    loop {
        let (mut from, mut to) = (0u64, 0u64);
        for d in 0..rank {
            from = from * grid.chunk_shape[d] + at[d];
            to = to * shape[d] + origin[d] + at[d];
        }
        let piece = |number: u64| {
            let start = usize::try_from(number).ok()?.checked_mul(element)?;
            Some(start..start.checked_add(row)?)
        };
        let source = piece(from).and_then(|piece| chunk.get(piece));
        if let (Some(source), Some(target)) = (source, piece(to).and_then(|piece| target.get_mut(piece))) {
            target.copy_from_slice(source);
        }
        // The next row: like the digits of a counter, the last dimension but one runs fastest.
        let mut d = last;
        loop {
            let Some(above) = d.checked_sub(1) else { return };
            d = above;
            at[d] += 1;
            if at[d] < extent[d] {
                break;
            }
            at[d] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::testing::Image;
    use super::*;
    use crate::index::digest::Digester;
    use crate::model::{
        Attributes, ByteOrder, ChunkGrid, ChunkManifest, DimensionName, FileVariable, Numbers, Primitive, SourceUrl,
        VariableName, VariableSchema,
    };
    use crate::storage::MemoryFile;

    /// A file of chunks of 16-bit numbers, each number telling its place; chunks whose number is in `missing` are not there.
    fn chunked(grid: ChunkGrid, missing: &[u64]) -> (Vec<u8>, FileVariable) {
        let mut content = Vec::new();
        let mut manifest = ChunkManifest::missing(usize::try_from(grid.chunk_count()).unwrap());
        let elements = grid.chunk_elements().unwrap();
        let inner = ChunkGrid::new(grid.chunk_shape.clone(), vec![1; grid.shape.len()]).unwrap();
        for number in (0..grid.chunk_count()).filter(|number| !missing.contains(number)) {
            let offset = content.len() as u64;
            for element in 0..elements {
                let chunk = grid.coordinates(number);
                let within = inner.coordinates(element);
                let at: Vec<u64> =
                    chunk.iter().zip(&within).zip(&grid.chunk_shape).map(|((c, w), s)| c * s + w).collect();
                content.extend(told(&at).to_le_bytes());
            }
            let length = elements * 2;
            manifest.set(usize::try_from(number).unwrap(), ChunkLocation { offset, length, filter_mask: 0 });
        }
        content.push(0);
        let dimensions = (0..grid.shape.len()).map(|d| DimensionName::new(format!("d{d}")).unwrap()).collect();
        let variable = FileVariable {
            schema: Arc::new(VariableSchema {
                name: VariableName::new("v").unwrap(),
                data_type: DataType::little(Primitive::U16),
                dimensions,
                attributes: Arc::new(Attributes::new()),
                fill_value: Some(vec![0xff, 0xfe]),
                layout: Layout::Chunked,
                codecs: CodecChain::default(),
                grid,
                unfiltered_edges: false,
            }),
            manifest: Arc::new(manifest),
            values: SmallValues::NotRead,
        };
        (content, variable)
    }

    fn told(at: &[u64]) -> u16 {
        u16::try_from(at.iter().fold(1, |number, at| number * 13 + at) % 60_000).unwrap()
    }

    fn wanted<'a>(variable: &'a FileVariable, shape: &[u64]) -> Wanted<'a> {
        let bytes = shape.iter().product::<u64>() * 2;
        let path = VariablePath::new("/", &variable.name);
        Wanted { path, variable, shape: shape.to_vec(), element: 2, coordinate: true, bytes }
    }

    proptest! {
        #[test]
        fn every_element_is_found_in_its_chunk(
            axes in prop::collection::vec((1u64..9, 1u64..5), 1..4),
            missing in prop::collection::vec(0u64..30, 0..4),
            longer in 0u64..4,
        ) {
            let stored: Vec<u64> = axes.iter().map(|(length, _)| *length).collect();
            let grid = ChunkGrid::new(stored.clone(), axes.iter().map(|(_, chunk)| *chunk).collect()).unwrap();
            let (content, variable) = chunked(grid.clone(), &missing);
            let mut shape = stored.clone();
            shape[0] += longer;
            let wanted = wanted(&variable, &shape);

            let whole = ChunkGrid::new(shape.clone(), vec![1; shape.len()]).unwrap();
            let expected: Vec<u16> = (0..whole.chunk_count()).map(|number| {
                let at = whole.coordinates(number);
                let chunk: Vec<u64> = at.iter().zip(&grid.chunk_shape).map(|(at, chunk)| at / chunk).collect();
                let inside = at.iter().zip(&stored).all(|(at, length)| at < length);
                match grid.number(&chunk) {
                    Some(chunk) if inside && !missing.contains(&chunk) => told(&at),
                    _ => 0xfeff,
                }
            }).collect();

            let read = Image(content.clone()).parse(|view| read_whole(view, &wanted)).unwrap();
            let values = ArrayValues::Numbers(Numbers::U16(expected.clone()));
            prop_assert_eq!(read, SmallValues::from(Array { shape, values }));

            let source = MemoryFile::new(SourceUrl::from_path("/a").unwrap(), content);
            let Ok(digest) = digest(&source, &wanted) else { panic!("no digest") };
            let mut digester = Digester::new().sampling(&wanted.shape);
            digester.take(&variable.data_type, &Numbers::U16(expected).to_bytes(ByteOrder::Little));
            prop_assert_eq!(digest, digester.finish());
        }
    }

    #[test]
    fn a_chunk_too_large_is_refused() {
        let grid = ChunkGrid::new(vec![3], vec![1 << 40]).unwrap();
        let (_, mut variable) = chunked(ChunkGrid::new(vec![3], vec![1]).unwrap(), &[]);
        variable.grid = grid;
        assert!(
            matches!(chunk_bytes(&wanted(&variable, &[3]), CHUNK_LIMIT), Err(Stop::Fault(fault)) if matches!(*fault, Fault::Limit { .. }))
        );
    }
}
