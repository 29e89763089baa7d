//! Snapshots of Icechunk repositories (specification, versions 1 and 2), read back: nodes, and the references of their manifests.
//!
//! Readers find nodes, arrays and chunks by bisection: what is not in order, or stands in two manifests, is refused here.

mod envelope;
mod manifest;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Display;
use std::io;

use bytes::Bytes;
use flatbuffers::{Verifiable, VerifierOptions};
use icechunk_format::flatbuffers::generated;
use icechunk_format::format_constants::FileTypeBin;
use icechunk_format::repo_info::RepoInfo;
use icechunk_format::{ManifestId, SnapshotId};

pub(crate) use envelope::unsealed;
use manifest::{Extents, Wanted};

use super::zarr3::{Node, StoredArray, node};
use super::{ProductStore, ReadError};
use crate::model::IcechunkVersion;

/// Reads an object of a repository by its path there.
pub type GetObject<'a> = &'a mut dyn FnMut(&str) -> io::Result<Bytes>;

/// A node of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IcechunkNode {
    /// Its id.
    pub id: [u8; 8],
    /// Whether it is an array.
    pub is_array: bool,
    /// Its `zarr.json`.
    pub document: Bytes,
}

/// What a snapshot says of its nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IcechunkSnapshot {
    /// Its id.
    pub id: [u8; 12],
    /// Its nodes by path, `/` the first.
    pub nodes: BTreeMap<String, IcechunkNode>,
}

fn wrong(path: &str, expected: &'static str, found: &dyn Display) -> ReadError {
    super::zarr2::wrong(path, expected, found)
}

/// The root of a verified buffer: it cannot point outside, nor be deeper or of more tables than it has room for.
fn root<'a, T: flatbuffers::Follow<'a> + Verifiable + 'a>(path: &str, buffer: &'a [u8]) -> Result<T::Inner, ReadError> {
    let options = VerifierOptions {
        max_depth: 16,
        max_tables: buffer.len() / 8 + 8,
        // Texts that stand once and are named often count each time.
        max_apparent_size: usize::MAX,
        ignore_missing_null_terminator: true,
    };
    flatbuffers::root_with_opts::<T>(&options, buffer).map_err(|error| wrong(path, "an object of Icechunk", &error))
}

fn get_object(get: GetObject<'_>, path: &str) -> Result<Bytes, ReadError> {
    get(path).map_err(|source| ReadError::Unread { path: path.into(), source })
}

/// The snapshot that the branch `main` is at, by the file that names it.
///
/// ```
/// use altostac::model::IcechunkVersion;
/// let id = altostac::read::read_icechunk_head(IcechunkVersion::V1, br#"{"snapshot":"1CECHNKREP0F1RSTCMT0"}"#)?;
/// assert_eq!(id, "1CECHNKREP0F1RSTCMT0");
/// # Ok::<(), altostac::read::ReadError>(())
/// ```
///
/// # Errors
/// [`ReadError::Metadata`] if it names none.
pub fn read_icechunk_head(version: IcechunkVersion, bytes: &[u8]) -> Result<String, ReadError> {
    let (path, expected) = ("the branch main", "the id of a snapshot");
    let id = match version {
        IcechunkVersion::V1 => {
            let document: serde_json::Value =
                serde_json::from_slice(bytes).map_err(|error| wrong(path, expected, &error))?;
            let id = document.get("snapshot").and_then(serde_json::Value::as_str).map(str::to_owned);
            id.ok_or_else(|| wrong(path, expected, &document))?
        }
        IcechunkVersion::V2 => {
            let content = unsealed(path, bytes, FileTypeBin::RepoInfo)?;
            let info = RepoInfo::from_buffer(content).map_err(|error| wrong(path, expected, &error.kind))?;
            info.resolve_branch("main").map_err(|error| wrong(path, expected, &error.kind))?.to_string()
        }
    };
    SnapshotId::try_from(id.as_str()).map_err(|error| wrong(path, expected, &error))?;
    Ok(id)
}

/// The nodes of a snapshot; no references.
///
/// # Errors
/// [`ReadError`] if it cannot be read, or is no snapshot.
pub fn read_icechunk_nodes(snapshot: &str, get: GetObject<'_>) -> Result<IcechunkSnapshot, ReadError> {
    let path = format!("snapshots/{snapshot}");
    let content = unsealed(&path, &get_object(get, &path)?, FileTypeBin::Snapshot)?;
    let found = root::<generated::Snapshot<'_>>(&path, &content)?;
    let mut nodes = BTreeMap::new();
    for node in found.nodes() {
        let document = Bytes::copy_from_slice(node.user_data().bytes());
        let is_array = node.node_data_type() == generated::NodeData::Array;
        nodes.insert(node.path().to_owned(), IcechunkNode { id: node.id().0, is_array, document });
    }
    Ok(IcechunkSnapshot { id: found.id().0, nodes })
}

