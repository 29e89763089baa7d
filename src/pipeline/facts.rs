//! What is known of an item's files beside its cube: stated times, statistics of values, checksums of files. What is dear is kept in the state.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest as _, Sha256};

use super::item::{Means, failure, storage_error};
use super::{Workspace, statistics};
use crate::model::facts::{StatedTimes, TimeSource};
use crate::model::{
    Facets, FileIndex, ItemError, ItemId, KnownChecksum, KnownFacts, Note, SourceFile, StatedTime, Statistics,
    VariablePath, VirtualCube, attribute,
};
use crate::verify::OpenSource;

/// Bytes that are read at once.
const PIECE: u64 = 4 << 20;

/// Finds what the recipe asks for: from the state where it is known there of these very files, else from the files.
///
/// # Errors
/// A file cannot be read, or is no longer what was indexed.
pub(super) fn find(
    means: Means<'_>,
    (id, cube): (&ItemId, &VirtualCube),
    (indexes, file_facets): (&[FileIndex], &[Facets]),
    open: OpenSource<'_>,
) -> Result<(KnownFacts, Vec<Note>), ItemError> {
    let recipe = &means.workspace.recipe;
    let asked = &recipe.stac.facts;
    let times = stated_times(&recipe.item.facts.time, indexes, file_facets);
    let (statistics, notes) = match asked.statistics {
        true => known_statistics(means, (id, cube), indexes, open),
        false => Default::default(),
    };
    let checksums = if asked.checksums { checksums(means, id, &cube.files, open)? } else { BTreeMap::new() };
    Ok((KnownFacts { times, statistics, checksums }, notes))
}

fn stated_times(source: &TimeSource, indexes: &[FileIndex], file_facets: &[Facets]) -> Vec<StatedTime> {
    let each = |names: &StatedTimes, text: &dyn Fn(usize, &str) -> Option<String>| {
        let of = |(at, index): (usize, &FileIndex)| StatedTime {
            file: index.source.url.to_string(),
            start: text(at, &names.start),
            end: text(at, &names.end),
        };
        indexes.iter().enumerate().map(of).collect()
    };
    match source {
        TimeSource::Attributes(names) => {
            each(names, &|at, name| attribute::text(&indexes[at].root.attributes, name).map(str::to_owned))
        }
        TimeSource::Facets(names) => each(names, &|at, name| file_facets.get(at)?.get(name).cloned()),
        TimeSource::Auto | TimeSource::Axis | TimeSource::Bounds => Vec::new(),
    }
}

/// Statistics of one state of the data.
#[derive(Serialize, Deserialize)]
struct Kept {
    /// What decides the values: the files, and how they become one dataset.
    data: String,
    statistics: BTreeMap<String, Statistics>,
    notes: Vec<Note>,
}

fn known_statistics(
    means: Means<'_>,
    (id, cube): (&ItemId, &VirtualCube),
    indexes: &[FileIndex],
    open: OpenSource<'_>,
) -> (BTreeMap<VariablePath, Statistics>, Vec<Note>) {
    let workspace = means.workspace;
    let mut data = format!("{} {}", workspace.recipe.product_digest, env!("CARGO_PKG_VERSION"));
    for file in &cube.files {
        let _ = write!(data, "\n{} {} {}", file.url, file.size, file.fingerprint);
    }
    let data = super::products::sha256(data.as_bytes());
    let variables = statistics::asked(cube, indexes);
    if let Some(kept) = load(workspace, STATISTICS, id).filter(|kept: &Kept| kept.data == data) {
        let known = |path: VariablePath| Some((kept.statistics.get(path.as_str())?.clone(), path));
        return (variables.into_iter().filter_map(known).map(|(one, path)| (path, one)).collect(), kept.notes);
    }
    let (found, notes) = means.workers.read(&cube.files, || statistics::of_cube(cube, indexes, &variables, open));
    let statistics = found.iter().map(|(path, one)| (path.as_str().to_owned(), one.clone())).collect();
    keep(workspace, STATISTICS, id, &Kept { data, statistics, notes: notes.clone() });
    (found, notes)
}

