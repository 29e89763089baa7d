//! What a client sends, checked and made ready to store: the JSON itself, its digest, and what searches look at.

use super::extent::{self, BoundingBox, ExtentError, Interval};
use super::hrefs::{self, OwnOrigin};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use thiserror::Error;

/// Why a body is not a record that can be stored.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RecordError {
    /// The body is no JSON object.
    #[error("expected a JSON object, found {0}")]
    NotAnObject(&'static str),
    /// A field is missing or has a wrong value.
    #[error("field `{field}`: expected {expected}, found {found}")]
    Field {
        /// Its path inside the record.
        field: &'static str,
        /// What would have been right.
        expected: String,
        /// What was there, shortened.
        found: String,
    },
}

fn wrong(field: &'static str, expected: &'static str, found: Option<&Value>) -> RecordError {
    let found = found.map_or_else(|| "nothing".to_owned(), Value::to_string);
    located(field, ExtentError::new(expected, &found))
}

fn located(field: &'static str, error: ExtentError) -> RecordError {
    RecordError::Field { field, expected: error.expected.to_owned(), found: error.found }
}

/// A Collection ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionRecord {
    pub(super) id: String,
    pub(super) text: StoredText,
}

/// An Item ready to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemRecord {
    pub(super) collection: String,
    pub(super) id: String,
    pub(super) text: StoredText,
    pub(super) bounds: Option<BoundingBox>,
    /// The geometry's JSON if it is finer than the box.
    pub(super) outline: Option<String>,
    pub(super) interval: Interval,
}

/// A record's JSON and the strong entity tag of its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredText {
    /// The JSON text, members in the order in which the client sent them.
    pub json: String,
    /// `"` + SHA-256 of the same JSON with sorted members + `"`.
    pub etag: String,
}

impl StoredText {
    fn of(record: &Map<String, Value>) -> Self {
        let value = Value::Object(record.clone());
        let mut canonical = String::new();
        write_canonical(&value, &mut canonical);
        let mut etag = String::from("\"");
        for byte in Sha256::digest(canonical.as_bytes()) {
            // Writing to a String cannot fail.
            let _ = write!(etag, "{byte:02x}");
        }
        etag.push('"');
        Self { json: value.to_string(), etag }
    }
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (key, value) in members {
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write_canonical(value, text);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(values) => {
            text.push('[');
            for value in values {
                write_canonical(value, text);
                text.push(',');
            }
            text.push(']');
        }
        other => text.push_str(&other.to_string()),
    }
}

/// Where a record is written: what its identifiers must be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) collection: Option<&'a str>,
    pub(super) id: Option<&'a str>,
}

impl CollectionRecord {
    /// Checks a Collection whose own hrefs are already root-relative, as in a catalogue on disk.
    ///
    /// # Errors
    ///
    /// The first field that is missing or wrong.
    pub fn from_json(collection: Value) -> Result<Self, RecordError> {
        Self::at(collection, Place { collection: None, id: None }, None)
    }

    pub(super) fn at(value: Value, place: Place<'_>, own: Option<&OwnOrigin>) -> Result<Self, RecordError> {
        let mut record = object(value)?;
        exact_text(&record, "type", "Collection")?;
        let id = identifier(&mut record, "id", place.id)?;
        for field in ["description", "license"] {
            if !record.get(field).is_some_and(Value::is_string) {
                return Err(wrong(field, "text", record.get(field)));
            }
        }
        let extent = record.get("extent");
        let has = |pointer| extent.and_then(|extent| extent.pointer(pointer)).is_some_and(Value::is_array);
        if !has("/spatial/bbox") || !has("/temporal/interval") {
            return Err(wrong("extent", "an object with spatial.bbox and temporal.interval", extent));
        }
        finish(&mut record, own, false)?;
        Ok(Self { id, text: StoredText::of(&record) })
    }
}

impl ItemRecord {
    /// Checks an Item whose own hrefs are already root-relative, as in a catalogue on disk.
    ///
    /// # Errors
    ///
    /// The first field that is missing or wrong.
    ///
    /// ```
    /// use altostac::serve::ItemRecord;
    ///
    /// let item = serde_json::json!({
    ///     "type": "Feature", "stac_version": "1.1.0", "id": "a", "collection": "c", "geometry": null,
    ///     "properties": {"datetime": "2020-01-01T00:00:00Z"}, "links": [], "assets": {}});
    /// assert!(ItemRecord::from_json(item).is_ok());
    /// ```
    pub fn from_json(item: Value) -> Result<Self, RecordError> {
        Self::at(item, Place { collection: None, id: None }, None)
    }

