//! Where the output of a recipe is: a folder of this machine, or an object store.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use url::Url;

use super::{LocalFolder, ObjectOutput, OutputStore, StagedFolder, StorageError};

/// The output of a recipe.
#[derive(Debug)]
pub enum Output {
    /// A folder of this machine.
    Folder(LocalFolder),
    /// The objects below a prefix of a bucket.
    Objects(ObjectOutput),
}

/// A folder of the output where it can be read by its path: the folder itself, or a copy that is gone when this is dropped.
#[derive(Debug)]
pub struct Standing {
    path: PathBuf,
    copied: Option<PathBuf>,
}

impl Standing {
    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        if let Some(copied) = &self.copied {
            // What cannot be removed now is swept later.
            let _ = std::fs::remove_dir_all(copied);
        }
    }
}

impl Output {
    fn store(&self) -> &dyn OutputStore {
        match self {
            Self::Folder(folder) => folder,
            Self::Objects(objects) => objects,
        }
    }

    /// The object store, if it is one.
    pub fn objects(&self) -> Option<&ObjectOutput> {
        match self {
            Self::Folder(_) => None,
            Self::Objects(objects) => Some(objects),
        }
    }

    /// Its URL, which ends with `/`; `None` if it is a folder whose path is not absolute.
    pub fn url(&self) -> Option<Url> {
        match self {
            Self::Folder(folder) => Url::from_directory_path(folder.root()).ok(),
            Self::Objects(objects) => Some(objects.url().clone()),
        }
    }

    /// The URL of a file or folder of it.
    pub fn url_of(&self, path: &str) -> Option<Url> {
        match self {
            Self::Folder(folder) => Url::from_file_path(folder.root().join(path)).ok(),
            Self::Objects(objects) => Some(objects.url_of(path)),
        }
    }

    /// A file or folder of it for people: a path, or a URL.
    pub fn shown(&self, path: &str) -> String {
        match self {
            Self::Folder(folder) => folder.root().join(path).display().to_string(),
            Self::Objects(objects) => objects.url_of(path).into(),
        }
    }

    /// The names of the folders that stand directly in a folder.
    ///
    /// # Errors
    /// [`StorageError`] if they cannot be listed.
    pub fn folders(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        match self {
            Self::Folder(local) => local.folders(folder),
            Self::Objects(objects) => objects.folders(folder),
        }
    }

    /// Whether the revision in this folder was written to its end.
    ///
    /// # Errors
    /// [`StorageError`] if that cannot be found out.
    pub fn is_complete(&self, folder: &str) -> Result<bool, StorageError> {
        match self {
            // A folder appears whole.
            Self::Folder(_) => Ok(true),
            Self::Objects(objects) => objects.is_complete(folder),
        }
    }

    /// A folder where it can be read by its path, as far as the names in it are `wanted`.
    ///
    /// # Errors
    /// [`StorageError`] if it cannot be copied to this machine.
    pub fn standing(&self, folder: &str, wanted: &(dyn Fn(&str) -> bool + Sync)) -> Result<Standing, StorageError> {
        match self {
            Self::Folder(local) => Ok(Standing { path: local.root().join(folder), copied: None }),
            Self::Objects(objects) => {
                let place = objects.scratch().join(super::local::partial_name("read"));
                let standing = Standing { path: place.clone(), copied: Some(place) };
                objects.fetch(folder, wanted, &standing.path)?;
                Ok(standing)
            }
        }
    }
}

impl OutputStore for Output {
    fn get(&self, path: &str) -> Result<Option<Bytes>, StorageError> {
        self.store().get(path)
    }

    fn get_all(&self, paths: &[String]) -> Vec<Result<Option<Bytes>, StorageError>> {
        self.store().get_all(paths)
    }

    fn put(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        self.store().put(path, content)
    }

    fn replace(&self, path: &str, expected: Option<&[u8]>, content: &[u8]) -> Result<bool, StorageError> {
        self.store().replace(path, expected, content)
    }

    fn delete(&self, path: &str) -> Result<bool, StorageError> {
        self.store().delete(path)
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        self.store().list(folder)
    }

    fn stage(&self, folder: &str) -> Result<StagedFolder, StorageError> {
        self.store().stage(folder)
    }

    fn resume(&self, folder: &str, key: &str, kept: &[&str]) -> Result<StagedFolder, StorageError> {
        self.store().resume(folder, key, kept)
    }

    fn remove_folder(&self, folder: &str) -> Result<bool, StorageError> {
        self.store().remove_folder(folder)
    }

    fn sweep(&self, untouched_for: Duration) -> Result<usize, StorageError> {
        self.store().sweep(untouched_for)
    }

    fn put_if_changed(&self, path: &str, content: &[u8]) -> Result<bool, StorageError> {
        self.store().put_if_changed(path, content)
    }

    fn put_soon_if_changed(&self, path: &str, content: &[u8]) -> Result<bool, StorageError> {
        self.store().put_soon_if_changed(path, content)
    }

    fn settle(&self) -> Result<(), StorageError> {
        self.store().settle()
    }
}
