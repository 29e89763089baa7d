//! A Zarr store, version 2 or 3, read back from a folder.
//!
//! Every file of the store is accounted for: documents, chunks, shards; what belongs to nothing is an
//! [extra key](ProductStore::extra_keys). Consolidated metadata must say what the documents say. Chunks stay where they are, but those of
//! small arrays; of shards the indexes are read.

mod digests;
mod shard;
mod walk;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::zarr2::wrong;
use super::zarr3::{self, Node};
use super::{ProductArray, ProductStore, ReadError, Reference, zarr2};
use crate::model::ChunkGrid;
use crate::storage::StorageError;
use shard::Sharding;

pub use digests::{Digests, StoredDigest};

/// The most bytes of one document.
const DOCUMENT_LIMIT: u64 = 256 << 20;
/// Arrays of one chunk of at most so many bytes are kept whole.
const INLINE_LIMIT: u64 = 1 << 20;

/// An array, where its files are counted by units: shards, or chunks.
struct Shelved {
    array: ProductArray,
    units: ChunkGrid,
    sharding: Option<Sharding>,
    /// How texts of its one chunk become elements.
    texts: Option<Box<zarr3::StoredArray>>,
    is_version2: bool,
}

/// Reads the store in a folder; documents are told to `read`, by their keys. Also gives the keys of the files that hold chunks.
///
/// # Errors
/// [`ReadError`] if a file cannot be read, or says what altostac does not write.
pub fn read_zarr(folder: &Path, read: &mut dyn FnMut(&str, &[u8])) -> Result<(ProductStore, Vec<String>), ReadError> {
    let mut files = walk::files(folder)?;
    let mut store = ProductStore { folder: Some(folder.into()), ..ProductStore::default() };
    let mut documents = BTreeMap::new();
    let names: Vec<String> = files.keys().filter(|key| walk::is_document(key)).cloned().collect();
    for key in names {
        let size = files.remove(&key).unwrap_or(0);
        if size > DOCUMENT_LIMIT {
            return Err(wrong(&key, "a document of at most 256 MiB", &size));
        }
        let bytes = walk::read(folder, &key)?;
        read(&key, &bytes);
        documents.insert(key, bytes);
    }
    let shelved = if documents.contains_key("zarr.json") {
        version3(&documents, &mut store)?
    } else {
        version2(&documents, &mut store)?
    };
    let mut by_array: BTreeMap<&str, Vec<(u64, &str, u64)>> = BTreeMap::new();
    for (key, size) in &files {
        match owner(&shelved, key) {
            Some((array, number)) => by_array.entry(array).or_default().push((number, key, *size)),
            None => store.extra_keys.push(key.clone()),
        }
    }
    let mut arrays = BTreeMap::new();
    for (key, shelved) in &shelved {
        let units = by_array.remove(key.as_str()).unwrap_or_default();
        arrays.insert(key.clone(), take(folder, shelved, &units)?);
    }
    store.arrays = arrays;
    store.extra_keys.sort_unstable();
    let held = files.into_keys().filter(|key| store.extra_keys.binary_search(key).is_err()).collect();
    Ok((store, held))
}

/// The array that a file belongs to, and its number among the array's units.
fn owner<'a>(shelved: &'a BTreeMap<String, Shelved>, key: &str) -> Option<(&'a str, u64)> {
    // A key has at most as many slashes as HDF5 has dimensions, 32, and one.
    key.rmatch_indices('/').take(33).find_map(|(at, _)| {
        let (array, shelved) = shelved.get_key_value(&key[..at])?;
        Some((array.as_str(), unit_number(shelved, &key[at + 1..])?))
    })
}

fn unit_number(shelved: &Shelved, end: &str) -> Option<u64> {
    let (separator, places) = if shelved.is_version2 { ('.', end) } else { ('/', end.strip_prefix('c')?) };
    if shelved.units.shape.is_empty() {
        return (places == if shelved.is_version2 { "0" } else { "" }).then_some(0);
    }
    let places = if shelved.is_version2 { places } else { places.strip_prefix('/')? };
    let canonical = |piece: &str| piece == "0" || !piece.starts_with('0') && piece.bytes().all(|b| b.is_ascii_digit());
    let pieces = places.split(separator).map(|piece| canonical(piece).then(|| piece.parse().ok()).flatten());
    shelved.units.number(&pieces.collect::<Option<Vec<u64>>>()?)
}

/// An array with its references.
fn take(folder: &Path, shelved: &Shelved, units: &[(u64, &str, u64)]) -> Result<ProductArray, ReadError> {
    let mut array = shelved.array.clone();
    array.references.keep_stored();
    let is_text = array.data_type.number().is_none();
    if let ([(number, key, size)], 1, None) = (units, array.grid.chunk_count(), &shelved.sharding)
        && (*size <= INLINE_LIMIT || is_text)
    {
        let bytes = Bytes::from(walk::read(folder, key)?);
        let bytes = match &shelved.texts {
            Some(texts) => texts.inline(bytes).ok_or_else(|| wrong(key, "a list of texts in vlen-bytes", &size))?,
            None => bytes,
        };
        array.references.insert(*number, Reference::Inline(bytes));
        return Ok(array);
    }
    let mut found: Vec<(u64, Arc<str>, u64, u64)> = Vec::with_capacity(units.len());
    for (number, key, size) in units {
        let name: Arc<str> = (*key).into();
        match &shelved.sharding {
            None => found.push((*number, name, 0, *size)),
            Some(sharding) => {
                let place = shelved.units.coordinates(*number);
                for (chunk, offset, length) in sharding.chunks(folder, (key, *size), &place, &array.grid)? {
                    found.push((chunk, Arc::clone(&name), offset, length));
                }
            }
        }
    }
    found.sort_unstable_by_key(|(number, ..)| *number);
    for (number, key, offset, length) in found {
        array.references.insert(number, Reference::Stored { key, offset, length });
    }
    array.references.shrink();
    Ok(array)
}

