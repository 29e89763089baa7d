//! The items of a plan, several at once; then the catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, SubsecRound, Utc};
use serde_json::Value;

use super::item::{self, Means, Thoroughness, failure, read_record, read_records};
use super::remembering::Remembering;
use super::report::{BuildReport, BuiltItem, BuiltProduct, BuiltStatus, News, TrafficReport};
use super::shared::Shared;
use super::versions::{Versions, with_links};
use super::workers::{Workers, weight};
use super::{PipelineError, Progress, Survey, Workspace, chain, retired, settling, standing, survey};
use crate::cftime::rfc3339;
use crate::describe::{describe_collection, describe_parent};
use crate::model::{ItemError, ItemId, KnownItem, Record, Revision, SourceFile, SourceUrl, without_item_links};
use crate::plan::{Action, PlannedItem};
use crate::publish::{
    CatalogHead, ParentCollection, STRUCTURAL_LINKS, branch_of, items_table, remove_catalogue, write_catalogue,
    write_item,
};
use crate::scan::LinkTargets;
use crate::storage::{OutputStore, count_opened_anew, opened_files, traffic};
use crate::write::ItemColumns;

/// Folders that a run left unfinished are removed after this time.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// So many records are read together to describe a collection.
const READ_TOGETHER: usize = 256;

/// What a build is asked for.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// These items alone; empty for all.
    pub items: Vec<String>,
    /// Build even what has not changed.
    pub force: bool,
    /// Let items go whose files are gone, however many they are.
    pub allow_removal: bool,
    /// Compare all values of what is built with its sources, and take digests of all their bytes.
    pub every_value: bool,
    /// How many threads compute; 0 for as many as there are processors. Waiting for servers is not counted.
    pub jobs: usize,
    /// Look only at these files and folders of the archive, and at the items that they belong to; without any, at the whole archive.
    pub touched: Option<Vec<PathBuf>>,
    /// Where links lead, by the looks until now; of `touched` it says which of them more depends on.
    pub links: Arc<LinkTargets>,
}

/// Builds what has to be built, and writes the static catalogue. A run that finds nothing to do writes nothing.
///
/// # Errors
/// [`PipelineError`] if nothing could be begun, or the catalogue could not be written. What concerns single items is in the report.
pub fn build(
    workspace: &Workspace,
    options: &BuildOptions,
    progress: &dyn Progress,
) -> Result<BuildReport, PipelineError> {
    let begun = Instant::now();
    let before = traffic();
    count_opened_anew();
    let surveyed = match &options.touched {
        Some(paths) => super::touched::survey(workspace, paths, &options.links, progress)?,
        None => survey(workspace, &options.items, options.force, progress)?,
    };
    let looked = begun.elapsed();
    let Survey { planned, failed, unmatched, mut problems, warnings, mut guarded, links } = surveyed;
    if options.allow_removal {
        guarded.lift();
    }
    problems.append(&mut guarded.reasons);
    let guarded = guarded.items;
    let workers = Workers::start(options.jobs, reads_afar(&planned))?;
    workers.spent("scan", looked);
    let run = Run {
        workspace,
        workers: &workers,
        thoroughness: Thoroughness { every_value: options.every_value, force: options.force },
        now: Utc::now().trunc_subsecs(0),
        progress,
        written: Mutex::default(),
        remembering: Remembering::new(workspace),
        is_behind: AtomicBool::new(false),
    };
    let known_errors = workspace.ledger().errors()?;
    for (id, error, _) in &failed {
        run.remember_failure(id, error);
    }
    let work = planned.iter().filter(|item| is_work(item)).count();
    let goes = |item: &PlannedItem| matches!(item.action, Action::Removed | Action::Withdrawn);
    let removes = planned.iter().any(|item| goes(item) && !guarded.contains(&item.id));
    // A run that finds nothing to do writes nothing, no lock either.
    let lock =
        if work > 0 || removes || workspace.ledger().is_catalogue_behind()? { workspace.lock_output()? } else { None };
    if let Some(objects) = workspace.output.objects().filter(|objects| objects.ignores_conditions()) {
        tracing::warn!(
            "{}: the store ignores the conditions of requests (If-None-Match, If-Match): let one run at a time write there",
            objects.url()
        );
    }
    if work > 0 {
        workspace.output.sweep(STALE)?;
        progress.begin("items", work as u64);
    }
    let mut items = workers.each_item(&planned, files_to_read, |item| run.item(item, guarded.contains(&item.id)));
    progress.end();
    // Of a large collection much is in it, and the catalogue needs room as well.
    drop(planned);
    items.extend(
        failed.into_iter().map(|(id, error, files)| BuiltItem { files, ..empty(id, BuiltStatus::Failed, Some(error)) }),
    );
    items.sort_by(|a, b| a.id.cmp(&b.id));
    let changed = workers.timed("catalogue", || run.write_catalogue())?;
    problems.extend(workers.timed("prune", || super::prune::prune(workspace, &changed, false))?);
    if lock.is_some() {
        problems.extend(super::prune::prune_removed(workspace, false)?);
    }
    drop(lock);
    let is_any = items.iter().any(|item| match (item.status, &item.error) {
        (BuiltStatus::Unchanged, _) => false,
        (BuiltStatus::Failed, error) => known_errors.get(&item.id) != error.as_ref(),
        _ => true,
    });
    let news = News { is_any, begun: run.now };
    let collection = workspace.recipe.collection.id.to_string();
    let traffic = TrafficReport { files: opened_files(), ..traffic().since(before).into() };
    Ok(BuildReport {
        collection,
        items,
        unmatched,
        problems,
        warnings,
        traffic,
        stages: workers.stages().into_iter().map(|(stage, spent)| (stage.to_owned(), spent.as_secs_f64())).collect(),
        elapsed_s: begun.elapsed().as_secs_f64(),
        news,
        links,
    })
}

