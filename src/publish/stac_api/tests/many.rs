//! Many items at once, and what others do to them meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::model::{KeptField, RemovalLimit};
use crate::publish::{Attempt, AttemptReport, Journal, JournalError};

const CLASSES: [&str; 2] = [TRANSACTION, "https://api.stacspec.org/v1.0.0/item-search"];

/// A store that also searches, and takes many items at once as stac-fastapi does: all or none.
#[derive(Clone)]
struct Larger {
    store: Store,
    /// Whether it takes many at once.
    bulk: bool,
    /// An id that it refuses.
    refused: &'static str,
}

impl Larger {
    fn search(&self, request: &Request) -> ResponseTemplate {
        let asked: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
        let path = |id: &str| format!("/collections/{}/items/{id}", asked["collections"]);
        let found: Vec<Value> =
            asked["ids"].split(',').filter_map(|id| self.store.records().get(&path(id)).cloned()).collect();
        ResponseTemplate::new(200).set_body_json(json!({"type": "FeatureCollection", "features": found}))
    }

    fn bulk(&self, request: &Request) -> ResponseTemplate {
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        let items = sent["items"].as_object().unwrap();
        assert_eq!(sent["method"], "insert", "nothing is overwritten");
        let path = |id: &str| format!("/collections/c/items/{id}");
        if items.keys().any(|id| id == self.refused) {
            return ResponseTemplate::new(400).set_body_json(json!({"detail": "an id that nobody likes"}));
        }
        if items.keys().any(|id| self.store.records().contains_key(&path(id))) {
            return ResponseTemplate::new(409);
        }
        items.iter().for_each(|(id, json)| self.store.insert(&path(id), json.clone()));
        ResponseTemplate::new(200).set_body_json(json!({"success": items.len()}))
    }
}

impl Respond for Larger {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let is_refused = || serde_json::from_slice::<Value>(&request.body).unwrap_or_default()["id"] == self.refused;
        match (request.method.as_str(), request.url.path()) {
            ("GET", "/search") => self.search(request),
            ("POST", "/collections/c/bulk_items") if self.bulk => self.bulk(request),
            ("POST", "/collections/c/bulk_items") => ResponseTemplate::new(404),
            ("POST", ITEMS) if is_refused() => {
                ResponseTemplate::new(400).set_body_json(json!({"detail": "not this id"}))
            }
            ("POST", ITEMS) if String::from_utf8_lossy(&request.body).contains("FeatureCollection") => {
                ResponseTemplate::new(422)
            }
            _ => self.store.respond(request),
        }
    }
}

async fn larger(store: &Store, bulk: bool, refused: &'static str) -> Api {
    let api = Api::start_with(store.clone()).await;
    let landing = json!({"type": "Catalog", "stac_version": "1.1.0", "id": "x", "conformsTo": CLASSES});
    api.mount("GET", "/", ResponseTemplate::new(200).set_body_json(landing), 5).await;
    let all = Mock::given(wiremock::matchers::any()).respond_with(Larger { store: store.clone(), bulk, refused });
    all.with_priority(6).mount(&api.server).await;
    api
}

fn batches() -> ApiOptions {
    ApiOptions { concurrency: 2, batch: 30, ..options() }
}

fn ids(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("i{number:03}")).collect()
}

async fn publish_all(api: &Api, ids: &[String], hint: Hint) -> PublishReport {
    let items: Vec<_> = ids.iter().map(|id| (id.as_str(), hint)).collect();
    api.publish_with(&items, &[], batches()).await
}

#[tokio::test]
async fn many_new_items_go_together_and_are_read_back_together() {
    let (store, ids) = (Store::default(), ids(70));
    let api = larger(&store, true, "").await;
    let report = publish_all(&api, &ids, New).await;
    assert_eq!((report.counts.created, report.is_success()), (71, true));
    assert!(report.records[1..].iter().map(|record| &record.id).eq(&ids), "in the order in which they were given");
    assert_eq!(store.records().len(), 71);
    // Three batches: a look, one request and a look each, and the collection.
    assert_eq!((api.writes().await, api.requests().await.len()), (1 + 3, 3 + 9));

    let api = larger(&store, true, "").await;
    assert_eq!(publish_all(&api, &ids, Stored).await.counts.unchanged, 71);
    assert_eq!((api.writes().await, api.requests().await.len()), (0, 1 + 3));
}

#[tokio::test]
async fn one_item_that_is_refused_does_not_keep_the_others_out() {
    let (store, ids) = (Store::default(), ids(60));
    let api = larger(&store, true, "i041").await;
    let report = publish_all(&api, &ids, New).await;
    assert_eq!((report.counts.created, report.counts.failed), (60, 1));
    assert_eq!(message(&report, 42), "400 Bad Request: not this id");
    assert!(api.writes().await < 40, "{}", api.writes().await);
}

