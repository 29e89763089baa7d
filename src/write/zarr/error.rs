//! Why a cube could not be copied.

use crate::read::ReadError;
use crate::storage::StorageError;
use crate::write::WriteError;

/// Why a cube could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The format cannot say it.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// Too little memory for one shard and what it is made of.
    #[error("{variable}: copying needs {expected} bytes of memory; the recipe gives {found}")]
    Memory {
        /// The variable.
        variable: String,
        /// What would do.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// A source cannot be opened.
    #[error("{variable}: {file} cannot be opened")]
    Open {
        /// The variable.
        variable: String,
        /// The source.
        file: String,
        /// Why not.
        #[source]
        source: StorageError,
    },
    /// A source is no longer what it was when it was indexed.
    #[error("{variable}: {file} has changed since it was indexed")]
    Changed {
        /// The variable.
        variable: String,
        /// The source.
        file: String,
    },
    /// A source cannot be read or decoded.
    #[error("{variable}: {file} cannot be copied")]
    Read {
        /// The variable.
        variable: String,
        /// The source.
        file: String,
        /// Why not.
        #[source]
        source: Box<ReadError>,
    },
    /// A value that the product's way of storing numbers cannot say exactly.
    #[error("{variable}: {file} holds a value that does not survive being stored as the product stores it")]
    Converted {
        /// The variable.
        variable: String,
        /// The source.
        file: String,
    },
    /// A part of a file that does not fit into the variable.
    #[error("{variable}: {file} stores it in a way that does not fit: expected {expected}, found {found}")]
    Part {
        /// The variable.
        variable: String,
        /// The source.
        file: String,
        /// What would do.
        expected: String,
        /// What was found.
        found: String,
    },
    /// Decoded values of another number than the plan has it.
    #[error("{variable}: expected the elements of a piece, found {found}")]
    Shape {
        /// The variable.
        variable: String,
        /// What was found.
        found: String,
    },
    /// A chunk cannot be encoded.
    #[error("{variable}: a chunk cannot be encoded: {reason}")]
    Encode {
        /// The variable.
        variable: String,
        /// Why not.
        reason: String,
    },
    /// The store takes no more.
    #[error("{key} cannot be written")]
    Sink {
        /// The key in the store.
        key: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl CopyError {
    /// What a person can do about it.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Memory { .. } => Some("give the product more `memory`, or smaller `shards` or `chunks`"),
            Self::Changed { .. } => Some("run again: it will be indexed anew"),
            Self::Converted { .. } => Some("ask for `packing: decode`"),
            _ => None,
        }
    }
}
