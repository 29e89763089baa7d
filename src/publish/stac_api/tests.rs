//! A small STAC API in memory behind wiremock, and all the ways in which real ones fail.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod many;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::*;
use crate::model::{PublicUrls, Record, ValidatedRecord};
use crate::publish::client::Offer;
use crate::publish::{Audience, Auth, NoJournal, Secret, absolute};
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

const TRANSACTION: &str = "https://api.stacspec.org/v1.0.0-rc.3/ogcapi-features/extensions/transaction";

/// Records by the path of their URL.
#[derive(Clone, Default)]
struct Store(Arc<Mutex<BTreeMap<String, Value>>>);

impl Store {
    fn records(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, path: &str, json: Value) {
        self.records().insert(path.into(), json);
    }
}

impl Respond for Store {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let path = request.url.path().to_owned();
        let sent = || serde_json::from_slice::<Value>(&request.body).unwrap();
        let mut records = self.records();
        match request.method.as_str() {
            "GET" => match records.get(&path) {
                Some(json) => ResponseTemplate::new(200).set_body_json(json),
                None => ResponseTemplate::new(404).set_body_json(json!({"code": "NotFoundError"})),
            },
            "POST" => {
                let place = format!("{path}/{}", sent()["id"].as_str().unwrap());
                if records.contains_key(&place) {
                    return ResponseTemplate::new(409).set_body_json(json!({"code": "ConflictError"}));
                }
                records.insert(place, sent());
                ResponseTemplate::new(201)
            }
            "PUT" if records.contains_key(&path) => {
                records.insert(path, sent());
                ResponseTemplate::new(200)
            }
            "DELETE" if records.remove(&path).is_some() => ResponseTemplate::new(204),
            _ => ResponseTemplate::new(404),
        }
    }
}

struct Api {
    server: MockServer,
    store: Store,
}

impl Api {
    async fn start() -> Self {
        Self::start_with(Store::default()).await
    }

    async fn start_with(store: Store) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let api = Self { server: MockServer::start().await, store };
        let landing =
            json!({"type": "Catalog", "stac_version": "1.1.0", "id": "x", "links": [], "conformsTo": [TRANSACTION]});
        api.mount("GET", "/", ResponseTemplate::new(200).set_body_json(landing), 6).await;
        Mock::given(wiremock::matchers::any())
            .respond_with(api.store.clone())
            .with_priority(9)
            .mount(&api.server)
            .await;
        api
    }

    fn url(&self) -> Url {
        Url::parse(&self.server.uri()).unwrap()
    }

    async fn mount(&self, verb: &str, place: &str, response: impl Respond + 'static, priority: u8) {
        let mock = Mock::given(method(verb)).and(path(place)).respond_with(response).with_priority(priority);
        mock.mount(&self.server).await;
    }

    /// This once, before anything else.
    async fn once(&self, verb: &str, place: &str, response: ResponseTemplate) {
        let mock = Mock::given(method(verb)).and(path(place)).respond_with(response);
        mock.up_to_n_times(1).with_priority(1).mount(&self.server).await;
    }

    /// The requests as `POST /collections`, without the landing page.
    async fn requests(&self) -> Vec<String> {
        let requests = self.server.received_requests().await.unwrap();
        let shown = requests.iter().map(|request| format!("{} {}", request.method, request.url.path()));
        shown.filter(|request| request != "GET /").collect()
    }

    async fn writes(&self) -> usize {
        self.requests().await.iter().filter(|request| !request.starts_with("GET")).count()
    }

    async fn publish(&self, items: &[(&str, Hint)]) -> PublishReport {
        self.publish_with(items, &[], options()).await
    }

    async fn publish_with(&self, items: &[(&str, Hint)], removed: &[&str], options: ApiOptions) -> PublishReport {
        let items = items.iter().map(|(id, hint)| Ok(RecordToPublish::new(item(id), *hint))).collect();
        let removed = removed.iter().map(|id| ItemId::new(*id).unwrap()).collect();
        let set = PublishSet { items, removed, ..PublishSet::<Vec<_>>::of(collection()) };
        publish(&self.url(), set, options, &mut NoJournal).await.unwrap()
    }
}

fn options() -> ApiOptions {
    ApiOptions {
        first_pause: Duration::ZERO,
        queue_pause: Duration::ZERO,
        attempts: 3,
        concurrency: 1,
        batch: 1,
        ..ApiOptions::default()
    }
}

