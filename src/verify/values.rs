//! What the bytes of elements mean, and whether two sides mean the same.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use crate::cftime::{Calendar, Instant, TimeUnits};
use crate::model::{Array, ArrayValues, ByteOrder, DataType, Numbers, Primitive};

/// What the numbers of a variable mean.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Meaning {
    /// Themselves.
    Raw,
    /// Instants.
    Time {
        /// In these units.
        units: TimeUnits,
        /// But this number means none.
        fill: Option<f64>,
    },
}

impl Meaning {
    /// From the attributes of a variable, or, where it has none of its own, of the one that it holds the bounds of (CF 7.1).
    ///
    /// Units that cannot be read are no time: then the numbers are compared as they are, and the texts of the units too.
    pub(super) fn new<'a>(
        key: &str,
        bounds_of: Option<&str>,
        text: impl Fn(&str, &str) -> Option<&'a str>,
        fill: Option<f64>,
    ) -> Self {
        let find = |name: &str| text(key, name).or_else(|| bounds_of.and_then(|parent| text(parent, name)));
        let Some(units) = find("units").filter(|units| is_time(units)) else { return Self::Raw };
        let calendar = Calendar::parse(find("calendar").unwrap_or("standard"));
        match calendar.and_then(|calendar| TimeUnits::parse(units, calendar)) {
            Ok(units) => Self::Time { units, fill },
            Err(_) => Self::Raw,
        }
    }

    pub(super) fn is_time(&self) -> bool {
        matches!(self, Self::Time { .. })
    }

    /// The calendar of times.
    pub(super) fn calendar(&self) -> Option<Calendar> {
        match self {
            Self::Raw => None,
            Self::Time { units, .. } => Some(units.calendar()),
        }
    }

    /// Whether equal numbers mean the same.
    pub(super) fn is_equivalent(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Raw, Self::Raw) => true,
            (Self::Time { units, .. }, Self::Time { units: other, .. }) => units.is_equivalent(other),
            _ => false,
        }
    }
}

fn is_time(units: &str) -> bool {
    units.split_whitespace().any(|word| word.eq_ignore_ascii_case("since"))
}

/// The variable that each variable holds the bounds of, by keys: both are in one group.
pub(super) fn bounds_of<'a, F>(variables: impl Iterator<Item = (&'a str, F)>) -> HashMap<String, String>
where
    F: Fn(&str) -> Option<&'a str>,
{
    let mut found = HashMap::new();
    for (key, text) in variables {
        let folder = key.rfind('/').map_or("", |at| &key[..=at]);
        for name in ["bounds", "climatology"].into_iter().filter_map(&text) {
            found.insert(format!("{folder}{name}"), key.to_owned());
        }
    }
    found
}

/// One value, comparable with another of the same variable elsewhere.
///
/// The order is one in which values can be found again, not that of floats.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Value {
    /// A time, in microseconds; of a model calendar only that calendar's are comparable.
    Instant(i64, Option<Calendar>),
    /// A time that is none.
    NoInstant,
    /// An integer.
    Integer(i128),
    /// The bits of a float.
    Float(u64),
    /// Text.
    Text(Vec<u8>),
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Instant(instant, calendar) => {
                let calendar = calendar.unwrap_or(Calendar::ProlepticGregorian);
                write!(f, "{} ({calendar:?})", calendar.date_time(Instant::from_microseconds(*instant)))
            }
            Self::NoInstant => f.write_str("no time"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Float(bits) => write!(f, "{:?}", f64::from_bits(*bits)),
            Self::Text(bytes) => write!(f, "{:?}", String::from_utf8_lossy(bytes)),
        }
    }
}

/// Whether two types hold the same numbers or texts, whatever the order of their bytes.
pub(super) fn same_but_order(a: &DataType, b: &DataType) -> bool {
    a.with_order(ByteOrder::Little).numpy() == b.with_order(ByteOrder::Little).numpy()
}

/// Elements in C order, and what they mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Elements<'a> {
    pub(super) data_type: &'a DataType,
    pub(super) bytes: &'a [u8],
    pub(super) meaning: &'a Meaning,
}

