//! Values that files pack in different ways: what is compared is what the numbers mean (CF 8.1), exactly.

use super::attributes::is_equal;
use super::values::same_but_order;
use super::variable::Checked;
use crate::model::{AttributeValue, Attributes, DataType, FileVariable, Numbers};
use crate::read::ProductArray;

/// Attributes that say how values are stored.
pub(super) const STORAGE: [&str; 4] = ["scale_factor", "add_offset", "_FillValue", "missing_value"];

/// Whether two variables store numbers in different ways.
pub(super) fn differ(first: &FileVariable, other: &FileVariable) -> bool {
    let is_number = |variable: &FileVariable| matches!(variable.data_type, DataType::Number { .. });
    let is_same = |name: &&str| first.attributes.get(*name) == other.attributes.get(*name);
    is_number(first)
        && is_number(other)
        && (!STORAGE.iter().all(is_same) || !same_but_order(&first.data_type, &other.data_type))
}

/// Whether a product holds plain numbers where a source packs them.
pub(super) fn is_unpacked(array: &ProductArray, variable: &FileVariable) -> bool {
    ["scale_factor", "add_offset"].iter().any(|name| variable.attributes.contains_key(*name))
        && STORAGE.iter().all(|name| !array.attributes.contains_key(*name))
}

/// How numbers become values.
#[derive(Debug, Clone)]
pub(super) struct Packing<'a> {
    data_type: &'a DataType,
    scale: Option<Numbers>,
    offset: Option<Numbers>,
    missing: Vec<Numbers>,
}

/// A value: exact, whatever it was stored as.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Missing,
    NotANumber,
    Integer(i128),
    /// The bits of a number that is no integer, or a zero with a sign.
    Float(u64),
}

impl<'a> Packing<'a> {
    /// That of a file's variable.
    pub(super) fn of(variable: &'a FileVariable) -> Self {
        Self::new(&variable.data_type, &variable.attributes)
    }

    fn new(data_type: &'a DataType, attributes: &Attributes) -> Self {
        let numbers = |name: &str| match attributes.get(name) {
            Some(AttributeValue::Numbers(numbers)) => Some(numbers.clone()),
            _ => None,
        };
        let missing = ["_FillValue", "missing_value"].into_iter().filter_map(numbers).collect();
        Self { data_type, scale: numbers("scale_factor"), offset: numbers("add_offset"), missing }
    }

    /// That of the product: some file's, or none at all. JSON does not say of which type a factor is, but its file does.
    pub(super) fn of_product(checked: &'a Checked<'_>) -> Option<Self> {
        let array = checked.array;
        let says = |name: &str| array.attributes.get(name);
        let is_from = |variable: &&FileVariable| {
            let other = STORAGE.iter().filter(|name| **name != "_FillValue").all(|name| {
                match (says(name), variable.attributes.get(*name)) {
                    (Some(found), Some(expected)) => is_equal(found, expected),
                    (found, expected) => found.is_none() && expected.is_none(),
                }
            });
            let fill = match variable.attributes.get("_FillValue") {
                Some(expected) => is_equal(&array.fill_value, expected),
                None => array.fill_value.is_null(),
            };
            other && fill && same_but_order(&variable.data_type, &array.data_type)
        };
        let files = checked.sources.files.iter().filter_map(|file| file.variables.get(checked.key).copied());
        if let Some(variable) = files.clone().find(is_from) {
            return Some(Self { data_type: &array.data_type, ..Self::of(variable) });
        }
        let is_plain = STORAGE.iter().all(|name| says(name).is_none());
        let is_nan = array.fill_value.as_str() == Some("NaN");
        let is_single = array.data_type.numpy().as_deref() == Some("<f4");
        let nan = if is_single { Numbers::F32(vec![f32::NAN]) } else { Numbers::F64(vec![f64::NAN]) };
        let missing = if is_nan { vec![nan] } else { Vec::new() };
        let is_float = is_single || array.data_type.numpy().as_deref() == Some("<f8");
        let is_known = is_plain && is_float && (is_nan || array.fill_value.is_null());
        is_known.then_some(Self { data_type: &array.data_type, scale: None, offset: None, missing })
    }

    fn values(&self, bytes: &[u8]) -> Vec<Value> {
        let Some((primitive, order)) = self.data_type.number() else { return Vec::new() };
        let numbers = Numbers::from_bytes(primitive, order, bytes);
        (0..numbers.len()).map(|at| self.value(&numbers.slice(at..at + 1))).collect()
    }

