//! Remote sources that stay open while an item is verified: opening one again would cost a request, and shows nothing new, for every later answer
//! must be of the state that was opened. Sources that are known already and were only looked at are opened when something is read of them.

use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;

use crate::model::{SourceFile, SourceUrl};
use crate::storage::{ByteSource, LookedAt, StorageError, open_source};

/// What the open sources may hold of their beginnings, in bytes.
const HEADS: u64 = 64 << 20;

/// What is kept of what was read, in bytes.
const KEPT: usize = 32 << 20;

/// The sources that were opened, or looked at, for one item.
#[derive(Clone, Default)]
pub(super) struct Opened(Arc<State>);

#[derive(Default)]
struct State {
    /// What is known of sources that need not be opened to be compared with what they were.
    looked_at: HashMap<SourceUrl, SourceFile>,
    sources: Mutex<Sources>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Default)]
struct Sources {
    known: HashMap<SourceUrl, Arc<dyn ByteSource>>,
    heads: u64,
}

impl Opened {
    /// With sources that were just looked at: they are opened when they are read.
    pub(super) fn looking_at(looked_at: impl Iterator<Item = LookedAt>) -> Self {
        let looked_at = looked_at.map(|looked| (looked.file.url.clone(), looked.file)).collect();
        Self(Arc::new(State { looked_at, ..State::default() }))
    }

    /// Opens a source, or gives the one that is open, or one that is opened once it is read. Local ones are opened every time: that costs
    /// little, and open files are few.
    pub(super) fn open(&self, url: &SourceUrl) -> Result<Box<dyn ByteSource>, StorageError> {
        match self.0.looked_at.get(url) {
            Some(file) => Ok(Box::new(Unopened { opened: self.clone(), file: file.clone(), source: OnceLock::new() })),
            None => self.open_now(url),
        }
    }

    fn open_now(&self, url: &SourceUrl) -> Result<Box<dyn ByteSource>, StorageError> {
        if !url.is_remote() {
            return open_source(url);
        }
        let known = lock(&self.0.sources).known.get(url).map(Arc::clone);
        let source = match known {
            Some(source) => source,
            None => self.keep(url, Arc::from(open_source(url)?)),
        };
        Ok(Box::new(Shared { source, kept: Arc::clone(&self.0.kept) }))
    }

    fn keep(&self, url: &SourceUrl, source: Arc<dyn ByteSource>) -> Arc<dyn ByteSource> {
        let mut sources = lock(&self.0.sources);
        let heads = sources.heads.saturating_add(source.head());
        if heads <= HEADS {
            sources.heads = heads;
            sources.known.insert(url.clone(), Arc::clone(&source));
        }
        source
    }
}

/// A source that was looked at, and is opened when it is read: then it must be what it was.
struct Unopened {
    opened: Opened,
    file: SourceFile,
    source: OnceLock<Box<dyn ByteSource>>,
}

impl Unopened {
    fn source(&self) -> Result<&dyn ByteSource, StorageError> {
        if let Some(source) = self.source.get() {
            return Ok(source.as_ref());
        }
        let source = self.opened.open_now(&self.file.url)?;
        if source.file() != &self.file {
            let shown = |file: &SourceFile| format!("{} bytes, fingerprint {}", file.size, file.fingerprint).into();
            return Err(StorageError::Changed {
                url: self.file.url.to_string(),
                expected: shown(&self.file),
                found: shown(source.file()),
            });
        }
        Ok(self.source.get_or_init(|| source).as_ref())
    }
}

impl ByteSource for Unopened {
    fn file(&self) -> &SourceFile {
        &self.file
    }

    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        self.source()?.read(ranges)
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
    fn what_was_looked_at_is_opened_when_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nc");
        std::fs::write(&path, b"0123456789").unwrap();
        let url = SourceUrl::from_path(&path).unwrap();
        let looked = || crate::storage::look_at(std::slice::from_ref(&url)).into_iter().map(Result::unwrap);
        let opened = Opened::looking_at(looked());
        let source = opened.open(&url).unwrap();
        assert_eq!((source.file().size, source.read_one(2..4).unwrap()), (10, Bytes::from_static(b"23")));
        std::fs::write(&path, b"other").unwrap();
        // It was not opened before: nothing of another state is read.
        assert!(matches!(opened.open(&url).unwrap().read_one(0..1), Err(StorageError::Changed { .. })));
        std::fs::remove_file(&path).unwrap();
        let gone = opened.open(&url).unwrap();
        assert!(matches!(gone.read_one(0..1), Err(StorageError::Io { .. })));
        assert!(crate::storage::look_at(&[url])[0].is_err());
    }

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
