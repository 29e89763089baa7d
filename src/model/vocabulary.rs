//! Controlled vocabularies: the values that a facet may have. Pure.

use std::collections::BTreeSet;

use serde_json::Value;

use super::facets::text;

/// What an unknown value means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// The item fails.
    #[default]
    Error,
    /// It is told.
    Warn,
}

/// The values that a facet may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vocabulary {
    /// Where it comes from: a file, or the recipe.
    pub name: String,
    /// The values.
    pub values: BTreeSet<String>,
    /// What an unknown value means.
    pub on_unknown: OnUnknown,
}

impl Vocabulary {
    /// The values of a facet that the vocabulary does not have; of a list each counts.
    ///
    /// ```
    /// use altostac::model::vocabulary::{OnUnknown, Vocabulary};
    /// let values = ["MOHC".to_owned(), "NCAR".to_owned()].into();
    /// let known = Vocabulary { name: "recipe".into(), values, on_unknown: OnUnknown::Error };
    /// assert!(known.unknown(&"MOHC".into()).is_empty());
    /// assert_eq!(known.unknown(&"MOCH".into()), ["MOCH"]);
    /// assert_eq!(known.nearest("MOCH"), Some("MOHC"));
    /// ```
    pub fn unknown(&self, value: &Value) -> Vec<String> {
        match value {
            Value::Array(values) => values.iter().flat_map(|value| self.unknown(value)).collect(),
            Value::Null => Vec::new(),
            value => Some(text(value)).filter(|value| !self.values.contains(value)).into_iter().collect(),
        }
    }

    /// The value that is spelt most like a text, if any is.
    pub fn nearest(&self, text: &str) -> Option<&str> {
        let lower = text.to_lowercase();
        let limit = (text.chars().count() / 2).max(1);
        let distance = |value: &String| strsim::damerau_levenshtein(&lower, &value.to_lowercase());
        let near = self.values.iter().map(|value| (distance(value), value));
        near.filter(|(distance, _)| *distance <= limit)
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, value)| value.as_str())
    }
}
