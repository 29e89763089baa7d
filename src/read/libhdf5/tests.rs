#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hdf5_metno::filters::{SZip, ScaleOffset};
use tempfile::TempDir;

use super::*;
use crate::index::index;
use crate::model::{ItemId, Product, ProductFormat, PublicUrls, Revision};
use crate::read::testing::join;
use crate::read::{NativeReader, read_slab};
use crate::storage::{ByteSource, LocalFile, open_source};
use crate::verify::{DifferenceKind, Evidence, Sampling, VerifyError, verify};
use crate::write::write_kerchunk;

fn indexed(path: &Path) -> FileIndex {
    index(&LocalFile::open(path).unwrap()).unwrap()
}

/// Chunks that products can point at, or that were never written.
fn referable(folder: &TempDir) -> (PathBuf, hdf5_metno::File, ndarray::Array2<i32>) {
    let path = folder.path().join("example.h5");
    let file = hdf5_metno::File::create(&path).unwrap();
    let array = ndarray::Array2::from_shape_fn((12, 10), |(row, column)| {
        i32::try_from((row * 10 + column) * (row * 10 + column)).unwrap() - 700
    });
    let builder = || file.new_dataset_builder().with_data(&array);
    builder().chunk((5, 4)).create("plain").unwrap();
    builder().chunk((5, 4)).shuffle().deflate(3).fletcher32().create("deflate").unwrap();
    builder().create("contiguous").unwrap();
    let sparse = file.new_dataset::<f64>().shape((12, 10)).chunk((5, 4)).fill_value(-9.5).create("sparse").unwrap();
    sparse.write_slice(&ndarray::arr2(&[[1.5, 2.5]]), (6..7, 3..5)).unwrap();
    (path, file, array)
}

/// The filters that are the library's own, and a group.
fn example(folder: &TempDir) -> PathBuf {
    let (path, file, array) = referable(folder);
    let chunked = || file.new_dataset_builder().with_data(&array).chunk((5, 4));
    chunked().szip(SZip::NearestNeighbor, 8).create("szip").unwrap();
    chunked().nbit().create("nbit").unwrap();
    chunked().scale_offset(ScaleOffset::Integer(0)).create("scaleoffset").unwrap();
    let group = file.create_group("model").unwrap();
    group.new_dataset_builder().with_data(&[1.0f32, f32::NAN, 3.0]).create("x").unwrap();
    path
}

fn whole(variable: &FileVariable) -> (Vec<u64>, Vec<u64>) {
    (vec![0; variable.grid.shape.len()], variable.grid.shape.clone())
}

#[test]
fn both_readers_see_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let index = indexed(&example(&folder));
    let reader = LibraryReader::default();
    let examination = reader.examine(&index).unwrap();
    assert_eq!(examination.disagreements, []);
    assert!(examination.facts > 50, "{}", examination.facts);
    let native = NativeReader::new(&open_source);
    for (path, variable) in index.root.all_variables() {
        let (start, count) = whole(variable);
        let other = reader.slab(&index, path.key(), variable, &start, &count).unwrap();
        assert_eq!(native.slab(&index, path.key(), variable, &start, &count).unwrap(), other, "{path}");
    }
    // Beyond the stored shape there is fill.
    let sparse = &index.root.variables["sparse"];
    let slab = |reader: &dyn SourceReader| reader.slab(&index, "sparse", sparse, &[6, 8], &[8, 4]).unwrap();
    assert_eq!(slab(&reader), slab(&native));
}

#[test]
fn the_library_lends_its_filters() {
    let folder = tempfile::tempdir().unwrap();
    let index = indexed(&example(&folder));
    let plain = &index.root.variables["plain"];
    let source = open_source(&index.source.url).unwrap();
    let expected = read_slab(plain, source.as_ref(), &[2, 1], &[9, 9]).unwrap();
    let reader = NativeReader::new(&open_source);
    for name in ["szip", "nbit", "scaleoffset"] {
        let found = reader.slab(&index, name, &index.root.variables[name], &[2, 1], &[9, 9]).unwrap();
        assert_eq!(found, expected, "{name}");
    }
}

/// A Kerchunk product of an index, as that index has it, verified with a reader.
fn verified(index: &FileIndex, reader: &dyn SourceReader) -> Result<String, Vec<DifferenceKind>> {
    let cube = join(std::slice::from_ref(index), "time");
    let mut bytes = Vec::new();
    write_kerchunk(&cube, &PublicUrls::default(), &mut bytes).unwrap();
    let item = ItemId::new("item").unwrap();
    let product = Product {
        item,
        format: ProductFormat::Kerchunk,
        revision: Revision::FIRST,
        files: vec![],
        chunks: 0,
        unlisted: 0,
    };
    let read_back = crate::read::read_kerchunk("kerchunk.json", (&mut &bytes[..], 0)).unwrap();
    let verified = verify(Evidence {
        product,
        verified: &[],
        taken_over: &Default::default(),
        read_back: &read_back,
        recorded: std::slice::from_ref(&index.source),
        indexes: std::slice::from_ref(index),
        facets: &[],
        on_overlap: crate::model::recipe::OnOverlap::Error,
        urls: &PublicUrls::default(),
        open: &open_source,
        reader,
        sampling: Sampling { budget: 16, seed: 1, every_value: true },
    });
    match verified {
        Ok(verified) => Ok(verified.report().reader.clone()),
        Err(VerifyError::Different { differences, .. }) => {
            Err(differences.listed.iter().map(|difference| difference.kind).collect())
        }
        Err(error) => panic!("{error}"),
    }
}

