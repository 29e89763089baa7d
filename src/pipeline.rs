//! The flow from a recipe to a published catalogue: the only module that names every stage.
//!
//! | file | does |
//! | --- | --- |
//! | `workspace` | opens recipe, state, output; one run at a time |
//! | `survey` | scan and plan: what is there, what has to be done |
//! | `touched` | the same of a few files, and the items that they belong to |
//! | `watch` | follows what happens to an archive |
//! | `attributes` | attributes of files that facets ask for, and what is remembered of them |
//! | `build` | the items of a plan, several at once; then the catalogue |
//! | `table` | a table of all items |
//! | `item` | one item: index, combine, write, verify, describe, validate |
//! | `workers` | the threads that compute, and those that wait for servers |
//! | `opened` | remote sources that stay open while they are verified |
//! | `indexes` | indexes that are kept from one run to the next |
//! | `explain` | what a build would do with each variable |
//! | `remembering` | items that were built, in the ledger |
//! | `values` | the few values that combining asks of the sources |
//! | `check` | verification of what stands there |
//! | `reader` | who reads the sources when products are verified |
//! | `send` | publishing to an API |
//! | `published` | where items stand in each API |
//! | `shared` | a collection that other recipes feed too |
//! | `host` | serving: the embedded API and its files |
//! | `inspect` | what one file holds |
//! | `first_recipe` | a recipe for an archive that has none |
//! | `lint` | what is wrong with a catalogue as it stands |
//! | `references` | Kerchunk references of one file |
//! | `owner` | who holds the lock of an output that others may write to |
//! | `predecessor` | the record of the revision before, kept and linked |
//! | `prune` | revisions that nobody points at any more, products of items that are gone |
//! | `retired` | items whose files are gone and whose record stays |
//! | `settling` | files that are written while they are read |
//! | `stale` | whether the sources of what stands are what they were |
//! | `standing` | what the output says of its items, for a ledger that is lost |
//! | `rebuild` | the ledger made anew |
//! | `run_report` | what a run leaves behind: a document and a page |
//! | `report` | what a run answers, for `--json` and for people |

mod attributes;
mod build;
mod check;
mod conflicts;
mod content;
mod explain;
mod facts;
mod first_recipe;
mod host;
mod indexes;
mod inspect;
mod item;
mod lint;
mod opened;
mod owner;
mod products;
mod predecessor;
mod prune;
mod published;
mod quicklook;
mod rebuild;
mod references;
mod reader;
mod remembering;
mod report;
mod retired;
mod run_report;
mod send;
mod shared;
mod settling;
#[cfg(test)]
mod sharing_tests;
mod stale;
mod standing;
mod statistics;
mod survey;
mod table;
mod touched;
mod values;
mod versions;
mod watch;
mod workers;
mod workspace;

pub use build::{BuildOptions, build};
pub use check::{VerifyOptions, verify};
pub use explain::explain;
pub use first_recipe::{FirstRecipe, LeftOut, first_recipe};
pub use host::{Host, ServedCatalogue};
pub use inspect::{InspectReport, InspectedCoverage, InspectedDimension, InspectedGroup, InspectedVariable, inspect};
pub use lint::{lint_folder, lint_recipe};
pub use published::{ApiStatus, ItemPublication, PublicationState};
pub use reader::Reader;
pub use rebuild::{RebuildReport, RebuiltApi, rebuild};
pub use references::inspect_kerchunk;
pub use report::{
    BuildReport, BuiltItem, BuiltProduct, BuiltStatus, ChangedFileReport, Explained, FileChangesReport, ItemStatus,
    News, PlanCounts, PlanReport, PlannedReport, RenamedFileReport, StatusReport, VerifiedItem, VerifyReport,
};
pub use run_report::leave_report;
pub use send::{SendOptions, send};
pub use stale::{SourceState, SourcesReport, StaleItem, StaleSource, check_sources};
pub use survey::{Survey, survey};
pub use table::{ExportReport, export};
pub use watch::{Ended, WatchFailure, WatchOptions, WatchStatus, watch};
pub use workspace::{Workspace, WorkspaceError};

/// What is told while a run goes on: to a progress bar, or to nobody.
pub trait Progress: Sync {
    /// A part of the run begins, with so many pieces; 0 if nobody knows how many.
    fn begin(&self, what: &str, pieces: u64);
    /// A piece is done.
    fn advance(&self, piece: &str);
    /// A file was indexed that holds so many chunks.
    fn indexed(&self, chunks: u64);
    /// So many bytes of values are going to be copied.
    fn copying(&self, bytes: u64) {
        let _ = bytes;
    }
    /// So many more of them are.
    fn copied(&self, bytes: u64) {
        let _ = bytes;
    }
    /// The part is over.
    fn end(&self);
}

/// Progress that is told to nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _what: &str, _pieces: u64) {}
    fn advance(&self, _piece: &str) {}
    fn indexed(&self, _chunks: u64) {}
    fn end(&self) {}
}

