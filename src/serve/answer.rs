//! What every answer and every refusal looks like.

use super::query::QueryError;
use super::record::RecordError;
use super::store::StoreError;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::error::Error;

/// A refusal, sent as `{"code", "description"}` (STAC API, core).
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    code: &'static str,
    description: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &'static str, description: impl Into<String>) -> Self {
        Self { status, code, description: description.into(), headers: vec![] }
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    pub(super) fn bad_request(description: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", description)
    }

    pub(super) fn not_found(description: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", description)
    }

    pub(super) fn forbidden(description: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Forbidden", description)
    }

    /// A fault of the server: its reason goes to the log and not to the client.
    pub(super) fn internal(error: &dyn Error) -> Self {
        let mut chain = error.to_string();
        let mut cause = error.source();
        while let Some(source) = cause {
            chain = format!("{chain}: {source}");
            cause = source.source();
        }
        tracing::error!("{chain}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "the server failed; its log says why")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = json!({"code": self.code, "description": self.description});
        let mut response = json_response(self.status, super::hrefs::JSON, &body);
        response.headers_mut().extend(self.headers);
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        let description = error.to_string();
        match &error {
            StoreError::NoCollection(_) | StoreError::NoItem { .. } => Self::not_found(description),
            StoreError::Exists(_) | StoreError::NotEmpty { .. } => {
                Self::new(StatusCode::CONFLICT, "Conflict", description)
            }
            StoreError::Database(_) if error.is_busy() => {
                let description = "another process writes to the catalogue; try again";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "Unavailable", description)
                    .with_header(header::RETRY_AFTER, "5")
            }
            StoreError::Database(_) | StoreError::Foreign { .. } => Self::internal(&error),
        }
    }
}

impl From<RecordError> for ApiError {
    fn from(error: RecordError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<QueryError> for ApiError {
    fn from(error: QueryError) -> Self {
        match &error {
            QueryError::Invalid { parameter, source } => {
                Self::bad_request(format!("parameter `{parameter}`: {source}"))
            }
            _ => Self::bad_request(error.to_string()),
        }
    }
}

/// An answer with a JSON body.
pub(super) fn json_response(status: StatusCode, media_type: &'static str, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// An answer without a body.
pub(super) fn empty_response(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Adds a header whose text the server itself made; text that no header can carry is left out.
pub(super) fn with_header(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}
