//! Tests of what is read: in how many waves, how many bytes, and nothing twice.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use bytes::Bytes;

use super::SIGNATURE;
use super::testing::{Image, words};
use crate::index::index;
use crate::model::{FileIndex, SmallValues, SourceFile, SourceUrl};
use crate::storage::{ByteSource, DEFAULT_HEAD, MemoryFile, StorageError};

/// A source that remembers what was read of it.
struct Watched {
    file: MemoryFile,
    head: u64,
    waves: Mutex<Vec<Vec<Range<u64>>>>,
    learnt: Mutex<Option<u64>>,
}

impl ByteSource for Watched {
    fn file(&self) -> &SourceFile {
        self.file.file()
    }

    fn head(&self) -> u64 {
        self.head
    }

    fn learn(&self, needed_head: u64) {
        *self.learnt.lock().unwrap() = Some(needed_head);
    }

    fn read(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>, StorageError> {
        self.waves.lock().unwrap().push(ranges.to_vec());
        self.file.read(ranges)
    }
}

/// What indexing a file took.
struct Seen {
    index: FileIndex,
    waves: usize,
    bytes: u64,
    learnt: u64,
}

fn watch(content: &[u8], head: u64) -> Seen {
    let file = MemoryFile::new(SourceUrl::from_path("/a.nc").unwrap(), content.to_vec());
    let watched = Watched { file, head, waves: Mutex::default(), learnt: Mutex::default() };
    let index = index(&watched).unwrap();
    let waves = watched.waves.into_inner().unwrap();
    let mut ranges = waves.concat();
    ranges.sort_unstable_by_key(|range| range.start);
    assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start), "read twice: {ranges:?}");
    let bytes = ranges.iter().map(|range| range.end - range.start).sum();
    let learnt = watched.learnt.into_inner().unwrap().expect("the source is told what would have sufficed");
    Seen { index, waves: waves.len(), bytes, learnt }
}

/// An object header of version 2.
fn header(messages: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (kind, message) in messages {
        body.push(*kind);
        body.extend(u16::try_from(message.len()).unwrap().to_le_bytes());
        body.push(0);
        body.extend(message);
    }
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    [&b"OHDR\x02\x02"[..], &length, &body].concat()
}

fn link(name: u8, address: u64) -> (u8, Vec<u8>) {
    (6, [&[1, 0, 1, name][..], &words(&[address])].concat())
}

/// The header of a dataset of 16-bit integers.
fn dataset(shape: &[u64], layout: Vec<u8>) -> Vec<u8> {
    let space = [&[2, u8::try_from(shape.len()).unwrap(), 0, 1][..], &words(shape)].concat();
    let integer = vec![0x10, 8, 0, 0, 2, 0, 0, 0, 0, 0, 16, 0];
    header(&[(1, space), (3, integer), (8, layout)])
}

/// A node of the chunk index; each entry begins at a row and leads to an address.
fn node(level: u8, entries: &[(u64, u64)]) -> Vec<u8> {
    let count = u8::try_from(entries.len()).unwrap();
    let mut bytes = [&b"TREE\x01"[..], &[level, count, 0], &words(&[u64::MAX; 2])].concat();
    for (row, address) in entries {
        bytes.extend([8, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(words(&[*row, 0, 0, *address]));
    }
    bytes
}

/// A file as climate models write it: a variable `v` of eight chunks, whose index has four leaves, `apart` bytes from each
/// other; and a coordinate `x` contiguous at the end.
fn model_file(apart: u64) -> Vec<u8> {
    let leaves: Vec<u64> = (1..=4).map(|number| 60_000 + number * apart).collect();
    let values = 60_000 + 5 * apart;
    let end = values + 16;
    let superblock = [&SIGNATURE[..], &[2, 8, 8, 0], &words(&[0, u64::MAX, end, 100])].concat();
    let chunked = [&[3, 2, 3][..], &words(&[600]), &[1, 0, 0, 0, 4, 0, 0, 0, 2, 0, 0, 0]].concat();
    let contiguous = [&[3, 1][..], &words(&[values, 16])].concat();
    let root: Vec<(u64, u64)> = leaves.iter().zip(0..).map(|(leaf, number)| (2 * number, *leaf)).collect();
    let mut image = Image::default()
        .put_summed(0, superblock)
        .put_summed(100, header(&[link(b'v', 300), link(b'x', 450)]))
        .put_summed(300, dataset(&[8, 4], chunked))
        .put_summed(450, dataset(&[8], contiguous))
        .put(600, node(1, &root));
    for (leaf, number) in leaves.iter().zip(0..) {
        let chunks = [(2 * number, leaf - 100), (2 * number + 1, leaf - 50)];
        image = image.put(usize::try_from(*leaf).unwrap(), node(0, &chunks));
    }
    image.put(usize::try_from(values).unwrap(), words(&[7; 2])).0
}

fn check(index: &FileIndex) {
    let variables: Vec<_> = index.root.variables.values().collect();
    assert_eq!(variables[0].manifest.present(), 8);
    assert!(matches!(variables[1].values, SmallValues::Decoded(_)));
}

#[test]
fn leaves_and_values_come_in_one_wave() {
    let content = model_file(400_000);
    let seen = watch(&content, DEFAULT_HEAD);
    check(&seen.index);
    assert_eq!(seen.waves, 2);
    assert!(seen.bytes < DEFAULT_HEAD + 40_000, "{} bytes", seen.bytes);
    // The leaves are far away: only what lies together at the start is worth a head.
    assert_eq!(seen.learnt, 4096);
    let again = watch(&content, seen.learnt);
    assert_eq!((again.waves, again.index), (2, seen.index));
    assert!(again.bytes < 50_000, "{} bytes", again.bytes);
}

#[test]
fn a_head_that_was_learnt_suffices() {
    let content = model_file(10_000);
    let seen = watch(&content, DEFAULT_HEAD);
    check(&seen.index);
    assert_eq!((seen.waves, seen.learnt), (2, 110_016));
    let again = watch(&content, seen.learnt);
    assert_eq!((again.waves, again.bytes), (1, seen.learnt));
    assert_eq!(again.index, seen.index);
    // However short the head is, the file comes out the same.
    for head in [0, 600, 5000] {
        assert_eq!(watch(&content, head).index, again.index);
    }
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "nc") {
            found.push(path);
        }
    }
}