    pub(super) fn at(value: Value, place: Place<'_>, own: Option<&OwnOrigin>) -> Result<Self, RecordError> {
        let mut record = object(value)?;
        exact_text(&record, "type", "Feature")?;
        let id = identifier(&mut record, "id", place.id)?;
        let collection = identifier(&mut record, "collection", place.collection)?;
        let (bounds, outline) = space(&record)?;
        let interval = time(&record)?;
        if !record.get("assets").is_none_or(is_map_of_hrefs) {
            return Err(wrong("assets", "an object of objects, each with an href", record.get("assets")));
        }
        finish(&mut record, own, true)?;
        Ok(Self { collection, id, text: StoredText::of(&record), bounds, outline, interval })
    }
}

fn object(value: Value) -> Result<Map<String, Value>, RecordError> {
    match value {
        Value::Object(record) => Ok(record),
        Value::Array(_) => Err(RecordError::NotAnObject("an array")),
        _ => Err(RecordError::NotAnObject("a single value")),
    }
}

fn exact_text(record: &Map<String, Value>, field: &'static str, text: &'static str) -> Result<(), RecordError> {
    let found = record.get(field);
    if found.and_then(Value::as_str) == Some(text) { Ok(()) } else { Err(wrong(field, text, found)) }
}

/// Reads an identifier, which must be the one of the request's path if there is one, and which that one fills in
/// (Transaction 1.0.0-rc.3, "Must populate").
fn identifier(
    record: &mut Map<String, Value>,
    field: &'static str,
    required: Option<&str>,
) -> Result<String, RecordError> {
    const LONGEST: usize = 1024;
    if let (None | Some(Value::Null), Some(required)) = (record.get(field), required) {
        record.insert(field.to_owned(), required.into());
    }
    let found = record.get(field);
    let Some(id) = found.and_then(Value::as_str) else {
        return Err(wrong(field, "text", found));
    };
    // A client resolves `.` and `..` away before it sends the path, so such a record could never be reached.
    if id.is_empty() || id.len() > LONGEST || matches!(id, "." | "..") || id.contains(char::is_control) {
        return Err(wrong(field, "1 to 1024 bytes without control characters, not `.` or `..`", found));
    }
    match required {
        Some(required) if required != id => {
            let expected = format!("`{required}`, as in the request's path");
            Err(RecordError::Field { field, expected, found: format!("`{id}`") })
        }
        _ => Ok(id.to_owned()),
    }
}

fn space(record: &Map<String, Value>) -> Result<(Option<BoundingBox>, Option<String>), RecordError> {
    let geometry = match record.get("geometry") {
        Some(Value::Null) => return Ok((None, None)),
        Some(geometry) => geometry,
        None => return Err(wrong("geometry", "a GeoJSON geometry or null", None)),
    };
    let shape = extent::geometry(geometry).map_err(|error| located("geometry", error))?;
    let bbox = record.get("bbox");
    let numbers: Option<Vec<f64>> =
        bbox.and_then(Value::as_array).and_then(|numbers| numbers.iter().map(Value::as_f64).collect());
    let numbers = numbers.ok_or_else(|| wrong("bbox", "an array of 4 or 6 numbers beside a geometry", bbox))?;
    let bounds = BoundingBox::from_numbers(&numbers).map_err(|error| located("bbox", error))?;
    let outline = extent::is_finer_than(&shape, &bounds).then(|| geometry.to_string());
    Ok((Some(bounds), outline))
}

const RFC3339: &str = "an RFC 3339 date-time";

fn time(record: &Map<String, Value>) -> Result<Interval, RecordError> {
    let properties = record.get("properties");
    let Some(properties) = properties.and_then(Value::as_object) else {
        return Err(wrong("properties", "an object", properties));
    };
    let read = |field: &'static str, key: &str| match properties.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_str().and_then(extent::instant) {
            Some(instant) => Ok(Some(instant)),
            None => Err(wrong(field, RFC3339, Some(value))),
        },
    };
    let datetime = read("properties.datetime", "datetime")?;
    let start = read("properties.start_datetime", "start_datetime")?;
    let end = read("properties.end_datetime", "end_datetime")?;
    match (datetime, start, end) {
        (_, Some(start), Some(end)) if start <= end => Ok(Interval { start, end }),
        (_, Some(_), Some(_)) => {
            Err(wrong("properties.end_datetime", "not before start_datetime", properties.get("end_datetime")))
        }
        (_, Some(_), None) => Err(wrong("properties.end_datetime", "an RFC 3339 date-time beside the start", None)),
        (_, None, Some(_)) => Err(wrong("properties.start_datetime", "an RFC 3339 date-time beside the end", None)),
        (Some(datetime), None, None) => Ok(Interval { start: datetime, end: datetime }),
        (None, None, None) => Err(wrong(
            "properties.datetime",
            "an RFC 3339 date-time, or null with start_datetime and end_datetime",
            None,
        )),
    }
}

