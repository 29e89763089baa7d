//! Small values that files store in different ways: packed otherwise, of other types, with other numbers for "nothing".
//!
//! They are decoded (CF 8.1, 2.5.1) and encoded in one way: the first file's if every value survives it exactly, else another file's,
//! else as binary64. What none of these can hold is refused.

use std::sync::Arc;

use super::axis::is_time_like;
use super::conflict::{self, Report, note};
use super::times::Reencodings;
use super::{Context, INLINE_LIMIT, attributes, statics};
use crate::model::{
    Array, ArrayValues, AttributeValue, Attributes, Conflict, DataType, FileVariable, Numbers, Primitive, VariablePath,
};

/// Attributes whose numbers are in packed units: they hold for one way of storing alone.
const PACKED: [&str; 6] = ["valid_min", "valid_max", "valid_range", "flag_values", "flag_masks", "_Unsigned"];

/// Attributes that say how values are stored.
const STORAGE: [&str; 4] = ["scale_factor", "add_offset", "_FillValue", "missing_value"];

/// A variable of all files, stored in one way.
pub(super) struct Rewritten {
    pub(super) variables: Vec<FileVariable>,
    /// How they differed.
    pub(super) conflict: Box<Conflict>,
}

/// The variables stored in one way, if they are not; `None` if they are, or times are written anew anyhow.
///
/// # Errors
/// They differ, and are too large or cannot be held by one type.
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
    match rewritten(context, path, variables) {
        Some((variables, data_type)) => {
            let message = format!(
                "the files store it in different ways (expected {}, found {} in {}): it is written anew as {data_type}, every value exactly",
                conflict.expected,
                conflict.found,
                conflict.files.last().map_or("", String::as_str)
            );
            report.notes.push(note("values_rewritten", path, message));
            Ok(Some(Rewritten { variables, conflict }))
        }
        None => Err(conflict),
    }
}

fn rewritten(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
) -> Option<(Vec<FileVariable>, DataType)> {
    let bytes = variables.iter().fold(0u64, |sum, variable| sum.saturating_add(statics::byte_size(variable)));
    let is_plain = |variable: &&FileVariable| {
        matches!(variable.data_type, DataType::Number { .. })
            && !is_time_like(variable)
            && !PACKED.iter().any(|name| variable.attributes.contains_key(*name))
    };
    let is_whole = context.shapes(path, variables).iter().zip(variables).all(|(shape, v)| *shape == v.grid.shape);
    if bytes > INLINE_LIMIT || !variables.iter().all(is_plain) || !is_whole {
        return None;
    }
    let ways: Vec<Way> = variables.iter().map(|variable| Way::of(variable)).collect::<Option<_>>()?;
    let mut values = Vec::new();
    for (file, variable) in variables.iter().enumerate() {
        let array = context.values(path, file, variable).ok()?;
        let numbers = array.numbers()?;
        values.push(raws(numbers).into_iter().map(|raw| ways[file].decode(raw)).collect::<Vec<Value>>());
    }
    let mut candidates: Vec<Way> = Vec::new();
    for way in ways.iter().chain([&Way::double()]) {
        if !candidates.contains(way) {
            candidates.push(way.clone());
        }
    }
    candidates.iter().find_map(|way| {
        let encoded: Vec<Numbers> = values.iter().map(|values| way.encode_all(values)).collect::<Option<_>>()?;
        let all = variables.iter().zip(encoded).map(|(variable, numbers)| stored(variable, way, numbers)).collect();
        Some((all, way.data_type.clone()))
    })
}

/// The variable as if its file had stored these numbers.
fn stored(variable: &FileVariable, way: &Way, numbers: Numbers) -> FileVariable {
    let mut attributes: Attributes = (*variable.attributes).clone();
    STORAGE.iter().for_each(|name| {
        attributes.shift_remove(*name);
    });
    attributes.extend(way.attributes.iter().map(|(name, value)| (name.clone(), value.clone())));
    let values = Array { shape: variable.grid.shape.clone(), values: ArrayValues::Numbers(numbers) }.into();
    let data_type = way.data_type.clone();
    let mut stored = FileVariable { values, ..variable.clone() };
    (stored.data_type, stored.attributes, stored.fill_value) = (data_type, Arc::new(attributes), None);
    stored
}

/// A stored number.
#[derive(Debug, Clone, Copy)]
enum Raw {
    Integer(i128),
    Float(f64),
}

impl Raw {
    #[allow(clippy::cast_precision_loss)]
    fn float(self) -> f64 {
        match self {
            Self::Integer(value) => value as f64,
            Self::Float(value) => value,
        }
    }

    fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Integer(a), Self::Integer(b)) => a == b,
            (Self::Float(a), Self::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
            _ => false,
        }
    }
}

fn raws(numbers: &Numbers) -> Vec<Raw> {
    match (numbers.to_i64(), numbers) {
        (Some(values), _) => values.into_iter().map(|value| Raw::Integer(value.into())).collect(),
        (None, Numbers::U64(values)) => values.iter().map(|value| Raw::Integer((*value).into())).collect(),
        (None, other) => other.to_f64().into_iter().map(Raw::Float).collect(),
    }
}

/// What a stored number means.
#[derive(Debug, Clone, Copy)]
enum Value {
    Missing,
    Number(Raw),
}

impl Value {
    /// Whether two values are one, exactly.
    fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Missing, Self::Missing) => true,
            (Self::Number(Raw::Integer(a)), Self::Number(Raw::Integer(b))) => a == b,
            (Self::Number(Raw::Float(a)), Self::Number(Raw::Float(b))) => {
                a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())
            }
            (Self::Number(Raw::Integer(a)), Self::Number(Raw::Float(b)))
            | (Self::Number(Raw::Float(b)), Self::Number(Raw::Integer(a))) => integer(b) == Some(a),
            _ => false,
        }
    }
}

/// A whole number; `None` for others, and for the zero that has a sign.
#[allow(clippy::cast_possible_truncation)] // whole numbers below 2^100 are held exactly
fn integer(value: f64) -> Option<i128> {
    let is_whole = value.is_finite() && value.fract() == 0.0 && value.abs() < 1e30;
    (is_whole && !(value == 0.0 && value.is_sign_negative())).then_some(value as i128)
}

/// One way of storing values.
#[derive(Debug, Clone, PartialEq)]
struct Way {
    data_type: DataType,
    primitive: Primitive,
    scale: Option<f64>,
    offset: Option<f64>,
    /// Whether readers unpack in binary32: small integers, and scale and offset of that type.
    is_narrow: bool,
    /// The numbers that mean nothing is there; the first is written.
    missing: Vec<Numbers>,
    /// Those of `STORAGE`.
    attributes: Attributes,
}

impl Way {
    fn of(variable: &FileVariable) -> Option<Self> {
        let (primitive, _) = variable.data_type.number()?;
        let numbers = |name: &str| match variable.attributes.get(name) {
            None => Some(None),
            Some(AttributeValue::Numbers(numbers)) if !numbers.is_empty() => Some(Some(numbers)),
            Some(_) => None,
        };
        let one = |name: &str| match numbers(name)? {
            Some(found) if found.len() != 1 => None,
            found => Some(found),
        };
        let (scale, offset) = (one("scale_factor")?, one("add_offset")?);
        let mut missing = Vec::new();
        for found in ["_FillValue", "missing_value"].into_iter().map(numbers) {
            if let Some(found) = found? {
                if found.primitive() != primitive {
                    return None;
                }
                missing.push(found.clone());
            }
        }
        let both = [scale, offset];
        let is_narrow = (primitive.size() <= 2 || primitive == Primitive::F32)
            && both.iter().flatten().all(|numbers| numbers.primitive() == Primitive::F32);
        let attributes = variable.attributes.iter().filter(|(name, _)| STORAGE.contains(&name.as_str()));
        let float = |numbers: Option<&Numbers>| numbers.and_then(|numbers| numbers.to_f64().first().copied());
        Some(Self {
            data_type: variable.data_type.clone(),
            primitive,
            scale: float(scale),
            offset: float(offset),
            is_narrow,
            missing,
            attributes: attributes.map(|(name, value)| (name.clone(), value.clone())).collect(),
        })
    }

    /// Plain binary64, NaN where nothing is.
    fn double() -> Self {
        let fill = Numbers::F64(vec![f64::NAN]);
        let attributes = [("_FillValue".to_owned(), AttributeValue::Numbers(fill.clone()))].into_iter().collect();
        let data_type = DataType::little(Primitive::F64);
        let (scale, offset, missing) = (None, None, vec![fill]);
        Self { data_type, primitive: Primitive::F64, scale, offset, is_narrow: false, missing, attributes }
    }

    fn is_packed(&self) -> bool {
        self.scale.is_some() || self.offset.is_some()
    }

    fn decode(&self, raw: Raw) -> Value {
        if self.missing.iter().any(|missing| raws(missing).iter().any(|missing| missing.is(raw))) {
            return Value::Missing;
        }
        Value::Number(if self.is_packed() { Raw::Float(self.unpacked(raw.float())) } else { raw })
    }

