//! `cube:dimensions` and `cube:variables` of the datacube extension, v2.3.0.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::axis::{Axis, axis};
use super::dataset::{Coordinate, Dataset, Member, stac_data_type};
use super::numbers::shortest;
use super::period::Step;
use super::purpose::Purpose;
use super::temporal::{self, By, TimeAxis};
use crate::cftime::rfc3339;
use crate::model::{ArrayData, ArrayValues, AttributeValue, DataType, Statistics, VariablePath, VirtualCube};

/// How many values of a vertical or other axis are listed.
const LISTED_VALUES: usize = 200;

/// The pieces of a data cube.
pub(super) struct DataCube {
    pub(super) dimensions: Map<String, Value>,
    pub(super) variables: Map<String, Value>,
    /// The calendars of its time axes.
    pub(super) calendars: BTreeSet<String>,
}

/// Describes the dimensions that variables other than bounds have, and these variables.
pub(super) fn describe(
    cube: &VirtualCube,
    dataset: &Dataset<'_>,
    statistics: &BTreeMap<VariablePath, Statistics>,
) -> DataCube {
    let mut result = DataCube { dimensions: Map::new(), variables: Map::new(), calendars: BTreeSet::new() };
    for member in dataset.members.iter().filter(|member| member.purpose != Purpose::Bounds) {
        for (number, name) in shown_dimensions(member).enumerate() {
            let key = member.qualified(name, dataset);
            if !result.dimensions.contains_key(&key) {
                let length = member.variable.shape.get(number).copied().unwrap_or(0);
                let described = dimension(cube, dataset, member, name, length, &mut result.calendars);
                result.dimensions.insert(key, described);
            }
        }
        if member.purpose != Purpose::DimensionCoordinate {
            let statistics = statistics.get(&member.path);
            result.variables.insert(member.path.key().to_owned(), variable(dataset, member, statistics));
        }
    }
    result
}

/// A variable's dimensions without that of the characters of a text.
fn shown_dimensions<'m>(member: &'m Member<'_>) -> impl Iterator<Item = &'m str> {
    let variable = member.variable;
    let characters = usize::from(variable.data_type == DataType::FixedString { length: 1 });
    let shown = variable.dimensions.len().saturating_sub(characters);
    variable.dimensions[..shown].iter().map(|name| name.as_str())
}

/// A Variable Object of the extension; beside its fields the attributes of CF that say what a variable is, and `shape` and `chunks` (that of
/// the chunks of the sources, if they are all alike), as xstac has them.
fn variable(dataset: &Dataset<'_>, member: &Member<'_>, statistics: Option<&Statistics>) -> Value {
    let variable = member.variable;
    let dimensions: Vec<String> = shown_dimensions(member).map(|name| member.qualified(name, dataset)).collect();
    let kind = if member.purpose == Purpose::Data { "data" } else { "auxiliary" };
    let shown = dimensions.len();
    let mut described = Map::new();
    described.insert("dimensions".into(), json!(dimensions));
    described.insert("type".into(), kind.into());
    let name = variable.text("long_name").or_else(|| variable.text("standard_name"));
    insert_text(&mut described, "description", name);
    insert_text(&mut described, "unit", variable.text("units"));
    described.insert("data_type".into(), stac_data_type(&variable.data_type).into());
    let fill = ["_FillValue", "missing_value"].iter().find_map(|name| match variable.attributes.get(*name) {
        Some(AttributeValue::Numbers(numbers)) => shortest(numbers).first().copied(),
        _ => None,
    });
    described.extend(fill.map(|value| ("nodata".to_owned(), nodata(value))));
    for attribute in ["standard_name", "cell_methods"] {
        insert_text(&mut described, attribute, variable.text(attribute));
    }
    described.insert("shape".into(), json!(variable.shape.get(..shown).unwrap_or_default()));
    if let ArrayData::Placed { chunk_shape, .. } = &variable.data
        && let Some(chunks) = chunk_shape.get(..shown)
    {
        described.insert("chunks".into(), json!(chunks));
    }
    described.extend(statistics.map(|statistics| ("statistics".to_owned(), summary(statistics))));
    Value::Object(described)
}

