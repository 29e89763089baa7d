//! What is counted, and whether all is well.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The loop is not alive if it has done nothing for so long: it wakes up every second.
const DEAD: Duration = Duration::from_secs(60);

/// What became of a sync.
#[derive(Debug, Clone, Default)]
pub struct Round {
    /// Whether the whole archive was looked at.
    pub full: bool,
    /// Whether everything that was asked for was done.
    pub ok: bool,
    /// How long it took.
    pub duration: Duration,
    /// How many items came to what: `added`, `changed`, `removed`, `failed`, …
    pub items: Vec<(&'static str, u64)>,
}

/// What a watch has done since it began, shared by all that do it.
#[derive(Debug)]
pub struct Metrics {
    messages: AtomicU64,
    poisons: AtomicU64,
    ignored: AtomicU64,
    folder_events: AtomicU64,
    connections: AtomicU64,
    connected: AtomicBool,
    pending: AtomicU64,
    waiting: AtomicU64,
    started: Instant,
    /// Milliseconds after `started`.
    alive: AtomicU64,
    expects_broker: bool,
    rounds: Mutex<Rounds>,
}

#[derive(Debug, Default)]
struct Rounds {
    /// By kind (items, full) and outcome (ok, failed): how many, and seconds.
    syncs: [[(u64, f64); 2]; 2],
    items: Vec<(&'static str, u64)>,
    last_success: Option<SystemTime>,
    last_full: Option<SystemTime>,
    last_failed: Option<String>,
    working: bool,
}

impl Metrics {
    /// Nothing was counted yet. A watch that listens to a broker is not ready without it.
    pub fn new(expects_broker: bool) -> Self {
        Self {
            messages: AtomicU64::new(0),
            poisons: AtomicU64::new(0),
            ignored: AtomicU64::new(0),
            folder_events: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            connected: AtomicBool::new(false),
            pending: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            started: Instant::now(),
            alive: AtomicU64::new(0),
            expects_broker,
            rounds: Mutex::default(),
        }
    }

    fn rounds(&self) -> MutexGuard<'_, Rounds> {
        self.rounds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Messages were kept and acknowledged, others set aside.
    pub fn count_kept(&self, deposits: usize, poisons: usize) {
        self.messages.fetch_add(deposits as u64, Ordering::Relaxed);
        self.poisons.fetch_add(poisons as u64, Ordering::Relaxed);
    }

    /// Paths were told that are no concern of the recipe.
    pub fn count_ignored(&self, paths: usize) {
        self.ignored.fetch_add(paths as u64, Ordering::Relaxed);
    }

    /// The kernel told of paths.
    pub fn count_folder_events(&self, paths: usize) {
        self.folder_events.fetch_add(paths as u64, Ordering::Relaxed);
    }

    /// The broker is there, or no longer.
    pub fn set_connected(&self, connected: bool) {
        if connected {
            self.connections.fetch_add(1, Ordering::Relaxed);
        }
        self.connected.store(connected, Ordering::Relaxed);
    }

    /// How many messages were kept, those that were set aside included.
    pub fn kept(&self) -> u64 {
        self.messages.load(Ordering::Relaxed) + self.poisons.load(Ordering::Relaxed)
    }

