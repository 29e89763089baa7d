//! Attributes of groups and variables.

use indexmap::IndexMap;
use serde_json::{Number, Value, json};

use super::array::Numbers;

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// One text.
    Text(String),
    /// Several texts.
    Texts(Vec<String>),
    /// One number or several; the type is part of the value.
    Numbers(Numbers),
    /// A value whose type altostac does not carry over; the class in words.
    Unsupported(String),
}

impl AttributeValue {
    /// The text, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Texts(texts) if texts.len() == 1 => texts.first().map(String::as_str),
            _ => None,
        }
    }

    /// The number as binary64, if it is exactly one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Numbers(numbers) if numbers.len() == 1 => numbers.to_f64().first().copied(),
            _ => None,
        }
    }

    /// The value as attributes of Zarr are written: a number alone for one number, NaN and infinities as texts, binary32 widened;
    /// `None` for types that are not carried over.
    ///
    /// ```
    /// use altostac::model::{AttributeValue, Numbers};
    /// let range = AttributeValue::Numbers(Numbers::F32(vec![-1.0, f32::NAN]));
    /// assert_eq!(range.to_json().unwrap().to_string(), r#"[-1.0,"NaN"]"#);
    /// ```
    pub fn to_json(&self) -> Option<Value> {
        Some(match self {
            Self::Text(text) => json!(text),
            Self::Texts(texts) => json!(texts),
            Self::Numbers(numbers) => {
                let mut values = numbers_json(numbers);
                if values.len() == 1 { values.pop()? } else { Value::Array(values) }
            }
            Self::Unsupported(_) => return None,
        })
    }
}

fn numbers_json(numbers: &Numbers) -> Vec<Value> {
    match (numbers.to_i64(), numbers) {
        (Some(values), _) => values.into_iter().map(Value::from).collect(),
        (None, Numbers::U64(values)) => values.iter().map(|value| json!(value)).collect(),
        (None, floats) => floats.to_f64().into_iter().map(float_json).collect(),
    }
}

fn float_json(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => json!("NaN"),
        None if value > 0.0 => json!("Infinity"),
        None => json!("-Infinity"),
    }
}

/// Attributes by name, in the order of the file.
pub type Attributes = IndexMap<String, AttributeValue>;

/// The text of an attribute, if it is there and a text.
///
/// ```
/// use altostac::model::{attribute::text, AttributeValue, Attributes};
/// let attributes = Attributes::from([("units".to_owned(), AttributeValue::Text("K".into()))]);
/// assert_eq!(text(&attributes, "units"), Some("K"));
/// ```
pub fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name).and_then(AttributeValue::text)
}
