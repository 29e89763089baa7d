//! Pushes records to a STAC API by the Transaction extension (1.0.0-rc.3; collections 1.0.0-beta.1).
//!
//! A record is sent only if it differs from what is there, and read back after it was sent.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::Value;
use tokio::task::JoinSet;
use url::Url;

use super::client::{Answer, ApiClient, RequestError};
use super::{
    ApiOptions, Audience, Counts, Difference, PublishError, PublishReport, PublishStatus, PublishableRecord,
    RecordReport, differences,
};
use crate::model::{ItemId, Record, RecordKind};

/// What a caller knows about an item in an API; either way the result is right, with fewer requests if it is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// It is not there: send it, and look only if the API says that it exists.
    New,
    /// It is there: look first.
    Stored,
}

/// An item and what is known about it.
#[derive(Debug, Clone)]
pub struct ItemToPublish {
    /// The item.
    pub record: PublishableRecord,
    /// What is known.
    pub hint: Hint,
}

/// What an API is to hold. Items are taken from the iterator one by one, as they are sent.
#[derive(Debug)]
pub struct PublishSet<I> {
    /// The collection.
    pub collection: PublishableRecord,
    /// Its items that may differ.
    pub items: I,
    /// Items that are to be there no longer.
    pub removed: Vec<ItemId>,
}

/// Makes an API hold these records: the collection first, then the items, several at once.
///
/// One record that fails does not stop the others; the report has an answer for each. The program must have installed a rustls
/// provider (`rustls::crypto::ring::default_provider().install_default()`).
///
/// ```no_run
/// # async fn example(api: url::Url, collection: altostac::publish::PublishableRecord) -> Result<(), Box<dyn std::error::Error>> {
/// use altostac::publish::{ApiOptions, PublishSet, publish};
/// let set = PublishSet { collection, items: [], removed: vec![] };
/// let options = ApiOptions { dry_run: true, ..ApiOptions::default() };
/// let report = publish(&api, set, options).await?;
/// assert!(report.is_success());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`PublishError`] if the URL cannot be used, or the API does not answer, is none, or takes no records. Nothing was sent then.
pub async fn publish(
    api: &Url,
    set: PublishSet<impl IntoIterator<Item = ItemToPublish>>,
    options: ApiOptions,
) -> Result<PublishReport, PublishError> {
    let dry_run = options.dry_run;
    let concurrency = options.concurrency.max(1);
    let client = ApiClient::new(api, options)?;
    client.check_landing_page().await?;
    let publisher =
        Arc::new(Publisher { client, audience: Audience::of(api), collection: set.collection.record().id.clone() });
    let (collection, exists) = publisher.collection(&set.collection).await;
    let items = set.items.into_iter().map(|item| Task::Store(Box::new(item)));
    let tasks = items.chain(set.removed.into_iter().map(Task::Remove));
    let mut records = vec![collection];
    if exists || dry_run {
        records.extend(run(&publisher, tasks, concurrency).await);
    } else {
        records.extend(tasks.map(|task| task.failed("not sent: the API does not have the collection")));
    }
    Ok(PublishReport { api: api.to_string(), dry_run, counts: Counts::of(&records), records })
}

/// After so many failures one after the other, what failed is not tried again alone.
const LAST_FAILURES: usize = 3;

/// Works on so many tasks at once; the answers are in the order of the tasks.
///
/// What ends in an error of the server is tried once more, alone: pgstac widens the limits of a partition with every item, and fails
/// when two items do so at the same moment.
async fn run(publisher: &Arc<Publisher>, tasks: impl Iterator<Item = Task>, concurrency: usize) -> Vec<RecordReport> {
    let mut tasks = tasks.enumerate();
    let mut running = JoinSet::new();
    let (mut done, mut again) = (BTreeMap::new(), BTreeMap::new());
    loop {
        while running.len() < concurrency
            && let Some((index, task)) = tasks.next()
        {
            let publisher = Arc::clone(publisher);
            running.spawn(async move {
                let report = publisher.perform(&task).await;
                (index, task, report)
            });
        }
        match running.join_next().await {
            Some(Ok((index, task, report))) => {
                if is_server_error(&report) {
                    again.insert(index, task);
                }
                done.insert(index, report);
            }
            Some(Err(error)) => {
                if let Ok(panic) = error.try_into_panic() {
                    std::panic::resume_unwind(panic);
                }
            }
            None => break,
        }
    }
    let mut failures = 0;
    for (index, task) in again {
        let report = publisher.perform(&task).await;
        failures = if report.status == PublishStatus::Failed { failures + 1 } else { 0 };
        done.insert(index, report);
        if failures == LAST_FAILURES {
            break;
        }
    }
    done.into_values().collect()
}

