//! Variables without the join's dimension: they should be the same in every file.

use super::conflict::{self, Report, note};
use super::times::Reencodings;
use super::{Combined, Context, INLINE_LIMIT, concatenate, placed, tolerance};
use crate::model::{
    Array, ArrayData, ArrayValues, Conflict, ConflictKind, DataType, FileVariable, Primitive, SmallValues, VariablePath,
};

/// The greatest number of values of a variable that may become one along the join.
const SPREAD_LIMIT: u64 = 64;

/// How two files' values of a static variable compare.
enum Comparison {
    Same,
    /// Within the tolerance for coordinates.
    Close,
    /// Different, first in this place (of the values in C order).
    Different(Option<usize>),
}

pub(super) fn combine(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    times: &Reencodings,
    report: &mut Report,
) -> Result<Combined, Box<Conflict>> {
    let shapes = context.shapes(path, variables);
    if let Some(other) = shapes.iter().position(|shape| *shape != shapes[0]) {
        let remedy = "files on different grids cannot be one dataset: let the item pattern tell them apart";
        let show = |shape: &[u64]| format!("the shape {shape:?}");
        return Err(conflict::between(
            context,
            ConflictKind::Shape,
            path,
            other,
            show(&shapes[0]),
            show(&shapes[other]),
            remedy,
        ));
    }
    if let Some(encoding) = times.get(path) {
        if encoding.all_equal {
            return first_alone(context, path, variables[0], &shapes[0]);
        }
        let arrays = encoding
            .values
            .iter()
            .map(|numbers| Array { shape: shapes[0].clone(), values: ArrayValues::Numbers(numbers.clone()) });
        return spread(context, path, variables, arrays.collect(), report);
    }
    for (file, variable) in variables.iter().enumerate().skip(1) {
        match compare(context, path, file, variables[0], variable)? {
            Comparison::Same => {}
            Comparison::Close => {
                let message = format!(
                    "differs by rounding between {} and {}; the first is kept",
                    context.file_name(0),
                    context.file_name(file)
                );
                report.notes.push(note("coordinate_tolerated", path, message));
            }
            Comparison::Different(at) => return different(context, path, variables, file, at, report),
        }
    }
    first_alone(context, path, variables[0], &shapes[0])
}

fn compare(
    context: &Context<'_>,
    path: &VariablePath,
    file: usize,
    first: &FileVariable,
    other: &FileVariable,
) -> Result<Comparison, Box<Conflict>> {
    let small = |variable: &FileVariable| byte_size(variable) <= INLINE_LIMIT || variable.values.decoded().is_some();
    if small(first) && small(other) {
        return Ok(compare_arrays(&context.values(path, 0, first)?, &context.values(path, file, other)?));
    }
    let same = context.digest(path, 0, first)? == context.digest(path, file, other)?;
    Ok(if same { Comparison::Same } else { Comparison::Different(None) })
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

/// Keeps the first file's variable: in the product itself if its values are at hand, else as its chunks.
fn first_alone(
    context: &Context<'_>,
    path: &VariablePath,
    first: &FileVariable,
    shape: &[u64],
) -> Result<Combined, Box<Conflict>> {
    let data = match &first.values {
        SmallValues::Decoded(array) => ArrayData::Inline(array.clone()),
        _ => match placed::single(context, path, first, shape) {
            Ok(data) => data,
            Err(_) if byte_size(first) <= INLINE_LIMIT => ArrayData::Inline(context.values(path, 0, first)?),
            Err(conflict) => return Err(conflict),
        },
    };
    Ok(Combined { data_type: None, dimensions: first.dimensions.clone(), shape: shape.to_vec(), data })
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

fn different(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    file: usize,
    at: Option<usize>,
    report: &mut Report,
) -> Result<Combined, Box<Conflict>> {
    let is_coordinate = variables[0].dimensions.iter().any(|name| name.as_str() == variables[0].name.as_str());
    let count: u64 = variables[0].grid.shape.iter().product();
    let is_text = matches!(variables[0].data_type, DataType::FixedString { .. } | DataType::VariableString);
    let is_small = count <= 1 || (count <= SPREAD_LIMIT && (is_text || !describes_cells(context, path, variables[0])));
    if is_small && !is_coordinate && context.join.is_some() {
        let arrays = variables.iter().enumerate().map(|(file, variable)| context.values(path, file, variable));
        return spread(context, path, variables, arrays.collect::<Result<_, _>>()?, report);
    }
    let show = |file: usize| -> String {
        let value = at.and_then(|at| {
            let array = context.values(path, file, variables[file]).ok()?;
            let numbers = array.numbers()?;
            let value = *numbers.to_f64().get(at)?;
            Some(format!("{value} at position {at}"))
        });
        value.unwrap_or_else(|| "other values".into())
    };
    let kind = if is_coordinate { ConflictKind::Coordinate } else { ConflictKind::Values };
    let expected = if at.is_some() { show(0) } else { "the same values in all files".into() };
    let remedy = "it has no dimension to be joined along: let the item pattern tell these files apart";
    Err(conflict::between(context, kind, path, file, expected, show(file), remedy))
}

/// A variable that differs from file to file gets the join's dimension: each step carries its file's value.
fn spread(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    arrays: Vec<Array>,
    report: &mut Report,
) -> Result<Combined, Box<Conflict>> {
    let join = context.join.as_ref().ok_or_else(|| conflict::nothing(path))?;
    let mut steps = Vec::new();
    for (array, length) in arrays.into_iter().zip(&join.lengths) {
        let shape = std::iter::once(1).chain(array.shape.iter().copied()).collect();
        let row = Array { shape, values: array.values };
        steps.extend(std::iter::repeat_n(row, usize::try_from(*length).unwrap_or(0)));
    }
    let array = concatenate::along(&steps, 0).ok_or_else(|| conflict::nothing(path))?;
    let message = format!(
        "differs between the files: it is written along {}, each step with the value of its file",
        join.dimension
    );
    report.notes.push(note("spread_along_join", path, message));
    let dimensions = std::iter::once(join.dimension.clone()).chain(variables[0].dimensions.iter().cloned()).collect();
    let data_type = array.numbers().map(|numbers| retyped(&variables[0].data_type, numbers.primitive()));
    Ok(Combined { data_type, dimensions, shape: array.shape.clone(), data: ArrayData::Inline(array) })
}

/// The same type if it holds such numbers, else little-endian ones.
pub(super) fn retyped(data_type: &DataType, primitive: Primitive) -> DataType {
    match data_type.number() {
        Some((own, _)) if own == primitive => data_type.clone(),
        _ => DataType::little(primitive),
    }
}
