//! Sources on web servers and object stores: `http`, `https`, `s3`, `gs`, `az`.
//!
//! A file is opened by one request for its head, whose answer tells size and state as well; there is no HEAD. Everything
//! else is read in waves: all ranges of a call at once, those that lie close together as one. Every answer must tell the
//! same entity tag, date and size as the first, or reading ends with [`StorageError::Changed`].
//!
//! Credentials come from the environment, by the names that the stores' own tools use (`AWS_ACCESS_KEY_ID`,
//! `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, …; `GOOGLE_APPLICATION_CREDENTIALS`, …;
//! `AZURE_STORAGE_ACCOUNT_NAME`, `AZURE_STORAGE_ACCOUNT_KEY`, …); where there are none, requests are anonymous.
//! `s3://bucket/key`, `gs://bucket/key`, `az://container/name`. Certificates are verified by the system's store, or by
//! `SSL_CERT_FILE`; proxies are taken from `HTTPS_PROXY` and the like. `ALTOSTAC_REQUESTS_PER_HOST` (default 32) bounds how
//! many requests are open at a time for each host.

mod answer;
mod fetch;
mod file;
mod heads;
mod keys;
mod runtime;
mod servers;
mod stores;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod transport;
mod waves;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{StreamExt, stream};
use object_store::ObjectStore;
use object_store::path::Path;
use url::Url;

use super::StorageError;
use crate::model::{Fingerprint, SourceFile, SourceUrl};
use answer::State;
use fetch::Remote;
pub use fetch::{failed, unwritten};
pub use file::RemoteFile;
pub(crate) use keys::encoded_key;
pub use keys::list_objects;
pub use runtime::{block_on, spawn};

/// How patient and how greedy requests are.
#[derive(Debug, Clone)]
struct Settings {
    connect_timeout: Duration,
    /// The longest silence while a body is read, and before it begins.
    stall_timeout: Duration,
    /// The longest time for one request and its answer.
    request_timeout: Duration,
    /// How often a request is repeated.
    retries: usize,
    first_pause: Duration,
    longest_pause: Duration,
    /// A server's `Retry-After` is honoured up to this.
    longest_pause_asked: Duration,
    /// No repetition is begun after this.
    give_up_after: Duration,
    /// A server that answers nothing for so long is given up, not asked for file after file.
    longest_silence: Duration,
    requests_per_host: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(300),
            retries: 5,
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(15),
            longest_pause_asked: Duration::from_secs(60),
            give_up_after: Duration::from_secs(180),
            longest_silence: Duration::from_secs(60),
            requests_per_host: 32,
        }
    }
}

impl Settings {
    fn from_environment() -> Self {
        let asked = std::env::var("ALTOSTAC_REQUESTS_PER_HOST").ok().and_then(|value| value.parse().ok());
        let requests_per_host = asked.map_or(Self::default().requests_per_host, |number: usize| number.clamp(1, 1024));
        Self { requests_per_host, ..Self::default() }
    }
}

/// What the whole process shares.
fn shared() -> Arc<Remote> {
    static SHARED: OnceLock<Arc<Remote>> = OnceLock::new();
    Arc::clone(SHARED.get_or_init(|| Arc::new(Remote::new(Settings::from_environment()))))
}

/// Whether this module reads such URLs.
pub fn is_remote(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https" | "s3" | "gs" | "az")
}

/// The store that an object is in, and the object's path there. Stores are kept: one for each server or bucket.
///
/// Requests through it are counted, limited for each host, and repeated as those of sources are.
///
/// # Errors
/// [`StorageError::Scheme`] or [`StorageError::Url`] if the URL does not name an object of a store;
/// [`StorageError::Environment`] if the credentials in the environment are not complete.
///
/// ```
/// let url = "s3://bucket/a%20folder/tas.nc".parse().unwrap();
/// let (_, path) = altostac::storage::remote::store(&url).unwrap();
/// assert_eq!(path.as_ref(), "a folder/tas.nc");
/// ```
pub fn store(url: &Url) -> Result<(Arc<dyn ObjectStore>, Path), StorageError> {
    shared().store(url)
}

