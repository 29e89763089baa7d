//! What is there, and what has to be done.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;

use super::published::Published;
use super::report::{FileChangesReport, PlanCounts, PlanReport, PlannedReport, StatusReport};
use super::{ItemStatus, PipelineError, Progress, Workspace};
use crate::model::recipe::SourceFiles;
use crate::model::{
    FileChecksum, ItemError, ItemId, ItemSource, ItemState, KnownItem, ProductFormat, Revision, SourceFile,
    SourcePlace, SourceUrl,
};
use crate::plan::{Circumstances, Guarded, PlannedItem, guard, plan};
use crate::scan::{LinkTargets, Scan};
use crate::storage::Output;

/// The outcome of scan and plan.
#[derive(Debug)]
pub struct Survey {
    /// What is to be done, sorted by id.
    pub planned: Vec<PlannedItem>,
    /// Items that cannot be: id, error, number of files.
    pub failed: Vec<(String, ItemError, usize)>,
    /// Files that match no pattern, with the reason.
    pub unmatched: Vec<String>,
    /// What could not be looked at.
    pub problems: Vec<String>,
    /// Values of facets that no vocabulary has.
    pub warnings: Vec<String>,
    /// Items that do not go although their files are gone; [`Guarded::lift`] lets them.
    pub guarded: Guarded,
    /// Where links lead that are listed by their own path.
    pub links: LinkTargets,
}

/// Looks at the archive and compares it with what is known; with `only` about these items alone.
///
/// # Errors
/// [`PipelineError`] if nothing is found, an item of `only` is neither found nor known, or the ledger cannot be read.
pub fn survey(
    workspace: &Workspace,
    only: &[String],
    force: bool,
    progress: &dyn Progress,
) -> Result<Survey, PipelineError> {
    progress.begin("looking at the archive", 0);
    let found = super::attributes::look(workspace, progress);
    progress.end();
    let found = found?;
    let known = workspace.ledger().items()?;
    check_asked(&found, &known, only)?;
    compared(workspace, found, known, (only, force), progress)
}

/// Compares what was found with what is known; with `only` about these items alone.
pub(super) fn compared(
    workspace: &Workspace,
    found: Scan,
    known: Vec<KnownItem>,
    (only, force): (&[String], bool),
    progress: &dyn Progress,
) -> Result<Survey, PipelineError> {
    let is_asked = |id: &str| only.is_empty() || only.iter().any(|asked| asked == id);
    let failed: Vec<_> = found
        .failed
        .iter()
        .filter(|item| is_asked(&item.id))
        .map(|item| (item.id.clone(), item_error("item", &item.error, item), item.files.len()))
        .collect();
    let failed_ids: BTreeSet<&str> = found.failed.iter().map(|item| item.id.as_str()).collect();
    let failed_files: BTreeSet<&SourceUrl> =
        found.failed.iter().flat_map(|item| &item.files).map(|file| &file.url).collect();
    // A known item whose files now belong to one that cannot be is not gone.
    let fails = |item: &KnownItem| {
        failed_ids.contains(item.id.as_str()) || item.sources.iter().any(|file| failed_files.contains(&file.url))
    };
    let standing = known.iter().filter(|item| item.revision.is_some() && !item.state.is_withdrawn()).count();
    let empty_roots = empty_roots(workspace, &found);
    let known: Vec<KnownItem> = known.into_iter().filter(|item| is_asked(item.id.as_str()) && !fails(item)).collect();
    let circumstances = Circumstances {
        product_digest: workspace.recipe.product_digest.clone(),
        record_digest: workspace.record_digest(),
        damaged: damaged(workspace, &known)?,
        unreadable: found.problems.iter().map(|problem| problem.place.clone()).collect(),
        rewritten: rewritten(workspace, &found, &known, progress),
        touched: if force { BTreeSet::new() } else { touched(workspace, &found, &known, progress) },
        tells_modified: workspace.templates.tell_modified(),
        on_removed: workspace.recipe.keeping.on_removed,
        force,
    };
    let items = found.items.into_iter().filter(|item| is_asked(item.id.as_str())).collect();
    let planned = plan(items, known, &circumstances);
    Ok(Survey {
        guarded: guard(&planned, standing, workspace.recipe.keeping.max_removed, &empty_roots),
        planned,
        failed,
        unmatched: found.unmatched.iter().map(|file| format!("{}: {}", file.path, file.reason)).collect(),
        problems: found.problems.iter().map(ToString::to_string).collect(),
        warnings: found.warnings,
        links: found.links,
    })
}