impl Elements<'_> {
    /// Each element's value.
    pub(super) fn values(&self) -> Vec<Value> {
        let Some((primitive, order)) = self.data_type.number() else {
            let size = self.data_type.size().unwrap_or(1).max(1);
            let text = |bytes: &[u8]| match (self.data_type, Array::from_bytes(self.data_type, &[], bytes)) {
                (DataType::FixedUnicode { .. }, Some(Array { values: ArrayValues::Strings(texts), .. })) => {
                    Value::Text(texts.concat().into_bytes())
                }
                // Readers leave the zeros at the end out.
                (DataType::FixedString { length: 2.. }, _) => {
                    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
                    Value::Text(bytes[..end].to_vec())
                }
                _ => Value::Text(bytes.to_vec()),
            };
            return self.bytes.chunks(size).map(text).collect();
        };
        let numbers = Numbers::from_bytes(primitive, order, self.bytes);
        match self.meaning {
            Meaning::Time { units, fill } => instants(&numbers, units, *fill),
            Meaning::Raw => raw(&numbers),
        }
    }

    /// The bytes of numbers in the order of another type.
    fn in_order_of(&self, other: &DataType) -> Cow<'_, [u8]> {
        match (self.data_type.number(), other.number()) {
            (Some((primitive, own)), Some((same, order))) if primitive == same && own != order => {
                Cow::Owned(Numbers::from_bytes(primitive, own, self.bytes).to_bytes(order))
            }
            _ => Cow::Borrowed(self.bytes),
        }
    }

    /// The first element that differs: its number in C order, and both values.
    ///
    /// Bits decide; where `as_instants`, times decide.
    pub(super) fn first_difference(&self, found: &Self, as_instants: bool) -> Option<(usize, String, String)> {
        let same_type = same_but_order(self.data_type, found.data_type);
        let in_order = found.in_order_of(self.data_type);
        let data_type = if same_type { self.data_type } else { found.data_type };
        let found = &Elements { data_type, bytes: &in_order, meaning: found.meaning };
        if same_type && self.meaning.is_equivalent(found.meaning) && self.bytes == found.bytes {
            return None;
        }
        let (expected, found_values) = (self.values(), found.values());
        if expected.len() != found_values.len() {
            let count = |values: &[Value]| format!("{} elements", values.len());
            return Some((0, count(&expected), count(&found_values)));
        }
        let both_times = self.meaning.is_time() && found.meaning.is_time();
        if as_instants && both_times {
            let at = expected.iter().zip(&found_values).position(|(a, b)| a != b)?;
            return Some((at, expected[at].to_string(), found_values[at].to_string()));
        }
        if !same_type || !self.meaning.is_equivalent(found.meaning) {
            let shown = |side: &Elements<'_>| format!("{} meaning {}", side.data_type, side.meaning);
            return Some((0, shown(self), shown(found)));
        }
        let size = self.data_type.size().unwrap_or(1).max(1);
        let at = self.bytes.chunks(size).zip(found.bytes.chunks(size)).position(|(a, b)| a != b)?;
        let shown = |side: &Elements<'_>| {
            let bytes = side.bytes.get(at * size..(at + 1) * size).unwrap_or_default();
            let one = Elements { bytes, meaning: &Meaning::Raw, ..*side };
            one.values().first().map_or_else(String::new, |value| format!("{value} (bytes {bytes:02x?})"))
        };
        Some((at, shown(self), shown(found)))
    }

    /// The first time of a product that is neither the float nearest to its instant nor the source's own number: it may mean the right
    /// microsecond, and still another time to readers that round in other ways.
    pub(super) fn first_unusual_time(&self, found: &Self) -> Option<(usize, String, String)> {
        let (Some((primitive @ (Primitive::F32 | Primitive::F64), order)), Meaning::Time { units, .. }) =
            (found.data_type.number(), found.meaning)
        else {
            return None;
        };
        let written = Numbers::from_bytes(primitive, order, found.bytes).to_f64();
        let is_same_unit = self.meaning.is_equivalent(found.meaning);
        let own = self.data_type.number().filter(|_| is_same_unit);
        let own = own.map(|(primitive, order)| Numbers::from_bytes(primitive, order, self.bytes).to_f64());
        written.iter().enumerate().find_map(|(at, value)| {
            let nearest = units.encode_f64(units.decode_f64(*value).ok()?)?;
            #[allow(clippy::cast_possible_truncation)] // rounded as a writer of 32 bits does
            let nearest = if primitive == Primitive::F32 { f64::from(nearest as f32) } else { nearest };
            let is_own = own.as_ref().and_then(|own| own.get(at)).is_some_and(|own| own == value);
            (nearest != *value && !is_own).then(|| (at, format!("{nearest:?}"), format!("{value:?}")))
        })
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Raw => f.write_str("themselves"),
            Self::Time { units, .. } => write!(f, "{} ({:?})", units.text(), units.calendar()),
        }
    }
}

