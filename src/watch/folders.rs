//! What the kernel tells of folders: inotify.

use std::path::{Path, PathBuf};

use notify::event::{AccessKind, AccessMode, MetadataKind, ModifyKind};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc::UnboundedSender;

/// What was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderEvent {
    /// Something happened to these paths.
    Paths(Vec<PathBuf>),
    /// Something may have happened that was not told: the kernel's queue was full, or a folder cannot be watched.
    Lost(String),
}

/// Why folders cannot be watched.
#[derive(Debug, thiserror::Error)]
#[error("cannot watch {root}")]
pub struct FoldersError {
    /// The folder.
    pub root: String,
    /// Why not; of too many folders: `fs.inotify.max_user_watches`.
    #[source]
    pub source: notify::Error,
}

/// Folders that are watched, with all below them, as long as this lives.
#[derive(Debug)]
pub struct Folders {
    _watcher: RecommendedWatcher,
}

impl Folders {
    /// Watches folders. What is created in a new folder before it is watched is not told of: whoever is told of a new folder must look into it.
    ///
    /// # Errors
    /// [`FoldersError`] if one is not there, or there are more folders than the kernel watches.
    pub fn watch(roots: &[PathBuf], told: UnboundedSender<FolderEvent>) -> Result<Self, FoldersError> {
        let failed = |root: &Path| {
            let root = root.display().to_string();
            move |source| FoldersError { root, source }
        };
        let tell = move |event: notify::Result<notify::Event>| {
            if let Some(event) = understood(event) {
                // Nobody listens any more: the watch ends.
                let _ = told.send(event);
            }
        };
        let first = roots.first().map(PathBuf::as_path).unwrap_or(Path::new(""));
        let mut watcher = notify::recommended_watcher(tell).map_err(failed(first))?;
        for root in roots {
            watcher.watch(root, RecursiveMode::Recursive).map_err(failed(root))?;
        }
        Ok(Self { _watcher: watcher })
    }
}

fn understood(event: notify::Result<notify::Event>) -> Option<FolderEvent> {
    let event = match event {
        Ok(event) => event,
        Err(error) => return Some(FolderEvent::Lost(error.to_string())),
    };
    if event.need_rescan() {
        return Some(FolderEvent::Lost("the kernel's queue of events was full".into()));
    }
    let is_news = match event.kind {
        // We read files ourselves.
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) | EventKind::Modify(ModifyKind::Metadata(MetadataKind::AccessTime)) => false,
        _ => true,
    };
    (is_news && !event.paths.is_empty()).then_some(FolderEvent::Paths(event.paths))
}

/// Whether a folder lies where others write whom the kernel of this machine does not know of.
pub fn is_on_network(folder: &Path) -> bool {
    #[cfg(target_os = "linux")]
    {
        // statfs(2), and linux/magic.h: NFS, SMB (three), AFS, Ceph, 9P, FUSE, Lustre, GPFS, PanFS, BeeGFS.
        const NETWORKS: [u32; 12] = [
            0x6969,
            0x517B,
            0xFF53_4D42,
            0xFE53_4D42,
            0x5346_414F,
            0x00C3_6400,
            0x0102_1997,
            0x6573_5546,
            0x0BD0_0BD0,
            0x4750_4653,
            0xAAD7_AAEA,
            0x1983_0326,
        ];
        rustix::fs::statfs(folder).is_ok_and(|found| {
            // Only the lower half is the magic number; it is sign-extended for some.
            #[allow(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::unnecessary_cast,
                reason = "the lower half is meant"
            )]
            let magic = found.f_type as u32;
            NETWORKS.contains(&magic)
        })
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = folder;
        false
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use notify::Event;
    use notify::event::{CreateKind, Flag};

    use super::*;

    #[test]
    fn reading_is_no_news_and_a_full_queue_is() {
        let read = Event::new(EventKind::Access(AccessKind::Open(AccessMode::Any))).add_path("/a".into());
        assert_eq!(understood(Ok(read)), None);
        let made = Event::new(EventKind::Create(CreateKind::File)).add_path("/a".into());
        assert_eq!(understood(Ok(made)), Some(FolderEvent::Paths(vec!["/a".into()])));
        let full = Event::new(EventKind::Other).set_flag(Flag::Rescan);
        assert!(matches!(understood(Ok(full)), Some(FolderEvent::Lost(_))));
    }

    #[test]
    fn a_temporary_folder_is_local() {
        assert!(!is_on_network(tempfile::tempdir().unwrap().path()));
    }

    #[tokio::test]
    async fn files_and_new_folders_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let _folders = Folders::watch(std::slice::from_ref(&root), told).unwrap();
        std::fs::create_dir(root.join("new")).unwrap();
        std::fs::write(root.join("a.nc"), "a").unwrap();
        let mut missing = vec![root.join("new"), root.join("a.nc")];
        while !missing.is_empty() {
            match heard.recv().await.unwrap() {
                FolderEvent::Paths(paths) => missing.retain(|path| !paths.contains(path)),
                FolderEvent::Lost(reason) => unreachable!("{reason}"),
            }
        }
    }
}