/// The Statistics Object of STAC 1.1.0, and the number of valid values.
#[allow(clippy::cast_precision_loss)]
fn summary(statistics: &Statistics) -> Value {
    let Statistics { minimum, maximum, mean, stddev, count, valid_count } = statistics;
    let mut described = Map::new();
    for (name, value) in [("minimum", minimum), ("maximum", maximum), ("mean", mean), ("stddev", stddev)] {
        described.extend(value.map(|value| (name.to_owned(), json!(value))));
    }
    described.insert("count".into(), json!(count));
    described.insert("valid_count".into(), json!(valid_count));
    if *count > 0 {
        described.insert("valid_percent".into(), json!(*valid_count as f64 / *count as f64 * 100.0));
    }
    Value::Object(described)
}

fn insert_text(object: &mut Map<String, Value>, key: &str, text: Option<&str>) {
    if let Some(text) = text.filter(|text| !text.trim().is_empty()) {
        object.insert(key.into(), text.into());
    }
}

fn nodata(value: f64) -> Value {
    match value {
        value if value.is_nan() => "nan".into(),
        f64::INFINITY => "inf".into(),
        f64::NEG_INFINITY => "-inf".into(),
        value => value.into(),
    }
}

fn dimension(
    cube: &VirtualCube,
    dataset: &Dataset<'_>,
    user: &Member<'_>,
    name: &str,
    length: u64,
    calendars: &mut BTreeSet<String>,
) -> Value {
    let Some(coordinate) = dataset.dimension_coordinate(user.group, name) else { return by_index(length) };
    let mut described = if temporal::is_time(coordinate.variable)
        && let Ok(time) = temporal::read_axis(dataset, coordinate)
    {
        calendars.insert(time.units.calendar().to_string());
        of_time(dataset, coordinate, &time)
    } else {
        of_values(cube, dataset, coordinate, length)
    };
    if let Value::Object(described) = &mut described {
        let label = coordinate.variable.text("long_name").or_else(|| coordinate.variable.text("standard_name"));
        insert_text(described, "description", label);
    }
    described
}

/// A dimension without coordinates: only its positions are known.
fn by_index(length: u64) -> Value {
    json!({"type": "index", "extent": [0, length.saturating_sub(1)]})
}

/// Real calendars in RFC 3339; model calendars, whose dates are not all there in RFC 3339, in the numbers of the file.
fn of_time(dataset: &Dataset<'_>, member: &Member<'_>, time: &TimeAxis) -> Value {
    let calendar = time.units.calendar();
    let real = |instant| calendar.nearest_real(instant).map(rfc3339).ok().filter(|_| calendar.is_real());
    // The coordinates of a climatology are typical of many years, those of its bounds.
    let by = if time.is_climatology { By::Auto } else { By::Axis };
    let (first, last) = time.reach(by).unwrap_or((time.first, time.last));
    let mut described = match (real(first), real(last)) {
        (Some(first), Some(last)) => {
            let step = time.step.map(|step| step.period().to_string());
            let mut described = json!({"type": "temporal", "extent": [first, last], "step": step});
            let is_listed = !matches!(time.step, Some(Step::Exact(_)));
            let values: Option<Vec<String>> =
                time.instants.iter().take(LISTED_VALUES + 1).map(|at| real(*at)).collect();
            list(&mut described, values.filter(|_| is_listed));
            described
        }
        _ => in_numbers(dataset, member, time),
    };
    if time.is_climatology {
        described["climatology"] = true.into();
    }
    described
}

fn in_numbers(dataset: &Dataset<'_>, member: &Member<'_>, time: &TimeAxis) -> Value {
    let (low, high) = numeric_range(dataset, member).unwrap_or_default();
    let mut described = json!({
        "type": "temporal",
        "extent": [low, high],
        "unit": time.units.text(),
        "reference_system": time.units.calendar().to_string(),
    });
    let even = super::period::even_microseconds(&time.instants);
    match even.filter(|_| matches!(time.step, Some(Step::Exact(_)))) {
        Some(step) => {
            #[allow(clippy::cast_precision_loss)]
            let step = step as f64 / time.units.unit().microseconds() as f64;
            described["step"] = step.into();
        }
        None => {
            let values = match dataset.numbers(member) {
                Some(Coordinate::Whole(values)) => values,
                _ => Vec::new(),
            };
            list(&mut described, Some(values).filter(|values| values.iter().all(|value| value.is_finite())));
        }
    }
    described
}

