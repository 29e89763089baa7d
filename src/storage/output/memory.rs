//! An output in memory, for tests.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;

use super::{OutputStore, StagedFolder, Staging, StorageError, check_folder, check_path, failed, lock};

type Files = Arc<Mutex<BTreeMap<String, Bytes>>>;

/// An output in memory, for tests.
#[derive(Debug, Clone, Default)]
pub struct MemoryOutput {
    files: Files,
}

fn is_below(path: &str, folder: &str) -> bool {
    folder.is_empty() || path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

impl OutputStore for MemoryOutput {
    fn get(&self, path: &str) -> Result<Option<Bytes>, StorageError> {
        check_path(path)?;
        Ok(lock(&self.files).get(path).cloned())
    }

    fn put(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        check_path(path)?;
        lock(&self.files).insert(path.into(), Bytes::copy_from_slice(content));
        Ok(())
    }

    fn replace(&self, path: &str, expected: Option<&[u8]>, content: &[u8]) -> Result<bool, StorageError> {
        check_path(path)?;
        let mut files = lock(&self.files);
        if files.get(path).map(AsRef::as_ref) != expected {
            return Ok(false);
        }
        files.insert(path.into(), Bytes::copy_from_slice(content));
        Ok(true)
    }

    fn delete(&self, path: &str) -> Result<bool, StorageError> {
        check_path(path)?;
        Ok(lock(&self.files).remove(path).is_some())
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        check_folder(folder)?;
        Ok(lock(&self.files).keys().filter(|path| is_below(path, folder)).cloned().collect())
    }

    fn stage(&self, folder: &str) -> Result<StagedFolder, StorageError> {
        check_path(folder)?;
        let staging = MemoryStaging { folder: folder.into(), staged: Files::default(), visible: self.files.clone() };
        staging.check_free()?;
        Ok(StagedFolder::new(folder, Box::new(staging)))
    }

    fn remove_folder(&self, folder: &str) -> Result<bool, StorageError> {
        check_path(folder)?;
        let mut files = lock(&self.files);
        let before = files.len();
        files.retain(|path, _| !is_below(path, folder));
        Ok(files.len() < before)
    }

    fn sweep(&self, _untouched_for: Duration) -> Result<usize, StorageError> {
        Ok(0)
    }
}

struct MemoryStaging {
    folder: String,
    staged: Files,
    visible: Files,
}

impl MemoryStaging {
    fn check_free(&self) -> Result<(), StorageError> {
        if lock(&self.visible).keys().any(|path| is_below(path, &self.folder)) {
            return Err(StorageError::Exists { path: self.folder.clone() });
        }
        Ok(())
    }
}

impl Staging for MemoryStaging {
    fn create(&mut self, name: &str) -> Result<Box<dyn Write + Send>, StorageError> {
        let path = format!("{}/{name}", self.folder);
        let mut staged = lock(&self.staged);
        if staged.contains_key(&path) {
            return Err(failed("create", path, io::ErrorKind::AlreadyExists.into()));
        }
        staged.insert(path.clone(), Bytes::new());
        Ok(Box::new(MemoryWriter { path, written: Vec::new(), staged: self.staged.clone() }))
    }

    fn local_path(&self) -> Option<&Path> {
        None
    }

    fn commit(&mut self) -> Result<(), StorageError> {
        self.check_free()?;
        lock(&self.visible).append(&mut lock(&self.staged));
        Ok(())
    }

    fn abandon(&mut self) {
        lock(&self.staged).clear();
    }
}

struct MemoryWriter {
    path: String,
    written: Vec<u8>,
    staged: Files,
}

impl Write for MemoryWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        lock(&self.staged).insert(self.path.clone(), Bytes::copy_from_slice(&self.written));
        Ok(())
    }
}
