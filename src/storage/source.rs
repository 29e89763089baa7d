//! Source files, read by ranges.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use bytes::Bytes;
use rayon::prelude::*;
use rustix::buffer::spare_capacity;

use super::{StorageError, remote, traffic};
use crate::model::{Fingerprint, SourceFile, SourceUrl};

/// How much of the head of a file is read at first, unless the source knows better: most small files keep all their
/// structure there.
pub const DEFAULT_HEAD: u64 = 64 << 10;

/// A file that can be read by ranges.
///
/// One call of [`ByteSource::read`] is one wave: its ranges may be fetched at the same time, so whoever reads asks for all
/// that it knows to need in one call.
pub trait ByteSource: Send + Sync {
    /// The file as it was when it was opened.
    fn file(&self) -> &SourceFile;

    /// Reads several ranges, in the order asked for.
    ///
    /// # Errors
    /// [`StorageError::BeyondEnd`] if a range reaches beyond the end; nothing is allocated for such a range.
    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError>;

    /// How many bytes from the start of the file are worth reading at once, before anything is known of it.
    ///
    /// Indexing reads `0..min(size, head)` first. A source whose requests are dear answers with what it has learnt from
    /// [`ByteSource::learn`] of other files of the dataset.
    fn head(&self) -> u64 {
        DEFAULT_HEAD
    }

    /// Told once a file is indexed: a head of `needed_head` bytes would have sufficed, or, for a file whose structure is
    /// spread out, would have held all that lies together at its start.
    fn learn(&self, needed_head: u64) {
        let _ = needed_head;
    }

    /// How many bytes of an index that is too large to be read at once are worth asking for in one wave: many where a request
    /// is dear, few where memory is.
    fn wave_limit(&self) -> u64 {
        16 << 20
    }

    /// Whether parts of a wave are best read by several threads, each with a call of its own.
    fn reads_beside(&self) -> bool {
        false
    }

    /// Bytes between two ranges that cost less than a range of their own.
    fn gap(&self) -> u64 {
        4 << 10
    }

    /// Reads one range.
    ///
    /// # Errors
    /// As [`ByteSource::read`].
    fn read_one(&self, range: Range<u64>) -> Result<Bytes, StorageError> {
        Ok(self.read(std::slice::from_ref(&range))?.pop().unwrap_or_default())
    }
}

pub(super) fn checked_length(
    path: &dyn std::fmt::Display,
    size: u64,
    range: &Range<u64>,
) -> Result<usize, StorageError> {
    let length = range.end.checked_sub(range.start).filter(|_| range.end <= size);
    length.and_then(|length| usize::try_from(length).ok()).ok_or_else(|| StorageError::BeyondEnd {
        path: path.to_string(),
        size,
        start: range.start,
        end: range.end,
    })
}

/// A local file, read with `pread`.
#[derive(Debug)]
pub struct LocalFile {
    handle: File,
    file: SourceFile,
}

impl LocalFile {
    /// Opens a file and takes its fingerprint from the open handle.
    ///
    /// # Errors
    /// [`StorageError::Io`] if it cannot be opened or is not a regular file.
    pub fn open(path: &Path) -> Result<Self, StorageError> {
        let failed = |action| move |source| StorageError::Io { action, path: path.display().to_string(), source };
        let handle = File::open(path).map_err(failed("open"))?;
        let metadata = handle.metadata().map_err(failed("look at"))?;
        if !metadata.is_file() {
            return Err(failed("read")(io::Error::other("not a regular file")));
        }
        let url = SourceUrl::from_path(path)
            .ok_or_else(|| failed("open")(io::Error::other("the path of a source must be absolute")))?;
        let file = SourceFile { url, size: metadata.len(), fingerprint: fingerprint(&metadata) };
        Ok(Self { handle, file })
    }

