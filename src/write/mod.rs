//! Products written: one cube in a format that clients open from anywhere.
//!
//! In: a [`VirtualCube`](crate::model::VirtualCube) and the [`PublicUrls`](crate::model::PublicUrls) that its files are named by.
//! Out: the bytes of the product, streamed; [`Written`] counts what went out. Whether it is right is for `verify` to say.
//!
//! | format | function |
//! | --- | --- |
//! | Kerchunk JSON, version 1 | [`write_kerchunk`]; [`refused_by_kerchunk`] tells beforehand |
//! | Icechunk, virtual references | [`write_icechunk`], then [`IcechunkCommit::reveal`]; [`refused_by_icechunk`] tells beforehand |
//! | CFA-netCDF (CF-1.13) | [`write_cfa`]; [`refused_by_cfa`] tells beforehand |
//! | Kerchunk Parquet | [`write_kerchunk_parquet`]; [`refused_by_kerchunk_parquet`] tells beforehand |
//! | Zarr, version 3 or 2: a copy | [`copy_to_zarr`] |
//! | the table of sources beside the products | [`write_source_table`] |
//! | the table of items beside the collection, STAC-GeoParquet | [`ItemColumns`], then [`ItemTable`] |

mod cfa;
mod geoparquet;
mod icechunk;
mod kerchunk;
mod kerchunk_parquet;
mod source_table;
mod zarr;
mod zarr3;

pub use cfa::{Values, refused_by_cfa, write_cfa};
pub use geoparquet::{ItemColumns, ItemTable, ItemTableError};
pub use icechunk::{
    IcechunkCommit, IcechunkFiles, KnownManifest, Overwrite, Put, holds_few_texts, refused_by_icechunk, write_icechunk,
};
pub use kerchunk::{refused_by_kerchunk, write_kerchunk};
pub use kerchunk_parquet::{PutFile, refused_by_kerchunk_parquet, write_kerchunk_parquet};
pub use source_table::{read_source_table, write_source_table};
pub use zarr::{ArrayCut, CopyError, Open, StoreSink, ZarrCopy, bytes_to_copy, copy_to_zarr, refused_by_zarr};

use crate::codec::CodecError;

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Keys of chunks: references and inlined ones.
    pub chunks: u64,
    /// Those of them that stand in the product itself.
    pub inlined: u64,
    /// Chunks left out because the product's fill value says it all.
    pub left_out: u64,
}

/// Why a cube could not be written. All but [`WriteError::Output`] mean that the cube asks for what the format cannot say.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The output took no more bytes.
    #[error("the product cannot be written")]
    Output {
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A variable whose type the format does not know, or that does not fit its values.
    #[error("{variable}: expected {expected}, found {found}")]
    DataType {
        /// The variable.
        variable: String,
        /// What would do.
        expected: &'static str,
        /// What it is.
        found: String,
    },
    /// A part of a variable that does not fit into its chunk grid.
    #[error("{variable}: the part of {file} cannot be placed: expected {expected}, found {found}")]
    Placement {
        /// The variable.
        variable: String,
        /// The file.
        file: String,
        /// What would do.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A variable that fragments in whole files cannot say, or that their readers would misread.
    #[error("{variable}: expected {expected}; found {found}; {remedy}")]
    Fragments {
        /// The variable.
        variable: String,
        /// What would do.
        expected: &'static str,
        /// What it is.
        found: String,
        /// What a person can do about it.
        remedy: &'static str,
    },
    /// What the writer of netCDF does not take.
    #[error("{object} cannot be written to netCDF")]
    NetCdf {
        /// The variable, attribute or dimension.
        object: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Values that must stand in the product cannot be read.
    #[error("{variable}: its values cannot be read")]
    Values {
        /// The variable.
        variable: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A chunk that skipped filters: the format has one chain of filters for all chunks.
    #[error("{variable}: chunk {chunk} in {file} skipped filters (mask {mask:#x}); expected a chunk with all filters")]
    FilterMask {
        /// The variable.
        variable: String,
        /// The key of the chunk in the product.
        chunk: String,
        /// The file.
        file: String,
        /// Its filter mask.
        mask: u32,
    },
    /// A chunk without filters whose stored bytes are not as many as its shape asks for.
    #[error("{variable}: chunk {chunk} in {file} holds {found} bytes; expected {expected}")]
    ChunkLength {
        /// The variable.
        variable: String,
        /// The key of the chunk in the product.
        chunk: String,
        /// The file.
        file: String,
        /// Bytes of a whole chunk.
        expected: u64,
        /// Bytes as stored.
        found: u64,
    },
    /// A filter that the format's readers do not know.
    #[error("{variable}: {filter} has no codec in Zarr; expected deflate, shuffle, fletcher32, zstd or blosc")]
    Filter {
        /// The variable.
        variable: String,
        /// The filter.
        filter: String,
    },
    /// Shuffled bytes that are no whole number of elements: HDF5 takes them, readers of Zarr raise an error.
    #[error(
        "{variable}: shuffle({element_size}) meets chunks of {length} bytes; expected a multiple of {element_size}"
    )]
    ShuffleRemainder {
        /// The variable.
        variable: String,
        /// Bytes that are shuffled.
        length: u64,
        /// Bytes of an element.
        element_size: u32,
    },
    /// A never-written chunk that must be inlined could not be encoded.
    #[error("{variable}: a chunk of fill cannot be encoded")]
    Fill {
        /// The variable.
        variable: String,
        /// Why not.
        #[source]
        source: CodecError,
    },
    /// Never-written chunks that must be inlined, and would make the product too large.
    #[error(
        "{variable}: {chunks} never-written chunks of {length} bytes each would have to be inlined; expected at most {limit} bytes in all"
    )]
    FillTooLarge {
        /// The variable.
        variable: String,
        /// The number of such chunks.
        chunks: u64,
        /// Bytes of each.
        length: u64,
        /// The most bytes of all.
        limit: u64,
    },
    /// A group below the root: readers of Kerchunk Parquet do not open what has any.
    #[error(
        "the group {group} lies below the root; expected all variables in the root group, for readers of Kerchunk Parquet open no other"
    )]
    Group {
        /// The group.
        group: String,
    },
    /// The name of a variable, as that of a folder, is misread by readers of Kerchunk Parquet.
    #[error(
        "{variable:?} names a folder that readers of Kerchunk Parquet do not find; expected a name without # ? % \\ and control characters, no dot at the start, of at most 200 bytes"
    )]
    Name {
        /// The variable.
        variable: String,
    },
}
