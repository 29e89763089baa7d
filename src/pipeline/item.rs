//! One item, from its files to a valid record.

mod description;
mod errors;
mod indexing;
mod proof;
mod records;
mod revisions;

use std::collections::BTreeSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use chrono::{DateTime, Utc};

use self::description::{Found, describe, report};
pub(super) use self::errors::{VERIFICATION, error_of, failure, storage_error};
use self::errors::{of_scratch, storage_failure};
pub(super) use self::indexing::{coordinate_digests, index_all, index_file, index_source};
pub(super) use self::proof::{Compared, seed, verify_product};
use self::proof::{prove, sampling};
pub(super) use self::records::{read_record, read_records};
pub(super) use self::revisions::{REPORT, SOURCES, product_folder, revisions, standing};
use self::revisions::{has_sound_products, next_revision, stage};
use super::conflicts::conflicts_error;
use super::indexes::{Indexed, Unopened, index_item};
use super::opened::Opened;
use super::products::{self, Writing, sha256, staged_file};
use super::quicklook::{THUMBNAIL, quicklook};
use super::values::FileValues;
use super::workers::Workers;
use super::{Progress, Workspace, chain, predecessor};
use crate::model::{
    FileContent, FileIndex, ItemError, ItemSource, ItemState, KnownItem, Note, ProductFile, Revision, SourceUrl,
    ValidatedRecord, VerifiedProduct, VirtualCube,
};
use crate::plan::{Action, PlannedItem};
use crate::storage::{OutputStore, StagedFolder, open_source};
use crate::write::bytes_to_copy;

/// An item whose products stand and whose record is valid: only the record is still to be written.
pub(super) struct Built {
    pub(super) record: ValidatedRecord,
    pub(super) known: KnownItem,
    /// Digests of its sources' bytes; `None` to leave those that are kept.
    pub(super) contents: Option<Vec<FileContent>>,
}

/// How much of the sources is read to verify what was built.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Thoroughness {
    /// All values, and digests of all bytes.
    pub(super) every_value: bool,
    /// Nothing that was known before counts.
    pub(super) force: bool,
}

/// What items are built with.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    pub(super) workspace: &'a Workspace,
    pub(super) workers: &'a Workers,
    pub(super) progress: &'a dyn Progress,
}

