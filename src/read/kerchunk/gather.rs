//! A product put together from its keys, in whatever order they stand.

use std::borrow::Cow;
use std::collections::BTreeSet;

use indexmap::IndexMap;
use indexmap::map::Entry;

use super::{folder, name};
use crate::read::{ProductArray, ProductStore, ReadError, Reference, zarr2};

/// Why a key is not taken.
pub(in crate::read) enum Refused {
    /// It stands in the product already.
    Twice(String),
    /// A document is wrong.
    Metadata(ReadError),
}

/// What was read so far: chunks go to their arrays as soon as these are known, all else waits for the end.
#[derive(Default)]
pub(in crate::read) struct Gathered {
    store: ProductStore,
    /// The array of the last chunk, taken out of the store: most often the next chunk is its too.
    current: Option<ProductArray>,
    waiting: IndexMap<String, Reference>,
    /// Whether what waits may be chunks.
    chunks_wait: bool,
    /// The documents of arrays that are known.
    taken: BTreeSet<String>,
}

impl Gathered {
    pub(in crate::read) fn take(&mut self, key: Cow<'_, str>, reference: Reference) -> Result<(), Refused> {
        let is_chunk = match key.rsplit_once('/') {
            Some((folder, number)) if number.starts_with(|first: char| first.is_ascii_digit()) => {
                let waits = self.chunks_wait && self.waiting.contains_key(&*key);
                self.turn_to(folder, waits).map_err(Refused::Metadata)?;
                if let Some(array) = &mut self.current
                    && let Some(number) = array.chunk_number(number)
                {
                    let is_new = array.references.insert(number, reference);
                    return if is_new && !waits { Ok(()) } else { Err(Refused::Twice(key.into())) };
                }
                true
            }
            _ => false,
        };
        if name(&key).starts_with('.') && self.taken.contains(&*key) {
            return Err(Refused::Twice(key.into()));
        }
        match self.waiting.entry(key.into()) {
            Entry::Occupied(entry) => Err(Refused::Twice(entry.key().clone())),
            Entry::Vacant(entry) => {
                entry.insert(reference);
                self.chunks_wait |= is_chunk;
                Ok(())
            }
        }
    }

    /// Makes the array of a folder the current one, if there is one, or if its documents are there and nothing `waits` for it.
    fn turn_to(&mut self, folder: &str, waits: bool) -> Result<(), ReadError> {
        if self.current.as_ref().is_some_and(|array| array.key == folder) {
            return Ok(());
        }
        self.put_back();
        if !self.store.arrays.contains_key(folder) && !waits {
            self.know(folder)?;
        }
        self.current = self.store.arrays.remove(folder);
        Ok(())
    }

    fn put_back(&mut self) {
        if let Some(array) = self.current.take() {
            self.store.arrays.insert(array.key.clone(), array);
        }
    }

    /// Makes an array of its documents, if both are there.
    fn know(&mut self, folder: &str) -> Result<(), ReadError> {
        let keys = [format!("{folder}/.zarray"), format!("{folder}/.zattrs")];
        let is_group = self.waiting.contains_key(&format!("{folder}/.zgroup"));
        if is_group || !keys.iter().all(|key| self.waiting.contains_key(key)) {
            return Ok(());
        }
        self.array(&keys[0])?;
        self.taken.extend(keys);
        Ok(())
    }

    fn array(&mut self, key: &str) -> Result<(), ReadError> {
        let document = zarr2::document(key, self.waiting.swap_remove(key))?;
        let attributes_key = format!("{}/.zattrs", folder(key));
        let attributes = zarr2::attributes(&attributes_key, self.waiting.swap_remove(&attributes_key))?;
        let array = zarr2::array(key, folder(key), &document, attributes)?;
        self.store.arrays.insert(array.key.clone(), array);
        Ok(())
    }

    fn group(&mut self, key: &str) -> Result<(), ReadError> {
        let document = zarr2::document(key, self.waiting.swap_remove(key))?;
        zarr2::expect_version(key, &document)?;
        let attributes_key = format!("{}.zattrs", key.strip_suffix(".zgroup").unwrap_or_default());
        let attributes = zarr2::attributes(&attributes_key, self.waiting.swap_remove(&attributes_key))?;
        self.store.groups.insert(folder(key).to_owned(), attributes);
        Ok(())
    }

    /// All keys were read: documents are taken, chunks that stood before them placed; what is left belongs to nothing.
    pub(in crate::read) fn finish(mut self) -> Result<ProductStore, ReadError> {
        self.put_back();
        let named =
            |end: &str| -> Vec<String> { self.waiting.keys().filter(|key| name(key) == end).cloned().collect() };
        let (groups, arrays) = (named(".zgroup"), named(".zarray"));
        groups.iter().try_for_each(|key| self.group(key))?;
        arrays.iter().try_for_each(|key| self.array(key))?;
        let mut store = self.store;
        for (key, reference) in self.waiting {
            if let Some(extra) = place(&mut store, key, reference) {
                store.extra_keys.push(extra);
            }
        }
        store.extra_keys.sort_unstable();
        store.arrays.values_mut().for_each(|array| array.references.shrink());
        Ok(store)
    }
}

/// Gives a chunk to its array; the key back if there is none, or the chunk is there.
fn place(store: &mut ProductStore, key: String, reference: Reference) -> Option<String> {
    // A chunk key has at most as many slashes as HDF5 has dimensions, 32.
    for (at, _) in key.rmatch_indices('/').take(32) {
        let Some(array) = store.arrays.get_mut(&key[..at]) else { continue };
        let number = array.chunk_number(&key[at + 1..]);
        let is_placed = number.is_some_and(|number| array.references.insert(number, reference));
        return (!is_placed).then_some(key);
    }
    Some(key)
}
