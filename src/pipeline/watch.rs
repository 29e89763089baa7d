//! Following an archive: what happens to it is kept in the ledger, gathered until it comes to rest, and synced.
//!
//! | file | does |
//! | --- | --- |
//! | `desk` | takes in what is told: into the ledger first |
//! | `ground` | the folders that the kernel tells of |
//! | `round` | one sync, of a few items or of the whole archive |
//!
//! The recipe's lock is held while a sync is under way alone: other commands can run between two of them.

mod desk;
mod ground;
mod round;

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Serialize;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::{JoinError, JoinHandle};

use super::{PipelineError, Workspace};
use crate::model::WatchSettings;
use crate::watch::{Credentials, Debounce, Metrics, Round, listen, serve_health};
use desk::{Desk, Told};
use ground::Ground;
use round::{Done, Job, Place, Seen};

/// The longest pause before something is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// The loop goes round at least so often.
const PULSE: Duration = Duration::from_secs(1);

/// How a watch is run.
#[derive(Debug, Clone)]
pub struct WatchOptions {
    /// The folder of the ledger; by default beside the recipe.
    pub state: Option<PathBuf>,
    /// Where metrics are served; nowhere by default.
    pub metrics: Option<SocketAddr>,
    /// How many threads compute; 0 for as many as there are processors.
    pub jobs: usize,
    /// How long a sync under way may go on after the order to stop. What is abandoned is done by the next watch.
    pub grace: Duration,
}

/// How a watch ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Nothing was under way any more.
    Finished,
    /// A sync was under way still: its threads end with the program. The next watch does what is left.
    Abandoned,
}

/// What waits to be followed, in `altostac status`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WatchStatus {
    /// How many paths something happened to that are not followed yet.
    pub pending: usize,
    /// When the first of them was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// Those that following failed of, the first hundred.
    pub failures: Vec<WatchFailure>,
    /// How many messages were set aside because they are none.
    pub poison_messages: u64,
    /// Why the latest was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_poison: Option<String>,
}

/// A path that following failed of.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct WatchFailure {
    /// The path.
    pub path: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Why it failed last.
    pub error: String,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry: Option<DateTime<Utc>>,
}

impl Workspace {
    /// What a watch has not followed yet; `None` if there is nothing to tell.
    pub(super) fn watch_status(&self) -> Result<Option<WatchStatus>, PipelineError> {
        let pending = self.ledger().pending_paths()?;
        let (poison_messages, latest) = self.ledger().poison_messages(1)?;
        let failed = pending.iter().filter(|path| path.error.is_some()).take(100);
        let failures = failed.map(|path| WatchFailure {
            path: String::from_utf8_lossy(&path.path).into_owned(),
            attempts: path.attempts,
            error: path.error.clone().unwrap_or_default(),
            retry: path.retry,
        });
        let status = WatchStatus {
            pending: pending.len(),
            since: pending.iter().map(|path| path.told).min(),
            failures: failures.collect(),
            poison_messages,
            last_poison: latest.into_iter().next().map(|message| message.reason),
        };
        Ok((status.pending > 0 || status.poison_messages > 0).then_some(status))
    }
}

/// Watches a recipe's archive until `stop`: syncs all of it at first, then what something happens to; all of it now and then. `tell` is told
/// what is going on, a line at a time.
///
/// # Errors
/// [`PipelineError`] if the watch cannot begin: the recipe, the ledger, the credentials, the address of the metrics. Later failures are
/// told, counted, and tried again.
pub async fn watch(
    recipe: &Path,
    options: &WatchOptions,
    stop: impl Future<Output = ()>,
    tell: &dyn Fn(&str),
) -> Result<Ended, PipelineError> {
    let place = Place { recipe: recipe.to_owned(), state: options.state.clone(), jobs: options.jobs };
    let (recipe, state) = place.open_once()?;
    let settings = recipe.watch.clone();
    let metrics = Arc::new(Metrics::new(settings.broker.is_some()));
    let (events, heard) = unbounded_channel();
    let desk = Arc::new(Desk::open(&state, recipe, events, Arc::clone(&metrics))?);
    let (stopping, stopped) = tokio::sync::watch::channel(false);
    if let Some(address) = options.metrics {
        let bound = serve_health(address, Arc::clone(&metrics), stopped.clone()).await?;
        tell(&format!("metrics on http://{bound}/metrics"));
    }
    let mut listener = None;
    if let Some(broker) = settings.broker.clone() {
        let credentials = Credentials::read(&broker)?;
        tell(&format!("listening to {broker}"));
        let intake: Arc<dyn crate::watch::Intake> = desk.clone();
        listener = Some(tokio::spawn(listen(broker, credentials, intake, Arc::clone(&metrics), stopped.clone())));
    }
    let mut follower = Follower::new(place, desk, metrics, &settings);
    follower.ground.renew(tell);
    tell(&format!("looking at the whole archive now, and every {} s", follower.ground.period().as_secs()));
    follower.load_pending()?;
    let mut stop = pin!(stop);
    let running = tokio::select! {
        () = &mut stop => follower.running.take(),
        () = follower.follow(heard, tell) => None,
    };
    // Whoever listened is gone if nobody hears it.
    let _ = stopping.send(true);
    follower.ground.leave();
    if let Some(listener) = listener {
        let _ = tokio::time::timeout(Duration::from_secs(2), listener).await;
    }
    let Some(mut work) = running else { return Ok(Ended::Finished) };
    tell(&format!("a sync is under way; it has {} s to finish", options.grace.as_secs()));
    match tokio::time::timeout(options.grace, &mut work.handle).await {
        Ok(done) => {
            follower.finish(work, done, tell);
            Ok(Ended::Finished)
        }
        Err(_) => Ok(Ended::Abandoned),
    }
}

