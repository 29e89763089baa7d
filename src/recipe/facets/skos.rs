//! The concepts of a SKOS vocabulary: RDF/XML, Turtle and JSON-LD in the forms that vocabulary servers write.
//!
//! What is asked for is which labels there are, so that the readers keep to literals of four properties and types; all else is read over.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::raw::RawLabel;

const SKOS: &str = "http://www.w3.org/2004/02/skos/core#";
const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
/// How deep maps of JSON-LD are looked into.
const DEPTH_LIMIT: usize = 64;

/// One statement about a subject: property and value, both URIs or texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statement {
    pub(super) subject: String,
    pub(super) property: String,
    pub(super) value: String,
    pub(super) is_literal: bool,
}

/// The values that a vocabulary's concepts give.
pub(super) fn values(statements: &[Statement], labels: &BTreeSet<RawLabel>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    // A scheme and a collection have labels as well; what is neither is a concept, typed or not.
    let mut others: BTreeMap<&str, bool> = BTreeMap::new();
    for statement in statements.iter().filter(|statement| statement.property == format!("{RDF}type")) {
        let is_other = ["ConceptScheme", "Collection", "OrderedCollection"]
            .iter()
            .any(|kind| statement.value.strip_prefix(SKOS) == Some(kind));
        *others.entry(&statement.subject).or_default() |= is_other;
    }
    for statement in statements {
        if others.get(statement.subject.as_str()).copied().unwrap_or_default() {
            continue;
        }
        let label = match statement.property.strip_prefix(SKOS) {
            Some("notation") if statement.is_literal => RawLabel::Notation,
            Some("prefLabel") if statement.is_literal => RawLabel::PrefLabel,
            Some("altLabel") if statement.is_literal => RawLabel::AltLabel,
            _ => continue,
        };
        if labels.contains(&label) {
            found.insert(statement.value.clone());
        }
        if labels.contains(&RawLabel::Uri) && !statement.subject.starts_with("_:") {
            found.insert(statement.subject.clone());
        }
    }
    found
}

/// The statements of RDF/XML: elements within elements about something, striped or not.
///
/// # Errors
/// In words: where it is not XML.
pub(super) fn rdf_xml(text: &str) -> Result<Vec<Statement>, String> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::NsReader::from_str(text);
    let mut found = Vec::new();
    // Nodes and properties alternate; each node has its subject, each property its name and the text in it.
    let mut stack: Vec<Element> = Vec::new();
    loop {
        let at = reader.buffer_position();
        let failed = |error: &dyn std::fmt::Display| format!("is not RDF/XML: {error} at byte {at}");
        let event = reader.read_event().map_err(|error| failed(&error))?;
        match event {
            Event::Start(start) => {
                let element = element(&reader, &start, &stack, found.len()).map_err(|error| failed(&error))?;
                opened(&element, &mut found);
                stack.push(element);
            }
            Event::Empty(start) => {
                let element = element(&reader, &start, &stack, found.len()).map_err(|error| failed(&error))?;
                opened(&element, &mut found);
                closed(element, &stack, &mut found);
            }
            Event::End(_) => {
                if let Some(element) = stack.pop() {
                    closed(element, &stack, &mut found);
                }
            }
            Event::Text(piece) => {
                if let Some(element) = stack.last_mut() {
                    element.text.push_str(&piece.decode().map_err(|error| failed(&error))?);
                }
            }
            Event::CData(piece) => {
                if let Some(element) = stack.last_mut() {
                    element.text.push_str(&piece.decode().map_err(|error| failed(&error))?);
                }
            }
            Event::GeneralRef(name) => {
                let name = name.decode().map_err(|error| failed(&error))?;
                let text = quick_xml::escape::unescape(&format!("&{name};")).map(|text| text.into_owned());
                if let Some(element) = stack.last_mut() {
                    element.text.push_str(&text.map_err(|error| failed(&error))?);
                }
            }
            Event::Eof if stack.is_empty() => return Ok(found),
            Event::Eof => return Err("is not RDF/XML: it ends within an element".into()),
            _ => {}
        }
        if stack.len() > DEPTH_LIMIT {
            return Err(format!("is not RDF/XML that can be read: more than {DEPTH_LIMIT} elements within each other"));
        }
    }
}

struct Element {
    name: String,
    is_node: bool,
    subject: String,
    resource: Option<String>,
    text: String,
}

fn element(
    reader: &quick_xml::NsReader<&[u8]>,
    start: &quick_xml::events::BytesStart<'_>,
    stack: &[Element],
    number: usize,
) -> Result<Element, String> {
    let full = |namespace: quick_xml::name::ResolveResult<'_>, local: &[u8]| {
        let namespace = match namespace {
            quick_xml::name::ResolveResult::Bound(namespace) => {
                String::from_utf8_lossy(namespace.as_ref()).into_owned()
            }
            _ => String::new(),
        };
        namespace + &String::from_utf8_lossy(local)
    };
    let (namespace, local) = reader.resolver().resolve_element(start.name());
    let name = full(namespace, local.as_ref());
    let (mut subject, mut resource) = (None, None);
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let (namespace, local) = reader.resolver().resolve_attribute(attribute.key);
        let value = attribute
            .normalized_value(quick_xml::XmlVersion::Implicit1_0)
            .map_err(|error| error.to_string())?
            .into_owned();
        match full(namespace, local.as_ref()).strip_prefix(RDF) {
            Some("about") => subject = Some(value),
            Some("ID") => subject = Some(format!("#{value}")),
            Some("nodeID") => subject = Some(format!("_:{value}")),
            Some("resource") => resource = Some(value),
            _ => {}
        }
    }
    // Below the root come nodes, below a node properties, below a property nodes.
    let is_node = match stack.last() {
        None => name.strip_prefix(RDF) != Some("RDF"),
        Some(above) => !above.is_node,
    };
    let blank = || format!("_:{number}.{}", stack.len());
    Ok(Element { name, is_node, subject: subject.unwrap_or_else(blank), resource, text: String::new() })
}

