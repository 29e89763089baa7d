//! What recipe would suit an archive that nobody has written one for?
//!
//! In: an [`Archive`], the paths below a root; [`FileFacts`], what a few of its files say of themselves.
//! Out: [`Grouping`]s of the files into items, the likeliest first, and the text of a recipe ([`write()`]); or, of the CSV of a group of
//! PADOCC, a recipe and what could not be carried over ([`convert_padocc`]).
//!
//! Pure. Whether the files of a group are one dataset is for combining to say: `pipeline` tries the groupings in their order.
//!
//! | file | answers |
//! | --- | --- |
//! | `layouts` | which data reference syntaxes are known, and does the tree follow one |
//! | `folders` | what the folders of other trees are called |
//! | `names` | which part of a file's name is a date or a number: what files of one series differ in |
//! | `grouping` | the pattern and the id; which paths become which item |
//! | `about` | what the files say of the collection: title, licence, institutions |
//! | `text` | the recipe as YAML with comments |
//! | `padocc`, `globs` | the same from the CSV of a group of PADOCC |

mod about;
mod folders;
mod globs;
mod grouping;
mod layouts;
mod names;
mod padocc;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

pub use about::{About, about};
pub use grouping::{Grouping, Groups};
pub use layouts::Layout;
pub use padocc::{PadoccError, PadoccFiles, PadoccRecipe, convert as convert_padocc};
pub use text::{Need, Suggestion, write};

/// Endings of the files that altostac reads.
pub const READABLE: [&str; 8] = ["nc", "nc4", "nc3", "cdf", "netcdf", "h5", "hdf5", "he5"];

/// How many paths are looked at to propose groupings.
const LOOKED_AT: usize = 2000;

/// The paths of an archive.
#[derive(Debug, Clone, Default)]
pub struct Archive {
    /// The names of the folders that the root lies in, outermost first, its own last.
    pub above: Vec<String>,
    /// The paths below the root of the files that altostac may read, sorted.
    pub paths: Vec<String>,
    /// Whether these are all.
    pub complete: bool,
}

impl Archive {
    /// Some of many paths, spread evenly: what they are like shows in these.
    fn thinned(&self) -> Self {
        let step = self.paths.len().div_ceil(LOOKED_AT).max(1);
        let paths = self.paths.iter().step_by(step).cloned().collect();
        Self { above: self.above.clone(), paths, complete: self.complete }
    }
}

/// What a file says of itself.
#[derive(Debug, Clone, Default)]
pub struct FileFacts {
    /// Its path below the root.
    pub path: String,
    /// Its global attributes that are texts.
    pub attributes: BTreeMap<String, String>,
    /// The names of its variables.
    pub variables: Vec<String>,
}

/// The groupings that may suit an archive, the likeliest first; the last takes each file for an item of its own.
///
/// ```
/// use altostac::suggest::{Archive, groupings};
/// let paths = ["tas/tas_200101.nc", "tas/tas_200102.nc", "pr/pr_200101.nc"].map(String::from).to_vec();
/// let archive = Archive { above: vec!["data".into()], paths, complete: true };
/// let first = &groupings(&archive, &[])[0];
/// assert_eq!(first.pattern(), "{dataset}/{filename}");
/// assert_eq!(first.groups(&archive.paths).items.keys().collect::<Vec<_>>(), ["pr", "tas"]);
/// ```
pub fn groupings(archive: &Archive, facts: &[FileFacts]) -> Vec<Grouping> {
    let archive = &archive.thinned();
    let mut found: Vec<Grouping> = layouts::grouping(archive).into_iter().collect();
    let folders = folders::Folders::of(archive, facts);
    let files = names::readings(&archive.paths);
    if folders.hold_one_series_each(&archive.paths) {
        found.extend(folders.grouping(&names::whole_folder()));
    }
    found.extend(files.iter().filter_map(|reading| folders.grouping(reading)));
    found.retain(|grouping| grouping.is_usable(&archive.paths));
    found
}
