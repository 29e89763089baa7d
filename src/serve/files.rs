//! The files that readers may fetch: what was granted by name, and nothing beside it.

use super::answer::{ApiError, empty_response, json_response, with_header};
use super::router::ServeState;
use axum::body::Body;
use axum::extract::{Path as UrlPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::HashMap;
use std::fs::Metadata;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;
use tower_http::services::ServeFile;

/// What stands behind a URL path. Paths are absolute and real: a symbolic link in their last part is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// One file.
    File(PathBuf),
    /// A product that is a directory, such as a Zarr store: every regular file below it.
    Directory(PathBuf),
}

/// Says which files readers may fetch.
pub trait FileGrants: Send + Sync {
    /// What is granted at exactly this path, decoded, with its leading and without a trailing slash, such as
    /// `/products/c/i/r1/kerchunk.json`. It is asked for the parents of a path too, to find directory products.
    fn grant(&self, url_path: &str) -> Option<Grant>;
}

impl<F: Fn(&str) -> Option<Grant> + Send + Sync> FileGrants for F {
    fn grant(&self, url_path: &str) -> Option<Grant> {
        self(url_path)
    }
}

/// Grants held in memory.
///
/// ```
/// use altostac::serve::{FileGrants, Grant, GrantedFiles};
///
/// let mut files = GrantedFiles::default();
/// files.insert("/sources/a.nc", Grant::File("/archive/a.nc".into()));
/// assert!(files.grant("/sources/a.nc").is_some());
/// assert!(files.grant("/sources/b.nc").is_none());
/// ```
#[derive(Debug, Clone, Default)]
pub struct GrantedFiles(HashMap<String, Grant>);

impl GrantedFiles {
    /// Grants what stands behind a URL path below `/products/` or `/sources/`.
    pub fn insert(&mut self, url_path: impl Into<String>, grant: Grant) {
        self.0.insert(url_path.into(), grant);
    }
}

impl FileGrants for GrantedFiles {
    fn grant(&self, url_path: &str) -> Option<Grant> {
        self.0.get(url_path).cloned()
    }
}

/// `GET` and `HEAD` of `/products/{*path}`.
pub(super) async fn product(
    State(state): State<Arc<ServeState>>,
    UrlPath(path): UrlPath<String>,
    request: Request,
) -> Result<Response, ApiError> {
    answer(state.files.as_ref(), &format!("/products/{path}"), request).await
}

/// `GET` and `HEAD` of `/sources/{*path}`.
pub(super) async fn source(
    State(state): State<Arc<ServeState>>,
    UrlPath(path): UrlPath<String>,
    request: Request,
) -> Result<Response, ApiError> {
    answer(state.files.as_ref(), &format!("/sources/{path}"), request).await
}

async fn answer(grants: &dyn FileGrants, url_path: &str, request: Request) -> Result<Response, ApiError> {
    let missing = || ApiError::not_found(format!("no file is served at `{url_path}`"));
    let (granted, below) = find(grants, url_path).ok_or_else(missing)?;
    match granted {
        Grant::Directory(directory) if below.as_os_str().is_empty() => {
            let is_there = tokio::fs::metadata(&directory).await.is_ok_and(|metadata| metadata.is_dir());
            is_there.then(directory_answer).ok_or_else(missing)
        }
        Grant::Directory(directory) => {
            let (file, metadata) = inside(&directory, &below).await.map_err(|_| missing())?;
            send(&file, &metadata, request).await
        }
        Grant::File(file) => match tokio::fs::symlink_metadata(&file).await {
            Ok(metadata) if metadata.is_file() => send(&file, &metadata, request).await,
            _ => Err(missing()),
        },
    }
}

/// The grant of a path or of its nearest parent that is a directory product, and the way from there.
fn find(grants: &dyn FileGrants, url_path: &str) -> Option<(Grant, PathBuf)> {
    let path = url_path.trim_end_matches('/');
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', '\0']);
    if !path.split('/').skip(1).all(is_plain) {
        return None;
    }
    if let Some(granted) = grants.grant(path) {
        return Some((granted, PathBuf::new()));
    }
    path.rmatch_indices('/').filter(|(at, _)| *at > 0).find_map(|(at, _)| match grants.grant(&path[..at]) {
        Some(granted @ Grant::Directory(_)) => Some((granted, PathBuf::from(&path[at + 1..]))),
        _ => None,
    })
}

