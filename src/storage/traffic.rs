//! What reading sources has taken so far, in this process.

use std::sync::atomic::{AtomicU64, Ordering};

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

/// What reading sources has taken since the process started; subtract two of them to know of a time between.
///
/// ```
/// let before = altostac::storage::traffic();
/// assert!(altostac::storage::traffic().requests >= before.requests);
/// ```
pub fn traffic() -> Traffic {
    Traffic { requests: REQUESTS.load(Ordering::Relaxed), bytes: BYTES.load(Ordering::Relaxed) }
}

pub(super) fn count_request() {
    REQUESTS.fetch_add(1, Ordering::Relaxed);
}

pub(super) fn count_bytes(bytes: u64) {
    BYTES.fetch_add(bytes, Ordering::Relaxed);
}