/// Builds an item that is added, changed or described anew.
///
/// Called from a thread that belongs to no pool: it hands on what computes and what waits, and what it waits for is never its own.
pub(super) fn build(
    means: Means<'_>,
    planned: &PlannedItem,
    thoroughness: Thoroughness,
    now: DateTime<Utc>,
) -> Result<Built, ItemError> {
    let Means { workspace, workers, .. } = means;
    let source = planned.source.as_ref().ok_or_else(|| failure("internal", "an item without files".into()))?;
    let Thoroughness { every_value, force } = thoroughness;
    let indexed =
        workers.timed("index", || index_item(means, &planned.id, &source.files, force || every_value, &open_source))?;
    let mut found = Found::of(&indexed.indexes);
    let combine = || {
        let (indexes, aggregate) = (&indexed.indexes, &workspace.recipe.aggregate);
        workers.compute(|| crate::combine::combine(indexes, &source.file_facets, aggregate, &FileValues))
    };
    let mut cube = match workers.timed("combine", combine) {
        Ok(cube) => cube,
        Err(conflicts) => {
            // They will be tried again in every run, until a file changes.
            indexed.keep(means, &planned.id, false);
            return Err(conflicts_error(&conflicts));
        }
    };
    let indexes = &indexed.indexes;
    let urls = &workspace.recipe.public_urls;
    let chosen = workers.compute(|| products::choose(&workspace.recipe.products, (&cube, indexes), urls))?;
    let stands = planned.known.as_ref().filter(|_| planned.action == Action::Redescribed);
    let revision = match stands.and_then(|known| known.revision) {
        Some(revision) => return redescribe(means, source, &cube, (indexed, found), stands, revision, now),
        None => next_revision(workspace, &planned.id, planned.known.as_ref())?,
    };
    let folder = product_folder(workspace, &planned.id, revision);
    let before = planned.known.as_ref().filter(|known| !force && has_sound_products(known));
    let mut staged = stage(workspace, &folder, (&chosen.products, &cube.files), before)?;
    cube.notes.extend(chosen.notes);
    let needed = chosen.products.iter().any(|settings| settings.format().is_copy()).then(|| bytes_to_copy(&cube));
    let (mut written, mut reveals, mut notes) = (Vec::new(), Vec::new(), Vec::new());
    let mut taken_over = BTreeSet::new();
    for settings in &chosen.products {
        let (cube, indexes, id, folder) = (&cube, &indexes[..], &planned.id, &folder[..]);
        let (staged, reveals, notes, progress) = (&mut staged, &mut reveals, &mut notes, means.progress);
        let taken_over = &mut taken_over;
        let mut writing = Writing {
            workspace,
            cube,
            indexes,
            progress,
            id,
            revision,
            folder,
            staged,
            notes,
            before,
            taken_over,
            reveals,
        };
        let write = || products::write(&mut writing, settings);
        written.push(
            workers
                .timed("write", || match settings.format().is_copy() {
                    true => workers.copy(&cube.files, write),
                    false => workers.compute(write),
                })
                .map_err(|error| of_scratch(workspace, needed, error))?,
        );
    }
    cube.notes.extend(notes);
    cube.notes.extend(found.look_up(means, (source, &cube), indexes, &open_source)?);
    let thumbnail = thumbnail(means, (source, indexes), &mut cube, (&mut staged, &folder))?;
    // From here on the sources' own indexes count, made from their bytes: what was written must say the same as they. What earlier products were
    // compared with stays closed, as long as the files are what they were.
    let unopened = indexed.look_again(means);
    cube.forget_chunks();
    // Opened anew, and from here on kept: every answer that comes later must be of this state.
    let opened = Opened::looking_at(unopened.into_iter());
    let open = |url: &SourceUrl| opened.open(url);
    let content = workers.timed("verify", || {
        super::content::at_build(means, &planned.id, (indexes, &indexed.known), &open, thoroughness)
    })?;
    let verified = before.map_or(&[][..], |known| &known.sources);
    let sampling = sampling(every_value, before.is_some() && indexed.are_all_known());
    let mut products = Vec::new();
    let standing = staged.local_path().ok_or_else(|| failure("output", "the staged folder is not local".into()))?;
    for product in written {
        let (recorded, indexes, file_facets) = (&cube.files[..], &indexes[..], &source.file_facets[..]);
        let compared = Compared { recorded, verified, taken_over: &taken_over, indexes, file_facets };
        let prove = || prove(means, product, standing, (compared, &open), sampling);
        products.push(workers.timed("verify", prove)?);
    }
    indexed.keep(means, &planned.id, true);
    let sources = staged_file(&mut staged, &folder, SOURCES, |out| {
        crate::write::write_source_table(&cube.files, out).map_err(io::Error::other)
    })?;
    // The report says that what is described stands where readers find it.
    products::reuse(workspace, planned.known.as_ref(), &mut staged);
    let delivered = workers.timed("store", || staged.deliver()).map_err(|error| storage_failure(&error))?;
    let of_item = (workspace, &planned.id, revision);
    let report_text = report(of_item, &cube, &found, &products, (&content.report, delivered), now);
    let report = staged_file(&mut staged, &folder, REPORT, |out| out.write_all(&report_text))?;
    let beside = (&report, &sources, thumbnail.as_ref());
    let predecessor = predecessor::keep(workspace, &planned.id, planned.known.as_ref());
    let predecessor = predecessor.map_err(|error| failure("output", chain(&error)))?;
    let describe = || describe(workspace, source, &cube, (&found, predecessor), &products, beside, now);
    let record = workers.timed("describe", || workers.compute(describe))?;
    workers.timed("store", || staged.commit()).map_err(|error| storage_failure(&error))?;
    reveals.into_iter().try_for_each(|reveal| reveal.run(workspace))?;
    let built = built(workspace, record, source, &cube, &products, revision, now);
    Ok(Built { contents: Some(content.contents), ..built })
}

