//! A product read back, of whatever format: groups, arrays, and what stands for each chunk.

mod references;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

pub(super) use references::References;
pub use references::SeekingParts;

use super::ReadError;
use super::region::{Region, copy_region, span};
use super::slab::byte_length;
use crate::codec::{CodecError, decode_chunk, decode_texts};
use crate::model::{ChunkGrid, CodecChain, DataType, FileChecksum, ProductFile};
use crate::storage::{ByteSource, LocalFile, StorageError};

/// Finds the source that a URL of the product means.
pub type Open<'a> = &'a (dyn Fn(&str) -> Result<Box<dyn ByteSource>, ReadError> + Sync);

/// What a key of the product holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The bytes themselves.
    Inline(Bytes),
    /// All of a file.
    Whole(Arc<str>),
    /// A piece of a file.
    Part {
        /// The URL as written.
        url: Arc<str>,
        /// Bytes from the start of the file.
        offset: u64,
        /// Bytes.
        length: u64,
    },
    /// A piece of a file of the product itself.
    Stored {
        /// The file's key in the product.
        key: Arc<str>,
        /// Bytes from its start.
        offset: u64,
        /// Bytes.
        length: u64,
    },
}

/// One array of a product: its metadata and where its chunks are.
#[derive(Debug, Clone)]
pub struct ProductArray {
    /// The key of the array, `tas` or `forecast/tas`.
    pub key: String,
    /// The type of an element.
    pub data_type: DataType,
    /// Shape and chunk shape.
    pub grid: ChunkGrid,
    /// `fill_value` as written.
    pub fill_value: Value,
    /// The element that readers mask, and that missing chunks read as unless the next says otherwise; zeros for `null`, none for texts.
    pub fill_element: Vec<u8>,
    /// The element that missing chunks read as, by every reader; `None` if readers make different things of them.
    pub missing_element: Option<Vec<u8>>,
    /// The filters, the compressor last.
    pub codecs: CodecChain,
    /// The array's attributes, `_ARRAY_DIMENSIONS` left out.
    pub attributes: Map<String, Value>,
    /// `_ARRAY_DIMENSIONS`.
    pub dimensions: Vec<String>,
    /// Of an array of whole variables of files: which ones; it has no chunks then.
    pub fragments: Option<Fragments>,
    pub(super) separator: char,
    pub(super) references: References,
}

/// A grid of fragments that an array is made of, each a whole variable of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragments {
    /// The lengths of the fragments along each dimension.
    pub lengths: Arc<Vec<Vec<u64>>>,
    /// The URL of the file of each fragment as written, in C order.
    pub urls: Arc<Vec<String>>,
    /// The path of the variable in each file.
    pub variable: String,
}

impl ProductArray {
    /// What the product holds for a chunk; `None` if it reads as fill.
    pub fn reference(&self, number: u64) -> Option<Reference> {
        self.references.get(number)
    }

    /// Finds pieces of files that stand for chunks, one after the other.
    pub fn seeking(&self) -> SeekingParts<'_> {
        self.references.seeking()
    }

    /// The number of chunks that are not missing.
    pub fn reference_count(&self) -> usize {
        self.references.len()
    }

    /// The key of a chunk, as the product writes it.
    pub fn chunk_key(&self, number: u64) -> String {
        let separator = self.separator.to_string();
        let key = super::chunk_key(&self.grid.coordinates(number));
        format!("{}/{}", self.key, key.replace('.', &separator))
    }

    /// The number of a chunk by the end of its key; `None` if it is none in the one way to write it.
    pub(super) fn chunk_number(&self, key: &str) -> Option<u64> {
        if self.grid.shape.is_empty() {
            return (key == "0").then_some(0);
        }
        let canonical =
            |piece: &str| piece == "0" || !piece.starts_with('0') && piece.bytes().all(|b| b.is_ascii_digit());
        let (mut pieces, mut number) = (key.split(self.separator), 0);
        for (length, chunk) in self.grid.shape.iter().zip(&self.grid.chunk_shape) {
            let at: u64 = pieces.next().filter(|piece| canonical(piece))?.parse().ok()?;
            let count = length.div_ceil(*chunk);
            number = if at < count { number * count + at } else { return None };
        }
        pieces.next().is_none().then_some(number)
    }
}

/// A whole product: groups, arrays and references.
#[derive(Debug, Clone, Default)]
pub struct ProductStore {
    /// The attributes of each group, by its path without slashes at the ends; the root is the empty text.
    pub groups: BTreeMap<String, Map<String, Value>>,
    /// The arrays by key.
    pub arrays: BTreeMap<String, ProductArray>,
    /// Keys that belong to no group or array, or to no chunk of theirs.
    pub extra_keys: Vec<String>,
    /// Attributes of the root that are the format's own: they say nothing of the sources.
    pub own_attributes: BTreeSet<String>,
    /// Of a format that has them, the checksum of each file that is referred to, by the name of the file.
    pub checksums: Option<BTreeMap<Arc<str>, Option<FileChecksum>>>,
    /// The folder that [`Reference::Stored`] means.
    pub folder: Option<PathBuf>,
}

