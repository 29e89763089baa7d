//! Links between the versions of a dataset: items whose ids differ in nothing but the version (version extension v1.2.0).

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use crate::model::label::natural_order;

/// The links of the extension.
const RELATIONS: [&str; 3] = ["predecessor-version", "successor-version", "latest-version"];

/// The items that have a version: what is kept of each while they pass by.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// By the id without the version: the versions and the ids.
    families: BTreeMap<(String, String), Vec<(String, String)>>,
    /// The links that items have now.
    links: HashMap<String, Vec<Value>>,
}

impl Versions {
    /// Looks at the record of an item.
    pub(super) fn add(&mut self, record: &Value) {
        let (Some(id), Some(version)) = (record["id"].as_str(), record["properties"]["version"].as_str()) else {
            return;
        };
        let links = own_links(record);
        if !links.is_empty() {
            self.links.insert(id.to_owned(), links);
        }
        let Some(at) = id.rfind(version).filter(|_| !version.is_empty()) else { return };
        let family = (id[..at].to_owned(), id[at + version.len()..].to_owned());
        self.families.entry(family).or_default().push((version.to_owned(), id.to_owned()));
    }

    /// The items whose links are not what they should be, and what they should be.
    pub(super) fn changes(mut self) -> BTreeMap<String, Vec<Value>> {
        let mut changes = BTreeMap::new();
        for mut family in std::mem::take(&mut self.families).into_values() {
            family.sort_by(|(a, _), (b, _)| natural_order(a, b));
            for (at, (_, id)) in family.iter().enumerate() {
                let wanted = links(&family, at);
                if self.links.remove(id).unwrap_or_default() != wanted {
                    changes.insert(id.clone(), wanted);
                }
            }
        }
        // Of what is no longer in a family.
        changes.extend(self.links.into_keys().map(|id| (id, Vec::new())));
        changes
    }
}

fn own_links(record: &Value) -> Vec<Value> {
    record["links"].as_array().into_iter().flatten().filter(|link| is_own(link)).cloned().collect()
}

/// Whether it is a link between records of this catalogue; what a template adds names other places.
fn is_own(link: &Value) -> bool {
    let is_beside = |href: &str| href.strip_prefix("./").is_some_and(|name| !name.contains('/'));
    RELATIONS.iter().any(|relation| link["rel"] == *relation) && link["href"].as_str().is_some_and(is_beside)
}

fn links(family: &[(String, String)], at: usize) -> Vec<Value> {
    let latest = family.len() - 1;
    let link = |relation: &str, (version, id): &(String, String)| json!({"rel": relation, "href": format!("./{id}.json"), "type": "application/geo+json", "title": version});
    let mut links = Vec::new();
    links.extend(at.checked_sub(1).and_then(|before| family.get(before)).map(|one| link(RELATIONS[0], one)));
    links.extend(family.get(at + 1).map(|one| link(RELATIONS[1], one)));
    links.extend(family.get(latest).filter(|_| at < latest).map(|one| link(RELATIONS[2], one)));
    links
}

/// The record with these links between versions in place of its own.
pub(super) fn with_links(mut record: Value, links: Vec<Value>, updated: &str) -> Value {
    if let Some(own) = record.get_mut("links").and_then(Value::as_array_mut) {
        own.retain(|link| !is_own(link));
        own.extend(links);
    }
    if record["properties"].is_object() {
        record["properties"]["updated"] = updated.into();
    }
    record
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn record(id: &str, version: &str) -> Value {
        json!({"id": id, "properties": {"version": version}, "links": [{"rel": "root", "href": "../../catalog.json"}]})
    }

    fn relations(record: &Value) -> Vec<(&str, &str)> {
        let links = record["links"].as_array().unwrap().iter().filter(|link| is_own(link));
        links.map(|link| (link["rel"].as_str().unwrap(), link["href"].as_str().unwrap())).collect()
    }

    fn settle(records: &mut [Value]) -> usize {
        let mut versions = Versions::default();
        records.iter().for_each(|record| versions.add(record));
        let changes = versions.changes();
        for record in records.iter_mut() {
            if let Some(links) = changes.get(record["id"].as_str().unwrap()) {
                *record = with_links(record.clone(), links.clone(), "2026-01-01T00:00:00Z");
            }
        }
        changes.len()
    }

    #[test]
    fn versions_are_linked_in_natural_order_and_once() {
        let mut records = [
            record("tas.v10.gn", "v10"),
            record("tas.v9.gn", "v9"),
            record("tas.v2.gn", "v2"),
            record("pr.v1.gn", "v1"),
        ];
        assert_eq!(settle(&mut records), 3);
        assert_eq!(relations(&records[0]), [("predecessor-version", "./tas.v9.gn.json")]);
        let middle = [
            ("predecessor-version", "./tas.v2.gn.json"),
            ("successor-version", "./tas.v10.gn.json"),
            ("latest-version", "./tas.v10.gn.json"),
        ];
        assert_eq!(relations(&records[1]), middle);
        assert!(relations(&records[3]).is_empty());
        assert_eq!(records[1]["links"][0]["rel"], "root");
        assert_eq!(settle(&mut records), 0, "what is right stays");
        // The latest is withdrawn.
        assert_eq!(settle(&mut records[1..]), 2);
        assert_eq!(relations(&records[1]), [("predecessor-version", "./tas.v2.gn.json")]);
    }

    #[test]
    fn what_has_no_version_in_its_id_has_no_versions() {
        let mut records = [record("tas", "v1"), record("pr", "v2"), json!({"id": "x"}), record("", "")];
        assert_eq!(settle(&mut records), 0);
    }
}
