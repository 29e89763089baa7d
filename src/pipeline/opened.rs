//! Remote sources that stay open while they are verified: opening one again would cost a request, and shows nothing new, for every later answer
//! must be of the state that was opened.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::model::{SourceFile, SourceUrl};
use crate::storage::{ByteSource, StorageError, open_source};

/// How many are kept: each may hold what it has read of its beginning.
const LIMIT: usize = 64;

/// The remote sources that were opened for one item.
#[derive(Default)]
pub(super) struct Opened(Mutex<HashMap<SourceUrl, Arc<dyn ByteSource>>>);

impl Opened {
    /// Opens a source, or gives the one that is open. Local ones are opened every time: that costs little, and open files are few.
    pub(super) fn open(&self, url: &SourceUrl) -> Result<Box<dyn ByteSource>, StorageError> {
        if !url.is_remote() {
            return open_source(url);
        }
        if let Some(known) = self.known().get(url) {
            return Ok(Box::new(Shared(Arc::clone(known))));
        }
        let opened: Arc<dyn ByteSource> = Arc::from(open_source(url)?);
        let mut known = self.known();
        if known.len() < LIMIT {
            known.insert(url.clone(), Arc::clone(&opened));
        }
        Ok(Box::new(Shared(opened)))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<SourceUrl, Arc<dyn ByteSource>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A source that others read too.
struct Shared(Arc<dyn ByteSource>);

impl ByteSource for Shared {
    fn file(&self) -> &SourceFile {
        self.0.file()
    }

    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        self.0.read(ranges)
    }

    fn head(&self) -> u64 {
        self.0.head()
    }

    fn learn(&self, needed_head: u64) {
        self.0.learn(needed_head);
    }
}
