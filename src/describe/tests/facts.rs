#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use serde_json::{Value, json};

use super::super::{DescribeError, describe_collection, describe_item, notes};
use super::cubes::*;
use crate::model::facts::{CitedPublication, CollectionFacts, StatedTimes, TimeSource};
use crate::model::{AttributeValue, Numbers, StatedTime, Statistics, TimeFormat, Variable, VirtualCube};

fn dataset(time: Variable, others: Vec<Variable>) -> VirtualCube {
    let steps = time.shape[0];
    let attributes =
        [("standard_name", "air_temperature"), ("units", "K"), ("cell_methods", "time: mean area: mean where land")];
    let mut variables = vec![time, latitude(&[-1.0, 0.0, 1.0]), longitude(&[9.0, 10.0, 11.0])];
    variables.extend(others);
    variables.push(data("tas", &["time", "lat", "lon"], &[steps, 3, 3], &attributes));
    cube(variables)
}

fn described(cube: &VirtualCube) -> Value {
    describe_item(&Surroundings::new("default").input(cube)).unwrap().json
}

#[test]
fn even_axes_have_a_step_and_others_their_values() {
    let cases: [(&[f64], &str, Value, Value, Value); 5] = [
        (&[0.0, 1.0, 2.0], "standard", json!("P1D"), Value::Null, json!("P1D")),
        (
            &[15.5, 45.0, 74.5],
            "standard",
            json!("P1M"),
            json!(["2001-01-16T12:00:00Z", "2001-02-15T00:00:00Z", "2001-03-16T12:00:00Z"]),
            json!("P1M"),
        ),
        (
            &[0.0, 1.0, 9.0],
            "standard",
            Value::Null,
            json!(["2001-01-01T00:00:00Z", "2001-01-02T00:00:00Z", "2001-01-10T00:00:00Z"]),
            Value::Null,
        ),
        (&[15.0, 45.0, 75.0], "360_day", json!(30.0), Value::Null, json!("P1M")),
        (&[15.5, 45.0, 74.5], "noleap", Value::Null, json!([15.5, 45.0, 74.5]), json!("P1M")),
    ];
    for (values, calendar, step, listed, frequency) in cases {
        let cube = dataset(time(values, "days since 2001-01-01", calendar), Vec::new());
        let item = described(&cube);
        let axis = &item["properties"]["cube:dimensions"]["time"];
        assert_eq!((&axis["step"], &axis["values"]), (&step, &listed), "{values:?} {calendar}");
        assert_eq!(item["properties"]["frequency"], frequency, "{values:?} {calendar}");
    }
    let many: Vec<f64> = (0..300).map(|day| f64::from(day * day)).collect();
    let item = described(&dataset(time(&many, "days since 2001-01-01", "standard"), Vec::new()));
    assert!(item["properties"]["cube:dimensions"]["time"]["values"].is_null(), "no more than 200 are listed");
}

#[test]
fn one_step_has_the_length_of_its_cell() {
    let month = with(time(&[15.5], "days since 2001-01-01", "standard"), "bounds", text("time_bnds"));
    let item = described(&dataset(month, vec![bounds("time_bnds", "time", &[(0.0, 31.0)])]));
    assert_eq!(item["properties"]["frequency"], "P1M");
    assert_eq!(item["properties"]["duration"], "P1M");
    assert_eq!(item["properties"]["end_datetime"], "2001-02-01T00:00:00Z");
}

#[test]
fn what_files_state_of_their_frequency_stands_in_and_is_compared() {
    let mut cube = dataset(time(&[3.0], "days since 2001-01-01", "standard"), Vec::new());
    std::sync::Arc::make_mut(&mut cube.root.attributes).insert("frequency".into(), text("mon"));
    assert_eq!(described(&cube)["properties"]["frequency"], "P1M");
    assert!(notes(&cube, &Default::default()).is_empty());
    let mut cube = dataset(time(&[0.0, 1.0], "days since 2001-01-01", "standard"), Vec::new());
    std::sync::Arc::make_mut(&mut cube.root.attributes).insert("frequency".into(), text("mon"));
    assert_eq!(described(&cube)["properties"]["frequency"], "P1D");
    let found = notes(&cube, &Default::default());
    assert_eq!(found[0].kind, "frequency_differs");
    // A facet of that name is the archive's own word.
    let mut surroundings = Surroundings::new("default");
    surroundings.facets.insert("frequency".into(), "day".into());
    assert_eq!(describe_item(&surroundings.input(&cube)).unwrap().json["properties"]["frequency"], "day");
}

