//! The computed pieces of an Item.

use serde_json::{Map, Value, json};

use super::dataset::{Dataset, Member};
use super::purpose::Purpose;
use super::{DescribeError, ItemInput, STAC_VERSION, assets, coverage, datacube, facts, geometry, reference};
use crate::cftime::rfc3339;
use crate::model::{Attributes, Record, RecordKind, TemporalExtent};

pub(super) fn describe(input: &ItemInput<'_>) -> Result<Record, DescribeError> {
    let dataset = Dataset::new(input.cube, input.coordinate_digests);
    let place = coverage::place(&dataset, input)?;
    let time = facts::time(&dataset, input)?;
    let assets = Value::Object(assets::render(input, &dataset)?);
    let computed = computed_properties(input, &dataset, &time);
    let stated = stated_properties(input, &dataset, &time)?;
    let bbox = geometry::bbox(&place.bounding_box);
    let (id, collection) = (json!(input.id), json!(input.collection.id));
    let links = links(facts::links(input)?);
    let mut context = json!({
        "stac_version": STAC_VERSION,
        "id": id,
        "collection": collection,
        "bbox": bbox,
        "geometry": place.geometry,
        "properties": merged_properties(input, &computed, stated),
        "facets": input.facets,
        "recipe_properties": input.properties,
        "cube_dimensions": computed["cube:dimensions"],
        "cube_variables": computed["cube:variables"],
        "attributes": attributes(&input.cube.root.attributes),
        "variable_attributes": dataset
            .of(Purpose::Data)
            .map(|member| (member.path.key().to_owned(), attributes(&member.variable.attributes)))
            .collect::<Map<_, _>>(),
        "source_size": input.cube.files.iter().fold(0_u64, |sum, file| sum.saturating_add(file.size)),
        "source_count": input.cube.files.len(),
        "links": links,
        "assets": assets,
    });
    for key in ["datetime", "start_datetime", "end_datetime", "created", "updated", "variables", "units", "calendars"] {
        context[key] = computed[key].clone();
    }
    context["long_names"] = attribute(&dataset, "long_name");
    context["standard_names"] = attribute(&dataset, "standard_name");
    let truth = [
        ("/type", &json!("Feature")),
        ("/stac_version", &json!(STAC_VERSION)),
        ("/id", &id),
        ("/collection", &collection),
        ("/bbox", &bbox),
        ("/geometry", &place.geometry),
        ("/properties/datetime", &computed["datetime"]),
        ("/properties/start_datetime", &computed["start_datetime"]),
        ("/properties/end_datetime", &computed["end_datetime"]),
        ("/links", &links),
        ("/assets", &assets),
    ];
    let json = input.templates.record("item.json.j2", &context, &truth)?;
    Ok(Record { kind: RecordKind::Item, id: input.id.to_string(), json })
}

/// What is read from the dataset: no facet and no recipe overrides it.
fn computed_properties(input: &ItemInput<'_>, dataset: &Dataset<'_>, time: &TemporalExtent) -> Map<String, Value> {
    let cube = datacube::describe(input.cube, dataset, &input.known.statistics);
    let instant = (time.start == time.end).then(|| rfc3339(time.start));
    let data: Vec<&Member<'_>> = dataset.of(Purpose::Data).collect();
    let names: Vec<&str> = data.iter().map(|member| member.path.key()).collect();
    let pieces = [
        ("datetime", json!(instant)),
        ("start_datetime", rfc3339(time.start).into()),
        ("end_datetime", rfc3339(time.end).into()),
        ("created", rfc3339(input.created).into()),
        ("updated", rfc3339(input.updated).into()),
        ("variables", json!(names)),
        ("units", attribute(dataset, "units")),
        ("calendars", json!(cube.calendars)),
        ("cube:dimensions", cube.dimensions.into()),
        ("cube:variables", cube.variables.into()),
    ];
    let pieces = pieces.into_iter().map(|(key, value)| (key.to_owned(), value));
    pieces.chain(reference::describe(dataset)).collect()
}

/// Attributes as templates see them; those of types that are not carried over are left out.
fn attributes(attributes: &Attributes) -> Value {
    attributes.iter().filter_map(|(name, value)| Some((name.clone(), value.to_json()?))).collect::<Map<_, _>>().into()
}

/// A text attribute of each data variable, empty where it has none: as many as there are variables, in their order.
fn attribute(dataset: &Dataset<'_>, name: &str) -> Value {
    dataset.of(Purpose::Data).map(|member| member.variable.text(name).unwrap_or_default()).collect()
}

/// What gives way to the recipe's properties and to facets of the same name.
fn stated_properties(
    input: &ItemInput<'_>,
    dataset: &Dataset<'_>,
    time: &TemporalExtent,
) -> Result<Map<String, Value>, DescribeError> {
    let mut stated = facts::properties(input)?;
    let parameters = assets::parameters(dataset);
    if !parameters.is_empty() && !input.products.is_empty() {
        stated.insert("cf:parameter".into(), parameters.into());
    }
    stated.extend(facts::periods(dataset, input, time).into_iter().map(|(key, value)| (key.to_owned(), value)));
    Ok(stated)
}

/// Computed properties first, then the recipe's, then facets, then what is known besides; the recipe's version before a facet of that name.
fn merged_properties(
    input: &ItemInput<'_>,
    computed: &Map<String, Value>,
    stated: Map<String, Value>,
) -> Map<String, Value> {
    let mut merged = computed.clone();
    merged.retain(|key, value| key != "calendars" || value.as_array().is_some_and(|names| !names.is_empty()));
    for (key, value) in input.properties {
        merged.entry(key.clone()).or_insert_with(|| value.clone());
    }
    merged.extend(stated.get("version").map(|version| ("version".to_owned(), version.clone())));
    for (key, value) in input.facets {
        merged.entry(key.clone()).or_insert_with(|| value.clone());
    }
    for (key, value) in stated {
        merged.entry(key).or_insert(value);
    }
    merged
}

/// From `<collection>/items/<item>.json` to its collection and the catalogue.
fn links(others: Vec<Value>) -> Value {
    let own = json!([
        {"rel": "root", "href": "../../catalog.json", "type": "application/json"},
        {"rel": "parent", "href": "../collection.json", "type": "application/json"},
        {"rel": "collection", "href": "../collection.json", "type": "application/json"},
    ]);
    own.as_array().into_iter().flatten().cloned().chain(others).collect()
}
