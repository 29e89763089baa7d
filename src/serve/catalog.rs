//! The landing page, the conformance classes that hold, and the description of the service.

use super::answer::{ApiError, json_response};
use super::hrefs::{GEOJSON, JSON, OwnOrigin, link};
use super::openapi;
use super::router::ServeState;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};
use stac::api::{COLLECTIONS_URI, CORE_URI, FEATURES_URI, GEOJSON_URI, ITEM_SEARCH_URI, OGC_API_FEATURES_URI};
use std::sync::Arc;

const TRANSACTION_URI: &str = "https://api.stacspec.org/v1.0.0-rc.3/ogcapi-features/extensions/transaction";
const SIMPLE_TRANSACTIONS_URI: &str = "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/simpletx";
const COLLECTION_TRANSACTION_URI: &str = "https://api.stacspec.org/v1.0.0-beta.1/collections/extensions/transaction";

fn classes(accepts_writes: bool) -> Vec<&'static str> {
    let mut classes = vec![CORE_URI, COLLECTIONS_URI, FEATURES_URI, ITEM_SEARCH_URI, OGC_API_FEATURES_URI, GEOJSON_URI];
    if accepts_writes {
        classes.extend([TRANSACTION_URI, SIMPLE_TRANSACTIONS_URI, COLLECTION_TRANSACTION_URI]);
    }
    classes
}

/// `GET /conformance`
pub(super) async fn conformance(State(state): State<Arc<ServeState>>) -> Response {
    json_response(StatusCode::OK, JSON, &json!({"conformsTo": classes(state.accepts_writes())}))
}

/// `GET /api`
pub(super) async fn service_description(
    State(state): State<Arc<ServeState>>,
    Extension(own): Extension<OwnOrigin>,
) -> Response {
    let document = openapi::document(&state.title, &own, state.accepts_writes());
    json_response(StatusCode::OK, openapi::MEDIA_TYPE, &document)
}

/// `GET /`
pub(super) async fn landing(
    State(state): State<Arc<ServeState>>,
    Extension(own): Extension<OwnOrigin>,
) -> Result<Response, ApiError> {
    let collections = state.with_store(|store| Ok(store.collection_titles()?)).await?;
    let search = |method: &str| {
        let mut search = link("search", GEOJSON, own.url(&["search"]));
        search["method"] = method.into();
        search
    };
    let mut links = vec![
        link("self", JSON, own.url(&[])),
        link("root", JSON, own.url(&[])),
        link("conformance", JSON, own.url(&["conformance"])),
        link("data", JSON, own.url(&["collections"])),
        search("GET"),
        search("POST"),
        link("service-desc", openapi::MEDIA_TYPE, own.url(&["api"])),
    ];
    links.extend(collections.into_iter().map(|(id, title)| child(&own, &id, title)));
    let body = json!({"type": "Catalog", "stac_version": "1.1.0", "id": state.id, "title": state.title,
        "description": state.description, "conformsTo": classes(state.accepts_writes()), "links": links});
    Ok(json_response(StatusCode::OK, JSON, &body))
}

fn child(own: &OwnOrigin, id: &str, title: Option<String>) -> Value {
    let mut child = link("child", JSON, own.url(&["collections", id]));
    if let Some(title) = title {
        child["title"] = title.into();
    }
    child
}
