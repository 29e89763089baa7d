//! What has to be done after something happened to a few files: their items alone are looked at, by the same rules as the whole archive.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::survey::compared;
use super::{PipelineError, Progress, Survey, Workspace};
use crate::model::{ItemState, KnownItem, SourceUrl};
use crate::plan::Action;
use crate::scan::{LinkTargets, Scan, Unsure, items_of, scan_paths};

/// Looks at files and folders that something happened to, at the other files of their items as the ledger knows them, and compares. `links` is what was
/// found until now.
///
/// # Errors
/// [`PipelineError::Unsure`] if the whole archive has to be looked at to tell.
pub(super) fn survey(
    workspace: &Workspace,
    paths: &[PathBuf],
    links: &LinkTargets,
    progress: &dyn Progress,
) -> Result<Survey, PipelineError> {
    let unsure = |Unsure(reason)| PipelineError::Unsure { reason };
    let recipe = &workspace.recipe;
    let first = scan_paths(recipe, paths, links)?.map_err(unsure)?;
    let ids = touched_items(workspace, paths, &first)?;
    let known = known_items(workspace, &ids)?;
    let sources = known.iter().flat_map(|item| &item.sources).filter_map(|file| file.url.local_path());
    let files: BTreeSet<PathBuf> = paths.iter().cloned().chain(sources).collect();
    let found = scan_paths(recipe, &files.into_iter().collect::<Vec<_>>(), links)?.map_err(unsure)?;
    if let Some(other) = ids_of(&found).find(|id| !ids.contains(*id)) {
        return Err(PipelineError::Unsure {
            reason: format!("files of {other} were found where those of others were"),
        });
    }
    let survey = compared(workspace, found, known, (&[], false), progress)?;
    // The guard of removals knows the whole collection, and whether the archive is there at all.
    if let Some(item) = survey.planned.iter().find(|item| matches!(item.action, Action::Removed | Action::Withdrawn)) {
        return Err(PipelineError::Unsure { reason: format!("no file of {} was found", item.id) });
    }
    Ok(survey)
}

fn ids_of(scan: &Scan) -> impl Iterator<Item = &str> {
    scan.items.iter().map(|item| item.id.as_str()).chain(scan.failed.iter().map(|item| item.id.as_str()))
}

/// The ids of items that paths belong to: by the pattern, by what lies below folders, by what the ledger knows of what is gone.
fn touched_items(workspace: &Workspace, paths: &[PathBuf], found: &Scan) -> Result<BTreeSet<String>, PipelineError> {
    let by_pattern = items_of(&workspace.recipe, paths)?;
    let mut ids: BTreeSet<String> = ids_of(found).map(str::to_owned).collect();
    ids.extend(by_pattern.values().cloned());
    for path in paths.iter().filter(|path| !by_pattern.contains_key(*path)) {
        if let Some(url) = SourceUrl::from_path(path) {
            ids.extend(workspace.ledger().items_with_sources_at(url.as_str())?);
        }
    }
    Ok(ids)
}

fn known_items(workspace: &Workspace, ids: &BTreeSet<String>) -> Result<Vec<KnownItem>, PipelineError> {
    let mut known = Vec::new();
    for id in ids {
        // Not in the scrutinee: the ledger would stay locked for the arms.
        let item = workspace.ledger().item(id)?;
        match item {
            Some(item) if item.revision.is_some() && item.state == ItemState::Current => known.push(item),
            // The ledger has the files of the revision that stands, not those of the attempt.
            Some(_) => return Err(PipelineError::Unsure { reason: format!("{id} failed before") }),
            None => {
                if let Some(other) = workspace.ledger().item_spelt_like(id)? {
                    return Err(PipelineError::Unsure { reason: format!("{id} is spelt like {other}") });
                }
            }
        }
    }
    Ok(known)
}