pub(super) fn reads_afar(planned: &[PlannedItem]) -> bool {
    let mut sources = planned.iter().filter(|item| is_work(item)).filter_map(|item| item.source.as_ref());
    sources.any(|source| source.files.iter().any(|file| file.url.is_remote()))
}

pub(super) fn files_to_read(item: &PlannedItem) -> usize {
    if is_work(item) { item.source.as_ref().map_or(0, |source| weight(&source.files)) } else { 0 }
}

pub(super) fn is_work(item: &PlannedItem) -> bool {
    matches!(item.action, Action::Added | Action::Changed | Action::Redescribed)
}

fn empty(id: String, status: BuiltStatus, error: Option<ItemError>) -> BuiltItem {
    BuiltItem { id, status, revision: None, files: 0, chunks: 0, products: Vec::new(), reasons: Vec::new(), error }
}

fn catalog_head() -> CatalogHead {
    CatalogHead { id: "catalog".into(), title: None, description: "Collections published with altostac".into() }
}

#[derive(Default)]
struct Written {
    items: BTreeSet<ItemId>,
    removed: Vec<ItemId>,
}

struct Run<'a> {
    workspace: &'a Workspace,
    workers: &'a Workers,
    thoroughness: Thoroughness,
    now: DateTime<Utc>,
    progress: &'a dyn Progress,
    written: Mutex<Written>,
    remembering: Remembering<'a>,
    /// Whether the ledger knows that items are about to change before the catalogue does.
    is_behind: AtomicBool,
}

