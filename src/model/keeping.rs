//! How the output is kept.

use serde::Serialize;

/// How uploads are confirmed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirmation {
    /// Each object is read back, and its SHA-256 compared.
    #[default]
    Read,
    /// The store is trusted to have compared the SHA-256 that was sent with each object; its size alone is asked for.
    Checksum,
}

/// How the output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// How many revisions of an item stand, the current one included; at least 1.
    pub revisions: u32,
    /// How uploads to an object store are confirmed.
    pub confirmation: Confirmation,
}

impl Default for Keeping {
    /// What a recipe without a word on it says.
    fn default() -> Self {
        Self { revisions: 2, confirmation: Confirmation::Read }
    }
}
