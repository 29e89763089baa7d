//! In: a [`Recipe`].
//! Out: a [`Scan`]: the files of the archive with their fingerprints, grouped into items.
//!
//! | file | does |
//! | --- | --- |
//! | `walk.rs` | the files below a root, links resolved |
//! | `remote.rs` | the files below a URL: listings of a server, keys of an object store |
//! | `listing/` | what a server's listing of a folder says (pure) |
//! | `list.rs` | the files that a text file names |
//! | `narrow.rs` | a few files alone, as a whole scan sees them |
//! | `links.rs` | where listed links lead |
//! | `first_look.rs` | what is there, when no recipe says what is meant |
//! | `templates.rs` | what an id and properties are rendered from |
//! | `group.rs` | facets, ids, properties; what makes an item fail (pure) |
//! | `values.rs` | the facets of items against vocabularies (pure) |
//!
//! **Links.** A file is listed once, by its real path if the globs take that. A link to a file is listed by its own path only
//! if it leads out of the root, or to a place that the globs do not take (an archive that excludes `files/` and links to it
//! from `v20190815/`). A link to a folder inside the root is not followed: the real folder is walked anyway. A link to a
//! folder outside is followed, and shown at its own path; one that leads into a folder it is already in is left out; one
//! below eight such links is a problem.
//!
//! What altostac wrote itself is no source, whatever the globs say: the output and folders named `.altostac` are passed over.
//!
//! **Servers.** Below an http(s) root the folders are what listings link to as direct children, some asked for at once; whatever does not
//! answer as a listing is a problem. Only files that the globs take are looked at. An object store lists keys with size and ETag itself.
//!
//! **While [`Scan::problems`] is not empty, files may be there that were not seen**: nothing may be taken for removed.

use std::collections::HashSet;

use crate::model::facets::{AskedAttributes, FacetError, FileAttributes};
use crate::model::pattern::PartialMatch;
use crate::model::recipe::{Recipe, SourceFiles};
use crate::model::{IdError, ItemSource, SourceFile, SourcePlace, SourceUrl};

mod first_look;
mod group;
mod links;
mod list;
mod listing;
mod narrow;
mod remote;
mod templates;
mod values;
mod walk;

pub use first_look::{Listing, first_look};
pub use links::LinkTargets;
pub use narrow::{Unsure, items_of, local_roots, place_in_archive, scan_paths};

#[cfg(fuzzing)]
#[doc(hidden)]
pub use listing::children;

/// How many unmatched files get a reason of their own; working it out is slow.
const EXPLAINED: usize = 100;

/// What an archive holds, by the recipe.
#[derive(Debug, Default)]
pub struct Scan {
    /// The items, sorted by id.
    pub items: Vec<ItemSource>,
    /// What cannot become an item, sorted by id.
    pub failed: Vec<FailedItem>,
    /// Files that the globs take and the pattern does not match, sorted by path.
    pub unmatched: Vec<UnmatchedFile>,
    /// What could not be looked at, sorted by path. The run is incomplete: exit status 1.
    pub problems: Vec<ScanProblem>,
    /// Values that no vocabulary has, where the recipe asks no more than to be told, sorted.
    pub warnings: Vec<String>,
    /// Where links lead that are listed by their own path.
    pub links: LinkTargets,
}

/// Reads attributes of files: an answer for each file, in their order; in words why there is none.
pub type ReadAttributes<'a> = &'a dyn Fn(&[SourceFile], &AskedAttributes) -> Vec<Result<FileAttributes, String>>;

/// An item that cannot be.
#[derive(Debug)]
pub struct FailedItem {
    /// The rendered id; the path of the file if it could not be rendered.
    pub id: String,
    /// Why.
    pub error: ItemError,
    /// Its files, sorted.
    pub files: Vec<SourceFile>,
}