fn publishable(kind: RecordKind, id: &str, json: Value) -> PublishableRecord {
    let record = ValidatedRecord::prove(Record { kind, id: id.into(), json });
    let output = Url::parse("file:///published").unwrap();
    absolute(&record, &output, &PublicUrls::default(), Audience::Everyone).unwrap()
}

fn collection() -> PublishableRecord {
    publishable(RecordKind::Collection, "c", collection_json())
}

fn collection_json() -> Value {
    json!({"type": "Collection", "id": "c", "links": []})
}

fn item(id: &str) -> PublishableRecord {
    publishable(RecordKind::Item, id, item_json(id))
}

fn item_json(id: &str) -> Value {
    json!({"type": "Feature", "id": id, "collection": "c", "properties": {"datetime": null, "n": 1}, "links": []})
}

fn statuses(report: &PublishReport) -> Vec<PublishStatus> {
    report.records.iter().map(|record| record.status).collect()
}

fn told(report: &PublishReport, index: usize) -> Vec<String> {
    report.records[index].differences.iter().map(ToString::to_string).collect()
}

fn message(report: &PublishReport, index: usize) -> &str {
    report.records[index].message.as_deref().unwrap()
}

use Hint::{New, Stored};
use PublishStatus::{Created, Failed, Removed, Unchanged, Updated};

const A: &str = "/collections/c/items/a";
const ITEMS: &str = "/collections/c/items";

#[tokio::test]
async fn what_is_not_there_is_sent_and_what_is_there_is_left() {
    let api = Api::start().await;
    let report = api.publish(&[("a", New), ("b", Stored)]).await;
    assert_eq!(statuses(&report), [Created, Created, Created]);
    assert_eq!(report.records.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(), ["c", "a", "b"]);
    assert_eq!(
        api.requests().await,
        [
            "GET /collections/c",
            "POST /collections",
            "GET /collections/c",
            "POST /collections/c/items",
            "GET /collections/c/items/a",
            "GET /collections/c/items/b",
            "POST /collections/c/items",
            "GET /collections/c/items/b",
        ]
    );
    let api = Api::start_with(api.store.clone()).await;
    let report = api.publish(&[("a", Stored), ("b", Stored)]).await;
    assert_eq!((statuses(&report), api.writes().await), (vec![Unchanged, Unchanged, Unchanged], 0));
    assert!(report.is_success() && report.counts.unchanged == 3);
}

#[tokio::test]
async fn an_item_that_exists_is_compared_and_replaced_only_if_it_differs() {
    let api = Api::start().await;
    api.store.insert("/collections/c", collection_json());
    let mut same = item_json("a");
    same["properties"] = json!({"n": 1.0});
    api.store.insert(A, same);
    api.store.insert("/collections/c/items/b", json!({"id": "b", "properties": {"n": 2}}));
    let report = api.publish_with(&[("a", New), ("b", New)], &["b2", "gone"], options()).await;
    assert_eq!(statuses(&report), [Unchanged, Unchanged, Updated, Unchanged, Unchanged]);
    assert_eq!(api.store.records()["/collections/c/items/b"], item_json("b"), "with its null");
    assert!(told(&report, 2).contains(&"/properties/n: 1, there 2".to_owned()));
    let report = api.publish_with(&[], &["a", "b"], options()).await;
    assert_eq!(statuses(&report), [Unchanged, Removed, Removed]);
    assert_eq!(api.store.records().len(), 1);
}

#[tokio::test]
async fn a_dry_run_says_what_would_happen_and_sends_nothing() {
    let api = Api::start().await;
    api.store.insert(A, json!({"id": "a", "properties": {"n": 2}}));
    let options = ApiOptions { dry_run: true, ..options() };
    let report = api.publish_with(&[("a", New), ("b", New)], &["a", "x"], options).await;
    assert_eq!(statuses(&report), [Created, Updated, Created, Removed, Unchanged]);
    assert!(!report.records[1].differences.is_empty() && report.dry_run);
    assert_eq!(api.writes().await, 0);
}

#[tokio::test]
async fn a_reset_after_the_item_was_stored_is_no_failure() {
    let api = Api::start().await;
    api.store.insert(A, item_json("a"));
    let reset = |_: &Request| io::Error::from(io::ErrorKind::ConnectionReset);
    let post = Mock::given(method("POST")).and(path(ITEMS)).respond_with_err(reset);
    post.up_to_n_times(1).with_priority(1).mount(&api.server).await;
    let report = api.publish(&[("a", New), ("b", New)]).await;
    assert_eq!(statuses(&report), [Created, Unchanged, Created]);
    assert_eq!(api.requests().await.iter().filter(|request| *request == "POST /collections/c/items").count(), 3);
}

