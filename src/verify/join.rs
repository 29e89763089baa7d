//! Which step of which file each step of the product is: by coordinate values, never by any placement.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::sources::{File, Sources};
use super::values::{Elements, Meaning, Value, beyond_tolerance, bounds_of};
use super::{Difference, DifferenceKind, Differences};
use crate::model::{DataType, FileVariable, Numbers};
use crate::read::{KerchunkArray, KerchunkStore, ReadError, Region, copy_region, read_slab};

/// A step of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Step {
    pub(super) file: usize,
    pub(super) position: u64,
}

/// The steps of the product along the join.
#[derive(Debug, Default)]
pub(super) struct Steps {
    /// The dimension that the files are joined along; `None` for a single file.
    pub(super) dimension: Option<String>,
    /// For each step of the product, the file's; `None` where there is none, which has been reported.
    pub(super) steps: Vec<Option<Step>>,
    /// The files, by their first step in the product.
    pub(super) order: Vec<usize>,
}

/// Matches the product's coordinates with the sources'; `None` if there is nothing to go by, which has been reported.
pub(super) fn find(store: &KerchunkStore, sources: &Sources<'_>, differences: &mut Differences) -> Option<Steps> {
    if sources.files.len() == 1 {
        return Some(Steps { order: vec![0], ..Steps::default() });
    }
    let key = match join_key(sources) {
        Ok(key) => key,
        Err(difference) => {
            differences.add(*difference);
            return None;
        }
    };
    let dimension = sources.files[0].variables.get(&key).and_then(|variable| variable.dimensions.first());
    let dimension = dimension.map_or_else(String::new, ToString::to_string);
    let Some(array) = store.arrays.get(&key) else {
        differences.add(Difference::new(DifferenceKind::Variable, "the coordinate of the join", "none").variable(&key));
        return None;
    };
    let mut known = HashMap::new();
    let mut lengths = vec![0; sources.files.len()];
    for (file, source) in sources.files.iter().enumerate() {
        let values = file_values(sources, source, &key).map_err(|difference| differences.add(*difference)).ok()?;
        lengths[file] = values.len();
        add_steps(&mut known, file, source, values, &key, differences);
    }
    let found = match product_values(store, sources, array, lengths.iter().sum()) {
        Ok(values) => values,
        Err(difference) => {
            differences.add(difference.variable(&key));
            return None;
        }
    };
    Some(matched(array, dimension, &known, &found, sources, &lengths, differences))
}

fn add_steps(
    known: &mut HashMap<Value, Step>,
    file: usize,
    source: &File<'_>,
    values: Vec<Value>,
    key: &str,
    differences: &mut Differences,
) {
    for (value, position) in values.into_iter().zip(0u64..) {
        match known.entry(value) {
            Entry::Vacant(entry) => {
                entry.insert(Step { file, position });
            }
            Entry::Occupied(entry) => {
                let found = format!("{} twice", entry.key());
                let difference = Difference::new(DifferenceKind::Join, "each step in one source", found);
                differences.add(difference.variable(key).file(&source.index.source.url));
            }
        }
    }
}

fn matched(
    array: &KerchunkArray,
    dimension: String,
    known: &HashMap<Value, Step>,
    found: &[Value],
    sources: &Sources<'_>,
    lengths: &[usize],
    differences: &mut Differences,
) -> Steps {
    let mut used: Vec<Vec<bool>> = lengths.iter().map(|length| vec![false; *length]).collect();
    let mut steps = Steps { dimension: Some(dimension), ..Steps::default() };
    for (value, at) in found.iter().zip(0u64..) {
        let step = known.get(value).copied();
        steps.steps.push(step);
        let chunk = array.grid.chunk_shape.first().and_then(|length| at.checked_div(*length)).unwrap_or(0);
        let report = |expected: &str, found: String| {
            Difference::new(DifferenceKind::Join, expected, found).variable(&array.key).chunk(&array.chunk_key(chunk))
        };
        let Some(Step { file, position }) = step else {
            differences.add(report("a coordinate of a source", format!("{value} at step {at}")));
            continue;
        };
        if !steps.order.contains(&file) {
            steps.order.push(file);
        }
        let seen = usize::try_from(position).ok().and_then(|position| used[file].get_mut(position));
        if seen.is_some_and(|seen| std::mem::replace(seen, true)) {
            let report = report("each step of a source once", format!("{value} again at step {at}"));
            differences.add(report.file(&sources.files[file].index.source.url));
        }
    }
    for (file, used) in used.iter().enumerate() {
        if let Some(first) = used.iter().position(|used| !used) {
            let missing = used.iter().filter(|used| !**used).count();
            let found = format!("{missing} steps missing, the first at {first}");
            let difference = Difference::new(DifferenceKind::Join, "every step of the source", found);
            differences.add(difference.variable(&array.key).file(&sources.files[file].index.source.url));
        }
        if !steps.order.contains(&file) {
            steps.order.push(file);
        }
    }
    steps
}

fn is_coordinate(key: &str, variable: &FileVariable) -> bool {
    matches!(variable.dimensions.as_slice(), [own] if key.rsplit('/').next() == Some(own.as_str()))
}

fn is_time_along(variable: &FileVariable) -> bool {
    let says_since = |units: &str| units.split_whitespace().nth(1) == Some("since");
    variable.dimensions.len() == 1 && variable.text("units").is_some_and(says_since)
}

