//! The advisory lock of an output: an object that names its owner and when it expires.
//!
//! It keeps two runs from doing the same work and from waiting for each other's revisions; what makes them harmless to each other are the
//! conditions of each request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::{PutMode, UpdateVersion};
use serde::{Deserialize, Serialize};

use super::documents::{is_condition, is_passing, pause};
use super::{ATTEMPTS, IGNORED, KEPT, OWN, ObjectOutput, StorageError, UNKNOWN};
use crate::storage::remote::{block_on, spawn, unwritten};

/// How long a lock is good for after it was last renewed.
const TERM: Duration = Duration::from_secs(120);
/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(30);
/// Clocks of different machines may differ by so much.
const SKEW: Duration = Duration::from_secs(60);

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The same for all runs of one state folder, of which there is one at a time: what such a run left behind when it was killed is free.
    pub id: String,
    /// Another for each run.
    pub run: String,
    /// For people: the machine and the process.
    pub shown: String,
}

/// What the object of a lock holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Document {
    #[serde(flatten)]
    owner: Owner,
    expires: DateTime<Utc>,
}

impl Document {
    fn of(owner: &Owner, now: SystemTime) -> Self {
        Self { owner: owner.clone(), expires: (now + TERM).into() }
    }

    fn bytes(&self) -> Bytes {
        serde_json::to_vec_pretty(self).unwrap_or_default().into()
    }

    /// Whether another owner may take it over. Pure.
    fn is_free(&self, owner: &Owner, now: SystemTime) -> bool {
        self.owner.id == owner.id || DateTime::<Utc>::from(now - SKEW) > self.expires
    }
}

/// A lock that is held, and renewed.
#[derive(Debug)]
pub(super) struct Lease {
    path: String,
    owner: Owner,
    version: Mutex<UpdateVersion>,
    until: Mutex<SystemTime>,
    lost: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lease {
    /// Whether nobody else can have it.
    pub(super) fn is_held(&self) -> bool {
        !self.lost.load(Ordering::SeqCst) && SystemTime::now() < *lock(&self.until)
    }
}

/// Gives the lock back when it is dropped.
#[derive(Debug)]
pub struct OutputLock {
    output: ObjectOutput,
    lease: Arc<Lease>,
    renewing: tokio::task::AbortHandle,
}

impl Drop for OutputLock {
    fn drop(&mut self) {
        self.renewing.abort();
        lock(&self.output.lease).take();
        // A lock that cannot be given back expires. Whose it is counts, not its version: a renewal may have been stored whose answer was not
        // waited for.
        let _ = block_on(async {
            let path = &self.lease.path;
            let found = self.output.read(path).await?;
            let held = found.and_then(|(content, _)| serde_json::from_slice::<Document>(&content).ok());
            if held.is_some_and(|held| held.owner.run == self.lease.owner.run) {
                self.output.delete_all(vec![path.clone()]).await?;
            }
            Ok(())
        });
    }
}

impl ObjectOutput {
    /// Takes the lock of this name. What is written afterwards is refused as soon as the lock may have gone to another.
    ///
    /// Once in a process it is found out here whether the store keeps to conditions.
    ///
    /// # Errors
    /// [`StorageError::Busy`] if another holds it; [`StorageError`] if the store cannot be written to.
    pub fn lock(&self, name: &str, owner: &Owner) -> Result<OutputLock, StorageError> {
        let path = format!("{OWN}/{name}.lock");
        let lease = Arc::new(block_on(async {
            let lease = self.acquire(&path, owner).await?;
            self.probe(&lease).await?;
            Ok(lease)
        })?);
        lock(&self.lease).replace(Arc::clone(&lease));
        let (output, renewed) = (self.shared(), Arc::clone(&lease));
        let renewing = spawn(async move {
            while renewed.is_held() {
                tokio::time::sleep(RENEWAL).await;
                output.renew(&renewed).await;
            }
        })?;
        Ok(OutputLock { output: self.shared(), lease, renewing })
    }

