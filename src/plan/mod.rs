//! What has to be done: pure.
//!
//! In: the items that a scan found, the items that the ledger knows, the recipe's digests.
//! Out: for every item whether it is added, changed, removed or left, and why.
//!
//! | file | does |
//! | --- | --- |
//! | `files` | which files of an item are new, changed, gone, or only have another name |
//! | `guard` | how many items may go in one run |

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{ItemId, ItemSource, ItemState, KnownItem, OnRemoved, SourceFile, SourceUrl};

mod files;
mod guard;

use files::Renames;
pub use files::{ChangedFile, FileChanges, RenamedFile};
pub use guard::{Guarded, guard};

/// What happens to an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is new.
    Added,
    /// Its products are written anew.
    Changed,
    /// Its products stand; its record is written anew.
    Redescribed,
    /// It goes: its files are gone.
    Removed,
    /// Its files are gone; its record stays, marked as the recipe says.
    Withdrawn,
    /// Nothing.
    Unchanged,
}

/// One item of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedItem {
    /// Its id.
    pub id: ItemId,
    /// What happens to it.
    pub action: Action,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// What is different between its files now and those of its last revision.
    pub changes: FileChanges,
    /// Its files; `None` if it is removed.
    pub source: Option<ItemSource>,
    /// What was known of it.
    pub known: Option<KnownItem>,
}

/// What a plan goes by besides the items.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// [`Recipe::product_digest`](crate::model::recipe::Recipe).
    pub product_digest: String,
    /// [`Recipe::record_digest`](crate::model::recipe::Recipe).
    pub record_digest: String,
    /// Known items whose products or records are no longer where they were written.
    pub damaged: BTreeSet<ItemId>,
    /// Files and folders that the scan could not look at: what is known to lie there is neither removed nor taken for changed.
    pub unreadable: Vec<SourceUrl>,
    /// Files whose bytes are not what they were although their fingerprints are.
    pub rewritten: BTreeSet<SourceUrl>,
    /// Files whose bytes are what they were although their fingerprints are not.
    pub touched: BTreeSet<SourceUrl>,
    /// Whether records tell when their files were modified.
    pub tells_modified: bool,
    /// What becomes of items whose files are gone.
    pub on_removed: OnRemoved,
    /// Rebuild everything.
    pub force: bool,
}

/// Compares what was found with what is known. The plan is sorted by id.
///
/// ```
/// use altostac::plan::{plan, Circumstances};
/// assert!(plan(Vec::new(), Vec::new(), &Circumstances::default()).is_empty());
/// ```
pub fn plan(found: Vec<ItemSource>, known: Vec<KnownItem>, circumstances: &Circumstances) -> Vec<PlannedItem> {
    let renames = Renames::find(&found, &known, &|file| hidden(file, circumstances));
    let mut known: BTreeMap<ItemId, KnownItem> = known.into_iter().map(|item| (item.id.clone(), item)).collect();
    let mut planned: Vec<PlannedItem> = found
        .into_iter()
        .map(|source| {
            let known = known.remove(&source.id);
            let before = known.as_ref().map_or(&[][..], |known| &known.sources);
            let changes = files::changes(&source.files, before, &renames, circumstances);
            let (action, reasons) = decide(&source, known.as_ref(), &changes, circumstances);
            PlannedItem { id: source.id.clone(), action, reasons, changes, source: Some(source), known }
        })
        .collect();
    planned.extend(known.into_values().map(|item| {
        let changes = files::changes(&[], &item.sources, &renames, circumstances);
        let (action, reasons) = without_files(&item, &changes, circumstances);
        PlannedItem { id: item.id.clone(), action, reasons, changes, source: None, known: Some(item) }
    }));
    planned.sort_by(|a, b| a.id.cmp(&b.id));
    planned
}

/// What becomes of an item of which no file was found.
fn without_files(item: &KnownItem, changes: &FileChanges, circumstances: &Circumstances) -> (Action, Vec<String>) {
    if item.sources.iter().any(|file| hidden(file, circumstances)) {
        return (Action::Unchanged, vec!["its files could not be looked at".into()]);
    }
    let reason = match changes.renamed.len() {
        0 => "no file of it is left".to_owned(),
        count if changes.removed.is_empty() => format!("{} to other items", counted(count, "file moved")),
        count => format!("no file of it is left; {} to other items", counted(count, "file moved")),
    };
    let is_marked = circumstances.on_removed.state() == Some(item.state);
    let action = match circumstances.on_removed {
        OnRemoved::Remove => Action::Removed,
        // What never was built has no record that could stay.
        _ if item.revision.is_none() => Action::Removed,
        _ if is_marked => Action::Unchanged,
        OnRemoved::Deprecate | OnRemoved::Retract => Action::Withdrawn,
    };
    (action, if action == Action::Unchanged { Vec::new() } else { vec![reason] })
}

