//! The local roots of the archive, of which the kernel is asked to tell.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::desk::{Desk, FileId, file_id};
use crate::model::WatchSettings;
use crate::pipeline::chain;
use crate::scan::local_roots;
use crate::watch::{FolderEvent, Folders, is_on_network};

/// Folders that the kernel does not tell all of are looked at so often.
const NETWORK_PERIOD: Duration = Duration::from_secs(900);

/// The roots, and what the kernel tells of.
pub(super) struct Ground {
    desk: Arc<Desk>,
    inotify: bool,
    /// How often the whole archive is looked at if the kernel tells of all of it.
    longest: Duration,
    period: Duration,
    /// The roots at the latest look, and which folders stood there; `None` if that is in doubt.
    roots: Option<Vec<(PathBuf, Option<FileId>)>>,
    folders: Option<Folders>,
}

impl Ground {
    /// Nothing is watched yet.
    pub(super) fn new(desk: Arc<Desk>, settings: &WatchSettings) -> Self {
        let period = settings.period();
        Self { desk, inotify: settings.inotify, longest: period, period, roots: None, folders: None }
    }

    /// How often the whole archive is looked at.
    pub(super) fn period(&self) -> Duration {
        self.period
    }

    /// Whether the roots of the recipe are others than at the latest look at the whole archive: what happened in them may not have been told.
    pub(super) fn is_stale(&self) -> bool {
        self.roots.as_ref() != Some(&self.standing())
    }

    /// Something happened to a path: whether it is a root, and another folder may stand there now.
    pub(super) fn is_shaken_by(&mut self, path: &Path) -> bool {
        let is_root = self.roots.iter().flatten().any(|(root, _)| root == path);
        if is_root {
            self.roots = None;
        }
        is_root
    }

    fn standing(&self) -> Vec<(PathBuf, Option<FileId>)> {
        let roots = local_roots(&self.desk.recipe());
        let with_id = |root: PathBuf| {
            let id = file_id(&root);
            (root, id)
        };
        roots.into_iter().map(with_id).collect()
    }

    /// Before a look at the whole archive, which sees what was not told: asks the kernel to tell of the roots that stand there now, unless it was.
    /// Where it cannot, the whole archive is looked at more often.
    pub(super) fn renew(&mut self, tell: &dyn Fn(&str)) {
        if !self.is_stale() {
            return;
        }
        // The kernel watches only so many folders: not those of the old roots besides.
        self.folders = None;
        let standing = self.standing();
        let roots: Vec<PathBuf> = standing.iter().map(|(root, _)| root.clone()).collect();
        self.roots = Some(standing);
        if !self.inotify {
            return;
        }
        let (afar, here): (Vec<PathBuf>, Vec<PathBuf>) = roots.into_iter().partition(|root| is_on_network(root));
        for root in &afar {
            let every = NETWORK_PERIOD.as_secs();
            tell(&format!("{} is on a network file system: it is looked at every {every} s", root.display()));
        }
        let (told, heard) = unbounded_channel();
        match tokio::task::block_in_place(|| Folders::watch(&here, told)) {
            Ok(folders) => self.folders = Some(folders),
            Err(error) => tell(&format!("warning: {}: the whole archive is looked at instead", chain(&error))),
        }
        tokio::spawn(take_in(heard, Arc::clone(&self.desk)));
        let tells_all = self.folders.is_some() && afar.is_empty();
        self.period = if tells_all { self.longest } else { self.longest.min(NETWORK_PERIOD) };
    }

    /// Asks the kernel for nothing any more.
    pub(super) fn leave(&mut self) {
        self.folders = None;
    }
}

/// Keeps what the kernel tells, a few times a second.
async fn take_in(mut heard: UnboundedReceiver<FolderEvent>, desk: Arc<Desk>) {
    let mut batch = Vec::new();
    while heard.recv_many(&mut batch, 10_000).await > 0 {
        let told = std::mem::take(&mut batch);
        tokio::task::block_in_place(|| desk.folders_told(told));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
