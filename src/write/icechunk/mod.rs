//! Icechunk: a commit on a repository of virtual references (Icechunk specification, versions 1 and 2).
//!
//! | in the cube | in the repository |
//! | --- | --- |
//! | groups and variables | nodes of a snapshot with their `zarr.json`; a node keeps its id from commit to commit |
//! | placed chunks | virtual references with the checksum of their file, in manifests of bounded size |
//! | inlined values and chunks | the same, with the bytes in the manifest; coordinates are in manifests of their own |
//! | a never-written chunk | none: `fill_value` says what it reads as |
//!
//! Objects are written under new ids and are nothing to a reader until [`IcechunkCommit::reveal`] moves the branch `main`.

mod container;
mod envelope;
mod log;
mod manifest;
mod reveal;

use std::collections::{BTreeMap, HashMap};
use std::io;

use bytes::Bytes;
use icechunk_format::format_constants::{FileTypeBin, SpecVersionBin};
use icechunk_format::manifest::ManifestRef;
use icechunk_format::snapshot::{ArrayShape, NodeData, NodeSnapshot, Snapshot};
use icechunk_format::{ManifestId, NodeId, Path, SnapshotId};
use serde_json::{Map, Value};

pub use reveal::{IcechunkFiles, Overwrite};

use super::kerchunk::chunks::{self, ChunkSink, Gaps, Means};
use super::kerchunk::metadata;
use super::{WriteError, Written, zarr3};
use crate::model::{
    ArrayData, ChunkContainer, ChunkGrid, DataType, FileChecksum, IcechunkVersion, PublicUrls, SourceFile, Variable,
    VariablePath, VirtualCube,
};
use crate::read::{IcechunkNode, IcechunkSnapshot};
use log::{Changes, ChunkLog};
use manifest::{Manifests, Store};

/// The most bytes of texts in chunks that may stand in the product instead.
const TEXT_LIMIT: u64 = 64 << 20;

/// Writes an object of the repository by its path there; it never replaces one.
pub type Put<'a> = &'a mut dyn FnMut(&str, &[u8]) -> io::Result<()>;

/// A manifest of a repository, as it was written.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct KnownManifest {
    /// Its id.
    pub id: [u8; 12],
    /// Bytes.
    pub size: u64,
    /// How many chunks it tells of.
    pub chunks: u32,
    /// SHA-256 of its bytes in hexadecimal.
    pub sha256: String,
}

impl KnownManifest {
    /// Its path in the repository.
    pub fn path(&self) -> String {
        format!("manifests/{}", ManifestId::new(self.id))
    }
}

/// A commit that is written and not yet revealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IcechunkCommit {
    id: SnapshotId,
    parent: SnapshotId,
    version: IcechunkVersion,
    message: String,
    flushed: chrono::DateTime<chrono::Utc>,
    /// Where its references point to.
    pub containers: Vec<ChunkContainer>,
    /// Its manifests by digests of what they say; some may be of the commit before.
    pub manifests: BTreeMap<String, KnownManifest>,
    /// What it holds.
    pub written: Written,
}

impl IcechunkCommit {
    /// The id of its snapshot, as readers write it.
    pub fn snapshot(&self) -> String {
        self.id.to_string()
    }

    /// The same in bytes.
    pub fn id(&self) -> [u8; 12] {
        self.id.0
    }
}

/// How references name a file: what a reader needs to find it and to notice that it changed.
struct Location {
    url: String,
    checksum: Option<FileChecksum>,
}

impl Location {
    fn of(file: &SourceFile, urls: &PublicUrls) -> Self {
        Self { url: urls.rewrite(file.url.url()).into(), checksum: FileChecksum::of(file, urls) }
    }
}

fn failed(source: io::Error) -> WriteError {
    WriteError::Output { source }
}

