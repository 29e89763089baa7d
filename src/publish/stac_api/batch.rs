//! A batch of items: looked at by one search, sent together where the API takes that, and one by one where not.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::Value;

use super::coordinator::Finished;
use super::single::{Failure, Known, Outcome, Publisher, finished};
use super::{Hint, RecordToPublish, Task};
use crate::publish::PublishStatus;

/// The ids that one search asks for take no more characters: servers refuse long URLs.
const IDS_LIMIT: usize = 4000;

/// An item under way.
pub(super) struct Entry {
    index: usize,
    pub(super) item: Box<RecordToPublish>,
    pub(super) known: Known,
    pub(super) result: Option<Result<Outcome, Failure>>,
}

impl Publisher {
    /// Works on tasks together.
    pub(super) async fn perform(&self, tasks: Vec<(usize, Task)>) -> Vec<Finished> {
        let (mut entries, mut others) = (Vec::new(), Vec::new());
        for (index, task) in tasks {
            match task {
                Task::Item(item) => entries.push(Entry { index, item, known: Known::default(), result: None }),
                task => others.push(self.one(index, task)),
            }
        }
        let mut done = join_all(others).await;
        self.items(&mut entries).await;
        done.extend(entries.into_iter().map(|Entry { index, item, result, .. }| {
            let result = result.unwrap_or_else(|| Err(Failure::new("not sent")));
            finished(index, Task::Item(item), result)
        }));
        done
    }

    async fn items(&self, entries: &mut [Entry]) {
        for entry in &mut *entries {
            entry.result = self.check(&entry.item.record).err().map(Err);
        }
        let new = self.look(entries).await;
        if !self.dry_run() {
            self.send_together(entries, new).await;
        }
        let open: Vec<_> = (0..entries.len()).filter(|at| entries[*at].result.is_none()).collect();
        let sent = open.iter().map(|at| self.store(&entries[*at].item, entries[*at].known));
        let results = join_all(sent).await;
        for (at, result) in open.into_iter().zip(results) {
            entries[at].result = Some(result);
        }
    }

    /// Settles what stands as it should, and returns what is surely new.
    async fn look(&self, entries: &mut [Entry]) -> Vec<usize> {
        let open: Vec<usize> = (0..entries.len()).filter(|at| entries[*at].result.is_none()).collect();
        let ids: Vec<&str> = open.iter().map(|at| entries[*at].item.id()).collect();
        // One is looked at as fast by itself.
        let found = if ids.len() > 1 { self.search(&ids).await } else { None };
        let mut new = Vec::new();
        for at in open {
            let entry = &mut entries[at];
            let record = entry.item.record.record();
            let there = found.as_ref().map(|found| found.get(&record.id));
            match there {
                Some(Some(theirs)) if self.agrees(record, theirs) => {
                    entry.result = Some(Ok(Outcome::new(PublishStatus::Unchanged, None)));
                }
                Some(Some(_)) => entry.known.look = true,
                // A search may show late what is there. What is sent as new never takes the place of anything.
                Some(None) => entry.known.look = entry.item.hint == Hint::Stored,
                None => entry.known.look = entry.item.hint != Hint::New,
            }
            if entry.result.is_none() && !entry.known.look {
                new.push(at);
            }
        }
        new
    }

    /// The items of ours that the API has of these, as a search finds them; `None` if it does not search.
    pub(super) async fn search(&self, ids: &[&str]) -> Option<HashMap<String, Value>> {
        if !self.searches.load(Ordering::Relaxed) {
            return None;
        }
        let mut found = HashMap::new();
        for ids in pieces(ids) {
            let mut url = self.client.url(&["search"]);
            url.query_pairs_mut()
                .append_pair("collections", &self.collection)
                .append_pair("ids", &ids.join(","))
                .append_pair("limit", &ids.len().to_string());
            let answer = self.client.send(Method::GET, &url, None, None).await.ok()?;
            if (400..500).contains(&answer.status) && answer.status != 429 {
                self.searches.store(false, Ordering::Relaxed);
            }
            let mut page: Value = serde_json::from_slice(&answer.body).ok().filter(|_| answer.status == 200)?;
            let Some(Value::Array(features)) = page.get_mut("features").map(Value::take) else { return None };
            let ours = features.into_iter().filter(|feature| feature["collection"] == *self.collection);
            found.extend(ours.filter_map(|feature| Some((feature["id"].as_str()?.to_owned(), feature))));
        }
        Some(found)
    }
}

/// Ids in pieces that fit into a URL.
fn pieces<'a, 'b>(ids: &'a [&'b str]) -> Vec<&'a [&'b str]> {
    let (mut pieces, mut begin, mut length) = (Vec::new(), 0, 0);
    for (at, id) in ids.iter().enumerate() {
        // A comma takes three characters.
        if at > begin && length + id.len() + 3 > IDS_LIMIT {
            pieces.push(&ids[begin..at]);
            (begin, length) = (at, 0);
        }
        length += id.len() + 3;
    }
    pieces.push(&ids[begin..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_fit_into_urls() {
        let long = "x".repeat(IDS_LIMIT);
        let ids = ["a", long.as_str(), "b", "c"];
        assert_eq!(pieces(&ids), [&ids[..1], &ids[1..2], &ids[2..]]);
        assert_eq!(pieces(&ids[2..]), [&ids[2..]]);
    }
}
