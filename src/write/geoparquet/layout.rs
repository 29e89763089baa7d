//! The columns: their Parquet schema, and which leaf is whose. Every field is optional; lists are of three levels (Parquet, LogicalTypes: Lists).

use std::ops::Range;
use std::sync::Arc;

use parquet::basic::{LogicalType, Repetition, TimeUnit, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::schema::types::{Type, TypePtr};
use serde_json::Value;

use super::kind::Kind;
use super::leaf::{Leaf, LeafKind};

/// A field, and the numbers of its leaves.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) name: String,
    pub(super) leaves: Range<usize>,
    shape: Shape,
}

#[derive(Debug)]
enum Shape {
    Leaf(LeafKind),
    /// Of elements that repeat at this level.
    List(Box<Node>, i16),
    Struct(Vec<Node>),
}

impl Node {
    /// Lays out a field below so many lists, and adds its leaves.
    pub(super) fn of(name: &str, kind: &Kind, lists: i16, leaves: &mut Vec<Leaf>) -> Self {
        let first = leaves.len();
        let mut leaf = |kind: LeafKind| {
            leaves.push(Leaf::new(kind));
            Shape::Leaf(kind)
        };
        let shape = match kind {
            Kind::Bool => leaf(LeafKind::Bool),
            Kind::Int => leaf(LeafKind::Int),
            Kind::Float => leaf(LeafKind::Float),
            Kind::Instant => leaf(LeafKind::Instant),
            Kind::Geometry => leaf(LeafKind::Geometry),
            Kind::Unknown | Kind::Text | Kind::Mixed => leaf(LeafKind::Text),
            Kind::List(element) => Shape::List(Box::new(Self::of("element", element, lists + 1, leaves)), lists + 1),
            // A group without fields cannot be said: it reads as null.
            Kind::Struct(fields) if fields.is_empty() => leaf(LeafKind::Text),
            Kind::Struct(fields) => {
                Shape::Struct(fields.iter().map(|(name, kind)| Self::of(name, kind, lists, leaves)).collect())
            }
        };
        Self { name: name.to_owned(), leaves: first..leaves.len(), shape }
    }

    /// The fields of a structure.
    pub(super) fn children(&self) -> &[Self] {
        match &self.shape {
            Shape::Struct(children) => children,
            _ => &[],
        }
    }

    /// The field in the schema of Parquet.
    pub(super) fn parquet(&self) -> Result<TypePtr, ParquetError> {
        let group = |name: &str, repetition, logical, fields: Vec<TypePtr>| {
            let group = Type::group_type_builder(name).with_repetition(repetition).with_logical_type(logical);
            Ok(Arc::new(group.with_fields(fields).build()?))
        };
        match &self.shape {
            Shape::Leaf(kind) => {
                let (physical, logical) = match kind {
                    LeafKind::Bool => (PhysicalType::BOOLEAN, None),
                    LeafKind::Int => (PhysicalType::INT64, None),
                    LeafKind::Float => (PhysicalType::DOUBLE, None),
                    LeafKind::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
                    LeafKind::Instant => (PhysicalType::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
                    LeafKind::Geometry => (PhysicalType::BYTE_ARRAY, None),
                };
                let column = Type::primitive_type_builder(&self.name, physical);
                Ok(Arc::new(column.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build()?))
            }
            Shape::List(element, _) => {
                let list = group("list", Repetition::REPEATED, None, vec![element.parquet()?])?;
                group(&self.name, Repetition::OPTIONAL, Some(LogicalType::List), vec![list])
            }
            Shape::Struct(children) => {
                let fields = children.iter().map(Self::parquet).collect::<Result<_, _>>()?;
                group(&self.name, Repetition::OPTIONAL, None, fields)
            }
        }
    }

    /// Puts a value into its leaves (the levels of Dremel). `repetition` is the list that it is the next element of, 0 for a new row; `depth` the number
    /// of fields and lists around it that are there: -1 for the row itself, which is no field.
    pub(super) fn shred(&self, value: Option<&Value>, repetition: i16, depth: i16, leaves: &mut [Leaf]) {
        let value = value.filter(|value| !value.is_null());
        match (&self.shape, value) {
            (Shape::Leaf(_), Some(value)) => leaves[self.leaves.start].push(value, repetition, depth + 1),
            (Shape::Struct(children), Some(Value::Object(object))) => {
                for child in children {
                    child.shred(object.get(&child.name), repetition, depth + 1, leaves);
                }
            }
            (Shape::List(element, level), Some(Value::Array(values))) if !values.is_empty() => {
                for (number, value) in values.iter().enumerate() {
                    let repetition = if number == 0 { repetition } else { *level };
                    element.shred(Some(value), repetition, depth + 2, leaves);
                }
            }
            (Shape::List(..), Some(Value::Array(_))) => self.leave_out(repetition, depth + 1, leaves),
            _ => self.leave_out(repetition, depth, leaves),
        }
    }

    fn leave_out(&self, repetition: i16, depth: i16, leaves: &mut [Leaf]) {
        for leaf in &mut leaves[self.leaves.clone()] {
            leaf.push_missing(repetition, depth);
        }
    }
}