#[test]
fn a_climatology_reaches_as_far_as_its_bounds() {
    // CF 1.11, example 7.8: seasons averaged over thirty years.
    let days = [15.0 + 366.0, 106.0 + 366.0, 198.0 + 366.0];
    let seasons = with(time(&days, "days since 1960-01-01", "standard"), "climatology", text("climatology_bnds"));
    let edges = [(60.0, 11_109.0), (152.0, 11_201.0), (244.0, 11_293.0)];
    let cube = dataset(seasons, vec![bounds("climatology_bnds", "time", &edges)]);
    let item = described(&cube);
    assert_eq!(item["properties"]["start_datetime"], "1960-03-01T00:00:00Z");
    assert_eq!(item["properties"]["end_datetime"], "1990-12-02T00:00:00Z");
    let axis = &item["properties"]["cube:dimensions"]["time"];
    assert_eq!(axis["extent"], json!(["1960-03-01T00:00:00Z", "1990-12-02T00:00:00Z"]));
    assert_eq!(axis["climatology"], true);
    assert!(!item["properties"]["cube:variables"].as_object().unwrap().contains_key("climatology_bnds"));
}

#[test]
fn the_recipe_chooses_what_says_the_time() {
    let bounded = || with(time(&[0.5, 1.5], "days since 2001-01-01", "standard"), "bounds", text("time_bnds"));
    let cube = dataset(bounded(), vec![bounds("time_bnds", "time", &[(0.0, 1.0), (1.0, 2.0)])]);
    let names = |format: Option<&str>| StatedTimes {
        start: "first".into(),
        end: "last".into(),
        format: format.map(|format| TimeFormat::parse(format).unwrap()),
    };
    let stated =
        |start: &str, end: &str| StatedTime { file: "a.nc".into(), start: Some(start.into()), end: Some(end.into()) };
    for (source, times, expected) in [
        (TimeSource::Auto, vec![], ["2001-01-01T00:00:00Z", "2001-01-03T00:00:00Z", "P2D"]),
        (TimeSource::Axis, vec![], ["2001-01-01T12:00:00Z", "2001-01-02T12:00:00Z", "P1D"]),
        (TimeSource::Bounds, vec![], ["2001-01-01T00:00:00Z", "2001-01-03T00:00:00Z", "P2D"]),
        (
            TimeSource::Facets(names(Some("%Y%m"))),
            vec![stated("199902", "199903"), stated("199901", "199901")],
            ["1999-01-01T00:00:00Z", "1999-03-31T23:59:59Z", "P3M"],
        ),
        (
            TimeSource::Attributes(names(None)),
            vec![stated("1999-01-01T06:00:00Z", "19990102")],
            ["1999-01-01T06:00:00Z", "1999-01-02T23:59:59Z", "PT42H"],
        ),
    ] {
        let mut surroundings = Surroundings::new("default");
        surroundings.item_facts.time = source.clone();
        surroundings.known.times = times;
        let item = describe_item(&surroundings.input(&cube)).unwrap().json;
        let found = ["start_datetime", "end_datetime", "duration"].map(|key| item["properties"][key].as_str().unwrap());
        assert_eq!(found, expected, "{source:?}");
    }
}

#[test]
fn times_that_cannot_be_read_are_refused_by_name() {
    let cube = dataset(time(&[0.5, 1.5], "days since 2001-01-01", "standard"), Vec::new());
    let refused = |source: TimeSource, start: Option<&str>| {
        let mut surroundings = Surroundings::new("default");
        surroundings.item_facts.time = source;
        let start = start.map(str::to_owned);
        surroundings.known.times = vec![StatedTime { file: "/a.nc".into(), start, end: Some("19990101".into()) }];
        describe_item(&surroundings.input(&cube)).unwrap_err()
    };
    assert!(matches!(refused(TimeSource::Bounds, None), DescribeError::Coordinate { .. }));
    let names =
        StatedTimes { start: "first".into(), end: "last".into(), format: Some(TimeFormat::parse("%Y%m%d").unwrap()) };
    let error = refused(TimeSource::Facets(names.clone()), Some("1999")).to_string();
    assert_eq!(error, "the facet first of /a.nc: expected a date as %Y%m%d, found \"1999\"");
    let error = refused(TimeSource::Attributes(names.clone()), None).to_string();
    assert_eq!(error, "the global attribute first of /a.nc: expected a date as %Y%m%d, found none");
    assert!(refused(TimeSource::Facets(names), Some("20000101")).to_string().contains("before 2000"));
}

#[test]
fn variables_say_what_they_are() {
    let cube = dataset(time(&[0.0, 1.0], "days since 2001-01-01", "standard"), Vec::new());
    let mut surroundings = Surroundings::new("default");
    let statistics_path = cube.root.all_variables().into_iter().find(|(path, _)| path.key() == "tas").unwrap().0;
    surroundings.known.statistics.insert(
        statistics_path,
        Statistics {
            minimum: Some(200.0),
            maximum: Some(300.0),
            mean: Some(250.0),
            stddev: Some(1.5),
            count: 18,
            valid_count: 9,
        },
    );
    let item = describe_item(&surroundings.input(&cube)).unwrap().json;
    let expected = json!({
        "dimensions": ["time", "lat", "lon"], "type": "data", "description": "air_temperature", "unit": "K",
        "data_type": "float32", "nodata": 1e20, "standard_name": "air_temperature",
        "cell_methods": "time: mean area: mean where land", "shape": [2, 3, 3], "chunks": [2, 3, 3],
        "statistics": {"minimum": 200.0, "maximum": 300.0, "mean": 250.0, "stddev": 1.5, "count": 18, "valid_count": 9, "valid_percent": 50.0},
    });
    assert_eq!(item["properties"]["cube:variables"]["tas"], expected);
    assert_eq!(item["properties"]["cf:parameter"], json!([{"name": "air_temperature", "unit": "K"}]));
}

