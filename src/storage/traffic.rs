//! What reading sources has taken so far, in this process.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::SourceUrl;

static REQUESTS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicU64 = AtomicU64::new(0);

/// Requests to servers and reads of local files, and the bytes that they brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Requests that were sent, repeated ones too, and local reads.
    pub requests: u64,
    /// Bytes of bodies and of local files; headers are not counted.
    pub bytes: u64,
}

impl Traffic {
    /// What came after an earlier moment.
    ///
    /// ```
    /// use altostac::storage::{Traffic, traffic};
    /// let now = traffic();
    /// assert_eq!(now.since(now), Traffic::default());
    /// ```
    #[must_use]
    pub fn since(self, earlier: Self) -> Self {
        Self {
            requests: self.requests.saturating_sub(earlier.requests),
            bytes: self.bytes.saturating_sub(earlier.bytes),
        }
    }
}

/// What reading sources has taken since the process started; [`Traffic::since`] tells of a time between.
pub fn traffic() -> Traffic {
    Traffic { requests: REQUESTS.load(Ordering::Relaxed), bytes: BYTES.load(Ordering::Relaxed) }
}

/// The sources that were opened, by digests of their URLs.
static OPENED: Mutex<Option<HashSet<u64>>> = Mutex::new(None);

fn opened() -> MutexGuard<'static, Option<HashSet<u64>>> {
    OPENED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How many sources were opened, each counted once however often, since the process started or [`count_opened_anew`] was called.
pub fn opened_files() -> u64 {
    opened().as_ref().map_or(0, HashSet::len) as u64
}

/// Begins to count opened sources from 0.
pub fn count_opened_anew() {
    *opened() = None;
}

pub(super) fn count_opened(url: &SourceUrl) {
    let mut hasher = DefaultHasher::new();
    url.hash(&mut hasher);
    opened().get_or_insert_default().insert(hasher.finish());
}

pub(super) fn count_request() {
    REQUESTS.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn count_bytes(bytes: u64) {
    BYTES.fetch_add(bytes, Ordering::Relaxed);
}
