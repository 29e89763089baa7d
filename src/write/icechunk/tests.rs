#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::model::{AttributeValue, Attributes, Codec, CodecChain, Fingerprint, Numbers};
use crate::read::testing::{Spec, file, join};
use crate::read::{ProductStore, ReadError, Reference, read_icechunk, read_icechunk_head, read_icechunk_nodes};

type Objects = BTreeMap<String, Bytes>;

fn specs(steps: u64) -> [Spec; 2] {
    let count = usize::try_from(steps).unwrap();
    let chain = CodecChain(vec![Codec::Shuffle { element_size: 4 }, Codec::Deflate { level: 4 }]);
    let mut tas = Spec::new("tas", &["time", "x"], &[steps, 2], &Numbers::F32(vec![1.0; 2 * count]))
        .chunked(&[1, 2], &chain)
        .attribute("_FillValue", AttributeValue::Numbers(Numbers::F32(vec![1e20])))
        .text("units", "K");
    tas.missing = vec![1];
    tas.fill_value = Some(f32::to_le_bytes(-9.0).to_vec());
    [tas, Spec::new("x", &["x"], &[2], &Numbers::F64(vec![0.5, 1.5])).small()]
}

fn cube(steps: u64) -> VirtualCube {
    let attributes = Attributes::from([("title".to_owned(), AttributeValue::Text("t".into()))]);
    join(&[file("/archive/a b.nc", attributes, &specs(steps)).0], "time")
}

fn commit(
    cube: &VirtualCube,
    version: IcechunkVersion,
    parent: Option<&IcechunkSnapshot>,
    objects: &mut Objects,
) -> IcechunkCommit {
    let mut put = |path: &str, bytes: &[u8]| {
        assert!(objects.insert(path.into(), Bytes::copy_from_slice(bytes)).is_none(), "{path} twice");
        Ok(())
    };
    write_icechunk(cube, &PublicUrls::default(), version, (parent, &BTreeMap::new()), &mut put).unwrap()
}

#[test]
fn what_the_commit_before_says_is_not_written_again() {
    for version in [IcechunkVersion::V1, IcechunkVersion::V2] {
        let mut objects = Objects::new();
        let first = commit(&cube(3), version, None, &mut objects);
        let parent = |objects: &Objects, snapshot: &str| {
            let mut get = |path: &str| objects.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into());
            read_icechunk_nodes(snapshot, &mut get).unwrap()
        };
        let before = parent(&objects, &first.snapshot());
        let write = |cube: &VirtualCube, objects: &mut Objects| {
            let mut put = |path: &str, bytes: &[u8]| {
                assert!(objects.insert(path.into(), Bytes::copy_from_slice(bytes)).is_none(), "{path} twice");
                Ok(())
            };
            let known = (Some(&before), &first.manifests);
            write_icechunk(cube, &PublicUrls::default(), version, known, &mut put).unwrap()
        };
        let mut other = cube(3);
        other.root.attributes =
            std::sync::Arc::new(Attributes::from([("title".to_owned(), AttributeValue::Text("u".into()))]));
        let count = objects.len();
        let second = write(&other, &mut objects);
        // The snapshot and its log.
        assert_eq!(objects.len(), count + 2);
        assert_eq!(second.manifests, first.manifests);
        let stores = [&first, &second].map(|commit| read(&objects, &commit.snapshot()).unwrap());
        let tas = stores.each_ref().map(|store| {
            let array = &store.arrays["tas"];
            (0..3).map(|number| format!("{:?}", array.reference(number))).collect::<Vec<_>>()
        });
        assert_eq!(tas[0], tas[1]);
        // One step more: the coordinates stay, the references are others.
        let third = write(&cube(4), &mut objects);
        let same = third.manifests.iter().filter(|(said, _)| first.manifests.contains_key(*said)).count();
        assert!(same < third.manifests.len());
        assert!(read(&objects, &third.snapshot()).is_ok());
    }
}

fn read(objects: &Objects, snapshot: &str) -> Result<ProductStore, ReadError> {
    read_icechunk(snapshot, &mut |path| objects.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into()))
}

fn reveal(commit: &IcechunkCommit, objects: &mut Objects) {
    let head = IcechunkFiles::head_path(commit.version);
    let standing = IcechunkFiles {
        configuration: objects.get(IcechunkFiles::CONFIGURATION_PATH).cloned(),
        head: objects.get(head).cloned(),
    };
    let overwrites = commit.reveal(&standing).unwrap();
    assert_eq!(overwrites.last().unwrap().path, head);
    for overwrite in overwrites {
        if let Some(expected) = overwrite.expected {
            assert_eq!(objects.get(&overwrite.path).cloned(), expected);
        }
        objects.insert(overwrite.path, overwrite.content.into());
    }
}

