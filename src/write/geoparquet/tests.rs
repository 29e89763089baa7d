#![allow(clippy::unwrap_used, clippy::panic, clippy::needless_pass_by_value, clippy::print_stderr)]
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;
use proptest::prelude::*;

use super::*;

fn table(items: &[Value]) -> Result<Vec<u8>, ItemTableError> {
    let mut columns = ItemColumns::default();
    items.iter().try_for_each(|item| columns.learn(item))?;
    let mut table = ItemTable::new(
        Vec::new(),
        &columns,
        Some(&json!({"id": "c", "links": [{"rel": "item"}, {"rel": "license"}]})),
    )?;
    items.iter().try_for_each(|item| table.write(item))?;
    table.finish()
}

fn item(id: &str, properties: Value) -> Value {
    json!({
        "type": "Feature", "stac_version": "1.1.0", "stac_extensions": [], "id": id, "collection": "c",
        "geometry": {"type": "Point", "coordinates": [1.5, 2]}, "bbox": [1.5, 2, 1.5, 2], "properties": properties,
        "links": [{"rel": "root", "href": "../c.json"}], "assets": {"data": {"href": "x", "roles": ["data"]}},
    })
}

/// What a row says, as JSON without what is null.
fn json_of(field: &Field) -> Value {
    let present =
        |(name, field): (&String, &Field)| Some((name.clone(), json_of(field))).filter(|(_, value)| !value.is_null());
    match field {
        Field::Null => Value::Null,
        Field::Bool(value) => json!(value),
        Field::Long(value) => json!(value),
        Field::Double(value) => json!(value),
        Field::Str(text) => json!(text),
        Field::TimestampMicros(value) => json!(chrono::DateTime::from_timestamp_micros(*value).unwrap().to_rfc3339()),
        Field::Bytes(bytes) => json!(bytes.data()),
        Field::Group(row) => row.get_column_iter().filter_map(present).collect::<Map<_, _>>().into(),
        Field::ListInternal(list) => list.elements().iter().map(json_of).collect(),
        other => panic!("{other}"),
    }
}

fn rows(bytes: Vec<u8>) -> Vec<Value> {
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    reader.get_row_iter(None).unwrap().map(|row| json_of(&Field::Group(row.unwrap()))).collect()
}

/// A value without what a column cannot tell from nothing.
fn told(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields: Map<_, _> = fields
                .iter()
                .map(|(name, value)| (name.clone(), told(value)))
                .filter(|(_, value)| !value.is_null())
                .collect();
            if fields.is_empty() { Value::Null } else { fields.into() }
        }
        Value::Array(values) => values.iter().map(told).collect(),
        other => other.clone(),
    }
}

#[test]
fn rows_hold_what_items_say() {
    let items = [
        item(
            "a",
            json!({"datetime": null, "start_datetime": "2000-01-01T00:00:00Z", "n": 1, "list": [[1, null], []], "deep": {"x": {"y": [{"z": 1}]}}}),
        ),
        item(
            "b",
            json!({"datetime": "2000-01-02T00:00:00.5Z", "n": 2.5, "flag": true, "list": [], "deep": {"w": "t"}}),
        ),
        item("c", json!({"datetime": "2000-01-03T00:00:00+01:00", "list": [[3, 4]]})),
    ];
    let found = rows(table(&items).unwrap());
    assert_eq!(found[0]["n"], 1.0);
    assert_eq!(found[0]["list"], json!([[1, null], []]));
    assert_eq!(found[0]["deep"], json!({"x": {"y": [{"z": 1}]}}));
    assert_eq!(found[1]["deep"], json!({"w": "t"}));
    assert_eq!((&found[0]["datetime"], &found[1]["datetime"]), (&Value::Null, &json!("2000-01-02T00:00:00.500+00:00")));
    assert_eq!(found[2]["datetime"], "2000-01-02T23:00:00+00:00");
    assert_eq!(found[1]["bbox"], json!({"xmin": 1.5, "ymin": 2.0, "xmax": 1.5, "ymax": 2.0}));
    assert_eq!(found[2]["assets"], json!({"data": {"href": "x", "roles": ["data"]}}));
    let mut point = vec![1, 1, 0, 0, 0];
    point.extend(1.5_f64.to_le_bytes().into_iter().chain(2_f64.to_le_bytes()));
    assert_eq!(found[0]["geometry"], json!(point));
}

