//! `altostac watch`

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use super::printer::Printer;
use super::{Failure, Outcome, RecipeArgs, STOPS_BY_ITSELF, runtime};
use crate::pipeline::{Ended, WatchOptions, watch};

/// Sync what changes, as it changes, until told to stop
#[derive(Debug, Args)]
#[command(
    after_help = "The whole archive is synced first, and now and then. The recipe's `watch` says what tells of changes in between: nothing (the
archive is looked at every 15 minutes), the kernel (inotify), deposit messages from a broker (AMQP 0.9.1). What was told is in the
ledger before it is acknowledged, and leaves it when its items are synced; `altostac status` shows what waits and what failed.
The recipe is read again for each sync, but for `watch`. Between two syncs other commands can run.

Exit status: 0 after SIGTERM, 130 after SIGINT; 2 if the watch cannot begin.

Examples:
  altostac watch recipe.yaml
  altostac watch recipe.yaml --metrics 9184      # http://127.0.0.1:9184/metrics, /healthz, /readyz

A recipe that listens to deposit messages:
  watch:
    quiet: 10s
    paths: [{from: /badc, to: /mnt/archive/badc}]
    amqp:
      url: amqps://rabbit.example.org/archive
      queue: altostac.cmip6
      exchange: deposits
      user: {env: RABBIT_USER}
      password: {file: /run/secrets/rabbit}"
)]
pub(super) struct Watch {
    #[command(flatten)]
    recipe: RecipeArgs,
    /// Serve metrics and health on this port of 127.0.0.1; 0 for any free one [default: not served]
    #[arg(long, value_name = "PORT")]
    metrics: Option<u16>,
    /// Compute on so many threads [default: the number of processors]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    jobs: usize,
    /// Give a sync under way so many seconds to finish when told to stop; what is left is done by the next watch
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    grace: u64,
}

/// The answer of `altostac watch`, when it has ended.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WatchReport {
    /// Whether a sync was under way still; the next watch does what is left.
    abandoned: bool,
}

impl Watch {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        let loopback = |port| SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let options = WatchOptions {
            state: self.recipe.state,
            metrics: self.metrics.map(loopback),
            jobs: self.jobs,
            grace: Duration::from_secs(self.grace),
        };
        let runtime = runtime()?;
        STOPS_BY_ITSELF.store(true, Ordering::SeqCst);
        let interrupted = Arc::new(AtomicBool::new(false));
        let stop = told_to_stop(Arc::clone(&interrupted));
        let tell = |line: &str| printer.say(line);
        let ended = runtime.block_on(watch(&self.recipe.recipe, &options, stop, &tell));
        // Threads of a sync that was abandoned end with the program.
        runtime.shutdown_background();
        let abandoned = ended? == Ended::Abandoned;
        printer.answer(&WatchReport { abandoned }, Vec::new)?;
        Ok(if interrupted.load(Ordering::SeqCst) { Outcome::Interrupted } else { Outcome::Done })
    }
}

/// Done when a person or a service manager asks us to stop; who asks again is not made to wait.
async fn told_to_stop(interrupted: Arc<AtomicBool>) {
    let by_person = asked_to_stop().await;
    interrupted.store(by_person, Ordering::SeqCst);
    tokio::spawn(async {
        asked_to_stop().await;
        std::process::exit(130);
    });
}

/// Whether it was a person.
async fn asked_to_stop() -> bool {
    let terminated = async {
        match signal(SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => true,
        () = terminated => false,
    }
}
