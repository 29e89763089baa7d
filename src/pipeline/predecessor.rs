//! The record of the revision before: kept beside the revisions for as long as they stand, and linked by the record that follows it.

use serde_json::{Value, json};

use super::item::read_record;
use super::prune::own_revisions;
use super::{PipelineError, Workspace};
use crate::model::{ItemId, KnownItem, Revision};
use crate::storage::OutputStore;

/// The relation of a link to an earlier state of the same thing (RFC 5829).
const PREDECESSOR: &str = "predecessor-version";
/// That of links between versions of a thing.
const VERSIONS: [&str; 3] = [PREDECESSOR, "successor-version", "latest-version"];

/// The path below the output of the record that a revision had.
pub(super) fn path(workspace: &Workspace, id: &ItemId, revision: Revision) -> String {
    format!("{}/products/{id}/{revision}.json", workspace.recipe.collection.id)
}

/// Keeps the record that stands, and returns the link to it for the one that follows; `None` if there is none, or the recipe keeps no earlier
/// revision.
///
/// # Errors
/// The record cannot be read or written.
pub(super) fn keep(
    workspace: &Workspace,
    id: &ItemId,
    known: Option<&KnownItem>,
) -> Result<Option<Value>, PipelineError> {
    let known = known.and_then(|known| known.revision).filter(|_| workspace.recipe.keeping.revisions > 1);
    let Some(known) = known else { return Ok(None) };
    let record = match read_record(workspace, id.as_str()) {
        Ok(Some(record)) => record,
        // What cannot be read is no record of anything; it is made anew.
        Ok(None) | Err(PipelineError::NotACatalogue { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    // Of a run that was killed the record may be one revision ahead of the ledger.
    let revision = own_revisions(&record.json, id).into_iter().max().unwrap_or(known);
    let record = relocated(record.json, id.as_str());
    workspace.output.put(&path(workspace, id, revision), &serde_json::to_vec_pretty(&record).unwrap_or_default())?;
    Ok(Some(json!({
        "rel": PREDECESSOR,
        "href": format!("../products/{id}/{revision}.json"),
        "type": "application/geo+json",
        "title": format!("Revision {}", revision.number()),
    })))
}

/// That link of the record as it stands.
pub(super) fn standing_link(workspace: &Workspace, id: &ItemId) -> Option<Value> {
    let record = read_record(workspace, id.as_str()).ok()??;
    record.json["links"].as_array()?.iter().find(|link| is_link(link)).cloned()
}

/// Whether a link leads to an earlier revision, not to another item.
pub(super) fn is_link(link: &Value) -> bool {
    link["rel"] == PREDECESSOR && link["href"].as_str().is_some_and(|href| href.starts_with("../products/"))
}

/// A record of `items/` as it reads in the folder of the item's products. In place of links between versions it has one to what follows it: what is
/// before it goes first. Pure.
fn relocated(mut record: Value, id: &str) -> Value {
    let assets = record.get_mut("assets").and_then(Value::as_object_mut).into_iter().flatten().map(|(_, asset)| asset);
    for asset in assets {
        move_href(asset, id);
        let alternates = asset.get_mut("alternate").and_then(Value::as_object_mut).into_iter().flatten();
        alternates.for_each(|(_, alternate)| move_href(alternate, id));
    }
    if let Some(links) = record.get_mut("links").and_then(Value::as_array_mut) {
        links.retain(|link| !VERSIONS.iter().any(|version| link["rel"] == *version));
        links.iter_mut().for_each(|link| move_href(link, id));
        links.push(json!({
            "rel": "successor-version",
            "href": format!("../../items/{id}.json"),
            "type": "application/geo+json",
        }));
    }
    record
}

fn move_href(owner: &mut Value, id: &str) {
    if let Some(href) = owner.get("href").and_then(Value::as_str)
        && let Some(moved) = moved(href, id)
    {
        owner["href"] = moved.into();
    }
}

/// A reference relative to `items/`, relative to `products/<id>/`; `None` if it is not relative. Pure.
fn moved(href: &str, id: &str) -> Option<String> {
    if href.starts_with(['/', '#', '?']) || url::Url::parse(href).is_ok() {
        return None;
    }
    Some(match href.strip_prefix("../") {
        Some(above) => {
            match above.strip_prefix("products/").and_then(|rest| rest.strip_prefix(id)?.strip_prefix('/')) {
                Some(own) => format!("./{own}"),
                None => format!("../../{above}"),
            }
        }
        None => format!("../../items/{}", href.strip_prefix("./").unwrap_or(href)),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    #[test]
    fn an_earlier_record_names_what_follows_it() {
        let record = json!({"assets": {
            "zarr": {"href": "../products/x/r1/data.zarr", "alternate": {"s3": {"href": "s3://b/x"}}},
            "data0001": {"href": "file:///a/x.nc"},
        }, "links": [
            {"rel": "root", "href": "../../catalog.json"},
            {"rel": "predecessor-version", "href": "../products/x/r0.json"},
            {"rel": "latest-version", "href": "./y.json"},
            {"rel": "about", "href": "https://a.org"},
        ]});
        let moved = relocated(record, "x");
        assert_eq!(moved["assets"]["zarr"]["href"], "./r1/data.zarr");
        assert_eq!(moved["assets"]["zarr"]["alternate"]["s3"]["href"], "s3://b/x");
        assert_eq!(moved["assets"]["data0001"]["href"], "file:///a/x.nc");
        let links: Vec<_> =
            moved["links"].as_array().unwrap().iter().map(|link| (&link["rel"], &link["href"])).collect();
        assert_eq!(links[0], (&json!("root"), &json!("../../../catalog.json")));
        assert_eq!(links[2], (&json!("successor-version"), &json!("../../items/x.json")));
        assert_eq!(links.len(), 3);
    }

    proptest! {
        #[test]
        fn what_moves_leads_where_it_led(href in r"(\.\./){0,2}(\./)?(products/)?(x/|xx/)?[a-z.]{1,4}(/r1/a%20b)?") {
            let base = |place: &str| Url::parse("https://a.org/out/c/").unwrap().join(place).unwrap();
            let then = base("items/x.json").join(&href).unwrap();
            let now = base("products/x/r1.json").join(&moved(&href, "x").unwrap()).unwrap();
            prop_assert_eq!(then, now);
        }
    }
}
