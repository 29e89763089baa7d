//! The endpoints, and what all of them share.

use super::answer::ApiError;
use super::files::FileGrants;
use super::hrefs::PublicOrigin;
use super::{ServeError, Store, Writes, access, catalog, files, records};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use serde_json::Value;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tower_http::cors::{Any, CorsLayer};

/// The largest body of a request, in bytes.
const LARGEST_BODY: usize = 16 << 20;
/// A body must be whole after this.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// Requests that work in the database at one time; more wait.
const MOST_AT_WORK: usize = 8;

/// How the catalogue presents itself and who may change it.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Id of the root catalogue.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
    /// Who may change records.
    pub writes: Writes,
    /// The address under which a proxy, or a listener beyond loopback, is known. Requests under any other name than
    /// this or a loopback one are refused.
    pub public_origin: Option<PublicOrigin>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            id: "altostac".to_owned(),
            title: "altostac".to_owned(),
            description: "A STAC API over records and products made by altostac".to_owned(),
            writes: Writes::Refused,
            public_origin: None,
        }
    }
}

/// What the server works on.
pub struct ServeState {
    pub(super) store: Store,
    pub(super) files: Arc<dyn FileGrants>,
    pub(super) writes: Writes,
    pub(super) public_origin: Option<PublicOrigin>,
    pub(super) id: String,
    pub(super) title: String,
    pub(super) description: String,
    turns: Arc<Semaphore>,
}

impl fmt::Debug for ServeState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("ServeState").field("id", &self.id).field("writes", &self.writes).finish_non_exhaustive()
    }
}

impl ServeState {
    /// Puts the parts together.
    ///
    /// # Errors
    ///
    /// There is a public address although writes ask for no token.
    pub fn new(store: Store, files: Arc<dyn FileGrants>, options: ServeOptions) -> Result<Self, ServeError> {
        let ServeOptions { id, title, description, writes, public_origin } = options;
        if let (Writes::FromLoopback, Some(origin)) = (&writes, &public_origin) {
            return Err(ServeError::OpenToOthers { reached_at: origin.to_string() });
        }
        let turns = Arc::new(Semaphore::new(MOST_AT_WORK));
        Ok(Self { store, files, writes, public_origin, id, title, description, turns })
    }

    /// The records, for example to load a catalogue before serving it.
    pub fn store(&self) -> &Store {
        &self.store
    }

    pub(super) fn accepts_writes(&self) -> bool {
        !matches!(self.writes, Writes::Refused)
    }

    /// Works in the database, away from the threads that talk to clients.
    pub(super) async fn with_store<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Store) -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = Arc::clone(&self.turns).acquire_owned().await.map_err(|error| ApiError::internal(&error))?;
        let state = Arc::clone(self);
        let work = move || {
            let done = work(&state.store);
            // The turn lasts as long as the work does, even if the client has gone.
            drop(turn);
            done
        };
        spawn_blocking(work).await.map_err(|error| ApiError::internal(&error))?
    }
}

/// The whole API as a service. Use [`super::serve`] to run it with limits on its connections.
pub fn router(state: Arc<ServeState>) -> Router {
    let search = Router::new().route("/search", get(records::search).post(records::search_by_body)).layer(cors(&[
        Method::GET,
        Method::HEAD,
        Method::POST,
    ]));
    Router::new()
        .route("/", get(catalog::landing))
        .route("/conformance", get(catalog::conformance))
        .route("/api", get(catalog::service_description))
        .route("/collections", get(records::collections).post(records::create_collection))
        .route(
            "/collections/{collection}",
            get(records::collection)
                .put(records::replace_collection)
                .patch(records::patch_collection)
                .delete(records::delete_collection),
        )
        .route("/collections/{collection}/items", get(records::items).post(records::create_items))
        .route(
            "/collections/{collection}/items/{item}",
            get(records::item).put(records::replace_item).patch(records::patch_item).delete(records::delete_item),
        )
        .route("/products/{*path}", get(files::product))
        .route("/sources/{*path}", get(files::source))
        .fallback(|| async { ApiError::not_found("there is no such endpoint; `/api` describes them all") })
        .method_not_allowed_fallback(unknown_method)
        .layer(cors(&[Method::GET, Method::HEAD]))
        .merge(search)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(from_fn_with_state(Arc::clone(&state), access::check))
        .with_state(state)
}

async fn unknown_method() -> ApiError {
    let description = "this endpoint does not know the method; `/api` describes what it knows";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", description)
}

/// Lets pages of any site read, without credentials.
fn cors(methods: &[Method]) -> CorsLayer {
    CorsLayer::new()
        .allow_origin(Any)
        .allow_methods(methods.to_vec())
        .allow_headers([header::ACCEPT, header::CONTENT_TYPE, header::RANGE, header::IF_RANGE, header::IF_NONE_MATCH])
        .expose_headers([
            header::ACCEPT_RANGES,
            header::CONTENT_LENGTH,
            header::CONTENT_RANGE,
            header::ETAG,
            header::LAST_MODIFIED,
            header::LINK,
            header::LOCATION,
        ])
        .max_age(Duration::from_secs(3600))
}

/// A JSON body, read within its limits of size and time.
pub(super) struct JsonBody(pub(super) Value);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        check_media_type(request.headers())?;
        let bytes = match timeout(BODY_TIMEOUT, Bytes::from_request(request, state)).await {
            Ok(Ok(bytes)) => bytes,
            Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let description = format!("the body is larger than {LARGEST_BODY} bytes");
                return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLarge", description));
            }
            Ok(Err(_)) => return Err(ApiError::bad_request("the body ended early")),
            Err(_) => {
                let description = "the body did not arrive in time";
                return Err(ApiError::new(StatusCode::REQUEST_TIMEOUT, "RequestTimeout", description));
            }
        };
        let value = serde_json::from_slice(&bytes);
        value.map(Self).map_err(|error| ApiError::bad_request(format!("the body is not JSON: {error}")))
    }
}

fn check_media_type(headers: &HeaderMap) -> Result<(), ApiError> {
    let sent = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = sent.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if matches!(essence.as_str(), "application/json" | "application/geo+json" | "application/merge-patch+json") {
        return Ok(());
    }
    let description = format!("expected header `Content-Type: application/json`, found `{sent}`");
    Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", description))
}