/// Writes a commit: manifests, the snapshot, its log. References of a million chunks are never in memory at once. `known` are the manifests of the
/// parent that are still there: what one of them says is not written again.
///
/// ```
/// use altostac::model::{IcechunkVersion, PublicUrls, VirtualCube};
/// use altostac::write::write_icechunk;
/// let cube = VirtualCube { files: vec![], joins: vec![], root: Default::default(), choices: vec![], apart: vec![], notes: vec![] };
/// let mut paths = Vec::new();
/// let none = Default::default();
/// let commit = write_icechunk(&cube, &PublicUrls::default(), IcechunkVersion::V1, (None, &none), &mut |path, _| {
///     paths.push(path.to_owned());
///     Ok(())
/// })?;
/// assert!(paths.contains(&format!("snapshots/{}", commit.snapshot())));
/// # Ok::<(), altostac::write::WriteError>(())
/// ```
///
/// # Errors
/// [`WriteError`] if the output fails, or the cube holds what Zarr cannot say: chunks that skipped filters, filters without a codec,
/// texts in chunks, parts that do not fit the chunk grid. What was written until then is nothing to any reader.
pub fn write_icechunk(
    cube: &VirtualCube,
    urls: &PublicUrls,
    version: IcechunkVersion,
    (parent, known): (Option<&IcechunkSnapshot>, &BTreeMap<String, KnownManifest>),
    put: Put<'_>,
) -> Result<IcechunkCommit, WriteError> {
    let locations: Vec<Location> = cube.files.iter().map(|file| Location::of(file, urls)).collect();
    let mut commit =
        Commit::new(cube, parent, Manifests::new(Store { put: &mut *put, version, locations: &locations, known }));
    commit.groups()?;
    // Coordinates come first, apart from all else: opening a dataset reads them and nothing else.
    for is_inline in [true, false] {
        for (path, variable) in cube.root.all_variables() {
            if variable.inline().is_some() == is_inline {
                commit.array(path.key(), variable)?;
            }
        }
        commit.manifests.close().map_err(failed)?;
    }
    let Commit { mut nodes, log, manifests, mut changes, written, before, .. } = commit;
    for gone in before.into_values() {
        let list = if gone.is_array { &mut changes.deleted_arrays } else { &mut changes.deleted_groups };
        list.push(NodeId::new(gone.id));
    }
    let Manifests { closed, said, renamed, .. } = manifests;
    rename(&mut nodes, &renamed);
    let id = SnapshotId::random();
    let parent_id = parent.map_or(Snapshot::INITIAL_SNAPSHOT_ID, |parent| SnapshotId::new(parent.id));
    let message = format!("{} of {} files", if parent.is_some() { "Update" } else { "Build" }, cube.files.len());
    let spec = spec(version);
    let flushed = chrono::Utc::now();
    let parent_in_file = (version == IcechunkVersion::V1).then(|| parent_id.clone());
    let nodes = nodes.into_values().map(Ok);
    let snapshot =
        Snapshot::from_iter(Some(id.clone()), parent_in_file, spec, &message, None, closed, Some(flushed), nodes);
    let snapshot = snapshot.map_err(|error| failed(io::Error::other(error.to_string())))?;
    let bytes = envelope::sealed(FileTypeBin::Snapshot, version, snapshot.bytes()).map_err(failed)?;
    put(&format!("snapshots/{id}"), &bytes).map_err(failed)?;
    let bytes = log.sealed(&id, version, changes).map_err(failed)?;
    put(&format!("transactions/{id}"), &bytes).map_err(failed)?;
    let urls: Vec<&String> = locations.iter().map(|location| &location.url).collect();
    let containers = ChunkContainer::around(&urls);
    Ok(IcechunkCommit { id, parent: parent_id, version, message, flushed, containers, manifests: said, written })
}

/// Lets nodes name the manifests that stand in place of those that were not written.
fn rename(nodes: &mut BTreeMap<String, NodeSnapshot>, renamed: &HashMap<ManifestId, ManifestId>) {
    for node in nodes.values_mut() {
        let NodeData::Array { manifests, .. } = &mut node.node_data else { continue };
        for manifest in manifests {
            if let Some(known) = renamed.get(&manifest.object_id) {
                manifest.object_id = known.clone();
            }
        }
    }
}

fn spec(version: IcechunkVersion) -> SpecVersionBin {
    match version {
        IcechunkVersion::V1 => SpecVersionBin::V1,
        IcechunkVersion::V2 => SpecVersionBin::V2,
    }
}

