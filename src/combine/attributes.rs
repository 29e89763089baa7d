//! Attributes of many files become those of one dataset.
//!
//! Equal ones are kept. Of those that differ, the ones that say what values mean are conflicts, the ones that say how far a dataset
//! reaches become its extremes, and all others (`history`, `tracking_id`, …) are left out and noted.

use super::conflict::{self, Report, note};
use super::times::{self, Reencodings};
use super::{Context, groups};
use crate::model::{AttributeValue, Attributes, Conflict, ConflictKind, FileVariable, Numbers, VariablePath};

/// Attributes that decide how stored numbers become values.
const PACKING: [&str; 5] = ["scale_factor", "add_offset", "_FillValue", "missing_value", "_Unsigned"];

/// Attributes that decide what the values mean.
const MEANING: [&str; 19] = [
    "units",
    "calendar",
    "standard_name",
    "positive",
    "axis",
    "bounds",
    "climatology",
    "coordinates",
    "grid_mapping",
    "grid_mapping_name",
    "cell_methods",
    "formula_terms",
    "flag_values",
    "flag_masks",
    "flag_meanings",
    "valid_min",
    "valid_max",
    "valid_range",
    "ancillary_variables",
];

/// Attributes that are nothing but remarks: all others of a grid mapping say where the grid is (CF 5.6).
const REMARKS: [&str; 3] = ["long_name", "comment", "history"];

/// Global attributes of which the least is kept (Attribute Convention for Data Discovery 1.3).
const LEAST: [&str; 4] = ["time_coverage_start", "geospatial_lat_min", "geospatial_lon_min", "geospatial_vertical_min"];

/// Global attributes of which the greatest is kept.
const GREATEST: [&str; 4] =
    ["time_coverage_end", "geospatial_lat_max", "geospatial_lon_max", "geospatial_vertical_max"];

/// Checks that all files pack values in the same way.
pub(super) fn same_packing(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
) -> Result<(), Box<Conflict>> {
    for name in PACKING {
        let first = variables.first().and_then(|variable| variable.attributes.get(name));
        if let Some(other) = variables.iter().position(|variable| variable.attributes.get(name) != first) {
            return Err(meaning_differs(context, path, variables, name, other));
        }
    }
    Ok(())
}

/// The attributes of a variable of the cube.
pub(super) fn of_variable(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    times: &Reencodings,
    report: &mut Report,
) -> Result<Attributes, Box<Conflict>> {
    let encoding = times.get(path);
    let settled = |name: &str| encoding.is_some() && matches!(name, "units" | "calendar");
    let is_mapping = variables.iter().any(|variable| variable.attributes.contains_key("grid_mapping_name"));
    let mut merged = Attributes::new();
    let mut dropped = Vec::new();
    for name in names(variables.iter().map(|variable| variable.attributes.as_ref())) {
        let first = variables[0].attributes.get(name);
        let other = variables.iter().position(|variable| variable.attributes.get(name) != first);
        match (other, first) {
            (None, Some(value)) => {
                merged.insert(name.to_owned(), value.clone());
            }
            (Some(_), first) if settled(name) => {
                // Without a calendar the first file's times are in the standard one, and so are the cube's.
                if let Some(value) = first {
                    merged.insert(name.to_owned(), value.clone());
                }
            }
            (Some(other), _)
                if PACKING.contains(&name) || MEANING.contains(&name) || is_mapping && !REMARKS.contains(&name) =>
            {
                return Err(meaning_differs(context, path, variables, name, other));
            }
            _ => dropped.push(name.to_owned()),
        }
    }
    if let Some(encoding) = encoding {
        dropped.extend(times::rewrite_attributes(encoding, &mut merged));
    }
    for name in dropped {
        let message = format!("the attribute {name} differs between the files and is left out");
        report.notes.push(note("attribute_dropped", format!("{path}:{name}"), message));
    }
    Ok(merged)
}

