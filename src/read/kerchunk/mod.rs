//! Products in Kerchunk JSON, version 1, read back.

mod gather;
mod json;
mod metadata;
mod references;

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use gather::{Gathered, Refused};
use references::References;

use super::ReadError;
use super::region::{Region, copy_region, span};
use super::slab::byte_length;
use crate::codec::{CodecError, decode_chunk};
use crate::model::{ChunkGrid, CodecChain, DataType};
use crate::storage::{ByteSource, StorageError};

/// Products of fewer bytes are read at once.
const WHOLE: u64 = 16 << 20;

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
}

/// One array of a product: its metadata and where its chunks are.
#[derive(Debug, Clone)]
pub struct KerchunkArray {
    /// The key of the array, `tas` or `forecast/tas`.
    pub key: String,
    /// The type of an element.
    pub data_type: DataType,
    /// Shape and chunk shape.
    pub grid: ChunkGrid,
    /// `fill_value` as written.
    pub fill_value: Value,
    /// The element that missing chunks read as; zeros for `null`, none for texts of any length.
    pub fill_element: Vec<u8>,
    /// The filters, the compressor last.
    pub codecs: CodecChain,
    /// The array's attributes, `_ARRAY_DIMENSIONS` left out.
    pub attributes: Map<String, Value>,
    /// `_ARRAY_DIMENSIONS`.
    pub dimensions: Vec<String>,
    separator: char,
    references: References,
}

impl KerchunkArray {
    /// What the product holds for a chunk; `None` if it reads as fill.
    pub fn reference(&self, number: u64) -> Option<Reference> {
        self.references.get(number)
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
    fn chunk_number(&self, key: &str) -> Option<u64> {
        if self.grid.shape.is_empty() {
            return (key == "0").then_some(0);
        }
        let canonical =
            |piece: &str| piece == "0" || !piece.starts_with('0') && piece.bytes().all(|b| b.is_ascii_digit());
        let pieces = key.split(self.separator).map(|piece| canonical(piece).then(|| piece.parse().ok()).flatten());
        self.grid.number(&pieces.collect::<Option<Vec<u64>>>()?)
    }
}

/// A whole product: groups, arrays and references.
#[derive(Debug, Clone, Default)]
pub struct KerchunkStore {
    /// The attributes of each group, by its path without slashes at the ends; the root is the empty text.
    pub groups: BTreeMap<String, Map<String, Value>>,
    /// The arrays by key.
    pub arrays: BTreeMap<String, KerchunkArray>,
    /// Keys that belong to no group or array, or to no chunk of theirs.
    pub extra_keys: Vec<String>,
}

impl KerchunkStore {
    /// Reads a product: `{"version": 1, "refs": {…}}`, or the references alone.
    ///
    /// ```
    /// use altostac::read::KerchunkStore;
    /// let store = KerchunkStore::parse(br#"{"version": 1, "refs": {
    ///     ".zgroup": "{\"zarr_format\": 2}",
    ///     "x/.zarray": "{\"zarr_format\":2,\"shape\":[2],\"chunks\":[2],\"dtype\":\"|u1\",\"fill_value\":null,\"filters\":null}",
    ///     "x/.zattrs": "{\"_ARRAY_DIMENSIONS\": [\"x\"]}",
    ///     "x/0": "base64:AQI="
    /// }}"#)?;
    /// let values = store.read_chunk(&store.arrays["x"], 0, &|_| unreachable!())?;
    /// assert_eq!(values, [1, 2]);
    /// # Ok::<(), altostac::read::ReadError>(())
    /// ```
    ///
    /// # Errors
    /// [`ReadError::Json`] for what is no such JSON (a key that stands twice, `templates`, `gen`), [`ReadError::Metadata`] for
    /// an array of another Zarr version, or with types, filters or an order that altostac does not know.
    pub fn parse(bytes: &[u8]) -> Result<Self, ReadError> {
        Self::gather(|sink| json::read(serde_json::de::SliceRead::new(bytes), sink))
    }

