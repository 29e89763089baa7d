//! Publishing the records of the static catalogue to an API.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{SubsecRound, Utc};
use sha2::{Digest, Sha256};
use url::Url;

use super::item::read_record;
use super::products::hex;
use super::{PipelineError, Workspace};
use crate::ledger::Publication;
use crate::model::{ItemId, Record, RecordKind, ValidatedRecord};
use crate::publish::{
    ApiOptions, Audience, Counts, Grant, Hint, ItemToPublish, PublishReport, PublishSet, PublishStatus,
    PublishableRecord, RecordReport, absolute, embedded, publish,
};
use crate::storage::{OutputStore, current_fingerprints};

/// What publishing is asked for.
#[derive(Debug, Clone, Default)]
pub struct SendOptions {
    /// These items alone; empty for all.
    pub items: Vec<String>,
    /// Ask the API about every record, also those that it has confirmed before.
    pub ask_all: bool,
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
        let items = self.workspace.ledger().items()?;
        Ok(items.into_iter().filter(|item| item.revision.is_some()).map(|item| item.id).collect())
    }

    pub(super) fn item(&self, id: &ItemId) -> Result<(PublishableRecord, Vec<Grant>), PipelineError> {
        let record = read_record(self.workspace, id.as_str())?;
        self.publishable(record.ok_or_else(|| self.missing(&self.workspace.item_path(id.as_str())))?)
    }

    pub(super) fn collection(&self) -> Result<PublishableRecord, PipelineError> {
        Ok(self.collection_and_grants()?.0)
    }

    /// The files that the collection names; none if it does not stand yet.
    pub(super) fn collection_grants(&self) -> Result<Vec<Grant>, PipelineError> {
        let path = format!("{}/collection.json", self.workspace.recipe.collection.id);
        if self.workspace.output.get(&path)?.is_none() {
            return Ok(Vec::new());
        }
        Ok(self.collection_and_grants()?.1)
    }

    fn collection_and_grants(&self) -> Result<(PublishableRecord, Vec<Grant>), PipelineError> {
        let id = &self.workspace.recipe.collection.id;
        let path = format!("{id}/collection.json");
        let bytes = self.workspace.output.get(&path)?.ok_or_else(|| self.missing(&path))?;
        let json = serde_json::from_slice(&bytes).map_err(|error| PipelineError::NotACatalogue {
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

/// SHA-256 of a record as it is sent.
pub(super) fn digest(record: &PublishableRecord) -> String {
    hex(&Sha256::digest(serde_json::to_vec(&record.record().json).unwrap_or_default()))
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
    let confirmed: BTreeMap<(String, String), String> = workspace
        .ledger()
        .publications(name)?
        .into_iter()
        .map(|publication| ((publication.kind, publication.id), publication.digest))
        .collect();
    let collection = publishables.collection()?;
    let ids = publishables.ids()?;
    let is_asked = |id: &str| options.items.is_empty() || options.items.iter().any(|asked| asked == id);
    let mut digests = BTreeMap::from([(key(&collection), digest(&collection))]);
    let (mut items, mut refused, mut unchanged) = (Vec::new(), Vec::new(), Vec::new());
    for id in ids.iter().filter(|id| is_asked(id.as_str())) {
        let record = match publishables.item(id) {
            Ok((record, _)) => record,
            Err(error) => {
                refused.push(refusal(id, &error));
                continue;
            }
        };
        let known = confirmed.get(&key(&record));
        let own = digest(&record);
        if !options.ask_all && known == Some(&own) {
            unchanged.push(report(RecordKind::Item, id.as_str(), PublishStatus::Unchanged));
            continue;
        }
        if let Some(error) = changed_source(workspace, id)? {
            refused.push(RecordReport {
                message: Some(error),
                ..report(RecordKind::Item, id.as_str(), PublishStatus::Failed)
            });
            continue;
        }
        digests.insert(key(&record), own);
        items.push(ItemToPublish { record, hint: if known.is_some() { Hint::Stored } else { Hint::New } });
    }
    let standing: BTreeSet<&str> = ids.iter().map(ItemId::as_str).collect();
    let removed: Vec<ItemId> = confirmed
        .keys()
        .filter(|(kind, id)| kind == "item" && !standing.contains(id.as_str()) && is_asked(id))
        .filter_map(|(_, id)| ItemId::new(id.as_str()).ok())
        .collect();
    let collection_stands = confirmed.get(&key(&collection)) == digests.get(&key(&collection));
    let nothing_to_send = collection_stands && !options.ask_all && items.is_empty() && removed.is_empty();
    // A collection whose items cannot be published is of no use to anybody.
    let nothing_fit = items.is_empty() && removed.is_empty() && !refused.is_empty();
    let mut answer = if nothing_to_send || nothing_fit {
        let own = if nothing_to_send { PublishStatus::Unchanged } else { PublishStatus::Failed };
        let own = RecordReport {
            message: nothing_fit.then(|| "not sent: none of its items can be published".into()),
            ..report(RecordKind::Collection, &collection.record().id, own)
        };
        summed(api, options.api.dry_run, vec![own])
    } else {
        publish(api, PublishSet { collection, items, removed }, options.api.clone()).await?
    };
    if !options.api.dry_run {
        remember(workspace, name, &answer.records, &digests)?;
        let mut left = super::prune::prune(workspace, &confirmed_items(&answer.records), true)?;
        left.extend(super::prune::prune_removed(workspace, true)?);
        for problem in left {
            tracing::warn!("not removed: {problem}");
        }
    }
    answer.records.extend(unchanged);
    answer.records.extend(refused);
    Ok(summed(api, options.api.dry_run, answer.records))
}

/// Whether a source is no longer what it was when it was indexed: its products may be wrong then.
fn changed_source(workspace: &Workspace, id: &ItemId) -> Result<Option<String>, PipelineError> {
    // The sources of what was withdrawn are gone, and its record says so.
    let known = workspace.ledger().item(id.as_str())?.filter(|known| !known.state.is_withdrawn());
    let Some(known) = known else { return Ok(None) };
    let urls: Vec<_> = known.sources.iter().map(|file| file.url.clone()).collect();
    for (file, now) in known.sources.iter().zip(current_fingerprints(&urls)) {
        let message = match now {
            Ok(now) if now == file.fingerprint => continue,
            Ok(now) => {
                format!("{} was changed since it was indexed: expected {}, found {now}", file.url, file.fingerprint)
            }
            Err(error) => super::chain(&error),
        };
        return Ok(Some(format!("not sent: {message}; altostac build makes the item anew")));
    }
    Ok(None)
}

fn key(record: &PublishableRecord) -> (String, String) {
    (record.record().kind.to_string(), record.record().id.clone())
}

fn report(kind: RecordKind, id: &str, status: PublishStatus) -> RecordReport {
    RecordReport { kind, id: id.into(), status, http_status: None, message: None, differences: Vec::new() }
}

fn refusal(id: &ItemId, error: &PipelineError) -> RecordReport {
    let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    let message = format!("{}{remedy}", super::chain(error));
    RecordReport { message: Some(message), ..report(RecordKind::Item, id.as_str(), PublishStatus::Failed) }
}

fn summed(api: &Url, dry_run: bool, records: Vec<RecordReport>) -> PublishReport {
    PublishReport { api: api.to_string(), dry_run, counts: Counts::of(&records), records }
}

/// Items that the API holds as they are, since now.
fn confirmed_items(records: &[RecordReport]) -> BTreeSet<ItemId> {
    let is_confirmed = |record: &&RecordReport| {
        let held = [PublishStatus::Created, PublishStatus::Updated];
        record.kind == RecordKind::Item && held.contains(&record.status)
    };
    records.iter().filter(is_confirmed).filter_map(|record| ItemId::new(record.id.as_str()).ok()).collect()
}

/// Remembers what the API has confirmed. What failed is forgotten: nobody knows what the API holds of it.
fn remember(
    workspace: &Workspace,
    api: &str,
    records: &[RecordReport],
    digests: &BTreeMap<(String, String), String>,
) -> Result<(), PipelineError> {
    let now = Utc::now().trunc_subsecs(0);
    for record in records {
        let kind = record.kind.to_string();
        match record.status {
            PublishStatus::Created | PublishStatus::Updated | PublishStatus::Unchanged => {
                let Some(digest) = digests.get(&(kind.clone(), record.id.clone())) else {
                    // It was to be removed, and others had done so.
                    workspace.ledger().remove_publication(api, &kind, &record.id)?;
                    continue;
                };
                let publication = Publication { kind, id: record.id.clone(), digest: digest.clone() };
                workspace.ledger().put_publication(api, &publication, now)?;
            }
            PublishStatus::Removed => workspace.ledger().remove_publication(api, &kind, &record.id)?,
            // An item that could not be removed has to be removed the next time: it stays.
            PublishStatus::Failed => {
                if digests.contains_key(&(kind.clone(), record.id.clone())) {
                    let unknown = Publication { kind, id: record.id.clone(), digest: String::new() };
                    workspace.ledger().put_publication(api, &unknown, now)?;
                }
            }
        }
    }
    Ok(())
}
