#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::model::{
    ArrayData, AttributeValue, Attributes, Codec, CodecChain, DataType, Group, Numbers, VariableName, VirtualCube,
};
use crate::read::testing::{Spec, file, join};
use crate::read::{ProductFolder, ProductStore, ReadBack, ReadError, Reference, parse_kerchunk, read_kerchunk_parquet};
use crate::write::write_kerchunk;

#[derive(Debug, Default)]
struct Files(BTreeMap<String, Bytes>);

impl ProductFolder for Files {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.keys().cloned().collect())
    }

    fn get(&self, name: &str) -> io::Result<Bytes> {
        self.0.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn written(cube: &VirtualCube, record_size: u32) -> Result<(Files, Written), WriteError> {
    let mut files = Files::default();
    let written = write_kerchunk_parquet(cube, &PublicUrls::default(), record_size, &mut |name, bytes| {
        assert!(files.0.insert(name.into(), Bytes::copy_from_slice(bytes)).is_none(), "{name} twice");
        Ok(())
    })?;
    Ok((files, written))
}

fn read(files: &Files) -> Result<ReadBack, ReadError> {
    read_kerchunk_parquet("kerchunk.parq", files)
}

fn cube(specs: &[Spec]) -> VirtualCube {
    let files = ["/archive/a b.nc", "/archive/ü.nc"].map(|path| file(path, Attributes::new(), specs).0);
    join(&files, "time")
}

fn deflated() -> CodecChain {
    CodecChain(vec![Codec::Shuffle { element_size: 4 }, Codec::Deflate { level: 1 }])
}

/// Chunks, coordinates, a scalar, texts, a fill value, a chunk that was never written.
fn specs() -> Vec<Spec> {
    let mut tas = Spec::new("tas", &["time", "x"], &[4, 3], &Numbers::F32((0..12u8).map(f32::from).collect()))
        .chunked(&[1, 3], &deflated())
        .attribute("_FillValue", AttributeValue::Numbers(Numbers::F32(vec![f32::NAN])))
        .text("units", "K");
    tas.missing = vec![2];
    tas.fill_value = Some(f32::NAN.to_le_bytes().to_vec());
    let mut name = Spec::new("name", &["n"], &[9], &Numbers::U8(b"base64:AA".to_vec())).small();
    name.data_type = DataType::FixedString { length: 1 };
    vec![tas, name, Spec::new("height", &[], &[], &Numbers::F64(vec![2.0])).small()]
}

/// What there is for each chunk, by key; the bytes of Kerchunk JSON and of Parquet alike.
fn chunks(store: &ProductStore) -> BTreeMap<String, Option<Reference>> {
    let of = |array: &crate::read::ProductArray| -> Vec<_> {
        (0..array.grid.chunk_count()).map(|number| (array.chunk_key(number), array.reference(number))).collect()
    };
    store.arrays.values().flat_map(of).collect()
}

#[test]
fn the_same_is_read_back_as_from_json() {
    let cube = cube(&specs());
    let mut json = Vec::new();
    write_kerchunk(&cube, &PublicUrls::default(), &mut json).unwrap();
    let expected = parse_kerchunk(&json).unwrap();
    for record_size in [1, 3, 100_000] {
        let (files, count) = written(&cube, record_size).unwrap();
        let found = read(&files).unwrap();
        assert_eq!(found.store.groups, expected.groups);
        assert_eq!(found.files.len(), files.0.len());
        for (key, array) in &expected.arrays {
            let other = &found.store.arrays[key];
            assert_eq!(
                (&array.grid, &array.codecs, &array.attributes),
                (&other.grid, &other.codecs, &other.attributes)
            );
        }
        let (mut ours, mut theirs) = (chunks(&found.store), chunks(&expected));
        // A gap in JSON is a chunk of fill here.
        for key in ["tas/2.0", "tas/6.0"] {
            assert_eq!(theirs.remove(key), Some(None));
            assert!(matches!(ours.remove(key), Some(Some(Reference::Inline(_)))), "{key}");
        }
        assert_eq!(ours, theirs);
        assert_eq!((count.chunks, count.left_out), (ours.len() as u64 + 2, 0));
        let nan = found.store.read_chunk(&found.store.arrays["tas"], 2, &|_| unreachable!()).unwrap();
        assert_eq!(nan, f32::NAN.to_le_bytes().repeat(3));
    }
}

#[test]
fn bytes_that_look_like_base64_come_back() {
    let (files, _) = written(&cube(&specs()), 10).unwrap();
    let store = read(&files).unwrap().store;
    assert_eq!(store.arrays["name"].reference(0), Some(Reference::Inline("base64:AA".into())));
}

#[test]
fn every_table_has_as_many_rows_as_the_array_has_chunks() {
    let (files, _) = written(&cube(&specs()), 3).unwrap();
    let tables: Vec<&String> = files.0.keys().filter(|name| name.starts_with("tas/")).collect();
    assert_eq!(tables, ["tas/refs.0.parq", "tas/refs.1.parq", "tas/refs.2.parq"]);
    let mut short = Files(files.0.clone());
    let last = short.0["tas/refs.2.parq"].clone();
    short.0.insert("tas/refs.1.parq".into(), last);
    assert_eq!(
        read(&short).unwrap_err().to_string(),
        "tas/refs.1.parq: expected a row for each chunk, found 2 rows for 3 chunks"
    );
}

#[test]
fn what_readers_would_not_find_is_refused() {
    let mut with_group = cube(&specs());
    let group = Group { path: "/forecast".into(), ..Group::default() };
    with_group.root.groups.insert("forecast".into(), group.clone());
    assert!(matches!(written(&with_group, 1), Err(WriteError::Group { group }) if group == "/forecast"));
    for name in ["a#b", "a?", "50%", "..", ".zarray", "a\\b", "a\nb"] {
        let mut cube = cube(&specs());
        let mut variable = cube.root.variables.shift_remove("height").unwrap();
        variable.name = VariableName::new(name).unwrap();
        cube.root.variables.insert(variable.name.clone(), variable);
        let error = written(&cube, 1).unwrap_err().to_string();
        assert!(error.contains("names a folder"), "{name}: {error}");
        let refused: Vec<String> =
            refused_by_kerchunk_parquet(&cube, 1).into_iter().map(|(_, error)| error.to_string()).collect();
        assert_eq!(refused, [error]);
    }
    assert!(refused_by_kerchunk_parquet(&cube(&specs()), 1).is_empty());
}

#[test]
fn fill_is_limited_by_what_one_table_holds() {
    let mut spec = Spec::new("v", &["time"], &[40], &Numbers::I16(vec![1; 40])).chunked(&[1], &CodecChain::default());
    spec.missing = (1..40).collect();
    let mut cube = cube(&[spec]);
    let variable = cube.root.variables.get_mut("v").unwrap();
    // Chunks of 4 MB, two of which were written.
    let length = 2 << 20;
    variable.shape = vec![80 * length];
    let ArrayData::Placed { chunk_shape, placements, .. } = &mut variable.data else { panic!("placed") };
    *chunk_shape = vec![length];
    for placement in placements {
        placement.grid = crate::model::ChunkGrid::new(vec![40 * length], vec![length]).unwrap();
        let mut manifest = placement.manifest.missing_alike(40);
        manifest.set(0, crate::model::ChunkLocation { offset: 0, length: 2 * length, filter_mask: 0 });
        placement.manifest = std::sync::Arc::new(manifest);
    }
    assert!(refused_by_kerchunk_parquet(&cube, 16).is_empty());
    let refused = refused_by_kerchunk_parquet(&cube, 17);
    assert!(matches!(refused[0].1, WriteError::FillTooLarge { chunks: 17, length: 4_194_304, .. }), "{refused:?}");
}

proptest! {
    #[test]
    fn damaged_tables_are_taken_or_refused(at in any::<prop::sample::Index>(), bit in 0u8..8, cut in any::<bool>()) {
        let (mut files, _) = written(&cube(&specs()), 100).unwrap();
        let table = files.0.get_mut("tas/refs.0.parq").unwrap();
        let mut bytes = table.to_vec();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        *table = bytes.into();
        let _ = read(&files);
    }
}
