//! The static catalogue: a folder of records whose links work wherever it is served from.
//!
//! The order of writing is what keeps it whole: items, then the collection that links them, then the catalogue that links the
//! collection; an item that is gone loses its link before its file. Between the collection and its items there may be catalogues (`branches`), above
//! it a parent collection (`parents`).

mod branches;
mod parents;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use branches::{Branch, branch_of};
pub use parents::ParentCollection;

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

/// Writes the file of an item if it differs; returns whether it wrote. It is to be found from the catalogue only when
/// [`write_catalogue`] has linked it, and only then is it safe from a loss of power. `facets` are the properties by which there are catalogues between collection and items.
///
/// # Errors
/// [`PublishError::Misplaced`] if the record is not an item of a collection, [`PublishError::NoBranch`] if it lacks a facet;
/// [`PublishError::Storage`].
pub fn write_item(output: &dyn OutputStore, item: &ValidatedRecord, facets: &[String]) -> Result<bool, PublishError> {
    let record = item.record();
    let path = item_path(record)?;
    let branch = branch_of(&record.json, facets)?;
    // Its parent has to be there before it.
    branches::prepare(output, &collection_of(record)?, &branch)?;
    Ok(output.put_soon_if_changed(&path, &bytes(&item_json(record, &branch)))?)
}

/// Writes a collection that links these items, or the catalogues between that do, links it from the catalogue or from its parent, and then
/// removes the files of items that are gone and catalogues that hold nothing.
///
/// An item without a file is not linked. Other collections in the catalogue stay. Only files that differ are written. Interrupted
/// at any moment, what can be reached from the catalogue is whole.
///
/// # Errors
/// [`PublishError::Misplaced`] if the record is no collection, [`PublishError::NotACatalog`] if there is another kind of
/// `catalog.json`, [`PublishError::Parent`], [`PublishError::Contended`], and [`PublishError::Storage`].
pub fn write_catalogue(
    output: &dyn OutputStore,
    head: &CatalogHead,
    collection: &ValidatedRecord,
    items: &BTreeMap<ItemId, Branch>,
    removed: &[ItemId],
    parent: Option<&ParentCollection<'_>>,
) -> Result<StaticReport, PublishError> {
    let collection = collection.record();
    let id = collection_id(collection)?;
    // What is linked must be there for good.
    output.settle()?;
    let gone: BTreeSet<_> = removed.iter().collect();
    let there: BTreeSet<_> = output.list(&format!("{id}/items"))?.into_iter().collect();
    let is_linked = |item: &ItemId| !gone.contains(item) && there.contains(&place_of_item(&id, item));
    let linked = items.iter().filter(|(item, _)| is_linked(item));
    let mut report = StaticReport::default();
    let tree = branches::Tree::of(linked);
    tree.write(output, &id, &mut report)?;
    let content = bytes(&collection_json(collection, &tree, parent.map(|parent| parent.id)));
    let path = format!("{id}/collection.json");
    let wrote = output.put_if_changed(&path, &content)?;
    report.note(path, wrote);
    let title = collection.json["title"].as_str();
    match parent {
        None => link_from_catalog(output, head, (&id, title), None, &mut report)?,
        Some(parent) => {
            parents::update(output, parent, &id, true, &mut report)?;
            link_from_catalog(output, head, (parent.id, parent.title), Some(&id), &mut report)?;
        }
    }
    remove_items(output, &id, removed, &mut report)?;
    tree.remove_others(output, &id, &mut report)?;
    Ok(report)
}

/// Links a collection from the catalogue, and another not any more.
fn link_from_catalog(
    output: &dyn OutputStore,
    head: &CatalogHead,
    (id, title): (&CollectionId, Option<&str>),
    unlinked: Option<&CollectionId>,
    report: &mut StaticReport,
) -> Result<(), PublishError> {
    let wrote = update_catalog(output, |before| {
        let before = match (before, unlinked) {
            (Some(before), Some(unlinked)) => Some(bytes(&without_child(before, unlinked)?)),
            (before, _) => before.map(<[u8]>::to_vec),
        };
        catalog_json(before.as_deref(), head, id, title).map(Some)
    })?;
    report.note(CATALOG.into(), wrote);
    Ok(())
}

/// Takes a collection that has no items left out of the catalogue, then removes its record and the files of its items.
///
/// # Errors
/// [`PublishError::NotACatalog`], [`PublishError::Contended`], [`PublishError::Storage`].
pub fn remove_catalogue(
    output: &dyn OutputStore,
    collection: &CollectionId,
    removed: &[ItemId],
    parent: Option<&ParentCollection<'_>>,
) -> Result<StaticReport, PublishError> {
    let mut report = StaticReport::default();
    if let Some(parent) = parent
        && !parents::update(output, parent, collection, false, &mut report)?
    {
        unlink_from_catalog(output, parent.id, &mut report)?;
        delete(output, format!("{}/collection.json", parent.id), &mut report)?;
    }
    unlink_from_catalog(output, collection, &mut report)?;
    delete(output, format!("{collection}/collection.json"), &mut report)?;
    delete(output, items_table(collection), &mut report)?;
    remove_items(output, collection, removed, &mut report)?;
    branches::Tree::default().remove_others(output, collection, &mut report)?;
    Ok(report)
}

/// Where the table of a collection's items stands below the output.
pub fn items_table(collection: &CollectionId) -> String {
    format!("{collection}/items.parquet")
}

fn unlink_from_catalog(
    output: &dyn OutputStore,
    collection: &CollectionId,
    report: &mut StaticReport,
) -> Result<(), PublishError> {
    let wrote = update_catalog(output, |before| before.map(|before| without_child(before, collection)).transpose())?;
    report.note(CATALOG.into(), wrote);
    Ok(())
}