#[tokio::test]
async fn a_server_that_is_gone_is_not_asked_for_every_item() {
    let api = Api::start().await;
    let reset = |_: &Request| io::Error::from(io::ErrorKind::ConnectionReset);
    Mock::given(path(ITEMS)).respond_with_err(reset).with_priority(1).mount(&api.server).await;
    let ids: Vec<String> = (0..20).map(|number| format!("i{number}")).collect();
    let items: Vec<_> = ids.iter().map(|id| (id.as_str(), New)).collect();
    let report = api.publish_with(&items, &[], ApiOptions { attempts: 1, ..options() }).await;
    assert_eq!(report.counts.failed, 20);
    assert!(message(&report, 1).starts_with("the API did not answer: "), "{}", message(&report, 1));
    assert!(message(&report, 20).starts_with("not tried"));
    assert!(api.writes().await < 12);
}

#[tokio::test]
async fn one_failure_does_not_stop_the_others() {
    let api = Api::start().await;
    api.once("POST", ITEMS, ResponseTemplate::new(400).set_body_string("Wrong\nBody")).await;
    let report = api.publish(&[("a", New), ("b", New)]).await;
    assert_eq!(statuses(&report), [Created, Failed, Created]);
    assert_eq!(message(&report, 1), "400 Bad Request: Wrong Body");
    assert_eq!((report.records[1].http_status, report.is_success()), (Some(400), false));
}

#[tokio::test]
async fn an_error_of_the_server_is_tried_once_more_alone() {
    let api = Api::start().await;
    api.once("POST", ITEMS, ResponseTemplate::new(500).set_body_string("Internal Server Error")).await;
    let report = api.publish(&[("a", New), ("b", New)]).await;
    assert_eq!(statuses(&report), [Created, Created, Created]);
    api.mount("POST", ITEMS, ResponseTemplate::new(500).set_body_string("Internal Server Error"), 1).await;
    let report = api.publish(&[("c", New)]).await;
    assert_eq!(statuses(&report), [Unchanged, Failed]);
    assert_eq!(message(&report, 1), "500 Internal Server Error: Internal Server Error");
}

#[tokio::test]
async fn items_are_not_sent_to_a_collection_that_is_not_there() {
    let api = Api::start().await;
    api.mount("POST", "/collections", ResponseTemplate::new(403).set_body_json(json!({"detail": "no"})), 1).await;
    let report = api.publish_with(&[("a", New)], &["b"], options()).await;
    assert_eq!(statuses(&report), [Failed, Failed, Failed]);
    assert_eq!(message(&report, 0), "403 Forbidden: no");
    assert_eq!(api.writes().await, 1);
    // A collection that nobody may change does not keep its items out.
    api.store.insert("/collections/c", json!({"id": "c", "title": "theirs"}));
    api.mount("PUT", "/collections/c", ResponseTemplate::new(405), 1).await;
    assert_eq!(statuses(&api.publish(&[("a", New)]).await), [Failed, Created]);
}

#[tokio::test]
async fn what_is_queued_is_awaited() {
    let api = Api::start().await;
    api.store.insert("/collections/c", collection_json());
    api.mount("POST", ITEMS, ResponseTemplate::new(202), 1).await;
    api.store.insert(A, item_json("a"));
    let not_yet = Mock::given(method("GET")).and(path(A)).respond_with(ResponseTemplate::new(404));
    not_yet.up_to_n_times(2).with_priority(1).mount(&api.server).await;
    assert_eq!(statuses(&api.publish(&[("a", New)]).await), [Unchanged, Created]);
    assert_eq!(api.requests().await.iter().filter(|request| request.ends_with(A)).count(), 3);

    let report = api.publish_with(&[("b", New)], &[], ApiOptions { queue_timeout: Duration::ZERO, ..options() }).await;
    assert_eq!(statuses(&report), [Unchanged, Failed]);
    assert!(message(&report, 1).starts_with("queued: "));

    api.mount("DELETE", A, ResponseTemplate::new(202), 1).await;
    let mut retracted = item_json("a");
    retracted["properties"]["retracted"] = true.into();
    api.once("GET", A, ResponseTemplate::new(200).set_body_json(item_json("a"))).await;
    api.store.insert(A, retracted);
    assert_eq!(statuses(&api.publish_with(&[], &["a"], options()).await), [Unchanged, Removed]);
}