fn meaning_differs(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    name: &str,
    other: usize,
) -> Box<Conflict> {
    let kind = match name {
        "units" => ConflictKind::Units,
        "calendar" => ConflictKind::Calendar,
        _ if PACKING.contains(&name) => ConflictKind::Packing,
        _ => ConflictKind::Attribute,
    };
    let remedy = match kind {
        ConflictKind::Packing => {
            "so much data packed in different ways is never concatenated: rewrite the files, or publish them apart"
        }
        _ => "let the item pattern tell these files apart, or correct the attribute",
    };
    let show = |file: usize| match variables[file].attributes.get(name) {
        Some(value) => format!("{name} = {}", shown(value)),
        None => format!("no attribute {name}"),
    };
    conflict::between(context, kind, path, other, show(0), show(other), remedy)
}

fn shown(value: &AttributeValue) -> String {
    let text = match value {
        AttributeValue::Text(text) => format!("{text:?}"),
        AttributeValue::Texts(texts) => format!("{texts:?}"),
        AttributeValue::Numbers(numbers) => match (numbers.to_i64(), numbers.to_f64()) {
            (Some(integers), _) => format!("{integers:?} ({:?})", numbers.primitive()),
            (None, floats) => format!("{floats:?} ({:?})", numbers.primitive()),
        },
        AttributeValue::Unsupported(class) => class.clone(),
    };
    match text.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The attributes of a group of the cube.
pub(super) fn of_group(context: &Context<'_>, path: &str, report: &mut Report) -> Attributes {
    let groups: Vec<&Attributes> = context
        .files
        .iter()
        .filter_map(|file| groups::find(&file.root, path))
        .map(|group| &*group.attributes)
        .collect();
    let mut merged = Attributes::new();
    let all_names = names(groups.iter().copied());
    for name in all_names {
        let values: Vec<Option<&AttributeValue>> = groups.iter().map(|attributes| attributes.get(name)).collect();
        let Some(first) = values.first().copied().flatten().or_else(|| values.iter().copied().flatten().next()) else {
            continue;
        };
        if values.iter().all(|value| *value == Some(first)) {
            merged.insert(name.to_owned(), first.clone());
        } else if let Some(extreme) = extreme(name, &values) {
            merged.insert(name.to_owned(), extreme);
        } else {
            let message = format!("the global attribute {name} differs between the files and is left out");
            report.notes.push(note("attribute_dropped", format!("{}:{name}", path.trim_start_matches('/')), message));
        }
    }
    merged
}

/// The least or greatest value of an attribute that says how far a dataset reaches.
fn extreme(name: &str, values: &[Option<&AttributeValue>]) -> Option<AttributeValue> {
    let least = match (LEAST.contains(&name), GREATEST.contains(&name)) {
        (true, _) => true,
        (_, true) => false,
        _ => return None,
    };
    let present: Vec<&AttributeValue> = values.iter().copied().collect::<Option<_>>()?;
    let texts: Option<Vec<&str>> = present.iter().map(|value| value.text()).collect();
    if let Some(texts) = texts {
        // ISO 8601 texts of one form sort as their times do.
        let same_form = texts.iter().all(|text| form(text) == form(texts[0]));
        let found = if least { texts.iter().min() } else { texts.iter().max() };
        return found.filter(|_| same_form).map(|text| AttributeValue::Text((*text).to_owned()));
    }
    let numbers: Vec<(&&AttributeValue, f64)> =
        present.iter().map(|value| Some((value, value.number()?))).collect::<Option<_>>()?;
    let same_type = |value: &AttributeValue| match (value, present[0]) {
        (AttributeValue::Numbers(a), AttributeValue::Numbers(b)) => Numbers::primitive(a) == Numbers::primitive(b),
        _ => false,
    };
    if !present.iter().all(|value| same_type(value)) {
        return None;
    }
    let order = |a: &&(&&AttributeValue, f64), b: &&(&&AttributeValue, f64)| a.1.total_cmp(&b.1);
    let found = if least { numbers.iter().min_by(order) } else { numbers.iter().max_by(order) };
    found.map(|(value, _)| (**value).clone())
}

/// The text with every digit as 0.
fn form(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

/// All names, those of the first file first, in its order.
fn names<'a>(all: impl Iterator<Item = &'a Attributes>) -> indexmap::IndexSet<&'a str> {
    all.flat_map(|attributes| attributes.keys().map(String::as_str)).collect()
}
