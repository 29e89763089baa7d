//! One product of an item: written into the folder of a revision, and read back from where it stands. A file for each format.

mod cfa;
mod choice;
mod earlier;
mod files;
mod icechunk;
mod kerchunk;
mod kerchunk_parquet;
mod syncing;
mod taken_over;
mod texts;
mod zarr;

use std::collections::BTreeSet;
use std::path::Path;

pub(super) use choice::{choose, holds_parts};
pub(super) use earlier::reuse;
pub(super) use files::{hex, sha256, staged_file};
pub(super) use zarr::KEPT;

use super::{Progress, Workspace};
use crate::model::{
    FileIndex, ItemError, ItemId, KnownItem, Note, Product, ProductFormat, ProductSettings, Revision, VirtualCube,
};
use crate::read::{ReadBack, ReadError};
use crate::storage::{Output, StagedFolder};

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
    /// What people should know of the products.
    pub(super) notes: &'a mut Vec<Note>,
    /// What stands of the item, if what is written may rest on it.
    pub(super) before: Option<&'a KnownItem>,
    /// Files of a copy that are those of the revision before.
    pub(super) taken_over: &'a mut BTreeSet<String>,
    /// What is done once the folder stands.
    pub(super) reveals: &'a mut Vec<Reveal>,
}

/// What makes a product visible that stands beside the folder of its revision.
pub(super) enum Reveal {
    /// The branch of a repository moves.
    Icechunk(Box<icechunk::Pending>),
}

impl Reveal {
    /// Does it.
    pub(super) fn run(self, workspace: &Workspace) -> Result<(), ItemError> {
        match self {
            Self::Icechunk(pending) => pending.reveal(&workspace.output),
        }
    }
}

/// Writes one product.
pub(super) fn write(writing: &mut Writing<'_>, settings: &ProductSettings) -> Result<Product, ItemError> {
    match settings {
        ProductSettings::Cfa => cfa::write(writing),
        ProductSettings::Kerchunk | ProductSettings::KerchunkByNumber { .. } => kerchunk::write(writing),
        ProductSettings::KerchunkParquet { record_size } => kerchunk_parquet::write(writing, *record_size),
        ProductSettings::Icechunk { version } => icechunk::write(writing, *version),
        ProductSettings::Zarr(settings) => zarr::write(writing, settings),
    }
}

/// Reads a product back from the folder of its revision, as it stands on disk, or from the repository in the output.
pub(super) fn read_back(product: &Product, folder: &Path, output: &Output) -> Result<ReadBack, ReadError> {
    match product.format {
        ProductFormat::Kerchunk => kerchunk::read_back(product, folder),
        ProductFormat::Cfa => cfa::read_back(product, folder),
        ProductFormat::KerchunkParquet => kerchunk_parquet::read_back(product, folder),
        ProductFormat::Icechunk => icechunk::read_back(product, output),
        ProductFormat::Zarr => zarr::read_back(product, folder),
    }
}
