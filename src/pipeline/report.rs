//! What runs answer: one document each for `--json`, the same facts for people.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;

use super::published::{ApiStatus, ItemPublication};
use crate::model::{ContentReport, ItemError, ItemState, Note, ProductFormat, VariableChoice, VerificationReport};
use crate::plan::{Action, FileChanges};
use crate::scan::LinkTargets;
use crate::storage::Traffic;

/// The answer of `altostac plan`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PlanReport {
    /// The collection's id.
    pub collection: String,
    /// How many items and files it is about.
    pub counts: PlanCounts,
    /// Every item, sorted by id.
    pub items: Vec<PlannedReport>,
    /// Files that match no pattern, with the reason.
    pub unmatched: Vec<String>,
    /// What could not be looked at, and guards that would stop something.
    pub problems: Vec<String>,
    /// Values of facets that no vocabulary has, where the recipe asks no more than to be told.
    pub warnings: Vec<String>,
}

/// How many items and files a plan is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlanCounts {
    /// Items that are new.
    pub added: usize,
    /// Items whose products would be written anew.
    pub changed: usize,
    /// Items whose record alone would be.
    pub redescribed: usize,
    /// Items that would go.
    pub removed: usize,
    /// Items whose files are gone and whose record would be marked.
    pub withdrawn: usize,
    /// Items that would go or be marked, if a guard did not stop it.
    pub stopped: usize,
    /// Items that stay as they are.
    pub unchanged: usize,
    /// What cannot become an item.
    pub failed: usize,
    /// Files that are new.
    pub files_added: usize,
    /// Files that are not what they were.
    pub files_changed: usize,
    /// Files that are gone.
    pub files_removed: usize,
    /// Files that have another name now.
    pub files_renamed: usize,
    /// Files of another time and the same bytes.
    pub files_touched: usize,
    /// Files that are as they were.
    pub files_unchanged: usize,
}

impl PlanCounts {
    /// Counts what a plan holds. A file that moved from one item to another is counted once.
    pub(super) fn of(items: &[PlannedReport]) -> Self {
        let mut counts = Self::default();
        let mut renamed = std::collections::BTreeSet::new();
        for item in items {
            *match item.action {
                _ if item.stopped => &mut counts.stopped,
                Some(Action::Added) => &mut counts.added,
                Some(Action::Changed) => &mut counts.changed,
                Some(Action::Redescribed) => &mut counts.redescribed,
                Some(Action::Removed) => &mut counts.removed,
                Some(Action::Withdrawn) => &mut counts.withdrawn,
                Some(Action::Unchanged) => &mut counts.unchanged,
                None => &mut counts.failed,
            } += 1;
            // Files of items that stay withdrawn have been told before.
            if item.action == Some(Action::Unchanged) && item.files == 0 {
                continue;
            }
            counts.files_added += item.changes.added.len();
            counts.files_changed += item.changes.changed.len();
            counts.files_removed += item.changes.removed.len();
            counts.files_touched += item.changes.touched.len();
            counts.files_unchanged += item.changes.unchanged;
            renamed.extend(item.changes.renamed.iter().map(|renamed| &renamed.from));
        }
        counts.files_renamed = renamed.len();
        counts
    }
}

/// What is different between the files of an item now and those of its last revision.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileChangesReport {
    /// Files that were not there, sorted.
    pub added: Vec<String>,
    /// Files that are not what they were.
    pub changed: Vec<ChangedFileReport>,
    /// Files that are gone.
    pub removed: Vec<String>,
    /// Files of the same size and fingerprint that have another name now, perhaps in another item.
    pub renamed: Vec<RenamedFileReport>,
    /// Files that are another only by their time or tag: their bytes are the same.
    pub touched: Vec<String>,
    /// How many files are as they were.
    pub unchanged: usize,
}

/// A file that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct ChangedFileReport {
    /// The file.
    pub file: String,
    /// By what the change shows.
    pub why: String,
}

/// A file that has another name now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RenamedFileReport {
    /// Where it was.
    pub from: String,
    /// Where it is.
    pub to: String,
}

impl FileChangesReport {
    pub(super) fn of(changes: &FileChanges) -> Self {
        let shown = |urls: &[crate::model::SourceUrl]| urls.iter().map(ToString::to_string).collect();
        let changed =
            |file: &crate::plan::ChangedFile| ChangedFileReport { file: file.url.to_string(), why: file.why.clone() };
        let renamed = |file: &crate::plan::RenamedFile| RenamedFileReport {
            from: file.from.to_string(),
            to: file.to.to_string(),
        };
        Self {
            added: shown(&changes.added),
            changed: changes.changed.iter().map(changed).collect(),
            removed: shown(&changes.removed),
            renamed: changes.renamed.iter().map(renamed).collect(),
            touched: shown(&changes.touched),
            unchanged: changes.unchanged,
        }
    }
}

/// One item of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct PlannedReport {
    /// Its id.
    pub id: String,
    /// What would happen; absent if it cannot become an item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<Action>,
    /// Whether a guard would keep that from happening.
    pub stopped: bool,
    /// Why.
    pub reasons: Vec<String>,
    /// How many files it has now.
    pub files: usize,
    /// What is different between its files now and those of its last revision.
    pub changes: FileChangesReport,
    /// With `--explain`: how its variables would be carried; absent if it stays as it is, or its files cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explained: Option<Explained>,
    /// Why it cannot become an item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ItemError>,
}

