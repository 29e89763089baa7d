//! What one file holds.

use std::fmt::{self, Write as _};

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::chain;
use super::item::{coordinate_digests, index_source, storage_error};
use super::values::FileValues;
use crate::combine::combine;
use crate::describe::{read_coverage, read_purposes};
use crate::model::recipe::AggregateSettings;
use crate::model::{
    AttributeValue, Attributes, Conflict, DimensionName, FileGroup, FileIndex, FileVariable, ItemError, Note, Numbers,
    SourceUrl, VariablePath, VirtualCube,
};
use crate::storage::open_to_inspect;

/// The answer of `altostac inspect`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct InspectReport {
    /// The file: a path, or a URL without secrets.
    pub path: String,
    /// Bytes.
    pub size: u64,
    /// `netCDF-4`, `HDF5`, …
    pub format: String,
    /// The root group.
    #[serde(flatten)]
    pub group: InspectedGroup,
    /// Where and when its data are, if that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<InspectedCoverage>,
    /// Why where and when cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_coverage: Option<String>,
    /// What a reader of the file should know.
    pub notes: Vec<Note>,
}

/// A group of a file.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct InspectedGroup {
    /// The dimensions that it defines.
    pub dimensions: IndexMap<String, InspectedDimension>,
    /// Its variables.
    pub variables: IndexMap<String, InspectedVariable>,
    /// Its attributes; of the root: the global attributes.
    pub attributes: IndexMap<String, Value>,
    /// Groups within it.
    #[serde(skip_serializing_if = "IndexMap::is_empty", default)]
    pub groups: IndexMap<String, InspectedGroup>,
}

/// A dimension.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, JsonSchema)]
pub struct InspectedDimension {
    /// Its length.
    pub size: u64,
    /// Whether it can grow.
    pub unlimited: bool,
}

/// A variable.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct InspectedVariable {
    /// NumPy's type string; absent for types that products do not carry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// The type in words.
    #[serde(rename = "type")]
    pub data_type: String,
    /// What it is by the CF conventions: `data`, `coordinate`, `bounds`, `grid_mapping`, `auxiliary`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The names of its dimensions, slowest first.
    pub dimensions: Vec<String>,
    /// Its length along each, as stored.
    pub shape: Vec<u64>,
    /// `contiguous`, `compact` or `chunked`; where the file does not hold the values `virtual`, `external` or `unknown`.
    pub layout: String,
    /// Why no product can carry the variable: its type, or where its values are instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
    /// A chunk's length along each dimension.
    pub chunk_shape: Vec<u64>,
    /// How many chunks were written.
    pub chunks: usize,
    /// How many were never written.
    pub missing_chunks: usize,
    /// The bytes of all chunks as stored.
    pub stored_bytes: u64,
    /// The filters, in the order in which they were applied.
    pub codecs: Vec<String>,
    /// Its attributes.
    pub attributes: IndexMap<String, Value>,
}

/// Where and when.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct InspectedCoverage {
    /// West, south, east, north in degrees; west > east crosses the antimeridian.
    pub bbox: [f64; 4],
    /// The first instant.
    pub start: String,
    /// The last instant.
    pub end: String,
}

impl fmt::Display for InspectedCoverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [west, south, east, north] = self.bbox;
        write!(f, "{west} to {east} °E, {south} to {north} °N; {} to {}", self.start, self.end)
    }
}

/// Says what a file holds.
///
/// # Errors
/// [`ItemError`] if the file cannot be indexed.
pub fn inspect(url: &SourceUrl) -> Result<InspectReport, ItemError> {
    let index = index_url(url)?;
    let alone = super::references::carried(&mut index.clone(), &mut Vec::new());
    let (coverage, no_coverage) = match alone.as_ref().map(|cube| read_coverage(cube, &digests(&index))) {
        Ok(Ok(coverage)) => {
            let place = coverage.bounding_box;
            let bbox = [place.west, place.south, place.east, place.north];
            let text = crate::cftime::rfc3339;
            let (start, end) = (text(coverage.temporal.start), text(coverage.temporal.end));
            (Some(InspectedCoverage { bbox, start, end }), None)
        }
        Ok(Err(error)) => (None, Some(chain(&error))),
        Err(error) => (None, Some(error.message.clone())),
    };
    let purposes = alone.as_ref().map(|cube| read_purposes(cube, &digests(&index))).unwrap_or_default();
    let role = |path: &VariablePath| purposes.get(path).map(ToString::to_string);
    Ok(InspectReport {
        path: url.to_string(),
        size: index.source.size,
        format: index.format.to_string(),
        group: group(&index.root, &role),
        coverage,
        no_coverage,
        notes: index.notes.clone(),
    })
}

pub(super) fn index_url(url: &SourceUrl) -> Result<FileIndex, ItemError> {
    let source = open_to_inspect(url).map_err(|error| storage_error(url, &error))?;
    index_source(source.as_ref())
}

fn digests(index: &FileIndex) -> std::collections::BTreeMap<VariablePath, crate::model::Digest> {
    coordinate_digests(std::slice::from_ref(index))
}

