//! Files of a revision, sent and confirmed.

use std::fs::File;
use std::io::Read;
use std::path::Path as LocalPath;

use bytes::Bytes;
use futures_util::future::try_join_all;
use object_store::{MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt, PutMultipartOptions};
use sha2::{Digest, Sha256};
use tokio::sync::Semaphore;

use super::documents::{attributes, is_condition, is_passing, pause};
use super::reading::version;
use super::{ObjectOutput, StorageError};
use crate::model::Confirmation;
use crate::storage::output::failed as failed_locally;
use crate::storage::remote::unwritten;

/// Larger files are sent in parts.
const PART: u64 = 8 << 20;

/// A store takes 10,000 parts of a file; some are kept back.
const PARTS: u64 = 9_000;

/// So many parts of one file are under way at a time.
const PARTS_AT_ONCE: usize = 2;

/// MiB of files that are held in memory at a time, in the whole process.
const MEMORY: u32 = 128;
static ROOM: Semaphore = Semaphore::const_new(MEMORY as usize);

/// How often a file is sent before it is given up.
const ATTEMPTS: u32 = 5;

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    /// It was sent.
    Anew,
    /// It stood there.
    Already,
    /// The store copied it from where it stood.
    Copied,
}

/// A file to be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sending<'a> {
    /// The path below the output.
    pub(super) path: &'a str,
    pub(super) file: &'a LocalPath,
    /// Its size.
    pub(super) size: u64,
    /// Whether other content that stands there is replaced.
    pub(super) replaces: bool,
    /// The path of an object that may hold the same, and its SHA-256 in hexadecimal.
    pub(super) earlier: Option<(&'a str, &'a str)>,
}

/// What was sent, and the tag that it got.
struct Put {
    digest: [u8; 32],
    e_tag: Option<String>,
}

fn bytes(size: u64) -> String {
    format!("{size} bytes")
}

fn part_size(size: u64) -> u64 {
    PART.max(size.div_ceil(PARTS))
}

impl ObjectOutput {
    /// Sends a file and confirms that it stands as it is here. `there` is what stood before.
    pub(super) async fn send(&self, sending: Sending<'_>, there: Option<ObjectMeta>) -> Result<Sent, StorageError> {
        let most = if sending.size <= PART { sending.size } else { part_size(sending.size) * PARTS_AT_ONCE as u64 };
        let room = u32::try_from(most.div_ceil(1 << 20).max(1)).unwrap_or(MEMORY).min(MEMORY);
        let _room = ROOM.acquire_many(room).await;
        let url = self.url_of(sending.path);
        let (mut there, mut last, mut is_ours) = (there, None, false);
        if there.is_none() && self.copy(&sending).await? {
            return Ok(Sent::Copied);
        }
        for attempt in 0..ATTEMPTS {
            self.check_lease()?;
            if let Some(object) = &there {
                if self.stands(&sending, object).await? {
                    return Ok(if attempt == 0 { Sent::Already } else { Sent::Anew });
                }
                if !sending.replaces && !is_ours {
                    return Err(StorageError::Exists { path: url.into() });
                }
            }
            match self.send_once(&sending, there.as_ref()).await? {
                Ok(put) => {
                    is_ours = true;
                    match self.confirm(&sending, &put).await? {
                        None => return Ok(Sent::Anew),
                        Some(found) => last = Some(found),
                    }
                }
                Err(error) if is_condition(&error) || is_passing(&error) => {
                    last = Some(unwritten(&url, &error));
                    pause(attempt).await;
                }
                Err(error) => return Err(unwritten(&url, &error)),
            }
            there = self.head(sending.path).await?;
        }
        Err(last.unwrap_or(StorageError::Contended { url: url.into() }))
    }

    /// Lets the store copy what it holds already; whether that is now what the file holds. If not, the file is sent.
    async fn copy(&self, sending: &Sending<'_>) -> Result<bool, StorageError> {
        let Some((from, expected)) = sending.earlier else { return Ok(false) };
        if hex(&digest_of(sending.file)?) != expected {
            return Ok(false);
        }
        self.check_lease()?;
        let (from, to) = (self.location(from)?, self.location(sending.path)?);
        if self.store.copy(&from, &to).await.is_err() {
            return Ok(false);
        }
        // What stood there may have been damaged since: it is read whatever the recipe says.
        let Some(object) = self.head(sending.path).await? else { return Ok(false) };
        self.stands(sending, &object).await
    }

    /// Whether an object holds what the file does.
    async fn stands(&self, sending: &Sending<'_>, object: &ObjectMeta) -> Result<bool, StorageError> {
        if object.size != sending.size {
            return Ok(false);
        }
        Ok(self.digest(sending.path, object).await? == digest_of(sending.file)?)
    }