#[test]
fn a_commit_is_read_back_as_it_was_meant() {
    for version in [IcechunkVersion::V1, IcechunkVersion::V2] {
        let (cube, mut objects) = (cube(3), Objects::new());
        let written = commit(&cube, version, None, &mut objects);
        assert_eq!(written.written, Written { chunks: 3, inlined: 1, left_out: 1 });
        assert_eq!(written.containers.iter().map(ToString::to_string).collect::<Vec<_>>(), ["file:///archive/"]);
        let store = read(&objects, &written.snapshot()).unwrap();
        assert_eq!(store.groups[""]["title"], "t");
        let tas = &store.arrays["tas"];
        assert_eq!((&tas.missing_element, tas.reference(1)), (&Some(f32::to_le_bytes(-9.0).to_vec()), None));
        let Some(Reference::Part { url, .. }) = tas.reference(2) else { panic!("{:?}", tas.reference(2)) };
        assert_eq!(&*url, "file:///archive/a b.nc");
        assert_eq!(
            store.read_chunk(&store.arrays["x"], 0, &|_| unreachable!()).unwrap(),
            Numbers::F64(vec![0.5, 1.5]).to_bytes(crate::model::ByteOrder::Little)
        );
    }
}

#[test]
fn many_chunks_are_in_several_manifests() {
    let spec =
        Spec::new("v", &["time"], &[120_001], &Numbers::U8(vec![7; 120_001])).chunked(&[1], &CodecChain::default());
    let cube = join(&[file("/a.nc", Attributes::new(), &[spec]).0], "time");
    let mut objects = Objects::new();
    let written = commit(&cube, IcechunkVersion::V1, None, &mut objects);
    let store = read(&objects, &written.snapshot()).unwrap();
    assert_eq!(store.arrays["v"].reference_count(), 120_001);
    assert_eq!(objects.keys().filter(|path| path.starts_with("manifests/")).count(), 2);
}

#[test]
fn the_branch_moves_and_nodes_keep_their_ids() {
    for version in [IcechunkVersion::V1, IcechunkVersion::V2] {
        let mut objects = Objects::new();
        let first = commit(&cube(3), version, None, &mut objects);
        assert!(!objects.contains_key(IcechunkFiles::head_path(version)), "a commit alone moves nothing");
        reveal(&first, &mut objects);
        let head =
            |objects: &Objects| read_icechunk_head(version, &objects[IcechunkFiles::head_path(version)]).unwrap();
        assert_eq!(head(&objects), first.snapshot());
        let nodes =
            |objects: &Objects, id: &str| read_icechunk_nodes(id, &mut |path| Ok(objects[path].clone())).unwrap();
        let before = nodes(&objects, &first.snapshot());
        let second = commit(&cube(4), version, Some(&before), &mut objects);
        reveal(&second, &mut objects);
        assert_eq!(head(&objects), second.snapshot());
        let after = nodes(&objects, &second.snapshot());
        let ids = |snapshot: &IcechunkSnapshot| -> Vec<_> {
            snapshot.nodes.iter().map(|(path, node)| (path.clone(), node.id)).collect()
        };
        assert_eq!(ids(&after), ids(&before));
        assert_eq!(read(&objects, &first.snapshot()).unwrap().arrays["tas"].grid.shape, [3, 2]);
        assert_eq!(read(&objects, &second.snapshot()).unwrap().arrays["tas"].grid.shape, [4, 2]);
    }
}

#[test]
fn not_every_file_has_a_checksum() {
    let with = |url: &str, fingerprint, urls: &PublicUrls| {
        let url = crate::model::SourceUrl::new(url::Url::parse(url).unwrap());
        Location::of(&SourceFile { url, size: 1, fingerprint }, urls).checksum
    };
    let etag = || Fingerprint::ETag { tag: "\"a\"".into() };
    let own = PublicUrls::default();
    assert_eq!(with("s3://b/a.nc", etag(), &own), Some(FileChecksum::ETag("\"a\"".into())));
    assert_eq!(with("https://x.org/a.nc", etag(), &own), None);
    assert_eq!(with("file:///a.nc", Fingerprint::ModifiedAndSize { modified_ns: -1, size: 1 }, &own), None);
    let url = |text| url::Url::parse(text).unwrap();
    let public = PublicUrls::new([(url("s3://b"), url("https://x.org"))]);
    assert_eq!(with("s3://b/a.nc", etag(), &public), None);
}

/// An object with other bytes inside.
fn spoiled(object: &Bytes, kind: FileTypeBin, at: usize, with: u8) -> Bytes {
    let mut content = crate::read::unsealed_icechunk("it", object, kind).unwrap();
    let at = at % content.len();
    content[at] = with;
    envelope::sealed(kind, IcechunkVersion::V1, &content).unwrap().into()
}

proptest! {
    #[test]
    fn spoiled_objects_are_refused_or_read(at in 0usize..100_000, with: u8, which in 0usize..8, cut in 0usize..400) {
        let mut objects = Objects::new();
        let written = commit(&cube(3), IcechunkVersion::V1, None, &mut objects);
        let paths: Vec<String> = objects.keys().filter(|path| !path.starts_with("transactions/")).cloned().collect();
        let path = &paths[which % paths.len()];
        let kind = if path.starts_with("snapshots/") { FileTypeBin::Snapshot } else { FileTypeBin::Manifest };
        let good = objects[path].clone();
        objects.insert(path.clone(), spoiled(&good, kind, at, with));
        let _ = read(&objects, &written.snapshot());
        let _ = read_icechunk_nodes(&written.snapshot(), &mut |path| Ok(objects[path].clone()));
        objects.insert(path.clone(), good.slice(..cut.min(good.len() - 1)));
        prop_assert!(read(&objects, &written.snapshot()).is_err());
    }
}
