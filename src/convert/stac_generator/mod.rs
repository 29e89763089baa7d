//! Recipes of CEDA's stac-generator (version 2 with its package extraction-methods 1): a list of methods that each add, change or remove keys
//! of one map, which begins with `uri`.
//!
//! | file | does |
//! | --- | --- |
//! | `methods` | what each method becomes |
//! | `regex`, `condition` | Python's expressions in the languages of a recipe |
//!
//! Five methods of that release cannot run at all (`hash`, `regex_type_cast`, `facet_map`, `dict_aggregator`, `header`); they are
//! converted as they are documented. Two things differ by intent: a group of an expression that matched nothing is no facet, where
//! stac-generator writes `None` into texts; and a date must be written as its format says (Python reads `196011` by `%Y%m%d` as the first
//! of January).

use indexmap::IndexSet;
use serde_json::{Map, Value, json};

use super::yaml::{comment, entry, flow};
use super::{ConvertError, Converted};
use crate::model::CollectionId;

mod condition;
mod methods;
mod regex;
#[cfg(test)]
mod tests;

const PROGRAM: &str = "stac-generator";
/// The largest recipe that is read, in bytes.
const SIZE_LIMIT: usize = 4 << 20;

/// Makes a recipe of one of stac-generator's; `name` is the file's, without folders.
///
/// ```
/// let theirs = r#"
/// type: item
/// paths: [/badc/cmip6/data]
/// extraction_methods:
///   - {method: regex, inputs: {regex: '(?P<var>\w+)_(?P<table>\w+)_'}}
///   - {method: string_template, inputs: {template: '{table}.{var}', output_key: id}}
///   - {method: lambda, inputs: {function: 'lambda x: x', args: [$var]}}
/// "#;
/// let ours = altostac::convert::convert_stac_generator("cmip6.yaml", theirs)?;
/// assert!(ours.recipe.contains("id: \"{{ id }}\""));
/// assert!(ours.notes[0].starts_with("extraction_methods[2], lambda: not carried over"));
/// # Ok::<(), altostac::convert::ConvertError>(())
/// ```
///
/// # Errors
/// [`ConvertError`] if it is not YAML, or no list of methods is in it.
pub fn convert(name: &str, text: &str) -> Result<Converted, ConvertError> {
    let shape = |found: &str| ConvertError::Shape { name: name.into(), program: PROGRAM, found: found.into() };
    if text.len() > SIZE_LIMIT {
        return Err(shape("it is too long"));
    }
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_depth: 60, max_nodes: 100_000 },
        with_snippet: false,
    };
    let recipe: Value = serde_saphyr::from_str_with_options(text, options).map_err(|error| ConvertError::Yaml {
        name: name.into(),
        reason: error.to_string().lines().next().unwrap_or_default().to_owned(),
    })?;
    let recipe = recipe.as_object().ok_or_else(|| shape("it holds no map"))?;
    let (methods, at) = methods_of(recipe).ok_or_else(|| shape("it has no list extraction_methods"))?;
    let mut conversion = Conversion::new(is_remote(recipe));
    let mut lines = conversion.methods(methods, &at, 2);
    if !conversion.known.contains("id") {
        lines.extend(conversion.id(recipe.get("id")));
    }
    conversion.say_what_a_collection_is(recipe);
    Ok(Converted { recipe: conversion.written(name, recipe, &lines), notes: conversion.notes })
}

/// The list of methods, and its key. Before version 2 each kind of record had its own.
fn methods_of(recipe: &Map<String, Value>) -> Option<(&Vec<Value>, String)> {
    let top = recipe.get("extraction_methods").and_then(Value::as_array);
    let within = |kind: &str| {
        let methods = recipe.get(kind)?.get("extraction_methods")?.as_array()?;
        Some((methods, format!("{kind}.extraction_methods")))
    };
    top.map(|methods| (methods, "extraction_methods".to_owned())).or_else(|| within("item")).or_else(|| within("asset"))
}

