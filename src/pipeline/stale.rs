//! Whether the sources of what stands are what they were: each is looked at, none is opened.

use std::collections::{BTreeSet, HashSet};
use std::io::ErrorKind;
use std::time::Instant;

use rayon::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;

use super::{PipelineError, Progress, Workspace, chain, item, products};
use crate::model::{KnownItem, Product, ProductFormat, Revision, SourceFile};
use crate::read::{ProductArray, Reference};
use crate::storage::{StorageError, current_fingerprint, current_fingerprints};

/// So many sources are looked at between two steps of the progress.
const TOGETHER: usize = 10_000;

/// The answer of `altostac verify --sources`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct SourcesReport {
    /// The collection's id.
    pub collection: String,
    /// How many items were looked at.
    pub items: usize,
    /// How many sources they have together.
    pub sources: usize,
    /// The items of which a source is not what it was, sorted by id.
    pub stale: Vec<StaleItem>,
    /// Seconds that it took.
    pub elapsed_s: f64,
}

/// An item of which a source is not what it was.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StaleItem {
    /// Its id.
    pub id: String,
    /// The revision that stands.
    pub revision: u32,
    /// These sources, sorted.
    pub sources: Vec<StaleSource>,
}

/// A source that is not what it was.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StaleSource {
    /// The file.
    pub file: String,
    /// What became of it.
    pub state: SourceState,
    /// What it was: size and time, or entity tag.
    pub expected: String,
    /// What it is, or why nobody knows.
    pub found: String,
    /// How many references of the item's products lead to it; absent if a product cannot be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub references: Option<u64>,
    /// The products that hold such references, or values of it.
    pub products: Vec<ProductFormat>,
}

/// What became of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// It is another.
    Changed,
    /// It is not there.
    Vanished,
    /// It could not be looked at.
    Unknown,
}

impl SourcesReport {
    /// Whether every source is what it was.
    pub fn is_success(&self) -> bool {
        self.stale.is_empty()
    }

    /// How many sources are not what they were, and how many references lead to them, as far as that is known.
    pub fn totals(&self) -> (usize, u64) {
        let sources = || self.stale.iter().flat_map(|item| &item.sources);
        (sources().count(), sources().filter_map(|source| source.references).sum())
    }
}

/// Looks at every source of the items that stand (`only` these, if some are named) and reports those that changed or vanished. Items whose
/// record says that their files are gone are left out.
///
/// # Errors
/// [`PipelineError`] if the ledger cannot be read, or an item was named that is not known.
pub fn check_sources(
    workspace: &Workspace,
    only: &[String],
    progress: &dyn Progress,
) -> Result<SourcesReport, PipelineError> {
    let begun = Instant::now();
    let known = workspace.ledger().items()?;
    if let Some(asked) = only.iter().find(|asked| !known.iter().any(|item| item.id.as_str() == asked.as_str())) {
        return Err(PipelineError::NoSuchItem { asked: asked.clone(), nearest: None });
    }
    let is_asked = |id: &str| only.is_empty() || only.iter().any(|asked| asked == id);
    let stands =
        |item: &&KnownItem| item.revision.is_some() && !item.state.is_withdrawn() && is_asked(item.id.as_str());
    let standing: Vec<&KnownItem> = known.iter().filter(stands).collect();
    let sources: Vec<(usize, &SourceFile)> = standing
        .iter()
        .enumerate()
        .flat_map(|(number, item)| item.sources.iter().map(move |file| (number, file)))
        .collect();
    progress.begin("sources", sources.len() as u64);
    let mut found = Vec::new();
    for some in sources.chunks(TOGETHER) {
        let states = states(&some.iter().map(|(_, file)| *file).collect::<Vec<_>>());
        some.iter().for_each(|(_, file)| progress.advance(file.url.file_name()));
        let other = some.iter().zip(states).filter_map(|((number, file), state)| Some((*number, *file, state?)));
        found.extend(other);
    }
    progress.end();
    let mut stale: Vec<StaleItem> = found
        .chunk_by(|(a, ..), (b, ..)| a == b)
        .filter_map(|group| {
            let item = standing.get(group.first()?.0)?;
            let sources = group.iter().map(|(_, file, (state, found))| (*file, *state, found.as_str())).collect();
            Some(stale_item(workspace, item, sources))
        })
        .collect();
    stale.sort_by(|a, b| a.id.cmp(&b.id));
    let collection = workspace.recipe.collection.id.to_string();
    let elapsed_s = begun.elapsed().as_secs_f64();
    Ok(SourcesReport { collection, items: standing.len(), sources: sources.len(), stale, elapsed_s })
}

