//! Many new items in one request, where the API takes that: `/bulk_items` (stac-fastapi), or an ItemCollection in place of an Item
//! (Transaction extension). Which of them it takes is tried once and remembered; what it then holds is read back by a search.
//!
//! Items are only ever sent as new ones, so that nothing which stands is overwritten; a request that fails as a whole is cut in halves.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use futures_util::future::join_all;
use reqwest::Method;

use super::batch::Entry;
use super::single::{Failure, Outcome, Publisher};
use crate::model::RecordKind;
use crate::publish::client::{Answer, RequestError};
use crate::publish::{Before, PublishStatus};

/// Fewer than these are sent one by one.
const FEWEST: usize = 10;

/// A way that fails so often before it ever worked is not the API's.
const STRIKES: u8 = 3;

/// How an API takes many items at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Way {
    /// `POST …/bulk_items`.
    #[default]
    BulkItems,
    /// `POST …/items` with an ItemCollection.
    ItemCollection,
}

/// What has been learnt of it.
#[derive(Debug, Default)]
struct Learnt {
    way: Way,
    has_none: bool,
    is_proved: bool,
    strikes: u8,
}

/// What has been learnt of it, by all batches together.
#[derive(Debug, Default)]
pub(super) struct BulkState(Mutex<Learnt>);

impl BulkState {
    fn learnt(&self) -> MutexGuard<'_, Learnt> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn way(&self) -> Option<Way> {
        let learnt = self.learnt();
        (!learnt.has_none).then_some(learnt.way)
    }

    fn works(&self) {
        self.learnt().is_proved = true;
    }

    /// The API does not take items this way: the next one is tried.
    fn leave(&self, way: Way) {
        let mut learnt = self.learnt();
        if learnt.way == way && !learnt.is_proved {
            (learnt.way, learnt.strikes) = (Way::ItemCollection, 0);
            learnt.has_none = way == Way::ItemCollection;
        }
    }

    fn strike(&self, way: Way) {
        self.learnt().strikes += 1;
        if self.learnt().strikes >= STRIKES {
            self.leave(way);
        }
    }

    /// Whether such an answer says that the API does not know this way.
    fn is_unknown(&self, way: Way, status: u16) -> bool {
        let is_refused = match way {
            // What is there only for this may well refuse an item.
            Way::BulkItems => matches!(status, 401 | 403 | 404 | 405 | 410 | 415 | 501),
            Way::ItemCollection => (400..500).contains(&status) && !matches!(status, 408 | 409 | 429) || status == 501,
        };
        !self.learnt().is_proved && is_refused
    }
}

impl Publisher {
    /// Sends many new items at once. What is not settled by it is left to be looked at one by one.
    pub(super) async fn send_together(&self, entries: &mut [Entry], new: Vec<usize>) {
        if new.len() < FEWEST || self.bulk.way().is_none() {
            return;
        }
        let attempts = new.iter().map(|at| entries[*at].item.attempt(Before::Ours));
        if let Err(failure) = self.begin(attempts.collect()).await {
            new.iter().for_each(|at| entries[*at].result = Some(Err(Failure::new(failure.message()))));
            return;
        }
        new.iter().for_each(|at| entries[*at].known.begun = true);
        let mut pieces = vec![new];
        while let Some(piece) = pieces.pop() {
            let Some(way) = self.bulk.way().filter(|_| piece.len() >= FEWEST && !self.is_gone()) else { continue };
            let answer = self.send_bulk(entries, &piece, way).await;
            if let Ok(answer) = &answer
                && self.bulk.is_unknown(way, answer.status)
            {
                self.bulk.leave(way);
                pieces.push(piece);
                continue;
            }
            let is_accepted = answer.as_ref().is_ok_and(Answer::is_success);
            let is_queued = answer.as_ref().is_ok_and(|answer| answer.status == 202);
            let missing = self.read_back(entries, &piece, &answer).await;
            match &missing {
                Some(missing) if missing.len() < piece.len() => self.bulk.works(),
                // It may still come.
                Some(_) if is_queued => {}
                Some(_) if is_accepted => self.bulk.leave(way),
                _ if !is_accepted => self.bulk.strike(way),
                _ => {}
            }
            if let Ok(answer) = &answer
                && !is_accepted
            {
                self.notice_loss(answer, RecordKind::Item).await;
            }
            // Where all is said to be well, what is missing is looked at one by one, unless it waits in a queue.
            if let Some(mut missing) = missing
                && !is_accepted
            {
                let half = missing.split_off(missing.len() / 2);
                pieces.extend([half, missing]);
            }
        }
    }

