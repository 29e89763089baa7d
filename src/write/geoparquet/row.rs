//! An Item as a row: its properties are fields of their own.

use serde_json::{Map, Value, json};

use super::{ItemTableError, wkb};

/// The columns that are not properties, in their order.
const OWN: [&str; 9] =
    ["type", "stac_version", "stac_extensions", "id", "collection", "geometry", "bbox", "links", "assets"];

pub(super) fn of(item: &Value) -> Result<Map<String, Value>, ItemTableError> {
    let wrong = |field: &str, expected: &'static str, found: &Value| ItemTableError::Item {
        item: item["id"].as_str().unwrap_or_default().to_owned(),
        field: field.to_owned(),
        expected,
        found: found.to_string().chars().take(80).collect(),
    };
    let mut row = Map::new();
    for name in OWN {
        row.insert(name.to_owned(), item[name].clone());
    }
    let numbers: Option<Vec<f64>> = item["bbox"].as_array().and_then(|sides| sides.iter().map(Value::as_f64).collect());
    let Some([west, south, east, north]) = numbers.as_deref() else {
        return Err(wrong("bbox", "four numbers", &item["bbox"]));
    };
    row["bbox"] = json!({"xmin": west, "ymin": south, "xmax": east, "ymax": north});
    if wkb::of(&item["geometry"]).is_none() {
        return Err(wrong("geometry", "a GeoJSON geometry", &item["geometry"]));
    }
    let properties = item["properties"].as_object();
    for (name, value) in properties.into_iter().flatten() {
        if row.contains_key(name) {
            return Err(wrong(name, "no property of the name of another column", value));
        }
        row.insert(name.clone(), value.clone());
    }
    // Fields of an Item that are neither its own nor properties would be lost.
    let others =
        item.as_object().into_iter().flatten().find(|(name, _)| *name != "properties" && !OWN.contains(&name.as_str()));
    match others {
        Some((name, value)) => Err(wrong(name, "no field beyond those of STAC", value)),
        None => Ok(row),
    }
}
