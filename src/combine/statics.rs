//! Values that should be the same in several files.

use sha2::{Digest as _, Sha256};

use super::{Context, KEPT_LIMIT, conflict, roles, tolerance};
use crate::model::{
    Array, ArrayValues, ByteOrder, Conflict, ConflictKind, DataType, FileVariable, Primitive, VariablePath,
};

/// The greatest number of values of a variable that may be repeated along the steps of a file.
const SPREAD_LIMIT: u64 = 64;

/// How two files' values of a variable compare.
pub(super) enum Comparison {
    Same,
    /// Within the tolerance for coordinates.
    Close,
    /// Different, first in this place (of the values in C order).
    Different(Option<usize>),
}

/// The values of a variable in one file, or what stands for them.
pub(super) enum Content {
    Array(Array),
    /// Of a variable that is too large.
    Digest([u8; 32]),
}

impl Content {
    /// The same for the same bits.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        match self {
            Self::Digest(digest) => *digest,
            Self::Array(array) => match &array.values {
                ArrayValues::Numbers(numbers) => Sha256::digest(numbers.to_bytes(ByteOrder::Little)).into(),
                ArrayValues::FixedStrings { bytes, .. } => Sha256::digest(bytes).into(),
                ArrayValues::Strings(texts) => Sha256::digest(format!("{texts:?}")).into(),
            },
        }
    }
}

/// Whether the values of a variable are compared themselves, not by their digests.
pub(super) fn are_small(variables: &[&FileVariable]) -> bool {
    variables.iter().all(|variable| byte_size(variable) <= KEPT_LIMIT || variable.values.decoded().is_some())
}

pub(super) fn content(
    context: &Context<'_>,
    path: &VariablePath,
    file: usize,
    variable: &FileVariable,
    is_small: bool,
) -> Result<Content, Box<Conflict>> {
    Ok(match is_small {
        true => Content::Array(context.values(path, file, variable)?),
        false => Content::Digest(context.digest(path, file, variable)?),
    })
}

pub(super) fn compare(first: &Content, other: &Content) -> Comparison {
    match (first, other) {
        (Content::Array(first), Content::Array(other)) => compare_arrays(first, other),
        (Content::Digest(first), Content::Digest(other)) if first == other => Comparison::Same,
        _ => Comparison::Different(None),
    }
}

fn compare_arrays(first: &Array, other: &Array) -> Comparison {
    if first == other {
        return Comparison::Same;
    }
    let (Some(a), Some(b)) = (first.numbers(), other.numbers()) else { return Comparison::Different(None) };
    let (x, y) = (a.to_f64(), b.to_f64());
    if !a.primitive().is_float() {
        return Comparison::Different((0..x.len()).find(|at| a.slice(*at..at + 1) != b.slice(*at..at + 1)));
    }
    let row = first.shape.last().and_then(|length| usize::try_from(*length).ok()).unwrap_or(1);
    match tolerance::first_beyond(&x, &y, row) {
        None => Comparison::Close,
        at => Comparison::Different(at),
    }
}

/// The bytes that the decoded values take.
pub(super) fn byte_size(variable: &FileVariable) -> u64 {
    let count = variable.grid.shape.iter().try_fold(1u64, |product, length| product.checked_mul(*length));
    let size = variable.data_type.size().unwrap_or(64) as u64;
    count.and_then(|count| count.checked_mul(size)).unwrap_or(u64::MAX)
}

/// Whether other variables name this one as the bounds of their cells or as a coordinate of several values.
fn describes_cells(context: &Context<'_>, path: &VariablePath, variable: &FileVariable) -> bool {
    let group = path.as_str().rsplit_once('/').map_or("", |(group, _)| group);
    let named_by = |other: &FileVariable| {
        let names = ["bounds", "climatology", "coordinates", "formula_terms"].iter().filter_map(|key| other.text(key));
        names.flat_map(str::split_whitespace).any(|name| name == variable.name.as_str())
    };
    let neighbours = context.variables[0]
        .iter()
        .filter(|(path, _)| path.as_str().rsplit_once('/').is_some_and(|(own, _)| own == group));
    neighbours.into_iter().any(|(_, other)| named_by(other))
}

/// Whether a variable that differs from file to file is so small that each step may carry its file's values.
pub(super) fn may_be_repeated(context: &Context<'_>, path: &VariablePath, variables: &[&FileVariable]) -> bool {
    let count: u64 = variables[0].grid.shape.iter().product();
    let is_text = matches!(variables[0].data_type, DataType::FixedString { .. } | DataType::VariableString);
    count <= 1 || (count <= SPREAD_LIMIT && (is_text || !describes_cells(context, path, variables[0])))
}

/// Two files have different values of a variable at one place.
pub(super) fn different(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    first: usize,
    other: usize,
    at: Option<usize>,
) -> Box<Conflict> {
    let show = |file: usize| -> String {
        let value = at.and_then(|at| {
            let array = context.values(path, file, variables[file]).ok()?;
            let numbers = array.numbers()?;
            let value = *numbers.to_f64().get(at)?;
            Some(format!("{value} at position {at}"))
        });
        value.unwrap_or_else(|| "other values".into())
    };
    let is_coordinate = roles::is_dimension_coordinate(variables[0]);
    let kind = if is_coordinate { ConflictKind::Coordinate } else { ConflictKind::Values };
    let expected = if at.is_some() { show(first) } else { "the same values in all files".into() };
    let remedy = "it has no dimension to be joined along: let the item pattern tell these files apart";
    let conflict = conflict::between(context, kind, path, other, expected, show(other), remedy);
    Box::new(Conflict { files: vec![context.file_name(first), context.file_name(other)], ..*conflict })
}

/// The same type if it holds such numbers, else little-endian ones.
pub(super) fn retyped(data_type: &DataType, primitive: Primitive) -> DataType {
    match data_type.number() {
        Some((own, _)) if own == primitive => data_type.clone(),
        _ => DataType::little(primitive),
    }
}
