//! Revisions that nobody points at any more, and products of items that are gone.
//!
//! The newest stay, as many as the recipe keeps; so does one that the static catalogue points at, and each of an item of which an API was not seen
//! to hold the record that stands. Repositories of Icechunk keep their history.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use url::Url;

use super::item::{product_folder, read_record, revisions};
use super::send::{Publishables, Reader};
use super::{PipelineError, Workspace, chain, predecessor};
use crate::model::{ItemId, Revision};
use crate::storage::OutputStore;

/// Removes revisions of these items; `locks` says whether the lock of the output is still to be taken. Returns what could not be removed.
pub(super) fn prune(
    workspace: &Workspace,
    items: &BTreeSet<ItemId>,
    locks: bool,
) -> Result<Vec<String>, PipelineError> {
    let mut spare = Vec::new();
    for id in items {
        let old = old_revisions(workspace, id)?;
        if !old.is_empty() {
            spare.push((id, old));
        }
    }
    if spare.is_empty() {
        return Ok(Vec::new());
    }
    let apis = Apis::of(workspace)?;
    spare.retain(|(id, _)| apis.hold_what_stands(id));
    if spare.is_empty() {
        return Ok(Vec::new());
    }
    let _lock = if locks { workspace.lock_output()? } else { None };
    let mut problems = Vec::new();
    for (id, old) in spare {
        for revision in old {
            let folder = product_folder(workspace, id, revision);
            // Nobody links its record any more.
            let removed = workspace.output.delete(&predecessor::path(workspace, id, revision));
            match removed.and_then(|_| workspace.output.remove_folder(&folder)) {
                Ok(_) => tracing::info!(item = %id, revision = revision.number(), "removed"),
                Err(error) => problems.push(format!("{}: {}", workspace.output.shown(&folder), chain(&error))),
            }
        }
    }
    Ok(problems)
}

/// Removes all products of items that are gone, once neither the static catalogue nor any API has them; `locks` as with [`prune`]. Returns what
/// could not be removed.
pub(super) fn prune_removed(workspace: &Workspace, locks: bool) -> Result<Vec<String>, PipelineError> {
    let mut gone = workspace.ledger().removed()?;
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let apis = workspace.ledger().apis()?;
    for api in apis {
        let held: BTreeSet<String> = workspace.ledger().publications(&api)?.into_iter().map(|one| one.id).collect();
        gone.retain(|id| !held.contains(id.as_str()));
    }
    let _lock = if locks && !gone.is_empty() { workspace.lock_output()? } else { None };
    let mut problems = Vec::new();
    for id in gone {
        // Somebody else may have put one there.
        if workspace.output.get(&workspace.item_path(id.as_str()))?.is_some() {
            continue;
        }
        let folder = format!("{}/products/{id}", workspace.recipe.collection.id);
        match workspace.output.remove_folder(&folder) {
            Ok(_) => {
                tracing::info!(item = %id, "its products were removed");
                workspace.ledger().forget_removed(&id)?;
            }
            Err(error) => problems.push(format!("{}: {}", workspace.output.shown(&folder), chain(&error))),
        }
    }
    Ok(problems)
}

/// Revisions of an item beyond those that are kept, whatever APIs hold.
fn old_revisions(workspace: &Workspace, id: &ItemId) -> Result<Vec<Revision>, PipelineError> {
    let Some(current) = workspace.ledger().item(id.as_str())?.and_then(|known| known.revision) else {
        return Ok(Vec::new());
    };
    let found = revisions(workspace, id)?;
    let beyond = spare(found, current, workspace.recipe.keeping.revisions);
    if beyond.is_empty() {
        return Ok(beyond);
    }
    // Without a record nobody knows what is pointed at.
    let Some(record) = read_record(workspace, id.as_str())? else { return Ok(Vec::new()) };
    let pointed = pointed_at(&record.json, id);
    Ok(beyond.into_iter().filter(|revision| pointed.contains(&current) && !pointed.contains(revision)).collect())
}

/// Revisions that are older than the newest `kept`, the current one among them. What is newer than the current one may be under way. Pure.
fn spare(mut found: Vec<Revision>, current: Revision, kept: u32) -> Vec<Revision> {
    found.retain(|revision| *revision < current);
    found.sort_unstable();
    let others = usize::try_from(kept.saturating_sub(1)).unwrap_or(usize::MAX);
    found.truncate(found.len().saturating_sub(others));
    found
}

