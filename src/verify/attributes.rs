//! Attributes: those of variables are the first file's, those of groups are merged.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::packing::STORAGE;
use super::sources::Sources;
use super::values::same_but_order;
use super::variable::Checked;
use super::{Difference, DifferenceKind, Differences};
use crate::model::{AttributeValue, Attributes, FileVariable, Numbers};
use crate::read::ProductStore;

const FILL_VALUE: &str = "_FillValue";
/// The product's own name of the dimensions.
const DIMENSIONS: &str = "_ARRAY_DIMENSIONS";
/// Attributes that say what numbers mean: where files differ in one, their numbers cannot be one array.
const MEANING: [&str; 8] =
    ["units", "scale_factor", "add_offset", "missing_value", "_Unsigned", "flag_values", "flag_masks", "flag_meanings"];

/// Whether JSON says the value of an attribute: integers without, floats with a point or exponent, NaN and infinities as texts.
pub(super) fn is_equal(found: &Value, expected: &AttributeValue) -> bool {
    match (expected, found) {
        (AttributeValue::Text(expected), Value::String(found)) => expected == found,
        (AttributeValue::Texts(expected), Value::Array(found)) => {
            expected.len() == found.len() && expected.iter().zip(found).all(|(a, b)| b.as_str() == Some(a))
        }
        (AttributeValue::Numbers(numbers), Value::Array(found)) if numbers.len() != 1 => {
            numbers.len() == found.len()
                && found.iter().enumerate().all(|(at, value)| is_number(value, &numbers.slice(at..at + 1)))
        }
        (AttributeValue::Numbers(numbers), found) if numbers.len() == 1 => is_number(found, numbers),
        _ => false,
    }
}

fn is_number(found: &Value, expected: &Numbers) -> bool {
    if expected.primitive().is_float() {
        let Some(expected) = expected.to_f64().first().copied() else { return false };
        return match found {
            Value::Number(found) if found.is_f64() => found.as_f64().map(f64::to_bits) == Some(expected.to_bits()),
            Value::String(text) => match text.as_str() {
                "NaN" => expected.is_nan(),
                "Infinity" => expected == f64::INFINITY,
                "-Infinity" => expected == f64::NEG_INFINITY,
                _ => false,
            },
            _ => false,
        };
    }
    match expected {
        Numbers::U64(values) => values.first().is_some_and(|value| found.as_u64() == Some(*value)),
        other => other.to_i64().is_some_and(|values| values.first().copied() == found.as_i64() && !values.is_empty()),
    }
}

fn shown(value: &AttributeValue) -> String {
    match value {
        AttributeValue::Text(text) => format!("{text:?}"),
        AttributeValue::Texts(texts) => format!("{texts:?}"),
        AttributeValue::Numbers(numbers) => match numbers.to_i64() {
            Some(values) => format!("{values:?}"),
            None => format!("{:?}", numbers.to_f64()),
        },
        AttributeValue::Unsupported(class) => format!("a value of type {class}"),
    }
}

/// Attributes of a type that is not carried over are in no product.
fn is_carried(value: &AttributeValue) -> bool {
    !matches!(value, AttributeValue::Unsupported(_))
}

/// Attributes whose numbers are packed like the values (CF 8.1): they do not outlive another way of storing these.
const PACKED_RANGES: [&str; 3] = ["valid_min", "valid_max", "valid_range"];

/// Attributes whose numbers are in the units of their variable: they do not outlive a change of the units.
const IN_UNITS: [&str; 5] = ["missing_value", "valid_min", "valid_max", "valid_range", "actual_range"];

