//! Progress bars: on a terminal only.

use std::fmt::Write as _;
use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};

use super::amounts::bytes;
use crate::pipeline::Progress;
use crate::storage::{Traffic, traffic};

/// A bar on standard error; nothing if that is no terminal.
#[derive(Debug, Default)]
pub(super) struct Bar(Mutex<Option<Shown>>);

/// A bar, and what it counts besides pieces.
#[derive(Debug)]
struct Shown {
    bar: ProgressBar,
    counts: Arc<Counts>,
}

/// What was indexed, and what had been read before.
#[derive(Debug, Default)]
struct Counts {
    files: AtomicU64,
    chunks: AtomicU64,
    to_copy: AtomicU64,
    copied: AtomicU64,
    before: Traffic,
}

impl Bar {
    fn with(&self, act: impl FnOnce(&mut Option<Shown>)) {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Progress for Bar {
    fn begin(&self, what: &str, pieces: u64) {
        if !io::stderr().is_terminal() {
            return;
        }
        let bar = if pieces == 0 { ProgressBar::new_spinner() } else { ProgressBar::new(pieces) };
        let counts = Arc::new(Counts { before: traffic(), ..Counts::default() });
        let template = if pieces == 0 {
            "{spinner} {prefix}{counts} {elapsed}"
        } else {
            "{spinner} {pos}/{len} {prefix} [{bar:20}] {eta}{counts} {wide_msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            let shown = Arc::clone(&counts);
            bar.set_style(style.with_key("counts", move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                // What cannot be shown is not shown.
                let _ = write!(out, "{}", shown.text(state.elapsed(), traffic()));
            }));
        }
        bar.set_prefix(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        self.with(|current| *current = Some(Shown { bar, counts }));
    }

    fn advance(&self, piece: &str) {
        self.with(|current| {
            if let Some(Shown { bar, .. }) = current {
                bar.set_message(piece.to_owned());
                bar.inc(1);
            }
        });
    }

    fn indexed(&self, chunks: u64) {
        self.with(|current| {
            if let Some(Shown { counts, .. }) = current {
                counts.files.fetch_add(1, Ordering::Relaxed);
                counts.chunks.fetch_add(chunks, Ordering::Relaxed);
            }
        });
    }

    fn copying(&self, bytes: u64) {
        self.with(|current| {
            if let Some(Shown { counts, .. }) = current {
                counts.to_copy.fetch_add(bytes, Ordering::Relaxed);
            }
        });
    }

    fn copied(&self, bytes: u64) {
        self.with(|current| {
            if let Some(Shown { counts, .. }) = current {
                counts.copied.fetch_add(bytes, Ordering::Relaxed);
            }
        });
    }

    fn end(&self) {
        self.with(|current| {
            if let Some(Shown { bar, .. }) = current.take() {
                bar.finish_and_clear();
            }
        });
    }
}

impl Counts {
    /// `, 12 files, 3,400 chunks, 1.2 MB in 40 requests, 0.3 MB/s`; what is nothing is left out.
    fn text(&self, elapsed: Duration, now: Traffic) -> String {
        let mut text = String::new();
        let files = self.files.load(Ordering::Relaxed);
        if files > 0 {
            let chunks = self.chunks.load(Ordering::Relaxed);
            let _ = write!(text, ", {} files, {} chunks", HumanCount(files), HumanCount(chunks));
        }
        let to_copy = self.to_copy.load(Ordering::Relaxed);
        if to_copy > 0 {
            let _ = write!(text, ", {} of {} copied", bytes(self.copied.load(Ordering::Relaxed)), bytes(to_copy));
        }
        let read = now.since(self.before);
        if read.requests > 0 {
            let rate = Duration::as_secs_f64(&elapsed).max(0.001).recip();
            let per_second = bytes_f64(read.bytes) * rate;
            let requests = HumanCount(read.requests);
            let _ = write!(text, ", {} in {requests} requests, {:.1} MB/s", bytes(read.bytes), per_second / 1e6);
        }
        text
    }
}

#[allow(clippy::cast_precision_loss, reason = "it is shown with one decimal")]
fn bytes_f64(bytes: u64) -> f64 {
    bytes as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_shown_in_words() {
        let counts = Counts { before: Traffic { requests: 2, bytes: 1000 }, ..Counts::default() };
        let second = Duration::from_secs(1);
        assert_eq!(counts.text(second, Traffic { requests: 2, bytes: 1000 }), "");
        counts.files.store(12, Ordering::Relaxed);
        counts.chunks.store(3400, Ordering::Relaxed);
        let now = Traffic { requests: 42, bytes: 2_501_000 };
        assert_eq!(counts.text(second, now), ", 12 files, 3,400 chunks, 2.5 MB in 40 requests, 2.5 MB/s");
    }
}
