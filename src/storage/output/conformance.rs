//! What every output does.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use super::{LocalFolder, MemoryOutput, OutputStore, StorageError};

fn write(output: &dyn OutputStore, folder: &str, name: &str, content: &[u8]) -> Result<(), StorageError> {
    let mut staged = output.stage(folder)?;
    let mut file = staged.create(name)?;
    file.write_all(content).unwrap();
    file.finish()?;
    staged.commit()
}

fn files_conform(output: &dyn OutputStore) {
    assert_eq!(output.get("a/b.json").unwrap(), None);
    assert!(!output.delete("a/b.json").unwrap());
    output.put("a/b.json", b"1").unwrap();
    assert_eq!(output.get("a/b.json").unwrap().unwrap(), "1");
    assert!(!output.put_if_changed("a/b.json", b"1").unwrap());
    assert!(output.put_if_changed("a/b.json", b"2").unwrap());
    assert_eq!(output.get("a/b.json").unwrap().unwrap(), "2");
    assert!(!output.replace("a/b.json", Some(b"1"), b"3").unwrap());
    assert!(!output.replace("a/b.json", None, b"3").unwrap());
    assert!(output.replace("a/b.json", Some(b"2"), b"3").unwrap());
    assert!(output.replace("new.json", None, b"").unwrap());
    output.put("ab/c", b"").unwrap();
    assert_eq!(output.list("").unwrap(), ["a/b.json", "ab/c", "new.json"]);
    assert_eq!(output.list("a").unwrap(), ["a/b.json"]);
    assert!(output.list("none").unwrap().is_empty());
    assert!(output.delete("a/b.json").unwrap());
    assert_eq!(output.get("a/b.json").unwrap(), None);
}

fn paths_conform(output: &dyn OutputStore) {
    for path in ["", "/etc/x", "../x", "a/../x", "a//b", "a/", "./a", "a\0", "a\\b", "a/.x.partial-1"] {
        assert!(matches!(output.put(path, b""), Err(StorageError::OutputPath { .. })), "{path:?}");
        assert!(matches!(output.get(path), Err(StorageError::OutputPath { .. })), "{path:?}");
        assert!(matches!(output.delete(path), Err(StorageError::OutputPath { .. })), "{path:?}");
        assert!(output.stage(path).is_err(), "{path:?}");
        assert!(output.remove_folder(path).is_err(), "{path:?}");
    }
    assert!(output.stage("a").unwrap().create("../b").is_err());
}

fn folders_conform(output: &dyn OutputStore) {
    let mut staged = output.stage("p/r1").unwrap();
    let mut file = staged.create("k/refs.json").unwrap();
    assert_eq!(file.path(), "p/r1/k/refs.json");
    file.write_all(b"{}").unwrap();
    file.finish().unwrap();
    assert!(staged.create("k/refs.json").is_err(), "a file is written once");
    assert!(output.list("p").unwrap().is_empty(), "nothing is visible before the commit");
    assert_eq!(output.get("p/r1/k/refs.json").unwrap(), None);
    staged.commit().unwrap();
    assert_eq!(output.get("p/r1/k/refs.json").unwrap().unwrap(), "{}");

    assert!(matches!(output.stage("p/r1"), Err(StorageError::Exists { .. })));
    let mut late = output.stage("p/r2").unwrap();
    late.create("x").unwrap().finish().unwrap();
    write(output, "p/r2", "x", b"first").unwrap();
    assert!(matches!(late.commit(), Err(StorageError::Exists { .. })));
    assert_eq!(output.get("p/r2/x").unwrap().unwrap(), "first");

    drop(output.stage("p/r3").unwrap());
    let mut staged = output.stage("p/r3").unwrap();
    staged.create("cut").unwrap().write_all(b"half").unwrap();
    assert!(matches!(staged.commit(), Err(StorageError::Unfinished { path }) if path == "p/r3/cut"));
    assert_eq!(output.list("p").unwrap(), ["p/r1/k/refs.json", "p/r2/x"]);

    assert!(output.remove_folder("p/r1").unwrap());
    assert!(!output.remove_folder("p/r1").unwrap());
    assert_eq!(output.list("").unwrap(), ["p/r2/x"]);
    assert_eq!(output.sweep(Duration::ZERO).unwrap(), 0);
}

#[test]
fn every_output_conforms() {
    for check in [files_conform, paths_conform, folders_conform] {
        check(&MemoryOutput::default());
        let folder = tempfile::tempdir().unwrap();
        check(&LocalFolder::new(folder.path().join("not/yet/there")));
        check(&super::objects::tests::in_memory(&folder.path().join("scratch")));
    }
}

