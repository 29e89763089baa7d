//! The index on damaged files: whatever the bytes, it answers with an index or an error, soon and with little memory.

#![allow(clippy::print_stderr, clippy::cast_possible_truncation)] // What was skipped or differs is told on stderr.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use altostac::index::index;
use altostac::model::SourceUrl;
use altostac::storage::MemoryFile;
use proptest::prelude::*;

/// Files up to this size are damaged.
const SMALL: u64 = 200_000;

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
        if path.is_dir() {
            collect(&path, found);
        } else if path.metadata().is_ok_and(|metadata| (1..SMALL).contains(&metadata.len())) {
            found.push(path);
        }
    }
}

/// The files of fixtures/ and, where it is at hand, of the corpus.
fn files() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("ALTOSTAC_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let mut paths = Vec::new();
    collect(&root.join("fixtures"), &mut paths);
    collect(&shared.join("corpus/odd"), &mut paths);
    collect(&shared.join("corpus/archive"), &mut paths);
    paths.sort();
    let read = paths.iter().map(|path| std::fs::read(path).unwrap());
    read.filter(|content| content.starts_with(b"\x89HDF")).collect()
}

fn index_bytes(content: Vec<u8>) -> Result<(), String> {
    let started = Instant::now();
    let answer = index(&MemoryFile::new(SourceUrl::from_path("/damaged.nc").unwrap(), content));
    let elapsed = started.elapsed();
    assert!(elapsed < Duration::from_secs(20), "took {elapsed:?}");
    answer.map(|_| ()).map_err(|error| error.to_string())
}

#[test]
fn damaged_files_are_answered() {
    let files = files();
    if files.is_empty() {
        eprintln!("skipped: needs fixtures or ../shared");
        return;
    }
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(400);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let change = (any::<prop::sample::Index>(), any::<u8>(), prop::bool::weighted(0.7));
    let damage = (
        any::<prop::sample::Index>(),
        prop::collection::vec(change, 1..8),
        prop::option::weighted(0.2, any::<prop::sample::Index>()),
    );
    runner
        .run(&damage, |(which, changes, cut)| {
            let mut content = files[which.index(files.len())].clone();
            for (at, value, near_the_start) in changes {
                // Most structures stand in the first part of a file.
                let reach = if near_the_start { content.len().min(4096) } else { content.len() };
                content[at.index(reach)] = value;
            }
            if let Some(cut) = cut {
                content.truncate(cut.index(content.len()));
            }
            let _ = index_bytes(content);
            Ok(())
        })
        .unwrap();
}

/// Every file cut at many places is refused, for a file knows where it ends.
#[test]
fn shortened_files_are_refused() {
    for content in files().into_iter().filter(|content| content.len() < 20_000).take(20) {
        if index_bytes(content.clone()).is_err() {
            continue;
        }
        for step in 1..16 {
            let cut = content.len() * step / 16;
            assert!(index_bytes(content[..cut].to_vec()).is_err(), "cut at {cut} of {}", content.len());
        }
    }
}
