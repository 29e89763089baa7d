//! One product of an item: written into the folder of a revision, and read back from where it stands. A file for each format.

mod cfa;
mod files;
mod kerchunk;
mod zarr;

use std::path::Path;

pub(super) use files::{hex, sha256, staged_file};
pub(super) use zarr::KEPT;

use super::{Progress, Workspace};
use crate::model::{FileIndex, ItemError, ItemId, Product, ProductFormat, ProductSettings, Revision, VirtualCube};
use crate::read::{ReadBack, ReadError};
use crate::storage::StagedFolder;

/// What a product is written with.
pub(super) struct Writing<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) cube: &'a VirtualCube,
    /// What the files of the cube hold.
    pub(super) indexes: &'a [FileIndex],
    pub(super) progress: &'a dyn Progress,
    pub(super) id: &'a ItemId,
    pub(super) revision: Revision,
    /// The folder of the revision below the output.
    pub(super) folder: &'a str,
    /// The same, before it is revealed.
    pub(super) staged: &'a mut StagedFolder,
}

/// Whether a format holds variables that stand apart ([`VirtualCube::not_virtual`]): those of whole files, and copies, do; references do not.
pub(super) fn holds_parts(settings: &ProductSettings) -> bool {
    match settings {
        ProductSettings::Kerchunk => false,
        ProductSettings::Cfa | ProductSettings::Zarr(_) => true,
    }
}

/// Those of some products that can hold all of a cube.
pub(super) fn possible<'a>(all: &'a [ProductSettings], cube: &VirtualCube) -> Vec<&'a ProductSettings> {
    all.iter().filter(|settings| cube.not_virtual().is_empty() || holds_parts(settings)).collect()
}

/// Writes one product.
pub(super) fn write(writing: &mut Writing<'_>, settings: &ProductSettings) -> Result<Product, ItemError> {
    match settings {
        ProductSettings::Kerchunk => kerchunk::write(writing),
        ProductSettings::Cfa => cfa::write(writing),
        ProductSettings::Zarr(settings) => zarr::write(writing, settings),
    }
}

/// Reads a product back from the folder of its revision, as it stands on disk.
pub(super) fn read_back(product: &Product, folder: &Path) -> Result<ReadBack, ReadError> {
    match product.format {
        ProductFormat::Kerchunk => kerchunk::read_back(product, folder),
        ProductFormat::Cfa => cfa::read_back(product, folder),
        ProductFormat::Zarr => zarr::read_back(product, folder),
    }
}
