//! The output: where products, records and reports are written.
//!
//! A reader never meets anything half-written: a file appears whole, and so does a folder of files (a revision).

mod local;
mod memory;
mod objects;
mod place;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::StorageError;
use crate::model::Confirmation;
pub use local::LocalFolder;
pub use memory::MemoryOutput;
pub use objects::{ObjectOutput, OutputLock, Owner};
pub use place::{Output, Standing};

/// A place that files are written to. Paths are relative to it, with `/` between their pieces; a piece is neither empty,
/// `.` nor `..`.
///
/// All methods fail with [`StorageError::OutputPath`] for other paths, with [`StorageError::Io`] if the storage says no.
pub trait OutputStore: Send + Sync {
    /// The content of a file; `None` if there is none.
    ///
    /// # Errors
    /// See the trait.
    fn get(&self, path: &str) -> Result<Option<Bytes>, StorageError>;

    /// As [`OutputStore::get`] for several files, in their order; stores that answer slowly are asked for many at once.
    fn get_all(&self, paths: &[String]) -> Vec<Result<Option<Bytes>, StorageError>> {
        paths.iter().map(|path| self.get(path)).collect()
    }

    /// Writes a file, or replaces it: whole or not at all.
    ///
    /// # Errors
    /// See the trait; then the file is as it was.
    fn put(&self, path: &str, content: &[u8]) -> Result<(), StorageError>;

    /// Writes a file only if it stands there as `expected` says (`None`: not at all); returns whether it did so.
    ///
    /// Several programs may share an output: a file that they all add to is read, changed, and replaced by this.
    ///
    /// # Errors
    /// See the trait.
    fn replace(&self, path: &str, expected: Option<&[u8]>, content: &[u8]) -> Result<bool, StorageError>;

    /// Removes a file; returns whether there was one.
    ///
    /// # Errors
    /// See the trait.
    fn delete(&self, path: &str) -> Result<bool, StorageError>;

    /// The paths of all files below a folder (`""` for the whole output), sorted; none if there is no such folder.
    ///
    /// What is not complete, or was left by a crash, is not listed.
    ///
    /// # Errors
    /// See the trait.
    fn list(&self, folder: &str) -> Result<Vec<String>, StorageError>;

    /// Begins a folder that becomes visible when it is complete.
    ///
    /// # Errors
    /// See the trait; [`StorageError::Exists`] if there is such a folder.
    fn stage(&self, folder: &str) -> Result<StagedFolder, StorageError>;

    /// Begins a folder as [`OutputStore::stage`] does; if a writer with the same `key` was killed before it had finished that folder, with
    /// what it left under the names that are `kept`. What another process writes under the same key must have ended.
    ///
    /// A store that keeps nothing of what was not finished begins anew.
    ///
    /// # Errors
    /// As [`OutputStore::stage`].
    fn resume(&self, folder: &str, key: &str, kept: &[&str]) -> Result<StagedFolder, StorageError> {
        let _ = (key, kept);
        self.stage(folder)
    }

    /// Removes a folder and all below it, at once for any reader; returns whether there was one.
    ///
    /// # Errors
    /// See the trait.
    fn remove_folder(&self, folder: &str) -> Result<bool, StorageError>;

    /// Removes what writers that never finished have left and nobody has touched for this long; returns how many.
    ///
    /// # Errors
    /// See the trait.
    fn sweep(&self, untouched_for: Duration) -> Result<usize, StorageError>;

    /// Writes a file unless it holds just that already; returns whether it wrote.
    ///
    /// # Errors
    /// See the trait.
    fn put_if_changed(&self, path: &str, content: &[u8]) -> Result<bool, StorageError> {
        if self.get(path)?.is_some_and(|found| found == content) {
            return Ok(false);
        }
        self.put(path, content)?;
        Ok(true)
    }

    /// Writes a file as [`OutputStore::put_if_changed`] does, but waits for no disk: after a loss of power it may be there in part, unless
    /// [`OutputStore::settle`] was called before. For many small files that nothing leads to yet.
    ///
    /// # Errors
    /// See the trait.
    fn put_soon_if_changed(&self, path: &str, content: &[u8]) -> Result<bool, StorageError> {
        self.put_if_changed(path, content)
    }

    /// Returns once all that was put soon is there for good.
    ///
    /// # Errors
    /// See the trait.
    fn settle(&self) -> Result<(), StorageError> {
        Ok(())
    }
}

/// What a store does for a folder that is being written. [`StagedFolder`] is what writers use.
pub trait Staging: Send {
    /// Opens a new file by its path within the folder.
    ///
    /// # Errors
    /// [`StorageError`] if it exists or cannot be made.
    fn create(&mut self, name: &str) -> Result<Box<dyn Write + Send>, StorageError>;

    /// Where the files are now, if the store is a local folder.
    fn local_path(&self) -> Option<&Path>;

    /// Tells of files of another folder of the output by their names in both, with SHA-256 in hexadecimal: a store that copies by itself need not be
    /// sent what is the same in this folder.
    fn reuse(&mut self, folder: &str, digests: BTreeMap<String, String>) {
        let _ = (folder, digests);
    }

    /// Brings what was written so far to where it will stand, if that is elsewhere, and confirms it there.
    ///
    /// # Errors
    /// [`StorageError`] if it does not stand there as it is here.
    fn deliver(&mut self) -> Result<Option<Delivered>, StorageError> {
        Ok(None)
    }