/// The attributes of a variable are those that all files agree on, with `_FillValue` in `.zarray`; one that differs is left out, or is
/// some file's. Returns how many there are.
pub(super) fn check_variable(checked: &Checked<'_>, differences: &mut Differences) -> u64 {
    let (first, found) = (&checked.variable.attributes, &checked.array.attributes);
    let fill_stays = !checked.is_repacked && check_fill(checked, differences);
    let is_reencoded_time = checked.is_reencoded && checked.meaning.is_time();
    // How values are packed is compared by the values.
    let is_free = |name: &str| {
        is_reencoded_time && matches!(name, "units" | "calendar") || checked.is_repacked && STORAGE.contains(&name)
    };
    let in_files: Vec<&Attributes> = checked
        .sources
        .files
        .iter()
        .filter_map(|file| Some(file.variables.get(checked.key)?.attributes.as_ref()))
        .collect();
    let names: BTreeSet<&str> = in_files.iter().flat_map(|attributes| attributes.keys().map(String::as_str)).collect();
    let count = names.len() as u64;
    for name in names.into_iter().filter(|name| *name != DIMENSIONS && !is_free(name)) {
        if name == FILL_VALUE && !fill_stays {
            continue;
        }
        let expected = first.get(name).filter(|value| is_carried(value));
        let agree = in_files.iter().all(|attributes| attributes.get(name) == first.get(name));
        let is_right = match (found.get(name), expected) {
            (None, None) => true,
            (None, Some(_)) => {
                !agree
                    || (checked.is_repacked && PACKED_RANGES.contains(&name))
                    || (is_reencoded_time && (IN_UNITS.contains(&name) || name == FILL_VALUE))
            }
            (Some(says), _) => {
                in_files.iter().filter_map(|attributes| attributes.get(name)).any(|value| is_equal(says, value))
            }
        };
        if !is_right {
            let expected =
                expected.map_or_else(|| format!("no attribute {name}"), |value| format!("{name} = {}", shown(value)));
            let found = found.get(name).map_or_else(|| "none".into(), Value::to_string);
            differences.add(checked.difference(DifferenceKind::Attribute, expected, found));
        }
    }
    for (name, value) in found {
        let is_known =
            in_files.iter().any(|attributes| attributes.contains_key(name)) && (name != FILL_VALUE || fill_stays);
        if !is_known && !is_free(name) {
            let found = format!("{name} = {value}");
            differences.add(checked.difference(DifferenceKind::Attribute, format!("no attribute {name}"), found));
        }
    }
    count
}

/// `fill_value` says `_FillValue`, or null; true if `_FillValue` stays an attribute because it is of another type.
fn check_fill(checked: &Checked<'_>, differences: &mut Differences) -> bool {
    let says = &checked.array.fill_value;
    let attribute = checked.variable.attributes.get(FILL_VALUE);
    let wrong = |expected: String| checked.difference(DifferenceKind::Fill, expected, format!("fill_value {says}"));
    match (attribute, checked.variable.data_type.number()) {
        (Some(AttributeValue::Numbers(numbers)), Some((primitive, order)))
            if numbers.len() == 1 && numbers.primitive() == primitive =>
        {
            // Of all NaN, only one comes through JSON.
            let is_nan = numbers.to_f64().first().is_some_and(|value| value.is_nan());
            let is_same = if is_nan { says == "NaN" } else { numbers.to_bytes(order) == checked.array.fill_element };
            let is_same_type = checked.array.data_type.numpy() == checked.variable.data_type.numpy();
            // Times in new units have no fill value: it was a number in the old ones.
            let is_dropped = says.is_null() && checked.is_reencoded;
            if is_same_type && !is_dropped && (says.is_null() || !is_same) {
                differences.add(wrong(format!("fill_value {}", shown(&AttributeValue::Numbers(numbers.clone())))));
            }
            false
        }
        (attribute, number) => {
            if !says.is_null() {
                differences.add(wrong("fill_value null".into()));
            }
            attribute.is_some() && number.is_some()
        }
    }
}

/// All files agree about what the numbers of a variable mean.
pub(super) fn check_agreement(checked: &Checked<'_>, file: usize, other: &FileVariable, differences: &mut Differences) {
    let first = checked.variable;
    let both_times = checked.meanings[file].is_time() && checked.meanings[checked.first].is_time();
    let mut report = |expected: String, found: String| {
        let difference = checked.difference(DifferenceKind::Meaning, expected, found);
        differences.add(difference.file(&checked.sources.files[file].index.source.url));
    };
    // All that a grid mapping has says where the grid is, but for what it is called.
    let is_mapping = first.attributes.contains_key("grid_mapping_name");
    let of_mapping = first.attributes.keys().chain(other.attributes.keys()).map(String::as_str);
    let of_mapping = of_mapping.filter(|name| is_mapping && !["long_name", "comment", "history"].contains(name));
    let names: BTreeSet<&str> = MEANING.into_iter().chain([FILL_VALUE]).chain(of_mapping).collect();
    for name in names {
        let (a, b) = (first.attributes.get(name), other.attributes.get(name));
        if a != b && !both_times && !(checked.is_repacked && STORAGE.contains(&name)) {
            let text = |value: Option<&AttributeValue>| value.map_or_else(|| "none".into(), shown);
            report(format!("{name} = {} as in the first file", text(a)), text(b));
        }
    }
    if !same_but_order(&first.data_type, &other.data_type) && !both_times && !checked.is_repacked {
        report(format!("{} as in the first file", first.data_type), other.data_type.to_string());
    }
    if let (Some(a), Some(b)) = (checked.meanings[checked.first].calendar(), checked.meanings[file].calendar())
        && a != b
        && !(a.is_real() && b.is_real())
    {
        report(format!("the calendar {a:?} as in the first file"), format!("{b:?}"));
    }
    if first.dimensions != other.dimensions {
        report(format!("{:?} as in the first file", first.dimensions), format!("{:?}", other.dimensions));
    }
}