/// As [`store`], to write there: what is written goes over plain http only if the environment allows it.
///
/// # Errors
/// As [`store`].
pub fn store_to_write(url: &Url) -> Result<(Arc<dyn ObjectStore>, Path), StorageError> {
    stores::check_encrypted(url)?;
    store(url)
}

/// What a remote file is now, by one request for its first byte.
///
/// # Errors
/// [`StorageError`] if it cannot be read, or has nothing to tell a later state by.
pub fn look_at(url: &SourceUrl) -> Result<SourceFile, StorageError> {
    let remote = shared();
    block_on(async { remote.look_at(url).await })
}

/// As [`look_at`] for many files at once; the results are in the order of the URLs.
pub fn look_at_all(urls: &[SourceUrl]) -> Vec<Result<SourceFile, StorageError>> {
    if urls.is_empty() {
        return Vec::new();
    }
    let remote = shared();
    let look = |url: SourceUrl| {
        let remote = Arc::clone(&remote);
        async move { remote.look_at(&url).await }
    };
    let looked = block_on(async {
        Ok(stream::iter(urls.to_vec()).map(look).buffered(remote.at_once()).collect::<Vec<_>>().await)
    });
    // The threads for requests cannot be started: each file says so.
    looked.unwrap_or_else(|_| urls.iter().map(look_at).collect())
}

/// A document that is read as a whole, such as the page of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where it came from after redirects: what its relative links are relative to.
    pub url: Url,
    /// What kind of document the server says it is.
    pub content_type: Option<String>,
    /// The document.
    pub bytes: Bytes,
}

/// Reads a whole document of at most `limit` bytes.
///
/// # Errors
/// [`StorageError`] if it cannot be read or is longer.
pub fn page(url: &Url, limit: u64) -> Result<Page, StorageError> {
    let remote = shared();
    block_on(async { remote.page(url, limit).await })
}

/// As [`page`], for those who wait for several.
///
/// # Errors
/// As [`page`].
pub async fn fetch_page(url: &Url, limit: u64) -> Result<Page, StorageError> {
    shared().page(url, limit).await
}

/// What tells a later state of an object: its strong entity tag, else the date of its modification and its size, else its
/// weak entity tag. `None` if it has none of them.
///
/// Listings and answers to requests give the same for the same object: the tag is compared with its quotes, the date in
/// whole seconds.
///
/// ```
/// use altostac::model::Fingerprint;
/// use altostac::storage::remote::fingerprint_of;
/// let tag = fingerprint_of(Some("\"abc\""), None, 10);
/// assert_eq!(tag, Some(Fingerprint::ETag { tag: "\"abc\"".into() }));
/// assert_eq!(fingerprint_of(None, None, 10), None);
/// ```
pub fn fingerprint_of(etag: Option<&str>, modified: Option<DateTime<Utc>>, size: u64) -> Option<Fingerprint> {
    let tag = etag.map(str::trim).filter(|tag| !tag.is_empty()).map(|tag| {
        let quoted = tag.ends_with('"') && (tag.starts_with('"') || tag.starts_with("W/\""));
        Fingerprint::ETag { tag: if quoted { tag.to_owned() } else { format!("\"{tag}\"") } }
    });
    let is_weak = etag.is_some_and(|tag| tag.trim().starts_with("W/"));
    let modified = modified.and_then(|time| time.timestamp().checked_mul(1_000_000_000));
    match (tag, modified) {
        (Some(tag), _) if !is_weak => Some(tag),
        (_, Some(modified_ns)) => Some(Fingerprint::ModifiedAndSize { modified_ns, size }),
        (weak, None) => weak,
    }
}

impl State {
    fn fingerprint(&self) -> Option<Fingerprint> {
        let modified = self.modified.as_deref().and_then(|text| DateTime::parse_from_rfc2822(text).ok());
        fingerprint_of(self.etag.as_deref(), modified.map(|time| time.to_utc()), self.size)
    }
}
