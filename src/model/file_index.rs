//! What one source file holds: everything but the data.

use std::fmt;
use std::ops::{Deref, DerefMut};
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
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Layout {
    /// In one piece.
    Contiguous,
    /// In the object header.
    Compact,
    /// In chunks.
    Chunked,
    /// Not at all: it is put together from other datasets (HDF5's virtual dataset); which ones, in words.
    Virtual(Arc<str>),
    /// Not at all: it is in other files, byte by byte (HDF5's external storage); which ones, in words.
    External(Arc<str>),
    /// In a way that altostac does not know; which one, in words.
    Unknown(Arc<str>),
}

impl Layout {
    /// Why the data cannot be read from the file, though the variable is there; `None` if they can.
    ///
    /// ```
    /// use altostac::model::Layout;
    /// assert_eq!(Layout::Chunked.obstacle(), None);
    /// let layout = Layout::External("data of a.bin".into());
    /// assert_eq!(layout.obstacle().unwrap(), "data of a.bin");
    /// ```
    pub fn obstacle(&self) -> Option<&str> {
        match self {
            Self::Contiguous | Self::Compact | Self::Chunked => None,
            Self::Virtual(reason) | Self::External(reason) | Self::Unknown(reason) => Some(reason),
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contiguous => "contiguous",
            Self::Compact => "compact",
            Self::Chunked => "chunked",
            Self::Virtual(_) => "virtual",
            Self::External(_) => "external",
            Self::Unknown(_) => "unknown",
        })
    }
}

/// What a file says of a variable, but for the places and values of its data: most files of a dataset say the same.
#[derive(Debug, Clone, PartialEq)]
pub struct VariableSchema {
    /// Its name within its group.
    pub name: VariableName,
    /// The type of an element.
    pub data_type: DataType,
    /// The names of its dimensions, slowest first; empty for a scalar.
    pub dimensions: Vec<DimensionName>,
    /// Its attributes, those of the netCDF-4 library's own book-keeping left out.
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
}

impl VariableSchema {
    /// The text of an attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        attribute::text(&self.attributes, name)
    }

    /// Why no product can carry the variable, in words; `None` if its type and layout are known. Its filters may still be in
    /// the way.
    pub fn obstacle(&self) -> Option<&str> {
        match &self.data_type {
            // Of a null dataspace or an unknown type there is nothing else to say.
            DataType::Unsupported { class, .. } => Some(class),
            _ => self.layout.obstacle(),
        }
    }
}

/// A variable of a file. It can be asked for whatever its schema says.
#[derive(Debug, Clone, PartialEq)]
pub struct FileVariable {
    /// Shared between files where equal.
    pub schema: Arc<VariableSchema>,
    /// Where each chunk is. For texts of any length: where the heap references are, of no use to a product. All chunks are
    /// missing where the file does not hold the data ([`Layout::obstacle`]), which does not mean that they read as fill.
    pub manifest: ManifestHandle,
    /// The values, where the index keeps them.
    pub values: SmallValues,
}

impl Deref for FileVariable {
    type Target = VariableSchema;

    fn deref(&self) -> &VariableSchema {
        &self.schema
    }
}

/// What is changed is this variable's own from then on.
impl DerefMut for FileVariable {
    fn deref_mut(&mut self) -> &mut VariableSchema {
        Arc::make_mut(&mut self.schema)
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
    pub format: Arc<str>,
    /// The root group.
    pub root: FileGroup,
    /// What a reader of the file should know: objects left out by kind, phony dimensions, and the like.
    pub notes: Vec<Note>,
}
