//! One record: looked at, sent, read back.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};
use url::Url;

use super::bulk::BulkState;
use super::coordinator::{Begin, Finished};
use super::{Hint, RecordToPublish, Task};
use crate::model::{Record, RecordKind};
use crate::publish::client::{Answer, ApiClient, Offer, RequestError};
use crate::publish::{
    Attempt, Audience, Before, Difference, MergeRules, PublishStatus, PublishableRecord, RecordReport, differences,
};

/// So often a record is looked at anew that others change while it is replaced.
const ROUNDS: usize = 5;

/// What became of a record that is as it should be.
pub(super) struct Outcome {
    pub(super) status: PublishStatus,
    pub(super) http_status: Option<u16>,
    pub(super) differences: Vec<Difference>,
}

impl Outcome {
    pub(super) fn new(status: PublishStatus, http_status: Option<u16>) -> Self {
        Self { status, http_status, differences: Vec::new() }
    }
}

/// Why a record is not as it should be.
#[derive(Debug)]
pub(super) struct Failure {
    http_status: Option<u16>,
    message: String,
    differences: Vec<Difference>,
    /// Whether there was no answer at all.
    is_unanswered: bool,
}

impl Failure {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { http_status: None, message: message.into(), differences: Vec::new(), is_unanswered: false }
    }

    /// It was accepted for later, and that did not come.
    pub(super) fn queued(awaited: Duration) -> Self {
        let message = format!("queued: accepted, but not done after {awaited:?}");
        Self { http_status: Some(202), ..Self::new(message) }
    }

    pub(super) fn message(&self) -> &str {
        &self.message
    }

    /// Whether it may go better later, or alone.
    fn may_pass(&self) -> bool {
        self.is_unanswered || self.http_status.is_some_and(|status| status == 429 || status >= 500)
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
        Self { is_unanswered: matches!(error, RequestError::Transport(_)), ..Self::new(message) }
    }
}

/// Where a record is, and where new ones are sent.
pub(super) struct Target {
    pub(super) record: Url,
    all: Url,
}

struct Found {
    json: Value,
    etag: Option<HeaderValue>,
}

/// What is known of a record before it is sent.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Known {
    /// It may be there: look first.
    pub(super) look: bool,
    /// The journal knows that it is sent.
    pub(super) begun: bool,
    /// It was sent with others: if it is there now, that is why.
    pub(super) sent: bool,
}

/// Everything that tasks share.
pub(super) struct Publisher {
    pub(super) client: ApiClient,
    pub(super) offer: Offer,
    pub(super) collection: String,
    pub(super) bulk: BulkState,
    /// Whether searches find what is there, as far as is known.
    pub(super) searches: AtomicBool,
    audience: Audience,
    rules: MergeRules,
    begins: mpsc::UnboundedSender<Begin>,
    gone: AtomicBool,
}

impl Publisher {
    pub(super) fn new(
        api: &Url,
        client: ApiClient,
        offer: Offer,
        collection: String,
        rules: MergeRules,
    ) -> (Arc<Self>, mpsc::UnboundedReceiver<Begin>) {
        let (begins, told) = mpsc::unbounded_channel();
        let (bulk, searches, gone) = (BulkState::default(), AtomicBool::new(offer.search), AtomicBool::new(false));
        let audience = Audience::of(api);
        let publisher = Self { client, offer, collection, bulk, searches, audience, rules, begins, gone };
        (Arc::new(publisher), told)
    }

    pub(super) fn dry_run(&self) -> bool {
        self.client.options().dry_run
    }

