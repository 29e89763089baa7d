//! What schemas cannot say about a record.

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use super::Problem;
use crate::model::extension::used_extensions;
use crate::model::{CollectionId, ItemId, Record, RecordKind};

/// Boxes are rounded to six decimals; so far may a geometry's corner be from its box.
const TOLERANCE: f64 = 2e-6;

/// All problems of a record that no schema would find.
pub(super) fn problems(record: &Record) -> Vec<Problem> {
    let mut problems = Vec::new();
    let json = &record.json;
    identity(record, &mut problems);
    extensions(json, &mut problems);
    links(record, &mut problems);
    match record.kind {
        RecordKind::Item => {
            place(json, &mut problems);
            time(&json["properties"], &mut problems);
            assets(json, &mut problems);
        }
        RecordKind::Collection => {
            assets(json, &mut problems);
            extent(&json["extent"], &mut problems);
        }
    }
    problems
}

fn identity(record: &Record, problems: &mut Vec<Problem>) {
    let json = &record.json;
    let kind = match record.kind {
        RecordKind::Collection => "Collection",
        RecordKind::Item => "Feature",
    };
    if json["type"] != kind {
        problems.push(Problem::new("/type", format!("expected {kind:?}, found {}", json["type"])));
    }
    if json["id"] != record.id.as_str() {
        problems.push(Problem::new("/id", format!("expected {:?}, found {}", record.id, json["id"])));
    }
    if let Err(error) = ItemId::new(record.id.as_str()) {
        problems.push(Problem::new("/id", error.to_string()));
    }
    if let Some(Err(error)) = json["collection"].as_str().map(CollectionId::new) {
        problems.push(Problem::new("/collection", error.to_string()));
    }
}

fn extensions(json: &Value, problems: &mut Vec<Problem>) {
    let declared = json["stac_extensions"].as_array().map(Vec::as_slice).unwrap_or_default();
    for extension in used_extensions(json).into_iter().filter(|extension| extension.declared_when_used) {
        if !declared.iter().any(|url| url.as_str().is_some_and(|url| url.trim_end_matches('#') == extension.url)) {
            let message =
                format!("expected {}, as fields {}:… are used, found no such entry", extension.url, extension.prefix);
            problems.push(Problem::new("/stac_extensions", message));
        }
    }
}

fn links(record: &Record, problems: &mut Vec<Problem>) {
    let required: &[&str] = match record.kind {
        RecordKind::Collection => &["root", "parent"],
        RecordKind::Item => &["root", "parent", "collection"],
    };
    let links = record.json["links"].as_array().map(Vec::as_slice).unwrap_or_default();
    for rel in required {
        let count = links.iter().filter(|link| link["rel"] == *rel).count();
        if count != 1 {
            problems.push(Problem::new("/links", format!("expected one link {rel:?}, found {count}")));
        }
    }
    for (number, link) in links.iter().enumerate() {
        href(&format!("/links/{number}/href"), &link["href"], problems);
    }
}

fn href(pointer: &str, href: &Value, problems: &mut Vec<Problem>) {
    let text = href.as_str().unwrap_or_default();
    if text.is_empty() || text.chars().any(char::is_whitespace) || text.starts_with('/') {
        let message = format!("expected a URL or a path relative to the record, found {href}");
        problems.push(Problem::new(pointer, message));
    }
}

fn assets(json: &Value, problems: &mut Vec<Problem>) {
    for field in ["assets", "item_assets"] {
        for (key, asset) in json[field].as_object().into_iter().flatten() {
            let pointer = format!("/{field}/{}", key.replace('~', "~0").replace('/', "~1"));
            // Source files may go by their names; what is opened as a dataset goes by keys that DataPoint can take apart.
            let is_source = asset["roles"].as_array().is_some_and(|roles| roles.iter().any(|role| role == "source"));
            let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.') || (is_source && c == '-');
            if key.is_empty() || !key.chars().all(is_allowed) {
                problems
                    .push(Problem::new(&pointer, format!("expected a key of A-Z a-z 0-9 _ . (no -), found {key:?}")));
            }
            if field == "assets" {
                href(&format!("{pointer}/href"), &asset["href"], problems);
            }
            checksum(&format!("{pointer}/file:checksum"), &asset["file:checksum"], problems);
            super::media::check(&pointer, asset, problems);
        }
    }
}

