//! What is in a place that no recipe describes yet: paths, and no more of them than are enough.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::remote::{self, Wanted};
use super::walk::{self, Enough, Seen};
use super::{FoundFile, ScanProblem};
use crate::model::recipe::Globs;
use crate::model::{SourcePlace, SourceUrl};

/// The files of a place.
#[derive(Debug, Default)]
pub struct Listing {
    /// Paths below the root, and where each file is, sorted.
    pub files: Vec<(String, SourceUrl)>,
    /// Whether these are all: it was not ended early.
    pub complete: bool,
    /// What could not be looked at.
    pub problems: Vec<ScanProblem>,
}

/// Lists the files below a root, but for those in hidden folders and below `output`. It ends once `enough` says so of their number; keys of an object store are
/// listed to their end.
///
/// No file is opened.
///
/// # Errors
/// [`globset::Error`] if a glob of our own is none: never.
pub fn first_look(
    root: &SourcePlace,
    output: &Path,
    enough: &(dyn Fn(usize) -> bool + Sync),
) -> Result<Listing, globset::Error> {
    let (include, exclude) = (Globs::new(["**/*"])?, Globs::new(["**/.*/**", "**/.*", ".*/**"])?);
    let ended = AtomicBool::new(false);
    let enough: Enough<'_> = &|count| {
        let is_enough = enough(count);
        ended.fetch_or(is_enough, Ordering::Relaxed);
        is_enough
    };
    let (mut seen, mut files) = (Seen::default(), Vec::new());
    match root {
        SourcePlace::Local(root) => {
            walk::walk(root, (&include, &exclude), Some(output), &mut seen, enough);
        }
        SourcePlace::Remote(root) => {
            let wanted = Wanted { include: &include, exclude: &exclude, outputs: &[] };
            match root.url().scheme() {
                "http" | "https" => files = remote::listed(root, wanted, &mut seen.problems, enough),
                _ => remote::objects(root, wanted, &mut seen.found, &mut seen.problems),
            }
        }
    }
    files.extend(seen.found.into_iter().map(|FoundFile { path, file }| (path, file.url)));
    files.sort();
    Ok(Listing { files, complete: !ended.into_inner(), problems: seen.problems })
}
