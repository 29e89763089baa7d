//! Small documents: records, references to commits. They are replaced only as they were read.

use std::time::Duration;

use bytes::Bytes;
use object_store::{Attribute, Attributes, ObjectStore, PutMode, PutOptions, PutResult, UpdateVersion};

use super::{ATTEMPTS, IGNORED, ObjectOutput, StorageError, content_type};
use crate::storage::remote::unwritten;

/// The pause before another attempt.
pub(super) async fn pause(attempt: u32) {
    tokio::time::sleep(Duration::from_millis(100 << attempt.min(6))).await;
}

/// Whether another attempt may bring what this one did not: nothing was refused.
pub(super) fn is_passing(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::Generic { .. })
}

/// Whether the object is not as the condition says.
pub(super) fn is_condition(error: &object_store::Error) -> bool {
    matches!(error, object_store::Error::AlreadyExists { .. } | object_store::Error::Precondition { .. })
}

pub(super) fn attributes(path: &str) -> Attributes {
    Attributes::from_iter([(Attribute::ContentType, content_type::of(path))])
}

impl ObjectOutput {
    /// The mode of a request that replaces this version (`None`: nothing).
    pub(super) fn mode(&self, version: Option<UpdateVersion>) -> PutMode {
        match version {
            _ if self.conditions.load(std::sync::atomic::Ordering::SeqCst) == IGNORED => PutMode::Overwrite,
            Some(version) if version.e_tag.is_none() && version.version.is_none() => PutMode::Overwrite,
            Some(version) => PutMode::Update(version),
            None => PutMode::Create,
        }
    }

    pub(super) async fn put_once(
        &self,
        path: &str,
        content: Bytes,
        mode: PutMode,
    ) -> Result<PutResult, object_store::Error> {
        let location = self
            .location(path)
            .map_err(|error| object_store::Error::Generic { store: "output", source: Box::new(error) })?;
        let options = PutOptions { mode, attributes: attributes(path), ..PutOptions::default() };
        self.store.put_opts(&location, content.into(), options).await
    }

    /// Writes a document whatever stands there.
    pub(super) async fn overwrite(&self, path: &str, content: Bytes) -> Result<(), StorageError> {
        let done = self.put_once(path, content, PutMode::Overwrite).await;
        done.map(|_| ()).map_err(|error| unwritten(&self.url_of(path), &error))
    }

    /// Replaces a document on the condition that it stands as it was read; if `expected` says so, only if it was that.
    ///
    /// Returns whether it wrote; `None` if others changed it meanwhile, or it was not as expected.
    pub(super) async fn exchange(
        &self,
        path: &str,
        expected: Option<Option<&[u8]>>,
        content: Bytes,
    ) -> Result<Option<bool>, StorageError> {
        let (mut is_unsure, mut first) = (false, None);
        for attempt in 0..ATTEMPTS {
            let found = self.read(path).await?;
            let is_right = found.as_ref().is_some_and(|(found, _)| *found == content);
            let now = found.as_ref().map(|(found, _)| found.clone());
            let is_as_at_first = *first.get_or_insert_with(|| now.clone()) == now;
            match expected {
                // The attempt before was carried out, and only its answer was lost.
                _ if is_right && is_unsure => return Ok(Some(true)),
                None if is_right => return Ok(Some(false)),
                Some(expected) if found.as_ref().map(|(found, _)| &found[..]) != expected => return Ok(None),
                _ if !is_as_at_first => return Ok(None),
                _ => {}
            }
            let mode = self.mode(found.map(|(_, version)| version));
            match self.put_once(path, content.clone(), mode).await {
                Ok(_) => return Ok(Some(true)),
                // A repeated request may have met its own effect: one look more.
                Err(error) if is_condition(&error) && attempt == 0 => is_unsure = true,
                Err(error) if is_condition(&error) => return Ok(None),
                Err(error) if is_passing(&error) && attempt + 1 < ATTEMPTS => {
                    is_unsure = true;
                    pause(attempt).await;
                }
                Err(error) => return Err(unwritten(&self.url_of(path), &error)),
            }
        }
        Ok(None)
    }
}
