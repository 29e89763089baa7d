//! The files that a text file names.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use url::Url;

use super::{FoundFile, ScanError, ScanProblem};
use crate::model::{SourceFile, SourceUrl};
use crate::storage::fingerprint;

/// Adds the files of a list; relative names start at `folder`.
///
/// # Errors
/// [`ScanError::List`] if the list itself cannot be read.
pub(super) fn read(
    list: &Path,
    folder: &Path,
    found: &mut Vec<FoundFile>,
    problems: &mut Vec<ScanProblem>,
) -> Result<(), ScanError> {
    let failed = |source| ScanError::List { path: list.to_owned(), source };
    for line in BufReader::new(File::open(list).map_err(failed)?).split(b'\n') {
        let line = line.map_err(failed)?;
        let Ok(text) = std::str::from_utf8(&line) else {
            let path = folder.join(OsStr::from_bytes(&line));
            problems.push(ScanProblem { path, reason: "its name is not UTF-8, so no pattern can match it".into() });
            continue;
        };
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match look_at(text, folder) {
            Ok(file) => found.push(FoundFile { path: text.to_owned(), file }),
            Err(reason) => problems.push(ScanProblem { path: folder.join(text), reason }),
        }
    }
    Ok(())
}

fn look_at(text: &str, folder: &Path) -> Result<SourceFile, String> {
    let path = if text.contains("://") { local_path(text)? } else { folder.join(text) };
    let in_words = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => "the list names it, but it is not there".to_owned(),
        _ => error.to_string(),
    };
    // The folder's links are resolved, so that one file has one URL; a link that is itself named stays.
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err("not a file".into()) };
    let path = parent.canonicalize().map_err(in_words)?.join(name);
    let metadata = std::fs::metadata(&path).map_err(in_words)?;
    if !metadata.is_file() {
        return Err("not a regular file".into());
    }
    let url = SourceUrl::from_path(&path).ok_or("not an absolute path")?;
    Ok(SourceFile { url, size: metadata.len(), fingerprint: fingerprint(&metadata) })
}

fn local_path(text: &str) -> Result<PathBuf, String> {
    let url = Url::parse(text).map_err(|error| format!("not a URL: {error}"))?;
    if url.scheme() != "file" {
        return Err(format!("sources with the scheme {:?} are not supported by this version yet", url.scheme()));
    }
    url.to_file_path().map_err(|()| "not the URL of a local file".to_owned())
}