/// The file as a dataset of its own.
pub(super) fn alone(index: &FileIndex) -> Result<VirtualCube, Vec<Conflict>> {
    combine(std::slice::from_ref(index), &[], &AggregateSettings::default(), &FileValues)
}

fn group(group: &FileGroup, role: &dyn Fn(&VariablePath) -> Option<String>) -> InspectedGroup {
    let dimension = |(name, found): (&DimensionName, &crate::model::Dimension)| {
        (name.to_string(), InspectedDimension { size: found.length, unlimited: found.unlimited })
    };
    let inspected = |found: &FileVariable| {
        (found.name.to_string(), variable(found, role(&VariablePath::new(&group.path, &found.name))))
    };
    InspectedGroup {
        dimensions: group.dimensions.iter().map(dimension).collect(),
        variables: group.variables.values().map(inspected).collect(),
        attributes: attributes(&group.attributes),
        groups: group.groups.iter().map(|(name, inner)| (name.clone(), self::group(inner, role))).collect(),
    }
}

fn variable(found: &FileVariable, role: Option<String>) -> InspectedVariable {
    // What is not in the file was not left unwritten either.
    let chunks = found.manifest.present();
    let missing_chunks = if found.layout.obstacle().is_some() { 0 } else { found.manifest.len() - chunks };
    InspectedVariable {
        dtype: found.data_type.numpy(),
        data_type: found.data_type.to_string(),
        role,
        dimensions: found.dimensions.iter().map(ToString::to_string).collect(),
        shape: found.grid.shape.clone(),
        layout: found.layout.to_string(),
        obstacle: found.obstacle().map(str::to_owned),
        chunk_shape: found.grid.chunk_shape.clone(),
        chunks,
        missing_chunks,
        stored_bytes: found.manifest.written().fold(0, |sum: u64, (_, location)| sum.saturating_add(location.length)),
        codecs: found.codecs.0.iter().map(ToString::to_string).collect(),
        attributes: attributes(&found.attributes),
    }
}

fn attributes(found: &Attributes) -> IndexMap<String, Value> {
    found.iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::Text(text) => json!(text),
        AttributeValue::Texts(texts) => json!(texts),
        AttributeValue::Unsupported(class) => json!({ "unsupported": class }),
        AttributeValue::Numbers(numbers) => {
            let mut values = match numbers.to_i64() {
                Some(integers) => integers.into_iter().map(Value::from).collect(),
                None => floats(numbers),
            };
            if values.len() == 1 { values.remove(0) } else { Value::Array(values) }
        }
    }
}

/// JSON has no word for what is not finite: those are texts.
fn floats(numbers: &Numbers) -> Vec<Value> {
    let value = |number: f64| match serde_json::Number::from_f64(number) {
        Some(number) => Value::Number(number),
        None if number.is_nan() => json!("NaN"),
        None => json!(if number > 0.0 { "Infinity" } else { "-Infinity" }),
    };
    match numbers {
        Numbers::U64(values) => values.iter().map(|number| json!(number)).collect(),
        _ => numbers.to_f64().into_iter().map(value).collect(),
    }
}

impl InspectedGroup {
    /// The group as text, in the order of `ncdump -h`.
    pub fn lines(&self, depth: usize, lines: &mut Vec<String>) {
        let indent = "  ".repeat(depth);
        if !self.dimensions.is_empty() {
            lines.push(format!("{indent}dimensions:"));
        }
        for (name, dimension) in &self.dimensions {
            let unlimited = if dimension.unlimited { " (unlimited)" } else { "" };
            lines.push(format!("{indent}  {name} = {}{unlimited}", dimension.size));
        }
        if !self.variables.is_empty() {
            lines.push(format!("{indent}variables:"));
        }
        for (name, variable) in &self.variables {
            variable.lines(name, &indent, lines);
        }
        if !self.attributes.is_empty() {
            lines.push(format!("{indent}attributes:"));
        }
        lines.extend(self.attributes.iter().map(|(name, value)| format!("{indent}  :{name} = {value}")));
        for (name, group) in &self.groups {
            lines.push(format!("{indent}group {name}:"));
            group.lines(depth + 1, lines);
        }
    }
}

impl InspectedVariable {
    fn lines(&self, name: &str, indent: &str, lines: &mut Vec<String>) {
        let mut head = format!("{indent}  {} {name}({})", self.data_type, self.dimensions.join(", "));
        if let Some(role) = &self.role {
            let _ = write!(head, "  // {role}");
        }
        lines.push(head);
        let chunks = match self.layout.as_str() {
            "chunked" => format!("{} chunks of {:?}", self.chunks, self.chunk_shape),
            layout => layout.to_owned(),
        };
        let missing =
            if self.missing_chunks > 0 { format!(", {} never written", self.missing_chunks) } else { String::new() };
        let codecs = if self.codecs.is_empty() { String::new() } else { format!(", {}", self.codecs.join(" + ")) };
        lines.push(format!(
            "{indent}      shape {:?}, {chunks}{missing}{codecs}, {} bytes",
            self.shape, self.stored_bytes
        ));
        lines.extend(self.attributes.iter().map(|(key, value)| format!("{indent}      {name}:{key} = {value}")));
    }
}