/// Every variable of a cube that [`write_icechunk`] would refuse, and why; nothing is written.
///
/// ```
/// use altostac::model::VirtualCube;
/// use altostac::write::refused_by_icechunk;
/// let cube = VirtualCube { files: vec![], joins: vec![], root: Default::default(), choices: vec![], apart: vec![], notes: vec![] };
/// assert!(refused_by_icechunk(&cube).is_empty());
/// ```
pub fn refused_by_icechunk(cube: &VirtualCube) -> Vec<(VariablePath, WriteError)> {
    let means = Means { files: &cube.files, gaps: Gaps::LeftOut };
    let examine = |path: &VariablePath, variable: &Variable| {
        let key = path.key();
        if holds_few_texts(variable) {
            return Ok(());
        }
        document(key, variable)?;
        grid(key, variable)?;
        chunks::examine(key, variable, &read_as(variable), means)
    };
    let variables = cube.root.all_variables().into_iter();
    variables.filter_map(|(path, variable)| examine(&path, variable).err().map(|error| (path, error))).collect()
}

/// Whether a variable holds texts in chunks, and few enough that a writer may be given its values instead: Zarr version 3 has no type for
/// such chunks that all readers know.
///
/// ```
/// use altostac::model::{ArrayData, CodecChain, DataType, Variable, VariableName};
/// let placed = ArrayData::Placed { chunk_shape: vec![7], codecs: CodecChain::default(), placements: vec![] };
/// let mut variable = Variable {
///     name: VariableName::new("type")?,
///     data_type: DataType::FixedString { length: 1 },
///     dimensions: vec![],
///     shape: vec![7],
///     attributes: Default::default(),
///     fill_value: None,
///     data: placed,
///     parts: Default::default(),
/// };
/// assert!(altostac::write::holds_few_texts(&variable));
/// variable.shape = vec![1 << 40];
/// assert!(!altostac::write::holds_few_texts(&variable));
/// # Ok::<(), altostac::model::IdError>(())
/// ```
pub fn holds_few_texts(variable: &Variable) -> bool {
    let DataType::FixedString { length } = &variable.data_type else { return false };
    let bytes = variable.shape.iter().try_fold(u64::from(*length), |product, length| product.checked_mul(*length));
    matches!(variable.data, ArrayData::Placed { .. }) && bytes.is_some_and(|bytes| bytes <= TEXT_LIMIT)
}

fn read_as(variable: &Variable) -> metadata::Fill {
    metadata::Fill::read_as(zarr3::Fill::of(variable).element)
}

/// `zarr.json` of a variable.
fn document(key: &str, variable: &Variable) -> Result<Map<String, Value>, WriteError> {
    let layout = zarr3::Layout::of(key, variable)?;
    let (chunk_shape, codecs) = match &variable.data {
        ArrayData::Inline(_) => (layout.one_chunk(), zarr3::plain_codecs(&variable.data_type)),
        ArrayData::Placed { chunk_shape, codecs, .. } => {
            (chunk_shape.clone(), zarr3::stored_codecs(key, &variable.data_type, codecs)?)
        }
        ArrayData::Apart => return Err(chunks::apart(key)),
    };
    zarr3::array(key, variable, &layout, &chunk_shape, &codecs)
}

/// Shape and chunks in the repository, which counts chunks in 32 bits.
fn grid(key: &str, variable: &Variable) -> Result<(ArrayShape, Vec<u32>), WriteError> {
    let layout = zarr3::Layout::of(key, variable)?;
    let chunk_shape = match &variable.data {
        ArrayData::Inline(_) => layout.one_chunk(),
        ArrayData::Placed { chunk_shape, .. } => chunk_shape.clone(),
        ArrayData::Apart => return Err(chunks::apart(key)),
    };
    let wrong = || WriteError::DataType {
        variable: key.into(),
        expected: "less than 2^32 chunks along each dimension, of a length above 0",
        found: format!("chunks of {chunk_shape:?} for the shape {:?}", layout.shape),
    };
    let grid = ChunkGrid::new(layout.shape.clone(), chunk_shape.clone()).ok_or_else(wrong)?;
    let counts: Option<Vec<u32>> = grid.grid_shape().iter().map(|count| u32::try_from(*count).ok()).collect();
    let counts = counts.ok_or_else(wrong)?;
    let shape = ArrayShape::new(layout.shape.iter().copied().zip(counts.iter().copied())).ok_or_else(wrong)?;
    Ok((shape, counts))
}

