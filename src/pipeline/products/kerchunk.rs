//! Kerchunk JSON: one file.

use std::fs::File;
use std::io;
use std::path::Path;

use super::{Writing, files::staged_file};
use crate::model::{ItemError, Product, ProductFormat};
use crate::read::{ReadBack, ReadError};

pub(super) fn write(writing: &mut Writing<'_>) -> Result<Product, ItemError> {
    let Writing { workspace, cube, id, revision, folder, staged, .. } = writing;
    let format = ProductFormat::Kerchunk;
    let mut chunks = 0;
    let file = staged_file(staged, folder, format.file_name(), |out| {
        let written = crate::write::write_kerchunk(cube, &workspace.recipe.public_urls, out);
        chunks = written.map_err(io::Error::other)?.chunks;
        Ok(())
    })?;
    Ok(Product { item: id.clone(), format, revision: *revision, files: vec![file], chunks, unlisted: 0 })
}

pub(super) fn read_back(product: &Product, folder: &Path) -> Result<ReadBack, ReadError> {
    let path = product.files.first().map(|file| file.path.clone()).unwrap_or_default();
    let file = folder.join(product.format.file_name());
    let unread = |error| ReadError::Json { source: serde_json::Error::io(error) };
    let mut file = File::open(file).map_err(unread)?;
    let size = file.metadata().map_err(unread)?.len();
    crate::read::read_kerchunk(&path, (&mut file, size))
}
