//! Pushes records to a STAC API by the Transaction extension (1.0.0-rc.3; collections 1.0.0-beta.1).
//!
//! A record is sent only if it differs from what is there, and read back after it was sent. Parents come before the collection, the collection
//! before its items; items go in batches, several at once.

mod batch;
mod bulk;
mod coordinator;
mod single;
mod surplus;

use bytes::Bytes;
use url::Url;

use self::coordinator::Coordinator;
use self::single::Publisher;
use super::client::ApiClient;
use super::{
    ApiOptions, Attempt, Before, Journal, MergeRules, PublishError, PublishReport, PublishStatus, PublishableRecord,
    RecordReport,
};
use crate::model::{ItemId, Record, RecordKind};

pub use surplus::Prune;

/// What a caller knows about an item in an API; either way the result is right, with fewer requests if it is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hint {
    /// It is not there: send it, and look only if the API says that it exists.
    New,
    /// It is there: look first.
    Stored,
    /// It was on its way when a run was cut off: look first.
    OnItsWay,
}

/// A record as it is sent, and what is known about it.
#[derive(Debug, Clone)]
pub struct RecordToPublish {
    record: PublishableRecord,
    hint: Hint,
    body: Bytes,
    digest: String,
}

impl RecordToPublish {
    /// Makes a record ready to be sent.
    pub fn new(record: PublishableRecord, hint: Hint) -> Self {
        let body = Bytes::from(record.record().json.to_string());
        let digest = super::hrefs::digest_of(&body);
        Self { record, hint, body, digest }
    }

    /// SHA-256 in hexadecimal of the record as it is sent.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    fn id(&self) -> &str {
        &self.record.record().id
    }

    fn attempt(&self, before: Before) -> Attempt {
        let Record { kind, id, .. } = self.record.record();
        Attempt { kind: *kind, id: id.clone(), digest: Some(self.digest.clone()), before }
    }
}

/// What an API is to hold. Items are taken from the iterator batch by batch, as they are sent.
#[derive(Debug)]
pub struct PublishSet<'a, I> {
    /// Collections that the collection is a child of, the outermost first.
    pub parents: Vec<PublishableRecord>,
    /// The collection.
    pub collection: PublishableRecord,
    /// Its items that may differ; or what is known of one already, which is passed on.
    pub items: I,
    /// Items that are to be there no longer.
    pub removed: Vec<ItemId>,
    /// Whether items of the collection that nobody knows are to go too.
    pub prune: Option<Prune<'a>>,
    /// What of the API's records stays.
    pub rules: MergeRules,
}

impl<I: Default> PublishSet<'_, I> {
    /// A collection without anything else.
    pub fn of(collection: PublishableRecord) -> Self {
        let (parents, removed, rules) = (Vec::new(), Vec::new(), MergeRules::default());
        Self { parents, collection, items: I::default(), removed, prune: None, rules }
    }
}

/// Makes an API hold these records: the collection first, then the items, several at once.
///
/// One record that fails does not stop the others; the report has an answer for each. The journal is told before anything is sent, and what
/// became of it. The program must have installed a rustls provider (`rustls::crypto::ring::default_provider().install_default()`).
///
/// ```no_run
/// # async fn example(api: url::Url, collection: altostac::publish::PublishableRecord) -> Result<(), Box<dyn std::error::Error>> {
/// use altostac::publish::{ApiOptions, NoJournal, PublishSet, publish};
/// let set = PublishSet::<Vec<_>>::of(collection);
/// let options = ApiOptions { dry_run: true, ..ApiOptions::default() };
/// let report = publish(&api, set, options, &mut NoJournal).await?;
/// assert!(report.is_success());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`PublishError`] if the URL cannot be used, or the API does not answer, is none, or takes no records: nothing was sent then.
/// [`PublishError::Journal`] if what is done cannot be remembered: the rest was not sent.
pub async fn publish<I>(
    api: &Url,
    set: PublishSet<'_, I>,
    options: ApiOptions,
    journal: &mut dyn Journal,
) -> Result<PublishReport, PublishError>
where
    I: IntoIterator<Item = Result<RecordToPublish, RecordReport>>,
{
    let (dry_run, concurrency) = (options.dry_run, options.concurrency.max(1));
    let batch = options.batch.max(1);
    let client = ApiClient::new(api, options)?;
    let offer = client.check_landing_page().await?;
    let (publisher, begins) = Publisher::new(api, client, offer, set.collection.record().id.clone(), set.rules);
    let mut run = Coordinator::new(publisher, begins, journal);
    for parent in set.parents {
        run.one(Task::Collection(Box::new(RecordToPublish::new(parent, Hint::Stored)))).await;
    }
    let collection = run.one(Task::Collection(Box::new(RecordToPublish::new(set.collection, Hint::Stored)))).await;
    let items = set.items.into_iter().map(|item| item.map(|item| Task::Item(Box::new(item))));
    let removed = set.removed.into_iter().map(|id| Ok(Task::Remove(id.to_string())));
    let tasks = items.chain(removed);
    let mut problems = Vec::new();
    if dry_run || run.has_collection(collection).await {
        run.batches(tasks, batch, concurrency).await;
        run.again().await;
        if let Some(prune) = set.prune {
            problems.extend(run.prune(&prune, concurrency).await);
        }
    } else {
        run.refuse(tasks);
    }
    let records = run.finish()?;
    Ok(PublishReport { problems, ..PublishReport::of(api.as_str(), dry_run, records) })
}

/// Something to do.
enum Task {
    Collection(Box<RecordToPublish>),
    Item(Box<RecordToPublish>),
    Remove(String),
    /// An item that nobody knows.
    RemoveForeign(String),
}

impl Task {
    fn kind(&self) -> RecordKind {
        match self {
            Self::Collection(_) => RecordKind::Collection,
            Self::Item(_) | Self::Remove(_) | Self::RemoveForeign(_) => RecordKind::Item,
        }
    }

    fn id(&self) -> &str {
        match self {
            Self::Collection(record) | Self::Item(record) => record.id(),
            Self::Remove(id) | Self::RemoveForeign(id) => id,
        }
    }

    /// The bytes that it takes.
    fn size(&self) -> usize {
        match self {
            Self::Collection(record) | Self::Item(record) => record.body.len(),
            Self::Remove(id) | Self::RemoveForeign(id) => id.len(),
        }
    }

    /// The same, when somebody has tried it before.
    fn tried(mut self) -> Self {
        if let Self::Collection(record) | Self::Item(record) = &mut self {
            record.hint = Hint::OnItsWay;
        }
        self
    }

    /// The attempt at it, as the journal is told.
    fn attempt(&self) -> Attempt {
        let removal = |id: &String, before| Attempt { kind: RecordKind::Item, id: id.clone(), digest: None, before };
        match self {
            Self::Collection(record) | Self::Item(record) => record.attempt(Before::Ours),
            Self::Remove(id) => removal(id, Before::Ours),
            Self::RemoveForeign(id) => removal(id, Before::Foreign),
        }
    }

    fn report(&self, status: PublishStatus, message: Option<String>) -> RecordReport {
        let (kind, id) = (self.kind(), self.id().to_owned());
        RecordReport { kind, id, status, http_status: None, message, differences: Vec::new() }
    }
}

#[cfg(test)]
mod tests;
