//! Publishing the records of the static catalogue to an API.

mod journal;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;
use url::Url;

use self::journal::LedgerJournal;
use super::item::{read_record, read_records};
use super::{PipelineError, Workspace};
use crate::model::{
    CollectionId, Fingerprint, ItemId, Manage, PublishSettings, Record, RecordKind, SourceFile, ValidatedRecord,
    without_item_links,
};
use crate::publish::{
    ApiOptions, Audience, Grant, Hint, MergeRules, Prune, PublishReport, PublishSet, PublishStatus, PublishableRecord,
    RecordReport, RecordToPublish, absolute, embedded, publish,
};
use crate::storage::{OutputStore, StorageError, current_fingerprints};

/// So many items are read together.
const READ_TOGETHER: usize = 100;

/// About so many sources are looked at together.
const LOOKED_AT_TOGETHER: usize = 10_000;

/// What publishing is asked for.
#[derive(Debug, Clone, Default)]
pub struct SendOptions {
    /// These items alone; empty for all.
    pub items: Vec<String>,
    /// Ask the API about every record, also those that it has confirmed before.
    pub ask_all: bool,
    /// Delete items of the collection that the API has and the catalogue does not.
    pub prune: bool,
    /// How to talk with the API.
    pub api: ApiOptions,
}

/// Whose hrefs a record gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reader {
    /// Those of an API somewhere.
    Api(Url),
    /// Those that the embedded API expands.
    Embedded,
}

/// The records of the static catalogue, made for a reader.
pub(super) struct Publishables<'a> {
    workspace: &'a Workspace,
    output: Url,
    reader: Reader,
}

impl<'a> Publishables<'a> {
    pub(super) fn new(workspace: &'a Workspace, reader: Reader) -> Result<Self, PipelineError> {
        let output = workspace.output.url().ok_or_else(|| PipelineError::NotACatalogue {
            path: workspace.output.shown(""),
            found: "a path that is not absolute".into(),
        })?;
        Ok(Self { workspace, output, reader })
    }

    /// The ids of the items that stand, sorted.
    pub(super) fn ids(&self) -> Result<Vec<ItemId>, PipelineError> {
        Ok(self.workspace.ledger().standing()?)
    }

    pub(super) fn item(&self, id: &ItemId) -> Result<(PublishableRecord, Vec<Grant>), PipelineError> {
        self.item_of(id, read_record(self.workspace, id.as_str()))
    }

    /// As [`Publishables::item`] for several, in their order: they are read together.
    fn items(&self, ids: &[ItemId]) -> Vec<Result<PublishableRecord, PipelineError>> {
        let read = read_records(self.workspace, ids);
        ids.par_iter().zip(read).map(|(id, read)| Ok(self.item_of(id, read)?.0)).collect()
    }

    fn item_of(
        &self,
        id: &ItemId,
        record: Result<Option<Record>, PipelineError>,
    ) -> Result<(PublishableRecord, Vec<Grant>), PipelineError> {
        self.publishable(record?.ok_or_else(|| self.missing(&self.workspace.item_path(id.as_str())))?)
    }

    pub(super) fn collection(&self) -> Result<PublishableRecord, PipelineError> {
        Ok(self.collection_and_grants(&self.workspace.recipe.collection.id)?.0)
    }

    /// The collections that the collection is a child of.
    fn parents(&self) -> Result<Vec<PublishableRecord>, PipelineError> {
        let parent = self.workspace.recipe.collection.parent.as_ref();
        parent.map(|parent| Ok(self.collection_and_grants(&parent.id)?.0)).into_iter().collect()
    }

    /// The files that the collection names; none if it does not stand yet.
    pub(super) fn collection_grants(&self) -> Result<Vec<Grant>, PipelineError> {
        let id = &self.workspace.recipe.collection.id;
        if self.workspace.output.get(&format!("{id}/collection.json"))?.is_none() {
            return Ok(Vec::new());
        }
        Ok(self.collection_and_grants(id)?.1)
    }