    /// What is wrong with an object that was sent; `None` if it is right.
    async fn confirm(&self, sending: &Sending<'_>, put: &Put) -> Result<Option<StorageError>, StorageError> {
        let url = self.url_of(sending.path);
        let differs = |expected: String, found: String| {
            Ok(Some(StorageError::Differs { url: url.to_string(), expected: expected.into(), found: found.into() }))
        };
        if self.confirmation == Confirmation::Checksum || sending.size == 0 {
            let found = self.head(sending.path).await?.map_or_else(|| "nothing".into(), |found| bytes(found.size));
            let expected = bytes(sending.size);
            return if found == expected { Ok(None) } else { differs(expected, found) };
        }
        let object = ObjectMeta {
            location: self.location(sending.path)?,
            last_modified: chrono::DateTime::UNIX_EPOCH,
            size: sending.size,
            e_tag: put.e_tag.clone(),
            version: None,
        };
        match self.digest(sending.path, &object).await {
            Ok(found) if found == put.digest => Ok(None),
            Ok(found) => differs(format!("SHA-256 {}", hex(&put.digest)), hex(&found)),
            Err(error @ (StorageError::Changed { .. } | StorageError::Refused { status: 404 | 416, .. })) => {
                Ok(Some(error))
            }
            Err(error) => Err(error),
        }
    }

    /// One attempt. The outer error is one of this machine.
    async fn send_once(
        &self,
        sending: &Sending<'_>,
        there: Option<&ObjectMeta>,
    ) -> Result<Result<Put, object_store::Error>, StorageError> {
        let wrong = |error| failed_locally("read", sending.file.display(), error);
        let mut file = File::open(sending.file).map_err(wrong)?;
        if sending.size > PART {
            return self.send_parts(sending, &mut file).await;
        }
        let content = piece(&mut file, PART + 1).map_err(wrong)?;
        if content.len() as u64 != sending.size {
            return Err(changed(sending, content.len() as u64));
        }
        let digest = Sha256::digest(&content).into();
        let mode = self.mode(there.map(version));
        Ok(self.put_once(sending.path, content, mode).await.map(|put| Put { digest, e_tag: put.e_tag }))
    }

    async fn send_parts(
        &self,
        sending: &Sending<'_>,
        file: &mut File,
    ) -> Result<Result<Put, object_store::Error>, StorageError> {
        let location = self.location(sending.path)?;
        let options = PutMultipartOptions { attributes: attributes(sending.path), ..PutMultipartOptions::default() };
        let mut upload = match self.store.put_multipart_opts(&location, options).await {
            Ok(upload) => upload,
            Err(error) => return Ok(Err(error)),
        };
        let sent = self.send_each_part(sending, file, upload.as_mut()).await;
        let done = match sent {
            Ok(Ok(digest)) => upload.complete().await.map(|put| Put { digest, e_tag: put.e_tag }),
            Ok(Err(error)) => Err(error),
            Err(error) => {
                // What cannot be told to the store now is left to its own rules.
                let _ = upload.abort().await;
                return Err(error);
            }
        };
        if done.is_err() {
            let _ = upload.abort().await;
        }
        Ok(done)
    }

    async fn send_each_part(
        &self,
        sending: &Sending<'_>,
        file: &mut File,
        upload: &mut dyn MultipartUpload,
    ) -> Result<Result<[u8; 32], object_store::Error>, StorageError> {
        let mut digest = Sha256::new();
        let mut sent = 0;
        loop {
            self.check_lease()?;
            let mut parts = Vec::new();
            while parts.len() < PARTS_AT_ONCE {
                let part = piece(file, part_size(sending.size))
                    .map_err(|error| failed_locally("read", sending.file.display(), error))?;
                if part.is_empty() {
                    break;
                }
                digest.update(&part);
                sent += part.len() as u64;
                parts.push(upload.put_part(part.into()));
            }
            if parts.is_empty() {
                break;
            }
            if let Err(error) = try_join_all(parts).await {
                return Ok(Err(error));
            }
        }
        if sent != sending.size {
            return Err(changed(sending, sent));
        }
        Ok(Ok(digest.finalize().into()))
    }
}

fn changed(sending: &Sending<'_>, found: u64) -> StorageError {
    StorageError::Changed {
        url: sending.file.display().to_string(),
        expected: format!("{} bytes", sending.size).into(),
        found: format!("{found} bytes").into(),
    }
}

/// The next bytes of a file, fewer only at its end.
fn piece(file: &mut File, length: u64) -> std::io::Result<Bytes> {
    let mut content = Vec::new();
    file.take(length).read_to_end(&mut content)?;
    Ok(content.into())
}

fn digest_of(place: &LocalPath) -> Result<[u8; 32], StorageError> {
    let wrong = |error| failed_locally("read", place.display(), error);
    let mut file = File::open(place).map_err(wrong)?;
    let mut digest = Sha256::new();
    loop {
        let piece = piece(&mut file, PART).map_err(wrong)?;
        if piece.is_empty() {
            return Ok(digest.finalize().into());
        }
        digest.update(&piece);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
