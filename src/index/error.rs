//! Why a file cannot be indexed.

use crate::codec::CodecError;
use crate::storage::StorageError;

/// Why a file cannot be indexed.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// Bytes of the file cannot be read.
    #[error("{file} cannot be read")]
    Storage {
        /// The file.
        file: String,
        /// Why not.
        #[source]
        source: StorageError,
    },
    /// The file is of another format.
    #[error("{file} is {found}; expected NetCDF or HDF5")]
    Format {
        /// The file.
        file: String,
        /// What it is instead, in words.
        found: String,
    },
    /// The file uses something that altostac does not have.
    #[error("{file}: {object} (at byte {offset}) uses what is not supported: {feature}")]
    Unsupported {
        /// The file.
        file: String,
        /// The path of the object within the file.
        object: String,
        /// Where in the file.
        offset: u64,
        /// What is not supported.
        feature: String,
    },
    /// The file ends before something that it refers to.
    #[error("{file} is cut short: {structure} of {object} ends at byte {end}, but the file at byte {size}")]
    Truncated {
        /// The file.
        file: String,
        /// The path of the object within the file.
        object: String,
        /// What lies beyond the end.
        structure: &'static str,
        /// One beyond its last byte.
        end: u64,
        /// The size of the file.
        size: u64,
    },
    /// The file is not as its format demands.
    #[error("{file}: {object}: {structure} at byte {offset}: expected {expected}, found {found}")]
    Corrupt {
        /// The file.
        file: String,
        /// The path of the object within the file.
        object: String,
        /// Which structure of the format.
        structure: &'static str,
        /// Where in the file.
        offset: u64,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The file claims more than can be true or is bearable.
    #[error("{file}: {object} has {what}")]
    Limit {
        /// The file.
        file: String,
        /// The path of the object within the file.
        object: String,
        /// What is too much.
        what: String,
    },
    /// The values of a coordinate cannot be decoded.
    #[error("{file}: the values of {variable} cannot be decoded")]
    Values {
        /// The file.
        file: String,
        /// The path of the variable.
        variable: String,
        /// Why not.
        #[source]
        source: CodecError,
    },
}

impl IndexError {
    /// What can be done about it, if anything is known.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Storage { source, .. } => source.remedy().or(Some("check that the file is there and may be read")),
            Self::Format { .. } => Some("leave the file out with `exclude`, or convert it to NetCDF-4"),
            Self::Unsupported { .. } => {
                Some("rewrite the file without it (`nccopy -4` or `h5repack`), or leave the file out with `exclude`")
            }
            Self::Truncated { .. } => Some("the copy is not complete: transfer the file again"),
            Self::Corrupt { .. } | Self::Values { .. } => {
                Some("the file is damaged, unless `ncdump` or `h5dump` reads it: transfer or make it again")
            }
            Self::Limit { .. } => None,
        }
    }
}
