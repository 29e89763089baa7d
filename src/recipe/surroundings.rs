//! What is around a recipe on disk: the only I/O of this stage beyond reading the recipe itself.

use std::io;
use std::path::{Component, Path, PathBuf};

/// The largest text that is read, in bytes.
const TEXT_LIMIT: u64 = 64 << 20;

/// What a recipe needs to know of the disk.
pub(super) trait Surroundings {
    /// The folder with all links resolved.
    ///
    /// # Errors
    /// If it is not there or not a folder.
    fn folder(&self, path: &Path) -> io::Result<PathBuf>;

    /// The path with links resolved as far as it exists.
    fn as_far_as_exists(&self, path: &Path) -> PathBuf;

    /// The names of the files in a folder; none if there is no such folder.
    fn file_names(&self, folder: &Path) -> io::Result<Vec<String>>;

    /// The text of a file.
    fn text(&self, path: &Path) -> io::Result<String>;
}

/// The disk.
pub(super) struct OnDisk;

impl Surroundings for OnDisk {
    fn folder(&self, path: &Path) -> io::Result<PathBuf> {
        let real = path.canonicalize()?;
        if real.is_dir() { Ok(real) } else { Err(io::ErrorKind::NotADirectory.into()) }
    }

    fn as_far_as_exists(&self, path: &Path) -> PathBuf {
        let path = without_dots(path);
        for ancestor in path.ancestors() {
            if let (Ok(real), Ok(rest)) = (ancestor.canonicalize(), path.strip_prefix(ancestor)) {
                // `join` of nothing would add a slash.
                return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
            }
        }
        path
    }

    fn file_names(&self, folder: &Path) -> io::Result<Vec<String>> {
        match folder.read_dir() {
            Ok(entries) => entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    fn text(&self, path: &Path) -> io::Result<String> {
        let bytes = path.metadata()?.len();
        if bytes > TEXT_LIMIT {
            return Err(io::Error::other(format!("{bytes} bytes are too many; at most {TEXT_LIMIT} are read")));
        }
        std::fs::read_to_string(path)
    }
}

/// A disk that has every folder that is asked for, no links, and no templates.
pub(super) struct Imagined;

impl Surroundings for Imagined {
    fn folder(&self, path: &Path) -> io::Result<PathBuf> {
        Ok(without_dots(path))
    }

    fn as_far_as_exists(&self, path: &Path) -> PathBuf {
        without_dots(path)
    }

    fn file_names(&self, _folder: &Path) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn text(&self, _path: &Path) -> io::Result<String> {
        Err(io::ErrorKind::NotFound.into())
    }
}

/// An absolute path without `.` and `..`.
fn without_dots(path: &Path) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                clean.pop();
            }
            other => clean.push(other),
        }
    }
    clean
}
