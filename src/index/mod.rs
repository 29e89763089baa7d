//! stub
use crate::model::FileIndex; use crate::storage::ByteSource;
/// e
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct IndexError;
impl IndexError {
    /// r
    pub fn remedy(&self) -> Option<String> { None } }
/// i
pub fn index(_s: &dyn ByteSource) -> Result<FileIndex, IndexError> { Err(IndexError) }