    fn collection_and_grants(&self, id: &CollectionId) -> Result<(PublishableRecord, Vec<Grant>), PipelineError> {
        let path = format!("{id}/collection.json");
        let bytes = self.workspace.output.get(&path)?.ok_or_else(|| self.missing(&path))?;
        // Links to items are made by whoever serves them.
        let json = without_item_links(&bytes).map_err(|error| PipelineError::NotACatalogue {
            path: self.workspace.output.shown(&path),
            found: error.to_string(),
        })?;
        self.publishable(Record { kind: RecordKind::Collection, id: id.to_string(), json })
    }

    fn missing(&self, path: &str) -> PipelineError {
        let path = self.workspace.output.shown(path);
        PipelineError::NotACatalogue { path, found: "no such file; altostac build writes it".into() }
    }

    fn publishable(&self, record: Record) -> Result<(PublishableRecord, Vec<Grant>), PipelineError> {
        let record: ValidatedRecord = self.workspace.validator.validate(record)?;
        let urls = &self.workspace.recipe.public_urls;
        Ok(match &self.reader {
            Reader::Api(api) => (absolute(&record, &self.output, urls, Audience::of(api))?.at(api), Vec::new()),
            Reader::Embedded => embedded(&record, &self.output, urls)?,
        })
    }
}

/// Pushes what has changed since the API last confirmed it; the rest is not even asked about, unless forced.
///
/// # Errors
/// [`PipelineError`] if the API cannot be used at all, or the catalogue cannot be read. What concerns single records is in the report.
pub async fn send(workspace: &Workspace, api: &Url, options: &SendOptions) -> Result<PublishReport, PipelineError> {
    let publishables = Publishables::new(workspace, Reader::Api(api.clone()))?;
    push(workspace, api, api.as_str(), &publishables, options).await
}

/// Pushes to the embedded API; what it holds is asked of itself, for its database may be younger than the ledger.
pub(super) async fn send_embedded(workspace: &Workspace, api: &Url) -> Result<PublishReport, PipelineError> {
    let publishables = Publishables::new(workspace, Reader::Embedded)?;
    let options = SendOptions { ask_all: true, ..SendOptions::default() };
    push(workspace, api, "embedded", &publishables, &options).await
}

async fn push(
    workspace: &Workspace,
    api: &Url,
    name: &str,
    publishables: &Publishables<'_>,
    options: &SendOptions,
) -> Result<PublishReport, PipelineError> {
    let collection = publishables.collection()?;
    let parents = publishables.parents()?;
    let is_asked = |id: &str| options.items.is_empty() || options.items.iter().any(|asked| asked == id);
    let removed: Vec<ItemId> = workspace.ledger().to_be_removed(name)?;
    let removed: Vec<ItemId> = removed.into_iter().filter(|id| is_asked(id.as_str())).collect();
    let candidates = Candidates { workspace, name, publishables, ask_all: options.ask_all };
    let ids: Vec<ItemId> = publishables.ids()?.into_iter().filter(|id| is_asked(id.as_str())).collect();
    let mut items = ids.chunks(READ_TOGETHER).flat_map(|ids| candidates.items(ids)).peekable();
    // What is known already is told without asking; nobody is asked if it is all that there is.
    let known: Vec<_> = std::iter::from_fn(|| items.next_if(Result::is_err)).collect();
    let is_nothing = items.peek().is_none() && removed.is_empty();
    let is_refused =
        known.iter().filter_map(|known| known.as_ref().err()).any(|known| known.status == PublishStatus::Failed);
    let stands = !options.ask_all && candidates.stands(&collection)? && parents_stand(&candidates, &parents)?;
    let mut report = if is_nothing && (stands || is_refused) {
        without_asking(api, options.api.dry_run, &collection, is_refused && !stands, known)
    } else {
        let own = &workspace.recipe.publish;
        let is_shared = workspace.recipe.manage == Manage::Extend;
        let keep = own.as_ref().map(|publish| publish.keep.clone()).unwrap_or_default();
        let goes: BTreeSet<String> = removed.iter().map(ToString::to_string).collect();
        let stays = |id: &str| goes.contains(id) || workspace.ledger().knows(id).unwrap_or(true);
        let has_lost = AtomicBool::new(false);
        // Of an API that turns out to have lost the collection nothing is known any more.
        let again = |(id, known): (&ItemId, Result<RecordToPublish, RecordReport>)| match &known {
            Err(report) if report.status == PublishStatus::Unchanged && has_lost.load(Ordering::Relaxed) => {
                candidates.items(std::slice::from_ref(id))
            }
            _ => vec![known],
        };
        let most = own.as_ref().map_or(PublishSettings::DEFAULT_MAX_DELETES, |publish| publish.max_deletes);
        let prune = options.prune && options.items.is_empty() && !is_shared;
        let set = PublishSet {
            parents,
            collection,
            items: ids.iter().zip(known.into_iter().chain(items)).flat_map(again),
            removed,
            prune: prune.then_some(Prune { stays: &stays, most }),
            rules: MergeRules { keep, extend: is_shared },
        };
        let mut journal = LedgerJournal { workspace, api: name, has_lost: &has_lost };
        publish(api, set, options.api.clone(), &mut journal).await?
    };
    if !options.api.dry_run {
        let pruned = super::prune::prune(workspace, &confirmed_items(&report.records), true);
        for left in [pruned, super::prune::prune_removed(workspace, true)] {
            // What was published is published, and what could not be removed is removed later.
            for problem in left.unwrap_or_else(|error| vec![super::chain(&error)]) {
                tracing::warn!("not removed: {problem}");
            }
        }
    }
    report.api = api.to_string();
    Ok(report)
}

