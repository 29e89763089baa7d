//! Zarr: a folder of documents and chunks, and beside it the digests of what holds the chunks.
//!
//! What the revision before holds already is taken over. While it is copied a journal stands beside it, a line for each file that is whole: a run that was cut off is taken up from there.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::taken_over::{Earlier, ORIGINS, Origins, TakenOver};
use super::{Writing, files::staged_file, sha256, syncing::Syncing};
use crate::model::{ItemError, Note, Product, ProductFile, ProductFormat, ZarrSettings};
use crate::pipeline::Progress;
use crate::pipeline::item::{error_of, failure};
use crate::read::{Digests, ReadBack, ReadError, StoredDigest};
use crate::storage::open_source;
use crate::write::{ArrayCut, CopyError, StoreSink, bytes_to_copy, copy_to_zarr};

/// The digests of the files that hold chunks.
const DIGESTS: &str = "data.zarr.digests";
/// The same while they are being written, in the order in which they are.
const JOURNAL: &str = "data.zarr.journal";
/// Files up to so many bytes in all are digested again whenever they are read back; of larger stores a sample is.
const DIGESTED: u64 = 128 << 20;

/// What of a folder that a run left unfinished is of use to the next.
pub(in crate::pipeline) const KEPT: [&str; 3] = ["data.zarr", JOURNAL, DIGESTS];

pub(super) fn write(writing: &mut Writing<'_>, settings: &ZarrSettings) -> Result<Product, ItemError> {
    let format = ProductFormat::Zarr;
    let earlier = Earlier::of(writing.workspace, writing.before);
    let is_here = writing.workspace.output.objects().is_none();
    let Writing { cube, indexes, progress, id, revision, folder, staged, notes, taken_over, .. } = writing;
    let local = staged.local_path().ok_or_else(|| failure("output", "the staged folder is not local".into()))?;
    let store = local.join(format.file_name());
    let journal = local.join(JOURNAL);
    let failed =
        |path: &Path, error: &io::Error| failure("output", format!("cannot write {}: {error}", path.display()));
    let digested = local.join(DIGESTS);
    let sink = LocalStore::open(&store, (&journal, &digested), earlier, *progress);
    let sink = sink.map_err(|error| failed(&journal, &error))?;
    progress.copying(bytes_to_copy(cube));
    let copied = copy_to_zarr(cube, indexes, settings, &open_source, &sink).map_err(|error| uncopied(&error))?;
    let (digests, origins, linked) = sink.finish().map_err(|error| failed(&store, &error))?;
    taken_over.extend(linked);
    notes.extend(copied.amplified.iter().map(|(key, times)| amplified(key, *times, settings.memory)));
    let mut files = Vec::new();
    for (key, document) in &copied.documents {
        // It may stand there from a run that was cut off.
        remove(&store.join(key)).map_err(|error| failed(&store, &error))?;
        let name = format!("{}/{key}", format.file_name());
        files.push(staged_file(staged, folder, &name, |out| out.write_all(document))?);
    }
    files.push(staged_file(staged, folder, DIGESTS, |out| out.write_all(digests.text().as_bytes()))?);
    if is_here {
        let origins = serde_json::to_vec(&origins).map_err(|error| error_of("output", &error))?;
        files.push(staged_file(staged, folder, ORIGINS, |out| out.write_all(&origins))?);
    }
    remove(&journal).map_err(|error| failed(&journal, &error))?;
    let unlisted = digests.0.values().map(|digest| digest.size).sum();
    Ok(Product { item: id.clone(), format, revision: *revision, files, chunks: copied.chunks, unlisted })
}

fn amplified(key: &str, times: f64, memory: u64) -> Note {
    let message = format!(
        "the chunks of its files were decoded {times:.1} times each, since {} MiB hold too few of its own; more `memory` for the product is faster",
        memory >> 20
    );
    Note::new("decoded_repeatedly", message).about(key)
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn uncopied(error: &CopyError) -> ItemError {
    let kind = match error {
        CopyError::Sink { .. } => return error_of("output", error),
        CopyError::Open { .. } | CopyError::Read { .. } | CopyError::Changed { .. } => "io",
        _ => "unsupported",
    };
    let remedy = error.remedy().map(|remedy| format!("; {remedy}")).unwrap_or_default();
    failure(kind, format!("{}{remedy}", crate::pipeline::chain(error)))
}

/// A store in a folder that is not revealed yet.
struct LocalStore<'a> {
    folder: PathBuf,
    earlier: Option<Earlier>,
    state: Mutex<State>,
    syncing: Syncing,
    progress: &'a dyn Progress,
}

struct State {
    journal: File,
    /// The files that are whole; without chunks: those that are not to be written.
    whole: BTreeMap<String, StoredDigest>,
    origins: Origins,
    /// The files that were taken over.
    linked: Vec<String>,
}

