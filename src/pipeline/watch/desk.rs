//! Where what is told comes in: what concerns the recipe goes into the ledger, then to whoever follows it.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use chrono::{SubsecRound, Utc};
use tokio::sync::mpsc::UnboundedSender;

use crate::ledger::{Ledger, LedgerError, ToldPath};
use crate::model::recipe::{Recipe, SourceFiles};
use crate::pipeline::{PipelineError, chain};
use crate::scan::{LinkTargets, items_of, place_in_archive};
use crate::watch::{Action, Deposit, FolderEvent, Intake, Metrics, Poison};

/// The word in the ledger for what the kernel told.
const CHANGED: &str = "CHANGED";

/// What the follower is told.
pub(super) enum Told {
    /// Something happened to a path of an item; or of what is no item, under its own path.
    Path { key: String, path: PathBuf, serial: i64 },
    /// Something may have happened that was not told.
    Everything(String),
}

/// Takes in what is told.
pub(super) struct Desk {
    path: PathBuf,
    ledger: Mutex<(Ledger, Option<FileId>)>,
    recipe: RwLock<Arc<Recipe>>,
    links: RwLock<Option<Arc<LinkTargets>>>,
    follower: UnboundedSender<Told>,
    metrics: Arc<Metrics>,
}

/// Which file a path leads to: device and inode.
pub(super) type FileId = (u64, u64);

pub(super) fn file_id(path: &Path) -> Option<FileId> {
    std::fs::metadata(path).ok().map(|found| (found.dev(), found.ino()))
}

fn open(path: &Path) -> Result<(Ledger, Option<FileId>), LedgerError> {
    let ledger = Ledger::open(path)?;
    ledger.prepare_watch()?;
    Ok((ledger, file_id(path)))
}

