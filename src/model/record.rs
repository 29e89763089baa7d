//! STAC records.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordKind {
    /// A STAC Collection.
    Collection,
    /// A STAC Item.
    Item,
}

impl std::fmt::Display for RecordKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Collection => "collection",
            Self::Item => "item",
        })
    }
}

/// A STAC record as it stands in the static catalogue: hrefs below the output are relative to the record's own place.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// What it is.
    pub kind: RecordKind,
    /// Its id: equal to the JSON's `id`.
    pub id: String,
    /// The JSON document.
    pub json: Value,
}

/// Properties that differ from Item to Item by their nature, and beginnings of such: computed objects, and provenance.
const OF_ONE_ITEM: [&str; 9] = [
    "datetime",
    "start_datetime",
    "end_datetime",
    "duration",
    "created",
    "updated",
    "title",
    "description",
    "filename",
];
const OF_ONE_ITEM_PREFIXES: [&str; 4] = ["cube:", "processing:", "proj:", "file:"];

/// Whether a property says something of its Item alone, so that no Collection sums it up.
///
/// ```
/// use altostac::model::record::is_of_one_item;
/// assert!(is_of_one_item("duration") && is_of_one_item("proj:code") && !is_of_one_item("cmip6:experiment_id"));
/// ```
pub fn is_of_one_item(property: &str) -> bool {
    OF_ONE_ITEM.contains(&property) || OF_ONE_ITEM_PREFIXES.iter().any(|prefix| property.starts_with(prefix))
}

/// A record that agrees with the schemas of STAC and of all extensions that it names.
#[derive(Debug, Clone, PartialEq)]
pub struct ValidatedRecord(Record);

impl ValidatedRecord {
    /// The proof. Only `validate` may call this (`tests/it/architecture.rs` looks).
    pub(crate) fn prove(record: Record) -> Self {
        Self(record)
    }

    /// The record.
    pub fn record(&self) -> &Record {
        &self.0
    }
}
