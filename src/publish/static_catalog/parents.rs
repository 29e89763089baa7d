//! Collections of collections: a parent links its children, and is described from them as they stand.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{REPLACE_ATTEMPTS, StaticReport, bytes, link, with_links};
use crate::model::{CollectionId, ValidatedRecord};
use crate::publish::PublishError;
use crate::storage::OutputStore;

/// Makes the record of a parent from those of its children.
type DescribeParent<'a> = &'a dyn Fn(&[Value]) -> Result<ValidatedRecord, Box<dyn std::error::Error + Send + Sync>>;

/// A collection whose children are collections. Several recipes may feed one.
pub struct ParentCollection<'a> {
    /// Its id.
    pub id: &'a CollectionId,
    /// Its title.
    pub title: Option<&'a str>,
    /// Makes its record.
    pub describe: DescribeParent<'a>,
}

fn place(id: &CollectionId) -> String {
    format!("{id}/collection.json")
}

/// Describes the parent anew, with the child or without; returns whether it has children. If others change it meanwhile, theirs is read again.
pub(super) fn update(
    output: &dyn OutputStore,
    parent: &ParentCollection<'_>,
    child: &CollectionId,
    is_there: bool,
    report: &mut StaticReport,
) -> Result<bool, PublishError> {
    let path = place(parent.id);
    for _ in 0..REPLACE_ATTEMPTS {
        let before = output.get(&path)?;
        let mut ids = children(parent.id, before.as_deref())?;
        if is_there {
            ids.insert(child.clone())
        } else {
            ids.remove(child)
        };
        let mut records = Vec::new();
        for id in ids {
            let Some(content) = output.get(&place(&id))? else { continue };
            let Ok(json) = serde_json::from_slice::<Value>(&content) else { continue };
            records.push((id, json));
        }
        if records.is_empty() {
            return Ok(false);
        }
        let (ids, records): (Vec<_>, Vec<_>) = records.into_iter().unzip();
        let failed = |source| PublishError::Parent { id: parent.id.to_string(), source };
        let record = (parent.describe)(&records).map_err(failed)?;
        let mut links = ["root", "parent"].map(|rel| link(rel, "../catalog.json", "application/json")).to_vec();
        links.extend(ids.iter().zip(&records).map(|(id, record)| {
            let mut child = link("child", &format!("../{id}/collection.json"), "application/json");
            if record["title"].is_string() {
                child["title"] = record["title"].clone();
            }
            child
        }));
        let after = bytes(&with_links(record.record(), links));
        if before.as_deref() == Some(&after[..]) {
            report.note(path, false);
            return Ok(true);
        }
        if output.replace(&path, before.as_deref(), &after)? {
            report.note(path, true);
            return Ok(true);
        }
    }
    Err(PublishError::Contended { path })
}

/// The children that a parent links.
fn children(id: &CollectionId, before: Option<&[u8]>) -> Result<BTreeSet<CollectionId>, PublishError> {
    let Some(before) = before else { return Ok(BTreeSet::new()) };
    let wrong = |reason: &'static str| PublishError::Parent { id: id.to_string(), source: reason.into() };
    let json: Value = serde_json::from_slice(before).map_err(|_| wrong("what stands there is not JSON"))?;
    let links = json["links"].as_array().map(Vec::as_slice).unwrap_or_default();
    let holds_items = |link: &Value| {
        link["rel"] == "item" || link["href"].as_str().is_some_and(|href| href.starts_with("./catalogs/"))
    };
    if json["type"] != "Collection" || links.iter().any(holds_items) {
        return Err(wrong("what stands there is no collection of collections"));
    }
    let hrefs = links.iter().filter(|link| link["rel"] == "child").filter_map(|link| link["href"].as_str());
    let child = |href: &str| CollectionId::new(href.strip_prefix("../")?.strip_suffix("/collection.json")?).ok();
    Ok(hrefs.filter_map(child).collect())
}
