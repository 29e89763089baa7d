//! What became of every record.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Difference;
use crate::model::RecordKind;

/// What became of one record. In a dry run: what would become of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PublishStatus {
    /// It was not there and is there now.
    Created,
    /// It differed and agrees now.
    Updated,
    /// It agreed already.
    Unchanged,
    /// It is no longer there.
    Removed,
    /// It is not there as it should be.
    Failed,
}

/// One record's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordReport {
    /// What it is.
    pub kind: RecordKind,
    /// Its id.
    pub id: String,
    /// What became of it.
    pub status: PublishStatus,
    /// The HTTP status that decided it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub http_status: Option<u16>,
    /// Why it failed, in words.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub message: Option<String>,
    /// Where the API's record differed from ours.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub differences: Vec<Difference>,
}

/// How many records each came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Created.
    pub created: usize,
    /// Updated.
    pub updated: usize,
    /// Unchanged.
    pub unchanged: usize,
    /// Removed.
    pub removed: usize,
    /// Failed.
    pub failed: usize,
}

impl Counts {
    /// Counts the records of each status.
    pub fn of(records: &[RecordReport]) -> Self {
        let mut counts = Self::default();
        for record in records {
            *match record.status {
                PublishStatus::Created => &mut counts.created,
                PublishStatus::Updated => &mut counts.updated,
                PublishStatus::Unchanged => &mut counts.unchanged,
                PublishStatus::Removed => &mut counts.removed,
                PublishStatus::Failed => &mut counts.failed,
            } += 1;
        }
        counts
    }
}

/// The answer of an API to a whole collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishReport {
    /// The API's landing page.
    pub api: String,
    /// Whether nothing was sent.
    pub dry_run: bool,
    /// How many records each came to what.
    pub counts: Counts,
    /// Parents, the collection, then the items and removed items in the order given.
    pub records: Vec<RecordReport>,
    /// What could not be done at all: an API that does not answer, more deletions than may be.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub problems: Vec<String>,
}

impl PublishReport {
    /// What these records came to.
    pub fn of(api: impl Into<String>, dry_run: bool, records: Vec<RecordReport>) -> Self {
        Self { api: api.into(), dry_run, counts: Counts::of(&records), records, problems: Vec::new() }
    }

    /// Whether every record is as it should be.
    pub fn is_success(&self) -> bool {
        self.counts.failed == 0 && self.problems.is_empty()
    }
}