impl Desk {
    /// Opens the ledger a second time: what is told is kept while a sync has it open.
    pub(super) fn open(
        state: &Path,
        recipe: Arc<Recipe>,
        follower: UnboundedSender<Told>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, LedgerError> {
        let path = state.join("ledger.sqlite");
        let ledger = Mutex::new(open(&path)?);
        Ok(Self { path, ledger, recipe: RwLock::new(recipe), links: RwLock::default(), follower, metrics })
    }

    /// Does something with the ledger: the one that stands there now, for it may have been made anew.
    fn with<T>(&self, act: impl FnOnce(&mut Ledger) -> Result<T, LedgerError>) -> Result<T, LedgerError> {
        // SQLite keeps the database whole whatever thread was cut off.
        let mut guard = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        if guard.1 != file_id(&self.path) {
            *guard = open(&self.path)?;
        }
        act(&mut guard.0)
    }

    pub(super) fn recipe(&self) -> Arc<Recipe> {
        Arc::clone(&self.recipe.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn set_recipe(&self, recipe: Arc<Recipe>) {
        *self.recipe.write().unwrap_or_else(PoisonError::into_inner) = recipe;
    }

    /// Where the links lead that were listed; `None` while that is being found out: then all that is told is kept.
    pub(super) fn set_links(&self, links: Option<Arc<LinkTargets>>) {
        *self.links.write().unwrap_or_else(PoisonError::into_inner) = links;
    }

    /// What is not followed yet: key, path, serial.
    pub(super) fn pending(&self) -> Result<Vec<(String, PathBuf, i64)>, PipelineError> {
        let pending = self.with(|ledger| ledger.pending_paths())?;
        let path = |bytes: &[u8]| PathBuf::from(OsStr::from_bytes(bytes));
        let paths: Vec<PathBuf> = pending.iter().map(|pending| path(&pending.path)).collect();
        let items = items_of(&self.recipe(), &paths)?;
        let serials = pending.into_iter().map(|pending| pending.serial);
        Ok(paths.into_iter().zip(serials).map(|(path, serial)| (key(&items, &path), path, serial)).collect())
    }

    /// How many paths are not followed yet.
    pub(super) fn pending_count(&self) -> u64 {
        self.with(|ledger| ledger.pending_count()).unwrap_or(0)
    }

    pub(super) fn settle(&self, serials: &[i64]) {
        if let Err(error) = self.with(|ledger| ledger.settle_paths(serials)) {
            tracing::error!("{}", chain(&error));
        }
    }

    pub(super) fn put_off(&self, serials: &[i64], error: &str, pause: Duration) {
        let retry = chrono::TimeDelta::from_std(pause).ok().and_then(|pause| Utc::now().checked_add_signed(pause));
        let retry = retry.unwrap_or_else(Utc::now).trunc_subsecs(0);
        if let Err(error) = self.with(|ledger| ledger.put_off_paths(serials, error, retry)) {
            tracing::error!("{}", chain(&error));
        }
    }

    /// Keeps what the kernel told.
    pub(super) fn folders_told(&self, events: Vec<FolderEvent>) {
        let mut paths = Vec::new();
        let mut lost = None;
        for event in events {
            match event {
                FolderEvent::Paths(told) => paths.extend(told.into_iter().map(|path| (path, CHANGED))),
                FolderEvent::Lost(reason) => lost = Some(reason),
            }
        }
        self.metrics.count_folder_events(paths.len());
        if let Err(error) = self.take(paths, &[]) {
            lost = Some(error);
        }
        if let Some(reason) = lost {
            let _ = self.follower.send(Told::Everything(reason));
        }
    }

    /// Keeps paths in the ledger, then tells the follower.
    fn take(&self, told: Vec<(PathBuf, &'static str)>, poisons: &[(String, Vec<u8>)]) -> Result<(), String> {
        let recipe = self.recipe();
        let links = self.links.read().unwrap_or_else(PoisonError::into_inner).clone();
        let links = links.as_deref();
        let count = told.len();
        let mut repeated = 0;
        let mut paths: BTreeMap<PathBuf, &'static str> = BTreeMap::new();
        for (path, action) in told {
            if let Some(place) = place_in_archive(&recipe, &path).filter(|place| concerns(&recipe, links, place)) {
                repeated += usize::from(paths.insert(place, action).is_some());
            }
        }
        self.metrics.count_ignored(count - repeated - paths.len());
        if paths.is_empty() && poisons.is_empty() {
            return Ok(());
        }
        let names: Vec<PathBuf> = paths.keys().cloned().collect();
        let items = items_of(&recipe, &names).map_err(|error| chain(&error))?;
        let kept: Vec<ToldPath> = paths
            .iter()
            .map(|(path, action)| ToldPath { path: path.as_os_str().as_bytes().to_vec(), action })
            .collect();
        let now = Utc::now().trunc_subsecs(0);
        let serials = self.with(|ledger| ledger.put_told(&kept, poisons, now)).map_err(|error| chain(&error))?;
        for (path, serial) in names.into_iter().zip(serials) {
            // The follower is gone: the next watch finds it in the ledger.
            let _ = self.follower.send(Told::Path { key: key(&items, &path), path, serial });
        }
        Ok(())
    }
}

fn key(items: &BTreeMap<PathBuf, String>, path: &Path) -> String {
    items.get(path).cloned().unwrap_or_else(|| path.to_string_lossy().into_owned())
}

/// Whether a path may matter: one that the globs take, what links lead to, or what is no file (any more): a folder perhaps.
fn concerns(recipe: &Recipe, links: Option<&LinkTargets>, path: &Path) -> bool {
    let is_taken = recipe.sources.iter().any(|source| match (&source.files, source.root.local()) {
        (SourceFiles::Matching { include, .. }, Some(root)) => {
            path.strip_prefix(root).is_ok_and(|below| include.matches(below))
        }
        _ => false,
    });
    is_taken || links.is_none_or(|links| links.lead_to(path)) || !path.is_file()
}

impl Intake for Desk {
    fn keep(&self, deposits: &[Deposit], poisons: &[Poison]) -> Result<(), String> {
        let recipe = self.recipe();
        let place = |path: &Path| {
            let rule = recipe.watch.paths.iter().find_map(|(from, to)| Some(to.join(path.strip_prefix(from).ok()?)));
            rule.unwrap_or_else(|| path.to_owned())
        };
        let news = deposits.iter().filter(|deposit| deposit.action != Action::Readme);
        let paths: Vec<_> = news.map(|deposit| (place(&deposit.path), deposit.action.word())).collect();
        self.metrics.count_ignored(deposits.len() - paths.len());
        let poisons: Vec<_> = poisons.iter().map(|poison| (poison.reason.clone(), poison.body.clone())).collect();
        self.take(paths, &poisons)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::scan::scan;

    /// What links lead to is not ignored although the globs do not take it; nor is anything before it is known where they lead.
    #[test]
    fn what_links_lead_to_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for file in ["v2/a.nc", "v2/readme", "latest/b.nc"] {
            std::fs::create_dir_all(root.join(file).parent().unwrap()).unwrap();
            std::fs::write(root.join(file), "x").unwrap();
        }
        std::os::unix::fs::symlink("../v2/a.nc", root.join("latest/a.nc")).unwrap();
        let text = "collection: {id: c, description: D}\nsources: [{root: ., include: ['latest/*.nc']}]\nitem: {pattern: '{v}/{f}', id: '{{ v }}'}\noutput: out\n";
        let recipe = Arc::new(crate::recipe::parse(text, &root.join("recipe.yaml")).unwrap());
        let links = scan(&recipe).unwrap().links;
        let (follower, mut heard) = unbounded_channel();
        let desk = Desk::open(&root, recipe, follower, Arc::new(Metrics::new(false))).unwrap();
        let mut kept = |path: &str| {
            desk.folders_told(vec![FolderEvent::Paths(vec![root.join(path)])]);
            heard.try_recv().is_ok()
        };
        assert!(kept("v2/readme"), "nobody knows yet");
        desk.set_links(Some(Arc::new(links)));
        assert!(!kept("v2/readme"));
        assert!(kept("v2/a.nc") && kept("v2") && kept("latest/b.nc"));
    }
}
