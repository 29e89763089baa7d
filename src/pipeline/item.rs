//! One item, from its files to a valid record.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use rayon::prelude::*;
use serde_json::{Value, json};

use super::conflicts::conflicts_error;
use super::indexes::{Indexed, Unopened, index_item, index_like};
use super::opened::Opened;
use super::products::{self, Writing, sha256, staged_file};
use super::quicklook::{THUMBNAIL, quicklook};
use super::values::FileValues;
use super::workers::Workers;
use super::{Progress, Workspace, chain, predecessor};
use crate::describe::{ItemInput, SourceFacts, describe_item};
use crate::model::attribute;
use crate::model::recipe::FacetDimension;
use crate::model::{
    ContentReport, Digest, Facets, FileContent, FileIndex, ItemError, ItemId, ItemSource, ItemState, KnownFacts,
    KnownItem, Note, Product, ProductFile, ProductSettings, Record, RecordKind, Revision, SmallValues, SourceFile,
    SourceUrl, ValidatedRecord, VariablePath, VerifiedProduct, VirtualCube,
};
use crate::plan::{Action, PlannedItem};
use crate::read::{NativeReader, ReadError, SourceReader};
use crate::storage::{ByteSource, Delivered, OutputStore, StagedFolder, Standing, StorageError, open_source};
use crate::verify::{DEFAULT_BUDGET, Evidence, FacetLabels, OpenSource, Sampling, VerifyError, verify};
use crate::write::bytes_to_copy;

pub(super) const REPORT: &str = "report.json";
pub(super) const SOURCES: &str = "sources.parquet";
/// The kind of an error that a product, or what it is compared with, is not what it should be.
pub(super) const VERIFICATION: &str = "verification";
/// ENOSPC.
const NO_SPACE: i32 = 28;

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

/// The sources of an item: as they were when its product was made, their indexes of this run, and what facets say of each.
#[derive(Clone, Copy)]
pub(super) struct Compared<'a> {
    pub(super) recorded: &'a [SourceFile],
    /// Those whose values an earlier revision was compared with.
    pub(super) verified: &'a [SourceFile],
    /// Files of a copy that an earlier revision was verified with.
    pub(super) taken_over: &'a BTreeSet<String>,
    pub(super) indexes: &'a [FileIndex],
    pub(super) file_facets: &'a [Facets],
}

/// What records and reports say of the files beyond the cube.
struct Found {
    coordinate_digests: BTreeMap<VariablePath, Digest>,
    source_facts: BTreeMap<SourceUrl, SourceFacts>,
    file_notes: Vec<Value>,
    known: KnownFacts,
}

impl Found {
    fn of(indexes: &[FileIndex]) -> Self {
        let noted = indexes.iter().filter(|index| !index.notes.is_empty());
        let notes = |index: &FileIndex| json!({"file": index.source.url.to_string(), "notes": index.notes});
        let text = |index: &FileIndex, name: &str| attribute::text(&index.root.attributes, name).map(str::to_owned);
        let facts = |index: &FileIndex| SourceFacts {
            tracking_id: text(index, "tracking_id"),
            creation_date: text(index, "creation_date"),
        };
        Self {
            coordinate_digests: coordinate_digests(indexes),
            source_facts: indexes.iter().map(|index| (index.source.url.clone(), facts(index))).collect(),
            file_notes: noted.map(notes).collect(),
            known: KnownFacts::default(),
        }
    }

