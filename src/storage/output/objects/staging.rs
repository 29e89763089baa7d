//! A revision: made in a local folder, uploaded, and complete with its last object.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::Path as LocalPath;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::ObjectMeta;

use super::sending::{Sending, Sent};
use super::{AT_ONCE, LAST, ObjectOutput, StorageError};
use crate::model::Confirmation;
use crate::storage::output::local::LocalStaging;
use crate::storage::output::{Delivered, Staging};
use crate::storage::remote::block_on;

/// A folder that is made here and will stand there.
pub(super) struct Upload {
    output: ObjectOutput,
    /// The path below the output.
    folder: String,
    local: LocalStaging,
    /// Whether what an incomplete upload left there is taken up, and replaced where it differs.
    resumes: bool,
    delivered: BTreeSet<String>,
    /// Another folder of the output, and the digests of files in it.
    earlier: Option<(String, BTreeMap<String, String>)>,
}

impl Upload {
    pub(super) fn new(
        output: &ObjectOutput,
        folder: &str,
        local: LocalStaging,
        resumes: bool,
    ) -> Result<Self, StorageError> {
        output.location(folder)?;
        Ok(Self {
            output: output.shared(),
            folder: folder.into(),
            local,
            resumes,
            delivered: BTreeSet::new(),
            earlier: None,
        })
    }

    /// The files that were made since, by their names, with their sizes.
    fn pending(&self) -> Result<BTreeMap<String, u64>, StorageError> {
        let files = self.local.files()?;
        Ok(files.into_iter().filter(|(name, _)| !self.delivered.contains(name)).collect())
    }

    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.folder)
    }

    async fn there(&self) -> Result<BTreeMap<String, ObjectMeta>, StorageError> {
        let there = self.output.listed(&self.folder).await?;
        let exists = if self.resumes {
            there.contains_key(&self.path(LAST))
        } else {
            there.keys().any(|path| !self.delivered.contains(path.get(self.folder.len() + 1..).unwrap_or_default()))
        };
        if exists {
            return Err(StorageError::Exists { path: self.output.url_of(&self.folder).into() });
        }
        Ok(there)
    }

    /// Sends files; counts those that were sent and those that stood there.
    async fn send(
        &self,
        files: &BTreeMap<String, u64>,
        there: &BTreeMap<String, ObjectMeta>,
        replaces: bool,
    ) -> Result<Delivered, StorageError> {
        let root = self.local.path();
        let send = |(name, size): (&String, &u64)| {
            let (path, place, size) = (self.path(name), root.join(name), *size);
            let known = there.get(&path).cloned();
            let earlier = self.earlier.as_ref().and_then(|(folder, digests)| {
                let digest = digests.get(name)?.as_str();
                Some((format!("{folder}/{name}"), digest))
            });
            async move {
                let earlier = earlier.as_ref().map(|(path, digest)| (path.as_str(), *digest));
                let sending = Sending { path: &path, file: &place, size, replaces, earlier };
                self.output.send(sending, known).await.map(|sent| (sent, size))
            }
        };
        // The futures are made one by one: of a store of a million chunks only those under way are in memory.
        let mut sent = stream::iter(files.iter().map(send)).buffer_unordered(AT_ONCE);
        let mut counted = Delivered::new(self.output.url_of(&self.folder).into(), self.output.confirmation);
        while let Some((sent, size)) = sent.try_next().await? {
            counted.objects += 1;
            counted.bytes += size;
            counted.already += u64::from(sent == Sent::Already);
            counted.copied += u64::from(sent == Sent::Copied);
        }
        Ok(counted)
    }
}

impl Staging for Upload {
    fn create(&mut self, name: &str) -> Result<Box<dyn Write + Send>, StorageError> {
        self.local.create(name)
    }

    fn local_path(&self) -> Option<&LocalPath> {
        self.local.local_path()
    }

    fn reuse(&mut self, folder: &str, digests: BTreeMap<String, String>) {
        self.earlier = Some((folder.to_owned(), digests));
    }

    fn deliver(&mut self) -> Result<Option<Delivered>, StorageError> {
        let mut files = self.pending()?;
        files.remove(LAST);
        let delivered = block_on(async {
            let there = self.there().await?;
            self.send(&files, &there, self.resumes).await
        })?;
        self.delivered.extend(files.into_keys());
        Ok(Some(delivered))
    }

    fn commit(&mut self) -> Result<(), StorageError> {
        let mut files = self.pending()?;
        let last: BTreeMap<String, u64> = files.remove_entry(LAST).into_iter().collect();
        let all: BTreeSet<String> = self.local.files()?.into_keys().collect();
        block_on(async {
            let there = self.there().await?;
            self.send(&files, &there, self.resumes).await?;
            // What an earlier attempt sent and this revision has not is none of it.
            let start = self.folder.len() + 1;
            let stray = there.keys().filter(|path| !path.get(start..).is_some_and(|name| all.contains(name)));
            let stray: Vec<String> = stray.cloned().collect();
            if !stray.is_empty() {
                self.output.delete_all(stray).await?;
            }
            // Who creates the last object has the revision.
            self.send(&last, &BTreeMap::new(), false).await
        })?;
        self.local.abandon();
        Ok(())
    }

    fn abandon(&mut self) {
        self.local.abandon();
    }
}

impl ObjectOutput {
    /// The same output, with the same lock.
    pub(super) fn shared(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            prefix: self.prefix.clone(),
            url: self.url.clone(),
            scratch: self.scratch.clone(),
            confirmation: self.confirmation,
            conditions: Arc::clone(&self.conditions),
            lease: Arc::clone(&self.lease),
        }
    }
}

impl Delivered {
    fn new(place: String, confirmation: Confirmation) -> Self {
        Self { place, objects: 0, bytes: 0, already: 0, copied: 0, confirmation }
    }
}
