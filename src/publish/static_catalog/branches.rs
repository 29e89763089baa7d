//! Catalogues between a collection and its items: one for each value of a facet, in it one for each of the next.
//!
//! The files of items stay where they are; `<collection>/catalogs/<value>/<value of the next>/catalog.json` link them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{StaticReport, bytes, delete, link};
use crate::model::{CollectionId, ItemId};
use crate::publish::PublishError;
use crate::storage::OutputStore;

/// Values beyond so many bytes are cut in the names of folders.
const NAME_LIMIT: usize = 100;

/// The facets of an item by which it is found, and their values.
pub type Branch = Vec<(String, String)>;

/// Where an item hangs.
///
/// ```
/// use altostac::publish::branch_of;
/// let item = serde_json::json!({"id": "a", "properties": {"source_id": "UKESM1-0-LL"}});
/// assert_eq!(branch_of(&item, &["source_id".into()]).unwrap(), [("source_id".to_string(), "UKESM1-0-LL".to_string())]);
/// assert!(branch_of(&item, &["model".into()]).is_err());
/// ```
///
/// # Errors
/// [`PublishError::NoBranch`] if the item has no such property, or one that is neither text nor number.
pub fn branch_of(item: &Value, facets: &[String]) -> Result<Branch, PublishError> {
    let value = |facet: &String| {
        let value = match &item["properties"][facet] {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        };
        let missing = || PublishError::NoBranch {
            item: item["id"].as_str().unwrap_or_default().to_owned(),
            facet: facet.clone(),
            found: item["properties"][facet].to_string().chars().take(80).collect(),
        };
        Ok((facet.clone(), value.ok_or_else(missing)?))
    };
    facets.iter().map(value).collect()
}

/// The catalogue of a branch below its collection; `None` if there is none between.
pub(super) fn place(branch: &[(String, String)]) -> Option<String> {
    let folders: Vec<String> = branch.iter().map(|(_, value)| folder(value)).collect();
    if folders.is_empty() { None } else { Some(format!("catalogs/{}/catalog.json", folders.join("/"))) }
}

/// A value as the name of a folder. What had to be changed gets a digest, so that no two are one.
fn folder(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let name: String = value.chars().map(|c| if is_plain(c) { c } else { '_' }).take(NAME_LIMIT).collect();
    if name == value && !name.chars().all(|c| c == '.') {
        return name;
    }
    let digest: String = Sha256::digest(value).iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{digest}", name.trim_matches('.'))
}

/// Writes catalogues that are not there yet, without links to what they are to hold: an item's parent has to be there before it.
pub(super) fn prepare(
    output: &dyn OutputStore,
    collection: &CollectionId,
    branch: &Branch,
) -> Result<(), PublishError> {
    for length in 1..=branch.len() {
        let branch = &branch[..length];
        let Some(place) = place(branch) else { continue };
        let path = format!("{collection}/{place}");
        if output.get(&path)?.is_none() {
            output.put(&path, &bytes(&catalog(collection, branch, Vec::new())))?;
        }
    }
    Ok(())
}

/// A catalogue of a branch; `depth` folders below the collection's `catalogs`.
fn catalog(collection: &CollectionId, branch: &[(String, String)], below: Vec<Value>) -> Value {
    let up = "../".repeat(branch.len());
    let parent = if branch.len() > 1 { "../catalog.json".to_owned() } else { format!("{up}../collection.json") };
    let names: Vec<String> = branch.iter().map(|(_, value)| folder(value)).collect();
    let said: Vec<String> = branch.iter().map(|(facet, value)| format!("{facet} {value}")).collect();
    let mut links = vec![
        link("root", &format!("{up}../../catalog.json"), "application/json"),
        link("parent", &parent, "application/json"),
    ];
    links.extend(below);
    json!({
        "type": "Catalog",
        "stac_version": "1.1.0",
        "id": format!("{collection}.{}", names.join(".")),
        "title": branch.last().map(|(_, value)| value),
        "description": format!("Items of {collection} with {}", said.join(", ")),
        "links": links,
    })
}

/// What hangs where.
#[derive(Debug, Default)]
pub(super) struct Tree<'a> {
    items: Vec<&'a ItemId>,
    below: BTreeMap<&'a (String, String), Tree<'a>>,
}

impl<'a> Tree<'a> {
    /// The tree of items and their branches.
    pub(super) fn of(items: impl Iterator<Item = (&'a ItemId, &'a Branch)>) -> Self {
        let mut tree = Self::default();
        for (item, branch) in items {
            let place = branch.iter().fold(&mut tree, |tree, step| tree.below.entry(step).or_default());
            place.items.push(item);
        }
        tree
    }

    /// The links to what hangs here, from a file that has the collection's folder at `up`.
    pub(super) fn links(&self, up: &str) -> Vec<Value> {
        self.links_at(up, &[])
    }

    fn links_at(&self, up: &str, branch: &[(String, String)]) -> Vec<Value> {
        let child = |step: &(String, String)| {
            let branch: Vec<_> = branch.iter().chain([step]).cloned().collect();
            let mut child = link("child", &format!("{up}/{}", place(&branch).unwrap_or_default()), "application/json");
            child["title"] = step.1.as_str().into();
            child
        };
        let item = |id: &&ItemId| link("item", &format!("{up}/items/{id}.json"), "application/geo+json");
        self.below.keys().map(|step| child(step)).chain(self.items.iter().map(item)).collect()
    }

    /// Writes the catalogues, those that hold others after these.
    pub(super) fn write(
        &self,
        output: &dyn OutputStore,
        collection: &CollectionId,
        report: &mut StaticReport,
    ) -> Result<(), PublishError> {
        self.write_at(output, collection, &mut Vec::new(), report)
    }

    fn write_at(
        &self,
        output: &dyn OutputStore,
        collection: &CollectionId,
        branch: &mut Branch,
        report: &mut StaticReport,
    ) -> Result<(), PublishError> {
        for (step, tree) in &self.below {
            branch.push((*step).clone());
            tree.write_at(output, collection, branch, report)?;
            branch.pop();
        }
        let Some(place) = place(branch) else { return Ok(()) };
        let path = format!("{collection}/{place}");
        let up = format!("{}..", "../".repeat(branch.len()));
        let content = bytes(&catalog(collection, branch, self.links_at(&up, branch)));
        let wrote = output.put_if_changed(&path, &content)?;
        report.note(path, wrote);
        Ok(())
    }

    fn places(&self, branch: &mut Branch, found: &mut BTreeSet<String>) {
        found.extend(place(branch));
        for (step, tree) in &self.below {
            branch.push((*step).clone());
            tree.places(branch, found);
            branch.pop();
        }
    }

    /// Removes the catalogues that are not of this tree: nothing links them any more.
    pub(super) fn remove_others(
        &self,
        output: &dyn OutputStore,
        collection: &CollectionId,
        report: &mut StaticReport,
    ) -> Result<(), PublishError> {
        let mut own = BTreeSet::new();
        self.places(&mut Vec::new(), &mut own);
        for path in output.list(&format!("{collection}/catalogs"))? {
            let is_own = path.strip_prefix(&format!("{collection}/")).is_some_and(|place| own.contains(place));
            if !is_own && path.ends_with("/catalog.json") {
                delete(output, path, report)?;
            }
        }
        Ok(())
    }
}