impl Run<'_> {
    fn written(&self) -> std::sync::MutexGuard<'_, Written> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn item(&self, planned: &PlannedItem, is_guarded: bool) -> BuiltItem {
        let reasons = planned.reasons.clone();
        let built = match planned.action {
            Action::Unchanged => self.leave(planned),
            Action::Removed | Action::Withdrawn if is_guarded => self.standing(planned, BuiltStatus::Unchanged),
            Action::Withdrawn => self.withdraw(planned),
            Action::Removed => {
                self.written().removed.push(planned.id.clone());
                empty(planned.id.to_string(), BuiltStatus::Removed, None)
            }
            Action::Added | Action::Changed | Action::Redescribed => {
                let built = self.work(planned);
                self.progress.advance(planned.id.as_str());
                built
            }
        };
        BuiltItem { reasons, ..built }
    }

    /// What stands, stands; of files that were touched it is remembered what they are now.
    fn leave(&self, planned: &PlannedItem) -> BuiltItem {
        let touched = self.touched_files(planned);
        if let (Some(known), false) = (&planned.known, touched.is_empty()) {
            tracing::info!(item = %planned.id, files = touched.len(), "files were touched: their bytes are the same");
            let now: BTreeMap<&SourceUrl, &SourceFile> = touched.iter().map(|file| (&file.url, file)).collect();
            let as_now = |file: &SourceFile| SourceFile::clone(now.get(&file.url).copied().unwrap_or(file));
            let known = KnownItem { sources: known.sources.iter().map(as_now).collect(), ..known.clone() };
            if let Err(error) = self.remembering.item(known) {
                return self.failed(planned, error);
            }
            super::content::keep_touched(self.workspace, &planned.id, &touched);
        }
        self.standing(planned, BuiltStatus::Unchanged)
    }

    /// The files of an item that are others only by their fingerprints, as they are now.
    fn touched_files(&self, planned: &PlannedItem) -> Vec<SourceFile> {
        let touched: BTreeSet<&SourceUrl> = planned.changes.touched.iter().collect();
        let files = planned.source.iter().flat_map(|source| &source.files);
        if touched.is_empty() {
            Vec::new()
        } else {
            files.filter(|file| touched.contains(&file.url)).cloned().collect()
        }
    }

    fn work(&self, planned: &PlannedItem) -> BuiltItem {
        tracing::info!(item = %planned.id, reasons = planned.reasons.join("; "), "building");
        let means = Means { workspace: self.workspace, workers: self.workers, progress: self.progress };
        // Digests of bytes that are known to be others say nothing.
        let force = self.thoroughness.force || planned.changes.changed.iter().any(|changed| changed.rewritten);
        let thoroughness = Thoroughness { force, ..self.thoroughness };
        // A fault in our own code must not stop the other items.
        let attempt = || {
            let attempt = catch_unwind(AssertUnwindSafe(|| item::build(means, planned, thoroughness, self.now)));
            attempt.unwrap_or_else(|_| Err(failure("internal", "a fault of altostac: please report it".into())))
        };
        let files = planned.source.as_ref().map_or(&[][..], |source| &source.files);
        match settling::read_again(&planned.id, files, attempt).and_then(|built| self.keep(built)) {
            Ok(known) => {
                if planned.action == Action::Redescribed {
                    super::content::keep_touched(self.workspace, &planned.id, &self.touched_files(planned));
                }
                let status = if planned.action == Action::Added { BuiltStatus::Added } else { BuiltStatus::Changed };
                self.built(&known, status)
            }
            Err(error) => self.failed(planned, error),
        }
    }

    fn failed(&self, planned: &PlannedItem, error: ItemError) -> BuiltItem {
        tracing::info!(item = %planned.id, kind = error.kind, "failed: {}", error.message);
        self.remember_failure(planned.id.as_str(), &error);
        let files = planned.source.as_ref().map_or(0, |source| source.files.len());
        let stands = self.standing(planned, BuiltStatus::Failed);
        BuiltItem { files, error: Some(error), ..stands }
    }

    /// Marks the record of an item whose files are gone.
    fn withdraw(&self, planned: &PlannedItem) -> BuiltItem {
        tracing::info!(item = %planned.id, reasons = planned.reasons.join("; "), "withdrawing");
        let marked = retired::marked(self.workspace, planned, self.now);
        match marked.and_then(|built| self.keep(built)) {
            Ok(known) => self.built(&known, BuiltStatus::Withdrawn),
            Err(error) => self.failed(planned, error),
        }
    }

    /// Switches the record to the new revision, then remembers it.
    fn keep(&self, built: item::Built) -> Result<KnownItem, ItemError> {
        let to_failure = |error: &dyn std::error::Error| failure("output", chain(error));
        if !self.is_behind.load(Ordering::Acquire) {
            self.workspace.ledger().set_catalogue_behind(true).map_err(|error| to_failure(&error))?;
            self.is_behind.store(true, Ordering::Release);
        }
        let facets = &self.workspace.recipe.stac.catalogs;
        write_item(&self.workspace.output, &built.record, facets).map_err(|error| to_failure(&error))?;
        self.remembering.item(built.known.clone())?;
        match &built.contents {
            Some(contents) => super::content::keep(self.workspace, &built.known.id, contents),
            // Its revision is older, and does not tell of it.
            None => standing::tell(self.workspace, &built.known, built.record.record()),
        }
        self.written().items.insert(built.known.id.clone());
        Ok(built.known)
    }

    fn remember_failure(&self, id: &str, error: &ItemError) {
        let Ok(id) = ItemId::new(id) else { return };
        if let Err(problem) = self.workspace.ledger().put_failed(&id, error, self.now) {
            tracing::error!(item = %id, "{}", chain(&problem));
        }
    }

    /// What stands of an item that was not worked on, or failed.
    fn standing(&self, planned: &PlannedItem, status: BuiltStatus) -> BuiltItem {
        match &planned.known {
            Some(known) => self.built(known, status),
            None => empty(planned.id.to_string(), status, None),
        }
    }

    fn built(&self, known: &KnownItem, status: BuiltStatus) -> BuiltItem {
        let product = |product: &crate::model::Product| {
            let place = product.place()?;
            let path = self.workspace.output.shown(place);
            Some(BuiltProduct { format: product.format, href: self.href(place), path })
        };
        BuiltItem {
            id: known.id.to_string(),
            status,
            revision: known.revision.map(Revision::number),
            files: known.sources.len(),
            chunks: known.products.iter().map(|product| product.chunks).sum(),
            products: known.products.iter().filter_map(product).collect(),
            reasons: Vec::new(),
            error: None,
        }
    }

    fn href(&self, place: &str) -> String {
        let url = self.workspace.output.url_of(place);
        url.map(|url| self.workspace.recipe.public_urls.rewrite(&url).to_string()).unwrap_or_default()
    }

    /// Writes the collection and the catalogue if an item was written or removed, in this run or in one that was cut off. Returns the items
    /// that this run has written.
    fn write_catalogue(&self) -> Result<BTreeSet<ItemId>, PipelineError> {
        let workspace = self.workspace;
        let Written { items: written, removed } = std::mem::take(&mut *self.written());
        let behind = workspace.ledger().is_catalogue_behind()?;
        if written.is_empty() && removed.is_empty() && !behind {
            return Ok(written);
        }
        workspace.ledger().set_catalogue_behind(true)?;
        let gone: BTreeSet<&str> = removed.iter().map(ItemId::as_str).collect();
        let mut standing = workspace.ledger().standing()?;
        standing.retain(|id| !gone.contains(id.as_str()));
        let recipe = &workspace.recipe;
        let mut versions = Versions::default();
        let mut columns = recipe.collection.items_parquet.then(ItemColumns::default);
        let (mut unreadable, mut linked) = (None, BTreeMap::new());
        let mut look_at = |record: Record| -> Result<Value, PipelineError> {
            let id = ItemId::new(record.id.as_str()).map_err(|error| PipelineError::NotACatalogue {
                path: workspace.item_path(&record.id),
                found: error.to_string(),
            })?;
            versions.add(&record.json);
            if let Some(columns) = &mut columns {
                columns.learn(&record.json)?;
            }
            linked.insert(id, branch_of(&record.json, &recipe.stac.catalogs)?);
            Ok(record.json)
        };
        let read = standing.chunks(READ_TOGETHER).flat_map(|ids| read_records(workspace, ids));
        let records = read.filter_map(|record: Result<Option<Record>, PipelineError>| {
            record.and_then(|record| record.map(&mut look_at).transpose()).unwrap_or_else(|error| {
                unreadable.get_or_insert(error);
                None
            })
        });
        let describe = |children: &[Value]| {
            let settings = recipe.collection.parent.as_ref().ok_or("no parent is named")?;
            Ok(workspace.validator.validate(describe_parent(settings, children, &workspace.templates)?)?)
        };
        let parent = recipe.collection.parent.as_ref().map(|parent| ParentCollection {
            id: &parent.id,
            title: parent.title.as_deref(),
            describe: &describe,
        });
        let mut records = records.peekable();
        let shared = Shared::of(workspace)?;
        if records.peek().is_some() {
            let mut collection = describe_collection(&workspace.recipe.collection, records, &workspace.templates)?;
            if let Some(error) = unreadable {
                return Err(error);
            }
            if self.link_versions(versions)? {
                collection.json["updated"] = rfc3339(self.now).into();
                // Learnt from records that were other ones.
                columns = None;
            } else {
                self.keep_updated(&mut collection)?;
            }
            shared.join(&mut collection, &mut linked);
            let collection = workspace.validator.validate(collection)?;
            let head = catalog_head();
            if recipe.collection.items_parquet {
                super::table::beside_collection(workspace, &collection.record().json, &standing, columns)?;
            }
            write_catalogue(&workspace.output, &head, &collection, &linked, &removed, parent.as_ref())?;
            if !recipe.collection.items_parquet {
                workspace.output.delete(&items_table(&recipe.collection.id))?;
            }
        } else if let Some(collection) = shared.of_others() {
            let others = collection.others;
            let collection = workspace.validator.validate(collection.record)?;
            write_catalogue(&workspace.output, &catalog_head(), &collection, &others, &removed, parent.as_ref())?;
        } else {
            remove_catalogue(&workspace.output, &recipe.collection.id, &removed, parent.as_ref())?;
        }
        for id in &removed {
            workspace.ledger().remove(id)?;
            super::content::forget(workspace, id);
            super::indexes::forget(workspace, id);
            super::facts::forget(workspace, id);
        }
        workspace.ledger().set_catalogue_behind(false)?;
        Ok(written)
    }

    /// A collection of which nothing changed but the time of an item was not updated itself: it need not be sent again.
    fn keep_updated(&self, collection: &mut Record) -> Result<(), PipelineError> {
        let path = format!("{}/collection.json", self.workspace.recipe.collection.id);
        let standing = self.workspace.output.get(&path)?;
        let standing: Option<Value> = standing.and_then(|bytes| without_item_links(&bytes).ok());
        let Some(updated) = standing.as_ref().and_then(|standing| standing.get("updated")).cloned() else {
            return Ok(());
        };
        let others = |record: &Value| {
            let mut record = record.clone();
            // Links between records are made when it is written.
            let links = record["links"].take();
            let is_own = |link: &&Value| !link["rel"].as_str().is_some_and(|rel| STRUCTURAL_LINKS.contains(&rel));
            let links = links.as_array().into_iter().flatten().filter(is_own).cloned();
            record["links"] = links.collect();
            record["updated"] = Value::Null;
            record
        };
        if standing.as_ref().map(others) == Some(others(&collection.json)) {
            collection.json["updated"] = updated;
        }
        Ok(())
    }

    /// Writes the records whose links to other versions are no longer right; returns whether there were any.
    fn link_versions(&self, versions: Versions) -> Result<bool, PipelineError> {
        let changes = versions.changes();
        let is_any = !changes.is_empty();
        for (id, links) in changes {
            let Some(record) = read_record(self.workspace, &id)? else { continue };
            let json = with_links(record.json, links, &rfc3339(self.now));
            let record = self.workspace.validator.validate(Record { json, ..record })?;
            write_item(&self.workspace.output, &record, &self.workspace.recipe.stac.catalogs)?;
            standing::tell_again(self.workspace, record.record())?;
        }
        Ok(is_any)
    }
}
