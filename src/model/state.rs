//! What is remembered of an item from one run to the next.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ids::{ItemId, Revision};
use super::product::Product;
use super::source::SourceFile;

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// Its products and record are those of its sources.
    Current,
    /// The last attempt failed; an earlier revision may still stand.
    Failed,
    /// Its files are gone; its record stays, with `deprecated`.
    Deprecated,
    /// Its files are gone; its record stays, with `retracted`.
    Retracted,
}

impl ItemState {
    /// Whether its record stays although its files are gone.
    pub fn is_withdrawn(self) -> bool {
        matches!(self, Self::Deprecated | Self::Retracted)
    }
}

/// Why an item failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ItemError {
    /// A word for machines: `overlap`, `unsupported`, `io`, `source_changed`, …
    pub kind: String,
    /// A sentence or several for people: what, expected, found, remedy.
    pub message: String,
    /// The files it is about.
    pub files: Vec<String>,
}

/// An item as the ledger knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct KnownItem {
    /// Its id.
    pub id: ItemId,
    /// Where it stands.
    pub state: ItemState,
    /// The revision that its record points at; `None` if none was ever completed.
    pub revision: Option<Revision>,
    /// The files of that revision, as they were when they were indexed; sorted by URL.
    pub sources: Vec<SourceFile>,
    /// The products of that revision.
    pub products: Vec<Product>,
    /// What decided the products ([`Recipe::product_digest`](super::recipe::Recipe)).
    pub product_digest: String,
    /// What decided the record.
    pub record_digest: String,
    /// The error of the last attempt, if it failed.
    pub error: Option<ItemError>,
    /// When this entry last changed.
    pub updated: DateTime<Utc>,
}