/// Files whose bytes are not what they were although their fingerprints are, if the recipe asks for that.
fn rewritten(workspace: &Workspace, found: &Scan, known: &[KnownItem], progress: &dyn Progress) -> BTreeSet<SourceUrl> {
    if !workspace.recipe.compares_bytes {
        return BTreeSet::new();
    }
    let known: BTreeSet<&ItemId> = known.iter().map(|item| &item.id).collect();
    let items: Vec<_> = found.items.iter().filter(|item| known.contains(&item.id)).collect();
    progress.begin("bytes", items.len() as u64);
    let other = items.iter().flat_map(|item| {
        let other = super::content::rewritten(workspace, &item.id, &item.files);
        progress.advance(item.id.as_str());
        other
    });
    let other = other.collect();
    progress.end();
    other
}

/// Files whose bytes are what they were although their fingerprints are not; of items alone in which nothing else is another.
fn touched(workspace: &Workspace, found: &Scan, known: &[KnownItem], progress: &dyn Progress) -> BTreeSet<SourceUrl> {
    let stands = |item: &&KnownItem| {
        let is_current = item.state == ItemState::Current && item.revision.is_some();
        is_current && item.product_digest == workspace.recipe.product_digest
    };
    let by_id: BTreeMap<&ItemId, &KnownItem> = known.iter().filter(stands).map(|item| (&item.id, item)).collect();
    let candidate = |item: &ItemSource| {
        let known = *by_id.get(&item.id)?;
        let others = other_fingerprints(known, &item.files)?;
        (!others.is_empty() && !tells_fingerprints(workspace, known, &others)).then_some((known, others))
    };
    let items: Vec<(&KnownItem, Vec<SourceFile>)> = found.items.iter().filter_map(candidate).collect();
    if items.is_empty() {
        return BTreeSet::new();
    }
    progress.begin("bytes", items.len() as u64);
    let touched = items.par_iter().flat_map_iter(|(known, files)| {
        let touched = super::content::touched(workspace, known, files);
        progress.advance(known.id.as_str());
        touched
    });
    let touched = touched.collect();
    progress.end();
    touched
}

/// The files whose fingerprints are others than were known; `None` if anything else is different.
fn other_fingerprints(known: &KnownItem, files: &[SourceFile]) -> Option<Vec<SourceFile>> {
    if known.sources.len() != files.len() {
        return None;
    }
    let before: HashMap<&SourceUrl, &SourceFile> = known.sources.iter().map(|file| (&file.url, file)).collect();
    let mut others = Vec::new();
    for file in files {
        let before = before.get(&file.url).filter(|before| before.size == file.size)?;
        if before.fingerprint != file.fingerprint {
            others.push(file.clone());
        }
    }
    Some(others)
}

/// Whether a product, or a table that a record names, holds what its readers compare one of these files with.
fn tells_fingerprints(workspace: &Workspace, known: &KnownItem, files: &[SourceFile]) -> bool {
    let urls = &workspace.recipe.public_urls;
    let compares = known.products.iter().any(|product| product.format == ProductFormat::Icechunk);
    known.sources.len() as u64 > workspace.recipe.stac.facts.source_assets
        || compares && files.iter().any(|file| FileChecksum::of(file, urls).is_some())
}

/// The roots of the recipe in which no file of any item lies.
fn empty_roots(workspace: &Workspace, found: &Scan) -> Vec<SourceUrl> {
    let searched =
        workspace.recipe.sources.iter().filter(|source| matches!(source.files, SourceFiles::Matching { .. }));
    let roots = searched.filter_map(|source| match &source.root {
        SourcePlace::Local(path) => SourceUrl::from_path(path),
        SourcePlace::Remote(url) => Some(url.clone()),
    });
    let files =
        || found.items.iter().flat_map(|item| &item.files).chain(found.failed.iter().flat_map(|item| &item.files));
    roots.filter(|root| !files().any(|file| file.url.is_within(root))).collect()
}

fn item_error(kind: &str, error: &crate::scan::ItemError, item: &crate::scan::FailedItem) -> ItemError {
    let files = item.files.iter().map(|file| file.url.to_string()).collect();
    ItemError { kind: kind.into(), message: super::chain(error), files }
}

fn check_asked(found: &Scan, known: &[KnownItem], only: &[String]) -> Result<(), PipelineError> {
    let ids: BTreeSet<&str> = (found.items.iter().map(|item| item.id.as_str()))
        .chain(found.failed.iter().map(|item| item.id.as_str()))
        .chain(known.iter().map(|item| item.id.as_str()))
        .collect();
    match only.iter().find(|asked| !ids.contains(asked.as_str())) {
        Some(asked) => Err(PipelineError::NoSuchItem { asked: asked.clone(), nearest: nearest(asked, &ids) }),
        None => Ok(()),
    }
}

