//! Where bytes are: source files read by ranges, and the output that products and records are written to.
//!
//! Source files go through [`ByteSource`]: local ones by positioned reads (a mapped file that is cut short would kill the process),
//! those on web servers and object stores by ranges ([`remote`]), [`MemoryFile`] in tests. What is written goes through [`OutputStore`]: [`LocalFolder`], or [`MemoryOutput`] in tests.

mod output;
pub mod remote;
mod source;
mod traffic;
pub(crate) mod web;

pub use output::{LocalFolder, MemoryOutput, OutputStore, StagedFile, StagedFolder, Staging};
pub use source::{
    ByteSource, DEFAULT_HEAD, LocalFile, MemoryFile, current_fingerprint, current_fingerprints, fingerprint,
    open_source, open_to_inspect,
};
pub use traffic::{Traffic, traffic};

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
    #[error(
        "{url} cannot be read: sources with the scheme {scheme:?} are not supported; expected file, http, https, s3, gs or az"
    )]
    Scheme {
        /// The URL.
        url: String,
        /// Its scheme.
        scheme: String,
    },
    /// A URL is not one that a file can be read by.
    #[error("{url} cannot be used: {reason}")]
    Url {
        /// The URL, without secrets.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The environment does not hold what a store needs.
    #[error("{url} cannot be read with the settings of the environment: {reason}")]
    Environment {
        /// The URL, without secrets.
        url: String,
        /// What is missing or wrong.
        reason: String,
    },
    /// A server does not give the file out.
    #[error("{url} cannot be read: the server answered {reason}")]
    Refused {
        /// The URL, without secrets.
        url: String,
        /// The status of the answer.
        status: u16,
        /// The status in words, and what the server says of the reason.
        reason: String,
    },
    /// A server could not be reached, or did not answer to the end, although it was tried several times.
    #[error("{url} cannot be read")]
    Unreadable {
        /// The URL, without secrets.
        url: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A server sends files as a whole only.
    #[error("{url} cannot be read by ranges: the server answers with the whole file")]
    IgnoresRanges {
        /// The URL, without secrets.
        url: String,
    },
    /// A server's answer is not one to what was asked.
    #[error("{url}: the server's answer is not what was asked for: expected {expected}, found {found}")]
    Answer {
        /// The URL, without secrets.
        url: String,
        /// What was asked for.
        expected: Box<str>,
        /// What came.
        found: Box<str>,
    },
    /// A file became another while it was read.
    #[error("{url} changed while it was read: at first {expected}, then {found}")]
    Changed {
        /// The URL, without secrets.
        url: String,
        /// Size, entity tag and date at first.
        expected: Box<str>,
        /// The same later.
        found: Box<str>,
    },
    /// A server tells nothing by which a later state of a file could be told from this one.
    #[error("{url} has neither an ETag nor a date of modification: a later change of it could not be noticed")]
    Indistinct {
        /// The URL, without secrets.
        url: String,
    },
    /// The system gives no threads for requests.
    #[error("no threads can be started for requests")]
    Threads {
        /// Why not.
        #[source]
        source: std::io::Error,
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

impl StorageError {
    /// What to do about it, where there is something to be done.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Refused { status: 301 | 307, url, .. } if url.starts_with("s3:") => {
                "set AWS_REGION to the region of the bucket"
            }
            Self::Environment { url, .. } | Self::Refused { status: 401 | 403, url, .. }
                if credentials(url).is_some() =>
            {
                credentials(url)?
            }
            Self::Refused { status: 401 | 403, .. } => {
                "the server wants a login, or does not let this address in; files that are not public can be read from \
                 an object store or from a mounted disk"
            }
            Self::Refused { status: 404 | 410, .. } => {
                "check the spelling of the URL, and that the file is still there"
            }
            Self::IgnoresRanges { .. } => {
                "use a server that answers Range requests (nginx, Apache, S3, …), or copy the files to a disk"
            }
            Self::Changed { .. } => {
                "run again once nothing writes to it; if it does not change, the servers behind this address disagree \
                 about its ETag or date"
            }
            Self::Indistinct { .. } => "let the server send ETag or Last-Modified, or copy the files to a disk",
            Self::Unreadable { .. } => {
                "check that the server can be reached from here; running again reads what is missing"
            }
            _ => return None,
        })
    }
}

/// Where the credentials of a store come from.
fn credentials(url: &str) -> Option<&'static str> {
    Some(match url.split(':').next()? {
        "s3" => {
            "credentials are taken from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; without them, or with \
             AWS_SKIP_SIGNATURE=true, requests are anonymous"
        }
        "gs" => {
            "credentials are taken from GOOGLE_APPLICATION_CREDENTIALS; without it, or with \
             GOOGLE_SKIP_SIGNATURE=true, requests are anonymous"
        }
        "az" => {
            "the account is taken from AZURE_STORAGE_ACCOUNT_NAME, its key from AZURE_STORAGE_ACCOUNT_KEY or \
             AZURE_STORAGE_SAS_KEY; without a key, or with AZURE_SKIP_SIGNATURE=true, requests are anonymous"
        }
        _ => return None,
    })
}
