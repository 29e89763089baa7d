//! Outputs in stores that misbehave.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::io::Write;
use std::sync::atomic::AtomicUsize;

use async_trait::async_trait;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, PutMode, PutMultipartOptions, PutOptions,
    PutPayload, PutResult, Result,
};

use super::*;

/// What a store does with a request to write, by its number.
type Fault = fn(usize) -> Mishap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mishap {
    None,
    /// The request is not carried out.
    Refused,
    /// It is, and the answer is lost.
    AnswerLost,
    /// Other bytes arrive.
    Damaged,
    /// Conditions are nothing to it.
    Unconditional,
}

#[derive(Debug)]
struct Odd {
    inner: InMemory,
    fault: Fault,
    writes: AtomicUsize,
}

impl std::fmt::Display for Odd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Odd")
    }
}

fn broken() -> object_store::Error {
    object_store::Error::Generic { store: "Odd", source: "the connection broke".into() }
}

#[async_trait]
impl ObjectStore for Odd {
    async fn put_opts(&self, location: &Path, payload: PutPayload, mut options: PutOptions) -> Result<PutResult> {
        let mishap = (self.fault)(self.writes.fetch_add(1, Ordering::SeqCst));
        let mut payload = payload;
        match mishap {
            Mishap::Refused => return Err(broken()),
            Mishap::Damaged => payload = vec![b'?'; payload.content_length()].into(),
            Mishap::Unconditional => options.mode = PutMode::Overwrite,
            Mishap::None | Mishap::AnswerLost => {}
        }
        let put = self.inner.put_opts(location, payload, options).await;
        if mishap == Mishap::AnswerLost { put.and(Err(broken())) } else { put }
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        match (self.fault)(self.writes.fetch_add(1, Ordering::SeqCst)) {
            Mishap::Refused => Err(broken()),
            _ => self.inner.put_multipart_opts(location, options).await,
        }
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

fn output(store: Arc<dyn ObjectStore>, scratch: &LocalPath) -> ObjectOutput {
    let url = "s3://bucket/a%20prefix".parse().unwrap();
    ObjectOutput::new(store, Path::from("a prefix"), &url, scratch, Confirmation::Read)
}

/// An output that behaves, for the suite of all outputs.
pub(in crate::storage::output) fn in_memory(scratch: &LocalPath) -> ObjectOutput {
    output(Arc::new(InMemory::new()), scratch)
}

fn odd(fault: Fault, scratch: &LocalPath) -> (Arc<Odd>, ObjectOutput) {
    let store = Arc::new(Odd { inner: InMemory::new(), fault, writes: AtomicUsize::new(0) });
    (Arc::clone(&store), output(store, scratch))
}

/// A staged revision with these files.
fn revision(output: &ObjectOutput, files: &[(&str, &[u8])]) -> StagedFolder {
    let mut staged = output.resume("c/products/i/r1", "key", &["data"]).unwrap();
    for (name, content) in files {
        let mut file = staged.create(name).unwrap();
        file.write_all(content).unwrap();
        file.finish().unwrap();
    }
    staged
}

#[test]
fn a_revision_is_delivered_then_complete() {
    let folder = tempfile::tempdir().unwrap();
    let output = in_memory(folder.path());
    let large = vec![7; 20 << 20];
    let mut staged = revision(&output, &[("a.json", b"{}"), ("data/0", &large), ("empty", b"")]);
    let delivered = staged.deliver().unwrap().unwrap();
    assert_eq!((delivered.objects, delivered.bytes, delivered.already), (3, (20 << 20) + 2, 0));
    assert_eq!(delivered.place, "s3://bucket/a%20prefix/c/products/i/r1");
    assert!(!output.is_complete("c/products/i/r1").unwrap());
    let mut file = staged.create(LAST).unwrap();
    file.write_all(b"1").unwrap();
    file.finish().unwrap();
    staged.commit().unwrap();
    assert!(output.is_complete("c/products/i/r1").unwrap());
    let asked = BTreeSet::from(["c/products/i/r1/data/0", "c/none"]);
    let sizes = |objects| output.sizes("c", &asked, objects).unwrap();
    assert_eq!(output.folders("c/products/i").unwrap(), ["r1"]);
    assert_eq!(sizes(1), sizes(1 << 30));
    assert_eq!(sizes(1), BTreeMap::from([("c/products/i/r1/data/0", 20 << 20)]));
    assert!(matches!(output.resume("c/products/i/r1", "key", &[]), Err(StorageError::Exists { .. })));
    // Nothing is left on this machine.
    assert_eq!(output.scratch.list("").unwrap(), Vec::<String>::new());
    assert!(!folder.path().join("c/products/i/.r1.partial-key").exists());
    let copy = folder.path().join("copy");
    output.fetch("c/products/i/r1", &|name| name.starts_with("data"), &copy).unwrap();
    assert_eq!(std::fs::read(copy.join("data/0")).unwrap(), large);
    assert!(!copy.join("a.json").exists());
}

#[test]
fn an_upload_that_was_cut_off_is_taken_up() {
    let folder = tempfile::tempdir().unwrap();
    let output = in_memory(folder.path());
    let mut cut = revision(&output, &[("data/0", b"same"), ("data/1", b"other"), ("gone", b"x")]);
    cut.deliver().unwrap();
    // As a kill leaves it: nothing is dropped, nothing removed.
    std::mem::forget(cut);
    std::fs::remove_dir_all(folder.path().join("c")).unwrap();
    let mut again = revision(&output, &[("data/0", b"same"), ("data/1", b"OTHER")]);
    let delivered = again.deliver().unwrap().unwrap();
    assert_eq!((delivered.objects, delivered.already), (2, 1));
    let mut file = again.create(LAST).unwrap();
    file.write_all(b"1").unwrap();
    file.finish().unwrap();
    again.commit().unwrap();
    assert_eq!(
        output.list("c/products/i").unwrap(),
        ["c/products/i/r1/data/0", "c/products/i/r1/data/1", "c/products/i/r1/report.json"]
    );
    assert_eq!(output.get("c/products/i/r1/data/1").unwrap().unwrap(), "OTHER");
}

#[test]
fn what_an_earlier_revision_holds_is_copied_by_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let (store, output) = odd(|_| Mishap::None, folder.path());
    revision(&output, &[("data/0", b"same"), ("data/1", b"other"), ("data/2", b"bad"), (LAST, b"1")]).commit().unwrap();
    // It is not what it was: then it is sent.
    output.put("c/products/i/r1/data/2", b"rot").unwrap();
    let before = store.writes.load(Ordering::SeqCst);
    let mut staged = output.resume("c/products/i/r2", "key", &[]).unwrap();
    for (name, content) in [("data/0", "same"), ("data/1", "OTHER"), ("data/2", "bad"), (LAST, "2")] {
        let mut file = staged.create(name).unwrap();
        file.write_all(content.as_bytes()).unwrap();
        file.finish().unwrap();
    }
    let sha256 = |content: &str| {
        use sha2::Digest as _;
        sha2::Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let digests = [("data/0", "same"), ("data/1", "other"), ("data/2", "bad")];
    staged.reuse("c/products/i/r1", digests.map(|(name, content)| (name.to_owned(), sha256(content))).into());
    let delivered = staged.deliver().unwrap().unwrap();
    assert_eq!((delivered.objects, delivered.copied), (3, 1));
    staged.commit().unwrap();
    assert_eq!(store.writes.load(Ordering::SeqCst) - before, 4, "two, one again, and the last");
    for (name, content) in [("data/0", "same"), ("data/1", "OTHER"), ("data/2", "bad")] {
        assert_eq!(output.get(&format!("c/products/i/r2/{name}")).unwrap().unwrap(), content);
    }
}

#[test]
fn faults_are_mended() {
    let every = |mishap: Mishap| -> Fault {
        match mishap {
            Mishap::Refused => |n| if n % 2 == 0 { Mishap::Refused } else { Mishap::None },
            Mishap::AnswerLost => |n| if n % 2 == 0 { Mishap::AnswerLost } else { Mishap::None },
            _ => |n| if n % 2 == 0 { Mishap::Damaged } else { Mishap::None },
        }
    };
    for mishap in [Mishap::Refused, Mishap::AnswerLost, Mishap::Damaged] {
        let folder = tempfile::tempdir().unwrap();
        let (_, output) = odd(every(mishap), folder.path());
        let staged = revision(&output, &[("a", b"1"), ("b", b"22"), ("c", b"333"), (LAST, b"4")]);
        staged.commit().unwrap();
        for (name, content) in [("a", "1"), ("b", "22"), ("c", "333"), (LAST, "4")] {
            assert_eq!(output.get(&format!("c/products/i/r1/{name}")).unwrap().unwrap(), content, "{mishap:?}");
        }
        if mishap != Mishap::Damaged {
            assert!(output.put_if_changed("catalog.json", b"1").unwrap());
            assert!(output.replace("catalog.json", Some(b"1"), b"2").unwrap());
            assert_eq!(output.get("catalog.json").unwrap().unwrap(), "2", "{mishap:?}");
        }
    }
}

#[test]
fn what_stays_wrong_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let (_, output) = odd(|_| Mishap::Damaged, folder.path());
    let error = revision(&output, &[("a", b"1"), (LAST, b"4")]).commit().unwrap_err();
    assert!(matches!(&error, StorageError::Differs { .. }), "{error}");
    assert!(
        error
            .to_string()
            .starts_with("s3://bucket/a%20prefix/c/products/i/r1/a does not hold what was sent: expected SHA-256")
    );
    assert!(!output.is_complete("c/products/i/r1").unwrap());
    let (_, output) = odd(|_| Mishap::Refused, folder.path());
    let error = output.put("catalog.json", b"1").unwrap_err();
    assert_eq!(error.to_string(), "s3://bucket/a%20prefix/catalog.json cannot be written");
}

fn owner(id: &str, run: &str) -> Owner {
    Owner { id: id.into(), run: run.into(), shown: format!("process {run}") }
}

#[test]
fn one_run_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(InMemory::new());
    let (first, second) = (output(store.clone(), folder.path()), output(store, folder.path()));
    let held = first.lock("c", &owner("a", "1")).unwrap();
    assert!(!first.ignores_conditions());
    let renew = |output: &ObjectOutput| {
        let lease = output.lease().unwrap();
        block_on(async {
            output.renew(&lease).await;
            Ok(lease.is_held())
        })
        .unwrap()
    };
    assert!(renew(&first) && renew(&first));
    let error = second.lock("c", &owner("b", "2")).unwrap_err();
    assert!(
        error.to_string().starts_with("another altostac (process 1) is at work on s3://bucket/a%20prefix/"),
        "{error}"
    );
    assert!(second.lock("another", &owner("b", "2")).is_ok());
    assert!(first.list("").unwrap().is_empty(), "a lock is none of the catalogue");
    first.put("x", b"1").unwrap();
    drop(held);
    let held = second.lock("c", &owner("b", "2")).unwrap();
    // The same state: its earlier run was killed.
    let again = first.lock("c", &owner("b", "3")).unwrap();
    assert!(!renew(&second));
    assert!(matches!(second.put("x", b"2"), Err(StorageError::LockLost { .. })));
    drop(held);
    first.put("x", b"3").unwrap();
    drop(again);
    assert!(first.lock("c", &owner("c", "4")).is_ok(), "a lock is given back by who has it");
}

#[test]
fn a_store_that_ignores_conditions_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let (_, output) = odd(|_| Mishap::Unconditional, folder.path());
    let held = output.lock("c", &owner("a", "1")).unwrap();
    assert!(output.ignores_conditions());
    assert!(output.put_if_changed("x", b"1").unwrap());
    drop(held);
    assert!(output.lock("c", &owner("b", "2")).is_ok());
}

#[test]
fn two_that_make_the_same_revision_do_not_mix() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(InMemory::new());
    let one = output(store.clone(), &folder.path().join("1"));
    let two = output(store, &folder.path().join("2"));
    let first = revision(&one, &[("a", b"1"), (LAST, b"one")]);
    let second = revision(&two, &[("a", b"2"), (LAST, b"two")]);
    first.commit().unwrap();
    assert!(matches!(second.commit(), Err(StorageError::Exists { .. })));
    assert_eq!(one.get("c/products/i/r1/a").unwrap().unwrap(), "1");
    assert_eq!(one.get("c/products/i/r1/report.json").unwrap().unwrap(), "one");
}