fn paths(recipe: &Map<String, Value>) -> Vec<&str> {
    recipe.get("paths").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn is_remote(recipe: &Map<String, Value>) -> bool {
    paths(recipe).iter().any(|path| path.contains("://"))
}

/// What is converted so far.
struct Conversion {
    /// Keys that the map may have, in the order in which Python would list them; `uri` is not among them.
    known: IndexSet<String>,
    remote: bool,
    notes: Vec<String>,
    /// A geometry that is the same for all files.
    geometry: Option<Value>,
    /// A collection that is the same for all files.
    collection: Option<String>,
}

impl Conversion {
    fn new(remote: bool) -> Self {
        Self { known: IndexSet::new(), remote, notes: Vec::new(), geometry: None, collection: None }
    }

    /// The lines of a list of methods.
    fn methods(&mut self, methods: &[Value], at: &str, depth: usize) -> Vec<String> {
        let indent = "  ".repeat(depth);
        let mut lines = Vec::new();
        for (index, method) in methods.iter().enumerate() {
            let name = method.get("method").and_then(Value::as_str).unwrap_or("a method without a name");
            let place = format!("{at}[{index}], {name}");
            let before = self.notes.len();
            let inputs = method.get("inputs").cloned().unwrap_or_else(|| json!({}));
            let rules = self.rules(name, &inputs, &place);
            if !rules.is_empty() {
                lines.push(format!("{indent}# {}", comment(name)));
                lines.extend(rules.iter().flat_map(|rule| entry(rule, depth)));
            }
            // Notes of methods within a method stand with it.
            lines.extend(self.notes[before..].iter().map(|note| format!("{indent}# TODO {}", comment(note))));
        }
        lines
    }

    /// Tells what does not become a rule, or not quite.
    fn note(&mut self, place: &str, what: &str) {
        self.notes.push(format!("{place}: {what}"));
    }

    fn not_carried(&mut self, place: &str, why: &str) -> Vec<Value> {
        self.note(place, &format!("not carried over: {why}"));
        Vec::new()
    }

    /// An id, if none is among the facets: that of the recipe's own list, or the file's name.
    fn id(&mut self, id: Option<&Value>) -> Vec<String> {
        let methods = match id {
            Some(Value::Array(methods)) => methods.clone(),
            Some(method @ Value::Object(_)) => vec![method.clone()],
            _ => Vec::new(),
        };
        let lines = self.methods(&methods, "id", 2);
        if self.known.contains("id") {
            return lines;
        }
        self.note("id", "there is none; each file becomes an Item of its name");
        let rule = json!({"replace": "[^A-Za-z0-9._-]", "with": "_", "from": "file_name", "to": "id"});
        lines
            .into_iter()
            .chain(["    # TODO id: there was none; each file becomes an Item of its name".into()])
            .chain(entry(&rule, 2))
            .collect()
    }

    fn say_what_a_collection_is(&mut self, recipe: &Map<String, Value>) {
        if recipe.get("type").and_then(Value::as_str) == Some("collection") {
            self.note("type", "it describes a collection; altostac makes the Collection of its Items by itself");
        }
        if recipe.contains_key("member_of") {
            self.note(
                "member_of",
                "not carried over: altostac makes the Collection of its Items by itself, from `collection`",
            );
        }
    }

    fn collection_id(&self, name: &str) -> String {
        let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
        let made: String = stem
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' })
            .collect();
        let made = self.collection.clone().unwrap_or(made);
        CollectionId::new(made.as_str()).map_or_else(|_| "collection".to_owned(), |id| id.to_string())
    }

    fn written(&self, name: &str, recipe: &Map<String, Value>, rules: &[String]) -> String {
        let id = self.collection_id(name);
        let mut lines = vec![
            format!("# Converted from {PROGRAM}'s {} by altostac {}.", comment(name), env!("CARGO_PKG_VERSION")),
            "# Times, places, variables and assets of Items are read from the files; what is left of the methods are facets,".into(),
            "# which become properties.".into(),
            "collection:".into(),
            format!("  id: {}", flow(&json!(id))),
            "  # TODO what the collection is, for people".into(),
            format!("  description: {}", flow(&json!(format!("Converted from {}", comment(name))))),
            "sources:".into(),
        ];
        let paths = paths(recipe);
        if paths.is_empty() {
            lines.push("  # TODO where the files are".into());
            lines.push("  - root: .".into());
        }
        lines.extend(paths.iter().map(|path| format!("  - root: {}", flow(&json!(path)))));
        lines.push("item:".into());
        lines.push("  pattern: \"{whole_path:**}\"".into());
        lines.push("  facets:".into());
        lines.push("    - remove: [whole_path]".into());
        lines.extend(rules.iter().cloned());
        lines.push("  id: \"{{ id }}\"".into());
        if let Some(geometry) = &self.geometry {
            lines.push("  # The place of Items whose files have no readable one.".into());
            lines.push(format!("  geometry: {}", flow(geometry)));
        }
        lines.push("products: auto".into());
        lines.push("output: published".into());
        lines.join("\n") + "\n"
    }
}
