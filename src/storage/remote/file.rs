//! A remote file as a source.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::answer::State;
use super::fetch::{Fetched, Remote, source_file};
use super::transport::{Wanted, Whole};
use super::waves::{Pieces, requests};
use super::{block_on, shared};
use crate::model::{Fingerprint, SourceFile, SourceUrl};
use crate::storage::StorageError;
use crate::storage::source::{ByteSource, checked_length};

/// A file on a web server or in an object store. Its head is kept: what lies there takes no further request.
pub struct RemoteFile {
    remote: Arc<Remote>,
    file: SourceFile,
    state: Arc<State>,
    pub(super) head: Bytes,
}

impl RemoteFile {
    /// Opens a file by reading its head.
    ///
    /// # Errors
    /// [`StorageError`] if it cannot be read by ranges, or has nothing to tell a later state by.
    pub fn open(url: &SourceUrl) -> Result<Self, StorageError> {
        Self::open_with(shared(), url, &source_file)
    }

    /// As [`RemoteFile::open`] for a file that is only looked at: if its server tells neither entity tag nor date, its
    /// fingerprint says 1970, and nothing that outlives the look may rest on it.
    ///
    /// # Errors
    /// [`StorageError`] if it cannot be read by ranges.
    pub fn open_to_inspect(url: &SourceUrl) -> Result<Self, StorageError> {
        Self::open_with(shared(), url, &inspected_file)
    }

    pub(super) fn open_with(
        remote: Arc<Remote>,
        url: &SourceUrl,
        describe: &(dyn Fn(&SourceUrl, &State) -> Result<SourceFile, StorageError> + Sync),
    ) -> Result<Self, StorageError> {
        let size = remote.heads.size(url.url());
        let wanted = Wanted { url: None, range: Some(0..size), limit: size, whole: Whole::IfShort, expected: None };
        let (state, head) = block_on(async {
            match remote.fetch(url.url(), wanted).await? {
                Fetched::Bytes(found, head) => Ok((found.state, head)),
                Fetched::Empty(state) => Ok((remote.empty(url.url(), state).await?, Bytes::new())),
            }
        })?;
        let file = describe(url, &state)?;
        Ok(Self { remote, file, state: Arc::new(state), head })
    }

    async fn fetch(&self, range: Range<u64>) -> Result<(u64, Bytes), StorageError> {
        let (start, limit) = (range.start, range.end - range.start);
        let expected = Some(Arc::clone(&self.state));
        let wanted = Wanted { url: None, range: Some(range), limit, whole: Whole::Never, expected };
        match self.remote.fetch(self.file.url.url(), wanted).await? {
            Fetched::Bytes(_, bytes) => Ok((start, bytes)),
            Fetched::Empty(state) => Err(StorageError::Changed {
                url: self.file.url.to_string(),
                expected: self.state.to_string().into(),
                found: state.to_string().into(),
            }),
        }
    }
}

pub(super) fn inspected_file(url: &SourceUrl, state: &State) -> Result<SourceFile, StorageError> {
    let unknown = Fingerprint::ModifiedAndSize { modified_ns: 0, size: state.size };
    Ok(SourceFile { url: url.clone(), size: state.size, fingerprint: state.fingerprint().unwrap_or(unknown) })
}

impl ByteSource for RemoteFile {
    fn file(&self) -> &SourceFile {
        &self.file
    }

    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        for range in ranges {
            checked_length(&self.file.url, self.file.size, range)?;
        }
        let wave = requests(ranges, self.head.len() as u64);
        let mut pieces = vec![(0, self.head.clone())];
        if !wave.is_empty() {
            let at_once = self.remote.at_once();
            let fetched = block_on(async {
                stream::iter(wave).map(|range| self.fetch(range)).buffered(at_once).try_collect::<Vec<_>>().await
            })?;
            pieces.extend(fetched);
        }
        let pieces = Pieces(pieces);
        let missing = |range: &Range<u64>| StorageError::Answer {
            url: self.file.url.to_string(),
            expected: format!("bytes {} to {}", range.start, range.end).into(),
            found: "fewer".into(),
        };
        ranges.iter().map(|range| pieces.cut(range).ok_or_else(|| missing(range))).collect()
    }

    fn head(&self) -> u64 {
        self.head.len() as u64
    }

    fn learn(&self, needed_head: u64) {
        self.remote.heads.learn(self.file.url.url(), needed_head);
    }
}
