//! An output that is a local folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::{OutputStore, StagedFolder, Staging, StorageError, check_folder, check_path, failed, is_partial};

/// How deep below the output a writer may have left something: `<collection>/products/<item>/<revision>`. Deeper lie
/// the products' own files, whose names come from the sources.
const SWEPT_LEVELS: usize = 4;

/// An output that is a local folder; it is made when the first file is written.
///
/// A file is written beside its place, synced and renamed, and the folder is synced: after a loss of power it is there
/// whole, or as it was.
#[derive(Debug, Clone)]
pub struct LocalFolder {
    root: PathBuf,
    /// Files that were put soon, and are not synced yet.
    unsettled: Arc<Mutex<Vec<PathBuf>>>,
}

impl LocalFolder {
    /// The output in this folder.
    ///
    /// ```
    /// use altostac::storage::{LocalFolder, OutputStore};
    /// let folder = tempfile::tempdir()?;
    /// let output = LocalFolder::new(folder.path());
    /// assert!(output.put_if_changed("cmip6/collection.json", b"{}")?);
    /// assert!(!output.put_if_changed("cmip6/collection.json", b"{}")?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into(), unsettled: Arc::default() }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The names of the folders that stand directly in a folder.
    ///
    /// # Errors
    /// [`StorageError`] if they cannot be listed.
    pub fn folders(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        check_folder(folder)?;
        let entries = entries(&self.root.join(folder))?.into_iter();
        let is_folder = |entry: &Entry| matches!(entry.kind, EntryKind::Folder) && !is_partial(&entry.name);
        Ok(entries.filter(is_folder).map(|entry| entry.name).collect())
    }

    fn place(&self, path: &str) -> Result<PathBuf, StorageError> {
        check_path(path)?;
        Ok(self.root.join(path))
    }

    /// Begins a folder; with a key and names what a writer with that key left under these names is taken up.
    pub(super) fn begin(&self, folder: &str, resumed: Option<(&str, &[&str])>) -> Result<LocalStaging, StorageError> {
        let place = self.place(folder)?;
        if place.symlink_metadata().is_ok() {
            return Err(StorageError::Exists { path: place.display().to_string() });
        }
        make_folder(parent(&place))?;
        let name = folder.rsplit('/').next().unwrap_or_default();
        let Some((key, kept)) = resumed else {
            let partial = parent(&place).join(partial_name(name));
            fs::create_dir(&partial).map_err(|error| failed("create", partial.display(), error))?;
            return Ok(LocalStaging { partial, place });
        };
        let partial = parent(&place).join(format!(".{name}.partial-{key}"));
        for entry in entries(&partial)?.iter().filter(|entry| !kept.contains(&entry.name.as_str())) {
            let left = partial.join(&entry.name);
            let is_folder = matches!(entry.kind, EntryKind::Folder);
            let result = if is_folder { fs::remove_dir_all(&left) } else { fs::remove_file(&left) };
            result.map_err(|error| failed("remove", left.display(), error))?;
        }
        fs::create_dir_all(&partial).map_err(|error| failed("create", partial.display(), error))?;
        Ok(LocalStaging { partial, place })
    }

    /// Holds the lock of the whole output. Where the file system has none, writers that share an output are on their own.
    fn lock(&self) -> Result<Option<File>, StorageError> {
        make_folder(&self.root)?;
        let folder = File::open(&self.root).map_err(|error| failed("open", self.root.display(), error))?;
        Ok(folder.lock().is_ok().then_some(folder))
    }
}

impl OutputStore for LocalFolder {
    fn get(&self, path: &str) -> Result<Option<Bytes>, StorageError> {
        let place = self.place(path)?;
        match fs::read(&place) {
            Ok(content) => Ok(Some(content.into())),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(failed("read", place.display(), error)),
        }
    }

    fn put(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        let place = self.place(path)?;
        let folder = parent(&place);
        make_folder(folder)?;
        let partial = folder.join(partial_name(""));
        let written = write_synced(&partial, content).and_then(|()| fs::rename(&partial, &place));
        if let Err(error) = written {
            // If even this fails, `sweep` finds it.
            let _ = fs::remove_file(&partial);
            return Err(failed("write", place.display(), error));
        }
        sync_folder(folder)
    }