/// Why an item cannot be.
#[derive(Debug, thiserror::Error)]
pub enum ItemError {
    /// Two files of one item differ in a facet that the id or a property uses.
    #[error(
        "facet {facet} is {first_value:?} in {first_file} and {other_value:?} in {other_file}, but the item's {used_by} uses it"
    )]
    VaryingFacet {
        /// The facet.
        facet: String,
        /// `id` or the name of a property.
        used_by: String,
        /// A file.
        first_file: String,
        /// Its value; empty if the facet is not there.
        first_value: String,
        /// Another file.
        other_file: String,
        /// Its value.
        other_value: String,
    },
    /// A rule of `item.facets` cannot be followed.
    #[error("facets of {path}: {error}")]
    Facets {
        /// The path below the root.
        path: String,
        /// The rule, and why.
        error: FacetError,
    },
    /// The attributes that rules ask for cannot be read.
    #[error("attributes of {path} cannot be read: {reason}")]
    Attributes {
        /// The path below the root.
        path: String,
        /// Why not.
        reason: String,
    },
    /// A facet has a value that its vocabulary does not have.
    #[error("facet {facet} is {value:?} in {file}, which the vocabulary of {vocabulary} does not have{}", nearest_value(nearest.as_deref()))]
    Vocabulary {
        /// The facet.
        facet: String,
        /// Its value.
        value: String,
        /// Where the vocabulary comes from.
        vocabulary: String,
        /// A file.
        file: String,
        /// The value that is spelt most like it.
        nearest: Option<String>,
    },
    /// The rendered text is not an id.
    #[error("{path} gives no item id: {reason}")]
    Id {
        /// The first file.
        path: String,
        /// What is wrong with the text.
        reason: IdError,
    },
    /// Two ids differ only in upper and lower case.
    #[error("the ids {id} ({file}) and {other_id} ({other_file}) differ only in upper and lower case")]
    SameIgnoringCase {
        /// This item's id.
        id: String,
        /// A file of it.
        file: String,
        /// The other id.
        other_id: String,
        /// A file of the other.
        other_file: String,
    },
    /// A template cannot be rendered with the facets of a file.
    #[error("{what} cannot be rendered for {path}: {reason}")]
    Template {
        /// `item.id` or the key of the property.
        what: String,
        /// The path below the root.
        path: String,
        /// What the template engine says.
        reason: String,
    },
}

fn nearest_value(nearest: Option<&str>) -> String {
    nearest.map(|nearest| format!("; did you mean {nearest:?}?")).unwrap_or_default()
}

/// A file that the globs take and the pattern does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnmatchedFile {
    /// The path below the root; of a list: as it is written there.
    pub path: String,
    /// Where the pattern and the path part.
    pub reason: String,
}

/// Something that could not be looked at.
#[derive(Debug, thiserror::Error)]
#[error("cannot look at {place}: {reason}")]
pub struct ScanProblem {
    /// The file or folder; what lies below it may be there all the same.
    pub place: SourceUrl,
    /// Why not, in the operating system's or the server's words or ours.
    pub reason: String,
}

/// Why there is nothing to go on with.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// No file was found.
    #[error("no files found in {places}{}", unseen(problems))]
    NoFiles {
        /// Roots with their globs, and lists.
        places: String,
        /// What could not be looked at.
        problems: Vec<ScanProblem>,
    },
    /// Files were found, but the pattern matches none.
    #[error("item.pattern {pattern:?} matches no file ({files} found); {reason}")]
    NoMatch {
        /// The pattern.
        pattern: String,
        /// How many files there are.
        files: usize,
        /// An example, and where it parts from the pattern.
        reason: String,
    },
    /// A list of files cannot be read.
    #[error("cannot read the list of files {list}")]
    List {
        /// The list.
        list: String,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A template is not one. `recipe` checks that.
    #[error("{what} is not a template")]
    Template {
        /// `item.id` or the key of the property.
        what: String,
        /// Why not.
        #[source]
        source: minijinja::Error,
    },
}

fn unseen(problems: &[ScanProblem]) -> String {
    problems.first().map(|problem| format!("; {problem}")).unwrap_or_default()
}

/// A file, and the path that the pattern is about.
#[derive(Debug)]
struct FoundFile {
    path: String,
    file: SourceFile,
}

