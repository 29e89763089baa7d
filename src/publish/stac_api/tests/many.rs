//! Many items at once, and what others do to them meanwhile.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

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
async fn a_search_that_answers_with_something_else_is_none() {
    for answer in [json!([]), json!("ok"), json!(1), json!({"features": {}})] {
        let store = Store::default();
        let api = larger(&store, true, "").await;
        api.mount("GET", "/search", ResponseTemplate::new(200).set_body_json(&answer), 1).await;
        let report = publish_all(&api, &ids(12), Stored).await;
        assert_eq!((report.counts.created, store.records().len()), (13, 13), "{answer}");
    }
}

/// What is queued comes when it was looked for so often, or never.
struct Queue {
    store: Store,
    waiting: Mutex<Vec<(String, Value)>>,
    looks: Mutex<Option<usize>>,
}

impl Queue {
    async fn before(api: &Api, looks: Option<usize>) {
        let queue = Arc::new(Self { store: api.store.clone(), waiting: Mutex::default(), looks: Mutex::new(looks) });
        let (taking, looking) = (Arc::clone(&queue), queue);
        api.mount("POST", "/collections/c/bulk_items", move |request: &Request| taking.take(request), 1).await;
        let looked = wiremock::matchers::path_regex("^/search$|^/collections/c/items/.");
        let look = move |request: &Request| looking.look(request);
        Mock::given(method("GET")).and(looked).respond_with(look).with_priority(1).mount(&api.server).await;
    }

    fn take(&self, request: &Request) -> ResponseTemplate {
        let sent: Value = serde_json::from_slice(&request.body).unwrap();
        let items = sent["items"].as_object().unwrap().iter();
        self.waiting.lock().unwrap().extend(items.map(|(id, json)| (format!("{ITEMS}/{id}"), json.clone())));
        ResponseTemplate::new(202)
    }

    fn look(&self, request: &Request) -> ResponseTemplate {
        let mut waiting = self.waiting.lock().unwrap();
        if let Some(looks) = self.looks.lock().unwrap().as_mut().filter(|_| !waiting.is_empty()) {
            *looks = looks.saturating_sub(1);
            if *looks == 0 {
                waiting.drain(..).for_each(|(place, json)| self.store.insert(&place, json));
            }
        }
        Larger { store: self.store.clone(), bulk: true, refused: "" }.respond(request)
    }
}

#[tokio::test]
async fn what_is_queued_together_is_awaited_and_never_sent_twice() {
    let (ids, quick) = (ids(30), ApiOptions { queue_timeout: Duration::ZERO, batch: 15, concurrency: 1, ..options() });
    let items: Vec<_> = ids.iter().map(|id| (id.as_str(), New)).collect();
    for searches in [true, false] {
        let store = Store::default();
        let api = if searches { larger(&store, true, "").await } else { Api::start_with(store.clone()).await };
        Queue::before(&api, None).await;
        let report = api.publish_with(&items, &[], quick.clone()).await;
        assert_eq!((report.counts.created, report.counts.failed), (1, 30), "search: {searches}");
        assert_eq!(message(&report, 30), "queued: accepted, but not done after 0ns");
        assert_eq!(report.records[30].http_status, Some(202));
        let collection = "POST /collections".to_owned();
        let together = "POST /collections/c/bulk_items".to_owned();
        let writes: Vec<_> = api.requests().await.into_iter().filter(|request| request.starts_with("POST")).collect();
        assert_eq!(writes, [collection, together.clone(), together], "search: {searches}");

        let store = Store::default();
        let api = if searches { larger(&store, true, "").await } else { Api::start_with(store.clone()).await };
        Queue::before(&api, Some(5)).await;
        let report = api.publish_with(&items[..15], &[], batches()).await;
        assert_eq!((report.counts.created, api.writes().await), (16, 2), "search: {searches}");
        assert_eq!(report.records[15].http_status, Some(202));
    }
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

async fn pruned(api: &Api, most: RemovalLimit) -> PublishReport {
    let stays = |id: &str| id.starts_with("ours");
    let set = PublishSet { prune: Some(Prune { stays: &stays, most }), ..PublishSet::<Vec<_>>::of(collection()) };
    publish(&api.url(), set, options(), &mut NoJournal).await.unwrap()
}

#[tokio::test]
async fn a_listing_that_never_ends_is_ended() {
    let api = Api::start().await;
    api.store.insert("/collections/c", collection_json());
    let turn = AtomicUsize::new(0);
    let endless = move |_: &Request| {
        let turn = turn.fetch_add(1, Ordering::SeqCst);
        // The second page is the first one again, and so are all others.
        assert!(turn < 5, "it is asked on and on");
        let next = json!([{"rel": "next", "href": format!("/collections/c/items?token={turn}")}]);
        let features = [json!({"id": "ours"}), json!({"id": "x"})];
        ResponseTemplate::new(200).set_body_json(json!({"features": features, "links": next}))
    };
    api.mount("GET", ITEMS, endless, 1).await;
    let report = pruned(&api, RemovalLimit::Items(0)).await;
    assert!(report.problems[0].contains("1 of 2 items"), "{:?}", report.problems);
    assert_eq!(api.requests().await.iter().filter(|request| request.ends_with("/items")).count(), 2);
}

#[tokio::test]
async fn items_of_others_count_for_nothing() {
    let api = Api::start().await;
    api.store.insert("/collections/c", collection_json());
    let others: Vec<_> = (0..97).map(|number| json!({"id": format!("other{number}"), "collection": "d"})).collect();
    let ours = ["ours1", "x", "y"].map(|id| json!({"id": id, "collection": "c"}));
    let next = json!([{"rel": "next", "href": format!("{}?page=2", api.url())}]);
    // A page without any of ours is not the end.
    let pages = move |request: &Request| {
        let is_second = request.url.query().is_some_and(|query| query.contains("page=2"));
        let page = if is_second { json!({"features": ours}) } else { json!({"features": others, "links": next}) };
        ResponseTemplate::new(200).set_body_json(page)
    };
    api.mount("GET", ITEMS, pages, 1).await;
    // A tenth of 100 would be 10.
    let report = pruned(&api, RemovalLimit::Share(1000)).await;
    assert!(report.problems.first().is_some_and(|told| told.contains("2 of 3 items")), "{:?}", report.problems);
    assert_eq!(api.writes().await, 0);
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
