//! Indexes that are kept in the state from one run to the next, a file an item: an unchanged source is not opened to be indexed again.
//!
//! An index is used for the very state of the file that it was made of: the same URL, size and time or tag, and for a local file the same time of
//! change of its inode, which nobody can put back. One that was made so soon after a change that the clock of the file system may not tell a
//! later one is not kept.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::item::{Means, index_file};
use super::{Workspace, chain};
use crate::index::{KeptIndex, pack, unpack};
use crate::model::{FileIndex, Fingerprint, ItemError, ItemId, Sharing, SourceFile, SourceUrl};
use crate::storage::{LookedAt, look_at};
use crate::verify::OpenSource;

/// How coarse the clocks of file systems are that count fractions of seconds: the kernel's tick.
const TICK: Duration = Duration::from_millis(20);
/// How coarse those of the others are, and those of web servers.
const SECONDS: Duration = Duration::from_secs(2);

/// The indexes of an item's files, in their order.
pub(super) struct Indexed {
    pub(super) indexes: Vec<FileIndex>,
    /// For each whether it was known and a product had been compared with it: its file need not be opened.
    pub(super) known: Vec<bool>,
    /// Before any of the others was opened.
    begun: SystemTime,
    /// Whether other files are kept than these.
    is_new: bool,
    /// Whether a product has yet to be compared with some that are kept.
    is_unproven: bool,
}

fn path_of(workspace: &Workspace, id: &ItemId) -> PathBuf {
    workspace.state.join("index").join(format!("{id}.index"))
}

/// What is kept of an item, by URL; nothing if it cannot be read: all is indexed anew then.
fn load(workspace: &Workspace, id: &ItemId) -> HashMap<SourceUrl, KeptIndex> {
    let path = path_of(workspace, id);
    let Ok(bytes) = fs::read(&path) else { return HashMap::new() };
    let kept = unpack(&bytes);
    if kept.is_none() {
        tracing::info!("{}: damaged, or of another version of altostac: all files are indexed again", path.display());
    }
    kept.into_iter().flatten().map(|one| (one.index.source.url.clone(), one)).collect()
}

/// Indexes the files of an item; those that are known as they are now are not opened. `anew`: all are.
///
/// # Errors
/// A file cannot be indexed.
pub(super) fn index_item(
    means: Means<'_>,
    id: &ItemId,
    files: &[SourceFile],
    anew: bool,
    open: OpenSource<'_>,
) -> Result<Indexed, ItemError> {
    let mut known = if anew { HashMap::new() } else { load(means.workspace, id) };
    let count = known.len();
    // Of remote files there is nothing to see that the scan has not just seen.
    let is_seen = |file: &&SourceFile| known.contains_key(&file.url) && !file.url.is_remote();
    let urls: Vec<SourceUrl> = files.iter().filter(is_seen).map(|file| file.url.clone()).collect();
    let now = means.workers.compute(|| look_at(&urls));
    let now: HashMap<SourceUrl, LookedAt> =
        now.into_iter().flatten().map(|looked| (looked.file.url.clone(), looked)).collect();
    let is_as_it_was = |file: &SourceFile, kept: &KeptIndex| {
        let is_now = |looked: &LookedAt| &looked.file == file && looked.changed_ns == kept.changed_ns;
        &kept.index.source == file && (file.url.is_remote() || now.get(&file.url).is_some_and(is_now))
    };
    let mut found: Vec<Option<KeptIndex>> =
        files.iter().map(|file| known.remove(&file.url).filter(|kept| is_as_it_was(file, kept))).collect();
    let begun = SystemTime::now();
    let wanted: Vec<SourceFile> =
        files.iter().zip(&found).filter(|(_, found)| found.is_none()).map(|(file, _)| file.clone()).collect();
    let like = found.iter().flatten().next().map(|kept| &kept.index);
    let fresh = index_each(means, &wanted, like, open);
    if let Some(error) = first_error(&fresh) {
        let fresh: Vec<FileIndex> = fresh.into_iter().flatten().collect();
        let is_new = !fresh.is_empty() || count != found.iter().flatten().count();
        let known = found.into_iter().flatten().map(|kept| (kept.index, kept.is_verified));
        let (indexes, known) = known.chain(fresh.into_iter().map(|index| (index, false))).unzip();
        // The others are not read again when the one is mended.
        Indexed { indexes, known, begun, is_new, is_unproven: false }.keep(means, id, false);
        return Err(error);
    }
    let mut fresh = fresh.into_iter().flatten();
    let is_new = !wanted.is_empty() || count != files.len();
    let is_unproven = found.iter().flatten().any(|kept| !kept.is_verified);
    let (indexes, known) = found
        .iter_mut()
        .filter_map(|found| match found.take() {
            Some(kept) => Some((kept.index, kept.is_verified)),
            None => Some((fresh.next()?, false)),
        })
        .unzip();
    Ok(Indexed { indexes, known, begun, is_new, is_unproven })
}

/// Indexes files, several at once, sharing what they have in common with another. The first file that cannot be indexed is the error; the others
/// are counted.
pub(super) fn index_like(
    means: Means<'_>,
    files: &[SourceFile],
    like: Option<&FileIndex>,
    open: OpenSource<'_>,
) -> Result<Vec<FileIndex>, ItemError> {
    let indexed = index_each(means, files, like, open);
    match first_error(&indexed) {
        Some(error) => Err(error),
        None => indexed.into_iter().collect(),
    }
}