/// A commit that is being written.
struct Commit<'a> {
    cube: &'a VirtualCube,
    /// The nodes of the commit before that have not come yet.
    before: BTreeMap<String, IcechunkNode>,
    nodes: BTreeMap<String, NodeSnapshot>,
    changes: Changes,
    log: ChunkLog,
    manifests: Manifests<'a>,
    written: Written,
}

impl<'a> Commit<'a> {
    fn new(cube: &'a VirtualCube, parent: Option<&IcechunkSnapshot>, manifests: Manifests<'a>) -> Self {
        let before = parent.map(|parent| parent.nodes.clone()).unwrap_or_default();
        let (nodes, changes, log) = (BTreeMap::new(), Changes::default(), ChunkLog::new());
        Self { cube, before, nodes, changes, log, manifests, written: Written::default() }
    }

    fn groups(&mut self) -> Result<(), WriteError> {
        let mut groups = vec![&self.cube.root];
        while let Some(group) = groups.pop() {
            let path = format!("/{}", group.path.trim_matches('/'));
            let document = zarr3::group(&group.attributes);
            let (id, user_data) = self.node(&path, false, &document)?;
            self.keep(
                &path,
                NodeSnapshot { id, path: Path::from_trusted(&path), user_data, node_data: NodeData::Group },
            );
            groups.extend(group.groups.values());
        }
        Ok(())
    }

    fn array(&mut self, key: &str, variable: &Variable) -> Result<(), WriteError> {
        let path = format!("/{key}");
        let (id, user_data) = self.node(&path, true, &document(key, variable)?)?;
        let (shape, counts) = grid(key, variable)?;
        let manifests = self.references(key, variable, &id, &counts)?;
        self.log.end_array(&id);
        let layout = zarr3::Layout::of(key, variable)?;
        let names = layout.dimensions.iter().map(|name| name.as_str().into()).collect();
        let node_data = NodeData::Array { shape, dimension_names: Some(names), manifests };
        self.keep(&path, NodeSnapshot { id, path: Path::from_trusted(&path), user_data, node_data });
        Ok(())
    }

    fn references(
        &mut self,
        key: &str,
        variable: &Variable,
        id: &NodeId,
        counts: &[u32],
    ) -> Result<Vec<ManifestRef>, WriteError> {
        let mut refs = self.manifests.array(id.clone(), counts, &mut self.log);
        match variable.inline() {
            Some(array) => {
                if let Some(bytes) = zarr3::plain_chunk(key, variable, array)? {
                    refs.inlined(&vec![0; counts.len()], &bytes.into())?;
                    self.written.chunks += 1;
                    self.written.inlined += 1;
                }
            }
            None => {
                let means = Means { files: &self.cube.files, gaps: Gaps::LeftOut };
                chunks::write(&mut refs, key, variable, &read_as(variable), means, &mut self.written)?;
            }
        }
        refs.end()
    }

    /// The id of a node, the one it had before if it was of the same kind, and its document; takes note of what changes.
    fn node(
        &mut self,
        path: &str,
        is_array: bool,
        document: &Map<String, Value>,
    ) -> Result<(NodeId, Bytes), WriteError> {
        let document = Bytes::from(serde_json::to_vec(document).map_err(|error| failed(error.into()))?);
        let known = self.before.get(path).filter(|known| known.is_array == is_array).cloned();
        let id = match &known {
            Some(known) => NodeId::new(known.id),
            None => NodeId::random(),
        };
        let changes = &mut self.changes;
        match (&known, is_array) {
            (Some(known), _) if known.document == document => {}
            (Some(_), true) => changes.updated_arrays.push(id.clone()),
            (Some(_), false) => changes.updated_groups.push(id.clone()),
            (None, true) => changes.new_arrays.push(id.clone()),
            (None, false) => changes.new_groups.push(id.clone()),
        }
        if known.is_some() {
            self.before.remove(path);
        }
        Ok((id, document))
    }

    fn keep(&mut self, path: &str, node: NodeSnapshot) {
        self.nodes.insert(path.to_owned(), node);
    }
}

#[cfg(test)]
mod tests;
