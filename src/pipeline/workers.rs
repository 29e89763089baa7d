//! Who works on what: threads that compute, threads that wait for servers, and how many items are under way.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder};
use std::time::{Duration, Instant};

use rayon::ThreadPool;
use rayon::prelude::*;

use super::PipelineError;
use crate::model::SourceFile;

/// How many remote files are asked for at once.
const REMOTE: usize = 32;

/// New items are begun while those under way weigh less than this, in files: enough to keep all connections busy.
const FILES_UNDER_WAY: usize = 2 * REMOTE;

/// How many small items may wait for the disk at once: it makes what several have written durable in the time that it takes for one.
const ON_DISK: usize = 8;

/// A local file of so many bytes counts as one more.
const HEAVY: u64 = 1 << 20;

/// What these files weigh while they are worked on. Of remote ones what counts is how often is waited for them.
pub(super) fn weight(files: &[SourceFile]) -> usize {
    let of = |file: &SourceFile| match file.url.is_remote() {
        true => 1,
        false => usize::try_from(file.size / HEAVY).unwrap_or(usize::MAX).saturating_add(1),
    };
    files.iter().map(of).fold(0, usize::saturating_add)
}

/// The threads of a run.
///
/// What computes runs on as many threads as were asked for. What waits for servers runs on threads of its own, and then more items are under
/// way than there are threads that compute.
pub(super) struct Workers {
    jobs: usize,
    computing: ThreadPool,
    waiting: Option<ThreadPool>,
    /// Held by whoever copies: one copy at a time has all threads, and all the memory that copies may take.
    copying: Mutex<()>,
    stages: Mutex<BTreeMap<&'static str, Duration>>,
}

impl Workers {
    /// Starts threads: `jobs` to compute, 0 for as many as there are processors; others to wait if there are `remote` files.
    pub(super) fn start(jobs: usize, remote: bool) -> Result<Self, PipelineError> {
        let jobs = if jobs == 0 { thread::available_parallelism().map_or(1, NonZero::get) } else { jobs };
        let waiting = remote.then(|| super::thread_pool(jobs.max(REMOTE))).transpose()?;
        Ok(Self {
            jobs,
            computing: super::thread_pool(jobs)?,
            waiting,
            copying: Mutex::new(()),
            stages: Mutex::default(),
        })
    }

    /// Does something, and counts how long it took; what several threads do at the same time counts for each.
    pub(super) fn timed<R>(&self, stage: &'static str, work: impl FnOnce() -> R) -> R {
        let begun = Instant::now();
        let done = work();
        self.spent(stage, begun.elapsed());
        done
    }

    /// Counts time that a stage took.
    pub(super) fn spent(&self, stage: &'static str, time: Duration) {
        *lock(&self.stages).entry(stage).or_default() += time;
    }

