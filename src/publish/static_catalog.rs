//! The static catalogue: a folder of records whose links work wherever it is served from.
//!
//! The order of writing is what keeps it whole: items, then the collection that links them, then the catalogue that links the
//! collection; an item that is gone loses its link before its file.

use std::borrow::Borrow;
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{PublishError, STRUCTURAL_LINKS};
use crate::model::{CollectionId, ItemId, Record, RecordKind, ValidatedRecord};
use crate::storage::OutputStore;

const CATALOG: &str = "catalog.json";

/// How often a shared file is tried again when others change it at the same moment.
const REPLACE_ATTEMPTS: usize = 20;

/// The catalogue's own texts. They are not used when other recipes' collections are in the catalogue already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogHead {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: Option<String>,
    /// Its description: STAC asks for one.
    pub description: String,
}

/// What writing a static catalogue did. Paths are below the output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StaticReport {
    /// Files that were not there, or differed.
    pub written: Vec<String>,
    /// How many files were right already.
    pub unchanged: usize,
    /// Files of items that are gone.
    pub removed: Vec<String>,
}

/// Writes a collection and its items below the output, and links it from the catalogue there.
///
/// Items that are linked already stay, unless they are given anew or are among the `removed`: a run may be about a few items only.
/// Other collections in the catalogue stay too. Only files that differ are written. Interrupted at any moment, what can be
/// reached from the catalogue is whole.
///
/// # Errors
/// [`PublishError::Misplaced`] if a record is not of this collection, [`PublishError::NotACatalog`] if there is another kind of
/// `catalog.json`, [`PublishError::Contended`], and [`PublishError::Storage`].
pub fn write_static_catalog(
    output: &dyn OutputStore,
    head: &CatalogHead,
    collection: &ValidatedRecord,
    items: impl IntoIterator<Item: Borrow<ValidatedRecord>>,
    removed: &[ItemId],
) -> Result<StaticReport, PublishError> {
    let id = collection_id(collection.record())?;
    let mut writer = Writer { output, report: StaticReport::default() };
    let mut given = BTreeSet::new();
    for item in items {
        let item = item.borrow().record();
        let item_id = item_id(item, &id)?;
        writer.put(format!("{id}/items/{item_id}.json"), &item_json(item))?;
        given.insert(item_id);
    }
    let removed: BTreeSet<_> = removed.iter().filter(|item| !given.contains(*item)).cloned().collect();
    let linked = &(&writer.linked_items(&id)? - &removed) | &given;
    writer.put(format!("{id}/collection.json"), &collection_json(collection.record(), &linked))?;
    writer.put_catalog(head, &id, collection.record())?;
    for item in removed {
        let path = format!("{id}/items/{item}.json");
        if output.delete(&path)? {
            writer.report.removed.push(path);
        }
    }
    Ok(writer.report)
}

struct Writer<'a> {
    output: &'a dyn OutputStore,
    report: StaticReport,
}

impl Writer<'_> {
    fn put(&mut self, path: String, json: &Value) -> Result<(), PublishError> {
        let wrote = self.output.put_if_changed(&path, &bytes(json))?;
        self.note(path, wrote);
        Ok(())
    }

    fn note(&mut self, path: String, wrote: bool) {
        if wrote { self.report.written.push(path) } else { self.report.unchanged += 1 }
    }

    /// The items that the collection there links, and whose files are there.
    fn linked_items(&self, collection: &CollectionId) -> Result<BTreeSet<ItemId>, PublishError> {
        let Some(content) = self.output.get(&format!("{collection}/collection.json"))? else {
            return Ok(BTreeSet::new());
        };
        let there: BTreeSet<_> = self.output.list(&format!("{collection}/items"))?.into_iter().collect();
        // What cannot be read links nothing, and is replaced.
        let json: Value = serde_json::from_slice(&content).unwrap_or_default();
        let items = hrefs(&json, "item").filter_map(|href| {
            let name = href.strip_prefix("./items/")?.strip_suffix(".json")?;
            there.contains(&format!("{collection}/items/{name}.json")).then(|| ItemId::new(name).ok()).flatten()
        });
        Ok(items.collect())
    }

    fn put_catalog(&mut self, head: &CatalogHead, id: &CollectionId, collection: &Record) -> Result<(), PublishError> {
        for _ in 0..REPLACE_ATTEMPTS {
            let before = self.output.get(CATALOG)?;
            let after = bytes(&catalog_json(before.as_deref(), head, id, collection)?);
            if before.as_deref() == Some(&after[..]) {
                self.note(CATALOG.into(), false);
                return Ok(());
            }
            if self.output.replace(CATALOG, before.as_deref(), &after)? {
                self.note(CATALOG.into(), true);
                return Ok(());
            }
        }
        Err(PublishError::Contended { path: CATALOG.into() })
    }
}

