//! A collection of collections: what its children have in common.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use super::collection::bounding_box;
use super::{DescribeError, STAC_VERSION, Templates, geometry};
use crate::cftime::rfc3339;
use crate::model::recipe::ParentSettings;
use crate::model::{BoundingBox, Record, RecordKind};

/// Beyond so many distinct values a summary is left out.
const DISTINCT_VALUES: usize = 200;

/// Makes the record of a parent from its children's: the first extent covers them all; if there are several, theirs follow it.
///
/// # Errors
/// [`DescribeError`] if there are no children, one has no extent, or the template cannot be used.
pub fn describe_parent(
    settings: &ParentSettings,
    children: &[Value],
    templates: &Templates,
) -> Result<Record, DescribeError> {
    let empty = || DescribeError::EmptyCollection { collection: settings.id.to_string() };
    let extents = children.iter().map(extent).collect::<Result<Vec<_>, _>>()?;
    let boxes: Vec<BoundingBox> = extents.iter().map(|(place, _)| *place).collect();
    let place = geometry::union(&boxes).ok_or_else(empty)?;
    let start = extents.iter().map(|(_, (start, _))| *start).min().ok_or_else(empty)?;
    let end = extents.iter().map(|(_, (_, end))| *end).max().ok_or_else(empty)?;
    let several = if extents.len() > 1 { &extents[..] } else { &[] };
    let interval = |start, end| json!([rfc3339(start), rfc3339(end)]);
    let extent = json!({
        "spatial": {"bbox": std::iter::once(&place).chain(several.iter().map(|(place, _)| place)).map(geometry::bbox).collect::<Vec<_>>()},
        "temporal": {"interval": std::iter::once((start, end)).chain(several.iter().map(|(_, span)| *span)).map(|(start, end)| interval(start, end)).collect::<Vec<_>>()},
    });
    let catalog = |rel: &str| json!({"rel": rel, "href": "../catalog.json", "type": "application/json"});
    let links: Value = [catalog("root"), catalog("parent")].into_iter().collect();
    let context = json!({
        "stac_version": STAC_VERSION,
        "id": settings.id,
        "title": settings.title.as_deref().unwrap_or(settings.id.as_str()),
        "description": settings.description,
        "license": license(children),
        "keywords": distinct(children, "keywords"),
        "providers": distinct(children, "providers"),
        "extent": extent,
        "summaries": summaries(children),
        "item_assets": {},
        "assets": {},
        "links": links,
    });
    let truth = [
        ("/type", &json!("Collection")),
        ("/stac_version", &json!(STAC_VERSION)),
        ("/id", &context["id"]),
        ("/extent", &extent),
        ("/links", &links),
    ];
    let json = templates.record("collection.json.j2", &context, &truth)?;
    Ok(Record { kind: RecordKind::Collection, id: settings.id.to_string(), json })
}

type Span = (DateTime<Utc>, DateTime<Utc>);

/// The whole extent of a child.
fn extent(child: &Value) -> Result<(BoundingBox, Span), DescribeError> {
    let (bbox, interval) = (&child["extent"]["spatial"]["bbox"][0], &child["extent"]["temporal"]["interval"][0]);
    let wrong = |field: &'static str, expected: &'static str, found: &Value| DescribeError::Item {
        item: child["id"].as_str().unwrap_or_default().to_owned(),
        field,
        expected,
        found: found.to_string().chars().take(80).collect(),
    };
    let place = bounding_box(bbox).ok_or_else(|| wrong("extent.spatial", "four numbers", bbox))?;
    let instant = |number: usize| {
        let parsed = DateTime::parse_from_rfc3339(interval[number].as_str().unwrap_or_default());
        parsed.map_err(|_| wrong("extent.temporal", "two RFC 3339 instants", interval)).map(|instant| instant.to_utc())
    };
    Ok((place, (instant(0)?, instant(1)?)))
}

