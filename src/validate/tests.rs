#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use serde_json::json;

use super::*;

macro_rules! snapshot {
    ($name:literal) => {
        include_str!(concat!("../describe/snapshots/altostac__describe__tests__", $name, ".snap"))
    };
}

/// A record that describe makes, from its snapshot.
fn described(kind: RecordKind, snapshot: &str) -> Record {
    let json: Value = serde_json::from_str(snapshot.splitn(3, "---\n").nth(2).unwrap()).unwrap();
    Record { kind, id: json["id"].as_str().unwrap().to_owned(), json }
}

fn item() -> Record {
    described(RecordKind::Item, snapshot!("default_item"))
}

fn collection() -> Record {
    described(RecordKind::Collection, snapshot!("ceda_collection"))
}

fn set(mut record: Record, pointer: &str, value: Value) -> Record {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    match record.json.pointer_mut(parent).unwrap() {
        Value::Object(object) if value == json!("REMOVED") => drop(object.shift_remove(&key)),
        Value::Object(object) => drop(object.insert(key, value)),
        Value::Array(array) => array[key.parse::<usize>().unwrap()] = value,
        _ => panic!("{pointer}"),
    }
    record
}

#[test]
fn described_records_are_valid() {
    let validator = Validator::new();
    for (kind, snapshot) in [
        (RecordKind::Item, snapshot!("default_item")),
        (RecordKind::Item, snapshot!("ceda_item")),
        (RecordKind::Item, snapshot!("default_item_pacific")),
        (RecordKind::Item, snapshot!("ceda_item_pacific")),
        (RecordKind::Item, snapshot!("esgf_item")),
        (RecordKind::Collection, snapshot!("esgf_collection")),
        (RecordKind::Collection, snapshot!("default_collection")),
        (RecordKind::Collection, snapshot!("ceda_collection")),
    ] {
        let record = described(kind, snapshot);
        assert_eq!(validator.validate(record.clone()).unwrap().record(), &record);
    }
}

#[test]
fn all_schemas_compile() {
    for (url, text) in schemas::all() {
        jsonschema::draft7::meta::validate(&serde_json::from_str(text).unwrap()).unwrap();
        schema_check::check(url, (&json!({}), false), &mut Vec::new()).unwrap();
    }
}

/// PROJJSON's own schema is asked if a record holds some, and only then.
#[test]
fn projjson_is_checked_where_it_stands() {
    let validator = Validator::new();
    let with = |value: Value| {
        let record = set(set(item(), "/properties/proj:projjson", value), "/properties/proj:code", json!("EPSG:4326"));
        validator.validate(record).map_err(|error| error.to_string())
    };
    let crs = json!({
        "$schema": "https://proj.org/schemas/v0.7/projjson.schema.json", "type": "GeographicCRS", "name": "a",
        "datum": {"type": "GeodeticReferenceFrame", "name": "b", "ellipsoid": {"name": "c", "radius": 6371000}},
    });
    with(crs.clone()).unwrap();
    with(Value::Null).unwrap();
    let mut nameless = crs;
    nameless.as_object_mut().unwrap().shift_remove("datum");
    nameless["type"] = json!("Nothing");
    for wrong in [nameless, json!({}), json!("EPSG:4326"), json!(4326)] {
        assert!(with(wrong).unwrap_err().contains("projjson"));
    }
    let reference = "/properties/cube:dimensions/lat/reference_system";
    for (value, is_right) in
        [(json!(4326), true), (json!("x"), true), (json!(-1), false), (json!({}), false), (json!(true), false)]
    {
        assert_eq!(validator.validate(set(item(), reference, value)).is_ok(), is_right);
    }
}

/// Every prefix that must be declared has a vendored schema, and the other way round its URL is known.
#[test]
fn extensions_of_the_model_are_vendored() {
    for extension in crate::model::extension::EXTENSIONS {
        assert_eq!(schemas::known_extension(extension.url), Some(extension.url));
    }
}