    fn value(&self, raw: &Numbers) -> Value {
        let is = |missing: &Numbers| {
            let both_nan = |a: &[f64], b: &[f64]| a.iter().chain(b).all(|value| value.is_nan());
            (0..missing.len()).map(|at| missing.slice(at..at + 1)).any(|one| {
                one.primitive() == raw.primitive()
                    && (one.to_f64() == raw.to_f64() && one.to_i64() == raw.to_i64()
                        || both_nan(&one.to_f64(), &raw.to_f64()))
            })
        };
        if self.missing.iter().any(is) {
            return Value::Missing;
        }
        if self.scale.is_none() && self.offset.is_none() {
            return match (raw.to_i64(), raw) {
                (Some(values), _) => values.first().map_or(Value::Missing, |value| Value::Integer((*value).into())),
                (None, Numbers::U64(values)) => {
                    values.first().map_or(Value::Missing, |value| Value::Integer((*value).into()))
                }
                (None, other) => float(other.to_f64().first().copied().unwrap_or(f64::NAN)),
            };
        }
        float(self.unpacked(raw))
    }

    /// In the type that readers unpack in: binary32 if scale and offset are, and the numbers fit into it.
    #[allow(clippy::cast_possible_truncation)]
    fn unpacked(&self, raw: &Numbers) -> f64 {
        let one = |numbers: &Numbers| numbers.to_f64().first().copied().unwrap_or(f64::NAN);
        let is_single = |numbers: &Numbers| matches!(numbers, Numbers::F32(_));
        let fits = raw.primitive().size() <= 2 || is_single(raw);
        let (scale, offset) = (self.scale.as_ref(), self.offset.as_ref());
        if fits && scale.into_iter().chain(offset).all(is_single) {
            let mut value = one(raw) as f32;
            value = scale.map_or(value, |scale| value * one(scale) as f32);
            return f64::from(offset.map_or(value, |offset| value + one(offset) as f32));
        }
        let value = scale.map_or(one(raw), |scale| one(raw) * one(scale));
        offset.map_or(value, |offset| value + one(offset))
    }

    /// The first element that means something else: its number, and both values in words.
    pub(super) fn first_difference(
        &self,
        bytes: &[u8],
        other: &Self,
        others: &[u8],
    ) -> Option<(usize, String, String)> {
        let (expected, found) = (self.values(bytes), other.values(others));
        let at = (0..expected.len().max(found.len())).find(|at| expected.get(*at) != found.get(*at))?;
        Some((at, shown(expected.get(at)), shown(found.get(at))))
    }

    /// The first element that is not missing.
    pub(super) fn first_present(&self, bytes: &[u8]) -> Option<(usize, String, String)> {
        let found = self.values(bytes);
        let at = found.iter().position(|value| *value != Value::Missing)?;
        Some((at, shown(Some(&Value::Missing)), shown(found.get(at))))
    }
}

#[allow(clippy::cast_possible_truncation)] // whole numbers below 2^100 are held exactly
fn float(value: f64) -> Value {
    let is_whole = value.fract() == 0.0 && value.abs() < 1e30 && !(value == 0.0 && value.is_sign_negative());
    match value {
        value if value.is_nan() => Value::NotANumber,
        value if is_whole => Value::Integer(value as i128),
        value => Value::Float(value.to_bits()),
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "nothing".into(),
        Some(Value::Missing) => "a missing value".into(),
        Some(Value::NotANumber) => "NaN".into(),
        Some(Value::Integer(value)) => value.to_string(),
        Some(Value::Float(bits)) => format!("{:?}", f64::from_bits(*bits)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Primitive;

    #[test]
    fn values_are_compared_not_numbers() {
        let (short, double) = (DataType::little(Primitive::I16), DataType::little(Primitive::F64));
        let scale = Numbers::F64(vec![0.5]);
        let packed =
            Packing { data_type: &short, scale: Some(scale), offset: None, missing: vec![Numbers::I16(vec![-1])] };
        let plain =
            Packing { data_type: &double, scale: None, offset: None, missing: vec![Numbers::F64(vec![f64::NAN])] };
        let bytes = |values: [i16; 3]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let doubles = |values: [f64; 3]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let stored = bytes([1, -1, 4]);
        assert_eq!(packed.first_difference(&stored, &plain, &doubles([0.5, f64::NAN, 2.0])), None);
        let other = packed.first_difference(&stored, &plain, &doubles([0.5, f64::NAN, 2.5]));
        assert_eq!(other, Some((2, "2".into(), "2.5".into())));
        assert!(packed.first_difference(&stored, &plain, &doubles([0.5, 7.0, 2.0])).is_some_and(|(at, ..)| at == 1));
    }
}