/// `1 file moved`, `2 files moved`.
fn counted(count: usize, what: &str) -> String {
    let plural = if count == 1 { what.to_owned() } else { what.replacen("file", "files", 1) };
    format!("{count} {plural}")
}

fn decide(
    source: &ItemSource,
    known: Option<&KnownItem>,
    changes: &FileChanges,
    circumstances: &Circumstances,
) -> (Action, Vec<String>) {
    let Some(known) = known else {
        let moved = match changes.renamed.len() {
            0 => "new".to_owned(),
            count => format!("new; {} from other items", counted(count, "file moved")),
        };
        return (Action::Added, vec![moved]);
    };
    if known.revision.is_none() {
        return (Action::Added, vec!["it failed before".into()]);
    }
    let is_there: BTreeSet<&str> = source.files.iter().map(|file| file.url.as_str()).collect();
    let is_gone = |file: &&SourceFile| !is_there.contains(file.url.as_str());
    if known.sources.iter().filter(is_gone).any(|file| hidden(file, circumstances)) {
        return (Action::Unchanged, vec!["some of its files could not be looked at".into()]);
    }
    let mut reasons = changes.words();
    if known.state.is_withdrawn() {
        reasons.push("its files are there again".into());
    }
    if circumstances.force {
        reasons.push("asked for with --force".into());
    }
    if known.state == ItemState::Failed {
        reasons.push("the last attempt failed".into());
    }
    if known.product_digest != circumstances.product_digest {
        reasons.push("the recipe asks for other products".into());
    }
    if circumstances.damaged.contains(&known.id) {
        reasons.push("its products or record are missing from the output".into());
    }
    if !reasons.is_empty() {
        return (Action::Changed, reasons);
    }
    if known.record_digest != circumstances.record_digest {
        return (Action::Redescribed, vec!["the recipe asks for another record".into()]);
    }
    if circumstances.tells_modified && !changes.touched.is_empty() {
        return (Action::Redescribed, vec![counted(changes.touched.len(), "file touched")]);
    }
    (Action::Unchanged, Vec::new())
}

