//! What a source file holds: dimensions, variables, attributes, and where every chunk is.
//!
//! In: a source file, read by ranges ([`ByteSource`]).
//! Out: a [`FileIndex`], which holds the decoded values of coordinates, bounds and scalars too, and no other data.
//!
//! `sniff` tells formats apart; each format has a reader beside it that makes the same [`FileIndex`].

mod digest;
mod error;
mod hdf5;
mod keep;
mod netcdf3;
mod pieces;
mod reach;
mod roles;
mod sniff;
mod text;

pub use error::IndexError;
pub use keep::{KeptIndex, pack, unpack};

use crate::model::{FileIndex, FileVariable};
use crate::storage::ByteSource;
use sniff::Format;

/// The first bytes of a file are read whatever its source says: they tell its format.
const LEAST_HEAD: u64 = 512;

/// Indexes a file.
///
/// The head is read first, as long as [`ByteSource::head`] says; each later call of [`ByteSource::read`] brings all that is known
/// to be needed then. At the end [`ByteSource::learn`] is told the head that would have sufficed.
///
/// # Errors
/// [`IndexError`] says which file and which object of it, what was expected and what was found: a damaged file is indexed as a
/// whole or not at all. What is whole but cannot be carried into a product (virtual datasets, data in other files, types that
/// no product has, objects beyond this reader) is there with its reason: [`FileVariable::obstacle`](crate::model::VariableSchema::obstacle).
///
/// ```
/// use altostac::index::index;
/// use altostac::model::SourceUrl;
/// use altostac::storage::MemoryFile;
/// let file = MemoryFile::new(SourceUrl::from_path("/a.nc").unwrap(), &b"no data here"[..]);
/// assert_eq!(index(&file).unwrap_err().to_string(), "/a.nc is text; expected NetCDF or HDF5");
/// ```
pub fn index(source: &dyn ByteSource) -> Result<FileIndex, IndexError> {
    let failed = |error| IndexError::Storage { file: source.file().url.to_string(), source: error };
    let head = source.read_one(0..source.file().size.min(source.head().max(LEAST_HEAD))).map_err(failed)?;
    let (index, needed_head) = match sniff::sniff(source, &head).map_err(failed)? {
        Format::Hdf5 { superblock } => hdf5::index(source, superblock, &head)?,
        Format::NetCdf3 { version } => netcdf3::index(source, version, head)?,
        Format::Other(found) => return Err(IndexError::Format { file: source.file().url.to_string(), found }),
    };
    source.learn(needed_head);
    Ok(index)
}

/// Reads all texts of a variable of any length (`NC_STRING`), which an index keeps only if they are few.
///
/// # Errors
/// [`IndexError`] if the file is no HDF5, is damaged, or the texts are more than it can hold.
pub fn read_texts(source: &dyn ByteSource, variable: &FileVariable) -> Result<Vec<String>, IndexError> {
    let failed = |error| IndexError::Storage { file: source.file().url.to_string(), source: error };
    let head = source.read_one(0..source.file().size.min(LEAST_HEAD)).map_err(failed)?;
    match sniff::sniff(source, &head).map_err(failed)? {
        Format::Hdf5 { superblock } => hdf5::read_texts(source, superblock, &head, variable),
        Format::NetCdf3 { .. } => Err(IndexError::Format {
            file: source.file().url.to_string(),
            found: "netCDF-3, which has no texts of any length".into(),
        }),
        Format::Other(found) => Err(IndexError::Format { file: source.file().url.to_string(), found }),
    }
}