/// 502, 503 and 504 have been tried again already.
fn is_server_error(report: &RecordReport) -> bool {
    report.status == PublishStatus::Failed && report.http_status == Some(500)
}

enum Task {
    Store(Box<ItemToPublish>),
    Remove(ItemId),
}

impl Task {
    fn failed(&self, message: &str) -> RecordReport {
        let id = match self {
            Self::Store(item) => item.record.record().id.as_str(),
            Self::Remove(id) => id.as_str(),
        };
        report(RecordKind::Item, id, Err(Failure::new(message)))
    }
}

struct Outcome {
    status: PublishStatus,
    http_status: Option<u16>,
    differences: Vec<Difference>,
}

impl Outcome {
    fn new(status: PublishStatus, http_status: Option<u16>) -> Self {
        Self { status, http_status, differences: Vec::new() }
    }
}

#[derive(Debug)]
struct Failure {
    http_status: Option<u16>,
    message: String,
    differences: Vec<Difference>,
}

impl Failure {
    fn new(message: impl Into<String>) -> Self {
        Self { http_status: None, message: message.into(), differences: Vec::new() }
    }
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        Self::new(message)
    }
}

fn report(kind: RecordKind, id: &str, result: Result<Outcome, Failure>) -> RecordReport {
    let (status, http_status, message, differences) = match result {
        Ok(outcome) => (outcome.status, outcome.http_status, None, outcome.differences),
        Err(failure) => (PublishStatus::Failed, failure.http_status, Some(failure.message), failure.differences),
    };
    let differences = differences.iter().map(ToString::to_string).collect();
    RecordReport { kind, id: id.into(), status, http_status, message, differences }
}

/// Where a record is, and where new ones are sent.
struct Target {
    record: Url,
    all: Url,
}

struct Found {
    json: Value,
    etag: Option<HeaderValue>,
}

struct Publisher {
    client: ApiClient,
    audience: Audience,
    collection: String,
}

impl Publisher {
    fn item_target(&self, id: &str) -> Target {
        let all = ["collections", &self.collection, "items"];
        Target { record: self.client.url(&[all[0], all[1], all[2], id]), all: self.client.url(&all) }
    }

    /// Also whether the API has the collection now: some have it and let nobody change it.
    async fn collection(&self, collection: &PublishableRecord) -> (RecordReport, bool) {
        let pieces = ["collections", &self.collection];
        let target = Target { record: self.client.url(&pieces), all: self.client.url(&pieces[..1]) };
        let record = collection.record();
        let result = match self.check(collection, RecordKind::Collection) {
            Ok(()) => self.store(record, &target, Hint::Stored).await,
            Err(failure) => Err(failure),
        };
        let exists = result.is_ok() || matches!(self.get(&target).await, Ok(Some(_)));
        (report(record.kind, &record.id, result), exists)
    }

    async fn perform(&self, task: &Task) -> RecordReport {
        match task {
            Task::Store(item) => {
                let record = item.record.record();
                let result = match self.check(&item.record, RecordKind::Item) {
                    Ok(()) => self.store(record, &self.item_target(&record.id), item.hint).await,
                    Err(failure) => Err(failure),
                };
                report(RecordKind::Item, &record.id, result)
            }
            Task::Remove(id) => {
                report(RecordKind::Item, id.as_str(), self.remove(&self.item_target(id.as_str())).await)
            }
        }
    }

    fn check(&self, publishable: &PublishableRecord, kind: RecordKind) -> Result<(), Failure> {
        let record = publishable.record();
        if record.kind != kind || (kind == RecordKind::Item && record.json["collection"] != *self.collection) {
            return Err(Failure::new(format!("not sent: a {kind} of the collection {} is needed", self.collection)));
        }
        if publishable.audience() == Audience::Loopback && self.audience == Audience::Everyone {
            return Err(Failure::new("not sent: its hrefs were made for readers on this machine"));
        }
        Ok(())
    }

    async fn store(&self, record: &Record, target: &Target, hint: Hint) -> Result<Outcome, Failure> {
        let dry_run = self.client.options().dry_run;
        if dry_run || hint == Hint::Stored {
            match self.get(target).await? {
                Some(found) => return self.update(record, target, found).await,
                None if dry_run => return Ok(Outcome::new(PublishStatus::Created, None)),
                None => {}
            }
        }
        let answer = self.client.send(Method::POST, &target.all, Some(&body(record)), None).await?;
        if answer.status == 409 {
            return match self.get(target).await? {
                Some(found) => self.update(record, target, found).await,
                None => Err(self.failure(&answer, "the API says that it exists, but does not return it")),
            };
        }
        self.written(record, target, &answer).await?;
        Ok(Outcome::new(PublishStatus::Created, Some(answer.status)))
    }