    fn put_soon_if_changed(&self, path: &str, content: &[u8]) -> Result<bool, StorageError> {
        if self.get(path)?.is_some_and(|found| found == content) {
            return Ok(false);
        }
        let place = self.place(path)?;
        let folder = parent(&place);
        make_folder(folder)?;
        let partial = folder.join(partial_name(""));
        let written = fs::write(&partial, content).and_then(|()| fs::rename(&partial, &place));
        if let Err(error) = written {
            // If even this fails, `sweep` finds it.
            let _ = fs::remove_file(&partial);
            return Err(failed("write", place.display(), error));
        }
        self.unsettled.lock().unwrap_or_else(PoisonError::into_inner).push(place);
        Ok(true)
    }

    fn settle(&self) -> Result<(), StorageError> {
        let mut unsettled = self.unsettled.lock().unwrap_or_else(PoisonError::into_inner);
        if unsettled.len() > FEW && sync_file_system(&self.root) {
            unsettled.clear();
            return Ok(());
        }
        let folders: BTreeSet<PathBuf> = unsettled.iter().map(|place| parent(place).to_path_buf()).collect();
        // What was removed meanwhile needs no sync.
        unsettled.retain(|place| place.exists());
        sync_all(&unsettled)?;
        sync_all(&folders.into_iter().collect::<Vec<_>>())?;
        unsettled.clear();
        Ok(())
    }

    fn replace(&self, path: &str, expected: Option<&[u8]>, content: &[u8]) -> Result<bool, StorageError> {
        let _lock = self.lock()?;
        if self.get(path)?.as_deref() != expected {
            return Ok(false);
        }
        self.put(path, content)?;
        Ok(true)
    }

    fn delete(&self, path: &str) -> Result<bool, StorageError> {
        let place = self.place(path)?;
        match fs::remove_file(&place) {
            Ok(()) => sync_folder(parent(&place)).map(|()| true),
            Err(error) if is_absent(&error) => Ok(false),
            Err(error) => Err(failed("remove", place.display(), error)),
        }
    }

    fn list(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        check_folder(folder)?;
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in entries(&self.root.join(&folder))? {
                let name = entry.name;
                let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
                match entry.kind {
                    _ if is_partial(&name) => {}
                    EntryKind::Folder => folders.push(path),
                    EntryKind::File => found.push(path),
                    EntryKind::Other => {}
                }
            }
        }
        found.sort();
        Ok(found)
    }

    fn stage(&self, folder: &str) -> Result<StagedFolder, StorageError> {
        Ok(StagedFolder::new(folder, Box::new(self.begin(folder, None)?)))
    }

    fn resume(&self, folder: &str, key: &str, kept: &[&str]) -> Result<StagedFolder, StorageError> {
        Ok(StagedFolder::new(folder, Box::new(self.begin(folder, Some((key, kept)))?)))
    }

    fn remove_folder(&self, folder: &str) -> Result<bool, StorageError> {
        let place = self.place(folder)?;
        let name = folder.rsplit('/').next().unwrap_or_default();
        let partial = parent(&place).join(partial_name(name));
        match fs::rename(&place, &partial) {
            Ok(()) => {}
            Err(error) if is_absent(&error) => return Ok(false),
            Err(error) => return Err(failed("remove", place.display(), error)),
        }
        sync_folder(parent(&place))?;
        fs::remove_dir_all(&partial).map_err(|error| failed("remove", partial.display(), error))?;
        Ok(true)
    }

    fn sweep(&self, untouched_for: Duration) -> Result<usize, StorageError> {
        let mut removed = 0;
        let mut folders = vec![(self.root.clone(), 1)];
        while let Some((folder, level)) = folders.pop() {
            for entry in entries(&folder)? {
                let place = folder.join(&entry.name);
                let is_folder = matches!(entry.kind, EntryKind::Folder);
                if !is_partial(&entry.name) {
                    if is_folder && level < SWEPT_LEVELS {
                        folders.push((place, level + 1));
                    }
                } else if is_untouched(&place, untouched_for)? {
                    let result = if is_folder { fs::remove_dir_all(&place) } else { fs::remove_file(&place) };
                    result.map_err(|error| failed("remove", place.display(), error))?;
                    removed += 1;
                }
            }
        }
        Ok(removed)
    }
}

