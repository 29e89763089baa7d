//! Hands out work, several batches at once, and is the only one who speaks with the journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinError, JoinSet};

use super::single::Publisher;
use super::surplus::Prune;
use super::{RecordReport, Task};
use crate::publish::{Attempt, AttemptReport, Difference, Journal, JournalError, PublishError, PublishStatus};

/// A batch is full when its records take so many bytes.
const BATCH_BYTES: usize = 4 << 20;

/// What is known of so many records already is passed on at once.
const KNOWN_TOGETHER: usize = 1000;

/// So many records at most are tried again at the end.
const AGAIN_LIMIT: usize = 1000;

/// After so many failures one after the other, what failed is not tried again alone.
const LAST_FAILURES: usize = 3;

/// So many bytes of differences are kept in a report: more tell nobody anything.
const DIFFERENCES_LIMIT: usize = 64 << 20;

/// Attempts that are to be remembered before they are made; the answer is whether they are.
pub(super) struct Begin {
    pub(super) attempts: Vec<Attempt>,
    pub(super) answer: oneshot::Sender<bool>,
}

/// What became of a task.
pub(super) struct Finished {
    pub(super) index: usize,
    pub(super) task: Task,
    pub(super) report: RecordReport,
    /// Whether it may go better alone.
    pub(super) again: bool,
}

#[derive(Default)]
struct Batch {
    tasks: Vec<(usize, Task)>,
    known: Vec<(usize, RecordReport)>,
}

pub(super) struct Coordinator<'a> {
    publisher: Arc<Publisher>,
    begins: mpsc::UnboundedReceiver<Begin>,
    journal: &'a mut dyn Journal,
    /// By the order in which they were given.
    done: BTreeMap<usize, RecordReport>,
    next: usize,
    again: BTreeMap<usize, Task>,
    differences: usize,
    failure: Option<JournalError>,
}

impl<'a> Coordinator<'a> {
    pub(super) fn new(
        publisher: Arc<Publisher>,
        begins: mpsc::UnboundedReceiver<Begin>,
        journal: &'a mut dyn Journal,
    ) -> Self {
        let (done, again) = (BTreeMap::new(), BTreeMap::new());
        Self { publisher, begins, journal, done, next: 0, again, differences: 0, failure: None }
    }