/// Files of models and satellites, as their centres wrote them.
#[test]
fn real_files_take_two_waves_once_the_head_is_known() {
    let mut files = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cmip6/archive"), &mut files);
    assert!(!files.is_empty());
    for path in files {
        let content = std::fs::read(&path).unwrap();
        let seen = watch(&content, DEFAULT_HEAD);
        let again = watch(&content, seen.learnt.max(512));
        assert!(again.waves <= 2, "{}: {} waves", path.display(), again.waves);
        assert_eq!(again.index, seen.index);
    }
}

/// A file with one variable of `64 × leaves` chunks, whose index is larger than one thread takes on.
fn large_file(leaves: u64) -> Vec<u8> {
    let (root, first) = (1000, 100_000);
    let node = |level: u8, begin: u64, entries: &[u64]| {
        let count = u16::try_from(entries.len()).unwrap().to_le_bytes();
        let mut bytes = [&b"TREE\x01"[..], &[level], &count, &words(&[u64::MAX; 2])].concat();
        for (number, address) in (0..).zip(entries) {
            bytes.extend([2, 0, 0, 0, 0, 0, 0, 0]);
            bytes.extend(words(&[begin + number * if level == 0 { 1 } else { 64 }, 0, *address]));
        }
        bytes.extend(words(&[0; 3]));
        bytes
    };
    let chunked = [&[3, 2, 2][..], &words(&[root]), &[1, 0, 0, 0, 2, 0, 0, 0]].concat();
    let places: Vec<u64> = (0..leaves).map(|leaf| first + leaf * 3000).collect();
    let end = first + leaves * 3000;
    let superblock = [&SIGNATURE[..], &[2, 8, 8, 0], &words(&[0, u64::MAX, end, 100])].concat();
    let mut image = Image::default()
        .put_summed(0, superblock)
        .put_summed(100, header(&[link(b'v', 300)]))
        .put_summed(300, dataset(&[64 * leaves], chunked))
        .put(1000, node(1, 0, &places));
    for (leaf, place) in (0..).zip(&places) {
        // Data lie in the reverse order, some over the structure: only where they are counts.
        let data: Vec<u64> = (0..64).map(|chunk| end - 8 * (64 * leaf + chunk + 1)).collect();
        image = image.put(usize::try_from(*place).unwrap(), node(0, 64 * leaf, &data));
    }
    image.put(usize::try_from(end - 1).unwrap(), [0]).0
}

#[test]
fn any_number_of_threads_finds_the_same() {
    let content = large_file(1000);
    let with = |threads: usize, content: &[u8]| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let file = MemoryFile::new(SourceUrl::from_path("/a.nc").unwrap(), content.to_vec());
        pool.install(|| index(&file).map_err(|error| error.to_string()))
    };
    let alone = with(1, &content).unwrap();
    let manifest = &alone.root.variables[0].manifest;
    assert_eq!((manifest.len(), manifest.present()), (64_000, 64_000));
    assert_eq!(manifest.get(63_999).unwrap().offset, 3_100_000 - 8 * 64_000);
    assert_eq!(with(3, &content).unwrap(), alone);
    // A leaf of another kind, and two parents of one leaf: the same complaint, whoever meets it.
    for (at, byte) in [(100_000 + 700 * 3000 + 4, 0), (1000 + 24 + 32 * 900 + 24, 0xa0)] {
        let mut broken = content.clone();
        broken[at] = byte;
        let complaint = with(1, &broken).unwrap_err();
        assert_eq!(with(3, &broken).unwrap_err(), complaint);
    }
}
