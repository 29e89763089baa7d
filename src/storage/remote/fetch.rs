//! Requests through `object_store`, and what its errors mean.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use object_store::path::Path;
use object_store::{Extensions, GetOptions, GetRange, ObjectStore};
use url::Url;

use super::answer::{State, Unfit};
use super::heads::Heads;
use super::stores::{Stores, plain};
use super::transport::{Connector, Found, Wanted, Whole, code_in};
use super::{Page, Settings};
use crate::model::{SourceFile, SourceUrl, holds_secret, shown_url};
use crate::storage::StorageError;

/// Everything that remote files share.
pub(super) struct Remote {
    connector: Connector,
    stores: Stores,
    pub(super) heads: Heads,
}

/// What a range of a file holds, or that the file is empty.
pub(super) enum Fetched {
    Bytes(Found, Bytes),
    Empty(State),
}

impl Remote {
    pub(super) fn new(settings: Settings) -> Self {
        Self { connector: Connector::new(settings), stores: Stores::default(), heads: Heads::default() }
    }

    pub(super) fn store(&self, url: &Url) -> Result<(Arc<dyn ObjectStore>, Path), StorageError> {
        self.stores.get(url, &self.connector)
    }

    /// How many requests to begin at a time: more than a host bears, so that none waits for the slowest.
    pub(super) fn at_once(&self) -> usize {
        self.connector.settings.requests_per_host.saturating_mul(4)
    }

    pub(super) async fn fetch(&self, url: &Url, mut wanted: Wanted) -> Result<Fetched, StorageError> {
        let (store, path) = self.store(url)?;
        if matches!(url.scheme(), "http" | "https") {
            let mut exact = url.clone();
            exact.set_fragment(None);
            wanted.url = Some(exact);
        }
        let if_match = wanted.expected.as_ref().and_then(|state| state.strong_etag()).map(str::to_owned);
        let range = wanted.range.clone().map(GetRange::Bounded);
        let mut extensions = Extensions::new();
        extensions.insert(Arc::new(wanted));
        let options = GetOptions { range, if_match, extensions, ..GetOptions::default() };
        let answer = match store.get_opts(&path, options).await {
            Ok(answer) => answer,
            Err(error) => {
                return match unfit(&error) {
                    Some(Unfit::Empty(state)) => Ok(Fetched::Empty(state.clone())),
                    _ => Err(failed(url, &error)),
                };
            }
        };
        let Some(found) = answer.extensions.get::<Found>().cloned() else {
            return Err(StorageError::Unreadable { url: shown_url(url), source: "the answer was lost".into() });
        };
        let bytes = answer.bytes().await.map_err(|error| failed(url, &error))?;
        Ok(Fetched::Bytes(found, bytes))
    }

    /// The state of a file that is empty; a server that cannot send a range of nothing may not have told it.
    pub(super) async fn empty(&self, url: &Url, state: State) -> Result<State, StorageError> {
        if state.fingerprint().is_some() {
            return Ok(state);
        }
        let wanted = Wanted { url: None, range: None, limit: 0, whole: Whole::Never, expected: None };
        match self.fetch(url, wanted).await? {
            Fetched::Bytes(found, _) => Ok(found.state),
            Fetched::Empty(state) => Ok(state),
        }
    }

    pub(super) async fn look_at(&self, url: &SourceUrl) -> Result<SourceFile, StorageError> {
        let wanted = Wanted { url: None, range: Some(0..1), limit: 1, whole: Whole::HeadersSuffice, expected: None };
        let state = match self.fetch(url.url(), wanted).await? {
            Fetched::Bytes(found, _) => found.state,
            Fetched::Empty(state) => self.empty(url.url(), state).await?,
        };
        source_file(url, &state)
    }

    pub(super) async fn page(&self, url: &Url, limit: u64) -> Result<Page, StorageError> {
        let wanted = Wanted { url: None, range: None, limit, whole: Whole::Never, expected: None };
        match self.fetch(url, wanted).await? {
            Fetched::Bytes(found, bytes) => Ok(Page { url: found.url, content_type: found.content_type, bytes }),
            Fetched::Empty(_) => Ok(Page { url: url.clone(), content_type: None, bytes: Bytes::new() }),
        }
    }
}

pub(super) fn source_file(url: &SourceUrl, state: &State) -> Result<SourceFile, StorageError> {
    if holds_secret(url.url()) {
        let reason = "its query holds a signature or a token, which would end up in references and records".into();
        return Err(StorageError::Url { url: url.to_string(), reason });
    }
    let fingerprint = state.fingerprint().ok_or_else(|| StorageError::Indistinct { url: url.to_string() })?;
    Ok(SourceFile { url: url.clone(), size: state.size, fingerprint })
}

fn unfit(error: &object_store::Error) -> Option<&Unfit> {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(unfit) = error.downcast_ref() {
            return Some(unfit);
        }
        cause = error.source();
    }
    None
}

/// What an error of a [store](super::store) means for this URL: which object, what is wrong, no secrets.
pub fn failed(url: &Url, error: &object_store::Error) -> StorageError {
    let url = shown_url(url);
    match unfit(error) {
        Some(Unfit::Refused { status, reason }) => {
            StorageError::Refused { url, status: status.as_u16(), reason: format!("{status}{reason}") }
        }
        Some(Unfit::IgnoresRanges) => StorageError::IgnoresRanges { url },
        Some(Unfit::Changed { expected, found }) => {
            StorageError::Changed { url, expected: expected.as_str().into(), found: found.as_str().into() }
        }
        Some(Unfit::Malformed { expected, found }) => {
            StorageError::Answer { url, expected: expected.as_str().into(), found: found.as_str().into() }
        }
        Some(Unfit::Short { expected, found }) => {
            StorageError::Answer { url, expected: format!("{expected} bytes").into(), found: found.as_str().into() }
        }
        Some(Unfit::TooLong { limit }) => {
            StorageError::Answer { url, expected: format!("at most {limit} bytes").into(), found: "more".into() }
        }
        Some(Unfit::Transport(cause)) => StorageError::Unreadable { url, source: chain(cause).into() },
        Some(unfit) => StorageError::Unreadable { url, source: unfit.to_string().into() },
        None => {
            let reason = plain(error);
            let status = match error {
                object_store::Error::NotFound { .. } => StatusCode::NOT_FOUND,
                object_store::Error::PermissionDenied { .. } => StatusCode::FORBIDDEN,
                object_store::Error::Unauthenticated { .. } => StatusCode::UNAUTHORIZED,
                _ => return StorageError::Unreadable { url, source: without_document(&reason).into() },
            };
            StorageError::Refused { url, status: status.as_u16(), reason: format!("{status}{}", code_in(&reason)) }
        }
    }
}

/// As [`failed`], of a request that was to write.
pub fn unwritten(url: &Url, error: &object_store::Error) -> StorageError {
    match failed(url, error) {
        StorageError::Refused { url, status, reason } => StorageError::NotStored { url, status, reason },
        StorageError::Unreadable { url, source } => StorageError::Unwritten { url, source },
        other => other,
    }
}

/// A message without the page that a server sent with it; of an S3-like answer its code is kept.
fn without_document(text: &str) -> String {
    let words = text.split_once('<').map_or(text, |(words, _)| words).trim_end_matches([':', ' ']);
    let words: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).take(400).collect();
    format!("{words}{}", code_in(text))
}

/// An error and its causes in one line; the error itself cannot be kept, as `object_store` owns it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}
