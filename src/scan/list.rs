//! The files that a text file names.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use url::Url;

use super::{FoundFile, ScanError, ScanProblem, remote};
use crate::model::source::REMOTE_SCHEMES;
use crate::model::{SourceFile, SourcePlace, SourceUrl, holds_secret};
use crate::storage::{fingerprint, open_source};

/// The largest list that is read from a server, in bytes.
const LIST_LIMIT: u64 = 256 << 20;

/// Adds the files of a list; relative names start at `folder`.
///
/// # Errors
/// [`ScanError::List`] if the list itself cannot be read.
pub(super) fn read(
    list: &SourcePlace,
    folder: &SourcePlace,
    found: &mut Vec<FoundFile>,
    problems: &mut Vec<ScanProblem>,
) -> Result<(), ScanError> {
    let failed = |source| ScanError::List { list: list.to_string(), source };
    let lines: Box<dyn BufRead> = match list {
        SourcePlace::Local(path) => Box::new(BufReader::new(File::open(path).map_err(failed)?)),
        SourcePlace::Remote(url) => Box::new(io::Cursor::new(fetched(url).map_err(failed)?)),
    };
    let mut afar = Vec::new();
    for line in lines.split(b'\n') {
        let line = line.map_err(failed)?;
        let Ok(text) = std::str::from_utf8(&line) else {
            let reason = "its name is not UTF-8, so no pattern can match it".into();
            problems.extend(place(OsStr::from_bytes(&line), folder).map(|place| ScanProblem { place, reason }));
            continue;
        };
        let text = text.trim();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        match named(text, folder) {
            Ok(Named::Here(file)) => found.push(FoundFile { path: text.to_owned(), file }),
            Ok(Named::Afar(url)) => afar.push((text.to_owned(), url)),
            Err(problem) => problems.extend(problem),
        }
    }
    remote::look_at(afar, found, problems);
    Ok(())
}

/// A file of a list.
enum Named {
    /// On this machine: as it is now.
    Here(SourceFile),
    /// Behind a URL; it is looked at together with the others.
    Afar(SourceUrl),
}

fn named(text: &str, folder: &SourcePlace) -> Result<Named, Option<ScanProblem>> {
    let problem = |reason: String| place(OsStr::new(text), folder).map(|place| ScanProblem { place, reason });
    match (text.contains("://"), folder) {
        (true, _) => {
            let url = Url::parse(text).map_err(|error| problem(format!("not a URL: {error}")))?;
            if url.scheme() == "file" {
                if folder.local().is_none() {
                    return Err(problem("a list from a server cannot name files of this machine".into()));
                }
                let path = url.to_file_path().map_err(|()| problem("not the URL of a local file".into()))?;
                return look_at(&path).map(Named::Here).map_err(problem);
            }
            afar(url).map(Named::Afar).map_err(Some)
        }
        (false, SourcePlace::Local(folder)) => look_at(&folder.join(text)).map(Named::Here).map_err(problem),
        (false, SourcePlace::Remote(folder)) => {
            let url = folder.url().join(text).map_err(|error| problem(format!("not a URL: {error}")))?;
            afar(url).map(Named::Afar).map_err(Some)
        }
    }
}

/// A URL that may stand in products and records.
fn afar(mut url: Url) -> Result<SourceUrl, ScanProblem> {
    let reason = if !REMOTE_SCHEMES.contains(&url.scheme()) {
        format!("sources with the scheme {:?} cannot be read; expected {}", url.scheme(), REMOTE_SCHEMES.join(", "))
    } else if holds_secret(&url) || url.fragment().is_some() {
        "its URL holds a secret or a fragment, which would stand in products and records".to_owned()
    } else {
        return Ok(SourceUrl::new(url));
    };
    // The problem is shown: without what may be secret. These fail only for URLs that cannot have such parts.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    Err(ScanProblem { place: SourceUrl::new(url), reason })
}

/// What a line names, as a place to be shown. A folder is absolute, so there is one.
fn place(line: &OsStr, folder: &SourcePlace) -> Option<SourceUrl> {
    match folder {
        SourcePlace::Local(folder) => SourceUrl::from_path(folder.join(line)),
        SourcePlace::Remote(folder) => Some(folder.clone()),
    }
}

fn fetched(url: &SourceUrl) -> io::Result<Vec<u8>> {
    let source = open_source(url).map_err(io::Error::other)?;
    let size = source.file().size;
    if size > LIST_LIMIT {
        return Err(io::Error::other(format!("{size} bytes are too many for a list; at most {LIST_LIMIT} are read")));
    }
    Ok(source.read_one(0..size).map_err(io::Error::other)?.to_vec())
}

fn look_at(path: &Path) -> Result<SourceFile, String> {
    let in_words = |error: io::Error| match error.kind() {
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