    fn read_range(&self, range: &Range<u64>) -> Result<Bytes, StorageError> {
        let length = checked_length(&self.file.url, self.file.size, range)?;
        let buffer = read_exact_at(&self.handle, length, range.start).map_err(|source| StorageError::Io {
            action: "read",
            path: self.file.url.to_string(),
            source,
        })?;
        traffic::count_request();
        traffic::count_bytes(length as u64);
        Ok(Bytes::from(buffer))
    }
}

/// Reads so many bytes at an offset; memory that is about to be written is not cleared before.
fn read_exact_at(handle: &File, length: usize, offset: u64) -> io::Result<Vec<u8>> {
    let mut buffer = Vec::with_capacity(length);
    while buffer.len() < length {
        let at = offset + buffer.len() as u64;
        match rustix::io::pread(handle, spare_capacity(&mut buffer), at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    buffer.truncate(length);
    Ok(buffer)
}

impl ByteSource for LocalFile {
    fn file(&self) -> &SourceFile {
        &self.file
    }

    /// So much stays in a processor's cache between being read and being parsed.
    fn wave_limit(&self) -> u64 {
        1 << 20
    }

    fn reads_beside(&self) -> bool {
        true
    }

    /// Reading so much takes about as long as the call.
    fn gap(&self) -> u64 {
        64 << 10
    }

    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        ranges.iter().map(|range| self.read_range(range)).collect()
    }
}

/// The fingerprint of a local file: its size and the time of its last modification.
pub fn fingerprint(metadata: &Metadata) -> Fingerprint {
    let modified_ns = metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec());
    Fingerprint::ModifiedAndSize { modified_ns, size: metadata.len() }
}

/// The fingerprint that a source has now; nothing of it is read but, if it is remote, its first byte.
///
/// # Errors
/// As [`open_source`].
pub fn current_fingerprint(url: &SourceUrl) -> Result<Fingerprint, StorageError> {
    if remote::is_remote(url.url()) {
        return Ok(remote::look_at(url)?.fingerprint);
    }
    Ok(look_at_local(url)?.file.fingerprint)
}

/// As [`current_fingerprint`] for many sources, the remote ones at the same time; in the order of the URLs.
pub fn current_fingerprints(urls: &[SourceUrl]) -> Vec<Result<Fingerprint, StorageError>> {
    look_at(urls).into_iter().map(|looked| Ok(looked?.file.fingerprint)).collect()
}

/// A source as it is now, though nothing of it is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookedAt {
    /// The source.
    pub file: SourceFile,
    /// When the inode of a local file last changed, in nanoseconds since 1970: it tells a change whose author put the time of modification back.
    pub changed_ns: Option<i64>,
}

/// Looks at many sources at the same time; the answers are in the order of the URLs. Of a remote one its first byte is read.
pub fn look_at(urls: &[SourceUrl]) -> Vec<Result<LookedAt, StorageError>> {
    let far: Vec<SourceUrl> = urls.iter().filter(|url| remote::is_remote(url.url())).cloned().collect();
    let mut looked = remote::look_at_all(&far).into_iter();
    let mut near: Vec<Option<Result<LookedAt, StorageError>>> =
        urls.par_iter().map(|url| (!remote::is_remote(url.url())).then(|| look_at_local(url))).collect();
    let far = |url: &SourceUrl, looked: Option<Result<SourceFile, StorageError>>| {
        looked.unwrap_or_else(|| remote::look_at(url)).map(|file| LookedAt { file, changed_ns: None })
    };
    urls.iter().zip(&mut near).map(|(url, near)| near.take().unwrap_or_else(|| far(url, looked.next()))).collect()
}

fn look_at_local(url: &SourceUrl) -> Result<LookedAt, StorageError> {
    let path = url.local_path().ok_or_else(|| no_reader(url))?;
    let metadata = std::fs::metadata(&path).map_err(|source| StorageError::Io {
        action: "look at",
        path: path.display().to_string(),
        source,
    })?;
    let changed_ns = metadata.ctime().saturating_mul(1_000_000_000).saturating_add(metadata.ctime_nsec());
    let file = SourceFile { url: url.clone(), size: metadata.len(), fingerprint: fingerprint(&metadata) };
    Ok(LookedAt { file, changed_ns: Some(changed_ns) })
}