fn nearest(asked: &str, ids: &BTreeSet<&str>) -> Option<String> {
    let likeness = |id: &&&str| strsim::normalized_levenshtein(asked, id);
    let best = ids.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)))?;
    (likeness(&best) > 0.6).then(|| (*best).to_owned())
}

/// Known items whose files are not where they were written, or not of the size that was written.
fn damaged(workspace: &Workspace, known: &[KnownItem]) -> Result<BTreeSet<ItemId>, PipelineError> {
    if !known.iter().any(|item| item.revision.is_some()) {
        return Ok(BTreeSet::new());
    }
    let records: Vec<String> = known.iter().map(|item| workspace.item_path(item.id.as_str())).collect();
    let listed = match &workspace.output {
        Output::Folder(_) => BTreeMap::new(),
        Output::Objects(objects) => {
            let products = || known.iter().flat_map(|item| &item.products);
            let files = products().flat_map(|product| &product.files).map(|file| file.path.as_str());
            let paths: BTreeSet<&str> = records.iter().map(String::as_str).chain(files).collect();
            let copied = products().filter(|product| product.format.is_copy()).map(|product| product.chunks);
            let there = copied.fold(paths.len() as u64, u64::saturating_add);
            objects.sizes(workspace.recipe.collection.id.as_str(), &paths, there)?
        }
    };
    let found = |path: &str| match &workspace.output {
        Output::Folder(folder) => {
            folder.root().join(path).metadata().ok().filter(std::fs::Metadata::is_file).map(|found| found.len())
        }
        Output::Objects(_) => listed.get(path).copied(),
    };
    let stands = |path: &str, size: Option<u64>| found(path).is_some_and(|found| size.is_none_or(|size| size == found));
    // Records in a folder are made durable with the catalogue: of a run that was cut off, by a loss of power perhaps, they are looked at.
    let is_behind = matches!(workspace.output, Output::Folder(_)) && workspace.ledger().is_catalogue_behind()?;
    let is_whole = |item: &KnownItem| {
        stands(&workspace.item_path(item.id.as_str()), None)
            && (!is_behind
                || workspace.output.objects().is_some()
                || super::item::read_record(workspace, item.id.as_str()).is_ok())
            && item.products.iter().flat_map(|product| &product.files).all(|file| stands(&file.path, Some(file.size)))
    };
    let with_products = known.iter().filter(|item| item.revision.is_some());
    Ok(with_products.filter(|item| !is_whole(item)).map(|item| item.id.clone()).collect())
}

impl Survey {
    /// The same for `--json`.
    pub fn report(&self, collection: &str) -> PlanReport {
        let mut items: Vec<PlannedReport> = self
            .planned
            .iter()
            .map(|item| PlannedReport {
                id: item.id.to_string(),
                action: Some(item.action),
                stopped: self.guarded.items.contains(&item.id),
                reasons: item.reasons.clone(),
                files: item.source.as_ref().map_or(0, |source| source.files.len()),
                changes: FileChangesReport::of(&item.changes),
                explained: None,
                error: None,
            })
            .collect();
        items.extend(self.failed.iter().map(|(id, error, files)| PlannedReport {
            id: id.clone(),
            action: None,
            stopped: false,
            reasons: vec!["it cannot become an item".into()],
            files: *files,
            changes: FileChangesReport::default(),
            explained: None,
            error: Some(error.clone()),
        }));
        items.sort_by(|a, b| a.id.cmp(&b.id));
        PlanReport {
            collection: collection.into(),
            counts: PlanCounts::of(&items),
            items,
            unmatched: self.unmatched.clone(),
            problems: self.problems.iter().chain(&self.guarded.reasons).cloned().collect(),
            warnings: self.warnings.clone(),
        }
    }
}

impl Workspace {
    /// Every item's state.
    ///
    /// # Errors
    /// [`PipelineError::Ledger`] if the ledger cannot be read.
    pub fn status(&self) -> Result<StatusReport, PipelineError> {
        let published = Published::of(self)?;
        let status = |item: KnownItem| ItemStatus {
            publications: published.of_item(&item),
            id: item.id.to_string(),
            state: item.state,
            revision: item.revision.map(Revision::number),
            files: item.sources.len(),
            updated: item.updated,
            error: item.error,
        };
        let items: Vec<ItemStatus> = self.ledger().items()?.into_iter().map(status).collect();
        let collection = self.recipe.collection.id.to_string();
        let apis = published.sums(&collection, &items);
        let watch = self.watch_status()?;
        Ok(StatusReport { collection, items, apis, watch })
    }
}
