//! Reading, finding and changing records (STAC API - Features, Item Search, Transaction, Collection Transaction).

use super::answer::{ApiError, empty_response, json_response, with_header};
use super::files::matches_any;
use super::hrefs::{GEOJSON, JSON, OwnOrigin, link, public_collection, public_item};
use super::query::{ItemQuery, PageToken};
use super::record::{CollectionRecord, ItemRecord, Place, StoredText, merge_patch};
use super::router::{JsonBody, ServeState};
use super::search::Page;
use super::store::Store;
use axum::extract::{Extension, Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde_json::{Map, Value, json};
use std::sync::Arc;

type Shared = State<Arc<ServeState>>;
type Own = Extension<OwnOrigin>;
type Answer = Result<Response, ApiError>;

/// A record of the store, which wrote it as a JSON object.
fn parse(json: &str) -> Result<Map<String, Value>, ApiError> {
    serde_json::from_str(json).map_err(|error| ApiError::internal(&error))
}

/// The condition under which a change may happen (RFC 9110, 13.1.1).
struct IfMatch(Option<Vec<String>>);

impl IfMatch {
    fn of(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::IF_MATCH);
        let tags = values.iter().flat_map(|value| value.to_str().unwrap_or_default().split(','));
        let tags: Vec<String> = tags.map(|tag| tag.trim().to_owned()).collect();
        Self((!tags.is_empty()).then_some(tags))
    }

    fn check(&self, stored: &StoredText) -> Result<(), ApiError> {
        match &self.0 {
            Some(tags) if !tags.iter().any(|tag| tag == "*" || *tag == stored.etag) => {
                let description = format!("the record has changed: its tag is {}", stored.etag);
                Err(ApiError::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", description))
            }
            _ => Ok(()),
        }
    }
}

fn collection_answer(status: StatusCode, stored: &StoredText, id: &str, own: &OwnOrigin) -> Answer {
    let body = public_collection(parse(&stored.json)?, id, own);
    Ok(with_header(json_response(status, JSON, &body), header::ETAG, &stored.etag))
}

fn item_answer(status: StatusCode, stored: &StoredText, collection: &str, id: &str, own: &OwnOrigin) -> Answer {
    let body = public_item(parse(&stored.json)?, collection, id, own);
    Ok(with_header(json_response(status, GEOJSON, &body), header::ETAG, &stored.etag))
}

fn not_modified(etag: &str) -> Response {
    with_header(empty_response(StatusCode::NOT_MODIFIED), header::ETAG, etag)
}

/// `GET /collections`
pub(super) async fn collections(State(state): Shared, Extension(own): Own) -> Answer {
    let work = move |store: &Store| {
        let stored = store.collections()?;
        let public = |(id, text): &(String, StoredText)| Ok(public_collection(parse(&text.json)?, id, &own));
        let collections: Vec<Value> = stored.iter().map(public).collect::<Result<_, ApiError>>()?;
        let links = [link("self", JSON, own.url(&["collections"])), link("root", JSON, own.url(&[]))];
        let body = json!({"numberMatched": collections.len(), "numberReturned": collections.len(),
            "collections": collections, "links": links});
        Ok(json_response(StatusCode::OK, JSON, &body))
    };
    state.with_store(work).await
}

/// `GET /collections/{collection}`
pub(super) async fn collection(
    State(state): Shared,
    Extension(own): Own,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Answer {
    let wanted = id.clone();
    let stored = state.with_store(move |store| Ok(store.collection(&wanted)?)).await?;
    if matches_any(&headers, &stored.etag) {
        return Ok(not_modified(&stored.etag));
    }
    collection_answer(StatusCode::OK, &stored, &id, &own)
}

/// `GET /collections/{collection}/items/{item}`
pub(super) async fn item(
    State(state): Shared,
    Extension(own): Own,
    Path((collection, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let wanted = (collection.clone(), id.clone());
    let stored = state.with_store(move |store| Ok(store.item(&wanted.0, &wanted.1)?)).await?;
    if matches_any(&headers, &stored.etag) {
        return Ok(not_modified(&stored.etag));
    }
    item_answer(StatusCode::OK, &stored, &collection, &id, &own)
}

/// `GET /collections/{collection}/items`
pub(super) async fn items(
    State(state): Shared,
    Extension(own): Own,
    Path(collection): Path<String>,
    RawQuery(text): RawQuery,
) -> Answer {
    let text = text.unwrap_or_default();
    let mut query = ItemQuery::from_query_string(&text)?;
    if !query.collections.is_empty() && !query.collections.contains(&collection) {
        let description = format!("parameter `collections`: expected `{collection}`, as in the request's path");
        return Err(ApiError::bad_request(description));
    }
    query.collections = vec![collection.clone()];
    let wanted = collection.clone();
    state.with_store(move |store| Ok(store.collection(&wanted)?)).await?;
    let of_page = own.clone();
    find(&state, own, query, move |next| {
        let endpoint = of_page.url(&["collections", &collection, "items"]);
        let mut links = links_by_query(&of_page, &endpoint, &text, next);
        links.push(link("collection", JSON, of_page.url(&["collections", &collection])));
        links
    })
    .await
}

/// `GET /search`
pub(super) async fn search(State(state): Shared, Extension(own): Own, RawQuery(text): RawQuery) -> Answer {
    let text = text.unwrap_or_default();
    let query = ItemQuery::from_query_string(&text)?;
    let of_page = own.clone();
    find(&state, own, query, move |next| links_by_query(&of_page, &of_page.url(&["search"]), &text, next)).await
}

/// `POST /search`
pub(super) async fn search_by_body(State(state): Shared, Extension(own): Own, JsonBody(body): JsonBody) -> Answer {
    let Value::Object(mut parameters) = body else {
        return Err(ApiError::bad_request("expected a JSON object of search parameters"));
    };
    let query = ItemQuery::from_json(&parameters)?;
    let of_page = own.clone();
    find(&state, own, query, move |next| {
        let mut links = vec![link("root", JSON, of_page.url(&[]))];
        if let Some(token) = next {
            parameters.insert("token".to_owned(), token.encode().into());
            links.push(json!({"rel": "next", "type": GEOJSON, "href": of_page.url(&["search"]), "method": "POST",
                "merge": false, "body": parameters}));
        }
        links
    })
    .await
}

/// Searches, and makes the page's answer away from the threads that talk to clients: it may hold many records.
async fn find(
    state: &Arc<ServeState>,
    own: OwnOrigin,
    query: ItemQuery,
    links: impl FnOnce(Option<&PageToken>) -> Vec<Value> + Send + 'static,
) -> Answer {
    let work = move |store: &Store| {
        let page = store.search(&query)?;
        page_answer(&page, links(page.next.as_ref()), &own)
    };
    state.with_store(work).await
}

fn links_by_query(own: &OwnOrigin, endpoint: &str, text: &str, next: Option<&PageToken>) -> Vec<Value> {
    let with = |text: &str| if text.is_empty() { endpoint.to_owned() } else { format!("{endpoint}?{text}") };
    let mut links = vec![link("self", GEOJSON, with(text)), link("root", JSON, own.url(&[]))];
    if let Some(token) = next {
        let parameters = url::form_urlencoded::parse(text.as_bytes()).filter(|(name, _)| name != "token");
        let text = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(parameters)
            .append_pair("token", &token.encode())
            .finish();
        let mut next = link("next", GEOJSON, with(&text));
        next["method"] = "GET".into();
        links.push(next);
    }
    links
}

fn page_answer(page: &Page, links: Vec<Value>, own: &OwnOrigin) -> Answer {
    let features = page.items.iter().map(|item| Ok(public_item(parse(&item.json)?, &item.collection, &item.id, own)));
    let features: Vec<Value> = features.collect::<Result<_, ApiError>>()?;
    let body = json!({"type": "FeatureCollection", "numberMatched": page.matched, "numberReturned": features.len(),
        "links": Value::Array(links), "features": features});
    Ok(json_response(StatusCode::OK, GEOJSON, &body))
}

/// `POST /collections`
pub(super) async fn create_collection(State(state): Shared, Extension(own): Own, JsonBody(body): JsonBody) -> Answer {
    let record = CollectionRecord::at(body, Place { collection: None, id: None }, Some(&own))?;
    let stored = record.clone();
    state.with_store(move |store| Ok(store.insert_collection(&stored)?)).await?;
    let answer = collection_answer(StatusCode::CREATED, &record.text, &record.id, &own)?;
    Ok(with_header(answer, header::LOCATION, &own.url(&["collections", &record.id])))
}

/// `PUT /collections/{collection}`
pub(super) async fn replace_collection(
    State(state): Shared,
    Extension(own): Own,
    Path(id): Path<String>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Answer {
    let record = CollectionRecord::at(body, Place { collection: None, id: Some(&id) }, Some(&own))?;
    let condition = IfMatch::of(&headers);
    let wanted = id.clone();
    let edit = move |stored: &StoredText| condition.check(stored).map(|()| record);
    let stored = state.with_store(move |store| store.edit_collection(&wanted, edit)).await?;
    collection_answer(StatusCode::OK, &stored, &id, &own)
}

/// `PATCH /collections/{collection}`
pub(super) async fn patch_collection(
    State(state): Shared,
    Extension(own): Own,
    Path(id): Path<String>,
    headers: HeaderMap,
    JsonBody(patch): JsonBody,
) -> Answer {
    let condition = IfMatch::of(&headers);
    let (wanted, origin) = (id.clone(), own.clone());
    let edit = {
        let id = id.clone();
        move |stored: &StoredText| {
            condition.check(stored)?;
            let place = Place { collection: None, id: Some(&id) };
            Ok::<_, ApiError>(CollectionRecord::at(patched(stored, patch)?, place, Some(&origin))?)
        }
    };
    let stored = state.with_store(move |store| store.edit_collection(&wanted, edit)).await?;
    collection_answer(StatusCode::OK, &stored, &id, &own)
}

/// `DELETE /collections/{collection}`
pub(super) async fn delete_collection(State(state): Shared, Path(id): Path<String>, headers: HeaderMap) -> Answer {
    let condition = IfMatch::of(&headers);
    state.with_store(move |store| store.delete_collection(&id, |stored| condition.check(stored))).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

/// `POST /collections/{collection}/items`: one Item, or an ItemCollection that is stored whole or not at all.
pub(super) async fn create_items(
    State(state): Shared,
    Extension(own): Own,
    Path(collection): Path<String>,
    JsonBody(body): JsonBody,
) -> Answer {
    let place = Place { collection: Some(&collection), id: None };
    if body.get("type").and_then(Value::as_str) == Some("FeatureCollection") {
        let records = records_of(body, place, &own)?;
        insert(&state, collection, records).await?;
        return Ok(empty_response(StatusCode::CREATED));
    }
    let record = ItemRecord::at(body, place, Some(&own))?;
    insert(&state, collection.clone(), vec![record.clone()]).await?;
    let answer = item_answer(StatusCode::CREATED, &record.text, &collection, &record.id, &own)?;
    Ok(with_header(answer, header::LOCATION, &own.url(&["collections", &collection, "items", &record.id])))
}

fn records_of(mut body: Value, place: Place<'_>, own: &OwnOrigin) -> Result<Vec<ItemRecord>, ApiError> {
    let Some(Value::Array(features)) = body.get_mut("features").map(Value::take) else {
        return Err(ApiError::bad_request("field `features`: expected an array of Items"));
    };
    let record = |(position, feature)| {
        ItemRecord::at(feature, place, Some(own))
            .map_err(|error| ApiError::bad_request(format!("item {position} of `features`: {error}")))
    };
    features.into_iter().enumerate().map(record).collect()
}

async fn insert(state: &Arc<ServeState>, collection: String, records: Vec<ItemRecord>) -> Result<(), ApiError> {
    state
        .with_store(move |store| {
            store.collection(&collection)?;
            Ok(store.insert_items(&records)?)
        })
        .await
}

/// `PUT /collections/{collection}/items/{item}`
pub(super) async fn replace_item(
    State(state): Shared,
    Extension(own): Own,
    Path((collection, id)): Path<(String, String)>,
    headers: HeaderMap,
    JsonBody(body): JsonBody,
) -> Answer {
    let record = ItemRecord::at(body, Place { collection: Some(&collection), id: Some(&id) }, Some(&own))?;
    let condition = IfMatch::of(&headers);
    let wanted = (collection.clone(), id.clone());
    let edit = move |stored: &StoredText| condition.check(stored).map(|()| record);
    let stored = state.with_store(move |store| store.edit_item(&wanted.0, &wanted.1, edit)).await?;
    item_answer(StatusCode::OK, &stored, &collection, &id, &own)
}

/// `PATCH /collections/{collection}/items/{item}`
pub(super) async fn patch_item(
    State(state): Shared,
    Extension(own): Own,
    Path((collection, id)): Path<(String, String)>,
    headers: HeaderMap,
    JsonBody(patch): JsonBody,
) -> Answer {
    let condition = IfMatch::of(&headers);
    let (wanted, origin) = ((collection.clone(), id.clone()), own.clone());
    let edit = {
        let (collection, id) = (collection.clone(), id.clone());
        move |stored: &StoredText| {
            condition.check(stored)?;
            let place = Place { collection: Some(&collection), id: Some(&id) };
            Ok::<_, ApiError>(ItemRecord::at(patched(stored, patch)?, place, Some(&origin))?)
        }
    };
    let stored = state.with_store(move |store| store.edit_item(&wanted.0, &wanted.1, edit)).await?;
    item_answer(StatusCode::OK, &stored, &collection, &id, &own)
}

/// `DELETE /collections/{collection}/items/{item}`
pub(super) async fn delete_item(
    State(state): Shared,
    Path((collection, id)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer {
    let condition = IfMatch::of(&headers);
    state.with_store(move |store| store.delete_item(&collection, &id, |stored| condition.check(stored))).await?;
    Ok(empty_response(StatusCode::NO_CONTENT))
}

/// The stored record with a merge patch applied.
fn patched(stored: &StoredText, patch: Value) -> Result<Value, ApiError> {
    if !patch.is_object() {
        return Err(ApiError::bad_request("expected a JSON object as merge patch"));
    }
    let mut record = Value::Object(parse(&stored.json)?);
    merge_patch(&mut record, patch);
    Ok(record)
}
