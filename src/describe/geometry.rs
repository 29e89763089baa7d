//! Boxes as GeoJSON (RFC 7946), and back.

use serde_json::{Value, json};

use super::DescribeError;
use super::horizontal::rounded;
use super::longitude::Arcs;
use crate::model::BoundingBox;

/// `[west, south, east, north]`.
pub(super) fn bbox(place: &BoundingBox) -> Value {
    json!([place.west, place.south, place.east, place.north])
}

/// The box as a geometry: a point or line if it has no area, cut in two at the antimeridian (RFC 7946, 3.1.9).
pub(super) fn geometry(place: &BoundingBox) -> Value {
    let parts = match place.west > place.east {
        true => vec![(place.west, 180.0), (-180.0, place.east)],
        false => vec![(place.west, place.east)],
    };
    let (south, north) = (place.south, place.north);
    let flat = south >= north || parts.iter().any(|(west, east)| west >= east);
    let pieces: Vec<Value> = match flat {
        true => parts.iter().map(|(west, east)| json!([[west, south], [east, north]])).collect(),
        false => {
            parts.iter().map(|(w, e)| json!([[[w, south], [e, south], [e, north], [w, north], [w, south]]])).collect()
        }
    };
    match (pieces.as_slice(), flat) {
        ([_], true) if place.west >= place.east && south >= north => {
            json!({"type": "Point", "coordinates": [place.west, south]})
        }
        ([line], true) => json!({"type": "LineString", "coordinates": line}),
        ([polygon], false) => json!({"type": "Polygon", "coordinates": polygon}),
        (lines, true) => json!({"type": "MultiLineString", "coordinates": lines}),
        (polygons, false) => json!({"type": "MultiPolygon", "coordinates": polygons}),
    }
}

/// The box of a GeoJSON geometry; each of its parts is taken by itself, so that one cut at the antimeridian crosses it.
pub(super) fn bounding_box(geometry: &Value) -> Result<BoundingBox, DescribeError> {
    let wrong = |expected, found: String| DescribeError::Geometry { expected, found };
    let kind = geometry["type"].as_str().unwrap_or_default();
    let coordinates = &geometry["coordinates"];
    let parts: Vec<&Value> = match kind {
        "Point" | "LineString" | "Polygon" => vec![coordinates],
        "MultiPoint" | "MultiLineString" | "MultiPolygon" => coordinates.as_array().into_iter().flatten().collect(),
        _ => return Err(wrong("a GeoJSON geometry other than a collection", geometry["type"].to_string())),
    };
    let mut arcs = Arcs::default();
    let (mut south, mut north) = (f64::INFINITY, f64::NEG_INFINITY);
    for part in parts {
        let positions = positions(part).ok_or_else(|| wrong("positions of a longitude and a latitude", brief(part)))?;
        let outside = |(longitude, latitude): &&(f64, f64)| longitude.abs() > 180.0 || latitude.abs() > 90.0;
        if let Some(position) = positions.iter().find(outside) {
            return Err(wrong("longitudes from -180 to 180 and latitudes from -90 to 90", format!("{position:?}")));
        }
        let fold = |pick: fn(&(f64, f64)) -> f64, with: fn(f64, f64) -> f64| positions.iter().map(pick).reduce(with);
        let range = |pick| Some((fold(pick, f64::min)?, fold(pick, f64::max)?));
        let (Some((west, east)), Some((low, high))) = (range(|p| p.0), range(|p| p.1)) else { continue };
        arcs.add(west, east);
        (south, north) = (south.min(low), north.max(high));
    }
    let (west, east) = arcs.hull().ok_or_else(|| wrong("positions of a longitude and a latitude", brief(geometry)))?;
    let [west, south, east, north] = [west, south, east, north].map(rounded);
    Ok(BoundingBox { west, south, east, north })
}

/// The smallest box that holds all boxes.
pub(super) fn union(boxes: &[BoundingBox]) -> Option<BoundingBox> {
    let mut arcs = Arcs::default();
    for place in boxes {
        let east = if place.west > place.east { place.east + 360.0 } else { place.east };
        arcs.add(place.west, east);
    }
    let (west, east) = arcs.hull()?;
    let south = boxes.iter().map(|place| place.south).reduce(f64::min)?;
    let north = boxes.iter().map(|place| place.north).reduce(f64::max)?;
    Some(BoundingBox { west: rounded(west), south, east: rounded(east), north })
}

fn brief(value: &Value) -> String {
    value.to_string().chars().take(80).collect()
}

/// All positions within nested arrays; GeoJSON nests at most three deep below a part.
fn positions(part: &Value) -> Option<Vec<(f64, f64)>> {
    let mut found = Vec::new();
    let mut open = vec![part];
    while let Some(array) = open.pop().map(Value::as_array) {
        match array?.as_slice() {
            [x, y, ..] if x.is_number() => found.push((x.as_f64()?, y.as_f64()?)),
            nested => open.extend(nested),
        }
    }
    Some(found)
}