/// A local folder that is being written.
pub(super) struct LocalStaging {
    partial: PathBuf,
    place: PathBuf,
}

impl LocalStaging {
    /// Where its files are now.
    pub(super) fn path(&self) -> &Path {
        &self.partial
    }

    /// The sizes of its files, by their paths within the folder.
    pub(super) fn files(&self) -> Result<BTreeMap<String, u64>, StorageError> {
        let (mut found, mut folders) = (BTreeMap::new(), vec![String::new()]);
        while let Some(folder) = folders.pop() {
            for entry in entries(&self.partial.join(&folder))? {
                let name = if folder.is_empty() { entry.name } else { format!("{folder}/{}", entry.name) };
                match entry.kind {
                    EntryKind::Folder => folders.push(name),
                    EntryKind::File => {
                        let place = self.partial.join(&name);
                        let metadata = place.metadata();
                        let size = metadata.map_err(|error| failed("look at", place.display(), error))?.len();
                        found.insert(name, size);
                    }
                    EntryKind::Other => {}
                }
            }
        }
        Ok(found)
    }
}

impl Staging for LocalStaging {
    fn create(&mut self, name: &str) -> Result<Box<dyn Write + Send>, StorageError> {
        let place = self.partial.join(name);
        fs::create_dir_all(parent(&place)).map_err(|error| failed("create", parent(&place).display(), error))?;
        let file = OpenOptions::new().write(true).create_new(true).open(&place);
        let file = file.map_err(|error| failed("create", place.display(), error))?;
        Ok(Box::new(BufWriter::with_capacity(1 << 16, file)))
    }

    fn local_path(&self) -> Option<&Path> {
        Some(&self.partial)
    }

    fn commit(&mut self) -> Result<(), StorageError> {
        // Renaming onto an empty folder would succeed.
        if self.place.symlink_metadata().is_ok() {
            return Err(StorageError::Exists { path: self.place.display().to_string() });
        }
        sync_all(&tree(&self.partial)?)?;
        fs::rename(&self.partial, &self.place).map_err(|error| match error.kind() {
            ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists => {
                StorageError::Exists { path: self.place.display().to_string() }
            }
            _ => failed("rename", self.partial.display(), error),
        })?;
        sync_folder(parent(&self.place))
    }

    fn abandon(&mut self) {
        // What cannot be removed now is found by `sweep`.
        let _ = fs::remove_dir_all(&self.partial);
    }
}

enum EntryKind {
    Folder,
    File,
    Other,
}

struct Entry {
    name: String,
    kind: EntryKind,
}

/// What is in a folder; nothing if it is not there. Names that are not UTF-8 are none of ours.
fn entries(folder: &Path) -> Result<Vec<Entry>, StorageError> {
    let refused = |error| failed("list", folder.display(), error);
    let listing = match fs::read_dir(folder) {
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        result => result.map_err(refused)?,
    };
    let mut found = Vec::new();
    for entry in listing {
        let entry = entry.map_err(refused)?;
        let kind = match entry.file_type() {
            Ok(kind) if kind.is_dir() => EntryKind::Folder,
            Ok(kind) if kind.is_file() => EntryKind::File,
            Ok(_) => EntryKind::Other,
            // Another program has removed it meanwhile.
            Err(error) if is_absent(&error) => continue,
            Err(error) => return Err(refused(error)),
        };
        if let Ok(name) = entry.file_name().into_string() {
            found.push(Entry { name, kind });
        }
    }
    Ok(found)
}

/// All files and folders from this folder down, itself included.
fn tree(folder: &Path) -> Result<Vec<PathBuf>, StorageError> {
    let mut found = vec![folder.to_owned()];
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in entries(&folder)? {
            let place = folder.join(entry.name);
            match entry.kind {
                EntryKind::Folder => folders.push(place.clone()),
                EntryKind::File => {}
                EntryKind::Other => continue,
            }
            found.push(place);
        }
    }
    Ok(found)
}

