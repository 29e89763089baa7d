//! Files made durable while others are still being written: the disk works while the processors do.

use std::fs::File;
use std::io;
use std::panic::resume_unwind;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

/// How many files are synced at the same time.
const THREADS: usize = 4;
/// How many files wait for it; each of them is open.
const WAITING: usize = 64;

/// Threads that sync files. What there is no room for is left to whoever syncs all files in the end, as is what is synced here: that costs
/// little the second time.
pub(super) struct Syncing {
    waiting: SyncSender<File>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl Syncing {
    pub(super) fn start() -> Self {
        let (waiting, files) = sync_channel::<File>(WAITING);
        let files = Arc::new(Mutex::new(files));
        let sync = move || {
            let next = || files.lock().unwrap_or_else(PoisonError::into_inner).recv();
            while let Ok(file) = next() {
                file.sync_all()?;
            }
            Ok(())
        };
        // Without any thread nothing is synced here.
        let threads = (0..THREADS).map_while(|_| Builder::new().spawn(sync.clone()).ok()).collect();
        Self { waiting, threads }
    }

    /// Syncs a file that is whole, some time later.
    pub(super) fn later(&self, file: File) {
        // If it is not taken it is closed.
        drop(self.waiting.try_send(file));
    }

    /// Waits until all that was taken is synced. A failure must be told here: the system tells it only once.
    pub(super) fn finish(self) -> io::Result<()> {
        drop(self.waiting);
        let joined = |thread: JoinHandle<io::Result<()>>| thread.join().unwrap_or_else(|panic| resume_unwind(panic));
        // Every thread is waited for, whatever one of them says.
        let all: Vec<io::Result<()>> = self.threads.into_iter().map(joined).collect();
        all.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn all_are_taken_or_left_and_failures_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let syncing = Syncing::start();
        for number in 0..200 {
            syncing.later(File::create(folder.path().join(number.to_string())).unwrap());
        }
        syncing.finish().unwrap();
        // A pipe cannot be synced.
        let syncing = Syncing::start();
        let (_, end) = io::pipe().unwrap();
        syncing.later(std::os::fd::OwnedFd::from(end).into());
        assert!(syncing.finish().is_err());
    }
}
