//! The archive with the attributes that facets ask for. What files say is kept in the state, so that a file is opened for its attributes
//! once, as long as it does not change.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::time::SystemTime;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::indexes::{is_settled, nanoseconds};
use super::{PipelineError, Progress, Workspace, chain};
use crate::model::facets::AskedAttributes;
use crate::model::{Attributes, FileAttributes, FileIndex, Fingerprint, SourceFile, SourceUrl};
use crate::scan::{Scan, scan_with};
use crate::storage::{LookedAt, look_at, open_source};

const NAME: &str = "attributes.json";

/// What is remembered.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Remembered {
    asked: AskedAttributes,
    files: HashMap<SourceUrl, Known>,
}

/// What is remembered of a file.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Known {
    fingerprint: Fingerprint,
    /// When the inode of a local file last changed.
    changed_ns: Option<i64>,
    attributes: FileAttributes,
}

/// Looks at the archive.
///
/// # Errors
/// [`PipelineError::Scan`] if nothing to go on with is found.
pub(super) fn look(workspace: &Workspace, progress: &dyn Progress) -> Result<Scan, PipelineError> {
    Ok(scan_with(&workspace.recipe, &|files, asked| read(workspace, files, asked, progress))?)
}

fn read(
    workspace: &Workspace,
    files: &[SourceFile],
    asked: &AskedAttributes,
    progress: &dyn Progress,
) -> Vec<Result<FileAttributes, String>> {
    let mut known = load(workspace);
    if known.asked != *asked {
        known = Remembered { asked: asked.clone(), files: HashMap::new() };
    }
    let begun = nanoseconds(SystemTime::now());
    let looked = looked_at(files);
    let is_known = |file: &SourceFile| {
        let changed_ns = looked.get(&file.url).and_then(|looked| looked.changed_ns);
        let is_same = |known: &Known| known.fingerprint == file.fingerprint && known.changed_ns == changed_ns;
        known.files.get(&file.url).is_some_and(is_same)
    };
    let new: Vec<&SourceFile> = files.iter().filter(|file| !is_known(file)).collect();
    if !new.is_empty() {
        progress.begin("attributes", new.len() as u64);
    }
    let read: HashMap<&SourceUrl, Result<FileAttributes, String>> = new
        .par_iter()
        .map(|file| {
            let found = of_file(file, asked);
            progress.advance(file.url.file_name());
            (&file.url, found)
        })
        .collect();
    if !new.is_empty() {
        progress.end();
    }
    let mut answers = Vec::with_capacity(files.len());
    let mut kept = HashMap::with_capacity(files.len());
    for file in files {
        let answer = match read.get(&file.url) {
            Some(answer) => answer.clone(),
            None => Ok(known.files.get(&file.url).map(|known| known.attributes.clone()).unwrap_or_default()),
        };
        let looked = looked.get(&file.url);
        // A change may follow that bears the same time: it would never be seen.
        let may_be_kept = looked.is_none_or(|looked| looked.file == *file && is_settled(looked, begun));
        if let (Ok(attributes), true) = (&answer, may_be_kept) {
            let (fingerprint, changed_ns) = (file.fingerprint.clone(), looked.and_then(|looked| looked.changed_ns));
            kept.insert(file.url.clone(), Known { fingerprint, changed_ns, attributes: attributes.clone() });
        }
        answers.push(answer);
    }
    // A file that cannot be read is asked again every time, and changes nothing.
    if kept != known.files && workspace.is_locked() {
        save(workspace, &Remembered { asked: asked.clone(), files: kept });
    }
    answers
}

/// What local files are now.
fn looked_at(files: &[SourceFile]) -> HashMap<SourceUrl, LookedAt> {
    let urls: Vec<SourceUrl> = files.iter().filter(|file| !file.url.is_remote()).map(|file| file.url.clone()).collect();
    look_at(&urls).into_iter().flatten().map(|looked| (looked.file.url.clone(), looked)).collect()
}

fn of_file(file: &SourceFile, asked: &AskedAttributes) -> Result<FileAttributes, String> {
    let source = open_source(&file.url).map_err(|error| chain(&error))?;
    let index = crate::index::index(source.as_ref()).map_err(|error| chain(&error))?;
    if index.source.fingerprint != file.fingerprint {
        return Err("it changed while it was looked at".into());
    }
    Ok(asked_of(&index, asked))
}

/// The attributes of a file that are asked for.
fn asked_of(index: &FileIndex, asked: &AskedAttributes) -> FileAttributes {
    let take = |attributes: &Attributes, names: &std::collections::BTreeSet<String>| {
        let found = names.iter().filter_map(|name| Some((name.clone(), attributes.get(name)?.to_json()?)));
        found.collect::<std::collections::BTreeMap<_, _>>()
    };
    let variables = match asked.variables.is_empty() {
        true => Default::default(),
        false => {
            let all = index.root.all_variables().into_iter();
            all.map(|(path, variable)| (path.key().to_owned(), take(&variable.attributes, &asked.variables))).collect()
        }
    };
    FileAttributes { global: take(&index.root.attributes, &asked.global), variables }
}

fn load(workspace: &Workspace) -> Remembered {
    let path = workspace.state.join(NAME);
    let Ok(bytes) = fs::read(&path) else { return Remembered::default() };
    serde_json::from_slice(&bytes).unwrap_or_else(|error| {
        tracing::warn!("{}: attributes are read anew: {error}", path.display());
        Remembered::default()
    })
}

/// What cannot be remembered is read again.
fn save(workspace: &Workspace, remembered: &Remembered) {
    let path = workspace.state.join(NAME);
    let beside = workspace.state.join(format!(".{NAME}.{}", std::process::id()));
    let written = serde_json::to_vec(remembered).map_err(io::Error::other);
    let written = written.and_then(|bytes| fs::write(&beside, bytes)).and_then(|()| fs::rename(&beside, &path));
    if let Err(error) = written {
        let _ = fs::remove_file(&beside);
        tracing::warn!("{}: attributes cannot be kept: {error}", path.display());
    }
}
