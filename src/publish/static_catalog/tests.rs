//! Broken off at any moment, the catalogue is whole.
#![allow(clippy::unwrap_used, clippy::panic, clippy::type_complexity)]
mod nested;

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::storage::{LocalFolder, MemoryOutput, StagedFolder, StorageError};
use bytes::Bytes;
use url::Url;

fn collection(id: &str) -> ValidatedRecord {
    let links = json!([{"rel": "license", "href": "https://x.org/l"}, {"rel": "root", "href": "wrong"}]);
    let json = json!({"type": "Collection", "id": id, "title": format!("The {id}"), "links": links});
    ValidatedRecord::prove(Record { kind: RecordKind::Collection, id: id.into(), json })
}

fn item(id: &str, collection: &str, title: &str) -> ValidatedRecord {
    let json =
        json!({"type": "Feature", "id": id, "collection": collection, "properties": {"title": title}, "links": []});
    ValidatedRecord::prove(Record { kind: RecordKind::Item, id: id.into(), json })
}

fn head() -> CatalogHead {
    CatalogHead { id: "published".into(), title: None, description: "All".into() }
}

fn hrefs<'a>(json: &'a Value, rel: &'a str) -> impl Iterator<Item = &'a str> {
    let links = json["links"].as_array().into_iter().flatten();
    links.filter(move |link| link["rel"] == *rel).filter_map(|link| link["href"].as_str())
}

fn ids<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<ItemId> {
    ids.into_iter().map(|id| ItemId::new(id).unwrap()).collect()
}

/// Items without catalogues between.
fn flat<'a>(items: impl IntoIterator<Item = &'a str>) -> BTreeMap<ItemId, Branch> {
    ids(items).into_iter().map(|id| (id, Branch::new())).collect()
}

/// Writes items of the collection `c` with their titles, all of them linked; removes others. No items: no collection.
fn write(output: &dyn OutputStore, items: &[(&str, &str)], gone: &[&str]) -> Result<StaticReport, PublishError> {
    let mut written = Vec::new();
    for (id, title) in items {
        if write_item(output, &item(id, "c", title), &[])? {
            written.push(format!("c/items/{id}.json"));
        }
    }
    let gone = ids(gone.iter().copied());
    let mut report = if items.is_empty() {
        remove_catalogue(output, &CollectionId::new("c").unwrap(), &gone, None)?
    } else {
        let linked = flat(items.iter().map(|(id, _)| *id));
        write_catalogue(output, &head(), &collection("c"), &linked, &gone, None)?
    };
    report.written.splice(0..0, written);
    Ok(report)
}

/// Every record that can be reached from the catalogue, by its path. A link to nothing, or to no record, is a panic.
fn walk(output: &dyn OutputStore) -> BTreeMap<String, Value> {
    let base = Url::parse("http://x/").unwrap();
    let mut found = BTreeMap::new();
    let mut next: Vec<_> = output.get(CATALOG).unwrap().map(|_| CATALOG.to_owned()).into_iter().collect();
    while let Some(path) = next.pop() {
        let content = output.get(&path).unwrap().unwrap_or_else(|| panic!("a link to nothing: {path}"));
        let json: Value = serde_json::from_slice(&content).unwrap();
        assert!(["Catalog", "Collection", "Feature"].iter().any(|kind| json["type"] == *kind));
        for rel in STRUCTURAL_LINKS {
            for href in hrefs(&json, rel) {
                let target = base.join(&path).unwrap().join(href).unwrap().path()[1..].to_owned();
                if !found.contains_key(&target) && target != path {
                    next.push(target);
                }
            }
        }
        found.insert(path, json);
    }
    found
}

#[test]
fn all_links_lead_somewhere_and_a_second_run_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let outputs: [Box<dyn OutputStore>; 2] =
        [Box::new(MemoryOutput::default()), Box::new(LocalFolder::new(folder.path()))];
    for output in outputs {
        let report = write(&*output, &[("b", "1"), ("a", "1")], &[]).unwrap();
        assert_eq!(report.written, ["c/items/b.json", "c/items/a.json", "c/collection.json", "catalog.json"]);
        let records = walk(&*output);
        assert_eq!(
            records.keys().collect::<Vec<_>>(),
            ["c/collection.json", "c/items/a.json", "c/items/b.json", "catalog.json"]
        );
        let rels: Vec<_> =
            records["c/collection.json"]["links"].as_array().unwrap().iter().map(|l| &l["rel"]).collect();
        assert_eq!(rels, ["root", "parent", "item", "item", "license"]);
        let report = write(&*output, &[("b", "1"), ("a", "1")], &[]).unwrap();
        assert_eq!(report, StaticReport { unchanged: 2, ..StaticReport::default() });
    }
}

#[test]
fn items_that_are_gone_lose_their_link_and_their_file() {
    let output = MemoryOutput::default();
    write(&output, &[("a", "1"), ("b", "1"), ("d", "1")], &[]).unwrap();
    let report = write(&output, &[("b", "2"), ("d", "1")], &["a", "never"]).unwrap();
    assert_eq!(report.written, ["c/items/b.json", "c/collection.json"]);
    assert_eq!(report.removed, ["c/items/a.json"]);
    assert_eq!(output.list("c/items").unwrap(), ["c/items/b.json", "c/items/d.json"]);
    assert_eq!(walk(&output).len(), 4);
    // An item whose file is not there gets no link.
    let linked = flat(["b", "lost"]);
    write_catalogue(&output, &head(), &collection("c"), &linked, &[], None).unwrap();
    assert_eq!(walk(&output).len(), 3);
}

