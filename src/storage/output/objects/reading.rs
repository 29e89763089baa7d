//! Objects, read back.

use std::fs;
use std::io::Write;
use std::path::Path as LocalPath;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{GetOptions, GetRange, ObjectMeta, ObjectStoreExt, UpdateVersion};
use sha2::{Digest, Sha256};

use super::{AT_ONCE, ObjectOutput, StorageError};
use crate::storage::output::failed as failed_locally;
use crate::storage::remote::failed;

/// What is read with one request.
const PIECE: u64 = 8 << 20;

/// Objects up to so many bytes are read at once without knowing their size first.
const WHOLE: u64 = 32 << 20;

pub(super) fn version(object: &ObjectMeta) -> UpdateVersion {
    UpdateVersion { e_tag: object.e_tag.clone(), version: object.version.clone() }
}

impl ObjectOutput {
    pub(super) async fn head(&self, path: &str) -> Result<Option<ObjectMeta>, StorageError> {
        match self.store.head(&self.location(path)?).await {
            Ok(object) => Ok(Some(object)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(failed(&self.url_of(path), &error)),
        }
    }

    /// A document and what it can be replaced by; `None` if there is none.
    pub(super) async fn read(&self, path: &str) -> Result<Option<(Bytes, UpdateVersion)>, StorageError> {
        let url = self.url_of(path);
        let location = self.location(path)?;
        let wrong = |error: object_store::Error| failed(&url, &error);
        match self.store.get(&location).await {
            Ok(answer) if answer.meta.size <= WHOLE => {
                let version = version(&answer.meta);
                Ok(Some((answer.bytes().await.map_err(wrong)?, version)))
            }
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            // It is too long for one answer.
            Ok(_) | Err(object_store::Error::Generic { .. }) => {
                let Some(object) = self.head(path).await? else { return Ok(None) };
                let mut content = Vec::new();
                self.each_piece(path, &object, |piece| {
                    content.extend_from_slice(&piece);
                    Ok(())
                })
                .await?;
                Ok(Some((content.into(), version(&object))))
            }
            Err(error) => Err(wrong(error)),
        }
    }

    /// Gives the bytes of an object piece by piece, all of the same state.
    async fn each_piece(
        &self,
        path: &str,
        object: &ObjectMeta,
        mut take: impl FnMut(Bytes) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let (url, location) = (self.url_of(path), self.location(path)?);
        let changed = |found: String| StorageError::Changed {
            url: url.to_string(),
            expected: format!("{} bytes", object.size).into(),
            found: found.into(),
        };
        let mut at = 0;
        while at < object.size {
            let end = object.size.min(at + PIECE);
            let options = GetOptions {
                range: Some(GetRange::Bounded(at..end)),
                if_match: object.e_tag.clone().filter(|tag| !tag.starts_with("W/")),
                ..GetOptions::default()
            };
            let answer = match self.store.get_opts(&location, options).await {
                Ok(answer) => answer,
                Err(object_store::Error::Precondition { .. }) => return Err(changed("another state".into())),
                Err(error) => return Err(failed(&url, &error)),
            };
            if answer.meta.size != object.size {
                return Err(changed(format!("{} bytes", answer.meta.size)));
            }
            let piece = answer.bytes().await.map_err(|error| failed(&url, &error))?;
            if piece.len() as u64 != end - at {
                return Err(changed(format!("{} bytes of {}", piece.len(), end - at)));
            }
            take(piece)?;
            at = end;
        }
        Ok(())
    }

    /// SHA-256 of an object as the store gives it out.
    pub(super) async fn digest(&self, path: &str, object: &ObjectMeta) -> Result<[u8; 32], StorageError> {
        let mut digest = Sha256::new();
        self.each_piece(path, object, |piece| {
            digest.update(&piece);
            Ok(())
        })
        .await?;
        Ok(digest.finalize().into())
    }

    /// Copies the objects of a folder whose names `wanted` takes to a local folder, with their paths below that folder.
    ///
    /// # Errors
    /// [`StorageError`]; [`StorageError::NoRoom`] says how many bytes they are.
    pub fn fetch(
        &self,
        folder: &str,
        wanted: &(dyn Fn(&str) -> bool + Sync),
        to: &LocalPath,
    ) -> Result<(), StorageError> {
        crate::storage::remote::block_on(async {
            let start = format!("{folder}/");
            let objects: Vec<_> = self
                .listed(folder)
                .await?
                .into_iter()
                .filter_map(|(path, object)| {
                    let below = path.strip_prefix(&start).filter(|below| wanted(below))?.to_owned();
                    Some((path, below, object))
                })
                .collect();
            let needed = objects.iter().map(|(_, _, object)| object.size).sum();
            let fetch = |(path, below, object): (String, String, ObjectMeta)| async move {
                self.fetch_one(&path, &object, &to.join(below)).await
            };
            let fetched: Result<(), StorageError> =
                stream::iter(objects).map(fetch).buffer_unordered(AT_ONCE).try_collect().await;
            fetched.map_err(|error| error.needing(needed))
        })
    }

    async fn fetch_one(&self, path: &str, object: &ObjectMeta, place: &LocalPath) -> Result<(), StorageError> {
        let wrong = |source| failed_locally("write", place.display(), source);
        fs::create_dir_all(place.parent().unwrap_or(place)).map_err(wrong)?;
        let mut file = fs::File::create(place).map_err(wrong)?;
        self.each_piece(path, object, |piece| file.write_all(&piece).map_err(wrong)).await
    }
}