    /// Replaces what is there if it differs. A change by others between the look and the replacement is looked at once more.
    async fn update(&self, record: &Record, target: &Target, mut found: Found) -> Result<Outcome, Failure> {
        let mut looked_again = false;
        loop {
            let differences = differences(&record.json, &found.json, &target.record);
            if differences.is_empty() {
                return Ok(Outcome::new(PublishStatus::Unchanged, None));
            }
            if self.client.options().dry_run {
                return Ok(Outcome { status: PublishStatus::Updated, http_status: None, differences });
            }
            let answer =
                self.client.send(Method::PUT, &target.record, Some(&body(record)), found.etag.as_ref()).await?;
            if answer.status == 412
                && !looked_again
                && let Some(again) = self.get(target).await?
            {
                looked_again = true;
                found = again;
                continue;
            }
            self.written(record, target, &answer).await?;
            return Ok(Outcome { status: PublishStatus::Updated, http_status: Some(answer.status), differences });
        }
    }

    async fn remove(&self, target: &Target) -> Result<Outcome, Failure> {
        if self.client.options().dry_run {
            let found = self.get(target).await?;
            let status = if found.is_some() { PublishStatus::Removed } else { PublishStatus::Unchanged };
            return Ok(Outcome::new(status, None));
        }
        let answer = self.client.send(Method::DELETE, &target.record, None, None).await?;
        if matches!(answer.status, 404 | 410) {
            return Ok(Outcome::new(PublishStatus::Unchanged, Some(answer.status)));
        }
        // ESGF's API keeps what was deleted and marks it.
        let is_gone = |found: Option<&Found>| found.is_none_or(|found| found.json["properties"]["retracted"] == true);
        self.await_state(target, &answer, |found| if is_gone(found) { Ok(()) } else { Err(Vec::new()) }).await?;
        Ok(Outcome::new(PublishStatus::Removed, Some(answer.status)))
    }

    /// Reads back what was sent.
    async fn written(&self, record: &Record, target: &Target, answer: &Answer) -> Result<(), Failure> {
        self.await_state(target, answer, |found| {
            let differences = found.map(|found| differences(&record.json, &found.json, &target.record));
            differences.map_or(Err(Vec::new()), |found| if found.is_empty() { Ok(()) } else { Err(found) })
        })
        .await
    }

    /// After a write: looks whether it had its effect; again and again if it was only accepted for later (202).
    async fn await_state(
        &self,
        target: &Target,
        answer: &Answer,
        check: impl Fn(Option<&Found>) -> Result<(), Vec<Difference>>,
    ) -> Result<(), Failure> {
        if !answer.is_success() {
            return Err(self.failure(answer, ""));
        }
        let is_queued = answer.status == 202;
        let options = self.client.options();
        let begin = Instant::now();
        loop {
            let Err(differences) = check(self.get(target).await?.as_ref()) else { return Ok(()) };
            if !is_queued || begin.elapsed() >= options.queue_timeout {
                let message = if is_queued {
                    format!("queued: accepted, but not done after {:?}", options.queue_timeout)
                } else {
                    "the API answered that all is well, but does not hold what was sent".to_owned()
                };
                return Err(Failure { http_status: Some(answer.status), message, differences });
            }
            tokio::time::sleep(options.queue_pause).await;
        }
    }

    async fn get(&self, target: &Target) -> Result<Option<Found>, Failure> {
        let answer = self.client.send(Method::GET, &target.record, None, None).await?;
        if matches!(answer.status, 404 | 410) {
            return Ok(None);
        }
        if answer.status != 200 {
            return Err(self.failure(&answer, "looking at what is there"));
        }
        let json = serde_json::from_slice(&answer.body)
            .map_err(|_| Failure::new(format!("the API returned {} in place of the record", answer.kind())))?;
        // A weak tag never matches (RFC 9110, 13.1.1).
        let etag = answer.etag.filter(|tag| !tag.as_bytes().starts_with(b"W/"));
        Ok(Some(Found { json, etag }))
    }

    fn failure(&self, answer: &Answer, while_doing: &str) -> Failure {
        let explained = self.client.explain(answer);
        let message = if while_doing.is_empty() { explained } else { format!("{while_doing}: {explained}") };
        Failure { http_status: Some(answer.status), message, differences: Vec::new() }
    }
}

fn body(record: &Record) -> Bytes {
    record.json.to_string().into()
}

#[cfg(test)]
mod tests;