fn checksums(
    means: Means<'_>,
    id: &ItemId,
    files: &[SourceFile],
    open: OpenSource<'_>,
) -> Result<BTreeMap<String, String>, ItemError> {
    let known: Vec<KnownChecksum> = load(means.workspace, CHECKSUMS, id).unwrap_or_default();
    let known: HashMap<SourceFile, String> = known.into_iter().map(|one| (one.file, one.sha256)).collect();
    let missing: Vec<SourceFile> = files.iter().filter(|file| !known.contains_key(*file)).cloned().collect();
    let taken: Vec<Result<String, ItemError>> = means.workers.each_file(&missing, |file| sha256_of(file, open));
    let mut taken: HashMap<SourceFile, String> =
        missing.into_iter().zip(taken).map(|(file, sum)| Ok((file, sum?))).collect::<Result<_, ItemError>>()?;
    let is_new = !taken.is_empty() || known.len() != files.len();
    taken.extend(known);
    let kept = files.iter().filter_map(|file| taken.get_key_value(file));
    let kept: Vec<KnownChecksum> =
        kept.map(|(file, sha256)| KnownChecksum { file: file.clone(), sha256: sha256.clone() }).collect();
    if is_new {
        keep(means.workspace, CHECKSUMS, id, &kept);
    }
    Ok(kept.into_iter().map(|one| (one.file.url.as_str().to_owned(), one.sha256)).collect())
}

fn sha256_of(file: &SourceFile, open: OpenSource<'_>) -> Result<String, ItemError> {
    let source = open(&file.url).map_err(|error| storage_error(&file.url, &error))?;
    if source.file() != file {
        let message = format!("{} has changed while it was looked at", file.url);
        return Err(ItemError { files: vec![file.url.to_string()], ..failure("source_changed", message) });
    }
    let mut digest = Sha256::new();
    let mut at = 0;
    while at < file.size {
        let end = at.saturating_add(PIECE).min(file.size);
        digest.update(source.read_one(at..end).map_err(|error| storage_error(&file.url, &error))?);
        at = end;
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

const STATISTICS: &str = "statistics";
const CHECKSUMS: &str = "checksums";

fn path_of(workspace: &Workspace, kind: &str, id: &ItemId) -> PathBuf {
    workspace.state.join(kind).join(format!("{id}.json"))
}

/// What is kept; nothing if it cannot be read: it is found anew then.
fn load<T: DeserializeOwned>(workspace: &Workspace, kind: &str, id: &ItemId) -> Option<T> {
    let path = path_of(workspace, kind, id);
    let bytes = fs::read(&path).ok()?;
    let read = serde_json::from_slice(&bytes);
    read.inspect_err(|error| tracing::warn!("{}: it is not used: {error}", path.display())).ok()
}

fn keep<T: Serialize>(workspace: &Workspace, kind: &str, id: &ItemId, what: &T) {
    let path = path_of(workspace, kind, id);
    let write = || -> io::Result<()> {
        let folder = path.parent().map(PathBuf::from).unwrap_or_default();
        fs::create_dir_all(&folder)?;
        let beside = folder.join(format!(".{id}.{}", std::process::id()));
        let written = fs::write(&beside, serde_json::to_vec(what)?).and_then(|()| fs::rename(&beside, &path));
        written.inspect_err(|_| _ = fs::remove_file(&beside))
    };
    if let Err(error) = write() {
        tracing::warn!(item = %id, "{} are not kept: {error}", kind);
    }
}

/// Forgets what is kept of an item that is gone.
pub(super) fn forget(workspace: &Workspace, id: &ItemId) {
    for kind in [STATISTICS, CHECKSUMS] {
        _ = fs::remove_file(path_of(workspace, kind, id));
    }
}
