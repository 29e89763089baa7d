//! The index on damaged files: whatever the bytes, it answers with an index or an error, soon and with little memory.

#![allow(clippy::print_stderr, clippy::cast_possible_truncation)] // What was skipped or differs is told on stderr.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use altostac::index::index;
use altostac::model::SourceUrl;
use altostac::storage::MemoryFile;
use proptest::prelude::*;

use crate::hostile;

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

/// Files made here, those of fixtures/ and, where it is at hand, of the corpus.
fn files() -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shared = std::env::var_os("ALTOSTAC_SHARED").map_or_else(|| root.join("../shared"), PathBuf::from);
    let mut paths = Vec::new();
    collect(&root.join("fixtures"), &mut paths);
    collect(&shared.join("corpus/odd"), &mut paths);
    collect(&shared.join("corpus/archive"), &mut paths);
    paths.sort();
    let made = [hostile::plain()].into_iter().chain([1, 2, 5].map(|version| hostile::netcdf3(version).0));
    let read = paths.iter().map(|path| std::fs::read(path).unwrap());
    made.chain(read.filter(|content| content.starts_with(b"\x89HDF") || content.starts_with(b"CDF"))).collect()
}

/// The structures of HDF5 begin with these.
const SIGNATURES: [&[u8; 4]; 16] = [
    b"TREE", b"SNOD", b"HEAP", b"GCOL", b"OHDR", b"OCHK", b"FRHP", b"FHDB", b"FHIB", b"BTHD", b"BTLF", b"BTIN",
    b"FAHD", b"FADB", b"EAHD", b"EAIB",
];

/// Where structures begin, and the bytes beside.
fn boundaries(content: &[u8]) -> Vec<usize> {
    let mut found: Vec<usize> = (0..content.len().min(128)).collect();
    for (at, window) in content.windows(4).enumerate() {
        if SIGNATURES.iter().any(|signature| &signature[..] == window) {
            found.extend([at, at + 1, at + 4, at + 8]);
        }
    }
    found.retain(|at| *at < content.len());
    found.dedup();
    found
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
    let is_hdf5 = |content: &Vec<u8>| content.starts_with(b"\x89HDF") && content.len() < 20_000;
    for content in files().into_iter().filter(is_hdf5).take(20) {
        if index_bytes(content.clone()).is_err() {
            continue;
        }
        let steps = (1..16).map(|step| content.len() * step / 16);
        for cut in steps.chain(boundaries(&content).into_iter().take(200)) {
            assert!(index_bytes(content[..cut].to_vec()).is_err(), "cut at {cut} of {}", content.len());
        }
    }
}

/// A classic file cut at any byte of its header or data is refused; what fills up the last record may be missing.
#[test]
fn shortened_classic_files_are_refused() {
    for version in [1, 2, 5] {
        let (content, end) = hostile::netcdf3(version);
        for cut in 0..content.len() {
            let answer = index_bytes(content[..cut].to_vec());
            assert_eq!(answer.is_ok(), cut >= end, "CDF-{version} cut at {cut}, data end at {end}: {answer:?}");
        }
    }
}

/// Every byte of files made by hand, changed in several ways one at a time.
#[test]
fn single_changes_are_answered() {
    let made = [hostile::plain(), hostile::netcdf3(1).0, hostile::netcdf3(5).0];
    for content in made {
        assert_eq!(index_bytes(content.clone()), Ok(()));
        for at in 0..content.len() {
            for change in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                let mut damaged = content.clone();
                damaged[at] ^= change;
                let _ = index_bytes(damaged);
            }
        }
    }
}