fn no_reader(url: &SourceUrl) -> StorageError {
    StorageError::Scheme { url: url.to_string(), scheme: url.url().scheme().into() }
}

/// A file in memory, for tests.
#[derive(Debug, Clone)]
pub struct MemoryFile {
    content: Bytes,
    file: SourceFile,
}

impl MemoryFile {
    /// A file with this content.
    pub fn new(url: SourceUrl, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let size = content.len() as u64;
        Self {
            content,
            file: SourceFile { url, size, fingerprint: Fingerprint::ModifiedAndSize { modified_ns: 0, size } },
        }
    }
}

impl ByteSource for MemoryFile {
    fn file(&self) -> &SourceFile {
        &self.file
    }

    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        let read_range = |range: &Range<u64>| {
            let length = checked_length(&self.file.url, self.file.size, range)?;
            let start = usize::try_from(range.start).unwrap_or(usize::MAX);
            Ok(self.content.slice(start..start.saturating_add(length)))
        };
        ranges.iter().map(read_range).collect()
    }
}

/// Opens a source by its URL: `file`, `http`, `https`, `s3`, `gs` or `az`.
///
/// # Errors
/// [`StorageError::Scheme`] for other URLs, [`StorageError::Io`] if a local file cannot be opened; [`remote`] tells how remote
/// files are read, and fail.
pub fn open_source(url: &SourceUrl) -> Result<Box<dyn ByteSource>, StorageError> {
    let source: Box<dyn ByteSource> = if remote::is_remote(url.url()) {
        Box::new(remote::RemoteFile::open(url)?)
    } else {
        Box::new(LocalFile::open(&url.local_path().ok_or_else(|| no_reader(url))?)?)
    };
    traffic::count_opened(url);
    Ok(source)
}

/// As [`open_source`] for a file that is only looked at: nothing that outlives the look may rest on its fingerprint.
///
/// # Errors
/// As [`open_source`], but a remote file may lack entity tag and date.
pub fn open_to_inspect(url: &SourceUrl) -> Result<Box<dyn ByteSource>, StorageError> {
    if remote::is_remote(url.url()) {
        return Ok(Box::new(remote::RemoteFile::open_to_inspect(url)?));
    }
    open_source(url)
}

#[cfg(test)]
pub(super) mod conformance {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What every `ByteSource` does with a file that holds the bytes 0 to 99.
    pub(in crate::storage) fn conforms(source: &dyn ByteSource) {
        assert_eq!(source.file().size, 100);
        let pieces = source.read(&[10..13, 0..1, 99..100, 50..50]).unwrap();
        assert_eq!(pieces, [&[10u8, 11, 12][..], &[0], &[99], &[]]);
        assert!(matches!(source.read_one(99..101), Err(StorageError::BeyondEnd { size: 100, .. })));
        #[allow(clippy::reversed_empty_ranges)]
        let backwards = source.read_one(5..4);
        assert!(matches!(backwards, Err(StorageError::BeyondEnd { .. })));
        assert!(matches!(source.read_one(0..u64::MAX), Err(StorageError::BeyondEnd { .. })));
        assert!(source.read(&[]).unwrap().is_empty());
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::conformance::conforms;
    use super::*;

    #[test]
    fn files_conform() {
        let content: Vec<u8> = (0..100).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nc");
        std::fs::write(&path, &content).unwrap();
        conforms(&LocalFile::open(&path).unwrap());
        conforms(&MemoryFile::new(SourceUrl::from_path("/a.nc").unwrap(), content));
        assert!(LocalFile::open(folder.path()).is_err());
    }
}
