//! The command line: one file for each command; each parses, calls the library and reports.

mod amounts;
mod build;
mod completions;
mod export;
mod inspect;
mod new;
mod new_from_stac_generator;
mod plan;
mod printer;
mod progress;
mod publish;
mod schemas;
mod serve;
mod status;
mod sync;
mod templates;
mod validate;
mod verify;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use schemas::output_schemas;

use crate::pipeline::{PipelineError, Workspace};
use printer::Printer;

/// From an archive of NetCDF/HDF5 files to a published STAC catalogue, with verified cloud formats.
#[derive(Debug, Parser)]
#[command(
    name = "altostac",
    version,
    about,
    after_help = "Examples:
  altostac inspect tas.nc                what a file holds
  altostac new /badc/cmip6/data          a first recipe for an archive
  altostac plan recipe.yaml              what a build would do
  altostac sync recipe.yaml              build and publish: what cron runs
  altostac sync recipe.yaml --serve      build, and look at it on http://127.0.0.1:8080
  altostac watch recipe.yaml             sync what changes, as it changes

Exit status: 0 all well; 1 some items failed, differ or were not stored (the rest is done);
2 the request itself is wrong; 130 interrupted."
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print one JSON document on standard output; its schema is in schemas/output/
    #[arg(long, global = true)]
    json: bool,
    /// Say more on standard error; twice for details
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
    /// How logs are written on standard error: text, or json, one object a line [default: text]
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "text",
        hide_default_value = true,
        hide_possible_values = true
    )]
    log_format: LogFormat,
}

/// How logs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line: timestamp, level, target, fields.
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    Inspect(inspect::Inspect),
    New(new::New),
    Plan(plan::Plan),
    Build(build::Build),
    Verify(verify::Verify),
    Validate(validate::Validate),
    Publish(publish::Publish),
    Sync(sync::Sync),
    Watch(watch::Watch),
    Status(status::Status),
    Serve(serve::Serve),
    Export(export::Export),
    Templates(templates::TemplatesCommand),
    Completions(completions::Completions),
}

/// Which recipe, and where its state is.
#[derive(Debug, Args)]
struct RecipeArgs {
    /// The recipe
    recipe: PathBuf,
    /// The folder of the ledger [default: .altostac/RECIPE beside the recipe]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
}

impl RecipeArgs {
    fn open(&self) -> Result<Workspace, Failure> {
        Ok(Workspace::open(&self.recipe, self.state.as_deref()).map_err(PipelineError::from)?)
    }

    /// Opens it; if another run is at work, waits until it is done.
    fn open_in_turn(&self, turn: &TurnArgs) -> Result<Workspace, Failure> {
        if !turn.wait {
            return self.open();
        }
        Ok(Workspace::open_when_free(&self.recipe, self.state.as_deref()).map_err(PipelineError::from)?)
    }

    fn open_anew(&self) -> Result<Workspace, Failure> {
        Ok(Workspace::open_anew(&self.recipe, self.state.as_deref()).map_err(PipelineError::from)?)
    }

    fn look_at(&self) -> Result<Workspace, Failure> {
        Ok(Workspace::look_at(&self.recipe, self.state.as_deref()).map_err(PipelineError::from)?)
    }
}

/// What is done if another run is at work.
#[derive(Debug, Args)]
struct TurnArgs {
    /// Wait until another run of this recipe is done, instead of ending at once
    #[arg(long)]
    wait: bool,
}

/// Which items, and how many at once.
#[derive(Debug, Args)]
struct ItemArgs {
    /// Work on this item alone; may be repeated
    #[arg(long = "item", value_name = "ID")]
    items: Vec<String>,
    /// Compute on so many threads [default: the number of processors]; of remote files at least 32 are asked for at once
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    jobs: usize,
}

/// How a command ended that could be carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All well.
    Done,
    /// Some items failed, differ or were not stored.
    Incomplete,
    /// It was interrupted.
    Interrupted,
}

impl Outcome {
    fn of(success: bool) -> Self {
        if success { Self::Done } else { Self::Incomplete }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Interrupted, _) | (_, Self::Interrupted) => Self::Interrupted,
            (Self::Done, Self::Done) => Self::Done,
            _ => Self::Incomplete,
        }
    }
}

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Pipeline(#[from] PipelineError),
    #[error("cannot write to standard output")]
    Output(#[from] std::io::Error),
    #[error("{0}")]
    Request(String),
    #[error("{message}")]
    Item { message: String },
}

impl Failure {
    fn remedy(&self) -> Option<String> {
        match self {
            Self::Pipeline(error) => error.remedy(),
            _ => None,
        }
    }

    /// The exit status: 1 for a file or an API that is not as it should be, 2 for a wrong request.
    fn status(&self) -> u8 {
        match self {
            Self::Pipeline(PipelineError::Publish(error)) if !error.is_of_request() => 1,
            Self::Item { .. } => 1,
            Self::Pipeline(error) if error.is_full() => 1,
            _ => 2,
        }
    }
}

/// Runs a command. This is all of `main` but the parsing of arguments and the logs.
pub fn run(cli: Cli) -> ExitCode {
    let printer = Printer::new(cli.json);
    exit_when_interrupted();
    let outcome = match cli.command {
        Command::Inspect(command) => command.run(&printer),
        Command::New(command) => command.run(&printer),
        Command::Plan(command) => command.run(&printer),
        Command::Build(command) => command.run(&printer),
        Command::Verify(command) => command.run(&printer),
        Command::Validate(command) => command.run(&printer),
        Command::Publish(command) => command.run(&printer),
        Command::Sync(command) => command.run(&printer),
        Command::Watch(command) => command.run(&printer),
        Command::Status(command) => command.run(&printer),
        Command::Serve(command) => command.run(&printer),
        Command::Export(command) => command.run(&printer),
        Command::Templates(command) => command.run(&printer),
        Command::Completions(command) => command.run(),
    };
    match outcome {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Incomplete) => ExitCode::from(1),
        Ok(Outcome::Interrupted) => ExitCode::from(130),
        // Whoever read our output has heard enough: `altostac inspect x.nc | head`.
        Err(Failure::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(failure) => {
            printer.failure(&failure, failure.remedy().as_deref());
            ExitCode::from(failure.status())
        }
    }
}

impl Cli {
    /// How logs are written.
    pub fn log_format(&self) -> LogFormat {
        self.log_format
    }

    /// How much is logged: a filter for `tracing`.
    pub fn log_filter(&self) -> &'static str {
        match self.verbose {
            0 => "altostac=warn",
            1 => "altostac=info",
            _ => "altostac=debug",
        }
    }
}

/// A runtime for the commands that talk over the network.
fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    // Both may only be done once; another attempt says so and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|source| PipelineError::Socket { action: "start".into(), source }.into())
}

/// Set while a server runs: it lets answers under way finish.
static STOPS_BY_ITSELF: AtomicBool = AtomicBool::new(false);

/// Ends the program with the status of an interruption when it is asked to stop; whatever it has begun is swept up by a later run.
fn exit_when_interrupted() {
    std::thread::spawn(|| {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(interrupted());
        if !STOPS_BY_ITSELF.load(Ordering::SeqCst) {
            std::process::exit(130);
        }
    });
}

/// Done when a person or a service manager asks us to stop.
async fn interrupted() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
