//! Icechunk: a commit on the repository of the item, beside its revisions. Readers see it once its revision stands.

use std::collections::BTreeMap;
use std::fs;
use std::io;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::super::Workspace;
use super::super::item::{error_of, failure, product_folder};
use super::files::{hex, sha256, staged_file, unwritten};
use super::{Reveal, Writing};
use crate::model::{IcechunkVersion, ItemError, KnownItem, Product, ProductFile, ProductFormat};
use crate::read::{IcechunkSnapshot, ReadBack, ReadError, read_icechunk, read_icechunk_head, read_icechunk_nodes};
use crate::storage::{Output, OutputStore};
use crate::write::{IcechunkCommit, IcechunkFiles, KnownManifest};

/// The file of a revision that says what the manifests of its commit say.
const MANIFESTS: &str = "icechunk.manifests";

/// What the manifests of a commit say, by digests.
#[derive(Serialize, Deserialize)]
struct Said {
    snapshot: [u8; 12],
    manifests: BTreeMap<String, KnownManifest>,
}

/// The manifests of the commit that the branch is at, as far as they are known and stand there. Those of a store are not asked for.
fn known_manifests(
    workspace: &Workspace,
    before: Option<&KnownItem>,
    repository: &str,
    parent: Option<&IcechunkSnapshot>,
) -> BTreeMap<String, KnownManifest> {
    let (Output::Folder(output), Some(known), Some(parent)) = (&workspace.output, before, parent) else {
        return BTreeMap::new();
    };
    let said = || -> Option<Said> {
        let folder = output.root().join(product_folder(workspace, &known.id, known.revision?));
        let said: Said = serde_json::from_slice(&fs::read(folder.join(MANIFESTS)).ok()?).ok()?;
        (said.snapshot == parent.id).then_some(said)
    };
    let place = output.root().join(repository);
    let stands = |manifest: &KnownManifest| {
        fs::metadata(place.join(manifest.path())).is_ok_and(|found| found.len() == manifest.size)
    };
    said().map(|said| said.manifests).into_iter().flatten().filter(|(_, manifest)| stands(manifest)).collect()
}

/// A commit that waits for its revision.
pub(in crate::pipeline) struct Pending {
    /// The repository, below the output.
    repository: String,
    version: IcechunkVersion,
    commit: IcechunkCommit,
    standing: IcechunkFiles,
}

pub(super) fn write(writing: &mut Writing<'_>, version: IcechunkVersion) -> Result<Product, ItemError> {
    let Writing { workspace, cube, id, revision, folder, staged, before, reveals, .. } = writing;
    let format = ProductFormat::Icechunk;
    let repository = format!("{}/{}", parent(folder), format.file_name());
    let output = &workspace.output;
    let standing = standing(output, &repository, version)?;
    let parent = committed(output, &repository, version, &standing)?;
    let known = known_manifests(workspace, *before, &repository, parent.as_ref());
    let mut files = Vec::new();
    let mut put = |path: &str, bytes: &[u8]| {
        let path = format!("{repository}/{path}");
        output.put(&path, bytes).map_err(io::Error::other)?;
        files.push(ProductFile { path, size: bytes.len() as u64, sha256: sha256(bytes) });
        Ok(())
    };
    let with_texts = super::texts::inlined(cube)?;
    let (cube, urls) = (with_texts.as_ref().unwrap_or(cube), &workspace.recipe.public_urls);
    let commit = crate::write::write_icechunk(cube, urls, version, (parent.as_ref(), &known), &mut put);
    let commit = commit.map_err(|error| unwritten(&repository, &io::Error::other(error)))?;
    for (_, manifest) in commit.manifests.iter().filter(|(said, _)| known.contains_key(*said)) {
        let path = format!("{repository}/{}", manifest.path());
        files.push(ProductFile { path, size: manifest.size, sha256: manifest.sha256.clone() });
    }
    if output.objects().is_none() {
        let said = Said { snapshot: commit.id(), manifests: commit.manifests.clone() };
        let said = serde_json::to_vec(&said).map_err(|error| error_of("output", &error))?;
        files.push(staged_file(staged, folder, MANIFESTS, |out| out.write_all(&said))?);
    }
    // What an asset pins comes first.
    files.sort_by_key(|file| !file.path.contains("/snapshots/"));
    let chunks = commit.written.chunks;
    reveals.push(Reveal::Icechunk(Box::new(Pending { repository, version, commit, standing })));
    Ok(Product { item: id.clone(), format, revision: *revision, files, chunks, unlisted: 0 })
}