#[tokio::test]
async fn what_is_there_already_is_never_overwritten_unseen() {
    let (store, ids) = (Store::default(), ids(40));
    // The search of this API lags behind: it finds nothing.
    store.insert("/collections/c", collection_json());
    let mut other = item_json("i007");
    other["properties"]["n"] = 9.into();
    store.insert("/collections/c/items/i007", other);
    store.insert("/collections/c/items/i030", item_json("i030"));
    let api = larger(&store, true, "").await;
    let nothing = json!({"type": "FeatureCollection", "features": []});
    api.mount("GET", "/search", ResponseTemplate::new(200).set_body_json(nothing), 2).await;
    let report = publish_all(&api, &ids, New).await;
    assert!(report.is_success());
    assert_eq!((report.records[8].status, told(&report, 8)), (Updated, vec!["/properties/n: 1, there 9".to_owned()]));
    assert_eq!(store.records().len(), 41);
}

#[tokio::test]
async fn an_api_that_takes_one_at_a_time_is_asked_once_whether_it_takes_more() {
    let (store, ids) = (Store::default(), ids(60));
    let api = larger(&store, false, "").await;
    let options = ApiOptions { concurrency: 1, ..batches() };
    let items: Vec<_> = ids.iter().map(|id| (id.as_str(), New)).collect();
    assert!(api.publish_with(&items, &[], options).await.is_success());
    let requests = api.requests().await;
    assert_eq!(requests.iter().filter(|request| request.ends_with("/bulk_items")).count(), 1);
    assert_eq!(api.writes().await, 1 + 1 + 1 + 60, "the collection, two trials, the items");
}

#[tokio::test]
async fn an_answer_that_was_lost_is_found_out_about() {
    let (store, ids) = (Store::default(), ids(30));
    let api = larger(&store, true, "").await;
    let stored = store.clone();
    let lost = move |request: &Request| {
        let _ = Larger { store: stored.clone(), bulk: true, refused: "" }.bulk(request);
        ResponseTemplate::new(502)
    };
    let once = Mock::given(method("POST")).and(path("/collections/c/bulk_items")).respond_with(lost);
    once.up_to_n_times(1).with_priority(1).mount(&api.server).await;
    assert_eq!(publish_all(&api, &ids, New).await.counts.created, 31);
    assert_eq!(api.writes().await, 1 + 2);
}

#[tokio::test]
async fn what_others_own_is_kept() {
    let api = Api::start().await;
    api.store.insert("/collections/c", json!({"id": "c", "title": "theirs"}));
    let theirs = json!({"id": "a", "properties": {"n": 0, "reviewed": "by them"}});
    api.store.insert(A, theirs);
    let rules = MergeRules { keep: vec![KeptField::new("/properties/reviewed").unwrap()], extend: false };
    let items = vec![Ok(RecordToPublish::new(item("a"), Stored))];
    let set = PublishSet { items, rules, ..PublishSet::of(collection()) };
    let report = publish(&api.url(), set, options(), &mut NoJournal).await.unwrap();
    assert_eq!(statuses(&report), [Updated, Updated]);
    let stored = api.store.records()[A].clone();
    assert_eq!((&stored["properties"]["n"], &stored["properties"]["reviewed"]), (&json!(1), &json!("by them")));
}

#[tokio::test]
async fn parents_come_first() {
    let api = Api::start().await;
    let parent = publishable(RecordKind::Collection, "p", json!({"type": "Collection", "id": "p", "links": []}));
    let set = PublishSet { parents: vec![parent], ..PublishSet::<Vec<_>>::of(collection()) };
    let report = publish(&api.url(), set, options(), &mut NoJournal).await.unwrap();
    assert_eq!(report.records.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["p", "c"]);
    assert_eq!(api.writes().await, 2);
}

#[tokio::test]
async fn items_that_nobody_knows_go_if_they_are_few() {
    let api = Api::start().await;
    api.store.insert("/collections/c", collection_json());
    for id in ["a", "b", "x", "y"] {
        api.store.insert(&format!("{ITEMS}/{id}"), item_json(id));
    }
    let features = |ids: [&str; 2]| ids.map(|id| json!({"id": id, "properties": {}}));
    // Its own name is another than ours.
    let next = json!([{"rel": "next", "href": "http://inner.example.org/items?token=2"}]);
    let first = json!({"features": features(["a", "x"]), "links": next});
    api.once("GET", ITEMS, ResponseTemplate::new(200).set_body_json(&first)).await;
    let second = Mock::given(method("GET")).and(path(ITEMS)).and(wiremock::matchers::query_param("token", "2"));
    let last = json!({"features": features(["b", "y"])});
    second.respond_with(ResponseTemplate::new(200).set_body_json(last)).with_priority(2).mount(&api.server).await;
    let stays = |id: &str| id < "m";
    let pruned = async |most| {
        let set = PublishSet { prune: Some(Prune { stays: &stays, most }), ..PublishSet::<Vec<_>>::of(collection()) };
        publish(&api.url(), set, options(), &mut NoJournal).await.unwrap()
    };
    let report = pruned(RemovalLimit::Items(1)).await;
    assert!(!report.is_success() && report.problems[0].contains("2 of 4 items"), "{:?}", report.problems);
    assert_eq!((api.writes().await, api.store.records().len()), (0, 5));
    api.once("GET", ITEMS, ResponseTemplate::new(200).set_body_json(&first)).await;
    let report = pruned(RemovalLimit::Share(5000)).await;
    assert_eq!((statuses(&report), report.is_success()), (vec![Unchanged, Removed, Removed], true));
    assert_eq!(api.store.records().len(), 3);
}