/// A regular file below a directory; links may not lead out of it.
async fn inside(directory: &Path, below: &Path) -> io::Result<(PathBuf, Metadata)> {
    if !below.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let real_directory = tokio::fs::canonicalize(directory).await?;
    let file = tokio::fs::canonicalize(real_directory.join(below)).await?;
    let metadata = tokio::fs::metadata(&file).await?;
    if file.starts_with(&real_directory) && metadata.is_file() {
        Ok((file, metadata))
    } else {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// Clients ask with HEAD whether a directory product is there; its content is never listed.
fn directory_answer() -> Response {
    json_response(StatusCode::OK, super::hrefs::JSON, &serde_json::json!({"type": "directory"}))
}

async fn send(file: &Path, metadata: &Metadata, request: Request) -> Result<Response, ApiError> {
    let tag = entity_tag(metadata);
    if let Some(tag) = &tag
        && matches_any(request.headers(), tag)
    {
        return Ok(with_header(empty_response(StatusCode::NOT_MODIFIED), header::ETAG, tag));
    }
    let request = plain_request(request, tag.as_deref());
    let response = ServeFile::new(file).try_call(request).await.map_err(|error| ApiError::internal(&error))?;
    if response.status() == StatusCode::NOT_FOUND {
        return Err(ApiError::not_found("the file is gone"));
    }
    let mut response = response.map(Body::new).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type(file)));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(match tag {
        Some(tag) => with_header(response, header::ETAG, &tag),
        None => response,
    })
}

/// The request without what is answered already: a range counts only if the tag it depends on is still ours.
fn plain_request(mut request: Request, tag: Option<&str>) -> Request {
    let headers = request.headers_mut();
    if let Some(condition) = headers.remove(header::IF_RANGE)
        && condition.to_str().ok() != tag
    {
        headers.remove(header::RANGE);
    }
    if headers.contains_key(header::IF_NONE_MATCH) {
        headers.remove(header::IF_MODIFIED_SINCE);
    }
    request
}

/// Whether `If-None-Match` names this tag (RFC 9110, 13.1.2).
pub(super) fn matches_any(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|candidate| candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate) == tag)
}

fn entity_tag(metadata: &Metadata) -> Option<String> {
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("\"{:x}-{:x}\"", metadata.len(), modified.as_nanos()))
}

fn media_type(file: &Path) -> &'static str {
    let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if matches!(name, ".zarray" | ".zattrs" | ".zgroup" | ".zmetadata") {
        return super::hrefs::JSON;
    }
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("json") => super::hrefs::JSON,
        Some("nc" | "nc3" | "nc4" | "cdf" | "nca") => "application/x-netcdf",
        Some("h5" | "hdf5" | "he5") => "application/x-hdf5",
        Some("parq" | "parquet") => "application/vnd.apache.parquet",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn grants() -> GrantedFiles {
        let mut grants = GrantedFiles::default();
        grants.insert("/products/c/a.json", Grant::File("/out/a.json".into()));
        grants.insert("/products/c/a.zarr", Grant::Directory("/out/a.zarr".into()));
        grants
    }

    #[test]
    fn only_granted_paths_are_found() {
        let found = |path| find(&grants(), path).map(|(_, below)| below.display().to_string());
        assert_eq!(found("/products/c/a.json"), Some(String::new()));
        assert_eq!(found("/products/c/a.zarr/"), Some(String::new()));
        assert_eq!(found("/products/c/a.zarr/x/0.0"), Some("x/0.0".to_owned()));
        for outside in [
            "/products/c",
            "/products/c/a.json/x",
            "/products/c/a.zarr/../a.json",
            "/products/c/a.zarr/./x",
            "/products/c/a.zarr//x",
            "/products/c/a.zarr/..\\x",
            "/products/c/a.zarr2/x",
            "/",
        ] {
            assert_eq!(found(outside), None, "{outside}");
        }
    }

    #[test]
    fn tags_are_compared_weakly_for_reading() {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"x\", W/\"y\""));
        assert!(matches_any(&headers, "\"y\""));
        assert!(!matches_any(&headers, "\"z\""));
    }
}