#[test]
fn the_footer_says_where_and_whose() {
    let reader = SerializedFileReader::new(bytes::Bytes::from(table(&[item("a", json!({}))]).unwrap())).unwrap();
    let footer = reader.metadata().file_metadata().key_value_metadata().unwrap();
    let value = |key: &str| -> Value {
        serde_json::from_str(footer.iter().find(|entry| entry.key == key).unwrap().value.as_ref().unwrap()).unwrap()
    };
    assert_eq!(value("geo")["columns"]["geometry"]["geometry_types"], json!(["Point"]));
    assert_eq!(value("geo")["columns"]["geometry"]["bbox"], json!([1.5, 2.0, 1.5, 2.0]));
    assert_eq!(value("stac-geoparquet")["version"], "1.1.0");
    assert_eq!(value("stac-geoparquet")["collections"]["c"]["links"], json!([{"rel": "license"}]));
}

#[test]
fn what_is_of_several_kinds_is_text_and_told() {
    let items = [
        item("a", json!({"r": 4326, "same": 1})),
        item("b", json!({"r": "rotated"})),
        item("c", json!({"r": {"id": 1}})),
    ];
    let mut columns = ItemColumns::default();
    items.iter().for_each(|item| columns.learn(item).unwrap());
    assert_eq!(columns.mixed(), ["r"]);
    let found: Vec<Value> = rows(table(&items).unwrap()).iter().map(|row| row["r"].clone()).collect();
    assert_eq!(found, ["4326", "rotated", "{\"id\":1}"]);
}

#[test]
fn what_no_row_can_hold_is_an_error_by_name() {
    let mut flat = item("a", json!({}));
    flat["bbox"] = json!([1, 2]);
    let mut nowhere = item("a", json!({}));
    nowhere["geometry"] = Value::Null;
    for (wrong, field) in [(flat, "bbox"), (nowhere, "geometry"), (item("a", json!({"links": 1})), "links")] {
        assert!(matches!(table(&[wrong]), Err(ItemTableError::Item { field: found, .. }) if found == field));
    }
    let wide: Map<String, Value> = (0..COLUMNS).map(|number| (format!("k{number}"), json!(1))).collect();
    assert!(
        matches!(table(&[item("a", json!({"wide": wide}))]), Err(ItemTableError::TooWide { widest, .. }) if widest == "wide")
    );
    assert!(table(&[]).unwrap().ends_with(b"PAR1"));
}

fn values() -> impl Strategy<Value = Value> {
    // One kind a name, so that columns are not of several kinds.
    let leaf = (any::<Option<i32>>(), any::<Option<bool>>(), proptest::option::of("[a-zé]{0,4}"))
        .prop_map(|(int, flag, text)| json!({"i": int, "b": flag, "t": text}));
    leaf.prop_recursive(3, 20, 4, |inner| {
        (proptest::collection::vec(inner.clone(), 0..4), proptest::option::of(inner))
            .prop_map(|(list, one)| json!({"l": list, "o": one, "s": {"l": [list]}}))
    })
}

proptest! {
    #[test]
    fn any_nesting_is_read_back(values in proptest::collection::vec(values(), 1..8)) {
        let items: Vec<Value> = values.iter().map(|value| item("a", json!({"p": value}))).collect();
        let found = rows(table(&items).unwrap());
        for (row, value) in found.iter().zip(&values) {
            prop_assert_eq!(told(&row["p"]), told(value));
        }
    }
}

/// What bounds memory is what is kept until it is written, not how many items there are.
#[test]
#[ignore = "takes a minute; with --nocapture it says how long and how much memory"]
fn a_hundred_thousand_items() {
    let snapshot = include_str!("../../describe/snapshots/altostac__describe__tests__default_item.snap");
    let mut item: Value = serde_json::from_str(snapshot.splitn(3, "---\n").nth(2).unwrap()).unwrap();
    let each = |item: &mut Value, work: &mut dyn FnMut(&Value)| {
        for number in 0..100_000 {
            item["id"] = json!(format!("CMIP6.tas.{number}"));
            item["assets"]["reference_file"]["href"] =
                json!(format!("../products/CMIP6.tas.{number}/r1/kerchunk.json"));
            work(item);
        }
    };
    let begun = std::time::Instant::now();
    let mut columns = ItemColumns::default();
    each(&mut item, &mut |item| columns.learn(item).unwrap());
    let mut table = ItemTable::new(std::io::sink(), &columns, None).unwrap();
    each(&mut item, &mut |item| table.write(item).unwrap());
    let leaves = table.leaves.len();
    let bytes = table.writer.bytes_written();
    table.finish().unwrap();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or("VmHWM unknown");
    eprintln!("{} columns, {bytes} bytes, {:.1} s, {peak}", leaves, begun.elapsed().as_secs_f64());
}