    /// Whether the collection went while we were at it.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    fn collection_target(&self, id: &str) -> Target {
        Target { record: self.client.url(&["collections", id]), all: self.client.url(&["collections"]) }
    }

    pub(super) fn item_target(&self, id: &str) -> Target {
        let all = ["collections", &self.collection, "items"];
        Target { record: self.client.url(&[all[0], all[1], all[2], id]), all: self.client.url(&all) }
    }

    pub(super) async fn has_collection(&self) -> bool {
        matches!(self.get(&self.collection_target(&self.collection)).await, Ok(Some(_)))
    }

    /// One task that is not an item to be stored.
    pub(super) async fn one(&self, index: usize, task: Task) -> Finished {
        let result = match &task {
            Task::Collection(record) | Task::Item(record) => self.checked(record).await,
            Task::Remove(id) | Task::RemoveForeign(id) => self.remove(id, task.attempt()).await,
        };
        finished(index, task, result)
    }

    async fn checked(&self, record: &RecordToPublish) -> Result<Outcome, Failure> {
        self.check(&record.record)?;
        self.store(record, Known { look: record.hint != Hint::New, ..Known::default() }).await
    }

    pub(super) fn check(&self, publishable: &PublishableRecord) -> Result<(), Failure> {
        let record = publishable.record();
        if record.kind == RecordKind::Item && record.json["collection"] != *self.collection {
            return Err(Failure::new(format!("not sent: an item of the collection {} is needed", self.collection)));
        }
        if publishable.audience() == Audience::Loopback && self.audience == Audience::Everyone {
            return Err(Failure::new("not sent: its hrefs were made for readers on this machine"));
        }
        Ok(())
    }

    /// What a record is to be where the API holds `theirs`.
    fn wanted<'a>(&self, record: &'a Record, theirs: &Value) -> Cow<'a, Value> {
        match record.kind {
            RecordKind::Item => self.rules.item(&record.json, theirs),
            RecordKind::Collection => self.rules.collection(&record.json, theirs),
        }
    }

    /// Whether the API's record is as it should be.
    pub(super) fn agrees(&self, record: &Record, theirs: &Value) -> bool {
        let target = self.target(record);
        differences(&self.wanted(record, theirs), theirs, &target.record).is_empty()
    }

    fn target(&self, record: &Record) -> Target {
        match record.kind {
            RecordKind::Item => self.item_target(&record.id),
            RecordKind::Collection => self.collection_target(&record.id),
        }
    }

    /// Tells the journal; an error if it cannot remember, and then nothing may be sent.
    pub(super) async fn begin(&self, attempts: Vec<Attempt>) -> Result<(), Failure> {
        let (answer, told) = oneshot::channel();
        let sent = self.begins.send(Begin { attempts, answer });
        match (sent, told.await) {
            (Ok(()), Ok(true)) => Ok(()),
            _ => Err(Failure::new("not sent: the attempt cannot be remembered")),
        }
    }

    /// Looks, sends what is not there or differs, and reads it back; again, if others are at it too.
    pub(super) async fn store(&self, publish: &RecordToPublish, known: Known) -> Result<Outcome, Failure> {
        let record = publish.record.record();
        let target = self.target(record);
        let Known { mut look, mut begun, sent } = known;
        let mut refused = None;
        for _ in 0..ROUNDS {
            if self.is_gone() && record.kind == RecordKind::Item {
                return Err(Failure::new("not sent: the API no longer has the collection"));
            }
            let found = if look || self.dry_run() { self.get(&target).await? } else { None };
            let (status, differences, wanted) = match &found {
                Some(found) => {
                    let wanted = self.wanted(record, &found.json);
                    let differences = differences(&wanted, &found.json, &target.record);
                    if differences.is_empty() {
                        let status = if sent { PublishStatus::Created } else { PublishStatus::Unchanged };
                        return Ok(Outcome::new(status, None));
                    }
                    (PublishStatus::Updated, differences, wanted)
                }
                None => (PublishStatus::Created, Vec::new(), Cow::Borrowed(&record.json)),
            };
            if self.dry_run() {
                return Ok(Outcome { status, http_status: None, differences });
            }
            if !begun {
                let is_own = record.kind == RecordKind::Collection && record.id == self.collection;
                let before = if is_own && found.is_none() { Before::NoCollection } else { Before::Ours };
                self.begin(vec![publish.attempt(before)]).await?;
                begun = true;
            }
            let body = match &wanted {
                Cow::Borrowed(_) => publish.body.clone(),
                Cow::Owned(json) => Bytes::from(json.to_string()),
            };
            let answer = match &found {
                Some(found) => self.client.send(Method::PUT, &target.record, Some(&body), found.etag.as_ref()).await?,
                None => self.client.send(Method::POST, &target.all, Some(&body), None).await?,
            };
            if is_overtaken(found.is_some(), answer.status) {
                look = true;
                refused = Some(answer);
                continue;
            }
            if !answer.is_success() {
                self.notice_loss(&answer, record.kind).await;
            }
            self.written(&wanted, &target, &answer).await?;
            return Ok(Outcome { status, http_status: Some(answer.status), differences });
        }
        Err(match refused {
            Some(answer) => self.failure(&answer, "again and again, whether it was there or not"),
            None => Failure::new("not stored"),
        })
    }

    /// An API that has lost the collection fails at each item: that is told once.
    pub(super) async fn notice_loss(&self, answer: &Answer, kind: RecordKind) {
        let is_telling = matches!(answer.status, 404 | 410 | 424 | 500);
        if kind == RecordKind::Item && is_telling && !self.is_gone() {
            let collection = self.get(&self.collection_target(&self.collection)).await;
            if matches!(collection, Ok(None)) {
                self.gone.store(true, Ordering::Relaxed);
            }
        }
    }

    async fn remove(&self, id: &str, attempt: Attempt) -> Result<Outcome, Failure> {
        let target = self.item_target(id);
        // ESGF's API keeps what was deleted and marks it.
        let is_gone = |found: Option<&Found>| found.is_none_or(|found| found.json["properties"]["retracted"] == true);
        if self.dry_run() {
            let found = self.get(&target).await?;
            let status = if is_gone(found.as_ref()) { PublishStatus::Unchanged } else { PublishStatus::Removed };
            return Ok(Outcome::new(status, None));
        }
        self.begin(vec![attempt]).await?;
        let answer = self.client.send(Method::DELETE, &target.record, None, None).await?;
        if matches!(answer.status, 404 | 410) {
            return Ok(Outcome::new(PublishStatus::Unchanged, Some(answer.status)));
        }
        self.await_state(&target, &answer, |found| if is_gone(found) { Ok(()) } else { Err(Vec::new()) }).await?;
        Ok(Outcome::new(PublishStatus::Removed, Some(answer.status)))
    }

    /// Reads back what was sent.
    pub(super) async fn written(&self, wanted: &Value, target: &Target, answer: &Answer) -> Result<(), Failure> {
        self.await_state(target, answer, |found| {
            let differences = found.map(|found| differences(wanted, &found.json, &target.record));
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
                let failure = if is_queued {
                    Failure::queued(options.queue_timeout)
                } else {
                    Failure::new("the API answered that all is well, but does not hold what was sent")
                };
                return Err(Failure { http_status: Some(answer.status), differences, ..failure });
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

    pub(super) fn failure(&self, answer: &Answer, while_doing: &str) -> Failure {
        let explained = self.client.explain(answer);
        let message = if while_doing.is_empty() { explained } else { format!("{while_doing}: {explained}") };
        Failure { http_status: Some(answer.status), ..Failure::new(message) }
    }
}

/// Whether an answer says that the record is, or is not, where it was looked for: somebody was faster, or an earlier attempt of ours arrived.
fn is_overtaken(was_there: bool, status: u16) -> bool {
    match status {
        409 => true,
        412 | 404 | 410 => was_there,
        _ => false,
    }
}

pub(super) fn finished(index: usize, task: Task, result: Result<Outcome, Failure>) -> Finished {
    let again = result.as_ref().err().is_some_and(Failure::may_pass);
    let (status, http_status, message, differences) = match result {
        Ok(outcome) => (outcome.status, outcome.http_status, None, outcome.differences),
        Err(failure) => (PublishStatus::Failed, failure.http_status, Some(failure.message), failure.differences),
    };
    let report = RecordReport { http_status, differences, ..task.report(status, message) };
    Finished { index, task, report, again }
}
