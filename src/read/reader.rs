//! Who reads the values of source files: the seam between verification and our own or another reader.

use super::{ReadError, read_slab};
use crate::model::{FileIndex, FileVariable, Note, SourceUrl};
use crate::storage::{ByteSource, StorageError};

/// Opens a source.
pub type OpenSource<'a> = &'a (dyn Fn(&SourceUrl) -> Result<Box<dyn ByteSource>, StorageError> + Sync);

/// Reads values of source files as they are stored: neither scaled nor masked.
pub trait SourceReader: Sync {
    /// What a report calls it, with its version if it has one of its own.
    fn name(&self) -> String;

    /// Reads the elements of a variable from `start`, as many as `count` along each dimension: in C order, in the type and byte order
    /// that the index gives the variable, whose key is its path without the first `/`.
    ///
    /// Elements that were never written read as fill.
    ///
    /// # Errors
    /// [`ReadError`] if they cannot be read.
    fn slab(
        &self,
        index: &FileIndex,
        key: &str,
        variable: &FileVariable,
        start: &[u64],
        count: &[u64],
    ) -> Result<Vec<u8>, ReadError>;

    /// Whether it reads the very bytes that the index points to, and has no view of its own: then nothing is to be learnt from asking it for
    /// what the index has read, or for the bytes of a reference that is the index's.
    fn goes_by_index(&self) -> bool {
        false
    }

    /// What this reader sees in a file, beside what the index says of it: layout, types, chunks, and the values that the index keeps.
    ///
    /// # Errors
    /// [`ReadError`] if the file cannot be read at all.
    fn examine(&self, index: &FileIndex) -> Result<Examination, ReadError>;
}

/// An index compared with what another reader sees.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Examination {
    /// How many facts were compared.
    pub facts: u64,
    /// What differs.
    pub disagreements: Vec<Disagreement>,
    /// What this reader cannot look at, and leaves to the native one.
    pub notes: Vec<Note>,
}

impl Examination {
    /// Takes note of one fact.
    pub fn compare<T: PartialEq + std::fmt::Debug>(&mut self, variable: &str, what: &str, index: &T, reader: &T) {
        self.facts += 1;
        if index != reader {
            self.disagreements.push(Disagreement {
                variable: variable.into(),
                index: format!("{what} {index:?}"),
                reader: format!("{what} {reader:?}"),
            });
        }
    }
}

/// What a reader sees otherwise than the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The key of the variable.
    pub variable: String,
    /// What the index says.
    pub index: String,
    /// What the reader sees.
    pub reader: String,
}

/// Reads a slab as [`read_slab`] does; where altostac does not undo a filter itself, the C library is asked for the values of local
/// files, if altostac was built with the feature `libhdf5`.
///
/// # Errors
/// As [`read_slab`]; [`ReadError::Library`] if the library cannot read them either.
#[cfg_attr(not(feature = "libhdf5"), allow(unused_variables))]
pub fn read_values(
    (index, key): (&FileIndex, &str),
    variable: &FileVariable,
    source: &dyn ByteSource,
    start: &[u64],
    count: &[u64],
) -> Result<Vec<u8>, ReadError> {
    let read = read_slab(variable, source, start, count);
    #[cfg(feature = "libhdf5")]
    if let Err(ReadError::Codec { source: crate::codec::CodecError::Unsupported { .. }, .. }) = read
        && index.source.url.local_path().is_some()
    {
        return super::LibraryReader::default().slab(index, key, variable, start, count);
    }
    read
}

/// Our own reader, which goes where the index points.
///
/// Filters that this program does not undo itself are left to the C library, if it was built with the feature `libhdf5`.
pub struct NativeReader<'a> {
    open: OpenSource<'a>,
}

impl<'a> NativeReader<'a> {
    /// Reads sources that are opened in this way.
    pub fn new(open: OpenSource<'a>) -> Self {
        Self { open }
    }
}

impl SourceReader for NativeReader<'_> {
    fn name(&self) -> String {
        "native".into()
    }

    fn goes_by_index(&self) -> bool {
        true
    }

    fn slab(
        &self,
        index: &FileIndex,
        key: &str,
        variable: &FileVariable,
        start: &[u64],
        count: &[u64],
    ) -> Result<Vec<u8>, ReadError> {
        let source =
            (self.open)(&index.source.url).map_err(|source| ReadError::Open { variable: key.into(), source })?;
        read_values((index, key), variable, source.as_ref(), start, count)
    }

    /// Nothing: the index is what this reader goes by.
    fn examine(&self, _index: &FileIndex) -> Result<Examination, ReadError> {
        Ok(Examination::default())
    }
}
