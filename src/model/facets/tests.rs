//! Rules on made-up files; what recipes make of YAML is tested in `recipe`.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn cast(kind: CastKind, value: &Value) -> Option<Value> {
    Cast::to(kind).value(value)
}

#[test]
fn values_take_types() {
    assert_eq!(cast(CastKind::Int, &json!(" 12 ")), Some(json!(12)));
    assert_eq!(cast(CastKind::Int, &json!(12.9)), Some(json!(12)));
    assert_eq!(cast(CastKind::Int, &json!(["1", "2"])), Some(json!([1, 2])));
    assert_eq!(cast(CastKind::Float, &json!("1e3")), Some(json!(1000.0)));
    assert_eq!(cast(CastKind::Float, &json!("nan")), None);
    assert_eq!(cast(CastKind::Bool, &json!("Yes")), Some(json!(true)));
    assert_eq!(cast(CastKind::Bool, &json!("maybe")), None);
    assert_eq!(cast(CastKind::Text, &json!(7)), Some(json!("7")));
    assert_eq!(cast(CastKind::Date, &json!("2020-02-30")), None);
    assert_eq!(cast(CastKind::Date, &json!("2020-02-01T12:00:00+02:00")), Some(json!("2020-02-01T10:00:00Z")));
}

#[test]
fn dates_by_format() {
    let date = |text: &str, format: &str| {
        let cast =
            Cast { kind: CastKind::Date, format: Some(format.into()), written: Some("%Y-%m-%dT%H:%M:%S".into()) };
        cast.value(&json!(text)).map(|value| value.as_str().unwrap().to_owned())
    };
    for (text, format, expected) in [
        ("185001", "%Y%m", "1850-01-01T00:00:00"),
        ("1850", "%Y", "1850-01-01T00:00:00"),
        ("20200131", "%Y%m%d", "2020-01-31T00:00:00"),
        ("2020-032", "%Y-%j", "2020-02-01T00:00:00"),
        ("2020013112", "%Y%m%d%H", "2020-01-31T12:00:00"),
        ("20200131T121314", "%Y%m%dT%H%M%S", "2020-01-31T12:13:14"),
        ("2020-01-31 12:00 +0200", "%Y-%m-%d %H:%M %z", "2020-01-31T10:00:00"),
    ] {
        assert_eq!(date(text, format).as_deref(), Some(expected), "{text} {format}");
    }
    for (text, format) in [("20201301", "%Y%m%d"), ("2020", "%Y%m%d"), ("x", "%Y"), ("20200131x", "%Y%m%d")] {
        assert_eq!(date(text, format), None, "{text} {format}");
    }
}

#[test]
fn csv_is_read_as_it_is_written() {
    let rows = parse_csv("\u{feff}a,b\r\n1,\"x, \"\"y\"\"\nz\"\n\n2,\n").unwrap();
    let cells = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(rows, [(1, cells(&["a", "b"])), (2, cells(&["1", "x, \"y\"\nz"])), (5, cells(&["2", ""]))]);
    assert_eq!(
        parse_csv("a\n\"b").unwrap_err().to_string(),
        "is not CSV: the quote that opens on line 2 is not closed"
    );
    let error = |csv: &str, by: &str| Table::from_csv("t.csv", csv, &[by.to_owned()]).unwrap_err().to_string();
    assert_eq!(error("a,b\n1\n", "a"), "is not CSV: line 2 has 1 cells where the first has 2");
    assert_eq!(error("a,b\n1,2\n1,3\n", "a"), "has two rows for 1");
    assert_eq!(error("a,b\n1,2\n", "c"), "has no column c; there are: a, b");
}

#[test]
fn trees_are_tables() {
    let by = ["m".to_owned()];
    let of = |value: Value| Table::from_value("t.json", &value, &by);
    let key = ["x".to_owned()];
    assert_eq!(of(json!([{"m": "x", "t": 1}])).unwrap().row(&key).unwrap()["t"], json!(1));
    assert_eq!(of(json!({"x": {"t": 2}})).unwrap().row(&key).unwrap()["t"], json!(2));
    assert!(of(json!({"x": 2})).is_err() && of(json!(2)).is_err() && of(json!([2])).is_err());
    let all = Table::from_value("t.json", &json!({"t": 3, "u": null}), &[]).unwrap();
    assert_eq!((all.row(&[]).unwrap()["t"].clone(), all.columns().len()), (json!(3), 1));
}

#[test]
fn a_hostile_template_of_a_rule_is_an_error() {
    let mut rules = FacetRules::default();
    assert!(rules.add_text("k", "{% include 'x' %}").is_err());
    assert!(rules.add_condition("k", "a %}{% include 'x' %}{% if b").is_err());
    assert!(rules.add_condition("k", "a * 100000000").is_err());
    assert_eq!(rules.add_condition("k", "a == 'x' and b is defined").unwrap(), ["a", "b"]);
}

proptest! {
    /// What is written as CSV with all cells in quotes comes back.
    #[test]
    fn csv_comes_back(rows in prop::collection::vec(prop::collection::vec("[a-z,\"\n ]{0,6}", 2..5), 1..5)) {
        let line = |row: &Vec<String>| {
            row.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect::<Vec<_>>().join(",")
        };
        let csv: String = rows.iter().map(|row| line(row) + "\n").collect();
        let found: Vec<Vec<String>> = parse_csv(&csv).unwrap().into_iter().map(|(_, cells)| cells).collect();
        prop_assert_eq!(found, rows);
    }

    #[test]
    fn no_text_breaks_the_readers(text in "[a,\"\n\r0-9%Ymd:-]{0,40}", format in "[%YmdHMSjz0-9a-]{0,10}") {
        let _ = parse_csv(&text);
        for kind in [CastKind::Int, CastKind::Float, CastKind::Bool, CastKind::Date] {
            let _ = Cast { kind, format: Some(format.clone()), written: None }.value(&json!(text));
        }
    }
}