    /// Makes the folder visible, durably.
    ///
    /// # Errors
    /// [`StorageError::Exists`] if the name was taken meanwhile.
    fn commit(&mut self) -> Result<(), StorageError>;

    /// Removes the files. Errors are not told: `sweep` removes what is left.
    fn abandon(&mut self);
}

/// What was brought to a store, and confirmed there.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Delivered {
    /// The URL of the folder.
    pub place: String,
    /// How many objects.
    pub objects: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How many of them an earlier attempt had brought.
    pub already: u64,
    /// How many of them the store copied from an earlier revision.
    pub copied: u64,
    /// How each was confirmed.
    pub confirmation: Confirmation,
}

/// A folder that is being written: invisible until [`StagedFolder::commit`], and gone when dropped without it.
pub struct StagedFolder {
    path: String,
    staging: Box<dyn Staging>,
    unfinished: Arc<Mutex<BTreeSet<String>>>,
    committed: bool,
}

impl StagedFolder {
    /// Takes what a store has begun for the folder at `path`.
    pub fn new(path: &str, staging: Box<dyn Staging>) -> Self {
        Self { path: path.into(), staging, unfinished: Arc::default(), committed: false }
    }

    /// Opens a new file by its path within the folder. A file that is not [finished](StagedFile::finish) keeps the
    /// folder from being committed.
    ///
    /// # Errors
    /// [`StorageError`] if the file exists or cannot be made.
    pub fn create(&mut self, name: &str) -> Result<StagedFile, StorageError> {
        check_path(name)?;
        let writer = self.staging.create(name)?;
        let path = format!("{}/{name}", self.path);
        lock(&self.unfinished).insert(path.clone());
        Ok(StagedFile { path, writer, unfinished: Arc::clone(&self.unfinished) })
    }

    /// Where the files are until they are committed, if the output is a local folder. Files that other programs or
    /// libraries write there become part of the folder.
    pub fn local_path(&self) -> Option<&Path> {
        self.staging.local_path()
    }

    /// Tells of files of another folder of the output, by their names in both, with SHA-256 in hexadecimal: what is the same in this folder is copied
    /// from there by a store that does so by itself.
    pub fn reuse(&mut self, folder: &str, digests: BTreeMap<String, String>) {
        self.staging.reuse(folder, digests);
    }

    /// Brings what was written so far to where it will stand, and confirms it there; `None` if that is here.
    ///
    /// # Errors
    /// [`StorageError::Unfinished`] if a file was not finished; [`StorageError`] if something does not stand there as it is here.
    pub fn deliver(&mut self) -> Result<Option<Delivered>, StorageError> {
        self.check_finished()?;
        self.staging.deliver()
    }

    fn check_finished(&self) -> Result<(), StorageError> {
        match lock(&self.unfinished).first() {
            Some(path) => Err(StorageError::Unfinished { path: path.clone() }),
            None => Ok(()),
        }
    }

    /// Makes the folder visible under its name, durably.
    ///
    /// # Errors
    /// [`StorageError::Unfinished`] if a file was not finished, [`StorageError::Exists`] if the name is taken,
    /// [`StorageError::Io`]; the folder is then removed.
    pub fn commit(mut self) -> Result<(), StorageError> {
        self.check_finished()?;
        self.staging.commit()?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for StagedFolder {
    fn drop(&mut self) {
        if !self.committed {
            self.staging.abandon();
        }
    }
}

/// A file of a [`StagedFolder`], written from its beginning to its end.
pub struct StagedFile {
    path: String,
    writer: Box<dyn Write + Send>,
    unfinished: Arc<Mutex<BTreeSet<String>>>,
}

impl StagedFile {
    /// The path below the output that the file will have.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Writes what is buffered and closes the file.
    ///
    /// # Errors
    /// [`StorageError::Io`]; the folder can then not be committed.
    pub fn finish(mut self) -> Result<(), StorageError> {
        self.writer.flush().map_err(|source| failed("write", &self.path, source))?;
        lock(&self.unfinished).remove(&self.path);
        Ok(())
    }
}

impl Write for StagedFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// What is guarded here is whole after every statement, so a panic elsewhere does no harm to it.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn failed(action: &'static str, path: impl std::fmt::Display, source: io::Error) -> StorageError {
    StorageError::Io { action, path: path.to_string(), source }
}

/// Whether a name is that of something incomplete. No record, revision or product begins with a dot and holds this.
fn is_partial(name: &str) -> bool {
    name.starts_with('.') && name.contains(".partial-")
}

fn check_path(path: &str) -> Result<(), StorageError> {
    let reason = if path.contains(['\0', '\\']) {
        "it holds NUL or a backslash"
    } else if path.split('/').any(str::is_empty) {
        "it is empty, absolute, or holds an empty piece"
    } else if path.split('/').any(|piece| piece == "." || piece == "..") {
        "it holds . or .."
    } else if path.split('/').any(is_partial) {
        "it has the name of an incomplete file"
    } else {
        return Ok(());
    };
    Err(StorageError::OutputPath { path: path.into(), reason })
}

fn check_folder(folder: &str) -> Result<(), StorageError> {
    if folder.is_empty() { Ok(()) } else { check_path(folder) }
}

#[cfg(test)]
mod conformance;