/// The revisions that hrefs of a record lead to. Pure.
pub(super) fn pointed_at(record: &Value, id: &ItemId) -> BTreeSet<Revision> {
    let links = record.get("links").and_then(Value::as_array).into_iter().flatten();
    let mut pointed = own_revisions(record, id);
    pointed.extend(revisions_of(links.filter(|link| predecessor::is_link(link)), id));
    pointed
}

/// The revisions that assets of a record lead to: one, but for what was edited. Pure.
pub(super) fn own_revisions(record: &Value, id: &ItemId) -> BTreeSet<Revision> {
    revisions_of(record.get("assets").and_then(Value::as_object).into_iter().flatten().map(|(_, asset)| asset), id)
}

fn revisions_of<'a>(owners: impl Iterator<Item = &'a Value>, id: &ItemId) -> BTreeSet<Revision> {
    let start = format!("products/{id}/r");
    let hrefs = owners.filter_map(|owner| owner.get("href")?.as_str());
    let number = |href: &str| href.split_once(&start)?.1.split(['/', '.']).next()?.parse().ok();
    hrefs.filter_map(number).filter_map(Revision::new).collect()
}

/// What APIs were last seen to hold.
struct Apis<'a> {
    /// For each API the digests of items as it confirmed them; an empty digest: nobody knows.
    confirmed: Vec<(Option<Publishables<'a>>, BTreeMap<String, String>)>,
}

impl<'a> Apis<'a> {
    fn of(workspace: &'a Workspace) -> Result<Self, PipelineError> {
        let mut confirmed = Vec::new();
        let apis = workspace.ledger().apis()?;
        for api in apis {
            let reader = match (api.as_str(), Url::parse(&api)) {
                ("embedded", _) => Some(Reader::Embedded),
                (_, Ok(url)) => Some(Reader::Api(url)),
                (_, Err(_)) => None,
            };
            let publishables = reader.map(|reader| Publishables::new(workspace, reader)).transpose()?;
            let publications = workspace.ledger().publications(&api)?.into_iter();
            let items = publications.filter(|publication| publication.kind == "item");
            confirmed.push((publishables, items.map(|publication| (publication.id, publication.digest)).collect()));
        }
        Ok(Self { confirmed })
    }

    /// Whether each API that has the item was seen to hold its record as it stands.
    fn hold_what_stands(&self, id: &ItemId) -> bool {
        self.confirmed.iter().all(|(publishables, items)| {
            let Some(confirmed) = items.get(id.as_str()) else { return true };
            let standing = publishables.as_ref().and_then(|publishables| publishables.item(id).ok());
            standing.is_some_and(|(record, _)| record.digest() == *confirmed)
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn revision(number: u32) -> Revision {
        Revision::new(number).unwrap()
    }

    #[test]
    fn a_record_tells_its_revisions() {
        let record = json!({"assets": {
            "a": {"href": "../products/x/r12/kerchunk.json"},
            "b": {"href": "https://a.org/c/products/x/r3/data.zarr"},
            "c": {"href": "../products/x/icechunk"},
            "d": {"href": "../products/xx/r4/a"},
        }, "links": [
            {"rel": "predecessor-version", "href": "../products/x/r7.json"},
            {"rel": "derived_from", "href": "../products/x/r8/report.json"},
        ]});
        let found = pointed_at(&record, &ItemId::new("x").unwrap());
        assert_eq!(found, BTreeSet::from([revision(3), revision(7), revision(12)]));
        assert_eq!(own_revisions(&record, &ItemId::new("x").unwrap()), BTreeSet::from([revision(3), revision(12)]));
    }

    proptest! {
        #[test]
        fn the_newest_stay(found in prop::collection::btree_set(1_u32..20, 0..10), current in 1_u32..20, kept in 1_u32..5) {
            let all: Vec<Revision> = found.iter().rev().map(|number| revision(*number)).collect();
            let gone = spare(all.clone(), revision(current), kept);
            prop_assert!(gone.iter().all(|gone| *gone < revision(current)));
            let stay: Vec<_> = all.iter().filter(|one| **one < revision(current) && !gone.contains(one)).collect();
            prop_assert!(stay.iter().all(|stay| gone.iter().all(|gone| gone < stay)));
            let older = all.iter().filter(|one| **one < revision(current)).count();
            prop_assert_eq!(stay.len(), older.min(kept as usize - 1));
        }
    }
}
