//! Linting a static catalogue on disk.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{PipelineError, Workspace};
use crate::model::PublicUrls;
use crate::storage::Output;
use crate::validate::Validator;
use crate::validate::lint::{CatalogueFiles, Entry, LintReport, lint};

/// The largest record that is read, in bytes.
const RECORD: u64 = 1 << 30;

/// Looks at a static catalogue: a folder with `catalog.json` or `collection.json`, or one record.
///
/// # Errors
/// [`PipelineError::NotACatalogue`] if there is none.
pub fn lint_folder(path: &Path) -> Result<LintReport, PipelineError> {
    let (folder, start) = start(path)?;
    linted(&Folder(folder), &start, None)
}

/// Looks at the static catalogue of a recipe: hrefs have to be what the recipe's `public_urls` say.
///
/// # Errors
/// [`PipelineError::NotACatalogue`] if nothing was built yet, or the output is in an object store.
pub fn lint_recipe(workspace: &Workspace) -> Result<LintReport, PipelineError> {
    let Output::Folder(folder) = &workspace.output else {
        return Err(PipelineError::NotACatalogue {
            path: workspace.output.shown(""),
            found:
                "an object store, while validate looks at folders of this machine: copy it to one, and validate that"
                    .into(),
        });
    };
    let (folder, start) = start(folder.root())?;
    linted(&Folder(folder), &start, Some(&workspace.recipe.public_urls))
}

fn linted(files: &Folder, start: &str, urls: Option<&PublicUrls>) -> Result<LintReport, PipelineError> {
    Ok(lint(files, start, urls, &Validator::new())?)
}

/// The folder of a catalogue, and the name of its first record.
fn start(path: &Path) -> Result<(PathBuf, String), PipelineError> {
    let none = |found: &str| PipelineError::NotACatalogue { path: path.display().to_string(), found: found.into() };
    if path.is_file() {
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| none("a name that is not UTF-8"))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        return Ok((folder.to_owned(), name.to_owned()));
    }
    let names = ["catalog.json", "collection.json"];
    let name = names.into_iter().find(|name| path.join(name).is_file());
    let found = if path.is_dir() { "neither catalog.json nor collection.json" } else { "no such file or folder" };
    name.map(|name| (path.to_owned(), name.to_owned())).ok_or_else(|| none(found))
}

/// A folder of this machine.
struct Folder(PathBuf);

fn entry(path: &Path) -> Option<Entry> {
    let found = fs::metadata(path).ok()?;
    Some(if found.is_dir() { Entry::Folder } else { Entry::File(found.len()) })
}

impl CatalogueFiles for Folder {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        let path = self.0.join(path);
        match fs::metadata(&path) {
            Ok(found) if found.len() > RECORD => {
                return Err(format!("{} bytes are too many for a record", found.len()));
            }
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        }
        fs::read(&path).map(Some).map_err(|error| error.to_string())
    }

    fn entry(&self, path: &str) -> Option<Entry> {
        entry(&self.0.join(path))
    }

    fn local(&self, url: &url::Url) -> Option<Entry> {
        entry(&url.to_file_path().ok()?)
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(folder)).into_iter().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.ok()?.file_name().to_str().map(str::to_owned)).collect();
        names.sort();
        names
    }
}