fn object(key: &str, bytes: &[u8]) -> Result<Map<String, Value>, ReadError> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(wrong(key, "a JSON object", &other)),
        Err(error) => Err(wrong(key, "a JSON object", &error)),
    }
}

type Documents = BTreeMap<String, Vec<u8>>;

fn version3(documents: &Documents, store: &mut ProductStore) -> Result<BTreeMap<String, Shelved>, ReadError> {
    let mut shelved = BTreeMap::new();
    let mut told = Map::new();
    for (name, bytes) in documents {
        let Some(key) = name.strip_suffix("zarr.json") else {
            // DataPoint looks for it.
            if name != ".zmetadata" || bytes != b"{}" {
                store.extra_keys.push(name.clone());
            }
            continue;
        };
        let key = key.trim_end_matches('/');
        let mut document = object(name, bytes)?;
        if key.is_empty() {
            let inline = document.shift_remove("consolidated_metadata");
            told = match inline.as_ref().and_then(|inline| inline.get("metadata")).and_then(Value::as_object) {
                Some(told) => told.clone(),
                None => return Err(wrong(name, "consolidated metadata", &inline.unwrap_or_default())),
            };
        }
        let (document, sharding) = shard::unwrap(name, document)?;
        match zarr3::node(key, document.to_string().as_bytes())? {
            Node::Group(attributes) => {
                store.groups.insert(key.into(), attributes);
            }
            Node::Array(stored) => {
                let units = match &sharding {
                    Some(sharding) => sharding.units(name, &stored.grid)?,
                    None => stored.grid.clone(),
                };
                let array = stored.array.clone();
                let texts = Some(stored).filter(|_| array.data_type.number().is_none());
                shelved.insert(key.into(), Shelved { array, units, sharding, texts, is_version2: false });
            }
        }
    }
    let own = documents.iter().filter_map(|(name, bytes)| Some((name.strip_suffix("/zarr.json")?, name, bytes)));
    compare("zarr.json", told, own)?;
    Ok(shelved)
}

fn version2(documents: &Documents, store: &mut ProductStore) -> Result<BTreeMap<String, Shelved>, ReadError> {
    let consolidated =
        documents.get(".zmetadata").ok_or_else(|| wrong(".zmetadata", "consolidated metadata", &"none"))?;
    let told = match object(".zmetadata", consolidated)?.shift_remove("metadata") {
        Some(Value::Object(told)) => told,
        other => return Err(wrong(".zmetadata", "consolidated metadata", &other.unwrap_or_default())),
    };
    let own = documents.iter().filter(|(name, _)| *name != ".zmetadata");
    compare(".zmetadata", told, own.map(|(name, bytes)| (name.as_str(), name, bytes)))?;
    let mut shelved = BTreeMap::new();
    let below = |key: &str, name: &str| if key.is_empty() { name.to_owned() } else { format!("{key}/{name}") };
    let attributes = |key: &str| {
        let name = below(key, ".zattrs");
        documents.get(&name).map_or_else(|| Ok(Map::new()), |bytes| object(&name, bytes))
    };
    for (name, bytes) in documents {
        let (key, kind) = name.rsplit_once('/').unwrap_or(("", name));
        match kind {
            ".zgroup" => {
                zarr2::expect_version(name, &object(name, bytes)?)?;
                store.groups.insert(key.into(), attributes(key)?);
            }
            ".zarray" => {
                let array = zarr2::array(name, key, &object(name, bytes)?, attributes(key)?)?;
                let units = array.grid.clone();
                shelved.insert(key.into(), Shelved { array, units, sharding: None, texts: None, is_version2: true });
            }
            ".zattrs" if ![".zgroup", ".zarray"].iter().any(|beside| documents.contains_key(&below(key, beside))) => {
                store.extra_keys.push(name.clone());
            }
            _ => {}
        }
    }
    Ok(shelved)
}

/// Consolidated metadata say of each document what it says itself.
fn compare<'a>(
    key: &str,
    mut told: Map<String, Value>,
    own: impl Iterator<Item = (&'a str, &'a String, &'a Vec<u8>)>,
) -> Result<(), ReadError> {
    for (path, name, bytes) in own {
        let document = Value::Object(object(name, bytes)?);
        match told.shift_remove(path) {
            Some(same) if same == document => {}
            other => {
                let found = other.unwrap_or_else(|| json!("nothing"));
                return Err(wrong(
                    key,
                    "consolidated metadata that say what the documents say",
                    &format!("{path}: {found}"),
                ));
            }
        }
    }
    match told.keys().next() {
        Some(path) => Err(wrong(key, "consolidated metadata of documents that are there", path)),
        None => Ok(()),
    }
}

fn unreadable(key: &str, source: std::io::Error) -> ReadError {
    let source = StorageError::Io { action: "read", path: key.into(), source };
    ReadError::Storage { variable: key.into(), chunk: "store".into(), source }
}