/// What waits under a key: paths, with the serials under which the ledger has them.
type Waiting = Vec<(String, Vec<(PathBuf, i64)>)>;

/// A sync under way, and what it follows.
struct Work {
    handle: JoinHandle<Done>,
    /// Whether it was ordered to look at the whole archive.
    full: bool,
    taken: Waiting,
}

/// Decides when what is synced.
struct Follower {
    place: Place,
    desk: Arc<Desk>,
    metrics: Arc<Metrics>,
    retry: Duration,
    quiet: Duration,
    ground: Ground,
    waiting: Debounce<String, (PathBuf, i64)>,
    /// How often following a key has failed in a row.
    attempts: HashMap<String, u32>,
    next_full: Instant,
    /// When another look at the whole archive is due that was asked for since the latest began.
    asked: Option<Instant>,
    failed_fulls: u32,
    /// What was seen when the whole archive was last looked at; `None` if that cannot be said.
    seen: Option<Seen>,
    running: Option<Work>,
}

impl Follower {
    fn new(place: Place, desk: Arc<Desk>, metrics: Arc<Metrics>, settings: &WatchSettings) -> Self {
        Self {
            place,
            ground: Ground::new(Arc::clone(&desk), settings),
            desk,
            metrics,
            retry: settings.retry,
            quiet: settings.quiet,
            waiting: Debounce::new(settings.quiet, settings.longest),
            attempts: HashMap::new(),
            next_full: Instant::now(),
            asked: None,
            failed_fulls: 0,
            seen: None,
            running: None,
        }
    }

    /// What an earlier watch did not follow is followed by the first look at the whole archive.
    fn load_pending(&mut self) -> Result<(), PipelineError> {
        let now = Instant::now();
        for (key, path, serial) in self.desk.pending()? {
            self.waiting.note(key, (path, serial), now);
        }
        Ok(())
    }

    /// Goes on until it is dropped.
    async fn follow(&mut self, mut heard: UnboundedReceiver<Told>, tell: &dyn Fn(&str)) {
        loop {
            self.metrics.live();
            self.metrics.set_pending(self.desk.pending_count(), self.waiting.len() as u64);
            self.start_what_is_due(tell);
            let wake = self.next_wake();
            let done = tokio::select! {
                told = heard.recv() => {
                    // The desk, which holds the other end, lives as long as this.
                    if let Some(told) = told {
                        self.note(told);
                    }
                    None
                }
                () = tokio::time::sleep_until(wake.into()) => None,
                done = finished(&mut self.running) => Some(done),
            };
            if let Some((work, done)) = done.flatten() {
                self.finish(work, done, tell);
            }
            while let Ok(told) = heard.try_recv() {
                self.note(told);
            }
        }
    }

    fn note(&mut self, told: Told) {
        let now = Instant::now();
        match told {
            Told::Path { key, path, serial } => {
                if self.ground.is_shaken_by(&path) {
                    self.ask_for_full(&format!("something happened to {}", path.display()), now);
                }
                self.waiting.note(key, (path, serial), now);
            }
            Told::Everything(reason) => self.ask_for_full(&reason, now),
        }
    }

    fn ask_for_full(&mut self, reason: &str, now: Instant) {
        tracing::warn!("the whole archive is looked at: {reason}");
        let due = now + self.quiet;
        self.asked = Some(self.asked.map_or(due, |asked| asked.min(due)));
    }

    fn next_wake(&self) -> Instant {
        let pulse = Instant::now() + PULSE;
        if self.running.is_some() {
            return pulse;
        }
        let due = self.waiting.next().unwrap_or(pulse);
        due.min(self.next_full).min(self.asked.unwrap_or(pulse)).min(pulse)
    }

