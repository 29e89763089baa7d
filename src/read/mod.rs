//! Arrays read back: any chunk or slab of a source variable, any chunk of a product, decoded.
//!
//! In: a variable of a [`FileIndex`](crate::model::FileIndex) and its file; or the bytes of a product's metadata.
//! Out: the bytes of elements in C order, in the type and byte order of the variable; never-written chunks read as fill.
//!
//! The bytes are untrusted: no more memory is used than the slab that was asked for and the chunks that it touches.

mod cfa;
mod icechunk;
mod kerchunk;
mod kerchunk_parquet;
#[cfg(feature = "libhdf5")]
mod libhdf5;
mod placed;
mod product;
mod reader;
mod region;
mod slab;
#[cfg(test)]
pub(crate) mod testing;
mod zarr;
mod zarr2;
mod zarr3;

pub use cfa::{Texts, read_cfa};
pub(crate) use icechunk::unsealed as unsealed_icechunk;
pub use icechunk::{GetObject, IcechunkNode, IcechunkSnapshot, read_icechunk, read_icechunk_head, read_icechunk_nodes};
pub use kerchunk::{parse_kerchunk, read_kerchunk};
pub use kerchunk_parquet::{ProductFolder, read_kerchunk_parquet};
#[cfg(feature = "libhdf5")]
pub use libhdf5::LibraryReader;
pub use placed::read_placed;
pub use product::{Fragments, Open, ProductArray, ProductStore, ReadBack, Reference, SeekingParts};
pub use reader::{Disagreement, Examination, NativeReader, OpenSource, SourceReader, read_values};
pub use region::{Region, copy_region};
pub use slab::{read_chunk, read_slab};
pub use zarr::{Digests, StoredDigest, read_zarr};

use crate::codec::CodecError;
use crate::storage::StorageError;

/// The most bytes of one chunk or slab: HDF5 allows chunks of less than 4 GiB.
pub const SLAB_LIMIT: u64 = 1 << 32;

/// Why an array could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes could not be read.
    #[error("{variable}: chunk {chunk} cannot be read")]
    Storage {
        /// The variable.
        variable: String,
        /// The key of the chunk, `0.12.0`.
        chunk: String,
        /// Why not.
        #[source]
        source: StorageError,
    },
    /// A chunk could not be decoded.
    #[error("{variable}: chunk {chunk} cannot be decoded")]
    Codec {
        /// The variable.
        variable: String,
        /// The key of the chunk.
        chunk: String,
        /// Why not.
        #[source]
        source: CodecError,
    },
    /// A source could not be opened.
    #[error("{variable}: a source cannot be opened")]
    Open {
        /// The variable.
        variable: String,
        /// Why not.
        #[source]
        source: StorageError,
    },
    /// A chunk refers to a URL that is not one of the sources.
    #[error("{variable}: a chunk refers to {url}; expected the URL of a source")]
    UnknownUrl {
        /// The variable.
        variable: String,
        /// The URL.
        url: String,
    },
    /// Elements that have no fixed size.
    #[error("{variable}: elements of type {found} cannot be read by chunks; expected a type of fixed size")]
    DataType {
        /// The variable.
        variable: String,
        /// The type.
        found: String,
    },
    /// A file that does not hold the data of the variable.
    #[error("{variable}: expected data in the file itself, found {found}")]
    NotHeld {
        /// The variable.
        variable: String,
        /// Where the data are instead, in words.
        found: String,
    },
    /// A slab that lies outside, or has another number of dimensions.
    #[error(
        "{variable}: a slab at {start:?} of {count:?} was asked for; expected {dimensions} dimensions and a countable end"
    )]
    Slab {
        /// The variable.
        variable: String,
        /// Its number of dimensions.
        dimensions: usize,
        /// The first element along each.
        start: Vec<u64>,
        /// The number of elements along each.
        count: Vec<u64>,
    },
    /// A chunk or slab beyond [`SLAB_LIMIT`].
    #[error(
        "{variable}: {elements:?} elements of {size} bytes are more than {SLAB_LIMIT} bytes, the most that is read at once"
    )]
    TooLarge {
        /// The variable.
        variable: String,
        /// The number of elements along each dimension.
        elements: Vec<u64>,
        /// Bytes of one.
        size: usize,
    },
    /// A stored chunk without filters is shorter than its shape asks for.
    #[error("{variable}: chunk {chunk} holds {found} bytes; expected {expected}")]
    ChunkLength {
        /// The variable.
        variable: String,
        /// The key of the chunk.
        chunk: String,
        /// Bytes of a whole chunk.
        expected: u64,
        /// Bytes as stored.
        found: u64,
    },
    /// The C library cannot read it.
    #[error("{what}: {library} says: {reason}")]
    Library {
        /// The variable, or the file.
        what: String,
        /// The library and its version.
        library: String,
        /// What it said.
        reason: String,
    },
    /// A file of the product cannot be read.
    #[error("{path} cannot be read")]
    Unread {
        /// Its path below the output.
        path: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The product is no JSON, or not of the shape of Kerchunk references.
    #[error("the product is not a set of Kerchunk references, version 1")]
    Json {
        /// What the parser said, with line and column.
        #[source]
        source: serde_json::Error,
    },
    /// The product is no file that can be indexed.
    #[error("{file} cannot be indexed")]
    Unindexed {
        /// The file, or a variable of it.
        file: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A metadata document of the product is wrong.
    #[error("{key}: expected {expected}, found {found}")]
    Metadata {
        /// The key of the document.
        key: String,
        /// What it should say.
        expected: &'static str,
        /// What it says.
        found: String,
    },
}

/// The key of a chunk by its place in the grid: `0.12.0`; `0` for a scalar.
///
/// ```
/// assert_eq!(altostac::read::chunk_key(&[0, 12]), "0.12");
/// assert_eq!(altostac::read::chunk_key(&[]), "0");
/// ```
pub fn chunk_key(coordinates: &[u64]) -> String {
    if coordinates.is_empty() {
        return "0".into();
    }
    let pieces: Vec<String> = coordinates.iter().map(u64::to_string).collect();
    pieces.join(".")
}
