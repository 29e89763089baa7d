//! What has to be done: pure.
//!
//! In: the items that a scan found, the items that the ledger knows, the recipe's digests.
//! Out: for every item whether it is added, changed, removed or left, and why.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use crate::model::{ItemId, ItemSource, ItemState, KnownItem, SourceFile, SourceUrl};

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
    let mut known: BTreeMap<ItemId, KnownItem> = known.into_iter().map(|item| (item.id.clone(), item)).collect();
    let mut planned: Vec<PlannedItem> = found
        .into_iter()
        .map(|source| {
            let known = known.remove(&source.id);
            let (action, reasons) = decide(&source, known.as_ref(), circumstances);
            PlannedItem { id: source.id.clone(), action, reasons, source: Some(source), known }
        })
        .collect();
    planned.extend(known.into_values().map(|item| {
        let (action, reason) = if item.sources.iter().any(|file| hidden(file, circumstances)) {
            (Action::Unchanged, "its files could not be looked at".to_owned())
        } else {
            (Action::Removed, "no file of it is left".to_owned())
        };
        PlannedItem { id: item.id.clone(), action, reasons: vec![reason], source: None, known: Some(item) }
    }));
    planned.sort_by(|a, b| a.id.cmp(&b.id));
    planned
}

fn decide(source: &ItemSource, known: Option<&KnownItem>, circumstances: &Circumstances) -> (Action, Vec<String>) {
    let Some(known) = known else { return (Action::Added, vec!["new".into()]) };
    if known.revision.is_none() {
        return (Action::Added, vec!["it failed before".into()]);
    }
    let is_there: BTreeSet<&str> = source.files.iter().map(|file| file.url.as_str()).collect();
    let is_gone = |file: &&SourceFile| !is_there.contains(file.url.as_str());
    if known.sources.iter().filter(is_gone).any(|file| hidden(file, circumstances)) {
        return (Action::Unchanged, vec!["some of its files could not be looked at".into()]);
    }
    let mut reasons = file_changes(&source.files, &known.sources);
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
    (Action::Unchanged, Vec::new())
}

/// Whether a file lies where the scan could not look.
fn hidden(file: &SourceFile, circumstances: &Circumstances) -> bool {
    circumstances.unreadable.iter().any(|unreadable| file.url.is_within(unreadable))
}

/// What is different between two lists of files, in words.
fn file_changes(now: &[SourceFile], before: &[SourceFile]) -> Vec<String> {
    let by_url = |files: &[SourceFile]| -> BTreeMap<String, SourceFile> {
        files.iter().map(|file| (file.url.as_str().to_owned(), file.clone())).collect()
    };
    let (now, before) = (by_url(now), by_url(before));
    let added = now.keys().filter(|url| !before.contains_key(*url)).count();
    let removed = before.keys().filter(|url| !now.contains_key(*url)).count();
    let changed = now.iter().filter(|(url, file)| before.get(*url).is_some_and(|old| old != *file)).count();
    let counts = [(added, "added"), (removed, "removed"), (changed, "changed")];
    let word = |count| if count == 1 { "file" } else { "files" };
    counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {} {what}", word(*count)))
        .collect()
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
