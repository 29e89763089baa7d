#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{
    Array, ArrayValues, AttributeValue, ByteOrder, ChunkGrid, ChunkLocation, ChunkManifest, Codec, CodecChain,
    DataType, Digest, Dimension, DimensionName, FileGroup, FileVariable, Fingerprint, Layout, Note, Numbers, Primitive,
    Sharing, SmallValues, SourceFile, SourceUrl, VariableName, VariableSchema,
};
use crate::storage::LocalFile;

fn kept(index: FileIndex) -> KeptIndex {
    KeptIndex { index, changed_ns: Some(-7), is_verified: false }
}

fn netcdf_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.path() {
            path if path.is_dir() => netcdf_files(&path, found),
            path if path.extension().is_some_and(|extension| extension == "nc") => found.push(path),
            _ => {}
        }
    }
}

fn of_fixtures() -> Vec<KeptIndex> {
    let mut files = Vec::new();
    netcdf_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"), &mut files);
    files.sort();
    files.truncate(40);
    let mut sharing = Sharing::default();
    let index = |path: &PathBuf| {
        let mut index = crate::index::index(&LocalFile::open(path).ok()?).ok()?;
        sharing.share(&mut index);
        Some(kept(index))
    };
    files.iter().filter_map(index).collect()
}

fn variable(name: &str, data_type: DataType, codecs: Vec<Codec>, layout: Layout) -> FileVariable {
    let attributes = [
        ("texts", AttributeValue::Texts(vec!["a".into(), String::new()])),
        ("nan", AttributeValue::Numbers(Numbers::F32(vec![f32::NAN, -0.0]))),
        ("odd", AttributeValue::Unsupported("compound".into())),
    ];
    let schema = VariableSchema {
        name: VariableName::new(name).unwrap(),
        data_type,
        dimensions: vec![DimensionName::new("time").unwrap()],
        attributes: Arc::new(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
        fill_value: Some(vec![1, 0, 255]),
        layout,
        codecs: CodecChain(codecs),
        grid: ChunkGrid::new(vec![5], vec![1]).unwrap(),
        unfiltered_edges: true,
    };
    let mut manifest = ChunkManifest::sparse(5);
    for (number, offset, filter_mask) in [(4, 10, 0), (1, u64::MAX - 9, 3), (2, 0, 0)] {
        assert!(manifest.set(number, ChunkLocation { offset, length: 7, filter_mask }));
    }
    FileVariable { schema: Arc::new(schema), manifest: Arc::new(manifest), values: SmallValues::NotRead }
}

fn odd() -> FileIndex {
    let members = Arc::from([("dry".to_owned(), -1), ("wet".to_owned(), 2)]);
    let order = ByteOrder::Big;
    let other = Codec::Other { id: 32_001, name: "blosc".into(), parameters: vec![0, u32::MAX] };
    let mut variables = vec![
        variable("a", DataType::Enumeration { primitive: Primitive::I8, order, members }, vec![], Layout::Compact),
        variable("b", DataType::FixedString { length: 3 }, vec![Codec::Zstd { level: -5 }, other], Layout::Chunked),
        variable("c", DataType::VariableString, vec![Codec::Fletcher32], Layout::Virtual("x of y".into())),
        variable("d", DataType::Unsupported { class: "opaque".into(), size: 9 }, vec![], Layout::External("z".into())),
        variable("e", DataType::FixedUnicode { length: 2 }, vec![Codec::Deflate { level: 9 }], Layout::Contiguous),
        variable("f", DataType::little(Primitive::F64), vec![Codec::Shuffle { element_size: 8 }], Layout::Chunked),
    ];
    let texts = ArrayValues::Strings(vec!["ä".into()]);
    variables[0].values = Array { shape: vec![1], values: texts }.into();
    variables[1].values =
        Array { shape: vec![], values: ArrayValues::FixedStrings { length: 3, bytes: b"abc".to_vec() } }.into();
    variables[5].values = SmallValues::Digest(Arc::new(Digest {
        sha256: [7; 32],
        minimum: f64::MIN,
        maximum: f64::MAX,
        quarter_degrees: vec![u64::MAX, 0],
        sample: vec![1.5],
    }));
    let mut inner = FileGroup { path: "/in".into(), ..FileGroup::default() };
    inner.variables.extend(variables.into_iter().map(|one| (one.name.clone(), one)));
    let unlimited = Dimension { length: 5, unlimited: true };
    let mut root = FileGroup { path: "/".into(), ..FileGroup::default() };
    root.dimensions = Arc::new([(DimensionName::new("time").unwrap(), unlimited)].into_iter().collect());
    root.groups.insert("in".into(), inner);
    let url = SourceUrl::new("https://a.org/x%20y.nc?z=1".parse().unwrap());
    let source = SourceFile { url, size: u64::MAX, fingerprint: Fingerprint::Sha256 { digest: "00".into() } };
    FileIndex { source, format: "HDF5".into(), root, notes: vec![Note::new("odd", "it is").about("a")] }
}

#[test]
fn indexes_come_back_as_they_were() {
    let mut all = of_fixtures();
    assert!(all.len() > 3);
    all.push(KeptIndex { changed_ns: None, is_verified: true, ..kept(odd()) });
    let bytes = pack(&all).unwrap();
    let back = unpack(&bytes).unwrap();
    assert_eq!(back, all);
    // Debug also shows the order of attributes, which `==` does not look at.
    let shown = |all: &[KeptIndex]| -> Vec<String> {
        all.iter().map(|one| format!("{:?}", one.index.root.attributes)).collect()
    };
    assert_eq!(shown(&back), shown(&all));
    assert_eq!(pack(&back).unwrap(), bytes, "what is shared is shared again");
    for at in [0, 20, bytes.len() / 2, bytes.len() - 1] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        assert_eq!(unpack(&damaged), None);
    }
    assert_eq!((unpack(&[]), unpack(&bytes[..50])), (None, None));
}

#[test]
fn what_lies_too_deep_is_not_kept() {
    let nested = |depth: usize| {
        let mut root = FileGroup::default();
        for _ in 0..depth {
            let mut above = FileGroup::default();
            above.groups.insert("g".into(), root);
            root = above;
        }
        kept(FileIndex { root, ..odd() })
    };
    assert_eq!(pack(&[nested(201)]), None);
    let deep = vec![nested(150)];
    assert_eq!(unpack(&pack(&deep).unwrap()), Some(deep));
}

proptest! {
    #[test]
    fn other_bytes_are_refused_or_read(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let bytes = pack(&[kept(odd()), kept(odd())]).unwrap();
        let mut body = bytes[..bytes.len() - 32].to_vec();
        for (at, byte) in changes {
            let at = at.index(body.len());
            body[at] = byte;
        }
        // Without the digest in the way: no panic, and no more room than there are bytes.
        let _ = read(&body);
    }
}
