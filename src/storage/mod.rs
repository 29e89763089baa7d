//! Where bytes are: source files read by ranges, and the output that products and records are written to.
//!
//! Source files go through [`ByteSource`]: local ones by positioned reads (a mapped file that is cut short would kill the process),
//! those on web servers and object stores by ranges ([`remote`]), [`MemoryFile`] in tests. What is written goes through [`OutputStore`]: [`LocalFolder`], [`ObjectOutput`], or [`MemoryOutput`] in tests.

mod output;
pub mod remote;
mod source;
mod traffic;
pub(crate) mod web;

use chrono::{DateTime, Utc};

pub use output::{
    Delivered, LocalFolder, MemoryOutput, ObjectOutput, Output, OutputLock, OutputStore, Owner, StagedFile,
    StagedFolder, Staging, Standing,
};
pub use source::{
    ByteSource, DEFAULT_HEAD, LocalFile, LookedAt, MemoryFile, current_fingerprint, current_fingerprints, fingerprint,
    look_at, open_source, open_to_inspect,
};
pub use traffic::{Traffic, count_opened_anew, opened_files, traffic};

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
    #[error("{url} cannot be used with the settings of the environment: {reason}")]
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
    /// A store does not take an object.
    #[error("{url} cannot be written: the server answered {reason}")]
    NotStored {
        /// The URL, without secrets.
        url: String,
        /// The status of the answer.
        status: u16,
        /// The status in words, and what the server says of the reason.
        reason: String,
    },
    /// A store could not be reached, or did not answer to the end, although it was tried several times.
    #[error("{url} cannot be written")]
    Unwritten {
        /// The URL, without secrets.
        url: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// An object is not what was sent.
    #[error("{url} does not hold what was sent: expected {expected}, found {found}")]
    Differs {
        /// The URL.
        url: String,
        /// What was sent.
        expected: Box<str>,
        /// What is there.
        found: Box<str>,
    },
    /// Another run is at work on the same output.
    #[error("another altostac ({owner}) is at work on {url}; its lock expires {until}")]
    Busy {
        /// The output.
        url: String,
        /// Who.
        owner: String,
        /// When its lock expires if it is not renewed.
        until: DateTime<Utc>,
    },
    /// The lock of the output went to another while this run was at work.
    #[error("the lock of {url} was lost: it was not renewed in time")]
    LockLost {
        /// The output.
        url: String,
    },
    /// Others changed an object again and again, or while it was to be replaced.
    #[error("{url} was changed by another program while it was to be written")]
    Contended {
        /// The object.
        url: String,
    },
    /// A disk is full.
    #[error("there is no room for {needed} bytes at {path}")]
    NoRoom {
        /// The file that could not be written.
        path: String,
        /// How many bytes are needed in all.
        needed: u64,
        /// What the system says.
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
    /// The error of a full disk says how many bytes are needed.
    pub(crate) fn needing(self, needed: u64) -> Self {
        match self {
            Self::Io { path, source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Self::NoRoom { path, needed, source }
            }
            other => other,
        }
    }

    /// What to do about it, where there is something to be done.
    pub fn remedy(&self) -> Option<&'static str> {
        Some(match self {
            Self::Refused { status: 301 | 307, url, .. } if url.starts_with("s3:") => {
                "set AWS_REGION to the region of the bucket"
            }
            Self::NotStored { status: 301 | 307, url, .. } if url.starts_with("s3:") => {
                "set AWS_REGION to the region of the bucket"
            }
            Self::Environment { url, .. }
            | Self::Refused { status: 401 | 403, url, .. }
            | Self::NotStored { status: 401 | 403, url, .. }
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
            Self::NotStored { status: 404, .. } => "make the bucket first; altostac makes none",
            Self::Unwritten { .. } => {
                "check that the store can be reached from here; running again sends what is missing"
            }
            Self::Busy { .. } => "wait until it is done; a lock that is not renewed is taken over",
            Self::LockLost { .. } | Self::Contended { .. } => "run again; what stands is whole",
            Self::NoRoom { .. } => "make room there, or choose another folder with --state",
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