    /// Finds what the recipe asks for beyond the cube; what people should know of it and of the cube's times.
    fn look_up(
        &mut self,
        means: Means<'_>,
        (source, cube): (&ItemSource, &VirtualCube),
        indexes: &[FileIndex],
        open: OpenSource<'_>,
    ) -> Result<Vec<Note>, ItemError> {
        let (known, mut notes) = super::facts::find(means, (&source.id, cube), (indexes, &source.file_facets), open)?;
        self.known = known;
        notes.extend(crate::describe::notes(cube, &self.coordinate_digests));
        Ok(notes)
    }
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

/// Whether the revision that stands may be built upon: a failure since, of another file or a full disk, says nothing against it.
fn has_sound_products(known: &KnownItem) -> bool {
    let failed_by = known.error.as_ref().map(|error| error.kind.as_str());
    known.state == ItemState::Current
        || known.state == ItemState::Failed && known.revision.is_some() && failed_by != Some(VERIFICATION)
}

/// The folder of a revision before it is revealed. If it is to hold copies, what an earlier run of the same plan left of it is taken up.
fn stage(
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

/// What went wrong with the output, and what can be done about it.
fn storage_failure(error: &StorageError) -> ItemError {
    let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    failure("output", format!("{}{remedy}", chain(error)))
}

/// The error of a full disk says what a revision needs that is made here before it is uploaded.
fn of_scratch(workspace: &Workspace, needed: Option<u64>, error: ItemError) -> ItemError {
    let full = io::Error::from_raw_os_error(NO_SPACE).to_string();
    if !error.message.contains(&full) {
        return error;
    }
    let Some(objects) = workspace.output.objects() else {
        let message = format!("{}: make room in {}", error.message, workspace.output.shown(""));
        return ItemError { message, ..error };
    };
    let needed = needed.map(|bytes| format!(", up to {bytes} bytes for the copy of the values")).unwrap_or_default();
    let message = format!(
        "{}; a revision is made whole in {} before it is uploaded{needed}: make room there, or choose another folder with --state",
        error.message,
        objects.scratch().display()
    );
    ItemError { message, ..error }
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

/// Indexes files, several at once, whatever is known of them.
pub(super) fn index_all(
    means: Means<'_>,
    files: &[SourceFile],
    open: OpenSource<'_>,
) -> Result<Vec<FileIndex>, ItemError> {
    index_like(means, files, None, open)
}

pub(super) fn index_file(file: &SourceFile, open: OpenSource<'_>) -> Result<FileIndex, ItemError> {
    let source = open(&file.url).map_err(|error| storage_error(&file.url, &error))?;
    index_source(source.as_ref())
}

pub(super) fn index_source(source: &dyn ByteSource) -> Result<FileIndex, ItemError> {
    crate::index::index(source).map_err(|error| {
        let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        let files = vec![source.file().url.to_string()];
        ItemError { files, ..failure("index", format!("{}{remedy}", chain(&error))) }
    })
}

pub(super) fn storage_error(url: &SourceUrl, error: &StorageError) -> ItemError {
    let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    ItemError { files: vec![url.to_string()], ..failure("io", format!("{}{remedy}", chain(error))) }
}

pub(super) fn failure(kind: &str, message: String) -> ItemError {
    ItemError { kind: kind.into(), message, files: Vec::new() }
}

pub(super) fn error_of(kind: &str, error: &dyn std::error::Error) -> ItemError {
    failure(kind, chain(error))
}

pub(super) fn product_folder(workspace: &Workspace, id: &ItemId, revision: Revision) -> String {
    format!("{}/products/{id}/{revision}", workspace.recipe.collection.id)
}

/// The revision after the known one, and after every one that stands in the output: a run that was cut off may have left one there. One that was
/// not uploaded to its end is taken up again.
fn next_revision(workspace: &Workspace, id: &ItemId, known: Option<&KnownItem>) -> Result<Revision, ItemError> {
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
pub(super) fn revisions(workspace: &Workspace, id: &ItemId) -> Result<Vec<Revision>, StorageError> {
    let names = workspace.output.folders(&format!("{}/products/{id}", workspace.recipe.collection.id))?;
    let number = |name: String| name.strip_prefix('r')?.parse().ok();
    Ok(names.into_iter().filter_map(number).filter_map(Revision::new).collect())
}

/// The files of a product in the folder of its revision, where they can be read by their paths.
pub(super) fn standing(workspace: &Workspace, product: &Product) -> Result<Standing, ItemError> {
    let folder = product_folder(workspace, &product.item, product.revision);
    // `data.zarr.digests` stands beside `data.zarr`.
    let wanted = |name: &str| name.starts_with(product.format.file_name());
    workspace.output.standing(&folder, &wanted).map_err(|error| storage_failure(&error))
}

/// How many values are compared: few if those of all files were compared with an earlier product.
fn sampling(every_value: bool, are_all_verified: bool) -> Sampling {
    let budget = if are_all_verified { DEFAULT_BUDGET / 16 } else { DEFAULT_BUDGET };
    Sampling { budget, seed: seed(), every_value }
}

fn prove(
    means: Means<'_>,
    product: Product,
    standing: &Path,
    (compared, open): (Compared<'_>, OpenSource<'_>),
    sampling: Sampling,
) -> Result<VerifiedProduct, ItemError> {
    verify_product(means, product, standing, compared, open, sampling, None)
        .map_err(|error| failure(VERIFICATION, chain(&error)))
}

/// Compares a product, read back from the folder of its revision, with the indexes of its sources; a library reads them in our stead, if one is given.
pub(super) fn verify_product(
    means: Means<'_>,
    product: Product,
    standing: &Path,
    Compared { recorded, verified, taken_over, indexes, file_facets }: Compared<'_>,
    open: OpenSource<'_>,
    sampling: Sampling,
    library: Option<&dyn SourceReader>,
) -> Result<VerifiedProduct, VerifyError> {
    let recipe = &means.workspace.recipe;
    let label = |at: usize, name: &str| file_facets.get(at).and_then(|facets| facets.get(name)).cloned();
    let labels = |asked: &FacetDimension| FacetLabels {
        dimension: asked.name.to_string(),
        labels: (0..indexes.len()).map(|at| label(at, &asked.from).unwrap_or_default()).collect(),
    };
    let facets: Vec<FacetLabels> = recipe.aggregate.along.facets.iter().map(labels).collect();
    let (urls, facets) = (&recipe.public_urls, &facets[..]);
    let unreadable = |source: ReadError| VerifyError::Unreadable {
        item: product.item.clone(),
        format: product.format,
        source: source.into(),
    };
    let read_back = &products::read_back(&product, standing, &means.workspace.output).map_err(unreadable)?;
    let native = NativeReader::new(open);
    let reader = library.unwrap_or(&native);
    let on_overlap = recipe.aggregate.on_overlap;
    let evidence = Evidence {
        product,
        read_back,
        recorded,
        verified,
        taken_over,
        indexes,
        facets,
        on_overlap,
        urls,
        open,
        reader,
        sampling,
    };
    means.workers.read(recorded, || verify(evidence))
}

/// Another sample every time: what one run does not look at, another does.
pub(super) fn seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs().rotate_left(32) ^ u64::from(now.subsec_nanos())
}

fn describe(
    workspace: &Workspace,
    source: &ItemSource,
    cube: &VirtualCube,
    (found, predecessor): (&Found, Option<Value>),
    products: &[VerifiedProduct],
    (report, sources, thumbnail): (&ProductFile, &ProductFile, Option<&ProductFile>),
    now: DateTime<Utc>,
) -> Result<ValidatedRecord, ItemError> {
    let recipe = &workspace.recipe;
    let mut record = describe_item(&ItemInput {
        cube,
        coordinate_digests: &found.coordinate_digests,
        source_facts: &found.source_facts,
        id: &source.id,
        facets: &source.facets,
        properties: &source.properties,
        products,
        report: Some(report),
        thumbnail,
        source_manifest: Some(sources),
        collection: &recipe.collection,
        public_urls: &recipe.public_urls,
        created: created(workspace, &source.id).unwrap_or(now),
        updated: now,
        datetime: recipe.item.datetime,
        geometry: recipe.item.geometry.as_ref(),
        item_facts: &recipe.item.facts,
        record_facts: &recipe.stac.facts,
        known: &found.known,
        templates: &workspace.templates,
    })
    .map_err(|error| {
        let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
        // What is wrong with a dataset is wrong in its first file: there a curator looks.
        let files = cube.files.iter().take(1).map(|file| file.url.to_string()).collect();
        ItemError { files, ..failure(error.kind(), format!("{}{remedy}", chain(&error))) }
    })?;
    if let Some(links) = record.json.get_mut("links").and_then(Value::as_array_mut) {
        links.extend(predecessor);
    }
    workspace.validator.validate(record).map_err(|error| {
        let said = chain(&error);
        // What a file says wrongly the recipe can say rightly.
        let is_property = said.contains("/properties/");
        failure(
            "validate",
            if is_property { format!("{said}; give it in item.properties of the recipe") } else { said },
        )
    })
}

/// Digests of the coordinates that are too large for the cube to hold: how far those of all files reach together.
pub(super) fn coordinate_digests(indexes: &[FileIndex]) -> BTreeMap<VariablePath, Digest> {
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

/// When the item's record was first made.
fn created(workspace: &Workspace, id: &ItemId) -> Option<DateTime<Utc>> {
    let record = read_record(workspace, id.as_str()).ok()??;
    record.json.pointer("/properties/created")?.as_str()?.parse().ok()
}

/// An item's record as it stands in the static catalogue.
pub(super) fn read_record(workspace: &Workspace, id: &str) -> Result<Option<Record>, super::PipelineError> {
    record(workspace, id, workspace.output.get(&workspace.item_path(id))?)
}

/// As [`read_record`] for several items, in their order.
pub(super) fn read_records(workspace: &Workspace, ids: &[ItemId]) -> Vec<Result<Option<Record>, super::PipelineError>> {
    let paths: Vec<String> = ids.iter().map(|id| workspace.item_path(id.as_str())).collect();
    let read = workspace.output.get_all(&paths).into_par_iter();
    // What takes long is reading JSON.
    ids.par_iter().zip(read).map(|(id, bytes)| record(workspace, id.as_str(), bytes?)).collect()
}

fn record(workspace: &Workspace, id: &str, bytes: Option<Bytes>) -> Result<Option<Record>, super::PipelineError> {
    let Some(bytes) = bytes else { return Ok(None) };
    let json: Value = serde_json::from_slice(&bytes).map_err(|error| super::PipelineError::NotACatalogue {
        path: workspace.output.shown(&workspace.item_path(id)),
        found: error.to_string(),
    })?;
    Ok(Some(Record { kind: RecordKind::Item, id: id.into(), json }))
}

fn report(
    (workspace, id, revision): (&Workspace, &ItemId, Revision),
    cube: &VirtualCube,
    found: &Found,
    products: &[VerifiedProduct],
    (content, delivered): (&ContentReport, Option<Delivered>),
    now: DateTime<Utc>,
) -> Vec<u8> {
    let verified: Vec<Value> = products
        .iter()
        .map(|verified| {
            let Product { format, files, chunks, unlisted, .. } = verified.product();
            json!({"format": format, "chunks": chunks, "files": files, "unlisted": unlisted, "verification": verified.report()})
        })
        .collect();
    let mut report = json!({
        "item": id,
        "revision": revision,
        "made_by": concat!("altostac ", env!("CARGO_PKG_VERSION")),
        "made_at": now,
        "recipe": {"products": workspace.recipe.product_digest, "record": workspace.record_digest()},
        "files": cube.files.len(),
        "joined_along": cube.joins,
        "variables": cube.choices,
        "notes": cube.notes,
        "file_notes": found.file_notes,
        "products": verified,
        "source_bytes": content,
    });
    // Sent as it was verified, and read back from there.
    if let Some(delivered) = delivered {
        report["stored"] = json!(delivered);
    }
    serde_json::to_vec_pretty(&report).unwrap_or_default()
}
