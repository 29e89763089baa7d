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