    #[allow(clippy::cast_possible_truncation)] // that is what readers do
    fn unpacked(&self, raw: f64) -> f64 {
        if self.is_narrow {
            let scaled = self.scale.map_or(raw as f32, |scale| raw as f32 * scale as f32);
            return f64::from(self.offset.map_or(scaled, |offset| scaled + offset as f32));
        }
        let scaled = self.scale.map_or(raw, |scale| raw * scale);
        self.offset.map_or(scaled, |offset| scaled + offset)
    }

    fn encode_all(&self, values: &[Value]) -> Option<Numbers> {
        let raws: Vec<Raw> = values.iter().map(|value| self.encode(*value)).collect::<Option<_>>()?;
        numbers(self.primitive, &raws)
    }

    /// The number that means this value exactly.
    fn encode(&self, value: Value) -> Option<Raw> {
        let Value::Number(number) = value else { return raws(self.missing.first()?).first().copied() };
        let unscaled = || (number.float() - self.offset.unwrap_or(0.0)) / self.scale.unwrap_or(1.0);
        let raw = match (self.is_packed(), self.primitive.is_float()) {
            (false, true) => Raw::Float(number.float()),
            (false, false) => match number {
                Raw::Integer(_) => number,
                Raw::Float(value) => Raw::Integer(integer(value)?),
            },
            (true, true) => Raw::Float(unscaled()),
            (true, false) => Raw::Integer(integer(unscaled().round() + 0.0)?),
        };
        // As it would be stored.
        let raw = raws(&numbers(self.primitive, &[raw])?).first().copied()?;
        self.decode(raw).is(value).then_some(raw)
    }
}

/// Numbers of a type; `None` if one of them is none of it.
#[allow(clippy::cast_possible_truncation)]
fn numbers(primitive: Primitive, all: &[Raw]) -> Option<Numbers> {
    fn integers<T: TryFrom<i128>>(all: &[Raw]) -> Option<Vec<T>> {
        let one = |raw: &Raw| match raw {
            Raw::Integer(value) => T::try_from(*value).ok(),
            Raw::Float(_) => None,
        };
        all.iter().map(one).collect()
    }
    Some(match primitive {
        Primitive::I8 => Numbers::I8(integers(all)?),
        Primitive::U8 => Numbers::U8(integers(all)?),
        Primitive::I16 => Numbers::I16(integers(all)?),
        Primitive::U16 => Numbers::U16(integers(all)?),
        Primitive::I32 => Numbers::I32(integers(all)?),
        Primitive::U32 => Numbers::U32(integers(all)?),
        Primitive::I64 => Numbers::I64(integers(all)?),
        Primitive::U64 => Numbers::U64(integers(all)?),
        Primitive::F32 => Numbers::F32(all.iter().map(|raw| raw.float() as f32).collect()),
        Primitive::F64 => Numbers::F64(all.iter().map(|raw| raw.float()).collect()),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn way(primitive: Primitive, scale: Option<f64>, offset: Option<f64>, missing: Option<Numbers>) -> Way {
        let missing = missing.into_iter().collect();
        Way { data_type: DataType::little(primitive), primitive, scale, offset, missing, ..Way::double() }
    }

    #[test]
    fn a_value_survives_or_not() {
        let packed = way(Primitive::I16, Some(0.1), Some(1.0), Some(Numbers::I16(vec![-1])));
        let value = packed.decode(Raw::Integer(7));
        assert!(matches!(packed.encode(value), Some(Raw::Integer(7))));
        assert!(matches!(packed.decode(Raw::Integer(-1)), Value::Missing));
        // What would be stored as the fill means something else there.
        assert!(packed.encode(Value::Number(Raw::Float(-0.1 + 1.0))).is_none());
        assert!(packed.encode(Value::Number(Raw::Float(0.123))).is_none());
        let narrow = way(Primitive::F32, None, None, None);
        assert!(narrow.encode(Value::Number(Raw::Float(0.1))).is_none());
        assert!(narrow.encode(Value::Number(Raw::Float(0.5))).is_some());
        assert!(narrow.encode(Value::Missing).is_none());
        let whole = way(Primitive::I32, None, None, None);
        assert!(whole.encode(Value::Number(Raw::Float(-0.0))).is_none());
        assert!(whole.encode(Value::Number(Raw::Float(3.0))).is_some());
        assert!(whole.encode(Value::Number(Raw::Integer(1 << 40))).is_none());
        assert!(Way::double().encode(Value::Number(Raw::Integer((1 << 53) + 1))).is_none());
        assert!(Way::double().encode(Value::Missing).is_some());
    }
}