fn misplaced(record: &Record, reason: String) -> PublishError {
    PublishError::Misplaced { kind: record.kind, id: record.id.clone(), reason }
}

fn collection_id(record: &Record) -> Result<CollectionId, PublishError> {
    if record.kind != RecordKind::Collection {
        return Err(misplaced(record, "a collection is needed".into()));
    }
    CollectionId::new(record.id.as_str()).map_err(|error| misplaced(record, error.to_string()))
}

fn item_id(record: &Record, collection: &CollectionId) -> Result<ItemId, PublishError> {
    let found = record.json.get("collection").and_then(Value::as_str);
    if record.kind != RecordKind::Item || found != Some(collection.as_str()) {
        return Err(misplaced(record, format!("an item of the collection {collection} is needed")));
    }
    ItemId::new(record.id.as_str()).map_err(|error| misplaced(record, error.to_string()))
}

fn bytes(json: &Value) -> Vec<u8> {
    format!("{json:#}\n").into_bytes()
}

fn link(rel: &str, href: &str, media_type: &str) -> Value {
    json!({"rel": rel, "href": href, "type": media_type})
}

fn hrefs<'a>(json: &'a Value, rel: &'a str) -> impl Iterator<Item = &'a str> {
    let links = json.get("links").and_then(Value::as_array).into_iter().flatten();
    links.filter(move |link| link["rel"] == *rel).filter_map(|link| link["href"].as_str())
}

/// The record with these links between records in place of its own; its other links stay.
fn with_links(record: &Record, mut links: Vec<Value>) -> Value {
    let mut json = record.json.clone();
    let own = json.get("links").and_then(Value::as_array).into_iter().flatten();
    let is_own = |link: &&Value| !link["rel"].as_str().is_some_and(|rel| STRUCTURAL_LINKS.contains(&rel));
    links.extend(own.filter(is_own).cloned());
    if let Some(members) = json.as_object_mut() {
        members.insert("links".into(), links.into());
    }
    json
}

fn item_json(record: &Record) -> Value {
    let links =
        [("root", "../../catalog.json"), ("collection", "../collection.json"), ("parent", "../collection.json")];
    with_links(record, links.map(|(rel, href)| link(rel, href, "application/json")).to_vec())
}

fn collection_json(record: &Record, items: &BTreeSet<ItemId>) -> Value {
    let mut links = ["root", "parent"].map(|rel| link(rel, "../catalog.json", "application/json")).to_vec();
    links.extend(items.iter().map(|item| link("item", &format!("./items/{item}.json"), "application/geo+json")));
    with_links(record, links)
}

fn catalog_json(
    before: Option<&[u8]>,
    head: &CatalogHead,
    id: &CollectionId,
    collection: &Record,
) -> Result<Value, PublishError> {
    let not_ours = |found| PublishError::NotACatalog { path: CATALOG.into(), found };
    let mut catalog: Value = match before {
        None => json!({}),
        Some(content) => serde_json::from_slice(content).map_err(|_| not_ours("it is not JSON"))?,
    };
    if before.is_some() && catalog["type"] != "Catalog" {
        return Err(not_ours("its type is another"));
    }
    let own_href = format!("./{id}/collection.json");
    let others: Vec<Value> = match catalog.get("links") {
        None => Vec::new(),
        Some(Value::Array(links)) => links.iter().filter(|link| link["href"] != *own_href).cloned().collect(),
        Some(_) => return Err(not_ours("its links are not a list")),
    };
    if !others.iter().any(|link| link["rel"] == "child") {
        catalog = json!({"type": "Catalog", "stac_version": "1.1.0", "id": head.id});
        if let Some(title) = &head.title {
            catalog["title"] = title.as_str().into();
        }
        catalog["description"] = head.description.as_str().into();
    }
    let mut child = link("child", &own_href, "application/json");
    if let Some(title) = collection.json.get("title").filter(|title| title.is_string()) {
        child["title"] = title.clone();
    }
    let (mut links, rest): (BTreeMap<_, _>, Vec<_>) = split_children(others);
    links.insert(own_href, child);
    let root = link("root", "./catalog.json", "application/json");
    catalog["links"] = std::iter::once(root).chain(links.into_values()).chain(rest).collect();
    Ok(catalog)
}