    /// How long each stage took so far, of all threads together.
    pub(super) fn stages(&self) -> BTreeMap<&'static str, Duration> {
        lock(&self.stages).clone()
    }

    /// Does what computes.
    pub(super) fn compute<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        self.computing.install(work)
    }

    /// Does what reads these files, several pieces at once.
    pub(super) fn read<R: Send>(&self, files: &[SourceFile], work: impl FnOnce() -> R + Send) -> R {
        match &self.waiting {
            Some(waiting) if files.iter().any(|file| file.url.is_remote()) => waiting.install(work),
            _ => self.computing.install(work),
        }
    }

    /// Does what copies the values of these files, when no other copy is under way.
    ///
    /// Called from a thread that belongs to no pool: a thread of a pool that waits here might hold what it waits for.
    pub(super) fn copy<R: Send>(&self, files: &[SourceFile], work: impl FnOnce() -> R + Send) -> R {
        let _turn = lock(&self.copying);
        self.read(files, work)
    }

    /// Does something with every file, several at once; the answers are in the order of the files.
    pub(super) fn each_file<R: Send>(&self, files: &[SourceFile], work: impl Fn(&SourceFile) -> R + Sync) -> Vec<R> {
        self.read(files, || files.par_iter().map(&work).collect())
    }

    /// Does something with every item, several at once, begun in their order; the answers are in their order. `files` says what those files of an
    /// item weigh that will be read ([`weight`]).
    pub(super) fn each_item<T: Sync, R: Send>(
        &self,
        items: &[T],
        files: impl Fn(&T) -> usize + Sync,
        work: impl Fn(&T) -> R + Sync,
    ) -> Vec<R> {
        let answers: Mutex<Vec<Option<R>>> = Mutex::new(items.iter().map(|_| None).collect());
        let under_way = UnderWay { least: self.jobs, state: Mutex::default(), changed: Condvar::new() };
        let run = || {
            while let Some(number) = under_way.begin(items, &files) {
                let answer = work(&items[number]);
                if let Some(place) = lock(&answers).get_mut(number) {
                    *place = Some(answer);
                }
                under_way.end(files(&items[number]));
            }
        };
        let threads =
            self.waiting.as_ref().map_or(self.jobs.max(ON_DISK), ThreadPool::current_num_threads).min(items.len());
        thread::scope(|scope| {
            // What cannot be started is not needed: this thread works too.
            let others: Vec<_> = (1..threads).map_while(|_| Builder::new().spawn_scoped(scope, run).ok()).collect();
            run();
            for other in others {
                if let Err(panic) = other.join() {
                    resume_unwind(panic);
                }
            }
        });
        answers.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().flatten().collect()
    }
}

/// Which items are begun, and how much is under way.
struct UnderWay {
    /// So many items may always be under way.
    least: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    next: usize,
    items: usize,
    files: usize,
}

impl UnderWay {
    /// The number of the next item, once there is room for its files; `None` if all are begun.
    fn begin<T>(&self, items: &[T], files: impl Fn(&T) -> usize) -> Option<usize> {
        let mut state = lock(&self.state);
        loop {
            let number = state.next;
            let files = files(items.get(number)?);
            if state.items < self.least || state.files.saturating_add(files) <= FILES_UNDER_WAY {
                state.next += 1;
                state.items += 1;
                state.files = state.files.saturating_add(files);
                return Some(number);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn end(&self, files: usize) {
        let mut state = lock(&self.state);
        state.items -= 1;
        state.files = state.files.saturating_sub(files);
        self.changed.notify_all();
    }
}

/// What is guarded here is whole after every statement.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::model::{Fingerprint, SourceUrl};

    fn remote_file() -> SourceFile {
        let url = SourceUrl::new("https://a.org/x.nc".parse().unwrap());
        SourceFile { url, size: 1, fingerprint: Fingerprint::ETag { tag: "\"a\"".into() } }
    }

    #[test]
    fn answers_are_in_order_and_small_items_wait_together() {
        let workers = Workers::start(1, true).unwrap();
        // All of them have to be under way at once, on one thread that computes.
        let together = Barrier::new(REMOTE);
        let items: Vec<usize> = (0..REMOTE).collect();
        let answers = workers.each_item(
            &items,
            |_| 1,
            |item| {
                together.wait();
                workers.compute(|| item * 2)
            },
        );
        assert_eq!(answers, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        let files = vec![remote_file(); REMOTE];
        assert_eq!(workers.each_file(&files, |_| together.wait()).len(), REMOTE);
    }

    #[test]
    fn large_items_are_not_begun_all_at_once() {
        let workers = Workers::start(2, true).unwrap();
        let (now, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |_: &usize| {
            most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            thread::yield_now();
            now.fetch_sub(1, Ordering::SeqCst);
        };
        assert_eq!(workers.each_item(&[0; 50], |_| 10_000, work).len(), 50);
        assert!(most.load(Ordering::SeqCst) <= 2);
        assert!(workers.each_item(&[], |_: &usize| 1, work).is_empty());
    }
}