fn delete(output: &dyn OutputStore, path: String, report: &mut StaticReport) -> Result<(), PublishError> {
    if output.delete(&path)? {
        report.removed.push(path);
    }
    Ok(())
}

impl StaticReport {
    fn note(&mut self, path: String, wrote: bool) {
        if wrote { self.written.push(path) } else { self.unchanged += 1 }
    }
}

fn remove_items(
    output: &dyn OutputStore,
    collection: &CollectionId,
    removed: &[ItemId],
    report: &mut StaticReport,
) -> Result<(), PublishError> {
    removed.iter().try_for_each(|item| delete(output, place_of_item(collection, item), report))
}

/// Replaces the catalogue by what is made of it, unless it is that already or nothing is made; returns whether it wrote.
/// If others change it meanwhile, theirs is read again.
fn update_catalog(
    output: &dyn OutputStore,
    changed: impl Fn(Option<&[u8]>) -> Result<Option<Value>, PublishError>,
) -> Result<bool, PublishError> {
    for _ in 0..REPLACE_ATTEMPTS {
        let before = output.get(CATALOG)?;
        let Some(after) = changed(before.as_deref())? else { return Ok(false) };
        let after = bytes(&after);
        if before.as_deref() == Some(&after[..]) {
            return Ok(false);
        }
        if output.replace(CATALOG, before.as_deref(), &after)? {
            return Ok(true);
        }
    }
    Err(PublishError::Contended { path: CATALOG.into() })
}

fn place_of_item(collection: &CollectionId, item: &ItemId) -> String {
    format!("{collection}/items/{item}.json")
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

/// The collection of an item.
fn collection_of(record: &Record) -> Result<CollectionId, PublishError> {
    let collection = record.json.get("collection").and_then(Value::as_str).filter(|_| record.kind == RecordKind::Item);
    let collection = collection.ok_or_else(|| misplaced(record, "an item of a collection is needed".into()))?;
    CollectionId::new(collection).map_err(|error| misplaced(record, error.to_string()))
}

fn item_path(record: &Record) -> Result<String, PublishError> {
    let collection = collection_of(record)?;
    let item = ItemId::new(record.id.as_str()).map_err(|error| misplaced(record, error.to_string()))?;
    Ok(place_of_item(&collection, &item))
}

fn bytes(json: &Value) -> Vec<u8> {
    format!("{json:#}\n").into_bytes()
}

fn link(rel: &str, href: &str, media_type: &str) -> Value {
    json!({"rel": rel, "href": href, "type": media_type, "title": link_title(href)})
}

/// What people read of a link: the name of what it leads to.
fn link_title(href: &str) -> &str {
    let (folder, file) = href.rsplit_once('/').unwrap_or(("", href));
    let folder = folder.rsplit('/').next().filter(|name| !matches!(*name, "" | "." | ".."));
    match file {
        CATALOG => folder.unwrap_or("Catalogue"),
        "collection.json" => folder.unwrap_or("Collection"),
        other => other.strip_suffix(".json").unwrap_or(other),
    }
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

fn item_json(record: &Record, branch: &Branch) -> Value {
    let parent = match branches::place(branch) {
        Some(place) => format!("../{place}"),
        None => "../collection.json".to_owned(),
    };
    let links = [("root", "../../catalog.json"), ("collection", "../collection.json"), ("parent", parent.as_str())];
    with_links(record, links.map(|(rel, href)| link(rel, href, "application/json")).to_vec())
}

fn collection_json(record: &Record, tree: &branches::Tree<'_>, parent: Option<&CollectionId>) -> Value {
    let above = parent.map_or_else(|| "../catalog.json".to_owned(), |parent| format!("../{parent}/collection.json"));
    let mut links =
        vec![link("root", "../catalog.json", "application/json"), link("parent", &above, "application/json")];
    links.extend(tree.links("."));
    with_links(record, links)
}

/// The catalogue there, and its links but the one to this collection.
fn parsed(before: &[u8], own_href: &str) -> Result<(Value, Vec<Value>), PublishError> {
    let not_ours = |found| PublishError::NotACatalog { path: CATALOG.into(), found };
    let catalog: Value = serde_json::from_slice(before).map_err(|_| not_ours("it is not JSON"))?;
    if catalog["type"] != "Catalog" {
        return Err(not_ours("its type is another"));
    }
    let others = match catalog.get("links") {
        None => Vec::new(),
        Some(Value::Array(links)) => links.iter().filter(|link| link["href"] != *own_href).cloned().collect(),
        Some(_) => return Err(not_ours("its links are not a list")),
    };
    Ok((catalog, others))
}

fn own_href(id: &CollectionId) -> String {
    format!("./{id}/collection.json")
}

fn without_child(before: &[u8], id: &CollectionId) -> Result<Value, PublishError> {
    let (mut catalog, others) = parsed(before, &own_href(id))?;
    catalog["links"] = others.into();
    Ok(catalog)
}

fn catalog_json(
    before: Option<&[u8]>,
    head: &CatalogHead,
    id: &CollectionId,
    title: Option<&str>,
) -> Result<Value, PublishError> {
    let own_href = own_href(id);
    let (mut catalog, others) = match before {
        Some(before) => parsed(before, &own_href)?,
        None => (json!({}), Vec::new()),
    };
    if !others.iter().any(|link| link["rel"] == "child") {
        catalog = json!({"type": "Catalog", "stac_version": "1.1.0", "id": head.id});
        if let Some(title) = &head.title {
            catalog["title"] = title.as_str().into();
        }
        catalog["description"] = head.description.as_str().into();
    }
    let mut child = link("child", &own_href, "application/json");
    if let Some(title) = title {
        child["title"] = title.into();
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
mod tests;