/// What a build would do with the variables of an item.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Explained {
    /// How each variable would be carried, and why; none if the files do not follow each other at all.
    pub variables: Vec<VariableChoice>,
    /// What would be merged, dropped or tolerated on the way.
    pub notes: Vec<Note>,
}

/// What became of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BuiltStatus {
    /// It is new.
    Added,
    /// Its products or its record were written anew.
    Changed,
    /// It went.
    Removed,
    /// Its files are gone; its record stays, marked.
    Withdrawn,
    /// Nothing was to be done.
    Unchanged,
    /// It could not be built; what stood before stands.
    Failed,
}

/// One product of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct BuiltProduct {
    /// The format.
    pub format: ProductFormat,
    /// Where readers outside find it.
    pub href: String,
    /// Where it is: on this machine an absolute path, else its URL in the object store.
    pub path: String,
}

/// One item of a build.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BuiltItem {
    /// Its id.
    pub id: String,
    /// What became of it.
    pub status: BuiltStatus,
    /// The revision that stands now; absent if none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// How many source files it has.
    pub files: usize,
    /// How many chunks its products hold, inlined ones included.
    pub chunks: u64,
    /// Its products.
    pub products: Vec<BuiltProduct>,
    /// Why it was worked on, or removed.
    pub reasons: Vec<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ItemError>,
}

/// The answer of `altostac build`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct BuildReport {
    /// The collection's id.
    pub collection: String,
    /// Every item, sorted by id.
    pub items: Vec<BuiltItem>,
    /// Files that match no pattern, with the reason.
    pub unmatched: Vec<String>,
    /// What could not be looked at, and guards that stopped something.
    pub problems: Vec<String>,
    /// Values of facets that no vocabulary has, where the recipe asks no more than to be told.
    pub warnings: Vec<String>,
    /// What was read for it.
    pub traffic: TrafficReport,
    /// Seconds that each stage took, of all threads together.
    pub stages: BTreeMap<String, f64>,
    /// Seconds that it took.
    pub elapsed_s: f64,
    /// What decides whether the run leaves a report.
    #[serde(skip)]
    #[schemars(skip)]
    pub news: News,
    /// Where links lead that were listed by their own path.
    #[serde(skip)]
    #[schemars(skip)]
    pub links: LinkTargets,
}

/// Whether there is something to tell of a run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct News {
    /// Whether an item was changed, or failed otherwise than before.
    pub is_any: bool,
    /// When the run began.
    pub begun: DateTime<Utc>,
}

/// What reading the sources took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TrafficReport {
    /// Requests to servers, repeated ones too, and reads of local files.
    pub requests: u64,
    /// Bytes that they brought.
    pub bytes: u64,
    /// Source files that were opened, each counted once; those that were only looked at are not.
    pub files: u64,
}

impl From<Traffic> for TrafficReport {
    fn from(traffic: Traffic) -> Self {
        Self { requests: traffic.requests, bytes: traffic.bytes, files: 0 }
    }
}

impl BuildReport {
    /// Whether everything that was asked for was done.
    pub fn is_success(&self) -> bool {
        self.problems.is_empty() && self.items.iter().all(|item| item.status != BuiltStatus::Failed)
    }

    /// How many items came to what.
    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for item in &self.items {
            let word = match item.status {
                BuiltStatus::Added => "added",
                BuiltStatus::Changed => "changed",
                BuiltStatus::Removed => "removed",
                BuiltStatus::Withdrawn => "withdrawn",
                BuiltStatus::Unchanged => "unchanged",
                BuiltStatus::Failed => "failed",
            };
            *counts.entry(word).or_default() += 1;
        }
        counts
    }
}

/// One item of a verification.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct VerifiedItem {
    /// Its id.
    pub id: String,
    /// The revision that was looked at.
    pub revision: u32,
    /// Whether every product equals its sources.
    pub verified: bool,
    /// What was compared, for each product.
    pub reports: Vec<VerificationReport>,
    /// What was compared of the sources' bytes with digests taken earlier.
    pub content: ContentReport,
    /// What differs: variable, chunk, expected, found.
    pub differences: Vec<serde_json::Value>,
    /// How many differences there are; more than listed, if they are many.
    pub difference_count: u64,
    /// Why it could not be verified at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ItemError>,
}

/// The answer of `altostac verify`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct VerifyReport {
    /// The collection's id.
    pub collection: String,
    /// Every item that has products, sorted by id.
    pub items: Vec<VerifiedItem>,
    /// Seconds that it took.
    pub elapsed_s: f64,
}

impl VerifyReport {
    /// Whether every product equals its sources.
    pub fn is_success(&self) -> bool {
        self.items.iter().all(|item| item.verified)
    }
}

/// One item of a status.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct ItemStatus {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: ItemState,
    /// The revision that stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u32>,
    /// How many source files that revision has.
    pub files: usize,
    /// When it last changed.
    pub updated: DateTime<Utc>,
    /// The error of the last attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ItemError>,
    /// Where it stands in each API.
    pub publications: Vec<ItemPublication>,
}

/// The answer of `altostac status`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StatusReport {
    /// The collection's id.
    pub collection: String,
    /// Every item, sorted by id.
    pub items: Vec<ItemStatus>,
    /// Every API that was or is to be sent anything.
    pub apis: Vec<ApiStatus>,
    /// What a watch has heard of and not followed yet; absent if nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub watch: Option<super::WatchStatus>,
}
