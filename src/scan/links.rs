//! Where links lead that are listed by their own path: what happens there happens to the items of the links.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Component, Path, PathBuf};

/// More links after one another are not followed; Linux follows no more either.
const LONGEST_CHAIN: usize = 40;

/// The places that listed links lead to and through, and the folders above these.
///
/// A place is kept as a digest, for an archive has millions of links; one that is like another by chance costs a needless look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkTargets {
    places: HashSet<u64>,
    /// Folders that links lead to: all below them is listed by the paths of the links.
    folders: HashSet<u64>,
}

impl LinkTargets {
    /// Whether links lead to this real path, through it, to something below it, or to a folder that it lies in.
    pub fn lead_to(&self, place: &Path) -> bool {
        self.places.contains(&digest(place))
            || !self.folders.is_empty() && place.ancestors().any(|above| self.folders.contains(&digest(above)))
    }

    /// Adds what is known otherwise.
    pub fn extend(&mut self, other: &Self) {
        self.places.extend(&other.places);
        self.folders.extend(&other.folders);
    }

    pub(super) fn note_folder(&mut self, folder: &Path) {
        self.note(folder);
        self.folders.insert(digest(folder));
    }

    pub(super) fn note(&mut self, place: &Path) {
        // Of a folder that is known all above it are.
        let _ = place.ancestors().all(|place| self.places.insert(digest(place)));
    }

    /// Notes the links that an absolute path leads through. Returns where it leads, whether something is there or not.
    pub(super) fn note_links(&mut self, path: &Path) -> PathBuf {
        let mut real = PathBuf::new();
        let mut links = 0;
        let mut ahead: Vec<PathBuf> = pieces(path);
        while let Some(piece) = ahead.pop() {
            if piece.as_os_str() == ".." {
                real.pop();
                continue;
            }
            // A piece that is the root replaces all before it.
            real.push(piece);
            let Ok(target) = std::fs::read_link(&real) else { continue };
            self.note(&real);
            links += 1;
            if links > LONGEST_CHAIN {
                break;
            }
            real.pop();
            ahead.extend(pieces(&target));
        }
        real
    }
}

/// The components of a path, the last first.
fn pieces(path: &Path) -> Vec<PathBuf> {
    let named = path.components().filter(|component| *component != Component::CurDir);
    named.map(|component| PathBuf::from(component.as_os_str())).rev().collect()
}

fn digest(place: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    place.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn all_links_on_the_way_are_noted() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for made in ["x/v1", "y", "other"] {
            std::fs::create_dir_all(root.join(made)).unwrap();
        }
        symlink(root.join("x/v1"), root.join("x/current")).unwrap();
        symlink("../x/./current/a.nc", root.join("y/second.nc")).unwrap();
        symlink("second.nc", root.join("y/first.nc")).unwrap();
        let mut links = LinkTargets::default();
        let place = links.note_links(&root.join("y/first.nc"));
        assert_eq!(place, root.join("x/v1/a.nc"));
        links.note(&place);
        for place in ["y/first.nc", "y/second.nc", "x/current", "x/v1/a.nc", "x/v1", "x", ""] {
            assert!(links.lead_to(&root.join(place)), "{place}");
        }
        for place in ["other", "x/v1/b.nc", "x/current/a.nc"] {
            assert!(!links.lead_to(&root.join(place)), "{place}");
        }
        links.note_folder(&root.join("other"));
        assert!(links.lead_to(&root.join("other/deep/c.nc")) && !links.lead_to(&root.join("others/c.nc")));
        // One that leads to itself comes to an end.
        symlink("loop", root.join("loop")).unwrap();
        links.note_links(&root.join("loop"));
    }
}