#[test]
fn missing_values_are_told_whichever_attribute_says_them() {
    let missing = AttributeValue::Numbers(Numbers::F32(vec![-999.0]));
    let other = with(data("pr", &["time"], &[2], &[("units", "mm")]), "missing_value", missing);
    let mut other = other;
    other.attributes.shift_remove("_FillValue");
    let item = described(&dataset(time(&[0.0, 1.0], "days since 2001-01-01", "standard"), vec![other]));
    assert_eq!(item["properties"]["cube:variables"]["pr"]["nodata"], -999.0);
}

#[test]
fn versions_origins_and_processing_come_from_the_recipe() {
    let cube = dataset(time(&[0.0, 1.0], "days since 2001-01-01", "standard"), Vec::new());
    let mut surroundings = Surroundings::new("default");
    surroundings.item_facts.version = Some("{{ version | replace('v', '') }}".into());
    surroundings.item_facts.derived_from = vec!["https://a.org/{{ variable_id }}.json".into()];
    surroundings.record_facts.lineage = Some("Regridded {{ variable_id }}.".into());
    surroundings.record_facts.facility = Some("JASMIN".into());
    let item = describe_item(&surroundings.input(&cube)).unwrap().json;
    let properties = &item["properties"];
    assert_eq!(properties["version"], "1");
    assert_eq!(properties["processing:lineage"], "Regridded tas.");
    assert_eq!(properties["processing:facility"], "JASMIN");
    assert_eq!(properties["processing:software"], json!({"altostac": env!("CARGO_PKG_VERSION")}));
    assert_eq!(item["links"][3], json!({"rel": "derived_from", "href": "https://a.org/tas.json"}));
    let declared = item["stac_extensions"].to_string();
    assert!(declared.contains("version/v1.2.0") && declared.contains("processing/v1.2.0"), "{declared}");
    surroundings.item_facts.derived_from = vec!["{{ nothing }}".into()];
    let error = describe_item(&surroundings.input(&cube)).unwrap_err().to_string();
    assert!(error.contains("item.derived_from[0]"), "{error}");
}

#[test]
fn sources_have_the_checksums_that_are_known_and_the_limit_of_the_recipe() {
    let cube = dataset(time(&[0.0, 1.0], "days since 2001-01-01", "standard"), Vec::new());
    let mut surroundings = Surroundings::new("default");
    surroundings.known.checksums = [(cube.files[1].url.as_str().to_owned(), "ab".repeat(32))].into();
    let item = describe_item(&surroundings.input(&cube)).unwrap().json;
    assert!(item["assets"]["data0001"]["file:checksum"].is_null());
    assert_eq!(item["assets"]["data0002"]["file:checksum"], format!("1220{}", "ab".repeat(32)));
    surroundings.record_facts.source_assets = 1;
    surroundings.source_manifest = Some(product_file("sources.parquet"));
    let item = describe_item(&surroundings.input(&cube)).unwrap().json;
    assert!(item["assets"]["data0001"].is_null() && item["assets"]["source_manifest"].is_object());
}

#[test]
fn collections_are_cited_and_dated() {
    let cube = dataset(time(&[0.0, 1.0], "days since 2001-01-01", "standard"), Vec::new());
    let mut surroundings = Surroundings::new("default");
    surroundings.collection.facts = CollectionFacts {
        version: Some("2.1".into()),
        doi: Some("10.5285/abcd".into()),
        citation: Some("A. Author: Data.".into()),
        publications: vec![CitedPublication { doi: Some("10.5194/acp-1".into()), citation: None }],
    };
    let item = describe_item(&surroundings.input(&cube)).unwrap();
    let collection = describe_collection(&surroundings.collection, [&item.json], &surroundings.templates).unwrap();
    let json = &collection.json;
    assert_eq!((&json["version"], &json["sci:doi"]), (&json!("2.1"), &json!("10.5285/abcd")));
    assert_eq!(json["sci:publications"], json!([{"doi": "10.5194/acp-1"}]));
    assert_eq!(json["links"][2], json!({"rel": "cite-as", "href": "https://doi.org/10.5285/abcd"}));
    assert_eq!((&json["created"], &json["updated"]), (&json!("2026-11-01T12:00:00Z"), &json!("2026-11-02T12:00:00Z")));
    assert_eq!(json["summaries"]["cf:parameter"], json!([{"name": "air_temperature", "unit": "K"}]));
    for record in [item, collection] {
        crate::validate::Validator::new().validate(record).unwrap();
    }
}
