//! What a column holds, learnt from values.

use indexmap::IndexMap;
use serde_json::{Map, Value};

/// Properties that are instants (STAC 1.1.0, common metadata; timestamps v1.1.0).
const INSTANTS: [&str; 8] =
    ["datetime", "start_datetime", "end_datetime", "created", "updated", "expires", "published", "unpublished"];

/// What all values of a field have in common.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Kind {
    /// Nothing was seen but nulls.
    #[default]
    Unknown,
    Bool,
    Int,
    Float,
    Text,
    /// Texts, JSON where a value is none: of values that have nothing in common.
    Mixed,
    Instant,
    Geometry,
    List(Box<Kind>),
    Struct(IndexMap<String, Kind>),
}

impl Kind {
    /// Learns from a field of a row.
    pub(super) fn learn_field(&mut self, name: &str, value: &Value) {
        if matches!(self, Self::Unknown) {
            *self = Self::Struct(IndexMap::new());
        }
        let Self::Struct(fields) = self else { return };
        let field = fields.entry(name.to_owned()).or_insert(Self::Unknown);
        match name {
            "geometry" | "proj:geometry" => *field = Self::Geometry,
            _ if INSTANTS.contains(&name) && is_instant(value) && !matches!(field, Self::Text | Self::Mixed) => {
                *field = Self::Instant;
            }
            // Seen before as instants, and now as something else: then they are texts.
            _ => {
                if *field == Self::Instant && !value.is_null() {
                    *field = Self::Text;
                }
                field.learn(value);
            }
        }
    }

    /// Learns from a value.
    pub(super) fn learn(&mut self, value: &Value) {
        match (&mut *self, value) {
            (_, Value::Null) | (Self::Mixed | Self::Geometry | Self::Instant, _) => {}
            (Self::List(element), Value::Array(values)) => values.iter().for_each(|value| element.learn(value)),
            (Self::Struct(fields), Value::Object(object)) => learn_object(fields, object),
            (_, value) => {
                let found = Self::of(value);
                let both = match (std::mem::take(self), found) {
                    (Self::Unknown, found) => found,
                    (known, found) if known == found => known,
                    (Self::Int | Self::Float, Self::Int | Self::Float) => Self::Float,
                    _ => Self::Mixed,
                };
                *self = both;
            }
        }
    }

    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Unknown,
            Value::Bool(_) => Self::Bool,
            Value::Number(number) if number.is_i64() => Self::Int,
            Value::Number(_) => Self::Float,
            Value::String(_) => Self::Text,
            Value::Array(values) => {
                let mut element = Self::Unknown;
                values.iter().for_each(|value| element.learn(value));
                Self::List(Box::new(element))
            }
            Value::Object(object) => {
                let mut fields = IndexMap::new();
                learn_object(&mut fields, object);
                Self::Struct(fields)
            }
        }
    }

    /// The fields that are [`Kind::Mixed`], by their paths.
    pub(super) fn mixed(&self) -> Vec<String> {
        match self {
            Self::Mixed => vec![String::new()],
            Self::List(element) => element.mixed(),
            Self::Struct(fields) => {
                let within = |(name, kind): (&String, &Self)| {
                    let name = name.clone();
                    kind.mixed()
                        .into_iter()
                        .map(move |path| if path.is_empty() { name.clone() } else { format!("{name}.{path}") })
                };
                fields.iter().flat_map(within).collect()
            }
            _ => Vec::new(),
        }
    }
}

fn learn_object(fields: &mut IndexMap<String, Kind>, object: &Map<String, Value>) {
    for (name, value) in object {
        match fields.get_mut(name) {
            Some(kind) => kind.learn(value),
            None => {
                fields.insert(name.clone(), Kind::of(value));
            }
        }
    }
}

/// Whether a column of instants can hold the value.
fn is_instant(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| chrono::DateTime::parse_from_rfc3339(text).is_ok())
}
