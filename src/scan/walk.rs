//! The files below a root.

use std::collections::HashMap;
use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::{FoundFile, LinkTargets, ScanProblem, Unsure};
use crate::model::recipe::Globs;
use crate::model::{SourceFile, SourceUrl};
use crate::storage::fingerprint;

/// How many links to folders outside the root may lie above one another.
const LINK_DEPTH: usize = 8;

/// A folder to be walked: the root, or what a link leads to.
struct Folder {
    /// The path below the root at which its content is shown; empty for the root.
    shown: PathBuf,
    /// The folders that links led through to get here, each real and as shown; this one last.
    chain: Vec<(PathBuf, PathBuf)>,
}

struct Walk<'a> {
    root: &'a Path,
    include: &'a Globs,
    exclude: &'a Globs,
    output: Option<&'a Path>,
    folders: Vec<Folder>,
    /// Real paths of the folders that links stand in: most links of a folder lead to one other.
    real_folders: HashMap<PathBuf, Option<PathBuf>>,
    seen: &'a mut Seen,
    enough: Enough<'a>,
}

/// What a walk finds.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) found: Vec<FoundFile>,
    pub(super) problems: Vec<ScanProblem>,
    /// Where the links lead that were found.
    pub(super) links: LinkTargets,
}

/// Whether so many files are enough: what ends a first look at a large archive early.
pub(super) type Enough<'a> = &'a (dyn Fn(usize) -> bool + Sync);

/// The name of the folder that altostac keeps its state in.
pub(super) const STATE: &str = ".altostac";

/// Adds the files below a root that the globs take; nothing of the output.
pub(super) fn walk(
    root: &Path,
    (include, exclude): (&Globs, &Globs),
    output: Option<&Path>,
    seen: &mut Seen,
    enough: Enough<'_>,
) {
    let folders = vec![Folder { shown: PathBuf::new(), chain: vec![(root.to_owned(), PathBuf::new())] }];
    let real_folders = HashMap::new();
    let mut walk = Walk { root, include, exclude, output, folders, real_folders, seen, enough };
    while let Some(folder) = walk.folders.pop() {
        walk.folder(&folder);
    }
}

/// The same for parts of the root: files, links to files, and all that lies below folders. No folder above them may be a link or left out.
///
/// # Errors
/// [`Unsure`] for a link to a folder that a whole walk may follow.
pub(super) fn walk_parts(
    root: &Path,
    (include, exclude): (&Globs, &Globs),
    output: Option<&Path>,
    parts: &[&PathBuf],
    seen: &mut Seen,
) -> Result<(), Unsure> {
    let (folders, real_folders) = (Vec::new(), HashMap::new());
    let mut walk = Walk { root, include, exclude, output, folders, real_folders, seen, enough: &|_| false };
    let whole = Folder { shown: PathBuf::new(), chain: vec![(root.to_owned(), PathBuf::new())] };
    for part in parts {
        walk.part(part, &whole)?;
    }
    while let Some(folder) = walk.folders.pop() {
        walk.folder(&folder);
    }
    Ok(())
}

