//! The `altostac` command: parses arguments, starts the logs, runs, exits.

use std::io::IsTerminal;
use std::process::ExitCode;

use altostac::cli::{Cli, LogFormat, run};
use clap::Parser;
use tracing_subscriber::EnvFilter;

/// Indexing makes many small texts on all cores: the system's allocator would take a sixth of the time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_env("ALTOSTAC_LOG").unwrap_or_else(|_| EnvFilter::new(cli.log_filter()));
    let logs = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match cli.log_format() {
        LogFormat::Text => logs.with_ansi(std::io::stderr().is_terminal()).init(),
        LogFormat::Json => logs.json().init(),
    }
    run(cli)
}
