//! The values of one leaf until they are written.

use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::writer::SerializedColumnWriter;
use serde_json::Value;

use super::wkb;

/// What a leaf holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeafKind {
    Bool,
    Int,
    Float,
    Text,
    Instant,
    Geometry,
}

#[derive(Debug)]
enum Values {
    Bool(Vec<bool>),
    Int(Vec<i64>),
    Float(Vec<f64>),
    Bytes(Vec<ByteArray>),
}

/// Values with their levels.
#[derive(Debug)]
pub(super) struct Leaf {
    kind: LeafKind,
    values: Values,
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
    bytes: usize,
}

impl Leaf {
    pub(super) fn new(kind: LeafKind) -> Self {
        let values = match kind {
            LeafKind::Bool => Values::Bool(Vec::new()),
            LeafKind::Int | LeafKind::Instant => Values::Int(Vec::new()),
            LeafKind::Float => Values::Float(Vec::new()),
            LeafKind::Text | LeafKind::Geometry => Values::Bytes(Vec::new()),
        };
        Self { kind, values, definitions: Vec::new(), repetitions: Vec::new(), bytes: 0 }
    }

    /// The memory that is taken, about.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + 4 * self.definitions.len()
    }

    pub(super) fn push_missing(&mut self, repetition: i16, definition: i16) {
        self.repetitions.push(repetition);
        self.definitions.push(definition);
    }

    /// Adds a value that is there. One that does not fit the kind is left out: kinds are learnt from all values, so there is none.
    pub(super) fn push(&mut self, value: &Value, repetition: i16, definition: i16) {
        let fits = match (&mut self.values, self.kind) {
            (Values::Bool(values), _) => value.as_bool().map(|value| values.push(value)),
            (Values::Int(values), LeafKind::Instant) => instant(value).map(|value| values.push(value)),
            (Values::Int(values), _) => value.as_i64().map(|value| values.push(value)),
            (Values::Float(values), _) => value.as_f64().map(|value| values.push(value)),
            (Values::Bytes(values), kind) => bytes(value, kind).map(|value| {
                self.bytes += value.len();
                values.push(ByteArray::from(value));
            }),
        };
        self.bytes += 32;
        self.push_missing(repetition, if fits.is_some() { definition } else { definition - 1 });
    }

    /// Writes the values and forgets them.
    pub(super) fn write(&mut self, mut column: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let (definitions, repetitions) = (Some(&self.definitions[..]), Some(&self.repetitions[..]));
        match &self.values {
            Values::Bool(values) => column.typed::<BoolType>().write_batch(values, definitions, repetitions)?,
            Values::Int(values) => column.typed::<Int64Type>().write_batch(values, definitions, repetitions)?,
            Values::Float(values) => column.typed::<DoubleType>().write_batch(values, definitions, repetitions)?,
            Values::Bytes(values) => column.typed::<ByteArrayType>().write_batch(values, definitions, repetitions)?,
        };
        column.close()?;
        *self = Self::new(self.kind);
        Ok(())
    }
}

/// Microseconds since 1970.
fn instant(value: &Value) -> Option<i64> {
    chrono::DateTime::parse_from_rfc3339(value.as_str()?).ok().map(|instant| instant.timestamp_micros())
}

fn bytes(value: &Value, kind: LeafKind) -> Option<Vec<u8>> {
    match (kind, value) {
        (LeafKind::Geometry, value) => wkb::of(value),
        (_, Value::String(text)) => Some(text.clone().into_bytes()),
        // Of a field whose values are of several kinds.
        (_, Value::Object(fields)) if fields.is_empty() => None,
        (_, other) => Some(other.to_string().into_bytes()),
    }
}
