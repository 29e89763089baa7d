//! The header, as it is written.

use indexmap::IndexMap;

use super::cursor::{Cursor, Found};
use super::types::External;
use crate::index::text::decode_text;
use crate::model::{AttributeValue, Attributes, DimensionName, VariableName};

const DIMENSIONS: u32 = 0x0a;
const VARIABLES: u32 = 0x0b;
const ATTRIBUTES: u32 = 0x0c;

/// What the header says.
#[derive(Debug)]
pub(super) struct Header {
    /// The number of records; `None` if it is to be computed from the file's size.
    pub(super) records: Option<u64>,
    /// Names and lengths; that of the record dimension is 0.
    pub(super) dimensions: IndexMap<DimensionName, u64>,
    pub(super) attributes: Attributes,
    pub(super) variables: IndexMap<VariableName, RawVariable>,
    /// Bytes of the header itself.
    pub(super) length: u64,
}

/// A variable, as the header has it.
#[derive(Debug)]
pub(super) struct RawVariable {
    /// Numbers of dimensions, each of which there is.
    pub(super) dimensions: Vec<usize>,
    pub(super) attributes: Attributes,
    pub(super) external: External,
    /// Where its data, or those of its first record, begin.
    pub(super) begin: u64,
}

/// Reads the header from its first byte.
pub(super) fn read(cursor: &mut Cursor) -> Found<Header> {
    let magic = cursor.take(4)?;
    let version = magic[3];
    if !magic.starts_with(b"CDF") || !matches!(version, 1 | 2 | 5) {
        return Err(cursor.corrupt(
            "the magic number",
            4,
            "CDF-1, CDF-2 or CDF-5",
            format!("{}", magic.escape_ascii()),
        ));
    }
    cursor.wide_counts = version == 5;
    cursor.wide_offsets = version != 1;
    let records = cursor.records()?;
    let mut dimensions = IndexMap::new();
    for _ in 0..list(cursor, DIMENSIONS, "the list of dimensions")? {
        let text = name(cursor)?;
        let name = DimensionName::new(&text);
        let name = name.map_err(|_| cursor.corrupt("a name", 0, "the name of a dimension", format!("{text:?}")))?;
        let length = cursor.count("the length of a dimension")?;
        if dimensions.insert(name, length).is_some() {
            return Err(cursor.corrupt("a name", 0, "a name of its own for each dimension", format!("{text:?} again")));
        }
    }
    let attributes = attributes(cursor)?;
    let mut variables = IndexMap::new();
    for _ in 0..list(cursor, VARIABLES, "the list of variables")? {
        let text = name(cursor)?;
        let name = VariableName::new(&text);
        let name = name.map_err(|_| cursor.corrupt("a name", 0, "the name of a variable", format!("{text:?}")))?;
        cursor.object = format!("/{text}");
        let variable = variable(cursor, dimensions.len())?;
        if variables.insert(name, variable).is_some() {
            return Err(cursor.corrupt("a name", 0, "a name of its own for each variable", format!("{text:?} again")));
        }
        cursor.object = "/".into();
    }
    Ok(Header { records, dimensions, attributes, variables, length: cursor.position() })
}

/// The number of elements of a list. Nothing is allocated for it: each element takes bytes of the file.
fn list(cursor: &mut Cursor, expected: u32, structure: &'static str) -> Found<u64> {
    let tag = cursor.u32()?;
    let count = cursor.count(structure)?;
    if tag == expected || (tag == 0 && count == 0) {
        return Ok(count);
    }
    let found = format!("tag {tag:#x} with {count} elements");
    Err(cursor.corrupt(structure, if cursor.wide_counts { 12 } else { 8 }, format!("tag {expected:#x}"), found))
}

fn name(cursor: &mut Cursor) -> Found<String> {
    let length = cursor.count("the length of a name")?;
    let name = cursor.take_padded(length)?;
    // The library hands out names as C does: up to a NUL.
    Ok(decode_text(name.split(|byte| *byte == 0).next().unwrap_or_default()))
}

fn external(cursor: &mut Cursor) -> Found<External> {
    let code = cursor.u32()?;
    External::from_code(code, cursor.wide_counts)
        .ok_or_else(|| cursor.corrupt("a type", 4, "a type of this version of the format", format!("number {code}")))
}

fn attributes(cursor: &mut Cursor) -> Found<Attributes> {
    let mut found = Attributes::new();
    for _ in 0..list(cursor, ATTRIBUTES, "the list of attributes")? {
        let name = name(cursor)?;
        let value = attribute(cursor)?;
        // Of several with one name the library finds the first.
        found.entry(name).or_insert(value);
    }
    Ok(found)
}

fn attribute(cursor: &mut Cursor) -> Found<AttributeValue> {
    let external = external(cursor)?;
    let count = cursor.count("the length of an attribute")?;
    let Some(length) = count.checked_mul(external.size()).filter(|length| *length < u64::MAX - 3) else {
        return Err(cursor.corrupt("the length of an attribute", 8, "a length within the file", format!("{count}")));
    };
    Ok(external.attribute(cursor.take_padded(length)?))
}

fn variable(cursor: &mut Cursor, dimension_count: usize) -> Found<RawVariable> {
    let rank = cursor.count("the number of dimensions")?;
    let mut dimensions = Vec::new();
    for _ in 0..rank {
        let number = cursor.count("the number of a dimension")?;
        match usize::try_from(number).ok().filter(|number| *number < dimension_count) {
            Some(number) => dimensions.push(number),
            None => {
                let expected = format!("one of {dimension_count} dimensions");
                return Err(cursor.corrupt("the number of a dimension", 4, expected, format!("{number}")));
            }
        }
    }
    let attributes = attributes(cursor)?;
    let external = external(cursor)?;
    cursor.skip_size()?;
    let begin = cursor.offset()?;
    Ok(RawVariable { dimensions, attributes, external, begin })
}