/// An index that is wrong makes a product that is wrong in the same way: by that index alone nobody can tell.
#[test]
fn an_index_that_is_wrong_is_seen_by_the_second_reader_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (path, file, _) = referable(&folder);
    file.close().unwrap();
    let good = indexed(&path);
    let (native, library) = (NativeReader::new(&open_source), LibraryReader::default());
    assert_eq!(verified(&good, &native), Ok("native".into()));
    assert!(verified(&good, &library).unwrap().starts_with("libhdf5 1."));

    let mut swapped = good.clone();
    let manifest = Arc::make_mut(&mut swapped.root.variables["plain"].manifest);
    let (first, last) = (manifest.get(0).unwrap(), manifest.get(1).unwrap());
    assert!(manifest.set(0, last) && manifest.set(1, first));
    assert_eq!(verified(&swapped, &native), Ok("native".into()));
    let found = verified(&swapped, &library).unwrap_err();
    assert!(found.contains(&DifferenceKind::Index) && found.contains(&DifferenceKind::Values), "{found:?}");

    let mut shorter = good.clone();
    shorter.root.variables.shift_remove("contiguous");
    assert!(verified(&shorter, &native).is_ok());
    assert_eq!(verified(&shorter, &library), Err(vec![DifferenceKind::Index]));

    let mut fill = good.clone();
    fill.root.variables["sparse"].fill_value = Some(1.5f64.to_le_bytes().to_vec());
    assert!(verified(&fill, &native).is_ok());
    assert!(verified(&fill, &library).unwrap_err().contains(&DifferenceKind::Index));
}

#[test]
fn remote_files_and_files_that_are_none_are_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let good = indexed(&example(&folder));
    let mut elsewhere = good.clone();
    elsewhere.source.url = crate::model::SourceUrl::new("https://example.org/a.nc".parse().unwrap());
    let error = LibraryReader::default().examine(&elsewhere).unwrap_err().to_string();
    assert!(error.contains("https://example.org/a.nc is not on this machine"), "{error}");
    let path = folder.path().join("none.h5");
    std::fs::write(&path, b"no HDF5").unwrap();
    let mut none = good;
    none.source = LocalFile::open(&path).unwrap().file().clone();
    assert!(matches!(LibraryReader::default().examine(&none), Err(ReadError::Library { .. })));
}

#[test]
fn netcdf3_is_read_by_libnetcdf() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.nc");
    let mut file = netcdf::create_with(&path, netcdf::Options::_64BIT_OFFSET).unwrap();
    file.add_unlimited_dimension("time").unwrap();
    file.add_dimension("x", 3).unwrap();
    file.add_variable::<f64>("time", &["time"]).unwrap();
    file.add_variable::<i16>("tas", &["time", "x"]).unwrap();
    file.enddef().unwrap();
    file.variable_mut("time").unwrap().put_values(&[1.0, 2.0], ..).unwrap();
    file.variable_mut("tas").unwrap().put_values(&[1i16, -2, 3, 4, 5, 6], ..).unwrap();
    file.close().unwrap();
    let index = indexed(&path);
    let (reader, native) = (LibraryReader::default(), NativeReader::new(&open_source));
    assert_eq!(reader.examine(&index).unwrap().disagreements, []);
    let tas = &index.root.variables["tas"];
    let found = reader.slab(&index, "tas", tas, &[0, 1], &[2, 2]).unwrap();
    assert_eq!(found, [0xff, 0xfe, 0, 3, 0, 5, 0, 6]);
    assert_eq!(native.slab(&index, "tas", tas, &[0, 1], &[2, 2]).unwrap(), found);
    let mut wrong = index.clone();
    Arc::make_mut(&mut wrong.root.variables["tas"].manifest);
    wrong.root.variables["tas"].grid.shape[0] = 3;
    assert!(!reader.examine(&wrong).unwrap().disagreements.is_empty());
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Every file of the corpus that both can open: facts and values.
#[test]
fn both_readers_agree_about_the_corpus() {
    let shared = std::env::var_os("ALTOSTAC_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    if !shared.join("corpus").is_dir() {
        eprintln!("skipped: needs ../shared");
        return;
    }
    let mut found = Vec::new();
    files(&shared.join("corpus"), &mut found);
    found.sort();
    // Damaged on purpose: the library refuses a dataset that can be read.
    found.retain(|path| !path.ends_with("tbogus.h5") && !path.ends_with("h5clear_fsm_persist_less.h5"));
    let (mut compared, mut facts, mut refused, mut wrong) = (0u64, 0u64, 0u64, Vec::new());
    for path in found {
        let Ok(source) = LocalFile::open(&path) else { continue };
        let Ok(index) = index(&source) else { continue };
        let reader = LibraryReader::default();
        let examination = match reader.examine(&index) {
            Ok(examination) => examination,
            Err(error) => {
                refused += 1;
                eprintln!("not read by the library: {error}");
                continue;
            }
        };
        facts += examination.facts;
        wrong.extend(examination.disagreements.iter().map(|found| format!("{}: {found:?}", path.display())));
        for (key, variable) in index.root.all_variables() {
            let (start, mut count) = whole(variable);
            if let Some(first) = count.first_mut() {
                *first = (*first).min(3);
            }
            let Some(size) = variable.data_type.size().filter(|_| variable.layout.obstacle().is_none()) else {
                continue;
            };
            if byte_length(&count, size).is_none_or(|length| length > 8 << 20) {
                continue;
            }
            let Ok(own) = read_slab(variable, &source, &start, &count) else { continue };
            compared += 1;
            match reader.slab(&index, key.key(), variable, &start, &count) {
                Ok(other) if other == own => {}
                Ok(_) => wrong.push(format!("{}: {key}: values", path.display())),
                Err(error) => wrong.push(format!("{}: {error}", path.display())),
            }
        }
    }
    eprintln!("{compared} variables and {facts} facts compared; {refused} files not read by the library");
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));
}
