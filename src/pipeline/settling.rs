//! Files that are written while they are read.
//!
//! A file is known by size and time of modification. Two things may go wrong with that. A file may be changed after it was read, but so soon that
//! the clock of its file system has not moved on: the change would never be seen. So nothing is read whose time is not safely past: it is waited
//! for, and what did not change while the clock moved on is of the past, whatever the clocks say. And a file may be changed while it is read:
//! then it is read again, a few times.

use std::borrow::Cow;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::item::{Built, failure};
use crate::model::{Fingerprint, ItemError, ItemId, SourceFile};
use crate::storage::{current_fingerprint, current_fingerprints};

/// How often an item is read whose files change meanwhile.
const ATTEMPTS: usize = 3;

/// How often it is waited for files that are written again and again.
const ROUNDS: usize = 5;

/// No clock of a file system that tells parts of a second is coarser: a tick of the kernel, and some room.
const TICK: Duration = Duration::from_millis(20);

/// The clock of one that tells whole seconds: FAT counts by two.
const COARSE_TICK: Duration = Duration::from_secs(2);

/// Does what reads these files, again if they changed meanwhile.
///
/// # Errors
/// What the last attempt says; `source_changed`, with the file, if there was a change during each.
pub(super) fn read_again(
    id: &ItemId,
    files: &[SourceFile],
    read: impl Fn() -> Result<Built, ItemError>,
) -> Result<Built, ItemError> {
    let mut files = Cow::Borrowed(files);
    let mut attempt = 1;
    loop {
        let settled = settle(&files).map_err(|file| {
            let message = format!(
                "{} is being written: it changed each of the {ROUNDS} times that it was looked at; build again when it is complete",
                file.url
            );
            ItemError { files: vec![file.url.to_string()], ..failure("source_changed", message) }
        })?;
        let outcome = read();
        let Some((file, now)) = change(&settled, &outcome) else { return outcome };
        let change = format!("at first {}, then {now}", file.fingerprint);
        tracing::info!(item = %id, attempt, "{} changed while it was read: {change}", file.url);
        if attempt == ATTEMPTS {
            let message = format!(
                "{} was changed each of the {ATTEMPTS} times that it was read: {change}; build again when it is complete",
                file.url
            );
            return Err(ItemError { files: vec![file.url.to_string()], ..failure("source_changed", message) });
        }
        if let Some(known) = files.to_mut().iter_mut().find(|known| known.url == file.url) {
            known.fingerprint = now;
        }
        attempt += 1;
    }
}

/// The files as they are now, those on this machine once none has a time at which it might still change. What cannot be looked at stays as given.
/// An error is a file that does not come to rest.
fn settle(files: &[SourceFile]) -> Result<Vec<SourceFile>, Box<SourceFile>> {
    let look_at = |files: &[SourceFile]| -> Vec<SourceFile> {
        files.iter().map(|file| look(file).unwrap_or_else(|| file.clone())).collect()
    };
    let (mut now, mut restless) = (look_at(files), None);
    for _ in 0..ROUNDS {
        let Some(wait) = unsettled(&now, nanoseconds(SystemTime::now())) else { return Ok(now) };
        thread::sleep(wait);
        let later = look_at(&now);
        restless = now.iter().zip(&later).find(|(now, later)| now != later).map(|(_, later)| later.clone());
        now = later;
        // Nothing changed while the clock moved on, even if it tells the future.
        if restless.is_none() {
            return Ok(now);
        }
    }
    restless.map_or(Ok(now), |file| Err(Box::new(file)))
}

fn look(file: &SourceFile) -> Option<SourceFile> {
    if file.url.is_remote() {
        return None;
    }
    let fingerprint = current_fingerprint(&file.url).ok()?;
    let size = match fingerprint {
        Fingerprint::ModifiedAndSize { size, .. } => size,
        Fingerprint::ETag { .. } | Fingerprint::Sha256 { .. } => file.size,
    };
    Some(SourceFile { url: file.url.clone(), size, fingerprint })
}

/// Whether any change of a file from now on must show in its time.
pub(super) fn is_settled(file: &SourceFile) -> bool {
    unsettled(std::slice::from_ref(file), nanoseconds(SystemTime::now())).is_none()
}

