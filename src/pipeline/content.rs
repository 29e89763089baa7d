//! Digests of the bytes of an item's sources: kept in the state, one file an item, written whole.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::PathBuf;

use rayon::prelude::*;

use super::Workspace;
use super::item::{Means, Thoroughness, VERIFICATION, failure, seed};
use super::settling::is_settled;
use crate::model::{ContentReport, FileContent, FileIndex, ItemError, ItemId, KnownItem, SourceFile, SourceUrl};
use crate::storage::{current_fingerprint, open_source};
use crate::verify::{ContentOutcome, Differences, OpenSource, Reach, SMALL, check_content, has_bytes};

fn path_of(workspace: &Workspace, id: &ItemId) -> PathBuf {
    workspace.state.join("content").join(format!("{id}.json"))
}

/// The digests that are known of an item's sources; none if they cannot be read: they are taken anew then.
fn load(workspace: &Workspace, id: &ItemId) -> Vec<FileContent> {
    let path = path_of(workspace, id);
    let known = fs::read(&path).map(|bytes| serde_json::from_slice(&bytes));
    match known {
        Ok(Ok(known)) => known,
        Ok(Err(error)) => {
            tracing::warn!("{}: no digests of sources: {error}", path.display());
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

fn save(workspace: &Workspace, id: &ItemId, contents: &[FileContent]) -> io::Result<()> {
    let path = path_of(workspace, id);
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    fs::create_dir_all(&folder)?;
    // Another process may do the same: each writes a file of its own, and the last one stands.
    let beside = folder.join(format!(".{id}.{}", std::process::id()));
    let written = fs::write(&beside, serde_json::to_vec(contents)?).and_then(|()| fs::rename(&beside, &path));
    written.inspect_err(|_| _ = fs::remove_file(&beside))
}

/// Compares what was built from with the digests known of it, and takes those of new files if the item is small or all is asked for.
///
/// Of files whose indexes are `known` the digests stay as they are, unless all values are asked for. With `force` nothing is compared: it says that
/// the sources are right as they are.
///
/// # Errors
/// The bytes of a source are not those that they were.
pub(super) fn at_build(
    means: Means<'_>,
    id: &ItemId,
    (indexes, known_before): (&[FileIndex], &[bool]),
    open: OpenSource<'_>,
    Thoroughness { every_value, force }: Thoroughness,
) -> Result<ContentOutcome, ItemError> {
    let bytes: u64 = indexes.iter().map(|index| index.source.size).fold(0, u64::saturating_add);
    let is_local = indexes.iter().all(|index| index.source.url.local_path().is_some());
    let known = if force { Vec::new() } else { load(means.workspace, id) };
    let compares = every_value || means.workspace.recipe.compares_bytes;
    let reach = Reach { every: every_value, take: compares || (is_local && bytes <= SMALL), seed: seed() };
    let looked: Vec<FileIndex> = indexes
        .iter()
        .zip(known_before)
        .filter(|(_, known)| compares || !**known)
        .map(|(one, _)| one.clone())
        .collect();
    let mut outcome = check(means, id, (&looked, open), &known, reach);
    let looked: HashSet<&SourceFile> = looked.iter().map(|index| &index.source).collect();
    let there: HashSet<&SourceFile> = indexes.iter().map(|index| &index.source).collect();
    let stays = |one: &FileContent| there.contains(&one.file) && !looked.contains(&one.file);
    outcome.contents.extend(known.into_iter().filter(stays));
    outcome.contents.sort_by(|a, b| a.file.url.cmp(&b.file.url));
    if outcome.differences.is_empty() {
        return Ok(outcome);
    }
    let remedy = "if the sources are right as they are, say --force";
    Err(failure(VERIFICATION, format!("{id}: {}; {remedy}", outcome.differences)))
}

/// The files of an item whose size and time are those that their digests were taken of, and whose bytes are not. What cannot be read is not told.
pub(super) fn rewritten(workspace: &Workspace, id: &ItemId, files: &[SourceFile]) -> Vec<SourceUrl> {
    let files: HashSet<&SourceFile> = files.iter().collect();
    let is_other = |known: &&FileContent| {
        let source = open_source(&known.file.url).ok();
        source.is_some_and(|source| {
            source.file() == &known.file && matches!(has_bytes(source.as_ref(), known), Ok(false))
        })
    };
    let known: Vec<FileContent> = load(workspace, id).into_iter().filter(|known| files.contains(&known.file)).collect();
    known.par_iter().filter(is_other).map(|known| known.file.url.clone()).collect()
}

/// Of files of other fingerprints than are known of them those whose bytes are the same, and settled. What cannot be read, or has no digests, is not
/// told.
pub(super) fn touched(workspace: &Workspace, known: &KnownItem, files: &[SourceFile]) -> Vec<SourceUrl> {
    let before: HashSet<&SourceFile> = known.sources.iter().collect();
    let contents = load(workspace, &known.id).into_iter().filter(|content| before.contains(&content.file));
    let contents: HashMap<SourceUrl, FileContent> =
        contents.map(|content| (content.file.url.clone(), content)).collect();
    let has_same = |file: &&SourceFile| {
        let Some(content) = contents.get(&file.url).filter(|_| is_settled(file)) else { return false };
        let source = open_source(&file.url).ok().filter(|source| source.file() == *file);
        source.is_some_and(|source| matches!(has_bytes(source.as_ref(), content), Ok(true)))
            && current_fingerprint(&file.url).is_ok_and(|after| after == file.fingerprint)
    };
    files.par_iter().filter(has_same).map(|file| file.url.clone()).collect()
}

/// Keeps that files have the bytes that they had, as they are now.
pub(super) fn keep_touched(workspace: &Workspace, id: &ItemId, files: &[SourceFile]) {
    let now: HashMap<&SourceUrl, &SourceFile> = files.iter().map(|file| (&file.url, file)).collect();
    let mut contents = load(workspace, id);
    for content in &mut contents {
        if let Some(now) = now.get(&content.file.url) {
            content.file = SourceFile::clone(now);
        }
    }
    keep(workspace, id, &contents);
}

fn check(
    means: Means<'_>,
    id: &ItemId,
    (indexes, open): (&[FileIndex], OpenSource<'_>),
    known: &[FileContent],
    reach: Reach,
) -> ContentOutcome {
    let files: Vec<SourceFile> = indexes.iter().map(|index| index.source.clone()).collect();
    means.workers.read(&files, || check_content(id, indexes, known, open, reach))
}

/// Keeps the digests of an item that was built.
pub(super) fn keep(workspace: &Workspace, id: &ItemId, contents: &[FileContent]) {
    if contents.is_empty() && !path_of(workspace, id).exists() {
        return;
    }
    if let Err(error) = save(workspace, id, contents) {
        tracing::warn!(item = %id, "the digests of the sources are not kept: {error}");
    }
}

/// Forgets the digests of an item that is gone.
pub(super) fn forget(workspace: &Workspace, id: &ItemId) {
    _ = fs::remove_file(path_of(workspace, id));
}

/// Compares the sources of what stands with their digests; with `every_value` all of them, and those that had none have some afterwards,
/// if all is right (`is_good`: the products are).
pub(super) fn at_verification(
    means: Means<'_>,
    id: &ItemId,
    (indexes, open): (&[FileIndex], OpenSource<'_>),
    every_value: bool,
    is_good: bool,
) -> (ContentReport, Differences) {
    let reach = Reach { every: every_value, take: every_value, seed: seed() };
    let ContentOutcome { differences, report, contents } =
        check(means, id, (indexes, open), &load(means.workspace, id), reach);
    if report.taken > 0 && is_good && differences.is_empty() {
        keep(means.workspace, id, &contents);
    }
    (report, differences)
}
