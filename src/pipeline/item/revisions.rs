//! The folders of revisions.

use std::fmt::Write as _;

use super::errors::{VERIFICATION, storage_failure};
use crate::model::{ItemError, ItemId, ItemState, KnownItem, Product, ProductSettings, Revision, SourceFile};
use crate::pipeline::Workspace;
use crate::pipeline::products::{self, sha256};
use crate::storage::{OutputStore, StagedFolder, Standing, StorageError};

pub(in crate::pipeline) const REPORT: &str = "report.json";

pub(in crate::pipeline) const SOURCES: &str = "sources.parquet";

/// Whether the revision that stands may be built upon: a failure since, of another file or a full disk, says nothing against it.
pub(super) fn has_sound_products(known: &KnownItem) -> bool {
    let failed_by = known.error.as_ref().map(|error| error.kind.as_str());
    known.state == ItemState::Current
        || known.state == ItemState::Failed && known.revision.is_some() && failed_by != Some(VERIFICATION)
}

/// The folder of a revision before it is revealed. If it is to hold copies, what an earlier run of the same plan left of it is taken up.
pub(super) fn stage(
    workspace: &Workspace,
    folder: &str,
    (products, files): (&[ProductSettings], &[SourceFile]),
    before: Option<&KnownItem>,
) -> Result<StagedFolder, ItemError> {
    let is_afar = workspace.output.objects().is_some();
    let staged = if is_afar || products.iter().any(|settings| settings.format().is_copy()) {
        let mut plan = workspace.recipe.product_digest.clone();
        // Copies are cut as those before.
        if let Some(revision) = before.and_then(|known| known.revision) {
            let _ = write!(plan, "\nafter {revision}");
        }
        for file in files {
            let _ = write!(plan, "\n{} {} {}", file.url, file.size, file.fingerprint);
        }
        workspace.output.resume(folder, &sha256(plan.as_bytes())[..32], &products::KEPT)
    } else {
        workspace.output.stage(folder)
    };
    staged.map_err(|error| storage_failure(&error))
}

pub(in crate::pipeline) fn product_folder(workspace: &Workspace, id: &ItemId, revision: Revision) -> String {
    format!("{}/products/{id}/{revision}", workspace.recipe.collection.id)
}

/// The revision after the known one, and after every one that stands in the output: a run that was cut off may have left one there. One that was
/// not uploaded to its end is taken up again.
pub(super) fn next_revision(
    workspace: &Workspace,
    id: &ItemId,
    known: Option<&KnownItem>,
) -> Result<Revision, ItemError> {
    let known = known.and_then(|known| known.revision);
    let found = revisions(workspace, id).map_err(|error| storage_failure(&error))?;
    let last = found.into_iter().max();
    if let Some(last) = last.filter(|last| known.is_none_or(|known| *last > known)) {
        let is_complete = workspace.output.is_complete(&product_folder(workspace, id, last));
        let is_complete = is_complete.map_err(|error| storage_failure(&error))?;
        return Ok(if is_complete { last.next() } else { last });
    }
    Ok(known.map_or(Revision::FIRST, Revision::next))
}

/// The revisions of an item that stand in the output, whole or not.
pub(in crate::pipeline) fn revisions(workspace: &Workspace, id: &ItemId) -> Result<Vec<Revision>, StorageError> {
    let names = workspace.output.folders(&format!("{}/products/{id}", workspace.recipe.collection.id))?;
    let number = |name: String| name.strip_prefix('r')?.parse().ok();
    Ok(names.into_iter().filter_map(number).filter_map(Revision::new).collect())
}

/// The files of a product in the folder of its revision, where they can be read by their paths.
pub(in crate::pipeline) fn standing(workspace: &Workspace, product: &Product) -> Result<Standing, ItemError> {
    let folder = product_folder(workspace, &product.item, product.revision);
    // `data.zarr.digests` stands beside `data.zarr`.
    let wanted = |name: &str| name.starts_with(product.format.file_name());
    workspace.output.standing(&folder, &wanted).map_err(|error| storage_failure(&error))
}
