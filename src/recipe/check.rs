//! The shape of a recipe: its tree against the JSON Schema of [`RawRecipe`](super::raw::RawRecipe), all mistakes at once.
//!
//! It knows the few words of JSON Schema that `schemars` writes for the raw types, so that what is checked here and what an
//! editor checks are one thing.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::mistake::{Mistake, nearest, one_of, suggest};
use super::yaml::{Content, Entry, Node, Place};

/// What the check found.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// The mistakes, in the order of the text.
    pub(super) mistakes: Vec<Mistake>,
    /// The place of every key that is there.
    pub(super) places: HashMap<String, Place>,
}

/// Compares a tree with a schema.
pub(super) fn check(tree: &Node, schema: &Value) -> Checked {
    let mut walk = Walk { schema, checked: Checked::default() };
    walk.node(tree, schema, "");
    walk.checked.mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    walk.checked
}

struct Walk<'a> {
    schema: &'a Value,
    checked: Checked,
}

impl<'a> Walk<'a> {
    fn mistake(&mut self, place: Place, key: &str, message: String, advice: Option<String>) {
        self.checked.mistakes.push(Mistake::new(place, key, message).advise(advice));
    }

    fn node(&mut self, node: &Node, schema: &'a Value, key: &str) {
        self.checked.places.entry(key.to_owned()).or_insert(node.place);
        let branches: Vec<&'a Value> =
            self.branches(schema).into_iter().filter(|branch| accepts(branch, &node.content)).collect();
        let Some(first) = branches.first().copied() else {
            return self.wrong_kind(node, schema, key);
        };
        match &node.content {
            Content::Text(text) => self.text(node.place, text, &branches, key),
            Content::List(nodes) => self.list(node.place, nodes, first, key),
            Content::Map(entries) => self.map(node.place, entries, first, key),
            _ => {}
        }
    }