/// The coordinate in which the sources differ: there must be exactly one.
fn join_key(sources: &Sources<'_>) -> Result<String, Box<Difference>> {
    let Some((first, others)) = sources.files.split_first() else { return Ok(String::new()) };
    let differing = |is_candidate: &dyn Fn(&str, &FileVariable) -> bool| -> Result<Vec<String>, Box<Difference>> {
        let mut differing = Vec::new();
        for (key, variable) in first.variables.iter().filter(|(key, variable)| is_candidate(key, variable)) {
            let own = file_values(sources, first, key)?;
            for other in others {
                let Some(found) = other.variables.get(key) else { continue };
                if found.dimensions != variable.dimensions || !are_same(&own, &file_values(sources, other, key)?) {
                    differing.push(key.clone());
                    break;
                }
            }
        }
        Ok(differing)
    };
    let mut found = differing(&is_coordinate)?;
    if found.is_empty() {
        // Dimensions without a coordinate that differs may have a time beside it.
        let is_time = |key: &str, variable: &FileVariable| !is_coordinate(key, variable) && is_time_along(variable);
        found = differing(&is_time)?;
        if found.len() > 1 {
            found.retain(|key| first.variables.get(key).is_some_and(|v| v.text("standard_name") == Some("time")));
        }
    }
    match found.as_slice() {
        [key] => Ok(key.clone()),
        found => {
            let found = if found.is_empty() { "none".to_owned() } else { found.join(", ") };
            let expected = "one coordinate in which the sources differ";
            Err(Box::new(Difference::new(DifferenceKind::Join, expected, found)))
        }
    }
}

fn are_same(first: &[Value], second: &[Value]) -> bool {
    let floats = |values: &[Value]| -> Option<Vec<f64>> {
        values
            .iter()
            .map(|value| if let Value::Float(bits) = value { Some(f64::from_bits(*bits)) } else { None })
            .collect()
    };
    if first.len() != second.len() {
        return false;
    }
    match (floats(first), floats(second)) {
        (Some(first), Some(second)) => beyond_tolerance(&first, &second, &[first.len() as u64]).is_none(),
        _ => first == second,
    }
}

/// The values of a coordinate in a source.
fn file_values(sources: &Sources<'_>, file: &File<'_>, key: &str) -> Result<Vec<Value>, Box<Difference>> {
    let report = |difference: Difference| Box::new(difference.variable(key).file(&file.index.source.url));
    let missing = || report(Difference::new(DifferenceKind::Variable, "the coordinate of the join", "none"));
    let variable = file.variables.get(key).ok_or_else(missing)?;
    if let Some(crate::model::ArrayValues::Strings(texts)) = variable.values.decoded().map(|array| &array.values) {
        return Ok(texts.iter().map(|text| Value::Text(text.clone().into_bytes())).collect());
    }
    let name = variable.dimensions.first().map_or(key, |name| name.as_str());
    let length = file.dimension_length(key, name).or_else(|| variable.grid.shape.first().copied()).unwrap_or(0);
    let unreadable = |error: ReadError| report(Difference::unreadable(&error));
    let source = sources.open(file, key).map_err(unreadable)?;
    let bytes = read_slab(variable, source.as_ref(), &[0], &[length]).map_err(unreadable)?;
    Ok(Elements { data_type: &variable.data_type, bytes: &bytes, meaning: &file.meaning(key) }.values())
}

/// The values of the product's coordinate; `expected` is the number of steps of all sources.
fn product_values(
    store: &KerchunkStore,
    sources: &Sources<'_>,
    array: &KerchunkArray,
    expected: usize,
) -> Result<Vec<Value>, Box<Difference>> {
    if array.grid.shape != [expected as u64] {
        let found = format!("{:?}", array.grid.shape);
        return Err(Box::new(Difference::new(DifferenceKind::Dimension, format!("[{expected}] steps"), found)));
    }
    let unreadable = |error: ReadError| Box::new(Difference::unreadable(&error));
    let open = |url: &str| sources.open_reference(url, &array.key);
    if array.data_type == DataType::VariableString {
        let mut texts = Vec::new();
        for number in 0..array.grid.chunk_count() {
            texts.extend(store.read_texts(array, number, &open).map_err(unreadable)?);
        }
        return Ok(texts.into_iter().map(|text| Value::Text(text.into_bytes())).collect());
    }
    let size = array.data_type.size().unwrap_or(0);
    let mut bytes = vec![0; expected.saturating_mul(size)];
    for number in 0..array.grid.chunk_count() {
        let chunk = store
            .read_chunk(array, number, &open)
            .map_err(|error| Box::new(Difference::unreadable(&error).chunk(&array.chunk_key(number))))?;
        let start: Vec<u64> = array
            .grid
            .coordinates(number)
            .iter()
            .zip(&array.grid.chunk_shape)
            .map(|(at, length)| at * length)
            .collect();
        let whole = Region { start: vec![0], count: array.grid.shape.clone() };
        let Some(common) = (Region { start, count: array.grid.chunk_shape.clone() }).intersection(&whole) else {
            continue;
        };
        let target = (&mut bytes[..], &array.grid.shape[..]);
        copy_region((&chunk, &array.grid.chunk_shape, 0), &[0], target, &common.start, (&common.count, size));
    }
    Ok(Elements { data_type: &array.data_type, bytes: &bytes, meaning: &product_meaning(store, array) }.values())
}

/// What the numbers of an array of the product mean.
pub(super) fn product_meaning(store: &KerchunkStore, array: &KerchunkArray) -> Meaning {
    let text = |key: &str, name: &str| store.arrays.get(key).and_then(|array| array.attributes.get(name)?.as_str());
    let bounds = bounds_of(store.arrays.keys().map(|key| (key.as_str(), move |name: &str| text(key, name))));
    let fill =
        (!array.fill_value.is_null()).then(|| array.data_type.number()).flatten().and_then(|(primitive, order)| {
            Numbers::from_bytes(primitive, order, &array.fill_element).to_f64().first().copied()
        });
    Meaning::new(&array.key, bounds.get(&array.key).map(String::as_str), text, fill)
}
