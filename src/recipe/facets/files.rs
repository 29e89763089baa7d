//! Files beside the recipe that rules and vocabularies name: sidecars, lookups, lists.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::raw::RawLabel;
use super::{skos, turtle};
use crate::model::facets::{Table, text};
use crate::recipe::yaml;

/// The forms that files have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Csv,
    Tree,
    Turtle,
    RdfXml,
    JsonLd,
}

fn form(name: &str) -> Option<Form> {
    match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "csv" => Some(Form::Csv),
        "json" | "yaml" | "yml" => Some(Form::Tree),
        "ttl" => Some(Form::Turtle),
        "rdf" | "xml" => Some(Form::RdfXml),
        "jsonld" => Some(Form::JsonLd),
        _ => None,
    }
}

/// A tree of YAML; JSON is YAML but for tabs and long texts, so that it is tried first.
fn tree(name: &str, content: &str) -> Result<Value, String> {
    if name.ends_with(".json") || name.ends_with(".jsonld") {
        return serde_json::from_str(content).map_err(|error| format!("{name} is not JSON: {error}"));
    }
    let tree =
        yaml::parse(content).map_err(|(place, reason)| format!("{name}:{} is not YAML: {reason}", place.line))?;
    Ok(tree.to_json())
}

/// The rows of a sidecar.
///
/// # Errors
/// In words that follow the key: what is wrong with the file.
pub(super) fn table(name: &str, content: &str, by: &[String]) -> Result<Table, String> {
    let named = |error: crate::model::facets::TableError| format!("{name} {error}");
    match form(name) {
        Some(Form::Csv) if by.is_empty() => {
            Err(format!("{name} has rows; say by which facets they are found: by: […]"))
        }
        Some(Form::Csv) => Table::from_csv(name, content, by).map_err(named),
        Some(Form::Tree) => Table::from_value(name, &tree(name, content)?, by).map_err(named),
        _ => Err(format!("{name} is no sidecar; expected .csv, .json or .yaml")),
    }
}

/// What stands for what.
///
/// # Errors
/// In words that follow the key: what is wrong with the file.
pub(super) fn map(name: &str, content: &str) -> Result<BTreeMap<String, Value>, String> {
    match form(name) {
        Some(Form::Csv) => {
            let rows = crate::model::facets::parse_csv(content).map_err(|error| format!("{name} {error}"))?;
            rows.into_iter()
                .map(|(line, cells)| match <[String; 2]>::try_from(cells) {
                    Ok([from, to]) => Ok((from, Value::String(to))),
                    Err(cells) => Err(format!("{name} has {} cells on line {line}; expected 2", cells.len())),
                })
                .collect()
        }
        Some(Form::Tree) => match tree(name, content)? {
            Value::Object(members) => Ok(members.into_iter().collect()),
            _ => Err(format!("{name} is no map")),
        },
        _ => Err(format!("{name} is no map; expected .csv, .json or .yaml")),
    }
}

/// The values of a vocabulary.
///
/// # Errors
/// In words that follow the key: what is wrong with the file, or that it has no value.
pub(super) fn vocabulary(
    (name, content): (&str, &str),
    facet: &str,
    column: Option<&str>,
    labels: &BTreeSet<RawLabel>,
) -> Result<BTreeSet<String>, String> {
    let concepts = |statements: Vec<skos::Statement>| skos::values(&statements, labels);
    let named = |reason: String| format!("{name} {reason}");
    let values = match form(name) {
        Some(Form::Csv) => csv_values(name, content, facet, column)?,
        Some(Form::Turtle) => concepts(turtle::turtle(content).map_err(named)?),
        Some(Form::RdfXml) => concepts(skos::rdf_xml(content).map_err(named)?),
        Some(Form::JsonLd) => concepts(skos::json_ld(&tree(name, content)?)),
        Some(Form::Tree) => {
            let tree = tree(name, content)?;
            match tree.get("@context").or_else(|| tree.get("@graph")) {
                Some(_) => concepts(skos::json_ld(&tree)),
                None => tree_values(&tree, facet, column),
            }
        }
        None => {
            let known = ".csv, .json, .yaml, .ttl, .rdf, .xml or .jsonld";
            return Err(format!("{name} is no vocabulary; expected {known}"));
        }
    };
    if values.is_empty() { Err(format!("{name} has no value for {facet}")) } else { Ok(values) }
}

/// Names of columns that stand above values, not among them.
const HEADERS: [&str; 7] = ["value", "values", "name", "id", "label", "code", "notation"];

fn csv_values(name: &str, content: &str, facet: &str, column: Option<&str>) -> Result<BTreeSet<String>, String> {
    let rows = crate::model::facets::parse_csv(content).map_err(|error| format!("{name} {error}"))?;
    let header: Vec<String> = rows.first().map(|(_, cells)| cells.clone()).unwrap_or_default();
    let header: Vec<&str> = header.iter().map(|cell| cell.trim()).collect();
    let is_header = |cell: &&str| *cell == facet || HEADERS.contains(&cell.to_ascii_lowercase().as_str());
    let (at, skipped) = match column {
        Some(column) => match header.iter().position(|cell| *cell == column) {
            Some(at) => (at, 1),
            None => return Err(format!("{name} has no column {column}; there are: {}", header.join(", "))),
        },
        None => match header.iter().position(|cell| *cell == facet) {
            Some(at) => (at, 1),
            None => (0, usize::from(header.first().is_some_and(is_header))),
        },
    };
    let cells = rows.iter().skip(skipped).filter_map(|(_, cells)| cells.get(at));
    Ok(cells.map(|cell| cell.trim().to_owned()).filter(|cell| !cell.is_empty()).collect())
}

fn tree_values(tree: &Value, facet: &str, column: Option<&str>) -> BTreeSet<String> {
    let keys = column.map_or_else(|| vec![facet, "id", "name", "value", "label"], |column| vec![column]);
    match tree {
        Value::Array(values) => values
            .iter()
            .filter_map(|value| match value {
                Value::Object(members) => keys.iter().find_map(|key| members.get(*key)).map(text),
                Value::Array(_) | Value::Null => None,
                value => Some(text(value)),
            })
            .collect(),
        Value::Object(members) => match members.get(column.unwrap_or(facet)) {
            Some(inner @ (Value::Object(_) | Value::Array(_))) => tree_values(inner, facet, None),
            _ => members.keys().cloned().collect(),
        },
        _ => BTreeSet::new(),
    }
}