    /// The same, read piece by piece: chunks whose array stands before them are never all in memory as text.
    ///
    /// ```
    /// use altostac::read::KerchunkStore;
    /// let mut file: &[u8] = br#"{"version": 1, "refs": {".zgroup": "{\"zarr_format\": 2}"}}"#;
    /// assert!(KerchunkStore::read(&mut file)?.groups.contains_key(""));
    /// # Ok::<(), altostac::read::ReadError>(())
    /// ```
    ///
    /// # Errors
    /// As [`KerchunkStore::parse`]; what cannot be read counts as [`ReadError::Json`].
    pub fn read(file: &mut dyn Read) -> Result<Self, ReadError> {
        // A slice is read faster than a stream.
        let mut begin = Vec::new();
        let read = file.take(WHOLE).read_to_end(&mut begin);
        read.map_err(|error| ReadError::Json { source: serde_json::Error::io(error) })?;
        if (begin.len() as u64) < WHOLE {
            return Self::parse(&begin);
        }
        let rest = BufReader::with_capacity(1 << 18, file);
        Self::gather(|sink| json::read(serde_json::de::IoRead::new(begin.as_slice().chain(rest)), sink))
    }

    fn gather(read: impl FnOnce(json::Sink<'_>) -> Result<(), serde_json::Error>) -> Result<Self, ReadError> {
        let mut gathered = Gathered::default();
        let mut wrong = None;
        let outcome = read(&mut |key, reference| match gathered.take(key, reference) {
            Ok(()) => Ok(()),
            Err(Refused::Twice(key)) => Err(format!("the key {key:?} stands twice")),
            Err(Refused::Metadata(error)) => Err(wrong.insert(error).to_string()),
        });
        match (outcome, wrong) {
            (_, Some(error)) => Err(error),
            (Err(source), None) => Err(ReadError::Json { source }),
            (Ok(()), None) => gathered.finish(),
        }
    }

    /// Decodes one whole chunk: elements in C order, in the array's byte order; a missing chunk is full of fill.
    ///
    /// # Errors
    /// [`ReadError`] if the chunk cannot be read or decoded, or the elements have no fixed size.
    pub fn read_chunk(&self, array: &KerchunkArray, number: u64, open: Open<'_>) -> Result<Vec<u8>, ReadError> {
        let size = array
            .data_type
            .size()
            .ok_or_else(|| ReadError::DataType { variable: array.key.clone(), found: array.data_type.to_string() })?;
        let too_large =
            || ReadError::TooLarge { variable: array.key.clone(), elements: array.grid.chunk_shape.clone(), size };
        let length = byte_length(&array.grid.chunk_shape, size).ok_or_else(too_large)?;
        let Some(stored) = self.stored(array, number, open)? else {
            return Ok(array.fill_element.repeat(length.checked_div(size).unwrap_or(0)));
        };
        decode_chunk(&stored, &array.codecs, 0, length).map_err(|source| codec_error(array, number, source))
    }

    /// Decodes a box of one chunk, `within` counted from the chunk's first element; of an unfiltered chunk only that much is read.
    ///
    /// # Errors
    /// As [`KerchunkStore::read_chunk`]; what of the box lies outside the chunk stays 0.
    pub fn read_box(
        &self,
        array: &KerchunkArray,
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
    pub fn read_texts(&self, array: &KerchunkArray, number: u64, open: Open<'_>) -> Result<Vec<String>, ReadError> {
        let Some(stored) = self.stored(array, number, open)? else { return Ok(Vec::new()) };
        metadata::texts(&stored).ok_or_else(|| ReadError::Metadata {
            key: array.chunk_key(number),
            expected: "a list of texts in numcodecs' vlen-utf8",
            found: format!("{} other bytes", stored.len()),
        })
    }

    fn stored(&self, array: &KerchunkArray, number: u64, open: Open<'_>) -> Result<Option<Bytes>, ReadError> {
        let read = |url: &str, range: Option<(u64, u64)>| {
            let source = open(url)?;
            let (offset, length) = range.unwrap_or((0, source.file().size));
            let read = source.read_one(offset..offset.saturating_add(length));
            read.map_err(|source| storage_error(array, number, source))
        };
        match array.reference(number) {
            None => Ok(None),
            Some(Reference::Inline(bytes)) => Ok(Some(bytes)),
            Some(Reference::Whole(url)) => read(&url, None).map(Some),
            Some(Reference::Part { url, offset, length }) => read(&url, Some((offset, length))).map(Some),
        }
    }
}

fn storage_error(array: &KerchunkArray, number: u64, source: StorageError) -> ReadError {
    let chunk = super::chunk_key(&array.grid.coordinates(number));
    ReadError::Storage { variable: array.key.clone(), chunk, source }
}

fn codec_error(array: &KerchunkArray, number: u64, source: CodecError) -> ReadError {
    let chunk = super::chunk_key(&array.grid.coordinates(number));
    ReadError::Codec { variable: array.key.clone(), chunk, source }
}

fn name(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

fn folder(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// The bytes of a text value: after `base64:` encoded, else as they are.
fn inline_bytes(text: &str) -> Option<Bytes> {
    match text.strip_prefix("base64:") {
        Some(encoded) => STANDARD.decode(encoded).ok().map(Bytes::from),
        None => Some(Bytes::copy_from_slice(text.as_bytes())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    const ARRAY: &str = r#""x/.zarray": "{\"zarr_format\":2,\"shape\":[3],\"chunks\":[2],\"dtype\":\">i2\",\"fill_value\":-1,\"order\":\"C\",\"filters\":null,\"compressor\":null}","x/.zattrs":"{\"_ARRAY_DIMENSIONS\":[\"x\"]}""#;

    fn error(refs: &str) -> String {
        let error = KerchunkStore::parse(refs.as_bytes()).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {source}")
    }

    #[test]
    fn bare_references_and_missing_chunks_read() {
        let text = format!(
            r#"{{".zgroup":"{{\"zarr_format\":2}}",{ARRAY},"x/0":["memory://a",1,4],"x/2":"aa","x/01":"aa","y/0":"aa"}}"#
        );
        let store = KerchunkStore::parse(text.as_bytes()).unwrap();
        let array = &store.arrays["x"];
        assert_eq!(store.extra_keys, ["x/01", "x/2", "y/0"]);
        assert_eq!(array.reference(0), Some(Reference::Part { url: "memory://a".into(), offset: 1, length: 4 }));
        assert_eq!(store.read_chunk(array, 1, &|_| unreachable!()).unwrap(), [255; 4]);
    }

    #[test]
    fn what_is_not_kerchunk_is_refused_by_name() {
        assert!(error(r#"{"version":1,"refs":{"a":"1","a":"2"}}"#).contains("the key \"a\" stands twice"));
        assert!(error(r#"{"version":1,"templates":{"u":"file"},"refs":{}}"#).contains("templates"));
        assert!(error(r#"{"version":1,"gen":[{}],"refs":{}}"#).contains("gen"));
        assert!(error(r#"{"version":3,"refs":{}}"#).contains("version 3"));
        assert!(error(r#"{"version":1,"refs":{"a":["u",-1,2]}}"#).contains("[url, offset, length]"));
        assert!(error(&format!("{{{}}}", ARRAY.replace(">i2", "<M8[s]"))).contains("x/.zarray"));
        assert!(error(&format!("{{{}}}", ARRAY.replace("[2]", "[0]"))).contains("chunks"));
        assert!(error(&format!("{{{}}}", ARRAY.replace("-1", "99999"))).contains("fill_value"));
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "\\PC{0,60}", key in "[a-z./0]{0,8}") {
            let _ = KerchunkStore::parse(text.as_bytes());
            let _ = KerchunkStore::parse(serde_json::json!({"version": 1, "refs": {key: text}}).to_string().as_bytes());
        }
    }
}