fn parent(folder: &str) -> &str {
    folder.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn standing(output: &Output, repository: &str, version: IcechunkVersion) -> Result<IcechunkFiles, ItemError> {
    let get = |path: &str| output.get(&format!("{repository}/{path}")).map_err(|error| error_of("output", &error));
    let other = match version {
        IcechunkVersion::V1 => IcechunkVersion::V2,
        IcechunkVersion::V2 => IcechunkVersion::V1,
    };
    if get(IcechunkFiles::head_path(other))?.is_some() {
        let (asked, found) = (version.number(), other.number());
        return Err(failure(
            "output",
            format!(
                "{repository}: expected a repository of version {asked}, found one of version {found}; ask for `icechunk: {{version: {found}}}`, or remove the repository and with it its history"
            ),
        ));
    }
    let head = get(IcechunkFiles::head_path(version))?;
    let configuration = match version {
        IcechunkVersion::V1 => get(IcechunkFiles::CONFIGURATION_PATH)?,
        IcechunkVersion::V2 => None,
    };
    Ok(IcechunkFiles { configuration, head })
}

/// The commit that the branch is at.
fn committed(
    output: &Output,
    repository: &str,
    version: IcechunkVersion,
    standing: &IcechunkFiles,
) -> Result<Option<IcechunkSnapshot>, ItemError> {
    let Some(head) = &standing.head else { return Ok(None) };
    let read = read_icechunk_head(version, head)
        .and_then(|snapshot| read_icechunk_nodes(&snapshot, &mut |path| object(output, repository, path)));
    read.map(Some).map_err(|error| error_of("output", &error))
}

/// An object of a repository; its path is made of ids.
fn object(output: &Output, repository: &str, path: &str) -> io::Result<Bytes> {
    let path = format!("{repository}/{path}");
    let found = output.get(&path).map_err(io::Error::other)?;
    found.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, format!("{} is not there", output.shown(&path))))
}

impl Pending {
    /// Moves the branch. The configuration comes before it, so that a reader who sees the commit may read its chunks.
    pub(super) fn reveal(self, output: &Output) -> Result<(), ItemError> {
        let Self { repository, version, commit, standing } = self;
        for overwrite in commit.reveal(&standing).map_err(|error| error_of("output", &error))? {
            let path = format!("{repository}/{}", overwrite.path);
            let done = match &overwrite.expected {
                None => output.put(&path, &overwrite.content).map(|()| true),
                Some(expected) => output.replace(&path, expected.as_deref(), &overwrite.content),
            };
            if !done.map_err(|error| error_of("output", &error))? {
                let message = format!(
                    "{path}: another program changed it meanwhile; expected what stood there when the build began; build again"
                );
                return Err(failure("output", message));
            }
        }
        tracing::info!(repository, version = version.number(), snapshot = commit.snapshot(), "committed");
        Ok(())
    }
}

/// The repository stands beside the folder of the revision, staged or not.
pub(super) fn read_back(product: &Product, output: &Output) -> Result<ReadBack, ReadError> {
    let unknown = || ReadError::Unread {
        path: product.format.file_name().into(),
        source: io::Error::other("expected the path of a snapshot in the product"),
    };
    let pinned = product.files.first().ok_or_else(unknown)?;
    let (repository, snapshot) = pinned.path.rsplit_once("/snapshots/").ok_or_else(unknown)?;
    let mut files = Vec::new();
    let mut get = |path: &str| {
        let bytes = object(output, repository, path)?;
        let sha256 = hex(&Sha256::digest(&bytes));
        files.push(ProductFile { path: format!("{repository}/{path}"), size: bytes.len() as u64, sha256 });
        Ok(bytes)
    };
    let store = read_icechunk(snapshot, &mut get)?;
    Ok(ReadBack { store, files })
}