/// What became of each of these sources, and in words what it is now; `None` if it is what it was.
fn states(files: &[&SourceFile]) -> Vec<Option<(SourceState, String)>> {
    let far: Vec<_> = files.iter().filter(|file| file.url.is_remote()).map(|file| file.url.clone()).collect();
    let mut looked = current_fingerprints(&far).into_iter();
    let near: Vec<_> =
        files.par_iter().map(|file| (!file.url.is_remote()).then(|| current_fingerprint(&file.url))).collect();
    let now = near.into_iter().zip(files).map(|(near, file)| {
        let now = near.or_else(|| looked.next()).unwrap_or_else(|| current_fingerprint(&file.url));
        match now {
            Ok(now) if now == file.fingerprint => None,
            Ok(now) => Some((SourceState::Changed, now.to_string())),
            Err(error) if is_absent(&error) => Some((SourceState::Vanished, "no such file".into())),
            Err(error) => Some((SourceState::Unknown, chain(&error))),
        }
    });
    now.collect()
}

fn is_absent(error: &StorageError) -> bool {
    match error {
        StorageError::Io { source, .. } => matches!(source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        StorageError::Refused { status, .. } => matches!(status, 404 | 410),
        _ => false,
    }
}

fn stale_item(workspace: &Workspace, known: &KnownItem, sources: Vec<(&SourceFile, SourceState, &str)>) -> StaleItem {
    let files: Vec<&SourceFile> = sources.iter().map(|(file, ..)| *file).collect();
    let counted: Vec<Option<Vec<u64>>> =
        known.products.iter().map(|product| references(workspace, product, &files)).collect();
    let told = |(number, (file, state, found)): (usize, (&SourceFile, SourceState, &str))| {
        let of_product = |counts: &Option<Vec<u64>>| counts.as_ref().and_then(|counts| counts.get(number).copied());
        let counts: Vec<Option<u64>> = counted.iter().map(of_product).collect();
        let holds = known
            .products
            .iter()
            .zip(&counts)
            .filter(|(product, count)| product.format.is_copy() || **count != Some(0));
        StaleSource {
            file: file.url.to_string(),
            state,
            expected: file.fingerprint.to_string(),
            found: found.to_owned(),
            references: counts.iter().copied().sum(),
            products: holds.map(|(product, _)| product.format).collect(),
        }
    };
    StaleItem {
        id: known.id.to_string(),
        revision: known.revision.map_or(0, Revision::number),
        sources: sources.into_iter().enumerate().map(told).collect(),
    }
}

/// How many references of a product lead to each of these files; `None` if it cannot be read.
fn references(workspace: &Workspace, product: &Product, files: &[&SourceFile]) -> Option<Vec<u64>> {
    if product.format.is_copy() {
        return Some(vec![0; files.len()]);
    }
    let standing = item::standing(workspace, product).ok()?;
    let read = products::read_back(product, standing.path(), &workspace.output).ok()?;
    let urls = &workspace.recipe.public_urls;
    let names: Vec<BTreeSet<String>> = files
        .iter()
        .map(|file| BTreeSet::from([urls.reference(&file.url), urls.rewrite(file.url.url()).into()]))
        .collect();
    let wanted: HashSet<&str> = names.iter().flatten().map(String::as_str).collect();
    let mut counts = vec![0; files.len()];
    let mut count = |url: &str| {
        if wanted.contains(url)
            && let Some(at) = names.iter().position(|names| names.contains(url))
            && let Some(count) = counts.get_mut(at)
        {
            *count += 1;
        }
    };
    read.store.arrays.values().for_each(|array| each_url(array, &mut count));
    Some(counts)
}

fn each_url(array: &ProductArray, tell: &mut dyn FnMut(&str)) {
    if let Some(fragments) = &array.fragments {
        return fragments.urls.iter().for_each(|url| tell(url));
    }
    if array.reference_count() == 0 {
        return;
    }
    let mut parts = array.seeking();
    for number in 0..array.grid.chunk_count() {
        match parts.part(number) {
            Some((url, ..)) => tell(url),
            None => match array.reference(number) {
                Some(Reference::Part { url, .. } | Reference::Whole(url)) => tell(&url),
                Some(Reference::Inline(_) | Reference::Stored { .. }) | None => {}
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::SourceUrl;
    use crate::storage::ByteSource as _;
    use crate::storage::LocalFile;

    #[test]
    fn what_changed_and_what_vanished_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let files: Vec<SourceFile> = ["same", "changed", "vanished"]
            .iter()
            .map(|name| {
                let path = folder.path().join(name);
                std::fs::write(&path, name).unwrap();
                LocalFile::open(&path).unwrap().file().clone()
            })
            .collect();
        std::fs::write(folder.path().join("changed"), "longer than it was").unwrap();
        std::fs::remove_file(folder.path().join("vanished")).unwrap();
        let found = states(&files.iter().collect::<Vec<_>>());
        let kinds: Vec<_> = found.iter().map(|state| state.as_ref().map(|(state, _)| *state)).collect();
        assert_eq!(kinds, [None, Some(SourceState::Changed), Some(SourceState::Vanished)]);
        let nobody = SourceFile { url: SourceUrl::new("ftp://a.org/x".parse().unwrap()), ..files[0].clone() };
        assert_eq!(states(&[&nobody])[0].as_ref().map(|(state, _)| *state), Some(SourceState::Unknown));
    }
}
