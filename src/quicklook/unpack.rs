//! Which numbers stored bytes stand for (CF 1.11, 2.5.1 and 8.1).

use crate::model::{AttributeValue, Attributes, DataType, Numbers, Primitive};

/// The numbers, unpacked; NaN where they are missing: `_FillValue`, `missing_value`, what is outside of the valid range, and what netCDF
/// fills with where no attribute says otherwise.
///
/// ```
/// use altostac::model::{AttributeValue, Attributes, DataType, Numbers, Primitive};
/// use altostac::quicklook::unpack;
/// let one = |number| AttributeValue::Numbers(number);
/// let attributes = Attributes::from_iter([
///     ("scale_factor".to_owned(), one(Numbers::F64(vec![0.5]))),
///     ("_FillValue".to_owned(), one(Numbers::I16(vec![-1]))),
/// ]);
/// let numbers = unpack(&Numbers::I16(vec![3, -1]), &DataType::little(Primitive::I16), &attributes);
/// assert!(numbers[0] == 1.5 && numbers[1].is_nan());
/// ```
pub fn unpack(stored: &Numbers, data_type: &DataType, attributes: &Attributes) -> Vec<f64> {
    let numbers = |name: &str| match attributes.get(name) {
        Some(AttributeValue::Numbers(numbers)) => numbers.to_f64(),
        _ => Vec::new(),
    };
    let one = |name: &str| numbers(name).first().copied();
    let mut missing = [numbers("_FillValue"), numbers("missing_value")].concat();
    // A byte may well have all its values.
    if !attributes.contains_key("_FillValue") && data_type.number().is_some_and(|(primitive, _)| primitive.size() > 1) {
        missing.extend(Numbers::netcdf_fill(stored.primitive()).to_f64());
    }
    let (factor, offset) = (one("scale_factor").unwrap_or(1.0), one("add_offset").unwrap_or(0.0));
    let range = numbers("valid_range");
    let both = |at: usize| if range.len() == 2 { range.get(at).copied() } else { None };
    let (low, high) = (one("valid_min").or(both(0)), one("valid_max").or(both(1)));
    // The range is of stored numbers. Some say it of values: then it would leave nothing.
    let is_packed = (factor, offset) != (1.0, 0.0);
    let all = stored.to_f64();
    let is_outside = |value: f64| low.is_some_and(|low| value < low) || high.is_some_and(|high| value > high);
    let is_missing = |value: f64| !value.is_finite() || missing.contains(&value);
    let leaves_nothing = is_packed && all.iter().all(|value| is_missing(*value) || is_outside(*value));
    let wraps = turn(stored, attributes, low);
    all.iter()
        .map(|value| match *value {
            value if is_missing(value) || (!leaves_nothing && is_outside(value)) => f64::NAN,
            value if value < 0.0 => (value + wraps) * factor + offset,
            value => value * factor + offset,
        })
        .collect()
}

/// What is added to negative numbers that mean positive ones (`_Unsigned`, the netCDF Users' Guide).
fn turn(stored: &Numbers, attributes: &Attributes, low: Option<f64>) -> f64 {
    let is_unsigned = matches!(attributes.get("_Unsigned"), Some(AttributeValue::Text(text)) if text.trim() == "true");
    match stored.primitive() {
        Primitive::I8 if is_unsigned && low.is_none() => 256.0,
        Primitive::I16 if is_unsigned && low.is_none() => 65_536.0,
        _ => 0.0,
    }
}