/// Times; numbers that mean no time stay numbers.
fn instants(numbers: &Numbers, units: &TimeUnits, fill: Option<f64>) -> Vec<Value> {
    let calendar = Some(units.calendar()).filter(|calendar| !calendar.is_real());
    let instant = |instant: Instant| Value::Instant(instant.microseconds(), calendar);
    let floats = numbers.to_f64().into_iter();
    if let Some(integers) = numbers.to_i64() {
        let one = |(float, value): (f64, i64)| match units.decode_i64(value) {
            _ if Some(float) == fill => Value::NoInstant,
            Ok(at) => instant(at),
            Err(_) => Value::Integer(value.into()),
        };
        return floats.zip(integers).map(one).collect();
    }
    let one = |value: f64| match units.decode_f64(value) {
        _ if !value.is_finite() || Some(value) == fill => Value::NoInstant,
        Ok(at) => instant(at),
        Err(_) => Value::Float(value.to_bits()),
    };
    floats.map(one).collect()
}

fn raw(numbers: &Numbers) -> Vec<Value> {
    match (numbers.to_i64(), numbers) {
        (Some(values), _) => values.into_iter().map(|value| Value::Integer(value.into())).collect(),
        (None, Numbers::U64(values)) => values.iter().map(|value| Value::Integer((*value).into())).collect(),
        (None, other) => other.to_f64().into_iter().map(|value| Value::Float(value.to_bits())).collect(),
    }
}

/// How far apart, in steps of the grid around them, coordinates may be that should be the same.
const COORDINATE_TOLERANCE: f64 = 1e-9;

/// The first place where two arrays of one shape differ by more than 1e-9 of the largest step to a neighbour along any axis.
///
/// Where no neighbour within the row differs, the value's own size counts as a step, if it is larger. NaN equals NaN.
pub(super) fn beyond_tolerance(first: &[f64], second: &[f64], shape: &[u64]) -> Option<usize> {
    (0..first.len()).find(|at| {
        let (a, b) = (first[*at], second.get(*at).copied().unwrap_or(f64::INFINITY));
        let is_same = a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
        let is_close = (a - b).abs() <= COORDINATE_TOLERANCE * step(first, *at, shape);
        !is_same && !is_close
    })
}

/// The largest finite distance to a neighbour.
fn step(values: &[f64], at: usize, shape: &[u64]) -> f64 {
    let (mut largest, mut stride) = (0.0f64, 1usize);
    for (from_last, length) in shape.iter().rev().enumerate() {
        let length = usize::try_from(*length).unwrap_or(usize::MAX);
        let place = at.checked_div(stride).and_then(|number| number.checked_rem(length)).unwrap_or(0);
        let before = (place > 0).then(|| at - stride);
        let after = (place + 1 < length).then(|| at.saturating_add(stride));
        let distances =
            before.into_iter().chain(after).filter_map(|other| values.get(other)).map(|v| (v - values[at]).abs());
        largest = distances.filter(|distance| distance.is_finite()).fold(largest, f64::max);
        if from_last == 0 && largest == 0.0 {
            largest = values[at].abs();
        }
        stride = stride.saturating_mul(length);
    }
    if shape.is_empty() { values[at].abs() } else { largest }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tolerance_is_of_the_local_step() {
        let grid = [0.0, 10.0, 20.0];
        assert_eq!(beyond_tolerance(&grid, &[0.0, 10.0 + 9e-9, 20.0], &[3]), None);
        assert_eq!(beyond_tolerance(&grid, &[0.0, 10.0 + 2e-8, 20.0], &[3]), Some(1));
        // One value has no step but its own size; along rows this grid has none, along columns it has 5.
        for shape in [&[1][..], &[]] {
            assert_eq!(beyond_tolerance(&[2.0], &[2.0 + 1e-9], shape), None);
            assert_eq!(beyond_tolerance(&[2.0], &[2.0 + 1e-8], shape), Some(0));
        }
        assert_eq!(beyond_tolerance(&[1.0, 1.0, 6.0, 6.0], &[1.0 + 4e-9, 1.0, 6.0, 6.0], &[2, 2]), None);
        assert_eq!(beyond_tolerance(&[1.0, 1.0, 6.0, 6.0], &[1.0 + 6e-9, 1.0, 6.0, 6.0], &[2, 2]), Some(0));
        assert_eq!(beyond_tolerance(&[f64::NAN], &[f64::NAN], &[1]), None);
        assert_eq!(beyond_tolerance(&[0.0, 1.0], &[0.0, f64::NAN], &[2]), Some(1));
    }
}
