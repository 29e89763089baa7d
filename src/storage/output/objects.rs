//! An output in an object store: the objects below a prefix of a bucket.
//!
//! Objects appear whole, but not together: a revision is made in a local folder, uploaded object by object, confirmed, and complete when its
//! last object (`report.json`) stands. Overwrites are conditional on the entity tag that was read.

mod content_type;
mod documents;
mod lease;
mod reading;
mod sending;
mod staging;
#[cfg(test)]
pub(super) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path as LocalPath;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore};
use url::Url;

use super::{LocalFolder, OutputStore, StagedFolder, StorageError, check_folder, check_path, is_partial};
use crate::model::Confirmation;
use crate::storage::remote::{block_on, failed, store_to_write, unwritten};
use lease::Lease;
pub use lease::{OutputLock, Owner};

/// The object that is uploaded last of a revision: without it the revision is not complete.
const LAST: &str = "report.json";

/// The folder below the output that locks stand in; nothing of it is part of the catalogue.
const OWN: &str = ".altostac";

/// How many objects a store tells of with one answer.
const LISTED_AT_ONCE: u64 = 1_000;

/// How many objects are sent or fetched at a time for one folder.
const AT_ONCE: usize = 16;

/// How often a request is made again of which nobody knows whether it was carried out.
const ATTEMPTS: u32 = 5;

/// Whether a store keeps to the conditions of a request.
const UNKNOWN: u8 = 0;
const KEPT: u8 = 1;
const IGNORED: u8 = 2;

/// An output in an object store.
#[derive(Debug)]
pub struct ObjectOutput {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
    /// Ends with `/`.
    url: Url,
    /// Where revisions are made before they are uploaded.
    scratch: LocalFolder,
    confirmation: Confirmation,
    conditions: Arc<AtomicU8>,
    lease: Arc<Mutex<Option<Arc<Lease>>>>,
}

impl ObjectOutput {
    /// The output at a URL (`s3://bucket/prefix`); revisions are made below `scratch` first.
    ///
    /// # Errors
    /// [`StorageError::Url`], [`StorageError::Scheme`], or [`StorageError::Environment`] if the credentials are not complete.
    pub fn open(url: &Url, scratch: &LocalPath, confirmation: Confirmation) -> Result<Self, StorageError> {
        let (store, prefix) = store_to_write(url)?;
        Ok(Self::new(store, prefix, url, scratch, confirmation))
    }

    fn new(
        store: Arc<dyn ObjectStore>,
        prefix: Path,
        url: &Url,
        scratch: &LocalPath,
        confirmation: Confirmation,
    ) -> Self {
        let mut url = url.clone();
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        let (scratch, conditions) = (LocalFolder::new(scratch), Arc::new(AtomicU8::new(UNKNOWN)));
        Self { store, prefix, url, scratch, confirmation, conditions, lease: Arc::default() }
    }

    /// Its URL; ends with `/`.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The local folder that revisions are made in.
    pub fn scratch(&self) -> &LocalPath {
        self.scratch.root()
    }

    /// Whether the store was seen to ignore conditions: then writers that share the output can overwrite what others wrote.
    pub fn ignores_conditions(&self) -> bool {
        self.conditions.load(Ordering::SeqCst) == IGNORED
    }

    /// The URL of an object, for messages too: it holds no secrets.
    pub fn url_of(&self, path: &str) -> Url {
        let mut url = self.url.clone();
        let joined = format!("{}{}", url.path(), crate::storage::remote::encoded_key(path));
        url.set_path(&joined);
        url
    }