#[test]
fn an_equal_file_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let output = LocalFolder::new(folder.path());
    output.put("a", b"1").unwrap();
    let before = fs::metadata(folder.path().join("a")).unwrap();
    assert!(!output.put_if_changed("a", b"1").unwrap());
    assert!(output.put_soon_if_changed("soon/a", b"1").unwrap());
    assert!(!output.put_soon_if_changed("soon/a", b"1").unwrap());
    assert!(output.put_soon_if_changed("soon/b", b"2").unwrap());
    assert!(output.delete("soon/b").unwrap());
    output.settle().unwrap();
    assert_eq!(output.get("soon/a").unwrap().unwrap(), &b"1"[..]);
    assert!(output.delete("soon/a").unwrap());
    let after = fs::metadata(folder.path().join("a")).unwrap();
    assert_eq!((before.ino(), before.mtime_nsec()), (after.ino(), after.mtime_nsec()));
}

#[test]
fn what_a_crash_left_is_not_read_and_is_swept() {
    let folder = tempfile::tempdir().unwrap();
    let output = LocalFolder::new(folder.path());
    output.put("c/items/a.json", b"1").unwrap();
    // A record whose name resembles ours, and a product's own file: neither is swept.
    output.put("c/items/x.partial-1.json", b"1").unwrap();
    let inside = folder.path().join("c/products/a/r1/.z.partial-1");
    fs::create_dir_all(&inside).unwrap();
    fs::write(folder.path().join("c/items/.partial-0.partial-1"), b"ha").unwrap();
    std::mem::forget(output.stage("c/products/a/r2").unwrap());
    assert_eq!(output.list("").unwrap(), ["c/items/a.json", "c/items/x.partial-1.json"]);
    assert_eq!(output.sweep(Duration::from_secs(3600)).unwrap(), 0, "a writer may still be at it");
    assert_eq!(output.sweep(Duration::ZERO).unwrap(), 2);
    assert!(inside.exists());
    assert_eq!(fs::read_dir(folder.path().join("c/products/a")).unwrap().count(), 1);
}

#[test]
fn a_put_that_fails_leaves_the_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let output = LocalFolder::new(folder.path());
    fs::create_dir_all(folder.path().join("a")).unwrap();
    // The name is taken by a folder that is not empty, so the rename fails (also for root, whom permissions do not stop).
    fs::create_dir_all(folder.path().join("a/taken/x")).unwrap();
    let error = output.put("a/taken", b"1").unwrap_err();
    assert!(error.to_string().starts_with("cannot write ") && error.to_string().ends_with("a/taken"), "{error}");
    assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), 1);
    // A folder is asked for where a file stands.
    output.put("file", b"1").unwrap();
    assert!(output.put("file/below", b"1").is_err());
    assert_eq!(output.get("file").unwrap().unwrap(), "1");
}

#[test]
fn a_read_only_folder_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(folder.path().join("probe"), b"").is_ok() {
        eprintln!("skipped: permissions do not stop this user");
        return;
    }
    let output = LocalFolder::new(folder.path());
    for error in [output.put("a", b"").unwrap_err(), output.stage("r1").err().unwrap()] {
        assert!(error.to_string().contains(&folder.path().display().to_string()), "{error}");
    }
}

/// `/dev/full` fails every write as a full disk does.
#[test]
fn a_full_disk_keeps_the_folder_invisible() {
    let folder = tempfile::tempdir().unwrap();
    let output = LocalFolder::new(folder.path());
    let mut staged = output.stage("r1").unwrap();
    let mut file = staged.create("a").unwrap();
    file.writer = Box::new(std::io::BufWriter::new(fs::OpenOptions::new().write(true).open("/dev/full").unwrap()));
    file.write_all(b"1").unwrap();
    let error = file.finish().unwrap_err();
    assert_eq!(error.to_string(), "cannot write r1/a");
    assert!(matches!(staged.commit(), Err(StorageError::Unfinished { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn writers_that_share_a_file_lose_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = LocalFolder::new(folder.path());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    loop {
                        let before = output.get("count").unwrap();
                        let count =
                            before.as_ref().map_or(0, |b| std::str::from_utf8(b).unwrap().parse::<u32>().unwrap());
                        if output.replace("count", before.as_deref(), (count + 1).to_string().as_bytes()).unwrap() {
                            break;
                        }
                    }
                }
            });
        }
    });
    assert_eq!(output.get("count").unwrap().unwrap(), "40");
}
