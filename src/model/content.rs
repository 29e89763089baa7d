//! The bytes of a source in digests: what tells a change that size and time do not show.

use serde::{Deserialize, Serialize};

use super::source::SourceFile;

/// Digests of all bytes of a source, in blocks of one length, so that a change can be placed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileContent {
    /// The file as it was when they were taken.
    pub file: SourceFile,
    /// Bytes of a block; the last one may be shorter.
    pub block: u64,
    /// The first 128 bits of each block's SHA-256, in hexadecimal.
    pub blocks: Vec<String>,
}

/// What a verification looked at of the bytes of the sources.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ContentReport {
    /// Files of which bytes were compared with digests taken earlier.
    pub files: u64,
    /// Bytes compared with digests taken earlier.
    pub bytes: u64,
    /// Files of which there were none: their digests were taken now.
    pub taken: u64,
    /// Files of which there are none.
    pub without_digests: u64,
}
