//! How numbers stand for values: their type, `scale_factor` and `add_offset`, and the numbers that say that nothing is there (CF 8.1, 2.5.1).

use crate::model::{AttributeValue, Attributes, DataType, Numbers, Primitive};

/// Attributes that say how values are stored.
pub const STORING_ATTRIBUTES: [&str; 4] = ["scale_factor", "add_offset", "_FillValue", "missing_value"];

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

    fn is_nan(self) -> bool {
        matches!(self, Self::Float(value) if value.is_nan())
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
///
/// ```
/// use altostac::codec::Storing;
/// use altostac::model::{AttributeValue, Attributes, ByteOrder, DataType, Numbers, Primitive};
/// let halves = Attributes::from_iter([("scale_factor".to_owned(), AttributeValue::Numbers(Numbers::F64(vec![0.5])))]);
/// let packed = Storing::of(&DataType::little(Primitive::I16), &halves).unwrap();
/// let plain = Storing::plain(Primitive::F64);
/// assert!(plain.holds(&packed) && !packed.holds(&plain));
/// let bytes = packed.recode(&3i16.to_le_bytes(), &plain).unwrap();
/// assert_eq!(bytes, 1.5f64.to_le_bytes());
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Storing {
    data_type: DataType,
    primitive: Primitive,
    scale: Option<f64>,
    offset: Option<f64>,
    /// Whether readers unpack in binary32: small integers, and scale and offset of that type.
    is_narrow: bool,
    /// The numbers that mean nothing is there; the first is written.
    missing: Vec<Numbers>,
    attributes: Attributes,
}

impl Storing {
    /// How a variable of this type and with these attributes stores its values; `None` if it is none of numbers, or the attributes cannot be
    /// understood: several factors, a `_FillValue` of another type.
    pub fn of(data_type: &DataType, attributes: &Attributes) -> Option<Self> {
        let (primitive, _) = data_type.number()?;
        let numbers = |name: &str| match attributes.get(name) {
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
        let own = attributes.iter().filter(|(name, _)| STORING_ATTRIBUTES.contains(&name.as_str()));
        let float = |numbers: Option<&Numbers>| numbers.and_then(|numbers| numbers.to_f64().first().copied());
        Some(Self {
            data_type: data_type.clone(),
            primitive,
            scale: float(scale),
            offset: float(offset),
            is_narrow,
            missing,
            attributes: own.map(|(name, value)| (name.clone(), value.clone())).collect(),
        })
    }

    /// Plain binary32 or binary64, NaN where nothing is.
    pub fn plain(primitive: Primitive) -> Self {
        let (primitive, fill) = match primitive {
            Primitive::F32 => (Primitive::F32, Numbers::F32(vec![f32::NAN])),
            _ => (Primitive::F64, Numbers::F64(vec![f64::NAN])),
        };
        let attributes = [("_FillValue".to_owned(), AttributeValue::Numbers(fill.clone()))].into_iter().collect();
        let data_type = DataType::little(primitive);
        let (scale, offset, missing) = (None, None, vec![fill]);
        Self { data_type, primitive, scale, offset, is_narrow: false, missing, attributes }
    }

    /// The type of the numbers.
    pub fn data_type(&self) -> &DataType {
        &self.data_type
    }

    /// The attributes that say it: those of [`STORING_ATTRIBUTES`].
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// The bytes of the number that is written where nothing is.
    pub fn missing_element(&self) -> Option<Vec<u8>> {
        let (_, order) = self.data_type.number()?;
        let missing = self.missing.first()?;
        Some(missing.slice(0..1).to_bytes(order))
    }

    /// Whether every value that another way can store can be stored in this one, exactly; all that is no number (NaN) counts as missing.
    pub fn holds(&self, other: &Self) -> bool {
        let is_alike = self.scale == other.scale && self.offset == other.offset;
        let others: Vec<Raw> = other.missing.iter().flat_map(raws).collect();
        // A number that says "nothing" here may be a value there.
        let is_free = |missing: &Raw| {
            missing.is_nan() || is_alike && others.iter().any(|other| Value::Number(*other).is(Value::Number(*missing)))
        };
        let can_be_missing = others.is_empty() || !self.missing.is_empty();
        let has_room = match (self.is_in_units_of(other), self.is_packed()) {
            (true, _) => is_wider(self.primitive, other.primitive),
            (false, true) => false,
            (false, false) => self.primitive == Primitive::F64 || (self.primitive == Primitive::F32 && other.is_narrow),
        };
        has_room && can_be_missing && self.missing.iter().flat_map(raws).all(|missing| is_free(&missing))
    }

    /// Numbers stored in this way as another way stores them, both as bytes of their types; `None` if a value does not survive exactly.
    ///
    /// Where the other way has NaN for nothing, all that is no number becomes that.
    pub fn recode(&self, bytes: &[u8], other: &Self) -> Option<Vec<u8>> {
        let ((primitive, order), (_, other_order)) = (self.data_type.number()?, other.data_type.number()?);
        let numbers = Numbers::from_bytes(primitive, order, bytes);
        if self.primitive == other.primitive && self.is_in_units_of(other) && self.missing == other.missing {
            return Some(if order == other_order { bytes.to_vec() } else { numbers.to_bytes(other_order) });
        }
        // In the same units the stored numbers are carried over as they are.
        let (from, to) = match self.is_packed() && self.is_in_units_of(other) {
            true => (self.unscaled(), other.unscaled()),
            false => (self.clone(), other.clone()),
        };
        Some(to.stored(&[&from.read(&numbers)], true)?.pop()?.to_bytes(other_order))
    }

    /// The values that numbers stand for, as readers unpack them, rounded to binary64; NaN where nothing is.
    pub fn values(&self, numbers: &Numbers) -> Vec<f64> {
        let missing: Vec<f64> = self.missing.iter().flat_map(Numbers::to_f64).collect();
        let value = |raw: f64| match missing.contains(&raw) {
            true => f64::NAN,
            false if self.is_packed() => self.unpacked(raw),
            false => raw,
        };
        numbers.to_f64().into_iter().map(value).collect()
    }

    fn is_in_units_of(&self, other: &Self) -> bool {
        (self.scale, self.offset) == (other.scale, other.offset)
            && (!self.is_packed() || self.is_narrow == other.is_narrow)
    }

    fn unscaled(&self) -> Self {
        Self { scale: None, offset: None, ..self.clone() }
    }

    /// Several arrays, each stored in its own way, all stored in this one; `None` if a value does not survive exactly.
    pub fn store_all(&self, arrays: &[(&Self, &Numbers)]) -> Option<Vec<Numbers>> {
        let values: Vec<Vec<Value>> = arrays.iter().map(|(way, numbers)| way.read(numbers)).collect();
        self.stored(&values.iter().map(Vec::as_slice).collect::<Vec<_>>(), false)
    }

    fn read(&self, numbers: &Numbers) -> Vec<Value> {
        let missing = self.missing_raws();
        raws(numbers).into_iter().map(|raw| self.decode(raw, &missing)).collect()
    }

    fn stored(&self, arrays: &[&[Value]], nan_is_missing: bool) -> Option<Vec<Numbers>> {
        let missing = self.missing_raws();
        let nan = missing.iter().copied().find(|missing| missing.is_nan()).filter(|_| nan_is_missing);
        let encode = |value: &Value| match (value, nan) {
            (Value::Number(raw), Some(nan)) if raw.is_nan() => Some(nan),
            _ => self.encode(*value, &missing),
        };
        let array = |values: &&[Value]| {
            let raws: Vec<Raw> = values.iter().map(encode).collect::<Option<_>>()?;
            numbers(self.primitive, &raws)
        };
        arrays.iter().map(array).collect()
    }

    fn missing_raws(&self) -> Vec<Raw> {
        self.missing.iter().flat_map(raws).collect()
    }

    fn is_packed(&self) -> bool {
        self.scale.is_some() || self.offset.is_some()
    }

    fn decode(&self, raw: Raw, missing: &[Raw]) -> Value {
        if missing.iter().any(|missing| missing.is(raw)) {
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

    /// The number that means this value exactly.
    fn encode(&self, value: Value, missing: &[Raw]) -> Option<Raw> {
        let Value::Number(number) = value else { return missing.first().copied() };
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
        let raw = rounded(self.primitive, raw)?;
        self.decode(raw, missing).is(value).then_some(raw)
    }
}

/// Whether all numbers of a type are numbers of another.
fn is_wider(wide: Primitive, narrow: Primitive) -> bool {
    let is_signed = |primitive| matches!(primitive, Primitive::I8 | Primitive::I16 | Primitive::I32 | Primitive::I64);
    match (wide.is_float(), narrow.is_float()) {
        (true, true) => wide.size() >= narrow.size(),
        (true, false) => wide.size() > narrow.size(),
        (false, true) => false,
        (false, false) if is_signed(wide) == is_signed(narrow) => wide.size() >= narrow.size(),
        (false, false) => is_signed(wide) && wide.size() > narrow.size(),
    }
}

/// A number as it is stored; `None` if it is none of the type.
#[allow(clippy::cast_possible_truncation)]
fn rounded(primitive: Primitive, raw: Raw) -> Option<Raw> {
    match (raw, primitive) {
        (Raw::Integer(value), _) if !primitive.is_float() => is_within(primitive, value).then_some(raw),
        (Raw::Float(_), _) if !primitive.is_float() => None,
        (raw, Primitive::F32) => Some(Raw::Float(f64::from(raw.float() as f32))),
        (raw, _) => Some(Raw::Float(raw.float())),
    }
}

fn is_within(primitive: Primitive, value: i128) -> bool {
    match primitive {
        Primitive::I8 => i8::try_from(value).is_ok(),
        Primitive::U8 => u8::try_from(value).is_ok(),
        Primitive::I16 => i16::try_from(value).is_ok(),
        Primitive::U16 => u16::try_from(value).is_ok(),
        Primitive::I32 => i32::try_from(value).is_ok(),
        Primitive::U32 => u32::try_from(value).is_ok(),
        Primitive::I64 => i64::try_from(value).is_ok(),
        Primitive::U64 => u64::try_from(value).is_ok(),
        Primitive::F32 | Primitive::F64 => false,
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
    use proptest::prelude::*;

    use super::*;

    fn way(primitive: Primitive, scale: Option<f64>, offset: Option<f64>, missing: Option<Numbers>) -> Storing {
        let missing = missing.into_iter().collect();
        let (data_type, is_narrow) = (DataType::little(primitive), false);
        Storing { data_type, primitive, scale, offset, is_narrow, missing, attributes: Attributes::new() }
    }

    fn encoded(way: &Storing, value: Value) -> Option<Raw> {
        way.encode(value, &way.missing_raws())
    }

    #[test]
    fn a_value_survives_or_not() {
        let packed = way(Primitive::I16, Some(0.1), Some(1.0), Some(Numbers::I16(vec![-1])));
        let read = |number: i16| packed.read(&Numbers::I16(vec![number]))[0];
        assert!(matches!(encoded(&packed, read(7)), Some(Raw::Integer(7))));
        assert!(matches!(read(-1), Value::Missing));
        // What would be stored as the fill means something else there.
        assert!(encoded(&packed, Value::Number(Raw::Float(-0.1 + 1.0))).is_none());
        assert!(encoded(&packed, Value::Number(Raw::Float(0.123))).is_none());
        let narrow = way(Primitive::F32, None, None, None);
        assert!(encoded(&narrow, Value::Number(Raw::Float(0.1))).is_none());
        assert!(encoded(&narrow, Value::Number(Raw::Float(0.5))).is_some());
        assert!(encoded(&narrow, Value::Missing).is_none());
        let whole = way(Primitive::I32, None, None, None);
        assert!(encoded(&whole, Value::Number(Raw::Float(-0.0))).is_none());
        assert!(encoded(&whole, Value::Number(Raw::Float(3.0))).is_some());
        assert!(encoded(&whole, Value::Number(Raw::Integer(1 << 40))).is_none());
        let double = Storing::plain(Primitive::F64);
        assert!(encoded(&double, Value::Number(Raw::Integer((1 << 53) + 1))).is_none());
        assert!(encoded(&double, Value::Missing).is_some());
        // Exactly, a NaN that is a value is not one that says there is none.
        let nan = Numbers::F64(vec![f64::NAN]);
        let plain = way(Primitive::F64, None, None, None);
        assert_eq!(double.store_all(&[(&plain, &nan)]), None);
        assert_eq!(plain.recode(&f64::NAN.to_le_bytes(), &double).unwrap(), f64::NAN.to_le_bytes());
    }

    #[test]
    fn the_same_number_for_nothing_or_none_at_all() {
        let fill = |value: f32| way(Primitive::F32, None, None, Some(Numbers::F32(vec![value])));
        let (double, single) = (Storing::plain(Primitive::F64), Storing::plain(Primitive::F32));
        assert!(fill(-1.0).holds(&fill(-1.0)));
        assert!(!fill(-1.0).holds(&fill(-2.0)), "-1 may be a value of the other");
        assert!(!fill(-1.0).holds(&way(Primitive::F32, None, None, None)));
        assert!(!way(Primitive::F32, None, None, None).holds(&fill(-1.0)), "there is no number for nothing");
        assert!(single.holds(&fill(-2.0)) && double.holds(&fill(-2.0)));
        assert!(
            !single.holds(&way(Primitive::I32, None, None, None))
                && double.holds(&way(Primitive::I32, None, None, None))
        );
        assert!(!double.holds(&way(Primitive::I64, None, None, None)));
    }

    fn any_way() -> impl Strategy<Value = Storing> {
        let primitive = prop_oneof![
            Just(Primitive::I8),
            Just(Primitive::U8),
            Just(Primitive::I16),
            Just(Primitive::U16),
            Just(Primitive::I32),
            Just(Primitive::F32),
            Just(Primitive::F64)
        ];
        let factor = prop_oneof![Just(None), Just(Some(0.1f32)), Just(Some(2.0))];
        (primitive, factor.clone(), factor, any::<bool>(), prop_oneof![Just(None), Just(Some(0u8)), Just(Some(9))])
            .prop_map(|(primitive, scale, offset, is_single, fill)| {
                let number = |value: f32| match is_single {
                    true => Numbers::F32(vec![value]),
                    false => Numbers::F64(vec![f64::from(value)]),
                };
                let factors = [("scale_factor", scale), ("add_offset", offset)];
                let mut attributes: Attributes = factors
                    .into_iter()
                    .filter_map(|(name, value)| Some((name.to_owned(), AttributeValue::Numbers(number(value?)))))
                    .collect();
                if let Some(fill) = fill {
                    let fill = numbers(primitive, &[rounded(primitive, Raw::Integer(fill.into())).unwrap()]).unwrap();
                    attributes.insert("_FillValue".into(), AttributeValue::Numbers(fill));
                }
                Storing::of(&DataType::little(primitive), &attributes).unwrap()
            })
    }

    proptest! {
        /// What is said of types alone is true of every number.
        #[test]
        fn what_is_held_survives(from in any_way(), to in any_way(), bytes in proptest::collection::vec(any::<u8>(), 64)) {
            if to.holds(&from) {
                prop_assert!(from.recode(&bytes, &to).is_some());
            }
            let double = Storing::plain(Primitive::F64);
            prop_assert!(double.holds(&from) && from.recode(&bytes, &double).is_some());
        }
    }
}
