#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::model::{Codec, CodecChain, Part, ZarrAccess, ZarrShards};
use crate::read::testing::{Files, Spec, file, join};
use crate::read::{ProductStore, Region, copy_region, read_zarr};

/// A store in a folder that remembers what it took.
struct Folder {
    path: PathBuf,
    taken: Mutex<BTreeMap<String, u64>>,
}

impl Folder {
    fn new(folder: &tempfile::TempDir) -> Self {
        Self { path: folder.path().join("data.zarr"), taken: Mutex::default() }
    }

    fn write(&self, key: &str, pieces: &[&[u8]]) {
        let path = self.path.join(key);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, pieces.concat()).unwrap();
    }
}

impl StoreSink for Folder {
    fn has(&self, key: &str, _origin: &str) -> Option<u64> {
        self.taken.lock().unwrap().get(key).copied()
    }

    fn put(&self, key: &str, pieces: &[&[u8]], chunks: u64) -> io::Result<()> {
        if chunks > 0 {
            self.write(key, pieces);
        }
        assert_eq!(self.taken.lock().unwrap().insert(key.into(), chunks), None, "{key} twice");
        Ok(())
    }

    fn advance(&self, _bytes: u64) {}
}

const COLUMNS: u64 = 5;

/// Files of so many rows each, cut and filtered in their own ways, one below the other; with all their values.
fn series(rows: &[(u64, u64, bool)], missing: Option<u64>) -> (VirtualCube, Vec<FileIndex>, Files, Vec<u8>) {
    let chain = CodecChain(vec![Codec::Shuffle { element_size: 2 }, Codec::Deflate { level: 1 }]);
    let (mut indexes, mut memories, mut all, mut first) = (Vec::new(), Vec::new(), Vec::new(), 0i16);
    for (at, (count, chunk, is_filtered)) in rows.iter().enumerate() {
        let numbers = i16::try_from(count * COLUMNS).unwrap();
        let values = Numbers::I16((first + 1..=first + numbers).collect());
        first += numbers;
        let codecs = if *is_filtered { chain.clone() } else { CodecChain::default() };
        let mut spec = Spec::new("v", &["time", "x"], &[*count, COLUMNS], &values).chunked(&[*chunk, 2], &codecs);
        spec.fill_value = Some(vec![9, 9]);
        let mut bytes = spec.bytes.clone();
        if let Some(number) = missing.filter(|_| at == 0) {
            spec.missing = vec![number];
            let (row, column) = (number / 3 * chunk, number % 3 * 2);
            for place in
                (row..(row + chunk).min(*count)).flat_map(|r| (column..(column + 2).min(5)).map(move |c| (r, c)))
            {
                let at = usize::try_from(place.0 * COLUMNS + place.1).unwrap() * 2;
                bytes[at..at + 2].copy_from_slice(&[9, 9]);
            }
        }
        all.extend(bytes);
        let (index, memory) = file(&format!("/{at}.nc"), crate::model::Attributes::new(), &[spec]);
        indexes.push(index);
        memories.push(memory);
    }
    let mut cube = join(&indexes, "time");
    let mut begin = 0;
    let part = |(file, (count, ..)): (usize, &(u64, u64, bool))| {
        begin += count;
        let (origin, count) = (vec![begin - count, 0], vec![*count, COLUMNS]);
        Part { file, origin, count, start: vec![0, 0], reversed: Vec::new(), new_dimensions: 0 }
    };
    let parts: Vec<Part> = rows.iter().enumerate().map(part).collect();
    let variable = cube.root.variables.get_mut("v").unwrap();
    (variable.parts, variable.data) = (parts.into(), ArrayData::Apart);
    (cube, indexes, Files::new(memories), all)
}

fn values(store: &ProductStore) -> Vec<u8> {
    let array = &store.arrays["v"];
    let mut all = vec![0; usize::try_from(array.grid.shape.iter().product::<u64>()).unwrap() * 2];
    for number in 0..array.grid.chunk_count() {
        let chunk = store.read_chunk(array, number, &|_| panic!("it is a copy")).unwrap();
        let start: Vec<u64> =
            array.grid.coordinates(number).iter().zip(&array.grid.chunk_shape).map(|(at, n)| at * n).collect();
        let whole = Region { start: vec![0; 2], count: array.grid.shape.clone() };
        let common = Region { start, count: array.grid.chunk_shape.clone() }.intersection(&whole).unwrap();
        let target = (&mut all[..], &array.grid.shape[..]);
        copy_region((&chunk, &array.grid.chunk_shape, 0), &[0, 0], target, &common.start, (&common.count, 2));
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever the files' chunks and filters, and whatever the store's chunks and shards: the values are those of the files.
    #[test]
    fn a_copy_reads_as_its_sources(
        rows in prop::collection::vec((1u64..9, 1u64..5, any::<bool>()), 1..4),
        missing in prop::option::of(0u64..3),
        chunks in prop::option::of((1u64..8, 1u64..7)),
        (is_version2, is_sharded, target, memory) in (any::<bool>(), any::<bool>(), 1u64..200, 1_000u64..4_000),
    ) {
        let (cube, indexes, files, expected) = series(&rows, missing);
        let given = chunks.map(|(time, x)| [("time".to_owned(), time), ("x".into(), x)]);
        let settings = ZarrSettings {
            version: if is_version2 { ZarrVersion::V2 } else { ZarrVersion::V3 },
            shards: if is_sharded && !is_version2 { ZarrShards::Auto } else { ZarrShards::None },
            access: ZarrAccess::Balanced,
            chunks: given.into_iter().flatten().collect(),
            target,
            memory,
            ..ZarrSettings::default()
        };
        let folder = tempfile::tempdir().unwrap();
        let sink = Folder::new(&folder);
        let open = |url: &SourceUrl| files.open(url);
        prop_assert!(refused_by_zarr((&cube, &indexes), &settings).is_empty());
        // What a copy needs grows with the threads; with so little memory it goes by many waves, one at a time or two.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let copy = || pool.install(|| copy_to_zarr(&cube, &indexes, &settings, &open, &sink)).unwrap();
        let first = copy();
        // A second run finds all of it there.
        let again = copy();
        prop_assert_eq!((again.chunks, &again.documents), (first.chunks, &first.documents));
        for (key, document) in &first.documents {
            sink.write(key, &[document]);
        }
        let (store, held) = read_zarr(&sink.path, &mut |_, _| ()).unwrap();
        prop_assert_eq!(&store.extra_keys, &Vec::<String>::new());
        prop_assert_eq!(held.len(), sink.taken.lock().unwrap().values().filter(|chunks| **chunks > 0).count());
        prop_assert_eq!(values(&store), expected);
    }
}

#[test]
fn what_changed_is_not_copied() {
    let (cube, mut indexes, files, _) = series(&[(4, 2, true)], None);
    let folder = tempfile::tempdir().unwrap();
    let open = |url: &SourceUrl| files.open(url);
    let copy = |indexes: &[FileIndex], settings: &ZarrSettings| {
        copy_to_zarr(&cube, indexes, settings, &open, &Folder::new(&folder)).unwrap_err()
    };
    let error = copy(&indexes, &ZarrSettings { memory: 10, ..ZarrSettings::default() });
    assert!(matches!(error, CopyError::Memory { found: 10, .. }), "{error}");
    indexes[0].source.size += 1;
    let error = copy(&indexes, &ZarrSettings::default());
    assert_eq!(error.to_string(), "v: /0.nc has changed since it was indexed");
    assert!(error.remedy().is_some());
    let error = copy(&[], &ZarrSettings::default());
    assert!(error.to_string().contains("an index of it"), "{error}");
}