/// Lists values, unless there are none or too many.
fn list<V: serde::Serialize>(described: &mut Value, values: Option<Vec<V>>) {
    if let Some(values) = values.filter(|values| (1..=LISTED_VALUES).contains(&values.len())) {
        described["values"] = json!(values);
    }
}

fn numeric_range(dataset: &Dataset<'_>, member: &Member<'_>) -> Option<(f64, f64)> {
    match dataset.numbers(member)? {
        Coordinate::Digest(digest) => Some((digest.minimum, digest.maximum)),
        Coordinate::Whole(values) => {
            let finite = || values.iter().copied().filter(|value| value.is_finite());
            Some((finite().reduce(f64::min)?, finite().reduce(f64::max)?))
        }
    }
}

fn of_values(cube: &VirtualCube, dataset: &Dataset<'_>, member: &Member<'_>, length: u64) -> Value {
    let Some((low, high)) = numeric_range(dataset, member) else { return of_texts(member, length) };
    let values = match dataset.numbers(member) {
        Some(Coordinate::Whole(values)) => values,
        _ => Vec::new(),
    };
    let mut described = Map::new();
    let axis = axis(member.variable);
    match axis {
        Some(Axis::Longitude | Axis::X | Axis::Latitude | Axis::Y) => {
            let letter = if matches!(axis, Some(Axis::Longitude | Axis::X)) { "x" } else { "y" };
            described.extend([("type".into(), "spatial".into()), ("axis".into(), letter.into())]);
            described.insert("reference_system".into(), reference_system(cube, axis));
        }
        Some(Axis::Vertical) => described.extend([("type".into(), "spatial".into()), ("axis".into(), "z".into())]),
        _ => {
            let kind = member.variable.text("standard_name").unwrap_or(member.variable.name.as_str());
            described.insert("type".into(), other_type(kind).into());
        }
    }
    described.insert("extent".into(), json!([low, high]));
    if !matches!(axis, Some(Axis::Longitude | Axis::X | Axis::Latitude | Axis::Y)) {
        insert_text(&mut described, "unit", member.variable.text("units"));
        if (1..=LISTED_VALUES).contains(&values.len()) && values.iter().all(|value| value.is_finite()) {
            described.insert("values".into(), json!(values));
        }
    }
    if let Some(step) = regular_step(&values) {
        described.insert("step".into(), step.into());
    }
    Value::Object(described)
}

/// The extension keeps these words for dimensions of its own.
fn other_type(kind: &str) -> &str {
    if matches!(kind, "spatial" | "geometry" | "temporal") { "index" } else { kind }
}

/// Degrees of WGS 84, or the grid mapping's name: coordinates of a rotated or projected grid are not degrees east and north.
fn reference_system(cube: &VirtualCube, axis: Option<Axis>) -> Value {
    if matches!(axis, Some(Axis::Latitude | Axis::Longitude)) {
        return 4326.into();
    }
    let mappings = cube.root.all_variables();
    let name = mappings.iter().find_map(|(_, variable)| variable.text("grid_mapping_name"));
    name.unwrap_or("unknown").into()
}

/// The step of evenly spaced values, to seven digits.
fn regular_step(values: &[f64]) -> Option<f64> {
    let (first, last) = (values.first()?, values.last()?);
    #[allow(clippy::cast_precision_loss)]
    let step = (last - first) / values.len().checked_sub(1).filter(|steps| *steps > 0)? as f64;
    let even = |pair: &[f64]| (pair[1] - pair[0] - step).abs() <= step.abs() * 1e-3;
    (step != 0.0 && step.is_finite() && values.windows(2).all(even))
        .then(|| format!("{step:.6e}").parse().unwrap_or(step))
}

/// A dimension of texts, or of numbers that were not kept.
fn of_texts(member: &Member<'_>, length: u64) -> Value {
    let texts = match member.variable.inline().map(|array| &array.values) {
        Some(ArrayValues::Strings(texts)) => texts.clone(),
        Some(ArrayValues::FixedStrings { length, bytes }) => {
            let width = usize::try_from(*length).unwrap_or(1).max(1);
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim_end_matches(['\0', ' ']).to_owned();
            bytes.chunks_exact(width).map(text).collect()
        }
        _ => Vec::new(),
    };
    if texts.is_empty() || texts.len() > LISTED_VALUES {
        return by_index(length);
    }
    json!({"type": other_type(member.variable.name.as_str()), "values": texts})
}
