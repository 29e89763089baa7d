//! Progress bars: on a terminal only.

use std::io::{self, IsTerminal};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::pipeline::Progress;

/// A bar on standard error; nothing if that is no terminal.
#[derive(Debug, Default)]
pub(super) struct Bar(Mutex<Option<ProgressBar>>);

impl Bar {
    fn with(&self, act: impl FnOnce(&mut Option<ProgressBar>)) {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Progress for Bar {
    fn begin(&self, what: &str, pieces: u64) {
        if !io::stderr().is_terminal() {
            return;
        }
        let bar = ProgressBar::new(pieces);
        if let Ok(style) = ProgressStyle::with_template("{spinner} {pos}/{len} {prefix} [{bar:30}] {eta} {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(200));
        self.with(|current| *current = Some(bar));
    }

    fn advance(&self, piece: &str) {
        self.with(|current| {
            if let Some(bar) = current {
                bar.set_message(piece.to_owned());
                bar.inc(1);
            }
        });
    }

    fn end(&self) {
        self.with(|current| {
            if let Some(bar) = current.take() {
                bar.finish_and_clear();
            }
        });
    }
}