/// Whether a file lies where the scan could not look.
fn hidden(file: &SourceFile, circumstances: &Circumstances) -> bool {
    circumstances.unreadable.iter().any(|unreadable| file.url.is_within(unreadable))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::{Fingerprint, Revision};

    fn file(name: &str, modified_ns: i64) -> SourceFile {
        let url = SourceUrl::from_path(format!("/a/{name}")).unwrap();
        SourceFile { url, size: 1, fingerprint: Fingerprint::ModifiedAndSize { modified_ns, size: 1 } }
    }

    fn found(id: &str, files: Vec<SourceFile>) -> ItemSource {
        ItemSource {
            id: ItemId::new(id).unwrap(),
            facets: BTreeMap::new(),
            properties: BTreeMap::new(),
            files,
            file_facets: Vec::new(),
        }
    }

    fn known(id: &str, files: Vec<SourceFile>) -> KnownItem {
        KnownItem {
            id: ItemId::new(id).unwrap(),
            state: ItemState::Current,
            revision: Some(Revision::FIRST),
            sources: files,
            products: Vec::new(),
            product_digest: "p".into(),
            record_digest: "r".into(),
            error: None,
            updated: chrono::DateTime::UNIX_EPOCH,
        }
    }

    fn circumstances() -> Circumstances {
        Circumstances { product_digest: "p".into(), record_digest: "r".into(), ..Circumstances::default() }
    }

    fn actions(plan: &[PlannedItem]) -> Vec<(String, Action, String)> {
        plan.iter().map(|item| (item.id.to_string(), item.action, item.reasons.join("; "))).collect()
    }

    #[test]
    fn says_what_happens_and_why() {
        let plan = plan(
            vec![
                found("new", vec![file("1", 1)]),
                found("same", vec![file("2", 1)]),
                found("touched", vec![file("3", 2), file("4", 1)]),
            ],
            vec![
                known("gone", vec![file("9", 1)]),
                known("same", vec![file("2", 1)]),
                known("touched", vec![file("3", 1)]),
            ],
            &circumstances(),
        );
        let expected = [
            ("gone", Action::Removed, "no file of it is left"),
            ("new", Action::Added, "new"),
            ("same", Action::Unchanged, ""),
            ("touched", Action::Changed, "1 file added; 1 file changed"),
        ];
        assert_eq!(actions(&plan), expected.map(|(id, action, why)| (id.to_owned(), action, why.to_owned())));
    }

    #[test]
    fn a_record_is_written_anew_without_its_products() {
        let items = || vec![found("a", vec![file("1", 1)])];
        let known = || vec![known("a", vec![file("1", 1)])];
        let other_record = Circumstances { record_digest: "x".into(), ..circumstances() };
        assert_eq!(plan(items(), known(), &other_record)[0].action, Action::Redescribed);
        let other_product = Circumstances { product_digest: "x".into(), ..circumstances() };
        assert_eq!(plan(items(), known(), &other_product)[0].action, Action::Changed);
        let force = Circumstances { force: true, ..circumstances() };
        assert_eq!(plan(items(), known(), &force)[0].action, Action::Changed);
    }

    #[test]
    fn files_that_are_touched_are_the_same_unless_records_tell_their_times() {
        let touched = BTreeSet::from([file("1", 1).url]);
        let planned = |tells_modified, others: Vec<SourceFile>| {
            let circumstances = Circumstances { touched: touched.clone(), tells_modified, ..circumstances() };
            let now = std::iter::once(file("1", 2)).chain(others).collect();
            plan(vec![found("a", now)], vec![known("a", vec![file("1", 1)])], &circumstances).remove(0)
        };
        let one = planned(false, Vec::new());
        assert_eq!((one.action, one.reasons.len(), one.changes.touched.len()), (Action::Unchanged, 0, 1));
        let one = planned(true, Vec::new());
        assert_eq!((one.action, one.reasons), (Action::Redescribed, vec!["1 file touched".to_owned()]));
        let one = planned(true, vec![file("2", 1)]);
        assert_eq!((one.action, one.reasons), (Action::Changed, vec!["1 file added".to_owned()]));
    }

    #[test]
    fn what_is_gone_is_removed_or_stays_with_a_mark() {
        let deprecating = Circumstances { on_removed: OnRemoved::Deprecate, ..circumstances() };
        let retracting = Circumstances { on_removed: OnRemoved::Retract, ..circumstances() };
        let gone = |state: ItemState, circumstances: &Circumstances| {
            let item = KnownItem { state, ..known("a", vec![file("1", 1)]) };
            plan(Vec::new(), vec![item], circumstances)[0].action
        };
        assert_eq!(gone(ItemState::Current, &circumstances()), Action::Removed);
        assert_eq!(gone(ItemState::Current, &deprecating), Action::Withdrawn);
        assert_eq!(gone(ItemState::Deprecated, &deprecating), Action::Unchanged);
        assert_eq!(gone(ItemState::Deprecated, &retracting), Action::Withdrawn);
        assert_eq!(gone(ItemState::Failed, &retracting), Action::Withdrawn);
        assert_eq!(gone(ItemState::Retracted, &circumstances()), Action::Removed);
        let never = KnownItem { revision: None, ..known("a", vec![]) };
        assert_eq!(plan(Vec::new(), vec![never], &deprecating)[0].action, Action::Removed);
        let again = KnownItem { state: ItemState::Deprecated, ..known("a", vec![file("1", 1)]) };
        let again = plan(vec![found("a", vec![file("1", 1)])], vec![again], &deprecating);
        assert_eq!(actions(&again), [("a".to_owned(), Action::Changed, "its files are there again".to_owned())]);
    }

    #[test]
    fn a_file_with_another_name_is_told_as_that() {
        let whole = plan(
            vec![found("to", vec![file("b/x.nc", 7)])],
            vec![known("from", vec![file("a/x.nc", 7)])],
            &circumstances(),
        );
        let expected = [
            ("from", Action::Removed, "1 file moved to other items"),
            ("to", Action::Added, "new; 1 file moved from other items"),
        ];
        assert_eq!(actions(&whole), expected.map(|(id, action, why)| (id.to_owned(), action, why.to_owned())));
        let within = plan(
            vec![found("a", vec![file("new.nc", 7), file("2", 1)])],
            vec![known("a", vec![file("old.nc", 7), file("2", 1)])],
            &circumstances(),
        );
        assert_eq!(actions(&within), [("a".to_owned(), Action::Changed, "1 file renamed".to_owned())]);
    }

    #[test]
    fn what_could_not_be_seen_is_not_removed() {
        let unseen = Circumstances { unreadable: vec![SourceUrl::from_path("/a").unwrap()], ..circumstances() };
        let both = || known("a", vec![file("1", 1), file("2", 1)]);
        let gone = plan(Vec::new(), vec![both()], &unseen);
        assert_eq!(gone[0].action, Action::Unchanged);
        let half = plan(vec![found("a", vec![file("1", 1)])], vec![both()], &unseen);
        assert_eq!(half[0].action, Action::Unchanged);
        let elsewhere = Circumstances { unreadable: vec![SourceUrl::from_path("/b").unwrap()], ..circumstances() };
        assert_eq!(plan(Vec::new(), vec![both()], &elsewhere)[0].action, Action::Removed);
    }

    #[test]
    fn what_failed_is_tried_again() {
        let failed = KnownItem { state: ItemState::Failed, ..known("a", vec![file("1", 1)]) };
        let items = || vec![found("a", vec![file("1", 1)])];
        assert_eq!(plan(items(), vec![failed.clone()], &circumstances())[0].action, Action::Changed);
        let never = KnownItem { revision: None, ..failed };
        assert_eq!(plan(items(), vec![never], &circumstances())[0].action, Action::Added);
    }
}
