//! A collection that other recipes feed too, as it stands in the static catalogue.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{PipelineError, Workspace};
use crate::model::{ItemId, Manage, Record, RecordKind};
use crate::publish::{Branch, grown};
use crate::storage::OutputStore;

/// What others put there; nothing if this recipe alone feeds the collection.
#[derive(Debug, Default)]
pub(super) struct Shared {
    collection: Option<Value>,
    others: Vec<ItemId>,
}

impl Shared {
    pub(super) fn of(workspace: &Workspace) -> Result<Self, PipelineError> {
        if workspace.recipe.manage == Manage::Own {
            return Ok(Self::default());
        }
        let path = format!("{}/collection.json", workspace.recipe.collection.id);
        let Some(content) = workspace.output.get(&path)? else { return Ok(Self::default()) };
        let collection: Value = serde_json::from_slice(&content).map_err(|error| PipelineError::NotACatalogue {
            path: workspace.output.shown(&path),
            found: error.to_string(),
        })?;
        let ledger = workspace.ledger();
        let mut others = linked_items(&collection);
        others.retain(|id| !ledger.knows(id.as_str()).unwrap_or(true));
        Ok(Self { collection: Some(collection), others })
    }

    /// Adds what others put there.
    pub(super) fn join(&self, collection: &mut Record, linked: &mut BTreeMap<ItemId, Branch>) {
        if let Some(standing) = &self.collection {
            collection.json = grown(&collection.json, standing);
        }
        linked.extend(self.others.iter().map(|id| (id.clone(), Branch::default())));
    }

    /// The collection as it stands, if others have items there.
    pub(super) fn of_others(self) -> Option<OfOthers> {
        let json = self.collection.filter(|_| !self.others.is_empty())?;
        let id = json.get("id")?.as_str()?.to_owned();
        let others = self.others.into_iter().map(|id| (id, Branch::default())).collect();
        Some(OfOthers { record: Record { kind: RecordKind::Collection, id, json }, others })
    }
}

/// A collection that only others feed now.
pub(super) struct OfOthers {
    pub(super) record: Record,
    pub(super) others: BTreeMap<ItemId, Branch>,
}

fn linked_items(collection: &Value) -> Vec<ItemId> {
    let links = collection["links"].as_array().map(Vec::as_slice).unwrap_or_default();
    let item = |link: &Value| {
        let href = (link["rel"] == "item").then(|| link["href"].as_str())??;
        ItemId::new(href.rsplit('/').next()?.strip_suffix(".json")?).ok()
    };
    links.iter().filter_map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn items_are_known_by_their_links() {
        let links = json!([{"rel": "item", "href": "./items/a.b.json"}, {"rel": "root", "href": "../catalog.json"}, {"rel": "item"}]);
        let found = linked_items(&json!({"links": links}));
        assert_eq!(found.iter().map(ItemId::as_str).collect::<Vec<_>>(), ["a.b"]);
        assert!(linked_items(&json!({})).is_empty());
    }
}
