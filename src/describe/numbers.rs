//! What the numbers of a variable are: unpacked, and without those that stand for missing ones.

use std::borrow::Cow;

use crate::model::{Array, ArrayValues, AttributeValue, Numbers, Variable};

/// The values that stand for missing ones, as binary64.
pub(super) fn missing_values(variable: &Variable) -> Vec<f64> {
    let numbers = |name| match variable.attributes.get(name) {
        Some(AttributeValue::Numbers(numbers)) => numbers.to_f64(),
        _ => Vec::new(),
    };
    [numbers("_FillValue"), numbers("missing_value")].concat()
}

/// The factor and the offset of packed numbers (CF 8.1).
pub(super) fn packing(variable: &Variable) -> (f64, f64) {
    let number = |name| variable.attributes.get(name).and_then(AttributeValue::number);
    (number("scale_factor").unwrap_or(1.0), number("add_offset").unwrap_or(0.0))
}

/// No coordinate is that large: netCDF's own fill value (9.97e36), or another that no attribute names.
const LARGEST_COORDINATE: f64 = 1e19;

/// The numbers of an array, unpacked, missing ones as NaN; `None` if it holds no numbers.
pub(super) fn unpacked(variable: &Variable, array: &Array) -> Option<Vec<f64>> {
    let ArrayValues::Numbers(numbers) = &array.values else { return None };
    let missing = missing_values(variable);
    let raw = numbers.to_f64();
    let (factor, offset) = packing(variable);
    let shown = if (factor, offset) == (1.0, 0.0) { shortest(numbers) } else { Cow::Borrowed(raw.as_slice()) };
    let unpack = |(raw, shown): (&f64, &f64)| {
        if missing.contains(raw) || raw.abs() >= LARGEST_COORDINATE { f64::NAN } else { shown * factor + offset }
    };
    Some(raw.iter().zip(shown.iter()).map(unpack).collect())
}

/// The numbers as people wrote them: 0.1 stored in 32 bits is 0.1, not 0.10000000149.
pub(super) fn shortest(numbers: &Numbers) -> Cow<'static, [f64]> {
    let values = match numbers {
        Numbers::F32(values) => values.iter().map(|value| shortest_f32(*value)).collect(),
        other => other.to_f64(),
    };
    Cow::Owned(values)
}

fn shortest_f32(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}