#[tokio::test]
async fn a_busy_server_says_when_to_come_again() {
    let api = Api::start().await;
    for status in [429, 502, 503, 504] {
        api.once("POST", ITEMS, ResponseTemplate::new(status).insert_header("Retry-After", "0")).await;
    }
    // Were `Retry-After` not honoured, this would take minutes.
    let options = ApiOptions { first_pause: Duration::from_secs(30), attempts: 5, ..options() };
    assert_eq!(statuses(&api.publish_with(&[("a", New)], &[], options).await), [Created, Created]);
}

#[tokio::test]
async fn a_server_that_stays_busy_is_left() {
    let api = Api::start().await;
    api.mount("POST", ITEMS, ResponseTemplate::new(503).set_body_string("<html>busy</html>"), 1).await;
    let report = api.publish(&[("a", New)]).await;
    assert_eq!(message(&report, 1), "503 Service Unavailable: an HTML page");
    assert_eq!(api.writes().await, 1 + 3 + 3, "once more at the end, alone");
}

#[tokio::test]
async fn a_slow_answer_fails_by_name() {
    let api = Api::start().await;
    api.mount("POST", ITEMS, ResponseTemplate::new(201).set_delay(Duration::from_secs(600)), 1).await;
    let report =
        api.publish_with(&[("a", New)], &[], ApiOptions { timeout: Duration::from_millis(300), ..options() }).await;
    assert_eq!(statuses(&report), [Created, Failed]);
    assert!(message(&report, 1).contains("timed out"), "{}", message(&report, 1));
}

#[tokio::test]
async fn answers_that_are_no_records_are_told() {
    let api = Api::start().await;
    api.store.insert("/collections/c", collection_json());
    for (body, expected) in
        [("{\"id\":", "JSON"), ("<!DOCTYPE html>", "an HTML page"), ("", "nothing"), ("x", "not JSON")]
    {
        api.once("GET", A, ResponseTemplate::new(200).set_body_string(body)).await;
        let report = api.publish(&[("a", Stored)]).await;
        assert!(message(&report, 1).contains(expected), "{}", message(&report, 1));
    }
    api.once("GET", A, ResponseTemplate::new(200).set_body_string("1".repeat(2000))).await;
    let report = api.publish_with(&[("a", Stored)], &[], ApiOptions { answer_limit: 1000, ..options() }).await;
    assert_eq!(message(&report, 1), "the API's answer is longer than 1000 bytes");
    // Too deep for any reader: an error, not an overflow of the stack.
    api.once("GET", A, ResponseTemplate::new(200).set_body_string("[".repeat(100_000))).await;
    assert_eq!(statuses(&api.publish(&[("a", Stored)]).await), [Unchanged, Failed]);
}

#[tokio::test]
async fn what_is_stored_differently_is_a_failure() {
    let api = Api::start().await;
    let mut other = item_json("a");
    other["properties"]["n"] = 2.into();
    api.once("GET", A, ResponseTemplate::new(200).set_body_json(other)).await;
    let report = api.publish(&[("a", New)]).await;
    assert_eq!(told(&report, 1), ["/properties/n: 1, there 2"]);
    assert!(message(&report, 1).contains("does not hold what was sent"));
}

#[tokio::test]
async fn a_change_by_others_is_looked_at_once_more() {
    let api = Api::start().await;
    let old = ResponseTemplate::new(200).set_body_json(json!({"id": "a", "properties": {"n": 0}}));
    api.once("GET", A, old.insert_header("ETag", "\"1\"")).await;
    let stale = Mock::given(method("PUT")).and(path(A)).and(header("If-Match", "\"1\""));
    stale.respond_with(ResponseTemplate::new(412)).with_priority(1).mount(&api.server).await;
    api.store.insert(A, json!({"id": "a", "properties": {"n": 3}}));
    let report = api.publish(&[("a", Stored)]).await;
    assert_eq!(statuses(&report), [Created, Updated]);
    assert!(told(&report, 1).contains(&"/properties/n: 1, there 3".to_owned()));
}

#[tokio::test]
async fn writes_follow_no_redirects() {
    let api = Api::start().await;
    let away = ResponseTemplate::new(307).insert_header("Location", format!("{}/elsewhere", api.server.uri()));
    api.mount("POST", ITEMS, away, 1).await;
    let report = api.publish(&[("a", New)]).await;
    assert!(message(&report, 1).starts_with("307 "));
    assert_eq!(api.writes().await, 2);
}

