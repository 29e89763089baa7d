//! Values that files store in different ways: packed otherwise, of other types, with other numbers for "nothing".
//!
//! Small ones are decoded (CF 8.1, 2.5.1) and encoded in one way: the first file's if every value survives it exactly, else another file's,
//! else as binary64. Large ones are not read here: their way is the first of these, or binary32, that holds whatever the files' types can say, and
//! they stand apart. What none of these can hold is refused.

use std::sync::Arc;

use super::axis::is_time_like;
use super::conflict::{self, Report, note};
use super::times::Reencodings;
use super::{Context, attributes, statics};
use crate::codec::{STORING_ATTRIBUTES, Storing};
use crate::model::{
    Array, ArrayValues, Attributes, Conflict, DataType, FileVariable, Numbers, Primitive, SmallValues, VariablePath,
};

/// Attributes whose numbers are in packed units: they hold for one way of storing alone.
const PACKED: [&str; 6] = ["valid_min", "valid_max", "valid_range", "flag_values", "flag_masks", "_Unsigned"];

/// A variable of all files, stored in one way.
pub(super) struct Rewritten {
    pub(super) variables: Vec<FileVariable>,
    /// How they differed.
    pub(super) conflict: Box<Conflict>,
    /// Whether the values are left where they are, in the ways of their files.
    pub(super) is_apart: bool,
}

/// The variables stored in one way, if they are not; `None` if they are, or times are written anew anyhow.
///
/// # Errors
/// They differ, and no way can hold them all.
pub(super) fn alike(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    times: &Reencodings,
    report: &mut Report,
) -> Result<Option<Rewritten>, Box<Conflict>> {
    if times.get(path).is_some() {
        return Ok(None);
    }
    let of_type = conflict::same_type(context, path, variables);
    let Err(conflict) = of_type.and_then(|()| attributes::same_packing(context, path, variables)) else {
        return Ok(None);
    };
    let is_plain = |variable: &&FileVariable| {
        matches!(variable.data_type, DataType::Number { .. })
            && !is_time_like(variable)
            && !PACKED.iter().any(|name| variable.attributes.contains_key(*name))
    };
    let ways: Option<Vec<Storing>> = variables.iter().map(|v| Storing::of(&v.data_type, &v.attributes)).collect();
    let Some(ways) = ways.filter(|_| variables.iter().all(is_plain)) else { return Err(conflict) };
    if let Some((variables, data_type)) = rewritten(context, path, variables, &ways) {
        let message = format!(
            "the files store it in different ways (expected {}, found {} in {}): it is written anew as {data_type}, every value exactly",
            conflict.expected,
            conflict.found,
            conflict.files.last().map_or("", String::as_str)
        );
        report.notes.push(note("values_rewritten", path, message));
        return Ok(Some(Rewritten { variables, conflict, is_apart: false }));
    }
    match candidates(&ways).into_iter().find(|way| ways.iter().all(|other| way.holds(other))) {
        Some(way) => {
            let variables = variables.iter().map(|variable| stored(variable, &way, None)).collect();
            Ok(Some(Rewritten { variables, conflict, is_apart: true }))
        }
        None => Err(conflict),
    }
}

/// The ways of the files, the first one's first, and plain ones.
fn candidates(ways: &[Storing]) -> Vec<Storing> {
    let mut found: Vec<Storing> = Vec::new();
    for way in ways.iter().chain(&[Storing::plain(Primitive::F32), Storing::plain(Primitive::F64)]) {
        if !found.contains(way) {
            found.push(way.clone());
        }
    }
    found
}

fn rewritten(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    ways: &[Storing],
) -> Option<(Vec<FileVariable>, DataType)> {
    let bytes = variables.iter().fold(0u64, |sum, variable| sum.saturating_add(statics::byte_size(variable)));
    let is_whole = context.shapes(path, variables).iter().zip(variables).all(|(shape, v)| *shape == v.grid.shape);
    if bytes > context.settings.inline_limit || !is_whole {
        return None;
    }
    let mut arrays = Vec::new();
    for (file, variable) in variables.iter().enumerate() {
        arrays.push(context.values(path, file, variable).ok()?);
    }
    let numbers: Vec<(&Storing, &Numbers)> =
        ways.iter().zip(&arrays).map(|(way, array)| Some((way, array.numbers()?))).collect::<Option<_>>()?;
    // Values that are read say themselves whether they need 64 bits; a type that no file has is one surprise enough.
    let is_double = |way: &Storing| ways.contains(way) || *way == Storing::plain(Primitive::F64);
    candidates(ways).into_iter().filter(is_double).find_map(|way| {
        let encoded = way.store_all(&numbers)?;
        let stored = |(variable, numbers): (&&FileVariable, Numbers)| stored(variable, &way, Some(numbers));
        Some((variables.iter().zip(encoded).map(stored).collect(), way.data_type().clone()))
    })
}

/// The variable as if its file had stored it in this way; without values, if none are given.
fn stored(variable: &FileVariable, way: &Storing, numbers: Option<Numbers>) -> FileVariable {
    let mut attributes: Attributes = (*variable.attributes).clone();
    STORING_ATTRIBUTES.iter().for_each(|name| {
        attributes.shift_remove(*name);
    });
    attributes.extend(way.attributes().iter().map(|(name, value)| (name.clone(), value.clone())));
    let fill_value = if numbers.is_none() { way.missing_element() } else { None };
    let values = match numbers {
        Some(numbers) => Array { shape: variable.grid.shape.clone(), values: ArrayValues::Numbers(numbers) }.into(),
        None => SmallValues::NotRead,
    };
    let data_type = way.data_type().clone();
    let mut stored = FileVariable { values, ..variable.clone() };
    (stored.data_type, stored.attributes, stored.fill_value) = (data_type, Arc::new(attributes), fill_value);
    stored
}