#[test]
fn several_recipes_share_a_catalogue() {
    let output = MemoryOutput::default();
    let other_head = CatalogHead { id: "other".into(), title: Some("Other".into()), description: "o".into() };
    for _ in 0..2 {
        write(&output, &[("x", "1")], &[]).unwrap();
        write_item(&output, &item("x", "a", "1"), &[]).unwrap();
        write_catalogue(&output, &other_head, &collection("a"), &flat(["x"]), &[], None).unwrap();
    }
    let before = output.get(CATALOG).unwrap();
    assert_eq!(walk(&output)[CATALOG]["id"], "published", "the first one's texts stay");
    assert_eq!(walk(&output).len(), 5);
    write(&output, &[("x", "1")], &[]).unwrap();
    assert_eq!(output.get(CATALOG).unwrap(), before);
    write(&output, &[], &["x"]).unwrap();
    assert_eq!(output.list("").unwrap(), ["a/collection.json", "a/items/x.json", "catalog.json"]);
    assert_eq!(walk(&output).len(), 3);
}

#[test]
fn files_and_records_of_others_are_refused() {
    for foreign in ["<html>", r#"{"type": "Collection"}"#, r#"{"type": "Catalog", "links": 1}"#] {
        let output = MemoryOutput::default();
        output.put(CATALOG, foreign.as_bytes()).unwrap();
        assert!(matches!(write(&output, &[("a", "1")], &[]), Err(PublishError::NotACatalog { .. })));
        assert!(matches!(write(&output, &[], &[]), Err(PublishError::NotACatalog { .. })));
        assert_eq!(output.get(CATALOG).unwrap().unwrap(), foreign);
    }
    let output = MemoryOutput::default();
    for wrong in [item("a", "../c", "1"), item("../a", "c", "1"), collection("c")] {
        assert!(matches!(write_item(&output, &wrong, &[]), Err(PublishError::Misplaced { .. })));
    }
    let result = write_catalogue(&output, &head(), &item("a", "c", "1"), &BTreeMap::new(), &[], None);
    assert!(matches!(result, Err(PublishError::Misplaced { .. })));
    assert!(output.list("").unwrap().is_empty());
}

/// An output that breaks down at its n-th operation and does nothing from then on.
struct Breaking {
    output: MemoryOutput,
    left: AtomicUsize,
}

impl Breaking {
    fn step(&self) -> Result<(), StorageError> {
        let taken = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        let broken = StorageError::Io { action: "use", path: "x".into(), source: io::Error::other("power") };
        taken.map(drop).map_err(|_| broken)
    }
}

impl OutputStore for Breaking {
    fn get(&self, path: &str) -> Result<Option<Bytes>, StorageError> {
        self.step().and_then(|()| self.output.get(path))
    }
    fn put(&self, path: &str, content: &[u8]) -> Result<(), StorageError> {
        self.step().and_then(|()| self.output.put(path, content))
    }
    fn replace(&self, path: &str, expected: Option<&[u8]>, content: &[u8]) -> Result<bool, StorageError> {
        self.step().and_then(|()| self.output.replace(path, expected, content))
    }
    fn delete(&self, path: &str) -> Result<bool, StorageError> {
        self.step().and_then(|()| self.output.delete(path))
    }
    fn list(&self, folder: &str) -> Result<Vec<String>, StorageError> {
        self.step().and_then(|()| self.output.list(folder))
    }
    fn stage(&self, folder: &str) -> Result<StagedFolder, StorageError> {
        self.output.stage(folder)
    }
    fn remove_folder(&self, folder: &str) -> Result<bool, StorageError> {
        self.output.remove_folder(folder)
    }
    fn sweep(&self, untouched_for: Duration) -> Result<usize, StorageError> {
        self.output.sweep(untouched_for)
    }
}

#[test]
fn broken_off_at_any_moment_the_catalogue_is_whole() {
    let runs: [(&[(&str, &str)], &[&str]); 4] = [
        (&[("a", "1"), ("b", "1"), ("d", "1")], &[]),
        (&[("a", "2"), ("e", "1")], &["b", "d"]),
        (&[("b", "3"), ("e", "1")], &["a"]),
        (&[], &["b", "e"]),
    ];
    let mut moments = 0;
    for last in 0..runs.len() {
        for left in 0.. {
            let output = MemoryOutput::default();
            for (items, gone) in &runs[..last] {
                write(&output, items, gone).unwrap();
            }
            let breaking = Breaking { output: output.clone(), left: left.into() };
            let done = write(&breaking, runs[last].0, runs[last].1).is_ok();
            walk(&output);
            moments += 1;
            // The next run makes good what this one left.
            write(&output, runs[last].0, runs[last].1).unwrap();
            let expected = MemoryOutput::default();
            for (items, gone) in &runs[..=last] {
                write(&expected, items, gone).unwrap();
            }
            assert_eq!(walk(&output), walk(&expected), "broken off at {left} of run {last}");
            assert_eq!(output.list("").unwrap(), expected.list("").unwrap());
            if done {
                break;
            }
        }
    }
    assert!(moments > 30, "{moments}");
}