    async fn send_bulk(&self, entries: &[Entry], piece: &[usize], way: Way) -> Result<Answer, RequestError> {
        let bodies = piece.iter().map(|at| (entries[*at].item.id(), &entries[*at].item.body));
        let (last, body) = match way {
            Way::BulkItems => ("bulk_items", bulk_items(bodies)),
            Way::ItemCollection => ("items", item_collection(bodies.map(|(_, body)| body))),
        };
        let url = self.client.url(&["collections", &self.collection, last]);
        self.client.send(Method::POST, &url, Some(&body), None).await
    }

    /// Settles what a search finds as it should be, and returns the others; `None` if there is no search. What was only accepted for later
    /// (202) is awaited and settled whether it comes or not: sent again, it would be in the queue twice.
    async fn read_back(
        &self,
        entries: &mut [Entry],
        piece: &[usize],
        answer: &Result<Answer, RequestError>,
    ) -> Option<Vec<usize>> {
        let status = answer.as_ref().ok().map(|answer| answer.status);
        let queued = answer.as_ref().ok().filter(|answer| answer.status == 202);
        let is_accepted = answer.as_ref().is_ok_and(Answer::is_success);
        let (options, begin) = (self.client.options(), Instant::now());
        let mut missing = piece.to_vec();
        loop {
            let ids: Vec<&str> = missing.iter().map(|at| entries[*at].item.id()).collect();
            let found = self.search(&ids).await;
            for at in &missing {
                // They were not there before: what is there now was sent by us, whatever the answer was.
                entries[*at].known.look = true;
                entries[*at].known.sent = is_accepted || found.is_some();
            }
            let Some(found) = found else {
                return match queued {
                    Some(answer) => Some(self.await_each(entries, missing, answer).await),
                    None => None,
                };
            };
            missing.retain(|at| {
                let entry = &mut entries[*at];
                let record = entry.item.record.record();
                let agrees = found.get(&record.id).is_some_and(|theirs| self.agrees(record, theirs));
                if agrees {
                    entry.result = Some(Ok(Outcome::new(PublishStatus::Created, status.filter(|_| is_accepted))));
                }
                !agrees
            });
            if missing.is_empty() || queued.is_none() {
                return Some(missing);
            }
            if begin.elapsed() >= options.queue_timeout {
                missing.iter().for_each(|at| entries[*at].result = Some(Err(Failure::queued(options.queue_timeout))));
                return Some(missing);
            }
            tokio::time::sleep(options.queue_pause).await;
        }
    }

    /// Without a search: awaits each by itself, and returns those that did not come.
    async fn await_each(&self, entries: &mut [Entry], queued: Vec<usize>, answer: &Answer) -> Vec<usize> {
        let looks = queued.iter().map(|at| {
            let record = entries[*at].item.record.record();
            async move { self.written(&record.json, &self.item_target(&record.id), answer).await }
        });
        let results = join_all(looks).await;
        for (at, result) in queued.iter().zip(results) {
            entries[*at].result = Some(result.map(|()| Outcome::new(PublishStatus::Created, Some(answer.status))));
        }
        queued.into_iter().filter(|at| matches!(entries[*at].result, Some(Err(_)))).collect()
    }
}

/// `{"items": {id: Item, …}, "method": "insert"}`: those that exist already are an error.
fn bulk_items<'a>(items: impl Iterator<Item = (&'a str, &'a Bytes)>) -> Bytes {
    let mut text = b"{\"method\":\"insert\",\"items\":{".to_vec();
    for (at, (id, body)) in items.enumerate() {
        let comma = if at == 0 { "" } else { "," };
        text.extend_from_slice(format!("{comma}{}:", serde_json::Value::from(id)).as_bytes());
        text.extend_from_slice(body);
    }
    text.extend_from_slice(b"}}");
    text.into()
}

fn item_collection<'a>(items: impl Iterator<Item = &'a Bytes>) -> Bytes {
    let mut text = b"{\"type\":\"FeatureCollection\",\"features\":[".to_vec();
    for (at, body) in items.enumerate() {
        text.extend_from_slice(if at == 0 { b"" } else { b"," });
        text.extend_from_slice(body);
    }
    text.extend_from_slice(b"]}");
    text.into()
}
