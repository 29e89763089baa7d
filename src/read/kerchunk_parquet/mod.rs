//! Products in Kerchunk Parquet read back: `.zmetadata`, and tables of references.
//!
//! The bytes are untrusted: no more rows are taken than the arrays have chunks, no table is held longer than it takes to read it.

mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::io;

use bytes::Bytes;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use self::table::Table;
use super::kerchunk::gather::{Gathered, Refused};
use super::kerchunk::json::Urls;
use super::{ProductArray, ReadBack, ReadError, Reference};
use crate::model::ProductFile;

const METADATA: &str = ".zmetadata";

/// A folder that a product is read from.
pub trait ProductFolder {
    /// The paths of all files below it, with `/`.
    ///
    /// # Errors
    /// [`io::Error`] if they cannot be listed.
    fn names(&self) -> io::Result<Vec<String>>;

    /// A whole file.
    ///
    /// # Errors
    /// [`io::Error`] if it cannot be read.
    fn get(&self, name: &str) -> io::Result<Bytes>;
}

/// Reads a product in a folder; `path` is the folder's below the output.
///
/// ```
/// use altostac::read::{ProductFolder, read_kerchunk_parquet};
/// struct Empty;
/// impl ProductFolder for Empty {
///     fn names(&self) -> std::io::Result<Vec<String>> { Ok(vec![".zmetadata".into()]) }
///     fn get(&self, _: &str) -> std::io::Result<bytes::Bytes> {
///         Ok(r#"{"metadata": {".zgroup": {"zarr_format": 2}}, "record_size": 10}"#.into())
///     }
/// }
/// let read_back = read_kerchunk_parquet("kerchunk.parq", &Empty)?;
/// assert!(read_back.store.groups.contains_key("") && read_back.files[0].path == "kerchunk.parq/.zmetadata");
/// # Ok::<(), altostac::read::ReadError>(())
/// ```
///
/// # Errors
/// [`ReadError::Unread`] if a file cannot be read; [`ReadError::Metadata`] for documents as with Kerchunk JSON, for a table that is
/// missing, is no Parquet, has other columns or another number of rows than the array has chunks, or has a row that says nothing.
pub fn read_kerchunk_parquet(path: &str, folder: &dyn ProductFolder) -> Result<ReadBack, ReadError> {
    let mut reading = Reading { path, folder, files: Vec::new(), urls: Urls::default() };
    let unread = |source| ReadError::Unread { path: path.into(), source };
    let mut names: BTreeSet<String> = folder.names().map_err(unread)?.into_iter().collect();
    names.remove(METADATA);
    let (documents, record_size) = documents(&reading.get(METADATA)?)?;
    let mut gathered = Gathered::default();
    for (key, document) in documents {
        let inline = Reference::Inline(document.to_string().into());
        gathered.take(key.into(), inline).map_err(|refused| match refused {
            Refused::Twice(key) => wrong(&key, "each key once", &"the key twice"),
            Refused::Metadata(error) => error,
        })?;
    }
    let mut store = gathered.finish()?;
    for array in store.arrays.values_mut() {
        reading.references(array, record_size, &mut names)?;
    }
    store.extra_keys.extend(names);
    store.extra_keys.sort_unstable();
    Ok(ReadBack { store, files: reading.files })
}

fn wrong(key: &str, expected: &'static str, found: &dyn std::fmt::Display) -> ReadError {
    ReadError::Metadata { key: key.into(), expected, found: found.to_string().chars().take(200).collect() }
}

/// The documents by key, and the number of rows of a table.
fn documents(bytes: &[u8]) -> Result<(Map<String, Value>, u64), ReadError> {
    let mut outer: Map<String, Value> =
        serde_json::from_slice(bytes).map_err(|error| wrong(METADATA, "a JSON object", &error))?;
    let record_size = outer.get("record_size").and_then(Value::as_u64).filter(|size| *size > 0);
    let record_size = record_size.ok_or_else(|| wrong(METADATA, "a record_size above 0", &"another, or none"))?;
    match outer.remove("metadata") {
        Some(Value::Object(documents)) => Ok((documents, record_size)),
        _ => Err(wrong(METADATA, "an object of documents under metadata", &"something else, or nothing")),
    }
}

struct Reading<'a> {
    path: &'a str,
    folder: &'a dyn ProductFolder,
    files: Vec<ProductFile>,
    urls: Urls,
}

impl Reading<'_> {
    /// A whole file, counted and digested.
    fn get(&mut self, name: &str) -> Result<Bytes, ReadError> {
        let path = format!("{}/{name}", self.path);
        let bytes = self.folder.get(name).map_err(|source| ReadError::Unread { path: path.clone(), source })?;
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        self.files.push(ProductFile { path, size: bytes.len() as u64, sha256 });
        Ok(bytes)
    }

    /// Reads the tables of an array; their names are taken from those that nothing has asked for.
    fn references(
        &mut self,
        array: &mut ProductArray,
        record_size: u64,
        names: &mut BTreeSet<String>,
    ) -> Result<(), ReadError> {
        let count = array.grid.chunk_count();
        let mut first = 0;
        while first < count {
            let name = format!("{}/refs.{}.parq", array.key, first / record_size);
            if !names.remove(&name) {
                return Err(wrong(&name, "a table of references", &"no such file"));
            }
            let rows = record_size.min(count - first);
            let mut number = first;
            let table = Table::open(&name, self.get(&name)?, rows)?;
            table.each(&mut self.urls, &mut |reference| {
                array.references.insert(number, reference);
                number += 1;
            })?;
            first += rows;
        }
        array.references.shrink();
        Ok(())
    }
}
