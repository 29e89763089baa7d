//! Where bytes are: source files read by ranges, and the output that products and records are written to.
//!
//! Source files go through [`ByteSource`]: local ones by positioned reads (a mapped file that is cut short would kill the process),
//! [`MemoryFile`] in tests. What is written goes through [`OutputStore`]: [`LocalFolder`], or [`MemoryOutput`] in tests.

mod output;
mod source;

pub use output::{LocalFolder, MemoryOutput, OutputStore, StagedFile, StagedFolder, Staging};
pub use source::{ByteSource, DEFAULT_HEAD, LocalFile, MemoryFile, current_fingerprint, fingerprint, open_source};

/// Why bytes could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The operating system said no.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried: `open`, `read`, `write`, …
        action: &'static str,
        /// The file.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A range reaches beyond the end of the file.
    #[error("{path} ends at byte {size}, but bytes {start} to {end} are needed")]
    BeyondEnd {
        /// The file.
        path: String,
        /// Its size.
        size: u64,
        /// The first byte that is needed.
        start: u64,
        /// One beyond the last.
        end: u64,
    },
    /// There is no reader for this kind of URL.
    #[error("{url} cannot be read: sources with the scheme {scheme:?} are not supported; expected file")]
    Scheme {
        /// The URL.
        url: String,
        /// Its scheme.
        scheme: String,
    },
    /// A path of the output is not one that may be written.
    #[error("{path:?} is no path below the output: {reason}")]
    OutputPath {
        /// The path.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A folder was to be made visible under a name that is taken.
    #[error("{path} exists already; a folder that is complete is never replaced")]
    Exists {
        /// The folder.
        path: String,
    },
    /// A folder was to be made visible while one of its files was not written to its end.
    #[error("{path} was not written to its end, so its folder is left out")]
    Unfinished {
        /// The file.
        path: String,
    },
}
