//! Where the data of each variable are: computed from types and dimensions, the way netCDF-C does.
//!
//! The parts of record variables stand record by record; each part is filled up to four bytes, unless there is only one record
//! variable: its records follow each other without a gap.

use std::sync::Arc;

use indexmap::IndexMap;

use super::header::{Header, RawVariable};
use crate::index::IndexError;
use crate::model::{
    AttributeValue, ByteOrder, ChunkGrid, ChunkLocation, ChunkManifest, CodecChain, Dimension, DimensionName,
    FileGroup, FileVariable, Layout, SmallValues, SourceFile, VariableName, VariableSchema,
};

/// A variable's place in the file.
struct Part<'a> {
    name: &'a VariableName,
    raw: &'a RawVariable,
    /// Lengths of its dimensions, that of the record dimension left out.
    inner: Vec<u64>,
    is_record: bool,
    /// Bytes of the variable, or of one record of it, without what fills them up.
    bytes: u64,
}

/// Records of the file.
struct Records {
    count: u64,
    /// Bytes from one to the next.
    stride: u64,
}

/// Makes the root group of a header.
pub(super) fn lay_out(file: &SourceFile, header: &Header) -> Result<FileGroup, IndexError> {
    let record_dimension = record_dimension(file, header)?;
    let mut parts = Vec::with_capacity(header.variables.len());
    for (name, raw) in &header.variables {
        parts.push(part(file, header, record_dimension, name, raw)?);
    }
    let records = records(file, header, &parts)?;
    for part in &parts {
        check_end(file, part, &records)?;
    }
    check_sum(file, &parts, &records)?;
    let dimensions: IndexMap<DimensionName, Dimension> = header
        .dimensions
        .iter()
        .enumerate()
        .map(|(number, (name, length))| {
            let unlimited = record_dimension == Some(number);
            (name.clone(), Dimension { length: if unlimited { records.count } else { *length }, unlimited })
        })
        .collect();
    let mut variables = IndexMap::with_capacity(parts.len());
    for part in &parts {
        variables.insert(part.name.clone(), variable(file, header, part, &records)?);
    }
    let attributes = header.attributes.clone();
    let (dimensions, attributes) = (Arc::new(dimensions), Arc::new(attributes));
    Ok(FileGroup { path: "/".into(), dimensions, attributes, variables, groups: IndexMap::new() })
}

fn corrupt(
    file: &SourceFile,
    object: String,
    structure: &'static str,
    offset: u64,
    expected: &str,
    found: String,
) -> IndexError {
    IndexError::Corrupt { file: file.url.to_string(), object, structure, offset, expected: expected.into(), found }
}

/// The dimension whose length is written as 0.
fn record_dimension(file: &SourceFile, header: &Header) -> Result<Option<usize>, IndexError> {
    let mut found =
        header.dimensions.values().enumerate().filter(|(_, length)| **length == 0).map(|(number, _)| number);
    let first = found.next();
    match found.next() {
        None => Ok(first),
        Some(second) => {
            let name = header.dimensions.get_index(second).map_or("", |(name, _)| name.as_str());
            let found = format!("{name:?} as a second one");
            Err(corrupt(file, "/".into(), "the list of dimensions", 4, "one record dimension at most", found))
        }
    }
}

fn part<'a>(
    file: &SourceFile,
    header: &Header,
    record_dimension: Option<usize>,
    name: &'a VariableName,
    raw: &'a RawVariable,
) -> Result<Part<'a>, IndexError> {
    let is_record = raw.dimensions.first().is_some_and(|first| Some(*first) == record_dimension);
    let inner = &raw.dimensions[usize::from(is_record)..];
    if inner.iter().any(|number| Some(*number) == record_dimension) {
        let found = "it in another place".into();
        return Err(corrupt(file, object(name), "the dimensions", raw.begin, "the record dimension first", found));
    }
    let inner: Vec<u64> = inner.iter().map(|number| header.dimensions[*number]).collect();
    // Four bytes less than the greatest number: what fills it up must not overflow.
    let bytes = inner.iter().try_fold(raw.external.size(), |bytes, length| bytes.checked_mul(*length));
    match bytes.filter(|bytes| *bytes <= i64::MAX.unsigned_abs() - 3) {
        Some(bytes) => Ok(Part { name, raw, inner, is_record, bytes }),
        None => {
            let what = format!("dimensions of {inner:?}, more elements than a file can hold");
            Err(IndexError::Limit { file: file.url.to_string(), object: object(name), what })
        }
    }
}

fn object(name: &VariableName) -> String {
    format!("/{name}")
}

fn records(file: &SourceFile, header: &Header, parts: &[Part]) -> Result<Records, IndexError> {
    let of_records: Vec<&Part> = parts.iter().filter(|part| part.is_record).collect();
    let padded = |part: &Part| part.bytes.next_multiple_of(4);
    let sum = of_records.iter().try_fold(0u64, |sum, part| sum.checked_add(padded(part)));
    let Some(sum) = sum else {
        let what = "records of more bytes than a file can hold".into();
        return Err(IndexError::Limit { file: file.url.to_string(), object: "/".into(), what });
    };
    let stride = match of_records.first() {
        Some(first) if sum == padded(first) => first.bytes,
        _ => sum,
    };
    let count = header.records.unwrap_or_else(|| streamed(file.size, stride, &of_records));
    Ok(Records { count, stride })
}