impl Walk<'_> {
    fn part(&mut self, path: &Path, whole: &Folder) -> Result<(), Unsure> {
        let Ok(below) = path.strip_prefix(self.root) else { return Ok(()) };
        let metadata = match std::fs::symlink_metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => {
                self.problem(path, error.to_string());
                return Ok(());
            }
        };
        if metadata.is_dir() {
            if Some(path) != self.output && path.file_name() != Some(STATE.as_ref()) {
                self.folder(&Folder { shown: below.to_owned(), chain: whole.chain.clone() });
            }
        } else if metadata.is_symlink() {
            if std::fs::metadata(path).is_ok_and(|behind| behind.is_dir()) {
                // A whole walk follows no link that leads back into the root.
                return match path.canonicalize() {
                    Ok(real) if real.starts_with(self.root) => Ok(()),
                    _ => Err(Unsure::because(format!("{} is a link to a folder", path.display()))),
                };
            }
            self.link(path, below, whole);
        } else if metadata.is_file() && self.takes(below) {
            self.file(path, below, &metadata);
        }
        Ok(())
    }

    fn folder(&mut self, folder: &Folder) {
        let start = self.root.join(&folder.shown);
        let (root, exclude, output) = (self.root, self.exclude, self.output);
        let is_wanted = |entry: &DirEntry| {
            let path = entry.path();
            let is_left_out = || {
                let below = path.strip_prefix(root).unwrap_or(path);
                exclude.matches_all_below(below) || Some(path) == output || entry.file_name() == STATE
            };
            entry.depth() == 0 || !entry.file_type().is_dir() || !is_left_out()
        };
        // The start of a followed link is itself a link: walkdir walks through that one only.
        for entry in WalkDir::new(&start).follow_links(false).into_iter().filter_entry(is_wanted) {
            if (self.enough)(self.seen.found.len()) {
                return;
            }
            match entry {
                Ok(entry) => self.entry(&entry, folder),
                Err(error) => self.unreadable(&error, &start),
            }
        }
    }

    fn unreadable(&mut self, error: &walkdir::Error, start: &Path) {
        let vanished = error.io_error().is_some_and(|error| error.kind() == ErrorKind::NotFound);
        let path = error.path().unwrap_or(start);
        if vanished && path != self.root {
            return;
        }
        let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
        self.problem(path, reason);
    }

    fn problem(&mut self, path: &Path, reason: String) {
        // The root is absolute, so there is a URL of everything below it.
        self.seen.problems.extend(SourceUrl::from_path(path).map(|place| ScanProblem { place, reason }));
    }

    fn takes(&self, below: &Path) -> bool {
        self.include.matches(below) && !self.exclude.matches(below)
    }

    fn entry(&mut self, entry: &DirEntry, folder: &Folder) {
        let path = entry.path();
        let Ok(below) = path.strip_prefix(self.root) else { return };
        if entry.depth() == 0 {
            return;
        }
        if entry.file_type().is_symlink() {
            self.link(path, below, folder);
        } else if entry.file_type().is_file() && self.takes(below) {
            match entry.metadata() {
                Ok(metadata) => self.file(path, below, &metadata),
                Err(error) => self.unreadable(&error, path),
            }
        }
    }

    fn file(&mut self, path: &Path, below: &Path, metadata: &Metadata) {
        let Some(text) = below.to_str() else {
            let reason = "its name is not UTF-8, so no pattern can match it".to_owned();
            return self.problem(path, reason);
        };
        if let Some(url) = SourceUrl::from_path(path) {
            let file = SourceFile { url, size: metadata.len(), fingerprint: fingerprint(metadata) };
            self.seen.found.push(FoundFile { path: text.to_owned(), file });
        }
    }

    fn link(&mut self, path: &Path, below: &Path, folder: &Folder) {
        let looked_at = self.real_path(path).and_then(|real| Ok((std::fs::metadata(&real)?, real)));
        match looked_at {
            Ok((metadata, real)) if metadata.is_dir() => {
                if !self.exclude.matches_all_below(below) {
                    self.linked_folder(real, below, folder);
                }
            }
            Ok((metadata, real)) if metadata.is_file() && self.takes(below) => {
                let is_found_itself = folder
                    .chain
                    .iter()
                    .any(|(above, shown)| real.strip_prefix(above).is_ok_and(|rest| self.takes(&shown.join(rest))));
                if !is_found_itself {
                    self.seen.links.note(&real);
                    self.file(path, below, &metadata);
                }
            }
            Ok(_) => {}
            // Whatever its name: it may be the way to a disk that is not mounted now.
            Err(error) if !self.exclude.matches(below) && !self.exclude.matches_all_below(below) => {
                let reason = format!("the link leads nowhere: {error}");
                let target = std::fs::read_link(path).unwrap_or_default();
                let place = self.seen.links.note_links(&path.parent().unwrap_or(path).join(target));
                self.seen.links.note(&place);
                self.problem(path, reason);
            }
            Err(_) => {}
        }
    }

    fn linked_folder(&mut self, real: PathBuf, below: &Path, folder: &Folder) {
        let leads_back = |(above, _): &(PathBuf, PathBuf)| above.starts_with(&real) || real.starts_with(above);
        if folder.chain.iter().any(leads_back) {
            return;
        }
        if folder.chain.len() > LINK_DEPTH {
            let reason = format!("it lies below {LINK_DEPTH} other links to folders; no more are followed");
            return self.problem(&self.root.join(below), reason);
        }
        self.seen.links.note_folder(&real);
        let mut chain = folder.chain.clone();
        chain.push((real, below.to_owned()));
        self.folders.push(Folder { shown: below.to_owned(), chain });
    }

    /// `canonicalize`, with what is known of the folder that the link leads to.
    fn real_path(&mut self, link: &Path) -> std::io::Result<PathBuf> {
        let target = std::fs::read_link(link)?;
        let target = link.parent().unwrap_or(link).join(target);
        let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else { return link.canonicalize() };
        let (folders, links) = (&mut self.real_folders, &mut self.seen.links);
        let known = folders.entry(folder.to_owned()).or_insert_with(|| {
            let real = folder.canonicalize().ok();
            if real.as_deref() != Some(folder) {
                links.note_links(folder);
            }
            real
        });
        let Some(real) = known.as_ref().map(|folder| folder.join(name)) else { return link.canonicalize() };
        if std::fs::symlink_metadata(&real)?.is_symlink() {
            links.note_links(&real);
            link.canonicalize()
        } else {
            Ok(real)
        }
    }
}
