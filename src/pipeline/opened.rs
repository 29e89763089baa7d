//! Remote sources that stay open while an item is verified: opening one again would cost a request, and shows nothing new, for every later answer
//! must be of the state that was opened.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use crate::model::{SourceFile, SourceUrl};
use crate::storage::{ByteSource, StorageError, open_source};

/// What the open sources may hold of their beginnings, in bytes.
const HEADS: u64 = 64 << 20;

/// What is kept of what was read, in bytes.
const KEPT: usize = 32 << 20;

/// The remote sources that were opened for one item.
#[derive(Default)]
pub(super) struct Opened {
    sources: Mutex<Sources>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Sources {
    known: HashMap<SourceUrl, Arc<dyn ByteSource>>,
    heads: u64,
}

impl Opened {
    /// Opens a source, or gives the one that is open. Local ones are opened every time: that costs little, and open files are few.
    pub(super) fn open(&self, url: &SourceUrl) -> Result<Box<dyn ByteSource>, StorageError> {
        if !url.is_remote() {
            return open_source(url);
        }
        let known = lock(&self.sources).known.get(url).map(Arc::clone);
        let source = match known {
            Some(source) => source,
            None => self.keep(url, Arc::from(open_source(url)?)),
        };
        Ok(Box::new(Shared { source, kept: Arc::clone(&self.kept) }))
    }

    fn keep(&self, url: &SourceUrl, source: Arc<dyn ByteSource>) -> Arc<dyn ByteSource> {
        let mut sources = lock(&self.sources);
        let heads = sources.heads.saturating_add(source.head());
        if heads <= HEADS {
            sources.heads = heads;
            sources.known.insert(url.clone(), Arc::clone(&source));
        }
        source
    }
}

/// A source that others read too.
struct Shared {
    source: Arc<dyn ByteSource>,
    kept: Arc<Mutex<Kept>>,
}

impl ByteSource for Shared {
    fn file(&self) -> &SourceFile {
        self.source.file()
    }

    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        let [range] = ranges else { return self.source.read(ranges) };
        let kept = lock(&self.kept).take(self.file(), range);
        if let Some(bytes) = kept {
            return Ok(vec![bytes]);
        }
        let read = self.source.read(ranges)?;
        if let [bytes] = &read[..] {
            lock(&self.kept).put(self.file(), range, bytes);
        }
        Ok(read)
    }

    fn head(&self) -> u64 {
        self.source.head()
    }

    fn learn(&self, needed_head: u64) {
        self.source.learn(needed_head);
    }
}

/// What was read last. Verification reads the bytes of a chunk twice, by the product's reference and by the source's own: one request serves both.
#[derive(Default)]
struct Kept {
    pieces: VecDeque<(SourceFile, Range<u64>, Bytes)>,
    size: usize,
}

impl Kept {
    /// Gives what was kept of just this range of this state of the file; it is not kept any longer.
    fn take(&mut self, file: &SourceFile, range: &Range<u64>) -> Option<Bytes> {
        let at = self.pieces.iter().position(|(of, kept, _)| kept == range && of == file)?;
        let (_, _, bytes) = self.pieces.remove(at)?;
        self.size -= bytes.len();
        Some(bytes)
    }

    fn put(&mut self, file: &SourceFile, range: &Range<u64>, bytes: &Bytes) {
        if bytes.len() > KEPT / 8 {
            return;
        }
        self.size += bytes.len();
        self.pieces.push_back((file.clone(), range.clone(), bytes.clone()));
        while self.size > KEPT || self.pieces.len() > 256 {
            let Some((_, _, bytes)) = self.pieces.pop_front() else { break };
            self.size -= bytes.len();
        }
    }
}

/// What is guarded here is whole after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::storage::MemoryFile;

    #[test]
    fn a_range_is_kept_until_it_is_read_again() {
        let memory = |name: &str| {
            MemoryFile::new(SourceUrl::new(format!("https://a.org/{name}").parse().unwrap()), vec![7; 10 << 20])
        };
        let (one, other) = (memory("1").file().clone(), memory("2").file().clone());
        let mut kept = Kept::default();
        let bytes = Bytes::from_static(b"abc");
        kept.put(&one, &(0..3), &bytes);
        assert_eq!(kept.take(&other, &(0..3)), None);
        assert_eq!(kept.take(&one, &(0..2)), None);
        let changed = SourceFile { size: 1, ..one.clone() };
        assert_eq!(kept.take(&changed, &(0..3)), None);
        assert_eq!(kept.take(&one, &(0..3)), Some(bytes));
        assert_eq!(kept.take(&one, &(0..3)), None);

        let shared = Shared { source: Arc::new(memory("1")), kept: Arc::default() };
        for start in (0..9 << 20).step_by(1 << 20).chain([0]) {
            shared.read_one(start..start + (3 << 20) / 2).unwrap_or_default();
            assert!(lock(&shared.kept).size <= KEPT);
        }
        assert_eq!(shared.read(&[5..7, 1..2]).unwrap(), [vec![7_u8; 2], vec![7; 1]]);
        assert!(shared.read_one(0..20 << 20).is_err());
    }
}