/// The answer where the API has nothing to do with it.
fn without_asking(
    api: &Url,
    dry_run: bool,
    collection: &PublishableRecord,
    is_refused: bool,
    known: Vec<Result<RecordToPublish, RecordReport>>,
) -> PublishReport {
    // A collection whose items cannot be published is of no use to anybody.
    let status = if is_refused { PublishStatus::Failed } else { PublishStatus::Unchanged };
    let message = is_refused.then(|| "not sent: none of its items can be published".into());
    let own = RecordReport { message, ..report(RecordKind::Collection, &collection.record().id, status) };
    let records = std::iter::once(own).chain(known.into_iter().filter_map(Result::err)).collect();
    PublishReport::of(api.as_str(), dry_run, records)
}

fn parents_stand(candidates: &Candidates<'_>, parents: &[PublishableRecord]) -> Result<bool, PipelineError> {
    parents.iter().try_fold(true, |all, parent| Ok(all && candidates.stands(parent)?))
}

/// Items of the catalogue, one by one: what is to be sent of them, or what is known already.
struct Candidates<'a> {
    workspace: &'a Workspace,
    name: &'a str,
    publishables: &'a Publishables<'a>,
    ask_all: bool,
}

impl Candidates<'_> {
    /// Whether the API was seen to hold this record.
    fn stands(&self, record: &PublishableRecord) -> Result<bool, PipelineError> {
        let Record { kind, id, .. } = record.record();
        let known = self.workspace.ledger().publication(self.name, &kind.to_string(), id)?;
        Ok(known.is_some_and(|known| known.digest == record.digest() && !known.is_attempted))
    }

    /// What is to be sent of these, or what is known already, in their order: read together.
    fn items(&self, ids: &[ItemId]) -> Vec<Result<RecordToPublish, RecordReport>> {
        let records = self.publishables.items(ids).into_iter();
        let mut items: Vec<_> = ids.iter().zip(records).map(|(id, record)| self.item(id, record)).collect();
        let sent: Vec<&ItemId> = ids.iter().zip(&items).filter(|(_, item)| item.is_ok()).map(|(id, _)| id).collect();
        let mut changed = changed_sources(self.workspace, &sent);
        for (id, item) in ids.iter().zip(&mut items) {
            match changed.remove(id) {
                Some(Ok(message)) => {
                    let failed = report(RecordKind::Item, id.as_str(), PublishStatus::Failed);
                    *item = Err(RecordReport { message: Some(message), ..failed });
                }
                Some(Err(error)) => *item = Err(refusal(id, &error)),
                None => {}
            }
        }
        items
    }

    fn item(
        &self,
        id: &ItemId,
        record: Result<PublishableRecord, PipelineError>,
    ) -> Result<RecordToPublish, RecordReport> {
        let record = record.map_err(|error| refusal(id, &error))?;
        let known = self.workspace.ledger().publication(self.name, "item", id.as_str());
        let known = known.map_err(|error| refusal(id, &error.into()))?;
        let hint = match &known {
            None => Hint::New,
            Some(known) if known.is_attempted || known.digest.is_empty() => Hint::OnItsWay,
            Some(_) => Hint::Stored,
        };
        let record = RecordToPublish::new(record, hint);
        if !self.ask_all && hint == Hint::Stored && known.is_some_and(|known| known.digest == record.digest()) {
            return Err(report(RecordKind::Item, id.as_str(), PublishStatus::Unchanged));
        }
        Ok(record)
    }
}