/// Why a request could not be carried out at all.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The recipe, its state or its output cannot be used.
    #[error(transparent)]
    Workspace(#[from] WorkspaceError),
    /// Nothing to go on with was found.
    #[error(transparent)]
    Scan(#[from] crate::scan::ScanError),
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] crate::ledger::LedgerError),
    /// The output cannot be read or written.
    #[error(transparent)]
    Storage(#[from] crate::storage::StorageError),
    /// The records cannot be published.
    #[error(transparent)]
    Publish(#[from] crate::publish::PublishError),
    /// The records cannot be made.
    #[error(transparent)]
    Describe(#[from] crate::describe::DescribeError),
    /// A record of the catalogue does not agree with its schemas.
    #[error(transparent)]
    Validate(#[from] crate::validate::ValidateError),
    /// The embedded API cannot start.
    #[error(transparent)]
    Serve(#[from] crate::serve::ServeError),
    /// The embedded API's database cannot be used.
    #[error(transparent)]
    Store(#[from] crate::serve::StoreError),
    /// An item was named that is neither found nor known.
    #[error("there is no item {asked:?}{}", suggestion(nearest.as_deref()))]
    NoSuchItem {
        /// The id that was asked for.
        asked: String,
        /// The id that is spelt most like it.
        nearest: Option<String>,
    },
    /// What was asked of a few files can be told of the whole archive alone.
    #[error("the whole archive has to be looked at: {reason}")]
    Unsure {
        /// Why.
        reason: String,
    },
    /// The recipe names no API.
    #[error("there is nowhere to publish to: {recipe} has no publish.api")]
    NoApi {
        /// The recipe.
        recipe: String,
    },
    /// This program was built without a reader that was asked for.
    #[error("this altostac was built without the reader {reader}")]
    NoReader {
        /// The reader.
        reader: &'static str,
    },
    /// There is nothing that a recipe could be made of.
    #[error("no recipe can be made of {place}: expected files in NetCDF or HDF5, found {found}")]
    NothingToRead {
        /// The archive.
        place: String,
        /// What is there instead.
        found: String,
    },
    /// The threads that work on items cannot be started.
    #[error("cannot start {jobs} threads to work on items; expected a number that this machine has room for")]
    Threads {
        /// How many were asked for; 0 for as many as there are processors.
        jobs: usize,
        /// Why not.
        #[source]
        source: rayon::ThreadPoolBuildError,
    },
    /// Changes cannot be told of.
    #[error(transparent)]
    Broker(#[from] crate::watch::AmqpError),
    /// The metrics cannot be served.
    #[error(transparent)]
    Health(#[from] crate::watch::HealthError),
    /// The runtime or a socket of the server failed.
    #[error("the server cannot {action}")]
    Socket {
        /// What was tried.
        action: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// The items cannot be written as a table.
    #[error(transparent)]
    Table(#[from] crate::write::ItemTableError),
    /// A file cannot be written.
    #[error("cannot {action} {path}")]
    Export {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: String,
        /// Why it failed.
        #[source]
        source: std::io::Error,
    },
    /// A folder that should be a static catalogue is none.
    #[error("{path} is no static catalogue: {found}")]
    NotACatalogue {
        /// The folder.
        path: String,
        /// What was found.
        found: String,
    },
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|id| format!("; did you mean {id:?}?")).unwrap_or_default()
}

impl PipelineError {
    /// Whether a disk is full: the request was right.
    pub fn is_full(&self) -> bool {
        let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(self);
        while let Some(error) = cause {
            let of_system = error.downcast_ref::<std::io::Error>();
            let of_ledger = error.downcast_ref::<crate::ledger::LedgerError>();
            if of_system.is_some_and(|error| error.kind() == std::io::ErrorKind::StorageFull)
                || of_ledger.is_some_and(crate::ledger::LedgerError::is_full)
            {
                return true;
            }
            cause = error.source();
        }
        // What is told as it is has no source of its own.
        match self {
            Self::Ledger(error) | Self::Workspace(WorkspaceError::Ledger(error)) => error.is_full(),
            _ => false,
        }
    }

    /// What a person can do about it, if there is something to say.
    pub fn remedy(&self) -> Option<String> {
        match self {
            _ if self.is_full() => Some("make room there and run again: what was done stands".into()),
            Self::Workspace(error) => error.remedy(),
            Self::Ledger(error) => Some(error.remedy().into()),
            Self::Storage(error) => error.remedy().map(Into::into),
            Self::Publish(error) => error.remedy().map(Into::into),
            Self::Describe(error) => error.remedy().map(Into::into),
            Self::Table(error) => error.remedy().map(Into::into),
            Self::Threads { .. } => Some("ask for fewer with --jobs".into()),
            Self::NoReader { .. } => Some(
                "build it with `cargo build --release --features libhdf5`, where libhdf5 and libnetcdf are installed \
                 (Debian: libhdf5-dev, libnetcdf-dev)"
                    .into(),
            ),
            Self::NoApi { .. } => Some("add publish.api to the recipe, or name an API with --to".into()),
            _ => None,
        }
    }
}

fn thread_pool(jobs: usize) -> Result<rayon::ThreadPool, PipelineError> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
    pool.map_err(|source| PipelineError::Threads { jobs, source })
}

/// An error and all its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.ends_with(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        cause = error.source();
    }
    text
}
