//! Indexes of files, made anew.

use std::collections::BTreeMap;

use super::Means;
use super::errors::{failure, storage_error};
use crate::model::{Digest, FileIndex, ItemError, SmallValues, SourceFile, VariablePath};
use crate::pipeline::chain;
use crate::pipeline::indexes::index_like;
use crate::storage::ByteSource;
use crate::verify::OpenSource;

/// Indexes files, several at once, whatever is known of them.
pub(in crate::pipeline) fn index_all(
    means: Means<'_>,
    files: &[SourceFile],
    open: OpenSource<'_>,
) -> Result<Vec<FileIndex>, ItemError> {
    index_like(means, files, None, open)
}

pub(in crate::pipeline) fn index_file(file: &SourceFile, open: OpenSource<'_>) -> Result<FileIndex, ItemError> {
    let source = open(&file.url).map_err(|error| storage_error(&file.url, &error))?;
    index_source(source.as_ref())
}

pub(in crate::pipeline) fn index_source(source: &dyn ByteSource) -> Result<FileIndex, ItemError> {
    crate::index::index(source).map_err(|error| {
        let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        let files = vec![source.file().url.to_string()];
        ItemError { files, ..failure("index", format!("{}{remedy}", chain(&error))) }
    })
}

/// Digests of the coordinates that are too large for the cube to hold: how far those of all files reach together.
pub(in crate::pipeline) fn coordinate_digests(indexes: &[FileIndex]) -> BTreeMap<VariablePath, Digest> {
    let mut found: BTreeMap<VariablePath, Digest> = BTreeMap::new();
    for (path, variable) in indexes.iter().flat_map(|index| index.root.all_variables()) {
        let SmallValues::Digest(digest) = &variable.values else { continue };
        match found.get_mut(&path) {
            Some(known) if known.sha256 != digest.sha256 => {
                known.minimum = known.minimum.min(digest.minimum);
                known.maximum = known.maximum.max(digest.maximum);
                known.sample.clear();
                for (known, bits) in known.quarter_degrees.iter_mut().zip(&digest.quarter_degrees) {
                    *known |= bits;
                }
            }
            Some(_) => {}
            None => {
                found.insert(path, Digest::clone(digest));
            }
        }
    }
    found
}