/// The groups are those of the files, their attributes merged. Returns how many attributes there are.
pub(super) fn check_groups(
    store: &ProductStore,
    sources: &Sources<'_>,
    order: &[usize],
    differences: &mut Differences,
) -> u64 {
    let mut count = 0;
    let in_files: BTreeSet<&str> =
        sources.files.iter().flat_map(|file| file.groups.keys().map(String::as_str)).collect();
    let all: BTreeSet<&str> = in_files.iter().copied().chain(store.groups.keys().map(String::as_str)).collect();
    for path in all {
        let Some(found) = store.groups.get(path).filter(|_| in_files.contains(path)) else {
            let (expected, found) =
                if in_files.contains(path) { ("the group", "none") } else { ("no such group", "the group") };
            let difference = Difference::new(DifferenceKind::Variable, expected, found);
            differences.add(difference.variable(&format!("/{path}")));
            continue;
        };
        let groups = order.iter().filter_map(|file| sources.files[*file].groups.get(path));
        let files: Vec<&Attributes> = groups.map(|group| &*group.attributes).collect();
        count += check_merged((path, store), found, &files, differences);
    }
    count
}

fn check_merged(
    (path, store): (&str, &ProductStore),
    found: &Map<String, Value>,
    files: &[&Attributes],
    differences: &mut Differences,
) -> u64 {
    let is_own = |name: &&str| path.is_empty() && store.own_attributes.contains(*name);
    let names = files.iter().flat_map(|file| file.keys().map(String::as_str));
    let names: BTreeSet<&str> = names.filter(|name| !is_own(name)).collect();
    let mut report = |expected: String, found: String| {
        let difference = Difference::new(DifferenceKind::Attribute, expected, found);
        differences.add(if path.is_empty() { difference } else { difference.variable(&format!("/{path}")) });
    };
    for name in &names {
        let values: Vec<&AttributeValue> =
            files.iter().filter_map(|file| file.get(*name)).filter(|v| is_carried(v)).collect();
        let says = found.get(*name);
        let is_common = values.len() == files.len() && values.windows(2).all(|pair| pair[0] == pair[1]);
        match (says, values.first()) {
            (None, Some(first)) if is_common => report(format!("{name} = {}", shown(first)), "none".into()),
            (Some(says), _) if !comes_from(says, &values) => {
                let expected = values.first().map_or_else(|| "nothing".into(), |first| shown(first));
                report(format!("{name} of the sources, such as {expected}"), says.to_string());
            }
            _ => {}
        }
    }
    for (name, value) in found.iter().filter(|(name, _)| !names.contains(name.as_str())) {
        report(format!("no attribute {name}"), format!("{name} = {value}"));
    }
    names.len() as u64
}

/// Whether a value is one file's; or a list, or lines of text, each of which is some file's.
fn comes_from(says: &Value, values: &[&AttributeValue]) -> bool {
    if values.iter().any(|value| is_equal(says, value)) {
        return true;
    }
    if values.windows(2).all(|pair| pair[0] == pair[1]) {
        return false;
    }
    match says {
        Value::Array(list) => {
            !list.is_empty() && list.iter().all(|one| values.iter().any(|value| is_equal(one, value)))
        }
        Value::String(text) => {
            let lines: BTreeSet<&str> =
                values.iter().filter_map(|value| value.text()).flat_map(str::lines).map(str::trim).collect();
            !text.is_empty() && text.lines().all(|line| lines.contains(line.trim()))
        }
        _ => false,
    }
}
