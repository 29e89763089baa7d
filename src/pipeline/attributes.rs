//! The archive with the attributes that facets ask for. What files say is kept in the state, so that a file is opened for its attributes
//! once, as long as it does not change.

use std::collections::HashMap;
use std::fs;
use std::io;

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{PipelineError, Progress, Workspace, chain};
use crate::model::facets::AskedAttributes;
use crate::model::{Attributes, FileAttributes, FileIndex, Fingerprint, SourceFile, SourceUrl};
use crate::scan::{Scan, scan_with};
use crate::storage::open_source;

const NAME: &str = "attributes.json";

/// What is remembered.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Remembered {
    asked: AskedAttributes,
    files: HashMap<SourceUrl, (Fingerprint, FileAttributes)>,
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
    let is_known = |file: &SourceFile| known.files.get(&file.url).is_some_and(|(state, _)| *state == file.fingerprint);
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
            None => Ok(known.files.get(&file.url).map(|(_, attributes)| attributes.clone()).unwrap_or_default()),
        };
        if let Ok(attributes) = &answer {
            kept.insert(file.url.clone(), (file.fingerprint.clone(), attributes.clone()));
        }
        answers.push(answer);
    }
    // A file that cannot be read is asked again every time, and changes nothing.
    if kept != known.files && workspace.is_locked() {
        save(workspace, &Remembered { asked: asked.clone(), files: kept });
    }
    answers
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