/// What stands of a product, and the files it was read from, as they are now.
#[derive(Debug, Clone, Default)]
pub struct ReadBack {
    /// Its metadata and references.
    pub store: ProductStore,
    /// The files that were read whole, by the paths of the product.
    pub files: Vec<ProductFile>,
}

impl ProductStore {
    /// Decodes one whole chunk: elements in C order, in the array's byte order; a missing chunk is full of fill.
    ///
    /// # Errors
    /// [`ReadError`] if the chunk cannot be read or decoded, or the elements have no fixed size.
    pub fn read_chunk(&self, array: &ProductArray, number: u64, open: Open<'_>) -> Result<Vec<u8>, ReadError> {
        let size = array
            .data_type
            .size()
            .ok_or_else(|| ReadError::DataType { variable: array.key.clone(), found: array.data_type.to_string() })?;
        let too_large =
            || ReadError::TooLarge { variable: array.key.clone(), elements: array.grid.chunk_shape.clone(), size };
        let length = byte_length(&array.grid.chunk_shape, size).ok_or_else(too_large)?;
        let Some(stored) = self.stored(array, number, open)? else {
            return Ok(array
                .missing_element
                .as_ref()
                .unwrap_or(&array.fill_element)
                .repeat(length.checked_div(size).unwrap_or(0)));
        };
        decode_chunk(&stored, &array.codecs, 0, length).map_err(|source| codec_error(array, number, source))
    }

    /// Decodes a box of one chunk, `within` counted from the chunk's first element; of an unfiltered chunk only that much is read.
    ///
    /// # Errors
    /// As [`ProductStore::read_chunk`]; what of the box lies outside the chunk stays 0.
    pub fn read_box(
        &self,
        array: &ProductArray,
        number: u64,
        within: &Region,
        open: Open<'_>,
    ) -> Result<Vec<u8>, ReadError> {
        let size = array.data_type.size().unwrap_or(0);
        let shape = &array.grid.chunk_shape;
        let too_large = || ReadError::TooLarge { variable: array.key.clone(), elements: within.count.clone(), size };
        let mut out = vec![0; byte_length(&within.count, size).ok_or_else(too_large)?];
        let (bytes, first) = match array.reference(number) {
            Some(Reference::Part { url, offset, length }) if array.codecs.is_empty() => {
                let (first, end) = span(shape, within);
                let byte = |element: u64| element.saturating_mul(size as u64).min(length);
                let range = offset.saturating_add(byte(first))..offset.saturating_add(byte(end));
                let read = open(&url)?.read_one(range);
                (read.map_err(|source| storage_error(array, number, source))?, first)
            }
            _ => (self.read_chunk(array, number, open)?.into(), 0),
        };
        let origin = vec![0; within.start.len()];
        let target = (&mut out[..], &within.count[..]);
        copy_region((&bytes, shape, first), &within.start, target, &origin, (&within.count, size));
        Ok(out)
    }

    /// Decodes one chunk of texts of any length (numcodecs' `vlen-utf8`).
    ///
    /// # Errors
    /// [`ReadError`] if the chunk cannot be read or is no such list of texts.
    pub fn read_texts(&self, array: &ProductArray, number: u64, open: Open<'_>) -> Result<Vec<String>, ReadError> {
        let Some(stored) = self.stored(array, number, open)? else { return Ok(Vec::new()) };
        decode_texts(&stored).ok_or_else(|| ReadError::Metadata {
            key: array.chunk_key(number),
            expected: "a list of texts in numcodecs' vlen-utf8",
            found: format!("{} other bytes", stored.len()),
        })
    }

    fn stored(&self, array: &ProductArray, number: u64, open: Open<'_>) -> Result<Option<Bytes>, ReadError> {
        let read = |url: &str, range: Option<(u64, u64)>| {
            let source = open(url)?;
            let (offset, length) = range.unwrap_or((0, source.file().size));
            let read = source.read_one(offset..offset.saturating_add(length));
            read.map_err(|source| storage_error(array, number, source))
        };
        match array.reference(number) {
            None => Ok(None),
            Some(Reference::Inline(bytes)) => Ok(Some(bytes)),
            Some(Reference::Stored { key, offset, length }) => {
                let path = self.folder.as_deref().unwrap_or(Path::new("")).join(&*key);
                let read = LocalFile::open(&path).and_then(|file| file.read_one(offset..offset.saturating_add(length)));
                read.map(Some).map_err(|source| storage_error(array, number, source))
            }
            Some(Reference::Whole(url)) => read(&url, None).map(Some),
            Some(Reference::Part { url, offset, length }) => read(&url, Some((offset, length))).map(Some),
        }
    }
}

fn storage_error(array: &ProductArray, number: u64, source: StorageError) -> ReadError {
    let chunk = super::chunk_key(&array.grid.coordinates(number));
    ReadError::Storage { variable: array.key.clone(), chunk, source }
}

fn codec_error(array: &ProductArray, number: u64, source: CodecError) -> ReadError {
    let chunk = super::chunk_key(&array.grid.coordinates(number));
    ReadError::Codec { variable: array.key.clone(), chunk, source }
}
