#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
pub(super) mod cubes;
mod facts;

use std::collections::BTreeMap;

use super::*;
use crate::model::recipe::StacSettings;
use crate::model::{AttributeValue, Numbers, Variable};
use cubes::*;

/// The dataset of the snapshots: a model calendar, bounds, a scalar height, longitudes from 0 to 360.
fn tas() -> VirtualCube {
    let attributes = [
        ("standard_name", "air_temperature"),
        ("long_name", "Near-Surface Air Temperature"),
        ("units", "K"),
        ("coordinates", "height"),
        ("cell_measures", "area: areacella"),
    ];
    cube(vec![
        with(time(&[15.0, 45.0], "days since 1850-01-01", "360_day"), "bounds", text("time_bnds")),
        bounds("time_bnds", "time", &[(0.0, 30.0), (30.0, 60.0)]),
        latitude(&[-60.0, 0.0, 60.0]),
        longitude(&[0.0, 120.0, 240.0]),
        axis("plev", &[85000.0, 50000.0], &[("standard_name", "air_pressure"), ("units", "Pa"), ("positive", "down")]),
        inline(
            "height",
            &[],
            &[],
            Numbers::F64(vec![2.0]),
            &[("standard_name", "height"), ("units", "m"), ("axis", "Z")],
        ),
        data("tas", &["time", "plev", "lat", "lon"], &[2, 2, 3, 3], &attributes),
    ])
}

/// A regional dataset across the antimeridian in a real calendar.
fn pacific() -> VirtualCube {
    cube(vec![
        time(&[0.0, 1.0], "days since 2000-02-28", "standard"),
        latitude(&[-10.0, 0.0, 10.0]),
        longitude(&[170.0, 180.0, 190.0]),
        data(
            "tos",
            &["time", "lat", "lon"],
            &[2, 3, 3],
            &[("standard_name", "sea_surface_temperature"), ("units", "degC")],
        ),
    ])
}

#[test]
fn items_and_collections_of_both_profiles() {
    // That of ESGF is for CMIP6 alone: below.
    for profile in ["default", "ceda"] {
        let surroundings = Surroundings::new(profile);
        let (tas, pacific) = (tas(), pacific());
        let item = describe_item(&surroundings.input(&tas)).unwrap();
        insta::assert_json_snapshot!(format!("{profile}_item"), item.json);
        let id = ItemId::new("CMIP6.tos.v1").unwrap();
        let other = describe_item(&ItemInput { id: &id, ..surroundings.input(&pacific) }).unwrap();
        insta::assert_json_snapshot!(format!("{profile}_item_pacific"), other.json);
        let collection =
            describe_collection(&surroundings.collection, [&other.json, &item.json], &surroundings.templates);
        let collection = collection.unwrap();
        insta::assert_json_snapshot!(format!("{profile}_collection"), collection.json);
        let reversed = describe_collection(&surroundings.collection, [item.json, other.json], &surroundings.templates);
        assert_eq!(
            reversed.unwrap().json.to_string(),
            collection.json.to_string(),
            "the order of items does not matter"
        );
    }
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let surroundings = Surroundings::new("default");
    let (tas, again) = (tas(), tas());
    let first = describe_item(&surroundings.input(&tas)).unwrap();
    assert_eq!(first.json.to_string(), describe_item(&surroundings.input(&again)).unwrap().json.to_string());
}

#[test]
fn the_recipe_helps_where_nothing_can_be_read() {
    let mut surroundings = Surroundings::new("default");
    let bare = cube(vec![data("tas", &["x"], &[2], &[])]);
    assert!(matches!(describe_item(&surroundings.input(&bare)), Err(DescribeError::NoPlace { .. })));
    let parts = serde_json::json!([
        [[[170, -1], [180, -1], [180, 1], [170, 1], [170, -1]]],
        [[[-180, -1], [-175, -1], [-175, 1], [-180, 1], [-180, -1]]]
    ]);
    surroundings.geometry = Some(serde_json::json!({"type": "MultiPolygon", "coordinates": parts}));
    assert!(matches!(describe_item(&surroundings.input(&bare)), Err(DescribeError::NoTime { .. })));
    let day = DateTime::parse_from_rfc3339("2000-01-01T00:00:00Z").unwrap().to_utc();
    surroundings.datetime = Some((day, day));
    let item = describe_item(&surroundings.input(&bare)).unwrap().json;
    assert_eq!(item["bbox"], serde_json::json!([170.0, -1.0, -175.0, 1.0]));
    assert_eq!(item["properties"]["datetime"], "2000-01-01T00:00:00Z");
    assert_eq!(item["properties"]["cube:dimensions"]["x"], serde_json::json!({"type": "index", "extent": [0, 1]}));
    surroundings.geometry = Some(serde_json::json!({"type": "Point", "coordinates": [200, 0]}));
    assert!(matches!(describe_item(&surroundings.input(&bare)), Err(DescribeError::Geometry { .. })));
}