/// How long it takes until a change of any of these files must show in its time; `None` if it would show now.
fn unsettled(files: &[SourceFile], now_ns: i64) -> Option<Duration> {
    let tick = |file: &SourceFile| {
        let Fingerprint::ModifiedAndSize { modified_ns, .. } = file.fingerprint else { return None };
        let tick = if modified_ns % 1_000_000_000 == 0 { COARSE_TICK } else { TICK };
        let tick_ns = i64::try_from(tick.as_nanos()).unwrap_or(i64::MAX);
        (modified_ns > now_ns.saturating_sub(tick_ns)).then_some(tick)
    };
    files.iter().filter(|file| !file.url.is_remote()).filter_map(tick).max()
}

fn nanoseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}

/// The first file that is not what it was before the attempt, as it was, and what it is.
fn change(before: &[SourceFile], outcome: &Result<Built, ItemError>) -> Option<(SourceFile, Fingerprint)> {
    match outcome {
        Ok(built) => {
            let sources = &built.known.sources;
            let other = |file: &SourceFile| {
                let read = sources.get(sources.binary_search_by(|read| read.url.cmp(&file.url)).ok()?)?;
                (read.fingerprint != file.fingerprint).then(|| (file.clone(), read.fingerprint.clone()))
            };
            // Of remote files the state that was opened is the one that was read, however short before it came to be.
            before.iter().filter(|file| !file.url.is_remote()).find_map(other)
        }
        Err(error) => {
            let is_meant = |file: &&SourceFile| !file.url.is_remote() || error.files.contains(&file.url.to_string());
            let files: Vec<&SourceFile> = before.iter().filter(is_meant).collect();
            let urls: Vec<_> = files.iter().map(|file| file.url.clone()).collect();
            let now = current_fingerprints(&urls).into_iter();
            let changed = |(file, now): (&SourceFile, Result<Fingerprint, _>)| {
                let now = now.ok().filter(|now| *now != file.fingerprint)?;
                Some((file.clone(), now))
            };
            files.into_iter().zip(now).find_map(changed)
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::cell::Cell;

    use super::*;
    use crate::model::SourceUrl;

    const SECOND: i64 = 1_000_000_000;

    fn file(modified_ns: i64) -> SourceFile {
        let url = SourceUrl::from_path("/a.nc").unwrap();
        SourceFile { url, size: 1, fingerprint: Fingerprint::ModifiedAndSize { modified_ns, size: 1 } }
    }

    #[test]
    fn a_time_that_is_not_past_is_waited_for() {
        let now = 1_000 * SECOND + 500_000_000;
        let wait = |modified_ns: i64| unsettled(&[file(1), file(modified_ns)], now);
        assert_eq!(wait(now - SECOND + 1), None, "a second ago, told finely");
        assert_eq!(wait(now - 5_000_000), Some(TICK));
        assert_eq!(wait(now + 3_600 * SECOND), Some(TICK), "of the future: clocks differ");
        assert_eq!(wait(999 * SECOND), Some(COARSE_TICK), "told in whole seconds");
        assert_eq!(wait(990 * SECOND), None);
        assert_eq!(unsettled(&[], now), None);
    }

    #[test]
    fn what_changes_each_time_it_is_read_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nc");
        std::fs::write(&path, "a").unwrap();
        let url = SourceUrl::from_path(&path).unwrap();
        let fingerprint = current_fingerprint(&url).unwrap();
        let source = SourceFile { url, size: 1, fingerprint };
        let attempts = Cell::new(0);
        let torn = |changes: usize| {
            attempts.set(0);
            let id = ItemId::new("x").unwrap();
            let read = || {
                attempts.set(attempts.get() + 1);
                if attempts.get() <= changes {
                    std::fs::write(&path, "b".repeat(attempts.get() + 1)).unwrap();
                }
                Err(failure("index", "torn".into()))
            };
            let error = read_again(&id, std::slice::from_ref(&source), read).err().unwrap();
            (error.kind, attempts.get())
        };
        assert_eq!(torn(9), ("source_changed".into(), 3));
        assert_eq!(torn(1), ("index".into(), 2));
        assert_eq!(torn(0), ("index".into(), 1));
    }
}