    fn start_what_is_due(&mut self, tell: &dyn Fn(&str)) {
        if self.running.is_some() {
            return;
        }
        let now = Instant::now();
        let full = self.next_full <= now || self.asked.is_some_and(|asked| asked <= now);
        let (job, taken) = if full {
            self.ground.renew(tell);
            self.asked = None;
            (Job::Full, self.waiting.take_all())
        } else {
            let taken = self.waiting.take(now);
            if taken.is_empty() {
                return;
            }
            let paths = taken.iter().flat_map(|(_, paths)| paths).map(|(path, _)| path.clone());
            (Job::Paths(paths.collect()), taken)
        };
        self.metrics.begin_round();
        self.desk.set_links(None);
        let (place, seen) = (self.place.clone(), self.seen.clone());
        let runtime = tokio::runtime::Handle::current();
        let handle = tokio::task::spawn_blocking(move || round::work(&place, job, seen.as_ref(), &runtime));
        self.running = Some(Work { handle, full, taken });
    }

    /// Settles what was followed; puts the rest off.
    fn finish(&mut self, Work { full, taken, .. }: Work, done: Result<Done, JoinError>, tell: &dyn Fn(&str)) {
        let fault = |error: JoinError| format!("a fault of altostac: {error}; please report it");
        let mut done = done.unwrap_or_else(|error| Done::failed(full, fault(error)));
        let now = Instant::now();
        let round = Round { full: done.full, ok: done.is_success(), duration: done.duration, items: done.counts() };
        self.metrics.end_round(&round, done.first_problem());
        if let Some(line) = done.summary() {
            tell(&line);
        }
        if done.busy {
            self.let_desk_choose();
            let until = now + self.retry;
            taken.into_iter().for_each(|(key, paths)| self.waiting.put_off(key, paths, until));
            self.next_full = if full { until } else { self.next_full.max(until) };
            return;
        }
        if let Some(recipe) = &done.recipe {
            self.desk.set_recipe(Arc::clone(recipe));
            if self.ground.is_stale() {
                self.ask_for_full("the roots of the recipe are others", now);
            }
        }
        self.remember(&mut done);
        if done.full {
            self.failed_fulls = if round.ok { 0 } else { self.failed_fulls.saturating_add(1) };
            let period = self.ground.period();
            let pause = if round.ok { period } else { self.pause(self.failed_fulls).min(period) };
            self.next_full = now + pause;
        } else if done.problem.is_some() && done.stamp.is_none() {
            // Nothing could be begun: the recipe perhaps. It is not the items' fault.
            self.next_full = self.next_full.max(now + self.retry);
        }
        self.settle(taken, &done, now);
        self.metrics.set_pending(self.desk.pending_count(), self.waiting.len() as u64);
    }

    /// Remembers what was seen.
    fn remember(&mut self, done: &mut Done) {
        let links = done.links.take();
        if done.full {
            let known = self.seen.take().map(|seen| seen.links);
            let links = links.map(Arc::new).or(known);
            self.seen = done.stamp.take().zip(links).map(|(stamp, links)| Seen { stamp, links });
        } else if let (Some(seen), Some(links)) = (&mut self.seen, links) {
            Arc::make_mut(&mut seen.links).extend(&links);
        }
        self.let_desk_choose();
    }

    /// Nothing is under way: the desk need not keep what is known to be of no concern.
    fn let_desk_choose(&self) {
        self.desk.set_links(self.seen.as_ref().map(|seen| Arc::clone(&seen.links)));
    }

    fn settle(&mut self, taken: Waiting, done: &Done, now: Instant) {
        let mut settled = Vec::new();
        for (key, paths) in taken {
            let serials: Vec<i64> = paths.iter().map(|(_, serial)| *serial).collect();
            match done.failure_of(&key) {
                None => {
                    self.attempts.remove(&key);
                    settled.extend(serials);
                }
                Some(error) => {
                    let attempts = self.attempts.entry(key.clone()).or_default();
                    *attempts = attempts.saturating_add(1);
                    let pause = pause(self.retry, *attempts);
                    self.desk.put_off(&serials, error, pause);
                    self.waiting.put_off(key, paths, now + pause);
                }
            }
        }
        // What cannot be settled is followed again by the next watch, and found unchanged.
        self.desk.settle(&settled);
    }

    fn pause(&self, attempts: u32) -> Duration {
        pause(self.retry, attempts)
    }
}

/// The first pause, then twice as long each time.
fn pause(first: Duration, attempts: u32) -> Duration {
    first.saturating_mul(2u32.saturating_pow(attempts.saturating_sub(1).min(16))).min(LONGEST_PAUSE.max(first))
}

/// Done when the sync under way is; never if there is none.
async fn finished(running: &mut Option<Work>) -> Option<(Work, Result<Done, JoinError>)> {
    let done = match running {
        Some(work) => (&mut work.handle).await,
        None => std::future::pending().await,
    };
    Some((running.take()?, done))
}

#[cfg(test)]
mod tests;