/// That of the children if it is the same in all.
fn license(children: &[Value]) -> Value {
    let licenses: BTreeSet<&str> = children.iter().filter_map(|child| child["license"].as_str()).collect();
    match licenses.first() {
        Some(license) if licenses.len() == 1 => json!(license),
        _ => json!("other"),
    }
}

/// The entries of a list in all children, each once.
fn distinct(children: &[Value], field: &str) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    for value in children.iter().filter_map(|child| child[field].as_array()).flatten() {
        if !found.contains(value) {
            found.push(value.clone());
        }
    }
    found
}

/// Sets of all values, and ranges that hold all of them; what is left out of one child's summaries is left out.
fn summaries(children: &[Value]) -> Map<String, Value> {
    let mut merged: BTreeMap<String, Value> = BTreeMap::new();
    let Some((first, others)) = children.split_first() else { return Map::new() };
    for (name, value) in first["summaries"].as_object().into_iter().flatten() {
        let all = others.iter().try_fold(value.clone(), |known, child| both(known, child["summaries"].get(name)?));
        merged.extend(all.map(|all| (name.clone(), all)));
    }
    merged.into_iter().collect()
}

fn both(known: Value, other: &Value) -> Option<Value> {
    match (known, other) {
        (Value::Array(known), Value::Array(other)) => {
            let texts: BTreeSet<String> =
                known.iter().chain(other).map(|text| text.as_str().map(str::to_owned)).collect::<Option<_>>()?;
            (texts.len() <= DISTINCT_VALUES).then(|| json!(texts))
        }
        (Value::Object(known), Value::Object(other)) => {
            let side = |name: &str| Some((known.get(name)?.as_f64()?, other.get(name)?.as_f64()?));
            let ((low, other_low), (high, other_high)) = (side("minimum")?, side("maximum")?);
            Some(json!({"minimum": low.min(other_low), "maximum": high.max(other_high)}))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::needless_pass_by_value)]
    use super::*;
    use crate::model::CollectionId;
    use crate::model::recipe::StacSettings;

    fn child(id: &str, bbox: [f64; 4], years: [u16; 2], summaries: Value) -> Value {
        let interval = years.map(|year| format!("{year}-01-01T00:00:00Z"));
        json!({"id": id, "license": "CC-BY-4.0", "keywords": ["k", id], "summaries": summaries,
            "extent": {"spatial": {"bbox": [bbox]}, "temporal": {"interval": [interval]}}})
    }

    #[test]
    fn a_parent_covers_its_children() {
        let settings = ParentSettings { id: CollectionId::new("p").unwrap(), title: None, description: "d".into() };
        let templates =
            Templates::load(&StacSettings { profile: "default".into(), ..StacSettings::default() }).unwrap();
        let children = [
            child(
                "a",
                [0.0, 0.0, 10.0, 10.0],
                [2000, 2001],
                json!({"m": ["x"], "n": {"minimum": 1, "maximum": 2}, "only": ["a"]}),
            ),
            child("b", [5.0, -5.0, 20.0, 5.0], [1990, 2000], json!({"m": ["w"], "n": {"minimum": 0, "maximum": 1}})),
        ];
        let json = describe_parent(&settings, &children, &templates).unwrap().json;
        assert_eq!(json["extent"]["spatial"]["bbox"][0], json!([0.0, -5.0, 20.0, 10.0]));
        assert_eq!(json["extent"]["spatial"]["bbox"].as_array().unwrap().len(), 3);
        assert_eq!(json["extent"]["temporal"]["interval"][0], json!(["1990-01-01T00:00:00Z", "2001-01-01T00:00:00Z"]));
        assert_eq!(json["summaries"], json!({"m": ["w", "x"], "n": {"minimum": 0.0, "maximum": 2.0}}));
        assert_eq!((&json["license"], &json["keywords"]), (&json!("CC-BY-4.0"), &json!(["k", "a", "b"])));
        assert!(describe_parent(&settings, &[], &templates).is_err());
        assert!(describe_parent(&settings, &[json!({"id": "x"})], &templates).is_err());
    }
}
