//! CFA-netCDF: one file.

use std::io;
use std::path::Path;

use super::{Writing, files::staged_file};
use crate::model::{FileVariable, ItemError, Product, ProductFile, ProductFormat, Variable, VariablePath};
use crate::read::{ReadBack, ReadError};
use crate::storage::{ByteSource, LocalFile, open_source};
use crate::write::WriteError;

pub(super) fn write(writing: &mut Writing<'_>) -> Result<Product, ItemError> {
    let Writing { workspace, cube, indexes, id, revision, folder, staged, .. } = writing;
    let format = ProductFormat::Cfa;
    let values = |path: &VariablePath, variable: &Variable| {
        let read = crate::read::read_placed(path, variable, &cube.files, &open_source);
        read.map_err(|error| WriteError::Values { variable: path.key().into(), source: error.into() })
    };
    let mut chunks = 0;
    let file = staged_file(staged, folder, format.file_name(), |out| {
        let written = crate::write::write_cfa((cube, indexes), &workspace.recipe.public_urls, &values, out);
        chunks = written.map_err(io::Error::other)?.chunks;
        Ok(())
    })?;
    Ok(Product { item: id.clone(), format, revision: *revision, files: vec![file], chunks, unlisted: 0 })
}

/// The file is HDF5: our own reader of sources reads it, which knows nothing of how it was written.
pub(super) fn read_back(product: &Product, folder: &Path) -> Result<ReadBack, ReadError> {
    let path = product.files.first().map(|file| file.path.clone()).unwrap_or_default();
    let unread = |source| ReadError::Open { variable: path.clone(), source };
    let source = LocalFile::open(&folder.join(product.format.file_name())).map_err(unread)?;
    let damaged = |error| ReadError::Unindexed { file: path.clone(), source: Box::new(error) };
    let index = crate::index::index(&source).map_err(damaged)?;
    let texts = |variable: &FileVariable| {
        crate::index::read_texts(&source, variable)
            .map_err(|error| ReadError::Unindexed { file: variable.name.to_string(), source: Box::new(error) })
    };
    let store = crate::read::read_cfa(&index, &source, &texts)?;
    let (size, sha256) = digest(&source).map_err(unread)?;
    Ok(ReadBack { store, files: vec![ProductFile { path: path.clone(), size, sha256 }] })
}

fn digest(source: &LocalFile) -> Result<(u64, String), crate::storage::StorageError> {
    use sha2::{Digest as _, Sha256};
    const PIECE: u64 = 1 << 20;
    let (size, mut digest) = (source.file().size, Sha256::new());
    let mut at = 0;
    while at < size {
        let end = size.min(at + PIECE);
        digest.update(source.read_one(at..end)?);
        at = end;
    }
    Ok((size, super::hex(&digest.finalize())))
}
