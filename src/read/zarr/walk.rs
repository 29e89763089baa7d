//! The files of a store.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::unreadable;
use crate::read::ReadError;
use crate::read::zarr2::wrong;

/// How deep folders may lie in each other: groups, an array, its dimensions.
const DEPTH_LIMIT: usize = 100;

/// Whether a key is that of a document, not of a chunk.
pub(super) fn is_document(key: &str) -> bool {
    let name = key.rsplit('/').next().unwrap_or_default();
    matches!(name, "zarr.json" | ".zarray" | ".zattrs" | ".zgroup" | ".zmetadata")
}

/// The keys and sizes of all files.
pub(super) fn files(folder: &Path) -> Result<BTreeMap<String, u64>, ReadError> {
    let mut found = BTreeMap::new();
    let mut folders = vec![(String::new(), 0)];
    while let Some((key, depth)) = folders.pop() {
        if depth > DEPTH_LIMIT {
            return Err(wrong(&key, "at most 100 folders in each other", &"more"));
        }
        let failed = |source| unreadable(&key, source);
        for entry in fs::read_dir(folder.join(&key)).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_str().ok_or_else(|| wrong(&key, "names in UTF-8", &name.display()))?;
            let below = if key.is_empty() { name.to_owned() } else { format!("{key}/{name}") };
            let metadata = entry.metadata().map_err(failed)?;
            if metadata.is_dir() {
                folders.push((below, depth + 1));
            } else if metadata.is_file() {
                found.insert(below, metadata.len());
            } else {
                return Err(wrong(&below, "a file or a folder", &"something else"));
            }
        }
    }
    Ok(found)
}

/// All of a file.
pub(super) fn read(folder: &Path, key: &str) -> Result<Vec<u8>, ReadError> {
    fs::read(folder.join(key)).map_err(|source| unreadable(key, source))
}