/// The items of which a source is no longer what it was when it was indexed, or cannot be looked at: their products may be wrong.
fn changed_sources(workspace: &Workspace, ids: &[&ItemId]) -> HashMap<ItemId, Result<String, PipelineError>> {
    let (mut changed, mut expected) = (HashMap::new(), Vec::new());
    for (at, id) in ids.iter().enumerate() {
        // The sources of what was withdrawn are gone, and its record says so.
        let known = workspace.ledger().item(id.as_str());
        match known {
            Ok(Some(known)) if !known.state.is_withdrawn() => {
                expected.extend(known.sources.into_iter().map(|file| (*id, file)));
            }
            Ok(_) => {}
            Err(error) => _ = changed.insert(ItemId::clone(id), Err(error.into())),
        }
        if expected.len() >= LOOKED_AT_TOGETHER || at + 1 == ids.len() {
            for (id, message) in changes(&std::mem::take(&mut expected)) {
                let message = format!("not sent: {message}; altostac build makes the item anew");
                changed.entry(id).or_insert(Ok(message));
            }
        }
    }
    changed
}

/// The items of which a source is not what it was, and in words why.
fn changes(expected: &[(&ItemId, SourceFile)]) -> Vec<(ItemId, String)> {
    let urls: Vec<_> = expected.iter().map(|(_, file)| file.url.clone()).collect();
    let change = |((id, file), now): (&(&ItemId, SourceFile), Result<Fingerprint, StorageError>)| {
        let message = match now {
            Ok(now) if now == file.fingerprint => return None,
            Ok(now) => {
                format!("{} was changed since it was indexed: expected {}, found {now}", file.url, file.fingerprint)
            }
            Err(error) => super::chain(&error),
        };
        Some((ItemId::clone(id), message))
    };
    expected.iter().zip(current_fingerprints(&urls)).filter_map(change).collect()
}

fn report(kind: RecordKind, id: &str, status: PublishStatus) -> RecordReport {
    RecordReport { kind, id: id.into(), status, http_status: None, message: None, differences: Vec::new() }
}

fn refusal(id: &ItemId, error: &PipelineError) -> RecordReport {
    let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    let message = format!("{}{remedy}", super::chain(error));
    RecordReport { message: Some(message), ..report(RecordKind::Item, id.as_str(), PublishStatus::Failed) }
}

/// Items that the API holds as they are, since now.
fn confirmed_items(records: &[RecordReport]) -> BTreeSet<ItemId> {
    let is_confirmed = |record: &&RecordReport| {
        let held = [PublishStatus::Created, PublishStatus::Updated];
        record.kind == RecordKind::Item && held.contains(&record.status)
    };
    records.iter().filter(is_confirmed).filter_map(|record| ItemId::new(record.id.as_str()).ok()).collect()
}