fn index_each(
    means: Means<'_>,
    files: &[SourceFile],
    like: Option<&FileIndex>,
    open: OpenSource<'_>,
) -> Vec<Result<FileIndex, ItemError>> {
    let mut sharing = Sharing::default();
    if let Some(like) = like.filter(|_| !files.is_empty()) {
        sharing.share(&mut like.clone());
    }
    let sharing = Mutex::new(sharing);
    let index = |file: &SourceFile| {
        let mut index = index_file(file, open)?;
        sharing.lock().unwrap_or_else(PoisonError::into_inner).share(&mut index);
        means.progress.indexed(chunks(&index));
        Ok(index)
    };
    means.workers.each_file(files, index)
}

fn first_error(indexed: &[Result<FileIndex, ItemError>]) -> Option<ItemError> {
    let mut errors = indexed.iter().filter_map(|one| one.as_ref().err());
    let first = errors.next()?.clone();
    Some(match errors.count() {
        0 => first,
        others => ItemError { message: format!("{} (and {others} more files)", first.message), ..first },
    })
}

/// How many chunks a file holds.
fn chunks(index: &FileIndex) -> u64 {
    index.root.all_variables().into_iter().map(|(_, variable)| variable.manifest.present() as u64).sum()
}

/// What was looked at of files that are not opened again.
pub(super) type Unopened = Vec<LookedAt>;

impl Indexed {
    /// What the files are now that need not be opened.
    pub(super) fn look_again(&self, means: Means<'_>) -> Unopened {
        let urls = self.indexes.iter().zip(&self.known).filter(|(_, known)| **known);
        let urls: Vec<SourceUrl> = urls.map(|(index, _)| index.source.url.clone()).collect();
        let looked = means.workers.compute(|| look_at(&urls));
        looked.into_iter().flatten().collect()
    }

    /// Whether all were known.
    pub(super) fn are_all_known(&self) -> bool {
        self.known.iter().all(|known| *known)
    }

    /// Keeps the indexes for the next run; `is_verified` if a product was compared with those that were not known.
    pub(super) fn keep(self, means: Means<'_>, id: &ItemId, is_verified: bool) {
        if !(self.is_new || is_verified && self.is_unproven) {
            return;
        }
        let urls: Vec<SourceUrl> = self.indexes.iter().map(|index| index.source.url.clone()).collect();
        let looked = means.workers.compute(|| look_at(&urls));
        let begun = nanoseconds(self.begun);
        let one = |((index, known), looked): ((FileIndex, bool), LookedAt)| {
            let is_same = looked.file == index.source && is_settled(&looked, begun);
            is_same.then_some(KeptIndex { index, changed_ns: looked.changed_ns, is_verified: known || is_verified })
        };
        let all = self.indexes.into_iter().zip(self.known).zip(looked);
        let kept: Vec<KeptIndex> = all.filter_map(|(indexed, looked)| one((indexed, looked.ok()?))).collect();
        if let Err(error) = save(means.workspace, id, &kept) {
            tracing::warn!(item = %id, "the indexes of its files are not kept: {}", chain(&error));
        }
    }
}

pub(super) fn nanoseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// Whether a file was at rest for so long when it was opened that a change since would show. Pure.
pub(super) fn is_settled(looked: &LookedAt, opened_ns: i64) -> bool {
    let last = match (looked.changed_ns, &looked.file.fingerprint) {
        (Some(changed), _) => changed,
        (None, Fingerprint::ModifiedAndSize { modified_ns, .. }) => *modified_ns,
        (None, Fingerprint::ETag { .. } | Fingerprint::Sha256 { .. }) => return true,
    };
    let tick = if last % 1_000_000_000 == 0 { SECONDS } else { TICK };
    let tick = i64::try_from(tick.as_nanos()).unwrap_or(i64::MAX);
    last.saturating_add(tick) < opened_ns
}

fn save(workspace: &Workspace, id: &ItemId, kept: &[KeptIndex]) -> io::Result<()> {
    let Some(bytes) = pack(kept) else { return Ok(()) };
    let path = path_of(workspace, id);
    let folder = path.parent().map(PathBuf::from).unwrap_or_default();
    fs::create_dir_all(&folder)?;
    let beside = folder.join(format!(".{id}.{}", std::process::id()));
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, &path));
    written.inspect_err(|_| _ = fs::remove_file(&beside))
}

/// Forgets the indexes of an item that is gone.
pub(super) fn forget(workspace: &Workspace, id: &ItemId) {
    _ = fs::remove_file(path_of(workspace, id));
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_may_change_unseen_is_not_kept() {
        let at = |fingerprint, changed_ns| LookedAt {
            file: SourceFile { url: SourceUrl::from_path("/a.nc").unwrap(), size: 1, fingerprint },
            changed_ns,
        };
        let modified = |modified_ns| Fingerprint::ModifiedAndSize { modified_ns, size: 1 };
        let second = 1_000_000_000;
        // The time of modification may be anything: programs set it.
        assert!(is_settled(&at(modified(i64::MAX), Some(7)), 100 * second));
        assert!(!is_settled(&at(modified(0), Some(100 * second - 1_000_001)), 100 * second));
        assert!(is_settled(&at(modified(0), Some(100 * second - 30_000_001)), 100 * second));
        // Whole seconds: a coarse clock.
        assert!(!is_settled(&at(modified(0), Some(99 * second)), 100 * second));
        assert!(!is_settled(&at(modified(99 * second), None), 100 * second));
        assert!(is_settled(&at(modified(90 * second), None), 100 * second));
        assert!(is_settled(&at(Fingerprint::ETag { tag: "a".into() }, None), 0));
    }
}