    fn location(&self, path: &str) -> Result<Path, StorageError> {
        check_folder(path)?;
        let joined = match (self.prefix.as_ref(), path) {
            ("", path) => path.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, path) => format!("{prefix}/{path}"),
        };
        let reason = "an object cannot have such a name";
        Path::parse(joined).map_err(|_| StorageError::OutputPath { path: path.into(), reason })
    }

    /// The path below the output; `None` for what is none of it.
    fn below<'a>(&self, object: &'a ObjectMeta) -> Option<&'a str> {
        let key = object.location.as_ref();
        let below = match self.prefix.as_ref() {
            "" => key,
            prefix => key.strip_prefix(prefix)?.strip_prefix('/')?,
        };
        let is_own = below.split('/').next() == Some(OWN) || below.split('/').any(is_partial);
        (!below.is_empty() && !is_own).then_some(below)
    }

    async fn listed(&self, folder: &str) -> Result<BTreeMap<String, ObjectMeta>, StorageError> {
        let location = self.location(folder)?;
        let mut objects = self.store.list(Some(&location));
        let mut found = BTreeMap::new();
        while let Some(object) = objects.next().await {
            let object = object.map_err(|error| failed(&self.url_of(folder), &error))?;
            if let Some(below) = self.below(&object) {
                found.insert(below.to_owned(), object.clone());
            }
        }
        Ok(found)
    }

    /// The sizes of those of these objects that stand. All are below `folder`, which holds about so many objects: it is listed, a thousand with a
    /// request, or each of them is asked for, whatever takes less.
    ///
    /// # Errors
    /// [`StorageError`] if the store does not tell them.
    pub fn sizes<'a>(
        &self,
        folder: &str,
        paths: &BTreeSet<&'a str>,
        objects: u64,
    ) -> Result<BTreeMap<&'a str, u64>, StorageError> {
        let is_listed = objects / LISTED_AT_ONCE <= paths.len() as u64;
        block_on(async {
            if is_listed { self.sizes_listed(folder, paths).await } else { self.sizes_asked(paths).await }
        })
    }

    async fn sizes_listed<'a>(
        &self,
        folder: &str,
        paths: &BTreeSet<&'a str>,
    ) -> Result<BTreeMap<&'a str, u64>, StorageError> {
        let location = self.location(folder)?;
        let mut objects = self.store.list(Some(&location));
        let mut found = BTreeMap::new();
        while let Some(object) = objects.next().await {
            let object = object.map_err(|error| failed(&self.url_of(folder), &error))?;
            if let Some(path) = self.below(&object).and_then(|below| paths.get(below)) {
                found.insert(*path, object.size);
            }
        }
        Ok(found)
    }

    async fn sizes_asked<'a>(&self, paths: &BTreeSet<&'a str>) -> Result<BTreeMap<&'a str, u64>, StorageError> {
        let all: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let ask = |path: String| async move {
            let object = self.head(&path).await?;
            Ok((path, object))
        };
        let asked: Vec<(String, Option<ObjectMeta>)> =
            stream::iter(all).map(ask).buffer_unordered(2 * AT_ONCE).try_collect().await?;
        let size = |(path, object): (String, Option<ObjectMeta>)| Some((*paths.get(path.as_str())?, object?.size));
        Ok(asked.into_iter().filter_map(size).collect())
    }

    /// The names of the folders that stand directly in a folder.
    ///
    /// # Errors
    /// [`StorageError`] if the store does not list them.
    pub fn folders(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        let location = self.location(folder)?;
        let listed = block_on(async {
            let listed = self.store.list_with_delimiter(Some(&location)).await;
            listed.map_err(|error| failed(&self.url_of(folder), &error))
        })?;
        Ok(listed.common_prefixes.iter().filter_map(|prefix| prefix.filename().map(str::to_owned)).collect())
    }

    /// Whether the revision in this folder was uploaded to its end.
    ///
    /// # Errors
    /// [`StorageError`] if the store does not say.
    pub fn is_complete(&self, folder: &str) -> Result<bool, StorageError> {
        let last = format!("{folder}/{LAST}");
        block_on(async { Ok(self.head(&last).await?.is_some()) })
    }

    /// Deletes objects; those that are gone already count as deleted.
    async fn delete_all(&self, paths: Vec<String>) -> Result<(), StorageError> {
        let locations: Vec<_> = paths.iter().map(|path| self.location(path)).collect::<Result<_, _>>()?;
        for attempt in 0.. {
            match self.delete_once(&locations).await {
                Ok(()) => break,
                Err(error) if documents::is_passing(&error) && attempt < ATTEMPTS => documents::pause(attempt).await,
                Err(error) => return Err(unwritten(&self.url, &error)),
            }
        }
        Ok(())
    }

    async fn delete_once(&self, locations: &[Path]) -> Result<(), object_store::Error> {
        let locations: Vec<Path> = locations.to_vec();
        let locations = stream::iter(locations.into_iter().map(Ok)).boxed();
        let mut deleted = self.store.delete_stream(locations);
        loop {
            match deleted.try_next().await {
                Ok(Some(_)) | Err(object_store::Error::NotFound { .. }) => {}
                Ok(None) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    fn lease(&self) -> Option<Arc<Lease>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Nothing is written once the lock went to another.
    fn check_lease(&self) -> Result<(), StorageError> {
        match self.lease() {
            Some(lease) if !lease.is_held() => Err(StorageError::LockLost { url: self.url.to_string() }),
            _ => Ok(()),
        }
    }
}

impl OutputStore for ObjectOutput {
    fn get(&self, path: &str) -> Result<Option<Bytes>, StorageError> {
        check_path(path)?;
        block_on(async { Ok(self.read(path).await?.map(|(content, _)| content)) })
    }

    fn get_all(&self, paths: &[String]) -> Vec<Result<Option<Bytes>, StorageError>> {
        let one = |path: &str| self.get(path);
        let all = block_on(async {
            let read =
                |path: String| async move { self.read(&path).await.map(|found| found.map(|(content, _)| content)) };
            Ok(stream::iter(paths.to_vec()).map(read).buffered(2 * AT_ONCE).collect::<Vec<_>>().await)
        });
        all.unwrap_or_else(|_| paths.iter().map(|path| one(path)).collect())
    }

    fn put(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        check_path(path)?;
        self.check_lease()?;
        let content = Bytes::copy_from_slice(content);
        block_on(async { self.overwrite(path, content).await })
    }

    fn replace(&self, path: &str, expected: Option<&[u8]>, content: &[u8]) -> Result<bool, StorageError> {
        check_path(path)?;
        self.check_lease()?;
        let content = Bytes::copy_from_slice(content);
        block_on(async { self.exchange(path, Some(expected), content).await.map(|done| done.is_some()) })
    }

    fn put_if_changed(&self, path: &str, content: &[u8]) -> Result<bool, StorageError> {
        check_path(path)?;
        self.check_lease()?;
        let content = Bytes::copy_from_slice(content);
        match block_on(async { self.exchange(path, None, content).await })? {
            Some(wrote) => Ok(wrote),
            None => Err(StorageError::Contended { url: self.url_of(path).into() }),
        }
    }

    fn delete(&self, path: &str) -> Result<bool, StorageError> {
        check_path(path)?;
        self.check_lease()?;
        block_on(async {
            if self.head(path).await?.is_none() {
                return Ok(false);
            }
            self.delete_all(vec![path.to_owned()]).await.map(|()| true)
        })
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        block_on(async { Ok(self.listed(folder).await?.into_keys().collect()) })
    }

    fn stage(&self, folder: &str) -> Result<StagedFolder, StorageError> {
        check_path(folder)?;
        let exists = block_on(async { Ok(!self.listed(folder).await?.is_empty()) })?;
        if exists {
            return Err(StorageError::Exists { path: self.url_of(folder).into() });
        }
        let local = self.scratch.begin(folder, None)?;
        Ok(StagedFolder::new(folder, Box::new(staging::Upload::new(self, folder, local, false)?)))
    }

    fn resume(&self, folder: &str, key: &str, kept: &[&str]) -> Result<StagedFolder, StorageError> {
        check_path(folder)?;
        if self.is_complete(folder)? {
            return Err(StorageError::Exists { path: self.url_of(folder).into() });
        }
        let local = self.scratch.begin(folder, Some((key, kept)))?;
        Ok(StagedFolder::new(folder, Box::new(staging::Upload::new(self, folder, local, true)?)))
    }

    fn remove_folder(&self, folder: &str) -> Result<bool, StorageError> {
        check_path(folder)?;
        self.check_lease()?;
        block_on(async {
            let mut paths: Vec<String> = self.listed(folder).await?.into_keys().collect();
            let last = format!("{folder}/{LAST}");
            // What is cut off here is an incomplete revision.
            if let Some(at) = paths.iter().position(|path| *path == last) {
                self.delete_all(vec![paths.remove(at)]).await?;
                self.delete_all(paths).await?;
                return Ok(true);
            }
            let found = !paths.is_empty();
            self.delete_all(paths).await?;
            Ok(found)
        })
    }

    fn sweep(&self, untouched_for: Duration) -> Result<usize, StorageError> {
        self.scratch.sweep(untouched_for)
    }
}