/// The children by their hrefs, so that the order does not depend on who came first; and the other links without the root.
fn split_children(links: Vec<Value>) -> (BTreeMap<String, Value>, Vec<Value>) {
    let (children, rest): (Vec<_>, Vec<_>) = links.into_iter().partition(|link| link["rel"] == "child");
    let children = children.into_iter().map(|link| (link["href"].as_str().unwrap_or_default().to_owned(), link));
    (children.collect(), rest.into_iter().filter(|link| link["rel"] != "root").collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic, clippy::type_complexity)]
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

    fn removed(ids: &[&str]) -> Vec<ItemId> {
        ids.iter().map(|id| ItemId::new(*id).unwrap()).collect()
    }

    fn write(output: &dyn OutputStore, items: &[(&str, &str)], gone: &[&str]) -> Result<StaticReport, PublishError> {
        let items: Vec<_> = items.iter().map(|(id, title)| item(id, "c", title)).collect();
        write_static_catalog(output, &head(), &collection("c"), &items, &removed(gone))
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
            assert_eq!(report, StaticReport { unchanged: 4, ..StaticReport::default() });
        }
    }

    #[test]
    fn items_that_are_not_given_stay_until_they_are_removed() {
        let output = MemoryOutput::default();
        write(&output, &[("a", "1"), ("b", "1"), ("d", "1")], &[]).unwrap();
        let report = write(&output, &[("b", "2")], &["a", "never"]).unwrap();
        assert_eq!(report.written, ["c/items/b.json", "c/collection.json"]);
        assert_eq!(report.removed, ["c/items/a.json"]);
        assert_eq!(output.list("c/items").unwrap(), ["c/items/b.json", "c/items/d.json"]);
        assert_eq!(walk(&output).len(), 4);
        // A link whose file was lost is dropped rather than kept broken.
        output.delete("c/items/d.json").unwrap();
        write(&output, &[], &[]).unwrap();
        assert_eq!(walk(&output).len(), 3);
    }

    #[test]
    fn several_recipes_share_a_catalogue() {
        let output = MemoryOutput::default();
        let other_head = CatalogHead { id: "other".into(), title: Some("Other".into()), description: "o".into() };
        for _ in 0..2 {
            write(&output, &[("a", "1")], &[]).unwrap();
            write_static_catalog(&output, &other_head, &collection("a"), [&item("x", "a", "1")], &[]).unwrap();
        }
        let before = output.get(CATALOG).unwrap();
        assert_eq!(walk(&output)[CATALOG]["id"], "published", "the first one's texts stay");
        assert_eq!(walk(&output).len(), 5);
        write(&output, &[("a", "1")], &[]).unwrap();
        assert_eq!(output.get(CATALOG).unwrap(), before);
        output.put(CATALOG, b"<html>").unwrap();
        assert!(matches!(write(&output, &[], &[]), Err(PublishError::NotACatalog { .. })));
        output.put(CATALOG, br#"{"type": "Collection"}"#).unwrap();
        assert!(matches!(write(&output, &[], &[]), Err(PublishError::NotACatalog { .. })));
    }

    #[test]
    fn records_of_others_are_refused() {
        let output = MemoryOutput::default();
        for wrong in [item("a", "other", "1"), item("../a", "c", "1"), collection("c")] {
            let result = write_static_catalog(&output, &head(), &collection("c"), [&wrong], &[]);
            assert!(matches!(result, Err(PublishError::Misplaced { .. })));
        }
        let result = write_static_catalog(&output, &head(), &item("a", "c", "1"), [] as [ValidatedRecord; 0], &[]);
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
        let runs: [(&[(&str, &str)], &[&str]); 3] = [
            (&[("a", "1"), ("b", "1"), ("d", "1")], &[]),
            (&[("a", "2"), ("e", "1")], &["b", "d"]),
            (&[("b", "3")], &["a"]),
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
}