/// A multihash of SHA-256: code `12`, length `20`, 64 digits.
fn checksum(pointer: &str, checksum: &Value, problems: &mut Vec<Problem>) {
    let is_multihash = |text: &str| {
        text.strip_prefix("1220")
            .is_some_and(|digits| digits.len() == 64 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
    };
    if !checksum.is_null() && !checksum.as_str().is_some_and(is_multihash) {
        problems.push(Problem::new(
            pointer,
            format!("expected a multihash, 1220 and 64 digits of SHA-256, found {checksum}"),
        ));
    }
}

fn instant(pointer: &str, value: &Value, problems: &mut Vec<Problem>) -> Option<DateTime<FixedOffset>> {
    let text = value.as_str()?;
    match DateTime::parse_from_rfc3339(text) {
        Ok(instant) => Some(instant),
        Err(_) => {
            problems.push(Problem::new(pointer, format!("expected an RFC 3339 instant, found {text:?}")));
            None
        }
    }
}

fn time(properties: &Value, problems: &mut Vec<Problem>) {
    let mut read = |name: &str| instant(&format!("/properties/{name}"), &properties[name], problems);
    let (datetime, start, end) = (read("datetime"), read("start_datetime"), read("end_datetime"));
    let (created, updated) = (read("created"), read("updated"));
    if datetime.is_none() && (start.is_none() || end.is_none()) {
        let message = "expected an instant, or null beside start_datetime and end_datetime, found neither";
        problems.push(Problem::new("/properties/datetime", message));
    }
    let mut ordered = |pointer: &str, first: Option<DateTime<_>>, second: Option<DateTime<_>>, expected: &str| {
        if let (Some(first), Some(second)) = (first, second)
            && first > second
        {
            problems.push(Problem::new(pointer, format!("expected {expected}, found {first} after {second}")));
        }
    };
    ordered("/properties/end_datetime", start, end, "an end that is not before start_datetime");
    ordered("/properties/datetime", start, datetime, "an instant that is not before start_datetime");
    ordered("/properties/datetime", datetime, end, "an instant that is not after end_datetime");
    ordered("/properties/updated", created, updated, "an instant that is not before created");
}

/// `[west, south, east, north]` within range; the problem otherwise.
fn bbox(pointer: &str, bbox: &Value, problems: &mut Vec<Problem>) -> Option<[f64; 4]> {
    let numbers: Vec<f64> = bbox.as_array().into_iter().flatten().filter_map(Value::as_f64).collect();
    let in_range = |[west, south, east, north]: [f64; 4]| {
        west.abs() <= 180.0 && east.abs() <= 180.0 && south >= -90.0 && south <= north && north <= 90.0
    };
    let found = <[f64; 4]>::try_from(numbers).ok().filter(|numbers| in_range(*numbers));
    if found.is_none() {
        let message =
            format!("expected four numbers: west, south, east, north in degrees, south not above north, found {bbox}");
        problems.push(Problem::new(pointer, message));
    }
    found
}

fn place(json: &Value, problems: &mut Vec<Problem>) {
    let geometry = &json["geometry"];
    let Some(bbox) = bbox("/bbox", &json["bbox"], problems) else { return };
    let Some(positions) = positions(&geometry["coordinates"]).filter(|positions| !positions.is_empty()) else {
        let message = "expected a geometry with longitudes and latitudes, found none";
        problems.push(Problem::new("/geometry", message));
        return;
    };
    rings(geometry, problems);
    let [west, south, east, north] = bbox;
    let crosses = west > east;
    let holds = |longitude: f64| match crosses {
        true => longitude >= west - TOLERANCE || longitude <= east + TOLERANCE,
        false => longitude >= west - TOLERANCE && longitude <= east + TOLERANCE,
    };
    let inside = |(x, y): &(f64, f64)| holds(*x) && *y >= south - TOLERANCE && *y <= north + TOLERANCE;
    if let Some((x, y)) = positions.iter().find(|position| !inside(position)) {
        problems.push(Problem::new("/geometry", format!("expected positions within the bbox, found [{x}, {y}]")));
    }
    let touches =
        |edge: f64, pick: fn(&(f64, f64)) -> f64| positions.iter().any(|p| (pick(p) - edge).abs() <= TOLERANCE);
    if ![west, east].iter().all(|edge| touches(*edge, |p| p.0))
        || ![south, north].iter().all(|edge| touches(*edge, |p| p.1))
    {
        problems.push(Problem::new("/bbox", format!("expected the box of the geometry, found {}", json["bbox"])));
    }
    let kind = geometry["type"].as_str().unwrap_or_default();
    if crosses && !kind.starts_with("Multi") {
        let message = format!("expected a geometry in parts, as the bbox crosses the antimeridian, found {kind:?}");
        problems.push(Problem::new("/geometry/type", message));
    }
}

/// Rings of polygons end where they begin (RFC 7946, 3.1.6).
fn rings(geometry: &Value, problems: &mut Vec<Problem>) {
    let coordinates = geometry["coordinates"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rings: Vec<&Value> = match geometry["type"].as_str() {
        Some("Polygon") => coordinates.iter().collect(),
        Some("MultiPolygon") => coordinates.iter().filter_map(Value::as_array).flatten().collect(),
        _ => return,
    };
    let closed = |ring: &Value| ring.as_array().is_some_and(|ring| ring.len() >= 4 && ring.first() == ring.last());
    if !rings.into_iter().all(closed) {
        problems.push(Problem::new("/geometry", "expected rings that end where they begin, found an open one"));
    }
}

fn positions(coordinates: &Value) -> Option<Vec<(f64, f64)>> {
    let mut found = Vec::new();
    let mut open = vec![coordinates];
    while let Some(value) = open.pop() {
        match value.as_array()?.as_slice() {
            [x, y, ..] if x.is_number() => found.push((x.as_f64()?, y.as_f64()?)),
            nested => open.extend(nested),
        }
    }
    Some(found)
}

fn extent(extent: &Value, problems: &mut Vec<Problem>) {
    for (number, found) in extent["spatial"]["bbox"].as_array().into_iter().flatten().enumerate() {
        bbox(&format!("/extent/spatial/bbox/{number}"), found, problems);
    }
    for (number, interval) in extent["temporal"]["interval"].as_array().into_iter().flatten().enumerate() {
        let pointer = format!("/extent/temporal/interval/{number}");
        let mut read = |at: usize| instant(&format!("{pointer}/{at}"), &interval[at], problems);
        if let (Some(start), Some(end)) = (read(0), read(1))
            && start > end
        {
            problems
                .push(Problem::new(&pointer, format!("expected a start that is not after the end, found {interval}")));
        }
    }
}
