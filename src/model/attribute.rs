//! Attributes of groups and variables.

use indexmap::IndexMap;

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
