//! The files below a URL.

use tokio::task::JoinSet;
use url::Url;

use super::listing::listing;
use super::walk::Enough;
use super::{FoundFile, ScanProblem};
use crate::model::recipe::Globs;
use crate::model::{SourceUrl, shown_url};
use crate::storage::StorageError;
use crate::storage::remote::{Page, block_on, fetch_page, list_objects, look_at_all};

/// How many folders are asked for at once.
const AT_ONCE: usize = 16;

/// The largest listing that is read, in bytes.
const PAGE: u64 = 64 << 20;

/// How many folders may lie above one another below a root.
const DEPTH: usize = 64;

/// How many folders may lie below a root: a server may make them up as it is asked.
const FOLDERS: usize = 1_000_000;

/// The name of the folder that altostac keeps its state in.
const STATE: &str = ".altostac";

/// What of a root is wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Globs that include, on the path below the root.
    pub(super) include: &'a Globs,
    /// Globs that exclude, on the path below the root.
    pub(super) exclude: &'a Globs,
    /// The output, and what readers outside take for it; nothing of it is a source.
    pub(super) outputs: &'a [SourceUrl],
}

impl Wanted<'_> {
    fn takes(&self, below: &str) -> bool {
        self.include.matches(below) && !self.exclude.matches(below)
    }

    fn enters(&self, below: &str, url: &SourceUrl) -> bool {
        let name = below.rsplit('/').next();
        name != Some(STATE) && !self.exclude.matches_all_below(below) && !self.is_output(url)
    }

    fn is_output(&self, url: &SourceUrl) -> bool {
        self.outputs.iter().any(|output| url.is_within(output))
    }
}

/// Adds the files below a root that the globs take. `root` ends with `/`.
pub(super) fn walk(root: &SourceUrl, wanted: Wanted<'_>, found: &mut Vec<FoundFile>, problems: &mut Vec<ScanProblem>) {
    if matches!(root.url().scheme(), "http" | "https") {
        let files = listed(root, wanted, problems, &|_| false);
        look_at(files, found, problems);
    } else {
        objects(root, wanted, found, problems);
    }
}

/// The files below the root of a server, by path and URL, without a look at any; no folder is asked for once these are enough.
pub(super) fn listed(
    root: &SourceUrl,
    wanted: Wanted<'_>,
    problems: &mut Vec<ScanProblem>,
    enough: Enough<'_>,
) -> Vec<(String, SourceUrl)> {
    let mut walk = Walk { root, wanted, pending: Vec::new(), seen: 0, files: Vec::new(), problems, enough };
    walk.pending.push(Folder { below: String::new(), url: root.clone(), depth: 0 });
    let walked = block_on(walk.run());
    let files = walk.files;
    problems.extend(walked.err().map(|error| problem(root.clone(), &error)));
    files
}

/// Adds remote files, each given by the path that the pattern is about and its URL, as they are now.
pub(super) fn look_at(files: Vec<(String, SourceUrl)>, found: &mut Vec<FoundFile>, problems: &mut Vec<ScanProblem>) {
    let (paths, urls): (Vec<String>, Vec<SourceUrl>) = files.into_iter().unzip();
    let looked_at = look_at_all(&urls);
    for ((path, url), file) in paths.into_iter().zip(urls).zip(looked_at) {
        match file {
            Ok(file) => found.push(FoundFile { path, file }),
            Err(error) => problems.push(problem(url, &error)),
        }
    }
}

/// The error and its causes: `ScanProblem` has no source of its own.
fn problem(place: SourceUrl, error: &dyn std::error::Error) -> ScanProblem {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason.push_str(": ");
        reason.push_str(&error.to_string());
        cause = error.source();
    }
    ScanProblem { place, reason }
}

pub(super) fn objects(
    root: &SourceUrl,
    wanted: Wanted<'_>,
    found: &mut Vec<FoundFile>,
    problems: &mut Vec<ScanProblem>,
) {
    let listed = list_objects(root, |below, file| {
        let is_state = below.split('/').any(|piece| piece == STATE);
        if wanted.takes(below) && !is_state && !wanted.is_output(&file.url) {
            found.push(FoundFile { path: below.to_owned(), file });
        }
    });
    if let Err(error) = listed {
        problems.push(problem(root.clone(), &error));
    }
}

/// A folder that a server is asked for.
struct Folder {
    /// The path below the root, percent-decoded; empty for the root.
    below: String,
    url: SourceUrl,
    depth: usize,
}

struct Walk<'a> {
    root: &'a SourceUrl,
    wanted: Wanted<'a>,
    pending: Vec<Folder>,
    /// How many folders were asked for.
    seen: usize,
    files: Vec<(String, SourceUrl)>,
    problems: &'a mut Vec<ScanProblem>,
    enough: Enough<'a>,
}

impl Walk<'_> {
    async fn run(&mut self) -> Result<(), StorageError> {
        let mut asked = JoinSet::new();
        loop {
            if (self.enough)(self.files.len()) {
                return Ok(());
            }
            while asked.len() < AT_ONCE
                && let Some(folder) = self.pending.pop()
            {
                self.seen += 1;
                asked.spawn(async move {
                    let page = fetch_page(folder.url.url(), PAGE).await;
                    (folder, page)
                });
            }
            match asked.join_next().await {
                Some(Ok((folder, Ok(page)))) => self.folder(&folder, &page),
                Some(Ok((folder, Err(error)))) => self.problems.push(problem(folder.url, &error)),
                Some(Err(error)) => self.problems.push(problem(self.root.clone(), &error)),
                None => return Ok(()),
            }
        }
    }

    fn folder(&mut self, folder: &Folder, page: &Page) {
        let mut tell = |place, reason: &str| self.problems.push(ScanProblem { place, reason: reason.to_owned() });
        if !is_same_folder(&page.url, folder.url.url()) {
            let reason = format!("the server leads to {} instead", shown_url(&page.url));
            return tell(folder.url.clone(), &reason);
        }
        let Some(listing) = listing(&page.bytes, folder.url.url()) else {
            return tell(folder.url.clone(), "the server's answer is no listing of a folder");
        };
        for url in listing.unnamed {
            tell(SourceUrl::new(url), "its name is not UTF-8, so no pattern can match it");
        }
        for entry in listing.entries {
            let below = if folder.below.is_empty() { entry.name } else { format!("{}/{}", folder.below, entry.name) };
            let url = SourceUrl::new(entry.url);
            if !entry.is_folder {
                if self.wanted.takes(&below) && !self.wanted.is_output(&url) {
                    self.files.push((below, url));
                }
            } else if self.wanted.enters(&below, &url) {
                if folder.depth >= DEPTH {
                    tell(url, &format!("it lies below {DEPTH} other folders; no more are entered"));
                } else if self.seen + self.pending.len() >= FOLDERS {
                    return tell(folder.url.clone(), &format!("{FOLDERS} folders were found; no more are entered"));
                } else {
                    self.pending.push(Folder { below, url, depth: folder.depth + 1 });
                }
            }
        }
    }
}

/// Whether a page is that of the folder that was asked for: another may be a login, or lie anywhere.
fn is_same_folder(page: &Url, folder: &Url) -> bool {
    page.scheme() == folder.scheme()
        && page.host_str() == folder.host_str()
        && page.port_or_known_default() == folder.port_or_known_default()
        && page.path().trim_end_matches('/') == folder.path().trim_end_matches('/')
}