fn has_href(value: &Value) -> bool {
    value.get("href").is_some_and(Value::is_string)
}

fn is_map_of_hrefs(value: &Value) -> bool {
    value.as_object().is_some_and(|assets| assets.values().all(has_href))
}

/// Checks the links, takes the server's own out, and makes its hrefs root-relative.
fn finish(record: &mut Map<String, Value>, own: Option<&OwnOrigin>, is_item: bool) -> Result<(), RecordError> {
    if let Some(links) = record.get("links") {
        let is_link = |link: &Value| has_href(link) && link.get("rel").is_some_and(Value::is_string);
        if !links.as_array().is_some_and(|links| links.iter().all(is_link)) {
            return Err(wrong("links", "an array of objects, each with rel and href", Some(links)));
        }
    }
    hrefs::without_own_links(record, is_item);
    if let Some(own) = own {
        hrefs::to_stored(record, own);
    }
    Ok(())
}

/// Applies a JSON merge patch (RFC 7396). Patches go as deep as their parser allows.
pub(super) fn merge_patch(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(members) = target {
        for (key, value) in patch {
            if value.is_null() {
                members.shift_remove(&key);
            } else {
                merge_patch(members.entry(key).or_insert(Value::Null), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn item() -> Value {
        json!({"type": "Feature", "stac_version": "1.1.0", "id": "a", "collection": "c", "bbox": [0, 0, 1, 1],
            "geometry": {"type": "Point", "coordinates": [0, 0]}, "x:unknown": {"kept": null},
            "properties": {"datetime": null, "start_datetime": "2020-01-01T00:00:00Z",
                "end_datetime": "2020-12-31T00:00:00Z"}, "links": [], "assets": {"d": {"href": "/products/a"}}})
    }

    #[test]
    fn unknown_fields_and_nulls_are_kept() {
        let stored: Value = serde_json::from_str(&ItemRecord::from_json(item()).unwrap().text.json).unwrap();
        assert_eq!(stored, item());
    }

    #[test]
    fn a_tag_depends_on_content_and_not_on_the_order_of_members() {
        let tag = |text: &str| StoredText::of(serde_json::from_str::<Value>(text).unwrap().as_object().unwrap()).etag;
        assert_eq!(tag(r#"{"a":1,"b":{"c":2,"d":3}}"#), tag(r#"{"b":{"d":3,"c":2},"a":1}"#));
        assert_ne!(tag(r#"{"a":[1,2]}"#), tag(r#"{"a":[2,1]}"#));
        assert_ne!(tag(r#"{"a":null}"#), tag("{}"));
    }

    proptest::proptest! {
        #[test]
        fn numbers_are_stored_to_their_last_bit(number in proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL) {
            let text = item().to_string().replacen("\"x:unknown\"", &format!("\"x:number\":{number:e},\"x:unknown\""), 1);
            let stored = ItemRecord::from_json(serde_json::from_str(&text).unwrap()).unwrap().text.json;
            let (_, after) = stored.split_once("\"x:number\":").unwrap();
            let (found, _) = after.split_once(',').unwrap();
            proptest::prop_assert_eq!(found.parse::<f64>().unwrap().to_bits(), number.to_bits());
        }
    }

    #[test]
    fn each_wrong_field_is_named() {
        let fault = |pointer: &str, value: Value| {
            let mut broken = item();
            *broken.pointer_mut(pointer).unwrap() = value;
            match ItemRecord::from_json(broken) {
                Err(RecordError::Field { field, .. }) => field,
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(fault("/type", json!("feature")), "type");
        assert_eq!(fault("/id", json!("..")), "id");
        assert_eq!(fault("/collection", json!(7)), "collection");
        assert_eq!(fault("/bbox", json!([0, 0, "1", 1])), "bbox");
        assert_eq!(fault("/geometry", json!({"type": "Point"})), "geometry");
        assert_eq!(fault("/geometry", json!({"type": "GeometryCollection", "geometries": []})), "geometry");
        assert_eq!(fault("/properties/end_datetime", json!("2019-01-01T00:00:00Z")), "properties.end_datetime");
        assert_eq!(fault("/properties/start_datetime", json!("2020")), "properties.start_datetime");
        assert_eq!(fault("/properties/start_datetime", json!(null)), "properties.start_datetime");
        assert_eq!(fault("/links", json!([{"rel": "x"}])), "links");
        assert_eq!(fault("/assets", json!({"d": 1})), "assets");
        assert_eq!(ItemRecord::from_json(json!([])), Err(RecordError::NotAnObject("an array")));
    }

    #[test]
    fn merge_patch_follows_the_examples_of_rfc_7396() {
        for (target, patch, expected) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [1]}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
        ] {
            let mut target = target;
            merge_patch(&mut target, patch);
            assert_eq!(target, expected);
        }
    }
}
