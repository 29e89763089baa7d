//! What a copy takes over from the revision before: files of chunks that follow from the same pieces of the same sources.
//!
//! Beside each copy in a folder stands what its files follow from, and how its arrays were cut. A file is taken over by a hard link: revisions are never
//! written to once they stand, and removing one leaves the other.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::model::{KnownItem, ProductFormat};
use crate::pipeline::Workspace;
use crate::pipeline::item::product_folder;
use crate::read::{Digests, StoredDigest};
use crate::storage::Output;
use crate::write::ArrayCut;

/// The file that says what those of the copy follow from.
pub(super) const ORIGINS: &str = "data.zarr.origins";

/// What a copy follows from.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Origins {
    /// How each array is cut.
    pub(super) arrays: BTreeMap<String, ArrayCut>,
    /// What each file follows from; those too that have no chunk and are not there.
    pub(super) units: BTreeMap<String, String>,
}

/// The copy of the revision before.
pub(super) struct Earlier {
    store: PathBuf,
    digests: Digests,
    pub(super) origins: Origins,
    /// Keys by what their files follow from.
    keys: HashMap<String, String>,
}

/// A file that a copy takes over.
pub(super) struct TakenOver {
    pub(super) digest: StoredDigest,
    /// Whether it lies elsewhere in its array now: a file before it came or went.
    pub(super) has_moved: bool,
}

impl Earlier {
    /// `None` if there is none here, or it was written in another way.
    pub(super) fn of(workspace: &Workspace, known: Option<&KnownItem>) -> Option<Self> {
        let Output::Folder(output) = &workspace.output else { return None };
        let known = known.filter(|known| known.product_digest == workspace.recipe.product_digest)?;
        let product = known.products.iter().find(|product| product.format == ProductFormat::Zarr)?;
        let folder = output.root().join(product_folder(workspace, &product.item, product.revision));
        let name = product.format.file_name();
        let digests = fs::read(folder.join(format!("{name}.digests"))).ok()?;
        let origins = serde_json::from_slice(&fs::read(folder.join(ORIGINS)).ok()?).ok()?;
        let origins: Origins = origins;
        let keys = origins.units.iter().map(|(key, origin)| (origin.clone(), key.clone())).collect();
        let digests = Digests::parse(&String::from_utf8_lossy(&digests));
        Some(Self { store: folder.join(name), digests, origins, keys })
    }

    /// Links a file to a new copy if it follows from the same; without chunks there is none to be linked.
    pub(super) fn take(&self, key: &str, origin: &str, folder: &Path) -> Option<TakenOver> {
        let is_here = self.origins.units.get(key).is_some_and(|known| known == origin);
        let earlier = if is_here { key } else { self.keys.get(origin)? };
        let taken = |digest| TakenOver { digest, has_moved: !is_here };
        let Some(digest) = self.digests.0.get(earlier) else {
            return Some(taken(StoredDigest::of(&[], 0)));
        };
        let (from, to) = (self.store.join(earlier), folder.join(key));
        let is_whole = fs::symlink_metadata(&from).is_ok_and(|found| found.is_file() && found.len() == digest.size);
        // Where it cannot be linked it is copied from the sources again.
        (is_whole && link(&from, &to).is_ok()).then(|| taken(digest.clone()))
    }
}

fn link(from: &Path, to: &Path) -> io::Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    super::zarr::remove(to)?;
    fs::hard_link(from, to)
}