/// Draws the quick-look that the recipe asks for. Where there can be none a note says why.
fn thumbnail(
    means: Means<'_>,
    (source, indexes): (&ItemSource, &[FileIndex]),
    cube: &mut VirtualCube,
    (staged, folder): (&mut StagedFolder, &str),
) -> Result<Option<ProductFile>, ItemError> {
    let Some(settings) = &means.workspace.recipe.thumbnail else { return Ok(None) };
    let draw = || catch_unwind(AssertUnwindSafe(|| quicklook(cube, indexes, &source.facets, settings)));
    let drawn =
        means.workers.read(&cube.files, draw).unwrap_or_else(|_| Err("a fault of altostac: please report it".into()));
    match drawn {
        Ok(png) => staged_file(staged, folder, THUMBNAIL, |out| out.write_all(&png)).map(Some),
        Err(reason) => {
            cube.notes.push(Note::new("no_thumbnail", format!("there is no quick-look: {reason}")));
            Ok(None)
        }
    }
}

/// Makes the record anew of products that stand; they are verified again first.
fn redescribe(
    means: Means<'_>,
    source: &ItemSource,
    cube: &VirtualCube,
    (indexed, mut found): (Indexed, Found),
    known: Option<&KnownItem>,
    revision: Revision,
    now: DateTime<Utc>,
) -> Result<Built, ItemError> {
    let workspace = means.workspace;
    let unopened: Unopened = indexed.look_again(means);
    let opened = Opened::looking_at(unopened.into_iter());
    let (indexes, sampling) = (&indexed.indexes[..], sampling(false, indexed.are_all_known()));
    let mut products = Vec::new();
    for product in known.into_iter().flat_map(|known| &known.products) {
        let standing = standing(workspace, product)?;
        let (recorded, file_facets) = (&cube.files[..], &source.file_facets[..]);
        let verified = known.map_or(&[][..], |known| &known.sources);
        let compared = Compared { recorded, verified, taken_over: &BTreeSet::new(), indexes, file_facets };
        let open = |url: &SourceUrl| opened.open(url);
        let prove = || prove(means, product.clone(), standing.path(), (compared, &open), sampling);
        products.push(means.workers.timed("verify", prove)?);
    }
    found.look_up(means, (source, cube), indexes, &|url| opened.open(url))?;
    let folder = product_folder(workspace, &source.id, revision);
    let beside = |name: &str| {
        let path = format!("{folder}/{name}");
        let bytes = workspace.output.get(&path).map_err(|error| storage_failure(&error))?;
        Ok(bytes.map(|bytes| ProductFile { path, size: bytes.len() as u64, sha256: sha256(&bytes) }))
    };
    let there = |name: &str| {
        let missing =
            || failure("output", format!("{} is not there", workspace.output.shown(&format!("{folder}/{name}"))));
        beside(name)?.ok_or_else(missing)
    };
    // Older revisions have no quick-look.
    let thumbnail = beside(THUMBNAIL)?;
    let beside = (&there(REPORT)?, &there(SOURCES)?, thumbnail.as_ref());
    let predecessor = predecessor::standing_link(workspace, &source.id);
    let describe = || describe(workspace, source, cube, (&found, predecessor), &products, beside, now);
    let record = means.workers.timed("describe", || means.workers.compute(describe))?;
    indexed.keep(means, &source.id, true);
    Ok(built(workspace, record, source, cube, &products, revision, now))
}

fn built(
    workspace: &Workspace,
    record: ValidatedRecord,
    source: &ItemSource,
    cube: &VirtualCube,
    products: &[VerifiedProduct],
    revision: Revision,
    now: DateTime<Utc>,
) -> Built {
    let mut sources = cube.files.clone();
    sources.sort_by(|a, b| a.url.cmp(&b.url));
    let known = KnownItem {
        id: source.id.clone(),
        state: ItemState::Current,
        revision: Some(revision),
        sources,
        products: products.iter().map(|verified| verified.product().clone()).collect(),
        product_digest: workspace.recipe.product_digest.clone(),
        record_digest: workspace.record_digest(),
        error: None,
        updated: now,
    };
    Built { record, known, contents: None }
}
