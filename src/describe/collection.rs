//! The Collection of all items.

use std::borrow::Borrow;
use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::summaries::{AssetDefinitions, Summaries};
use super::{DescribeError, STAC_VERSION, Templates, geometry};
use crate::cftime::rfc3339;
use crate::model::recipe::CollectionSettings;
use crate::model::{BoundingBox, Record, RecordKind};

/// How many boxes are kept before they are joined to one: what bounds the memory of a large collection.
const BOXES_KEPT: usize = 10_000;

/// What is kept of the items while they pass by.
#[derive(Default)]
struct Gathered {
    ids: BTreeSet<String>,
    boxes: Vec<BoundingBox>,
    interval: Option<(DateTime<Utc>, DateTime<Utc>)>,
    summaries: Summaries,
    assets: AssetDefinitions,
}

/// Makes the STAC Collection of some items (STAC 1.1.0, collection-spec); each is the JSON of an Item as [`super::describe_item`]
/// makes it, and may be dropped once it was looked at.
///
/// The order of the items does not matter.
///
/// # Errors
/// [`DescribeError`] if there are no items, an item has no box or time, or the template cannot be used.
pub fn describe_collection<V: Borrow<Value>>(
    settings: &CollectionSettings,
    items: impl IntoIterator<Item = V>,
    templates: &Templates,
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
    let links = links(&gathered.ids);
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
    let json = templates.record("collection.json.j2", &context, &truth)?;
    Ok(Record { kind: RecordKind::Collection, id: settings.id.to_string(), json })
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
        self.ids.insert(id.to_owned());
        Ok(())
    }
}

fn bounding_box(bbox: &Value) -> Option<BoundingBox> {
    let numbers: Vec<f64> = bbox.as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
    match numbers.as_slice() {
        [west, south, east, north] | [west, south, _, east, north, _] => {
            Some(BoundingBox { west: *west, south: *south, east: *east, north: *north })
        }
        _ => None,
    }
}

fn links(ids: &BTreeSet<String>) -> Value {
    let catalog = |rel: &str| json!({"rel": rel, "href": "../catalog.json", "type": "application/json"});
    let item =
        |id: &String| json!({"rel": "item", "href": format!("./items/{id}.json"), "type": "application/geo+json"});
    [catalog("root"), catalog("parent")].into_iter().chain(ids.iter().map(item)).collect()
}
