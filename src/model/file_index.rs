//! What one source file holds: everything but the data.

use std::sync::Arc;

use super::array::SmallValues;
use super::attribute::{self, Attributes};
use super::chunk::ChunkGrid;
use super::codec::CodecChain;
use super::cube::Note;
use super::dtype::DataType;
use super::group::VariableGroup;
use super::ids::{DimensionName, VariableName};
use super::manifest::ManifestHandle;
use super::source::SourceFile;

/// How a file keeps the data of a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// In one piece.
    Contiguous,
    /// In the object header.
    Compact,
    /// In chunks.
    Chunked,
}

/// A variable of a file.
#[derive(Debug, Clone, PartialEq)]
pub struct FileVariable {
    /// Its name within its group.
    pub name: VariableName,
    /// The type of an element.
    pub data_type: DataType,
    /// The names of its dimensions, slowest first; empty for a scalar.
    pub dimensions: Vec<DimensionName>,
    /// Its attributes, those of the netCDF-4 library's own book-keeping left out. Shared between files where equal.
    pub attributes: Arc<Attributes>,
    /// The element that never-written chunks read as, in the bytes of `data_type`; `None`: zeros.
    pub fill_value: Option<Vec<u8>>,
    /// How the data are kept.
    pub layout: Layout,
    /// The filters of its chunks.
    pub codecs: CodecChain,
    /// The shape as stored (it may be shorter than an unlimited dimension) and that of a chunk; for a contiguous or compact variable one
    /// chunk is the whole array.
    pub grid: ChunkGrid,
    /// Whether chunks at the edge of the array skip all filters (layout version 4, flag 1).
    pub unfiltered_edges: bool,
    /// Where each chunk is. For texts of any length: where the heap references are, of no use to a product.
    pub manifest: ManifestHandle,
    /// The values, where the index keeps them.
    pub values: SmallValues,
}

impl FileVariable {
    /// The text of an attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        attribute::text(&self.attributes, name)
    }
}

/// A group of a file.
pub type FileGroup = VariableGroup<FileVariable>;

/// What a source file holds, as of the moment its fingerprint was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct FileIndex {
    /// The file.
    pub source: SourceFile,
    /// The format in words: `netCDF-4`, `netCDF-4 classic model`, `HDF5`, `netCDF-3 classic (CDF-1)`.
    pub format: String,
    /// The root group.
    pub root: FileGroup,
    /// What a reader of the file should know: objects left out by kind, phony dimensions, and the like.
    pub notes: Vec<Note>,
}