#[test]
fn many_sources_become_one_table() {
    let mut surroundings = Surroundings::new("default");
    let mut cube = tas();
    cube.files = vec![cube.files[0].clone(); 200 + 1];
    let keys = |surroundings: &Surroundings, cube: &VirtualCube| {
        let item = describe_item(&surroundings.input(cube)).unwrap().json;
        item["assets"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(keys(&surroundings, &cube).len(), 200 + 3);
    surroundings.source_manifest = Some(product_file("sources.parquet"));
    assert_eq!(keys(&surroundings, &cube), ["reference_file", "source_manifest", "report"]);
    cube.files.pop();
    assert_eq!(keys(&surroundings, &cube).len(), 200 + 2);
}

fn with_template(file: &str, text: &str) -> Result<Record, DescribeError> {
    let overrides = BTreeMap::from([(file.to_owned(), text.to_owned())]);
    let templates = Templates::load(&StacSettings { profile: "ceda".into(), overrides, ..StacSettings::default() })?;
    let surroundings = Surroundings { templates, ..Surroundings::new("ceda") };
    describe_item(&surroundings.input(&tas()))
}

#[test]
fn templates_may_add_and_rename() {
    let text = "{% extends \"ceda/item.json.j2\" %}{% block links %}{{ (links + [{'rel': 'license', 'href': 'https://x.org'}]) | tojson }}{% endblock %}";
    let item = with_template("item.json.j2", text).unwrap().json;
    assert_eq!(item["links"][3]["rel"], "license");
    assert_eq!(item["properties"]["aggregation_status"], "complete");
    let item =
        with_template("asset.json.j2", "{ {{ key | replace('reference_file', 'kerchunk') }}: {{ asset | tojson }} }")
            .unwrap()
            .json;
    assert!(item["assets"]["kerchunk"]["href"].is_string());
}

#[test]
fn templates_cannot_bend_the_truth() {
    for (file, text, expected) in [
        (
            "item.json.j2",
            "{% extends \"ceda/item.json.j2\" %}{% block properties %}{{ dict(properties, start_datetime='1900-01-01T00:00:00Z') | tojson }}{% endblock %}",
            "template recipe/item.json.j2 changes properties.start_datetime",
        ),
        ("item.json.j2", "{% extends \"ceda/item.json.j2\" %}{% block links %}[]{% endblock %}", "changes links"),
        (
            "item.json.j2",
            "{\"type\": \"Feature\", \"stac_version\": \"1.1.0\", \"id\": \"x\"}",
            "changes id: expected \"CMIP6.tas.v1\", found \"x\"",
        ),
        (
            "asset.json.j2",
            "{ {{ key }}: {{ dict(asset, href='https://x.org') | tojson }} }",
            "changes asset reference_file",
        ),
        ("asset.json.j2", "{ \"same\": {{ asset | tojson }} }", "changes asset data0001"),
        ("asset.json.j2", "{ {{ 'my-' ~ key }}: {{ asset | tojson }} }", "without -"),
        ("item.json.j2", "{\n{{ idd }}", "template recipe/item.json.j2, line 2"),
        ("item.json.j2", "{% if %}", "template recipe/item.json.j2, line 1"),
        ("item.json.j2", "{\n\n,}", "line 3 of what it yields"),
        ("item.json.j2", "[]", "not the JSON object"),
        ("items.json.j2", "", "unknown template \"items.json.j2\""),
    ] {
        let error = with_template(file, text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}\n  should say {expected}");
    }
}

/// Attributes of CMIP6 files, and what their paths say.
fn cmip6() -> (VirtualCube, Surroundings) {
    let mut cube = tas();
    for (name, value) in [
        ("data_specs_version", "01.00.29"),
        ("frequency", "mon"),
        ("nominal_resolution", "250 km"),
        ("product", "model-output"),
        ("realm", "atmos"),
        ("source_type", "AOGCM BGC"),
        ("further_info_url", "https://furtherinfo.es-doc.org/CMIP6.x"),
    ] {
        std::sync::Arc::make_mut(&mut cube.root.attributes).insert(name.into(), text(value));
    }
    let mut surroundings = Surroundings::new("esgf");
    surroundings.collection.id = crate::model::CollectionId::new("CMIP6").unwrap();
    surroundings.id =
        ItemId::new("CMIP6.DCPP.IPSL.IPSL-CM6A-LR.dcppA-hindcast.s1960-r1i1p1f1.Amon.tas.gr.v20180803").unwrap();
    let facts = SourceFacts {
        tracking_id: Some("hdl:21.14100/4c6a4b8d-3fd9-4b0c-9f0a-6ab1e39b5a5b".into()),
        creation_date: None,
    };
    surroundings.source_facts = [(cube.files[0].url.clone(), facts)].into();
    (cube, surroundings)
}

#[test]
fn esgf_says_what_its_extension_asks_for() {
    let (cube, surroundings) = cmip6();
    let item = describe_item(&surroundings.input(&cube)).unwrap().json;
    insta::assert_json_snapshot!("esgf_item", item);
    let collection = describe_collection(&surroundings.collection, [&item], &surroundings.templates).unwrap().json;
    insta::assert_json_snapshot!("esgf_collection", collection);
}

#[test]
fn what_a_profile_asks_for_in_vain_is_named() {
    let refused = |change: &dyn Fn(&mut VirtualCube, &mut Surroundings)| {
        let (mut cube, mut surroundings) = cmip6();
        change(&mut cube, &mut surroundings);
        let error = describe_item(&surroundings.input(&cube)).unwrap_err();
        assert_eq!(error.kind(), "profile", "{error}");
        assert!(error.remedy().unwrap().contains("item.properties"));
        error.to_string()
    };
    let error =
        refused(&|cube, _| drop(std::sync::Arc::make_mut(&mut cube.root.attributes).shift_remove("source_type")));
    assert!(
        error.contains("esgf/item.json.j2 cannot say cmip6:source_type") && error.contains("attribute source_type"),
        "{error}"
    );
    let error =
        refused(&|_, surroundings| surroundings.collection.id = crate::model::CollectionId::new("other").unwrap());
    assert!(error.contains("collection: expected CMIP6, found other"), "{error}");
    let error = refused(&|_, surroundings| surroundings.id = ItemId::new("CMIP6.tas.v1").unwrap());
    assert!(error.contains("found CMIP6.tas.v1"), "{error}");
    // What the recipe gives counts.
    let (mut cube, mut surroundings) = cmip6();
    std::sync::Arc::make_mut(&mut cube.root.attributes).shift_remove("source_type");
    surroundings.properties.insert("cmip6:source_type".into(), serde_json::json!(["AOGCM"]));
    let item = describe_item(&surroundings.input(&cube)).unwrap().json;
    assert_eq!(item["properties"]["cmip6:source_type"], serde_json::json!(["AOGCM"]));
}

#[test]
fn a_collection_needs_items_that_are_somewhere() {
    let surroundings = Surroundings::new("default");
    let empty: [&Value; 0] = [];
    let describe = |items: &[&Value]| {
        describe_collection(&surroundings.collection, items.iter().copied(), &surroundings.templates)
    };
    assert!(matches!(describe(&empty), Err(DescribeError::EmptyCollection { .. })));
    let error = describe(&[&serde_json::json!({"id": "x", "bbox": [1, 2], "properties": {}})]).unwrap_err();
    assert_eq!(error.to_string(), "item x: expected four numbers in bbox, found [1,2]");
    let error = describe(&[&serde_json::json!({"id": "x", "bbox": [1, 2, 3, 4], "properties": {"datetime": null}})])
        .unwrap_err();
    assert!(error.to_string().contains("start_datetime"), "{error}");
}

#[test]
fn dimensions_of_odd_kinds() {
    let labels = Variable {
        data: crate::model::ArrayData::Inline(crate::model::Array {
            shape: vec![2],
            values: crate::model::ArrayValues::Strings(vec!["ice".into(), "sea".into()]),
        }),
        data_type: crate::model::DataType::VariableString,
        ..axis("sector", &[0.0, 0.0], &[])
    };
    let rotated = [("standard_name", "grid_longitude"), ("units", "degrees"), ("axis", "X")];
    let mut crs =
        inline("crs", &[], &[], Numbers::I32(vec![0]), &[("grid_mapping_name", "rotated_latitude_longitude")]);
    crs = with(crs, "grid_north_pole_latitude", AttributeValue::Numbers(Numbers::F64(vec![39.25])));
    let two = |name, units| {
        inline(name, &["sector", "rlon"], &[2, 2], Numbers::F64(vec![1.0, 2.0, 3.0, 4.0]), &[("units", units)])
    };
    let cube = cube(vec![
        labels,
        axis("rlon", &[-1.0, 1.0], &rotated),
        two("lat", "degrees_north"),
        two("lon", "degrees_east"),
        crs,
        time(&[1.0, 2.0], "days since 2001-01-01", "gregorian"),
        data(
            "t",
            &["time", "sector", "rlon", "k"],
            &[2, 2, 2, 5],
            &[("coordinates", "lat lon"), ("grid_mapping", "crs")],
        ),
    ]);
    let surroundings = Surroundings::new("default");
    let item = describe_item(&surroundings.input(&cube)).unwrap().json;
    let dimensions = &item["properties"]["cube:dimensions"];
    assert_eq!(dimensions["sector"], serde_json::json!({"type": "sector", "values": ["ice", "sea"]}));
    assert_eq!(dimensions["rlon"]["reference_system"], "rotated_latitude_longitude");
    assert_eq!(dimensions["rlon"]["axis"], "x");
    assert_eq!(dimensions["k"], serde_json::json!({"type": "index", "extent": [0, 4]}));
    assert_eq!(dimensions["time"]["extent"][0], "2001-01-02T00:00:00Z");
    assert_eq!(dimensions["time"]["step"], "P1D");
    assert_eq!(item["properties"]["variables"], serde_json::json!(["t"]));
    assert_eq!(item["properties"]["cube:variables"]["crs"]["type"], "auxiliary");
}