/// A snapshot with all its references.
///
/// # Errors
/// [`ReadError`] if an object cannot be read or is none of Icechunk's; [`ReadError::Metadata`] for types and codecs that altostac does not
/// write, and for whatever a reader would find by luck only.
pub fn read_icechunk(snapshot: &str, get: GetObject<'_>) -> Result<ProductStore, ReadError> {
    let path = format!("snapshots/{snapshot}");
    let content = unsealed(&path, &get_object(get, &path)?, FileTypeBin::Snapshot)?;
    let found = root::<generated::Snapshot<'_>>(&path, &content)?;
    if SnapshotId::new(found.id().0).to_string() != snapshot {
        return Err(wrong(&path, "the id of its path", &SnapshotId::new(found.id().0)));
    }
    let mut gathered = Gathered::default();
    let mut last: Option<&str> = None;
    for node in found.nodes() {
        if last.is_some_and(|last| last >= node.path()) {
            return Err(wrong(&path, "nodes in the order of their paths", &node.path()));
        }
        last = Some(node.path());
        gathered.node(&path, &node)?;
    }
    let Gathered { mut store, mut arrays, manifests, wanted } = gathered;
    let mut checksums = BTreeMap::new();
    for id in manifests {
        let path = format!("manifests/{id}");
        let content = unsealed(&path, &get_object(get, &path)?, FileTypeBin::Manifest)?;
        let arrays_of_it = wanted.get(&id).map(Vec::as_slice).unwrap_or_default();
        manifest::take(&path, &id, &content, arrays_of_it, &mut arrays, &mut checksums)?;
    }
    store.checksums = Some(checksums);
    for StoredArray { mut array, .. } in arrays {
        array.references.shrink();
        store.arrays.insert(array.key.clone(), array);
    }
    Ok(store)
}

/// What the nodes say.
#[derive(Default)]
struct Gathered {
    store: ProductStore,
    arrays: Vec<StoredArray>,
    /// In the order in which arrays name them.
    manifests: Vec<ManifestId>,
    /// What is expected in each.
    wanted: HashMap<ManifestId, Vec<Wanted>>,
}

impl Gathered {
    fn node(&mut self, path: &str, found: &generated::NodeSnapshot<'_>) -> Result<(), ReadError> {
        let Some(key) = found.path().strip_prefix('/') else {
            return Err(wrong(path, "paths that begin with a slash", &found.path()));
        };
        let described = node(key, found.user_data().bytes())?;
        match (described, found.node_data_as_array(), found.node_data_as_group()) {
            (Node::Group(attributes), None, Some(_)) => {
                self.store.groups.insert(key.to_owned(), attributes);
                Ok(())
            }
            (Node::Array(array), Some(data), None) => self.array(key, found.id().0, *array, &data),
            _ => Err(wrong(key, "a node of the kind that its zarr.json says", &"another")),
        }
    }

    fn array(
        &mut self,
        key: &str,
        id: [u8; 8],
        array: StoredArray,
        data: &generated::ArrayNodeData<'_>,
    ) -> Result<(), ReadError> {
        let shape: Vec<u64> = match data.shape_v2() {
            Some(shape) => shape.iter().map(|dimension| dimension.array_length()).collect(),
            None => data.shape().iter().map(generated::DimensionShape::array_length).collect(),
        };
        if shape != array.grid.shape {
            return Err(wrong(key, "the shape that its zarr.json says", &format!("{shape:?}")));
        }
        let number = self.arrays.len();
        let mut before: Option<Extents> = None;
        for reference in data.manifests() {
            let extents =
                Extents::new(key, &array.grid, reference.extents().iter().map(|range| (range.from(), range.to())))?;
            if before.as_ref().is_some_and(|before| !before.is_before(&extents)) {
                return Err(wrong(key, "manifests that follow each other", &format!("{extents:?}")));
            }
            let manifest = ManifestId::new(reference.object_id().0);
            before = Some(extents.clone());
            let wanted = self.wanted.entry(manifest.clone()).or_default();
            if wanted.is_empty() {
                self.manifests.push(manifest);
            }
            wanted.push(Wanted { node: id, array: number, extents });
        }
        self.arrays.push(array);
        Ok(())
    }
}