#[test]
fn broken_items_are_rejected_by_name() {
    let validator = Validator::new();
    let extension = |name: &str| json!(format!("https://stac-extensions.github.io/{name}/schema.json"));
    let crossing =
        |geometry: Value| set(set(item(), "/bbox", json!([170.0, -1.0, -170.0, 1.0])), "/geometry", geometry);
    let polygon = json!({"type": "Polygon", "coordinates": [[[170, -1], [-170, -1], [-170, 1], [170, 1], [170, -1]]]});
    let checksum = "/assets/reference_file/file:checksum";
    for (record, pointer, message) in [
        (set(item(), "/stac_version", json!("1.0.0")), "/stac_version", "1.1.0"),
        (set(item(), "/type", json!("Item")), "/type", "expected \"Feature\", found \"Item\""),
        (set(item(), "/id", json!("other")), "/id", "expected \"CMIP6.tas.v1\", found \"other\""),
        (Record { id: "a/b".into(), ..set(item(), "/id", json!("a/b")) }, "/id", "holds '/'"),
        (set(item(), "/collection", json!("a:b")), "/collection", "holds ':'"),
        (set(item(), "/collection", json!("REMOVED")), "", "collection"),
        (set(item(), "/geometry", Value::Null), "/geometry", "found none"),
        (set(item(), "/bbox", json!([0, 0, 0, 10, 10, 0])), "/bbox", "expected four numbers"),
        (set(item(), "/bbox", json!([0, -90, 360, 90])), "/bbox", "expected four numbers"),
        (set(item(), "/bbox", json!([-180, 90, 180, -90])), "/bbox", "south not above north"),
        (set(item(), "/bbox", json!([-180, -80, 180, 90])), "/geometry", "within the bbox, found [-180, -90]"),
        (set(item(), "/geometry", json!({"type": "Point", "coordinates": [0, 0]})), "/bbox", "the box of the geometry"),
        (crossing(polygon), "/geometry/type", "crosses the antimeridian, found \"Polygon\""),
        (set(item(), "/geometry/coordinates/0/4", json!([0, -90])), "/geometry", "end where they begin"),
        (set(item(), "/properties/start_datetime", json!("REMOVED")), "/properties/datetime", "found neither"),
        (
            set(item(), "/properties/start_datetime", json!("1850-02-30T00:00:00Z")),
            "/properties/start_datetime",
            "RFC 3339",
        ),
        (
            set(item(), "/properties/end_datetime", json!("1849-01-01T00:00:00Z")),
            "/properties/end_datetime",
            "not before start_datetime",
        ),
        (
            set(item(), "/properties/datetime", json!("1851-01-01T00:00:00Z")),
            "/properties/datetime",
            "not after end_datetime",
        ),
        (set(item(), "/links", json!([])), "/links", "expected one link \"collection\", found 0"),
        (set(item(), "/links/0/href", json!("/catalog.json")), "/links/0/href", "relative to the record"),
        (set(item(), "/links/0/href", json!("")), "/links/0/href", "found \"\""),
        (set(item(), "/assets/data-1", json!({"href": "./x"})), "/assets/data-1", "(no -), found \"data-1\""),
        (set(item(), "/assets/a~1b", json!({"href": "./x"})), "/assets/a~1b", "found \"a/b\""),
        (set(item(), "/assets/data0001/href", json!("tas 1.nc")), "/assets/data0001/href", "expected a URL"),
        (set(item(), "/assets/data0001/roles", json!("source")), "/assets/data0001/roles", "array"),
        (set(item(), "/assets/data0001/file:size", json!(-1)), "/assets/data0001/file:size", "minimum"),
        (set(item(), "/assets/data0001/file:colour", json!(1)), "/assets/data0001", "file:colour"),
        (set(item(), checksum, json!("abcd")), checksum, "expected a multihash"),
        (
            set(item(), "/assets/reference_file/zarr:zarr_format", json!(4)),
            "/assets/reference_file/zarr:zarr_format",
            "4",
        ),
        (
            set(item(), "/properties/cube:dimensions/lat/axis", json!("REMOVED")),
            "/properties/cube:dimensions/lat",
            "axis",
        ),
        (
            set(item(), "/properties/cube:variables/tas/data_type", json!("float80")),
            "/properties/cube:variables/tas/data_type",
            "float80",
        ),
        (set(item(), "/stac_extensions/1", extension("cf/v0.2.0")), "/stac_extensions", "as fields cube:… are used"),
        (set(item(), "/properties/sci:doi", json!("10.1000/1")), "/stac_extensions", "scientific/v1.0.0"),
        (
            set(item(), "/stac_extensions/1", extension("eo/v1.1.0")),
            "/stac_extensions/1",
            "found \"https://stac-extensions.github.io/eo/v1.1.0/schema.json\"",
        ),
        (set(item(), "/stac_extensions/0", extension("cmip6/v3.0.2")), "/properties", "cmip6:"),
    ] {
        let changed = record.json.clone();
        let Err(ValidateError::Invalid { problems, .. }) = validator.validate(record) else {
            panic!("not rejected: {pointer} {message}");
        };
        let named = problems.iter().any(|problem| problem.pointer == pointer && problem.message.contains(message));
        assert!(named, "expected {pointer}: {message}; found {problems:#?} in {}", changed["bbox"]);
    }
}

#[test]
fn broken_collections_are_rejected_by_name() {
    let validator = Validator::new();
    let interval = json!([["2000-01-02T00:00:00Z", "2000-01-01T00:00:00Z"]]);
    for (record, pointer, message) in [
        (set(collection(), "/license", json!("REMOVED")), "", "license"),
        (set(collection(), "/description", json!("")), "/description", "shorter"),
        (set(collection(), "/extent/temporal/interval", interval), "/extent/temporal/interval/0", "not after the end"),
        (set(collection(), "/extent/spatial/bbox/0", json!([0, 0, 400, 1])), "/extent/spatial/bbox/0", "four numbers"),
        (set(collection(), "/links", json!([])), "/links", "expected one link \"parent\""),
        (set(collection(), "/item_assets/data0001/href", json!("x")), "/item_assets/data0001/href", ""),
        (set(collection(), "/providers/0", json!({"url": "https://x.org"})), "/providers/0", "name"),
        (set(collection(), "/stac_extensions", json!([])), "/stac_extensions", "xarray-assets"),
    ] {
        let Err(ValidateError::Invalid { problems, .. }) = validator.validate(record) else {
            panic!("not rejected: {pointer} {message}");
        };
        let named = problems.iter().any(|problem| problem.pointer == pointer && problem.message.contains(message));
        assert!(named, "expected {pointer}: {message}; found {problems:#?}");
    }
}

#[test]
fn problems_are_listed_up_to_a_number() {
    let mut record = item();
    for number in 0..2 * PROBLEMS_LISTED {
        record = set(record, &format!("/assets/a-{number}"), json!({"href": "./x"}));
    }
    let error = Validator::new().validate(record).unwrap_err();
    assert!(error.to_string().ends_with("; and 50 more"), "{error}");
    assert!(matches!(error, ValidateError::Invalid { problems, count: 100, .. } if problems.len() == PROBLEMS_LISTED));
}

#[test]
fn threads_share_a_validator() {
    let validator = Validator::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| validator.validate(item()).map(drop).unwrap());
        }
    });
}