fn opened(element: &Element, found: &mut Vec<Statement>) {
    if element.is_node {
        let (subject, property) = (element.subject.clone(), format!("{RDF}type"));
        found.push(Statement { subject, property, value: element.name.clone(), is_literal: false });
    }
}

fn closed(element: Element, stack: &[Element], found: &mut Vec<Statement>) {
    let Some(node) = stack.last().filter(|above| above.is_node && !element.is_node) else { return };
    let (value, is_literal) = match element.resource {
        Some(resource) => (resource, false),
        None => (element.text.trim().to_owned(), true),
    };
    found.push(Statement { subject: node.subject.clone(), property: element.name, value, is_literal });
}

/// The statements of JSON-LD whose context stands in it.
pub(super) fn json_ld(value: &Value) -> Vec<Statement> {
    let mut found = Vec::new();
    node(value, &BTreeMap::new(), DEPTH_LIMIT, &mut found);
    found
}

fn node(value: &Value, context: &BTreeMap<String, String>, depth: usize, found: &mut Vec<Statement>) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match value {
        Value::Array(values) => {
            for value in values {
                node(value, context, depth, found);
            }
            None
        }
        Value::Object(members) => {
            let mut context = context.clone();
            if let Some(own) = members.get("@context") {
                learn(own, &mut context);
            }
            let named = |key: &str| {
                members.iter().find(|(name, _)| *name == key || context.get(*name).is_some_and(|full| full == key))
            };
            let subject = named("@id").and_then(|(_, id)| id.as_str()).map(|id| expand(id, &context));
            let subject = subject.unwrap_or_else(|| format!("_:{}", found.len()));
            if let Some((_, kinds)) = named("@type") {
                for kind in one_or_many(kinds).iter().filter_map(|kind| kind.as_str()) {
                    let (property, value) = (format!("{RDF}type"), expand(kind, &context));
                    found.push(Statement { subject: subject.clone(), property, value, is_literal: false });
                }
            }
            for (name, values) in members {
                let property = expand(name, &context);
                if name == "@context" {
                    continue;
                }
                for value in one_or_many(values) {
                    literals(value, &mut |text| {
                        let (subject, property) = (subject.clone(), property.clone());
                        found.push(Statement { subject, property, value: text.to_owned(), is_literal: true });
                    });
                    if value.is_object() || value.is_array() {
                        node(value, &context, depth, found);
                    }
                }
            }
            Some(subject)
        }
        _ => None,
    }
}

/// `"a"`, `{"@value": "a"}`, or a map of languages.
fn literals(value: &Value, tell: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => tell(text),
        Value::Object(members) if members.contains_key("@value") => {
            if let Some(text) = members.get("@value").and_then(Value::as_str) {
                tell(text);
            }
        }
        Value::Object(members) if !members.keys().any(|key| key.starts_with('@')) => {
            for text in members.values().flat_map(one_or_many).filter_map(Value::as_str) {
                tell(text);
            }
        }
        _ => {}
    }
}

fn one_or_many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        one => vec![one],
    }
}

fn learn(own: &Value, context: &mut BTreeMap<String, String>) {
    let maps = one_or_many(own).into_iter().filter_map(Value::as_object);
    for (name, meaning) in maps.flat_map(Map::iter) {
        let meaning = meaning.as_str().or_else(|| meaning.get("@id")?.as_str());
        if let Some(meaning) = meaning {
            context.insert(name.clone(), meaning.to_owned());
        }
    }
    // Terms may be written with prefixes of the same context.
    let full: Vec<_> = context.iter().map(|(name, meaning)| (name.clone(), expand(meaning, context))).collect();
    context.extend(full);
}

fn expand(name: &str, context: &BTreeMap<String, String>) -> String {
    if let Some(full) = context.get(name) {
        return full.clone();
    }
    match name.split_once(':') {
        Some((prefix, local)) if !local.starts_with("//") => match context.get(prefix) {
            Some(full) => format!("{full}{local}"),
            None if prefix == "skos" => format!("{SKOS}{local}"),
            None => name.to_owned(),
        },
        None if !name.starts_with('@') => match context.get("@vocab") {
            Some(vocabulary) => format!("{vocabulary}{name}"),
            // A context that stands elsewhere cannot be asked; these four words mean but one thing in a vocabulary.
            None if ["prefLabel", "altLabel", "notation"].contains(&name) => format!("{SKOS}{name}"),
            None => name.to_owned(),
        },
        _ => name.to_owned(),
    }
}