/// A large file that is still being written does not touch its folder: all of it is looked at.
fn is_untouched(place: &Path, this_long: Duration) -> Result<bool, StorageError> {
    let now = SystemTime::now();
    for place in tree(place)? {
        let modified = place.symlink_metadata().and_then(|metadata| metadata.modified());
        let modified = match modified {
            // Its writer has just finished.
            Err(error) if is_absent(&error) => return Ok(false),
            result => result.map_err(|error| failed("look at", place.display(), error))?,
        };
        if now.duration_since(modified).unwrap_or_default() < this_long {
            return Ok(false);
        }
    }
    Ok(true)
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn parent(place: &Path) -> &Path {
    place.parent().unwrap_or(place)
}

pub(super) fn partial_name(name: &str) -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!(".{name}.partial-{}-{now:x}-{count}", std::process::id())
}

fn write_synced(place: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(place)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Up to so many files are synced one by one, more of them with their whole file system.
const FEW: usize = 64;

/// Makes all of a file system durable; returns whether there is a way to do so.
#[cfg(target_os = "linux")]
fn sync_file_system(folder: &Path) -> bool {
    File::open(folder).is_ok_and(|folder| rustix::fs::syncfs(&folder).is_ok())
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_folder: &Path) -> bool {
    false
}

/// How many files are synced at the same time: a disk makes one of many waits.
const SYNCED_TOGETHER: usize = 16;

/// Makes files and folders durable.
fn sync_all(places: &[PathBuf]) -> Result<(), StorageError> {
    let sync = |place: &PathBuf| {
        if place.is_dir() {
            return sync_folder(place);
        }
        File::open(place).and_then(|file| file.sync_all()).map_err(|error| failed("sync", place.display(), error))
    };
    let share = places.len().div_ceil(SYNCED_TOGETHER).max(16);
    std::thread::scope(|scope| {
        let shares: Vec<_> =
            places.chunks(share).map(|some| scope.spawn(move || some.iter().try_for_each(sync))).collect();
        shares.into_iter().try_for_each(|share| share.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Some network file systems cannot sync a folder; their servers do it on their own.
fn sync_folder(folder: &Path) -> Result<(), StorageError> {
    match File::open(folder).and_then(|file| file.sync_all()) {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        result => result.map_err(|error| failed("sync", folder.display(), error)),
    }
}

/// Makes a folder and those above it, durably.
fn make_folder(folder: &Path) -> Result<(), StorageError> {
    let missing: Vec<_> =
        folder.ancestors().take_while(|place| !place.as_os_str().is_empty() && !place.is_dir()).collect();
    for place in missing.into_iter().rev() {
        match fs::create_dir(place) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => {
                return Err(failed("create", place.display(), error));
            }
            _ => {}
        }
        let above = parent(place);
        sync_folder(if above.as_os_str().is_empty() { Path::new(".") } else { above })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_a_killed_writer_left_is_taken_up() {
        let folder = tempfile::tempdir().unwrap();
        let output = LocalFolder::new(folder.path());
        let staged = output.resume("c/r1", "key", &["data"]).unwrap();
        let local = staged.local_path().unwrap().to_owned();
        fs::create_dir(local.join("data")).unwrap();
        fs::write(local.join("data/0"), b"abc").unwrap();
        fs::write(local.join("other"), b"x").unwrap();
        // As a kill leaves it: nothing is dropped.
        std::mem::forget(staged);
        let mut again = output.resume("c/r1", "key", &["data"]).unwrap();
        assert_eq!(again.local_path(), Some(&*local));
        assert!(local.join("data/0").exists() && !local.join("other").exists());
        again.create("other").unwrap().finish().unwrap();
        again.commit().unwrap();
        assert_eq!(output.list("").unwrap(), ["c/r1/data/0", "c/r1/other"]);
        assert!(matches!(output.resume("c/r1", "key", &[]), Err(StorageError::Exists { .. })));
        assert!(!output.resume("c/r2", "another", &["data"]).unwrap().local_path().unwrap().join("data").exists());
    }
}
