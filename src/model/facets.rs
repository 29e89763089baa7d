//! What is known of a file beyond its path, and the rules that find it out: `item.facets` of a recipe. No I/O.
//!
//! | file | does |
//! | --- | --- |
//! | `rule` | what the rules are, and which attributes they ask for |
//! | `apply` | from the pieces of a path to facets |
//! | `cast` | texts as numbers, truth values and dates |
//! | `table` | sidecars: rows found by facets |

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

mod apply;
mod cast;
mod rule;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use cast::is_format as is_date_format;
pub use cast::{Cast, CastKind};
pub use rule::{Action, FacetRules, Missing, Rule, TemplateValue};
pub use table::{Row, Table, TableError, parse_csv};

/// Facets by name; values are texts, numbers, truth values, or lists of these.
pub type FacetValues = BTreeMap<String, Value>;

/// What rules may start from besides the pieces of the pattern: the path below the root, its last piece, and where the file is (an
/// absolute path, or a URL).
pub const GIVEN: [&str; 3] = ["file_path", "file_name", "file_location"];

/// Attributes of a file: those that rules ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAttributes {
    /// The global ones.
    pub global: BTreeMap<String, Value>,
    /// Those of each variable, by its path without the first `/`.
    pub variables: BTreeMap<String, BTreeMap<String, Value>>,
}

/// Which attributes rules ask for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedAttributes {
    /// Names of global attributes.
    pub global: BTreeSet<String>,
    /// Names of attributes of variables.
    pub variables: BTreeSet<String>,
}

impl AskedAttributes {
    /// Whether none is asked for.
    pub fn is_empty(&self) -> bool {
        self.global.is_empty() && self.variables.is_empty()
    }
}

/// Why facets of a file cannot be found out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule} {problem}")]
pub struct FacetError {
    /// The key of the rule, such as `item.facets[2]`.
    pub rule: String,
    /// What is wrong; it follows the key.
    pub problem: String,
}

/// A facet's value as a text: that of a list is its values with `,` between.
///
/// ```
/// use altostac::model::facets::text;
/// use serde_json::json;
/// assert_eq!((text(&json!("a")), text(&json!(1850)), text(&json!(["a", 2]))), ("a".into(), "1850".into(), "a,2".into()));
/// ```
pub fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}