/// Looks at the archive: finds the files, takes their fingerprints, groups them into items.
///
/// No local file is opened; of a remote one at most a byte is read. Rules that ask for attributes find none: see [`scan_with`]. Files that vanish meanwhile are not there. The result does not depend on the order of folders.
///
/// # Errors
/// [`ScanError`] if no file is found, the pattern matches none, or a list cannot be read. What concerns single files, folders
/// or items is in the [`Scan`].
pub fn scan(recipe: &Recipe) -> Result<Scan, ScanError> {
    let unread = |_: &SourceFile| Err("files are not opened here".to_owned());
    scan_with(recipe, &|files, _| files.iter().map(unread).collect())
}

/// The same, with attributes of the files if the rules of the recipe ask for any.
///
/// # Errors
/// As [`scan`].
pub fn scan_with(recipe: &Recipe, attributes: ReadAttributes<'_>) -> Result<Scan, ScanError> {
    let mut seen = walk::Seen::default();
    for source in &recipe.sources {
        match &source.files {
            SourceFiles::Matching { include, exclude } => match &source.root {
                SourcePlace::Local(root) => {
                    let output = recipe.output.local();
                    walk::walk(root, (include, exclude), output, &mut seen, &|_| false);
                }
                SourcePlace::Remote(root) => {
                    let outputs = outputs(recipe);
                    let wanted = remote::Wanted { include, exclude, outputs: &outputs };
                    remote::walk(root, wanted, &mut seen.found, &mut seen.problems);
                }
            },
            SourceFiles::Listed(list) => list::read(list, &source.root, &mut seen.found, &mut seen.problems)?,
        }
    }
    let walk::Seen { mut found, mut problems, links } = seen;
    // Roots may overlap, and a list may name a file twice: the first naming counts.
    let mut seen = HashSet::with_capacity(found.len());
    found.retain(|found| seen.insert(found.file.url.clone()));
    drop(seen);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    problems.sort_by(|a, b| a.place.cmp(&b.place));
    if found.is_empty() {
        return Err(ScanError::NoFiles { places: places(recipe), problems });
    }
    let (files, first) = (found.len(), found[0].path.clone());
    let grouped = group::group(&recipe.item, &recipe.aggregate.along, found, attributes)?;
    if grouped.unmatched.len() == files {
        let pattern = recipe.item.pattern.text().to_owned();
        return Err(ScanError::NoMatch { pattern, files, reason: format!("{first}: {}", explain(recipe, &first)) });
    }
    let unmatched = grouped.unmatched.into_iter().enumerate().map(|(index, path)| UnmatchedFile {
        reason: if index < EXPLAINED { explain(recipe, &path) } else { "it does not match item.pattern".into() },
        path,
    });
    let (items, failed, warnings) = (grouped.items, grouped.failed, grouped.warnings);
    Ok(Scan { items, failed, unmatched: unmatched.collect(), problems, warnings, links })
}

/// The URLs of the output: its own, and what readers outside see instead.
fn outputs(recipe: &Recipe) -> Vec<SourceUrl> {
    let own = match &recipe.output {
        SourcePlace::Local(path) => SourceUrl::from_path(path),
        SourcePlace::Remote(url) => Some(url.clone()),
    };
    own.into_iter().flat_map(|own| [SourceUrl::new(recipe.public_urls.rewrite(own.url())), own]).collect()
}

/// Where a path and the pattern part.
fn explain(recipe: &Recipe, path: &str) -> String {
    match recipe.item.pattern.longest_match(path) {
        Some(PartialMatch { pattern, rest }) if rest.is_empty() => {
            format!("it ends where the pattern goes on after {pattern:?}")
        }
        Some(PartialMatch { pattern, rest }) => {
            format!("it agrees as far as {pattern:?}, but then goes on with {rest:?}")
        }
        None => "it does not match from its beginning to its end".to_owned(),
    }
}

fn places(recipe: &Recipe) -> String {
    let places: Vec<_> = recipe
        .sources
        .iter()
        .map(|source| match &source.files {
            SourceFiles::Listed(list) => format!("the list {list}"),
            SourceFiles::Matching { include, exclude } => {
                let mut place = format!("{} (include {}", source.root, include.texts().join(", "));
                if !exclude.texts().is_empty() {
                    place.push_str(&format!("; exclude {}", exclude.texts().join(", ")));
                }
                place + ")"
            }
        })
        .collect();
    places.join(" and ")
}

#[cfg(test)]
mod tests;