#[tokio::test]
async fn tokens_are_sent_and_never_shown() {
    let api = Api::start().await;
    let echo = ResponseTemplate::new(401).set_body_json(json!({"detail": "bad token s3cret-token"}));
    let post = Mock::given(method("POST")).and(path(ITEMS)).and(header("Authorization", "Bearer s3cret-token"));
    post.respond_with(echo).with_priority(1).mount(&api.server).await;
    let options = ApiOptions { auth: Auth::Bearer(Secret::new("s3cret-token").unwrap()), ..options() };
    let report = api.publish_with(&[("a", New)], &[], options).await;
    assert_eq!(message(&report, 1), "401 Unauthorized: bad token (hidden)");
}

#[tokio::test]
async fn many_items_at_once_are_answered_in_order_and_never_more_than_asked_for() {
    let api = Api::start().await;
    let ids: Vec<String> = (0..30).map(|number| format!("i{number}")).collect();
    let (mut taken, mut most) = (0, 0);
    let items = ids.iter().map(|id| {
        taken += 1;
        let stored = api.store.records().keys().filter(|path| path.starts_with(ITEMS)).count();
        most = most.max(taken - stored);
        Ok(RecordToPublish::new(item(id), New))
    });
    let (parents, removed, rules) = (Vec::new(), Vec::new(), MergeRules::default());
    let set = PublishSet { parents, collection: collection(), items, removed, prune: None, rules };
    let options = ApiOptions { concurrency: 7, ..options() };
    let report = publish(&api.url(), set, options, &mut NoJournal).await.unwrap();
    assert_eq!((report.counts.created, most), (31, 7));
    assert!(report.records[1..].iter().map(|record| &record.id).eq(&ids));
}

#[tokio::test]
async fn what_is_meant_for_this_machine_does_not_leave_it() {
    let api = Api::start().await;
    let elsewhere = Url::parse("https://api.example.org").unwrap();
    let client = ApiClient::new(&api.url(), options()).unwrap();
    let offer = Offer { search: false, fields: false };
    let (publisher, _begins) = Publisher::new(&elsewhere, client, offer, "c".into(), MergeRules::default());
    let record = ValidatedRecord::prove(Record { kind: RecordKind::Item, id: "a".into(), json: item_json("a") });
    let output = Url::parse("file:///published").unwrap();
    let record = absolute(&record, &output, &PublicUrls::default(), Audience::Loopback).unwrap();
    let task = Task::Item(Box::new(RecordToPublish::new(record, New)));
    assert_eq!(publisher.perform(vec![(0, task)]).await[0].report.status, Failed);
    assert!(api.requests().await.is_empty());
}

async fn refusal(api: &Url) -> PublishError {
    publish(api, PublishSet::<Vec<_>>::of(collection()), options(), &mut NoJournal).await.unwrap_err()
}

#[tokio::test]
async fn landing_pages_that_are_none_are_told() {
    let api = Api::start().await;
    for (response, expected) in [
        (ResponseTemplate::new(404), "404 Not Found"),
        (ResponseTemplate::new(200).set_body_string("<html></html>"), "an HTML page"),
        (ResponseTemplate::new(200).set_body_string("{}"), "JSON without stac_version"),
        (ResponseTemplate::new(200).set_body_string("{\"stac_version\": \"1.1.0\"}"), "static catalogue"),
    ] {
        api.once("GET", "/", response).await;
        let error = refusal(&api.url()).await;
        assert!(matches!(&error, PublishError::NotStac { found, .. } if found.contains(expected)), "{error}");
    }
    api.once("GET", "/", ResponseTemplate::new(401)).await;
    assert!(matches!(refusal(&api.url()).await, PublishError::Refused { status: 401, .. }));
    let read_only = json!({"stac_version": "1.1.0", "conformsTo": ["https://api.stacspec.org/v1.0.0/core"]});
    api.once("GET", "/", ResponseTemplate::new(200).set_body_json(read_only)).await;
    assert!(matches!(refusal(&api.url()).await, PublishError::ReadOnly { .. }));
    assert_eq!(api.writes().await, 0);
}

#[tokio::test]
async fn apis_that_cannot_be_reached_are_told() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = refusal(&Url::parse(&format!("http://{closed}/")).unwrap()).await;
    assert!(matches!(error, PublishError::Unreachable { .. }) && error.remedy().is_some(), "{error}");

    let api = Api::start().await;
    let secure = Url::parse(&api.server.uri().replace("http:", "https:")).unwrap();
    match refusal(&secure).await {
        PublishError::Client { .. } => eprintln!("skipped: this machine trusts no certificates at all"),
        error => assert!(matches!(error, PublishError::Tls { .. }), "{error:?}"),
    }
}
