//! Kerchunk Parquet: a folder of tables.

use std::fs;
use std::io;
use std::path::Path;

use bytes::Bytes;

use super::super::chain;
use super::super::item::failure;
use super::{Writing, files::staged_file};
use crate::model::{ItemError, Product, ProductFormat};
use crate::read::{ProductFolder, ReadBack, ReadError};
use crate::write::WriteError;

pub(super) fn write(writing: &mut Writing<'_>, record_size: u32) -> Result<Product, ItemError> {
    let Writing { workspace, cube, id, revision, folder, staged, .. } = writing;
    let format = ProductFormat::KerchunkParquet;
    let (mut files, mut unwritten) = (Vec::new(), None);
    let mut put = |name: &str, bytes: &[u8]| {
        let name = format!("{}/{name}", format.file_name());
        let file = staged_file(staged, folder, &name, |out| out.write_all(bytes));
        files.push(file.map_err(|error| {
            let told = io::Error::other(error.message.clone());
            unwritten = Some(error);
            told
        })?);
        Ok(())
    };
    let written = crate::write::write_kerchunk_parquet(cube, &workspace.recipe.public_urls, record_size, &mut put);
    let written = written.map_err(|error| match (unwritten, &error) {
        (Some(unwritten), _) => unwritten,
        (None, WriteError::Output { .. }) => {
            failure("write", format!("{folder}/{}: {}", format.file_name(), chain(&error)))
        }
        (None, _) => failure("unsupported", chain(&error)),
    })?;
    Ok(Product { item: id.clone(), format, revision: *revision, files, chunks: written.chunks, unlisted: 0 })
}

pub(super) fn read_back(product: &Product, folder: &Path) -> Result<ReadBack, ReadError> {
    let path = product.place().unwrap_or_default();
    crate::read::read_kerchunk_parquet(path, &OnDisk(&folder.join(product.format.file_name())))
}

/// A folder of this machine; links in it are none of its files.
struct OnDisk<'a>(&'a Path);

impl ProductFolder for OnDisk<'_> {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in walkdir::WalkDir::new(self.0) {
            let entry = entry?;
            if entry.file_type().is_file() {
                let below = entry.path().strip_prefix(self.0).map_err(io::Error::other)?;
                names.push(below.to_string_lossy().into_owned());
            }
        }
        Ok(names)
    }

    fn get(&self, name: &str) -> io::Result<Bytes> {
        fs::read(self.0.join(name)).map(Bytes::from)
    }
}
