//! The Collection of all items.

use std::borrow::Borrow;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::summaries::{AssetDefinitions, Summaries};
use super::{DescribeError, STAC_VERSION, Templates, facts, geometry, templates};
use crate::cftime::rfc3339;
use crate::model::recipe::CollectionSettings;
use crate::model::{BoundingBox, Record, RecordKind};

/// How many boxes are kept before they are joined to one: what bounds the memory of a large collection.
const BOXES_KEPT: usize = 10_000;

/// What is kept of the items while they pass by.
#[derive(Default)]
struct Gathered {
    boxes: Vec<BoundingBox>,
    interval: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// When the first record was made, and when the last was changed.
    created: Option<DateTime<Utc>>,
    updated: Option<DateTime<Utc>>,
    summaries: Summaries,
    assets: AssetDefinitions,
}

/// Makes the STAC Collection of some items (STAC 1.1.0, collection-spec); each is the JSON of an Item as [`super::describe_item`]
/// makes it, and may be dropped once it was looked at.
///
/// The order of the items does not matter. Links to items are not among its links: who writes it knows where they stand, and there may be
/// very many.
///
/// # Errors
/// [`DescribeError`] if there are no items, an item has no box or time, or the template cannot be used.
pub fn describe_collection<V: Borrow<Value>>(
    settings: &CollectionSettings,
    items: impl IntoIterator<Item = V>,
    profile: &Templates,
) -> Result<Record, DescribeError> {
    let mut gathered = Gathered::default();
    for item in items {
        gathered.add(item.borrow())?;
    }
    let empty = || DescribeError::EmptyCollection { collection: settings.id.to_string() };
    let place = geometry::union(&gathered.boxes).ok_or_else(empty)?;
    let (start, end) = gathered.interval.ok_or_else(empty)?;
    let extent = json!({
        "spatial": {"bbox": [geometry::bbox(&place)]},
        "temporal": {"interval": [[rfc3339(start), rfc3339(end)]]},
    });
    let (stated, cited) = facts::of_collection(&settings.facts);
    let links = links();
    let context = json!({
        "stac_version": STAC_VERSION,
        "id": settings.id,
        "title": settings.title.as_deref().unwrap_or(settings.id.as_str()),
        "description": settings.description,
        "license": settings.license,
        "keywords": settings.keywords,
        "providers": settings.providers,
        "extent": extent,
        "summaries": gathered.summaries.finish(),
        "item_assets": gathered.assets.finish(),
        "assets": assets(settings),
        "links": links,
    });
    let truth = [
        ("/type", &json!("Collection")),
        ("/stac_version", &json!(STAC_VERSION)),
        ("/id", &context["id"]),
        ("/license", &context["license"]),
        ("/extent", &extent),
        ("/links", &links),
    ];
    let mut json = profile.record("collection.json.j2", &context, &truth)?;
    let own = [("created", gathered.created), ("updated", gathered.updated)];
    let own = own.into_iter().filter_map(|(key, moment)| Some((key.to_owned(), json!(rfc3339(moment?)))));
    if let Value::Object(json) = &mut json {
        for (key, value) in stated.into_iter().chain(own) {
            json.entry(key).or_insert(value);
        }
        if let Some(links) = json.get_mut("links").and_then(Value::as_array_mut) {
            links.extend(cited);
        }
    }
    templates::declare_extensions(&mut json);
    Ok(Record { kind: RecordKind::Collection, id: settings.id.to_string(), json })
}

/// What stands beside the collection.
fn assets(settings: &CollectionSettings) -> Value {
    if !settings.items_parquet {
        return json!({});
    }
    json!({"items_parquet": {
        "href": "./items.parquet",
        "type": "application/vnd.apache.parquet",
        "title": "Table of all items",
        "description": "STAC-GeoParquet 1.1, one row an item in the order of their ids; hrefs are relative to the items' own files",
        "roles": ["collection-mirror"],
    }})
}

impl Gathered {
    fn add(&mut self, item: &Value) -> Result<(), DescribeError> {
        let id = item["id"].as_str().unwrap_or_default();
        let wrong = |field: &'static str, expected: &'static str, found: &Value| DescribeError::Item {
            item: id.to_owned(),
            field,
            expected,
            found: found.to_string().chars().take(80).collect(),
        };
        let place = bounding_box(&item["bbox"]).ok_or_else(|| wrong("bbox", "four numbers", &item["bbox"]))?;
        let properties =
            item["properties"].as_object().ok_or_else(|| wrong("properties", "an object", &Value::Null))?;
        let instant = |field: &'static str| {
            let value = properties.get(field).filter(|value| !value.is_null()).or(properties.get("datetime"));
            let text = value.and_then(Value::as_str).unwrap_or_default();
            let parsed = DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc());
            parsed.map_err(|_| wrong(field, "an RFC 3339 instant", value.unwrap_or(&Value::Null)))
        };
        let (start, end) = (instant("start_datetime")?, instant("end_datetime")?);
        self.interval = Some(self.interval.map_or((start, end), |(first, last)| (first.min(start), last.max(end))));
        self.boxes.push(place);
        if self.boxes.len() > BOXES_KEPT {
            self.boxes = geometry::union(&self.boxes).into_iter().collect();
        }
        self.summaries.add(properties);
        if let Some(assets) = item["assets"].as_object() {
            self.assets.add(assets);
        }
        let moment =
            |field: &str| DateTime::parse_from_rfc3339(properties.get(field)?.as_str()?).ok().map(|at| at.to_utc());
        self.created = self.created.into_iter().chain(moment("created")).min();
        self.updated = self.updated.max(moment("updated"));
        Ok(())
    }
}

pub(super) fn bounding_box(bbox: &Value) -> Option<BoundingBox> {
    let numbers: Vec<f64> = bbox.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
    match numbers.as_slice() {
        [west, south, east, north] | [west, south, _, east, north, _] => {
            Some(BoundingBox { west: *west, south: *south, east: *east, north: *north })
        }
        _ => None,
    }
}

fn links() -> Value {
    let catalog = |rel: &str| json!({"rel": rel, "href": "../catalog.json", "type": "application/json"});
    [catalog("root"), catalog("parent")].into_iter().collect()
}