impl<'a> LocalStore<'a> {
    /// What a journal names counts if it is there and as it was: the power may have failed.
    ///
    /// A copy that was whole when it was cut off, on its way to a store, has digests in place of a journal.
    fn open(
        folder: &Path,
        (journal, digests): (&Path, &Path),
        earlier: Option<Earlier>,
        progress: &'a dyn Progress,
    ) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let read = |path: &Path| match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(|bytes| Some(String::from_utf8_lossy(&bytes).into_owned())),
        };
        let text = match read(journal)? {
            Some(text) => text,
            None => read(digests)?.unwrap_or_default(),
        };
        let whole: BTreeMap<String, StoredDigest> = Digests::parse(&text).whole_in(folder).0;
        let mut journal = OpenOptions::new().create(true).write(true).truncate(true).open(journal)?;
        journal.write_all(Digests(whole.clone()).text().as_bytes())?;
        remove(digests)?;
        let state = State { journal, whole, origins: Origins::default(), linked: Vec::new() };
        Ok(Self { folder: folder.to_owned(), earlier, state: Mutex::new(state), syncing: Syncing::start(), progress })
    }

    /// The digests of all files, what they follow from, and which were taken over.
    fn finish(self) -> io::Result<(Digests, Origins, Vec<String>)> {
        self.syncing.finish()?;
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        let digests = Digests(state.whole.into_iter().filter(|(_, digest)| digest.chunks > 0).collect());
        Ok((digests, state.origins, state.linked))
    }

    /// What is guarded is whole after every statement.
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StoreSink for LocalStore<'_> {
    fn has(&self, key: &str, origin: &str) -> Option<u64> {
        let mut state = self.state();
        state.origins.units.insert(key.to_owned(), origin.to_owned());
        if let Some(digest) = state.whole.get(key) {
            return Some(digest.chunks);
        }
        drop(state);
        let TakenOver { digest, has_moved } = self.earlier.as_ref()?.take(key, origin, &self.folder)?;
        let chunks = digest.chunks;
        let mut state = self.state();
        // Of a journal that cannot be written nothing is taken up later.
        let _ = state.journal.write_all(format!("{}\n", digest.line(key)).as_bytes());
        state.whole.insert(key.to_owned(), digest);
        // What has moved is compared with the sources as if it were new.
        if !has_moved {
            state.linked.push(key.to_owned());
        }
        Some(chunks)
    }

    fn earlier_cut(&self, key: &str) -> Option<ArrayCut> {
        self.earlier.as_ref()?.origins.arrays.get(key).cloned()
    }

    fn take_cut(&self, key: &str, cut: ArrayCut) {
        self.state().origins.arrays.insert(key.to_owned(), cut);
    }

    fn put(&self, key: &str, pieces: &[&[u8]], chunks: u64) -> io::Result<()> {
        let digest = StoredDigest::of(pieces, chunks);
        if chunks > 0 {
            let path = self.folder.join(key);
            // What stands there may be a file of another revision too.
            remove(&path)?;
            let mut file = match File::create_new(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    fs::create_dir_all(path.parent().unwrap_or(&path))?;
                    File::create_new(&path)?
                }
                created => created?,
            };
            for piece in pieces {
                file.write_all(piece)?;
            }
            self.syncing.later(file);
        }
        let mut state = self.state();
        state.journal.write_all(format!("{}\n", digest.line(key)).as_bytes())?;
        state.whole.insert(key.to_owned(), digest);
        Ok(())
    }

    fn advance(&self, bytes: u64) {
        self.progress.copied(bytes);
    }
}

pub(super) fn read_back(product: &Product, folder: &Path) -> Result<ReadBack, ReadError> {
    let store_folder = folder.join(product.format.file_name());
    let above =
        product.files.first().and_then(|file| file.path.split_once("/data.zarr/")).map_or("", |(above, _)| above);
    let mut files = Vec::new();
    let mut keep = |path: String, bytes: &[u8]| {
        files.push(ProductFile { path, size: bytes.len() as u64, sha256: sha256(bytes) });
    };
    let text =
        fs::read(folder.join(DIGESTS)).map_err(|source| ReadError::Json { source: serde_json::Error::io(source) })?;
    keep(format!("{above}/{DIGESTS}"), &text);
    let (mut store, held) = crate::read::read_zarr(&store_folder, &mut |key, bytes| {
        keep(format!("{above}/{}/{key}", ProductFormat::Zarr.file_name()), bytes);
    })?;
    let digests = Digests::parse(&String::from_utf8_lossy(&text));
    let chosen = digests.sample(DIGESTED, crate::pipeline::item::seed());
    digests.check(&store_folder, &chosen)?;
    // A file that nobody wrote would be taken for a chunk.
    store.extra_keys.extend(held.into_iter().filter(|key| !digests.0.contains_key(key)));
    Ok(ReadBack { store, files })
}
