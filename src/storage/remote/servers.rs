//! What servers have to bear, and whether they answer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::Uri;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::Settings;

/// Hosts whose number of open requests is known at once.
const HOST_LIMIT: usize = 1024;

/// After so many requests in a row, and so long, without any answer, a server is only tried now and then.
const SILENCE_LIMIT: usize = 16;
const TRIAL_INTERVAL: Duration = Duration::from_secs(15);

/// The servers that requests went to.
#[derive(Debug, Default)]
pub(super) struct Hosts(Mutex<HashMap<String, Arc<Host>>>);

impl Hosts {
    pub(super) fn get(&self, uri: &Uri, at_once: usize) -> Arc<Host> {
        let name = uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        let mut hosts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= HOST_LIMIT {
            hosts.retain(|_, host| Arc::strong_count(host) > 1);
        }
        let host = || Arc::new(Host { requests: Semaphore::new(at_once.max(1)), silence: Mutex::default() });
        Arc::clone(hosts.entry(name).or_insert_with(host))
    }
}

/// A server: how many requests it has to bear at once, and whether it answers at all.
#[derive(Debug)]
pub(super) struct Host {
    requests: Semaphore,
    silence: Mutex<Silence>,
}

#[derive(Debug, Default)]
struct Silence {
    failures: usize,
    since: Option<Instant>,
    tried: Option<Instant>,
}

impl Host {
    /// Waits until another request may be open; `None` never happens, as nobody closes the door.
    pub(super) async fn enter(&self) -> Option<SemaphorePermit<'_>> {
        self.requests.acquire().await.ok()
    }

    /// Whether a request is in vain: nobody has answered for long. Now and then one is sent all the same.
    pub(super) fn is_silent(&self, settings: &Settings) -> bool {
        let mut silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
        let is_long = silence.since.is_some_and(|since| since.elapsed() >= settings.longest_silence);
        if silence.failures < SILENCE_LIMIT || !is_long {
            return false;
        }
        let is_trial = silence.tried.is_none_or(|tried| tried.elapsed() >= TRIAL_INTERVAL);
        if is_trial {
            silence.tried = Some(Instant::now());
        }
        !is_trial
    }

    pub(super) fn hear(&self, answered: bool) {
        let mut silence = self.silence.lock().unwrap_or_else(PoisonError::into_inner);
        if answered {
            *silence = Silence::default();
        } else {
            silence.failures = silence.failures.saturating_add(1);
            silence.since.get_or_insert_with(Instant::now);
        }
    }
}