#[tokio::test]
async fn a_collection_that_goes_meanwhile_is_told_once() {
    let (store, ids) = (Store::default(), ids(50));
    let api = Api::start_with(store.clone()).await;
    let stored = store.clone();
    let gone = move |_: &Request| {
        stored.records().remove("/collections/c");
        ResponseTemplate::new(500).set_body_json(json!({"detail": "foreign key"}))
    };
    api.mount("POST", ITEMS, gone, 1).await;
    let mut journal = Memory::default();
    let items: Vec<_> = ids.iter().map(|id| Ok(RecordToPublish::new(item(id), New))).collect();
    let set = PublishSet { items, ..PublishSet::of(collection()) };
    let report = publish(&api.url(), set, options(), &mut journal).await.unwrap();
    assert_eq!(report.counts.failed, 50);
    assert_eq!(message(&report, 50), "not sent: the API no longer has the collection");
    assert!(api.writes().await < 8 && journal.told.last().unwrap() == "lost");
}

/// Notes what it is told, in the order in which it is.
#[derive(Default)]
struct Memory {
    told: Vec<String>,
    is_full: bool,
}

impl Journal for Memory {
    fn begin(&mut self, attempts: &[Attempt]) -> Result<(), JournalError> {
        if self.is_full {
            return Err("the disk is full".into());
        }
        self.told.extend(attempts.iter().map(|attempt| format!("begin {}", attempt.id)));
        Ok(())
    }

    fn end(&mut self, reports: &[AttemptReport]) -> Result<(), JournalError> {
        self.told.extend(reports.iter().map(|report| format!("end {} {:?}", report.attempt.id, report.status)));
        Ok(())
    }

    fn lost(&mut self) -> Result<(), JournalError> {
        self.told.push("lost".into());
        Ok(())
    }
}

#[tokio::test]
async fn nothing_is_sent_that_is_not_remembered() {
    let api = Api::start().await;
    api.store.insert("/collections/c", collection_json());
    api.store.insert(A, item_json("a"));
    let set = || {
        let items = ["a", "b"].map(|id| Ok(RecordToPublish::new(item(id), Stored))).into();
        PublishSet { items, ..PublishSet::<Vec<_>>::of(collection()) }
    };
    let mut full = Memory { is_full: true, ..Memory::default() };
    let error = publish(&api.url(), set(), options(), &mut full).await.unwrap_err();
    assert!(matches!(error, PublishError::Journal { .. }) && error.remedy().is_some(), "{error}");
    assert_eq!(api.writes().await, 0);
    let seen = Arc::new(AtomicBool::new(false));
    let (memory, asked) = (Arc::new(Mutex::new(Memory::default())), Arc::clone(&seen));
    let told = Arc::clone(&memory);
    let post = move |_: &Request| {
        asked.store(told.lock().unwrap().told.contains(&"begin b".to_owned()), Ordering::SeqCst);
        ResponseTemplate::new(400)
    };
    api.mount("POST", ITEMS, post, 1).await;
    publish(&api.url(), set(), options(), &mut Shared(Arc::clone(&memory))).await.unwrap();
    assert!(seen.load(Ordering::SeqCst), "it was remembered before it was sent");
    let told = &memory.lock().unwrap().told;
    assert_eq!(told.as_slice(), ["end c Unchanged", "end a Unchanged", "begin b", "end b Failed"]);
}

struct Shared(Arc<Mutex<Memory>>);

impl Journal for Shared {
    fn begin(&mut self, attempts: &[Attempt]) -> Result<(), JournalError> {
        self.0.lock().unwrap().begin(attempts)
    }

    fn end(&mut self, reports: &[AttemptReport]) -> Result<(), JournalError> {
        self.0.lock().unwrap().end(reports)
    }

    fn lost(&mut self) -> Result<(), JournalError> {
        self.0.lock().unwrap().lost()
    }
}

#[tokio::test]
async fn an_api_below_a_path_that_says_elsewhere_what_it_conforms_to() {
    let api = Api::start().await;
    let landing = json!({"stac_version": "1.1.0", "links": [{"rel": "data", "href": "http://inner/collections"}]});
    api.mount("GET", "/stac/v1/", ResponseTemplate::new(200).set_body_json(landing), 1).await;
    let classes = json!({"conformsTo": CLASSES});
    api.mount("GET", "/stac/v1/conformance", ResponseTemplate::new(200).set_body_json(classes), 1).await;
    let url = api.url().join("/stac/v1/").unwrap();
    let items = vec![Ok(RecordToPublish::new(item("a"), New))];
    let set = PublishSet { items, ..PublishSet::of(collection()) };
    assert!(publish(&url, set, options(), &mut NoJournal).await.unwrap().is_success());
    assert!(api.store.records().contains_key("/stac/v1/collections/c/items/a"));
}