    fn number(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    /// One task before anything else begins.
    pub(super) async fn one(&mut self, task: Task) -> Option<PublishStatus> {
        let index = self.number();
        self.run(std::iter::once(Batch { tasks: vec![(index, task)], known: Vec::new() }), 1).await;
        // What failed is tried again now: others wait for it.
        if let Some(task) = self.again.remove(&index) {
            self.run(std::iter::once(Batch { tasks: vec![(index, task.tried())], known: Vec::new() }), 1).await;
            self.again.remove(&index);
        }
        self.done.get(&index).map(|report| report.status)
    }

    /// Whether the API has the collection now: some have it and let nobody change it.
    pub(super) async fn has_collection(&self, status: Option<PublishStatus>) -> bool {
        self.failure.is_none() && (status != Some(PublishStatus::Failed) || self.publisher.has_collection().await)
    }

    /// Works on all tasks, in batches of so many, so many batches at once.
    pub(super) async fn batches(
        &mut self,
        mut tasks: impl Iterator<Item = Result<Task, RecordReport>>,
        size: usize,
        most: usize,
    ) {
        let mut next = self.next;
        let batches = std::iter::from_fn(|| batch(&mut tasks, size, &mut next));
        self.run(batches, most).await;
        self.next = next;
    }

    /// What ended in an error of the server is tried once more, alone: pgstac widens the limits of a partition with every item, and fails
    /// when two items do so at the same moment.
    pub(super) async fn again(&mut self) {
        let mut failures = 0;
        for (index, task) in std::mem::take(&mut self.again) {
            if failures == LAST_FAILURES || self.publisher.is_gone() || self.publisher.client.has_given_up() {
                break;
            }
            self.run(std::iter::once(Batch { tasks: vec![(index, task.tried())], known: Vec::new() }), 1).await;
            let is_failed = self.done.get(&index).is_some_and(|report| report.status == PublishStatus::Failed);
            failures = if is_failed { failures + 1 } else { 0 };
        }
        self.again.clear();
    }

    /// Removes items that nobody knows; returns why not, if not.
    pub(super) async fn prune(&mut self, prune: &Prune<'_>, most: usize) -> Option<String> {
        if self.failure.is_some() || self.publisher.is_gone() {
            return None;
        }
        let surplus = match self.publisher.surplus(prune).await {
            Ok(surplus) => surplus,
            Err(problem) => return Some(problem),
        };
        self.batches(surplus.into_iter().map(|id| Ok(Task::RemoveForeign(id))), 1, most).await;
        self.again().await;
        None
    }

    /// Says of all tasks that they were not begun.
    pub(super) fn refuse(&mut self, tasks: impl Iterator<Item = Result<Task, RecordReport>>) {
        let message = "not sent: the API does not have the collection";
        for task in tasks {
            let failed = |task: Task| task.report(PublishStatus::Failed, Some(message.into()));
            let index = self.number();
            self.done.insert(index, task.map_or_else(|known| known, failed));
        }
    }

    /// The answers in the order of the tasks.
    pub(super) fn finish(mut self) -> Result<Vec<RecordReport>, PublishError> {
        if self.publisher.is_gone() {
            let told = self.journal.lost();
            self.note(told);
        }
        match self.failure {
            Some(source) => Err(PublishError::Journal { source }),
            None => Ok(self.done.into_values().collect()),
        }
    }

    fn note(&mut self, told: Result<(), JournalError>) -> bool {
        let is_told = told.is_ok();
        if let Err(error) = told {
            self.failure.get_or_insert(error);
        }
        is_told
    }

    async fn run(&mut self, mut batches: impl Iterator<Item = Batch>, most: usize) {
        let mut running = JoinSet::new();
        loop {
            while running.len() < most
                && self.failure.is_none()
                && let Some(Batch { tasks, known }) = batches.next()
            {
                self.done.extend(known);
                if !tasks.is_empty() {
                    let publisher = Arc::clone(&self.publisher);
                    running.spawn(async move { publisher.perform(tasks).await });
                }
            }
            if running.is_empty() {
                return;
            }
            tokio::select! {
                biased;
                Some(begin) = self.begins.recv() => self.begin(begin),
                Some(finished) = running.join_next() => {
                    let mut all = results(finished);
                    while let Some(finished) = running.try_join_next() {
                        all.extend(results(finished));
                    }
                    self.end(all);
                }
            }
        }
    }

    /// Remembers whatever waits for it, together.
    fn begin(&mut self, first: Begin) {
        let mut waiting = vec![first];
        while let Ok(begin) = self.begins.try_recv() {
            waiting.push(begin);
        }
        let attempts: Vec<Attempt> = waiting.iter_mut().flat_map(|begin| std::mem::take(&mut begin.attempts)).collect();
        let told = if self.failure.is_none() { self.journal.begin(&attempts) } else { Ok(()) };
        let may_go = self.note(told) && self.failure.is_none();
        for begin in waiting {
            // Nobody waits for it any more if its task was cut off.
            let _ = begin.answer.send(may_go);
        }
    }

    fn end(&mut self, finished: Vec<Finished>) {
        if !self.publisher.dry_run() && self.failure.is_none() {
            let report = |Finished { task, report, .. }: &Finished| {
                let (attempt, status, message) = (task.attempt(), report.status, report.message.clone());
                AttemptReport { attempt, status, message }
            };
            let reports: Vec<AttemptReport> = finished.iter().map(report).collect();
            let told = self.journal.end(&reports);
            self.note(told);
        }
        for Finished { index, task, mut report, again } in finished {
            if again && report.status == PublishStatus::Failed && self.again.len() < AGAIN_LIMIT {
                self.again.insert(index, task);
            }
            self.differences += report.differences.iter().map(Difference::size).sum::<usize>();
            if self.differences > DIFFERENCES_LIMIT {
                report.differences = Vec::new();
            }
            self.done.insert(index, report);
        }
    }
}

fn results(finished: Result<Vec<Finished>, JoinError>) -> Vec<Finished> {
    match finished.map_err(JoinError::try_into_panic) {
        Ok(finished) => finished,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        // Nobody aborts tasks.
        Err(Err(_)) => Vec::new(),
    }
}

fn batch(tasks: &mut impl Iterator<Item = Result<Task, RecordReport>>, size: usize, next: &mut usize) -> Option<Batch> {
    let (mut batch, mut bytes) = (Batch::default(), 0);
    while batch.tasks.len() < size
        && batch.known.len() < KNOWN_TOGETHER
        && bytes < BATCH_BYTES
        && let Some(task) = tasks.next()
    {
        match task {
            Ok(task) => {
                bytes += task.size();
                batch.tasks.push((*next, task));
            }
            Err(known) => batch.known.push((*next, known)),
        }
        *next += 1;
    }
    (!batch.tasks.is_empty() || !batch.known.is_empty()).then_some(batch)
}