    /// The schema itself, or the alternatives that it consists of; references resolved.
    fn branches(&self, schema: &'a Value) -> Vec<&'a Value> {
        let schema = self.resolve(schema);
        let alternatives = ["anyOf", "oneOf"].iter().find_map(|word| schema.get(word)?.as_array());
        match alternatives {
            // A struct may carry a `oneOf` on which keys go together: that is for `resolve`.
            Some(alternatives) if schema.get("properties").is_none() => {
                alternatives.iter().flat_map(|one| self.branches(one)).collect()
            }
            _ => vec![schema],
        }
    }

    fn resolve(&self, schema: &'a Value) -> &'a Value {
        let name = schema.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix("#/$defs/"));
        name.and_then(|name| self.schema.get("$defs")?.get(name)).unwrap_or(schema)
    }

    fn wrong_kind(&mut self, node: &Node, schema: &'a Value, key: &str) {
        let mut kinds: Vec<&str> = self.branches(schema).into_iter().flat_map(kinds).filter_map(in_words).collect();
        kinds.dedup();
        let quotes = matches!(node.content, Content::Number(_) | Content::Bool(_)) && kinds == ["a text"];
        let advice = quotes.then(|| "put it in quotes".to_owned());
        let message = format!("{} is {}; expected {}", named(key), node.content.kind(), one_of(&kinds));
        self.mistake(node.place, key, message, advice);
    }

    fn text(&mut self, place: Place, text: &str, branches: &[&'a Value], key: &str) {
        let allowed: Option<Vec<&str>> =
            branches.iter().map(|branch| listed_texts(branch)).collect::<Option<Vec<_>>>().map(|lists| lists.concat());
        let Some(allowed) = allowed.filter(|allowed| !allowed.contains(&text)) else { return };
        self.mistake(place, key, format!("{key} cannot be {text:?}"), suggest(text, allowed));
    }

    fn list(&mut self, place: Place, nodes: &[Node], schema: &'a Value, key: &str) {
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        if (nodes.len() as u64) < least {
            self.mistake(place, key, format!("{key} is an empty list; expected at least one entry"), None);
        }
        for (index, node) in nodes.iter().enumerate() {
            self.node(node, schema.get("items").unwrap_or(&Value::Bool(true)), &format!("{key}[{index}]"));
        }
    }

    fn map(&mut self, place: Place, entries: &[Entry], schema: &'a Value, key: &str) {
        let none = Map::new();
        let known = schema.get("properties").and_then(Value::as_object);
        let mut seen: HashMap<&str, Place> = HashMap::new();
        for entry in entries {
            let path = join(key, &entry.key);
            if let Some(first) = seen.insert(&entry.key, entry.place) {
                let message = format!("{path} stands there twice; the first time on line {}", first.line);
                self.mistake(entry.place, &path, message, None);
                continue;
            }
            self.checked.places.insert(path.clone(), entry.place);
            match known.and_then(|known| known.get(&entry.key)).or_else(|| open_ended(schema)) {
                Some(inner) => self.node(&entry.value, inner, &path),
                None => self.unknown(entry, &path, key, known.unwrap_or(&none)),
            }
        }
        let required = schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        for missing in required.filter(|name| !seen.contains_key(name)) {
            // Of a misspelt key the misspelling is reported, not the absence too.
            let stands_in = |there: &&str| nearest(there, [missing]).is_some();
            if !seen.keys().any(stands_in) {
                let path = join(key, missing);
                self.mistake(place, &path, format!("{path} is missing"), None);
            }
        }
    }

    fn unknown(&mut self, entry: &Entry, path: &str, parent: &str, known: &Map<String, Value>) {
        let advice = match nearest(&entry.key, known.keys().map(String::as_str)) {
            Some(found) => Some(format!("did you mean {}?", join(parent, found))),
            None => match self.elsewhere(&entry.key) {
                Some(found) => Some(format!("did you mean {found}?")),
                None if known.is_empty() => None,
                None => {
                    let names: Vec<_> = known.keys().map(String::as_str).collect();
                    Some(format!("{} has the keys {}", named(parent), names.join(", ")))
                }
            },
        };
        self.mistake(entry.place, path, format!("{path} is not a key of a recipe"), advice);
    }

    /// A key of this name one level below the top.
    fn elsewhere(&self, name: &str) -> Option<String> {
        self.schema.get("properties")?.as_object()?.iter().find_map(|(section, schema)| {
            self.branches(schema).into_iter().find_map(|branch| {
                branch.get("properties")?.get(name)?;
                Some(join(section, name))
            })
        })
    }
}

/// What a map may hold beyond its properties.
fn open_ended(schema: &Value) -> Option<&Value> {
    match schema.get("additionalProperties") {
        Some(Value::Bool(false)) => None,
        Some(inner) => Some(inner),
        None if schema.get("properties").is_some() => None,
        None => Some(&Value::Bool(true)),
    }
}

fn kinds(schema: &Value) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(kind)) => vec![kind],
        Some(Value::Array(kinds)) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

fn in_words(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "string" => "a text",
        "array" => "a list",
        "object" => "a map",
        "boolean" => "true or false",
        "number" => "a number",
        "integer" => "a whole number",
        _ => return None,
    })
}

fn accepts(schema: &Value, content: &Content) -> bool {
    let kinds = kinds(schema);
    kinds.is_empty()
        || match content {
            Content::Null => kinds.contains(&"null"),
            Content::Bool(_) => kinds.contains(&"boolean"),
            Content::Number(number) => kinds.contains(&"number") || kinds.contains(&"integer") && !number.is_f64(),
            Content::Text(_) => kinds.contains(&"string"),
            Content::List(_) => kinds.contains(&"array"),
            Content::Map(_) => kinds.contains(&"object"),
        }
}

/// The texts that a schema allows; `None` if any.
fn listed_texts(schema: &Value) -> Option<Vec<&str>> {
    match (schema.get("enum").and_then(Value::as_array), schema.get("const").and_then(Value::as_str)) {
        (Some(texts), _) => Some(texts.iter().filter_map(Value::as_str).collect()),
        (None, Some(text)) => Some(vec![text]),
        (None, None) => None,
    }
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() { name.to_owned() } else { format!("{parent}.{name}") }
}

fn named(key: &str) -> &str {
    if key.is_empty() { "the recipe" } else { key }
}

/// `sources[3].root` → `sources[].root`.
pub(super) fn generic(key: &str) -> String {
    let mut inside = false;
    let keep = |c: &char| {
        let was_inside = inside;
        inside = match c {
            '[' => true,
            ']' => false,
            _ => inside,
        };
        !was_inside || *c == ']'
    };
    key.chars().filter(keep).collect()
}