    async fn acquire(&self, path: &str, owner: &Owner) -> Result<Lease, StorageError> {
        let url = self.url_of(path);
        let mut last = None;
        for attempt in 0..ATTEMPTS {
            let now = SystemTime::now();
            let document = Document::of(owner, now);
            let found = self.read(path).await?;
            let mut mode = self.mode(None);
            if let Some((content, version)) = found {
                match serde_json::from_slice::<Document>(&content) {
                    Ok(held) if held.owner.run == owner.run => {}
                    Ok(held) if !held.is_free(owner, now) => {
                        let (owner, until) = (held.owner.shown, held.expires);
                        return Err(StorageError::Busy { url: self.url.to_string(), owner, until });
                    }
                    Ok(held) => tracing::warn!(owner = held.owner.shown, "a stale lock of {url} is taken over"),
                    Err(_) => tracing::warn!("a lock of {url} that cannot be read is taken over"),
                }
                mode = self.mode(Some(version));
            }
            match self.put_once(path, document.bytes(), mode).await {
                Ok(put) => {
                    let version = UpdateVersion { e_tag: put.e_tag, version: put.version };
                    let (version, until) = (Mutex::new(version), Mutex::new(now + TERM));
                    let (path, owner) = (path.to_owned(), owner.clone());
                    return Ok(Lease { path, owner, version, until, lost: AtomicBool::new(false) });
                }
                Err(object_store::Error::NotImplemented { .. }) => {
                    self.conditions.store(IGNORED, Ordering::SeqCst);
                }
                Err(error) if is_condition(&error) || is_passing(&error) => {
                    last = Some(unwritten(&url, &error));
                    pause(attempt).await;
                }
                Err(error) => return Err(unwritten(&url, &error)),
            }
        }
        Err(last.unwrap_or(StorageError::Contended { url: url.into() }))
    }

    /// Finds out whether the store keeps to conditions, by two requests that must fail.
    async fn probe(&self, lease: &Lease) -> Result<(), StorageError> {
        if self.conditions.load(Ordering::SeqCst) != UNKNOWN {
            return Ok(());
        }
        let other =
            UpdateVersion { e_tag: Some("\"00000000000000000000000000000000\"".into()), version: Some("1".into()) };
        for mode in [PutMode::Create, PutMode::Update(other)] {
            let content = Document::of(&lease.owner, SystemTime::now()).bytes();
            let mut put = self.put_once(&lease.path, content.clone(), mode.clone()).await;
            for attempt in 0..ATTEMPTS {
                if !put.as_ref().is_err_and(is_passing) {
                    break;
                }
                pause(attempt).await;
                put = self.put_once(&lease.path, content.clone(), mode.clone()).await;
            }
            match put {
                Err(error) if is_condition(&error) => {}
                Err(object_store::Error::NotImplemented { .. }) => {
                    self.conditions.store(IGNORED, Ordering::SeqCst);
                    return Ok(());
                }
                Err(error) => return Err(unwritten(&self.url_of(&lease.path), &error)),
                Ok(put) => {
                    *lock(&lease.version) = UpdateVersion { e_tag: put.e_tag, version: put.version };
                    self.conditions.store(IGNORED, Ordering::SeqCst);
                    return Ok(());
                }
            }
        }
        self.conditions.store(KEPT, Ordering::SeqCst);
        Ok(())
    }

    pub(super) async fn renew(&self, lease: &Lease) {
        let now = SystemTime::now();
        let mode = self.mode(Some(lock(&lease.version).clone()));
        match self.put_once(&lease.path, Document::of(&lease.owner, now).bytes(), mode).await {
            Ok(put) => {
                *lock(&lease.version) = UpdateVersion { e_tag: put.e_tag, version: put.version };
                *lock(&lease.until) = now + TERM;
            }
            Err(error) if is_condition(&error) => match self.read(&lease.path).await {
                // Our own request before, whose answer was lost.
                Ok(Some((content, version)))
                    if serde_json::from_slice::<Document>(&content)
                        .is_ok_and(|held| held.owner.run == lease.owner.run) =>
                {
                    *lock(&lease.version) = version;
                    *lock(&lease.until) = now + TERM;
                }
                Ok(_) => lease.lost.store(true, Ordering::SeqCst),
                Err(error) => tracing::warn!("the lock was not renewed: {error}"),
            },
            Err(error) => tracing::warn!("the lock was not renewed: {}", unwritten(&self.url_of(&lease.path), &error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(id: &str, run: &str) -> Owner {
        Owner { id: id.into(), run: run.into(), shown: "process 1 on a".into() }
    }

    #[test]
    fn a_lock_is_free_for_its_own_state_and_after_its_term() {
        let now = SystemTime::now();
        let held = Document::of(&owner("a", "1"), now);
        assert!(held.is_free(&owner("a", "2"), now));
        assert!(!held.is_free(&owner("b", "1"), now));
        assert!(!held.is_free(&owner("b", "1"), now + TERM));
        assert!(held.is_free(&owner("b", "1"), now + TERM + SKEW + Duration::from_secs(1)));
        let again: Result<Document, _> = serde_json::from_slice(&held.bytes());
        assert!(again.is_ok_and(|again| again == held));
    }
}