/// How many whole records are in a file that does not say so.
fn streamed(size: u64, stride: u64, parts: &[&Part]) -> u64 {
    let end = parts.iter().map(|part| part.raw.begin.saturating_add(part.bytes)).max();
    match end.and_then(|end| size.checked_sub(end)) {
        Some(rest) => rest.checked_div(stride).map_or(0, |more| more.saturating_add(1)),
        None => 0,
    }
}

/// Variables do not overlap, or a few bytes could claim to be any number of arrays.
fn check_sum(file: &SourceFile, parts: &[Part], records: &Records) -> Result<(), IndexError> {
    let bytes = |part: &Part| part.bytes.saturating_mul(if part.is_record { records.count } else { 1 });
    let sum = parts.iter().fold(0u64, |sum, part| sum.saturating_add(bytes(part)));
    if sum <= file.size {
        return Ok(());
    }
    let (object, structure) = ("/".into(), "the data of all variables");
    Err(IndexError::Truncated { file: file.url.to_string(), object, structure, end: sum, size: file.size })
}

/// The data of every variable must lie within the file.
fn check_end(file: &SourceFile, part: &Part, records: &Records) -> Result<(), IndexError> {
    let last = match (part.is_record, records.count.checked_sub(1)) {
        (false, _) => Some(0),
        (true, Some(last)) => last.checked_mul(records.stride),
        (true, None) => return Ok(()),
    };
    if part.bytes == 0 {
        return Ok(());
    }
    let end = last.and_then(|last| last.checked_add(part.raw.begin)?.checked_add(part.bytes)).unwrap_or(u64::MAX);
    if end <= file.size {
        return Ok(());
    }
    let structure = if part.is_record { "the last record" } else { "the data" };
    Err(IndexError::Truncated {
        file: file.url.to_string(),
        object: object(part.name),
        structure,
        end,
        size: file.size,
    })
}

fn variable(file: &SourceFile, header: &Header, part: &Part, records: &Records) -> Result<FileVariable, IndexError> {
    // Single numbers without a gap between them are one piece: a reference for each would be larger than itself.
    let is_one_piece = !part.is_record || (part.inner.is_empty() && records.stride == part.bytes);
    let shape: Vec<u64> =
        part.is_record.then_some(records.count).into_iter().chain(part.inner.iter().copied()).collect();
    let mut chunk_shape: Vec<u64> = shape.iter().map(|length| (*length).max(1)).collect();
    if let (false, Some(first)) = (is_one_piece, chunk_shape.first_mut()) {
        *first = 1;
    }
    let too_many = || {
        let what = format!("dimensions of {shape:?}, more chunks than a file can hold");
        IndexError::Limit { file: file.url.to_string(), object: object(part.name), what }
    };
    let grid = ChunkGrid::new(shape.clone(), chunk_shape).ok_or_else(too_many)?;
    // Every chunk was found to lie within the file, one behind the other: their number is bounded by its size.
    let count = usize::try_from(grid.chunk_count()).map_err(|_| too_many())?;
    let mut manifest = ChunkManifest::missing(count);
    let length = if is_one_piece && part.is_record { part.bytes * records.count } else { part.bytes };
    for (number, record) in (0..count).zip(0u64..) {
        let offset = part.raw.begin + record * records.stride;
        manifest.set(number, ChunkLocation { offset, length, filter_mask: 0 });
    }
    let name_of = |number: &usize| header.dimensions.get_index(*number).map(|(name, _)| name.clone());
    Ok(FileVariable {
        schema: Arc::new(VariableSchema {
            name: part.name.clone(),
            data_type: part.raw.external.data_type(),
            dimensions: part.raw.dimensions.iter().filter_map(name_of).collect(),
            attributes: Arc::new(part.raw.attributes.clone()),
            fill_value: Some(fill_value(part.raw)),
            layout: if is_one_piece { Layout::Contiguous } else { Layout::Chunked },
            codecs: CodecChain::default(),
            grid,
            unfiltered_edges: false,
        }),
        manifest: Arc::new(manifest),
        values: SmallValues::NotRead,
    })
}

fn fill_value(raw: &RawVariable) -> Vec<u8> {
    let fill = match raw.attributes.get("_FillValue") {
        Some(AttributeValue::Numbers(numbers)) if numbers.len() == 1 => Some(numbers.to_bytes(ByteOrder::Big)),
        Some(AttributeValue::Text(text)) => Some(text.as_bytes().to_vec()),
        _ => None,
    };
    let default = raw.external.default_fill();
    fill.filter(|fill| fill.len() == default.len()).unwrap_or(default)
}