    /// How many paths are not followed yet, and how many items wait to come to rest.
    pub fn set_pending(&self, paths: u64, waiting: u64) {
        self.pending.store(paths, Ordering::Relaxed);
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    /// The loop goes round.
    pub fn live(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.alive.store(now, Ordering::Relaxed);
    }

    /// A sync begins.
    pub fn begin_round(&self) {
        self.rounds().working = true;
    }

    /// A sync is over; `problem` says in words why it was not all done.
    pub fn end_round(&self, round: &Round, problem: Option<String>) {
        let mut rounds = self.rounds();
        rounds.working = false;
        let (count, seconds) = &mut rounds.syncs[usize::from(round.full)][usize::from(!round.ok)];
        *count += 1;
        *seconds += round.duration.as_secs_f64();
        for (outcome, items) in &round.items {
            match rounds.items.iter_mut().find(|(known, _)| known == outcome) {
                Some((_, sum)) => *sum += items,
                None => rounds.items.push((outcome, *items)),
            }
        }
        if round.ok {
            rounds.last_success = Some(SystemTime::now());
        }
        if round.full {
            rounds.last_full = Some(SystemTime::now());
        }
        rounds.last_failed = problem;
    }

    /// Why the loop is not alive, in words.
    ///
    /// # Errors
    /// If it has not gone round for a minute.
    pub fn health(&self) -> Result<(), String> {
        let alive = Duration::from_millis(self.alive.load(Ordering::Relaxed));
        let silent = self.started.elapsed().saturating_sub(alive);
        if silent > DEAD { Err(format!("nothing was done for {} s", silent.as_secs())) } else { Ok(()) }
    }

    /// Whether changes are followed.
    ///
    /// # Errors
    /// In words why not: the archive was not looked at yet, the broker is not there, the last sync failed.
    pub fn readiness(&self) -> Result<(), String> {
        self.health()?;
        let rounds = self.rounds();
        if let Some(problem) = &rounds.last_failed {
            return Err(problem.clone());
        }
        if rounds.last_full.is_none() {
            return Err("the archive was not looked at yet".into());
        }
        if self.expects_broker && !self.connected.load(Ordering::Relaxed) {
            return Err("the broker is not there".into());
        }
        Ok(())
    }

    /// Everything, in the text format of Prometheus (0.0.4).
    pub fn text(&self) -> String {
        let mut text = Text::default();
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = [
            ("messages_total", "Deposit messages kept and acknowledged.", load(&self.messages)),
            ("poison_messages_total", "Messages set aside: they are none.", load(&self.poisons)),
            ("ignored_paths_total", "Paths that are no concern of the recipe.", load(&self.ignored)),
            ("folder_events_total", "Paths that the kernel told of.", load(&self.folder_events)),
            ("broker_connections_total", "How often the broker was reached.", load(&self.connections)),
        ];
        for (name, help, value) in counters {
            text.metric(name, "counter", help, &[("", as_f64(value))]);
        }
        text.metric(
            "pending_paths",
            "gauge",
            "Paths in the ledger that are not followed yet.",
            &[("", as_f64(load(&self.pending)))],
        );
        text.metric(
            "waiting_items",
            "gauge",
            "Items that wait to come to rest, or to be tried again.",
            &[("", as_f64(load(&self.waiting)))],
        );
        let connected = if self.connected.load(Ordering::Relaxed) { 1.0 } else { 0.0 };
        text.metric("broker_connected", "gauge", "Whether the broker is there.", &[("", connected)]);
        text.metric(
            "ready",
            "gauge",
            "Whether changes are followed: what /readyz says.",
            &[("", if self.readiness().is_ok() { 1.0 } else { 0.0 })],
        );
        self.rounds().write(&mut text);
        text.0
    }
}

impl Rounds {
    fn write(&self, text: &mut Text) {
        const LABELS: [[&str; 2]; 2] = [
            ["{kind=\"items\",outcome=\"ok\"}", "{kind=\"items\",outcome=\"failed\"}"],
            ["{kind=\"full\",outcome=\"ok\"}", "{kind=\"full\",outcome=\"failed\"}"],
        ];
        let all = || LABELS.iter().flatten().zip(self.syncs.iter().flatten());
        let counts: Vec<_> = all().map(|(label, (count, _))| (*label, as_f64(*count))).collect();
        text.metric("syncs_total", "counter", "Syncs, of a few items or of the whole archive.", &counts);
        let seconds: Vec<_> = all().map(|(label, (_, seconds))| (*label, *seconds)).collect();
        text.metric("sync_seconds_total", "counter", "Seconds that syncs took.", &seconds);
        let labels: Vec<(String, f64)> =
            self.items.iter().map(|(outcome, count)| (format!("{{outcome=\"{outcome}\"}}"), as_f64(*count))).collect();
        let items: Vec<_> = labels.iter().map(|(label, count)| (label.as_str(), *count)).collect();
        text.metric("items_total", "counter", "What became of items.", &items);
        text.metric("working", "gauge", "Whether a sync is under way.", &[("", if self.working { 1.0 } else { 0.0 })]);
        let since = |time: Option<SystemTime>| {
            time.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0.0, |time| time.as_secs_f64())
        };
        text.metric(
            "last_success_timestamp_seconds",
            "gauge",
            "When a sync last did all that it was asked for.",
            &[("", since(self.last_success))],
        );
        text.metric(
            "last_full_timestamp_seconds",
            "gauge",
            "When the whole archive was last looked at.",
            &[("", since(self.last_full))],
        );
    }
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn metric(&mut self, name: &str, kind: &str, help: &str, values: &[(&str, f64)]) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP altostac_watch_{name} {help}\n# TYPE altostac_watch_{name} {kind}");
        for (labels, value) in values {
            let _ = writeln!(self.0, "altostac_watch_{name}{labels} {value}");
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "Prometheus has no other numbers")]
fn as_f64(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_watch_is_ready_when_it_follows() {
        let metrics = Metrics::new(true);
        assert!(metrics.health().is_ok());
        assert_eq!(metrics.readiness(), Err("the archive was not looked at yet".into()));
        let round = Round { full: true, ok: true, ..Round::default() };
        metrics.end_round(&round, None);
        assert_eq!(metrics.readiness(), Err("the broker is not there".into()));
        metrics.set_connected(true);
        assert_eq!(metrics.readiness(), Ok(()));
        metrics.end_round(&Round::default(), Some("2 items failed".into()));
        assert_eq!(metrics.readiness(), Err("2 items failed".into()));
    }

    #[test]
    fn what_is_counted_is_told_as_prometheus_reads_it() {
        let metrics = Metrics::new(false);
        metrics.count_kept(3, 1);
        metrics.set_pending(7, 2);
        let round = Round { full: false, ok: true, duration: Duration::from_millis(1500), items: vec![("changed", 2)] };
        metrics.end_round(&round, None);
        metrics.end_round(&round, None);
        let text = metrics.text();
        for line in [
            "altostac_watch_messages_total 3",
            "altostac_watch_poison_messages_total 1",
            "altostac_watch_pending_paths 7",
            "altostac_watch_syncs_total{kind=\"items\",outcome=\"ok\"} 2",
            "altostac_watch_sync_seconds_total{kind=\"items\",outcome=\"ok\"} 3",
            "altostac_watch_items_total{outcome=\"changed\"} 4",
            "# TYPE altostac_watch_items_total counter",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }
}
