//! From files to items. No I/O.

use std::collections::{BTreeMap, HashMap};

use minijinja::{Environment, Template, UndefinedBehavior};
use serde_json::Value;

use super::{FailedItem, FoundFile, ItemError, ScanError};
use crate::model::recipe::ItemSettings;
use crate::model::{Facets, ItemId, ItemSource, SourceFile};

/// What became of the files.
#[derive(Debug, Default)]
pub(super) struct Grouped {
    /// Sorted by id.
    pub(super) items: Vec<ItemSource>,
    /// Sorted by id.
    pub(super) failed: Vec<FailedItem>,
    /// Paths.
    pub(super) unmatched: Vec<String>,
}

/// A file of an item to be.
struct Member {
    path: String,
    facets: Facets,
    file: SourceFile,
}

/// Groups files by their rendered id; the files come sorted by path.
///
/// # Errors
/// [`ScanError::Template`] if a template of the recipe does not compile.
pub(super) fn group(settings: &ItemSettings, found: Vec<FoundFile>) -> Result<Grouped, ScanError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let templates = Templates::compile(&environment, settings)?;
    let mut grouped = Grouped::default();
    let mut groups: BTreeMap<String, Vec<Member>> = BTreeMap::new();
    let mut rendered: HashMap<Vec<Option<String>>, Result<String, String>> = HashMap::new();
    for FoundFile { path, file } in found {
        let Some(facets) = settings.pattern.facets(&path) else {
            grouped.unmatched.push(path);
            continue;
        };
        // Many files share the facets that the id uses: it is rendered once for all of them.
        let key = templates.id.facets.iter().map(|name| facets.get(name).cloned()).collect();
        let id = rendered.entry(key).or_insert_with(|| templates.id.render(&facets));
        match id {
            Ok(id) => match groups.get_mut(id) {
                Some(members) => members.push(Member { path, facets, file }),
                None => {
                    groups.insert(id.clone(), vec![Member { path, facets, file }]);
                }
            },
            Err(reason) => {
                let error = ItemError::Template { what: "item.id".into(), path: path.clone(), reason: reason.clone() };
                grouped.failed.push(FailedItem { id: path, error, files: vec![file] });
            }
        }
    }
    let doubles = same_ignoring_case(&groups);
    for (id, members) in groups {
        let item = match doubles.get(&id) {
            Some(other) => Err(clash(&id, other, &members)),
            None => templates.item(&id, &members),
        };
        let mut files: Vec<_> = members.into_iter().map(|member| member.file).collect();
        files.sort_by(|a, b| a.url.cmp(&b.url));
        match item {
            Ok((id, facets, properties)) => grouped.items.push(ItemSource { id, facets, properties, files }),
            Err(error) => grouped.failed.push(FailedItem { id, error, files }),
        }
    }
    grouped.failed.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(grouped)
}

/// For each id that another one equals but for case: the other, and its first file.
fn same_ignoring_case(groups: &BTreeMap<String, Vec<Member>>) -> HashMap<String, (String, SourceFile)> {
    let mut first: HashMap<String, (&String, &SourceFile)> = HashMap::with_capacity(groups.len());
    let mut doubles = HashMap::new();
    for (id, members) in groups {
        let Some(member) = members.first() else { continue };
        if let Some((other, file)) = first.get(&id.to_ascii_lowercase()) {
            doubles.insert(id.clone(), ((*other).clone(), (*file).clone()));
            doubles.entry((*other).clone()).or_insert((id.clone(), member.file.clone()));
        } else {
            first.insert(id.to_ascii_lowercase(), (id, &member.file));
        }
    }
    doubles
}

fn clash(id: &str, (other_id, other_file): &(String, SourceFile), members: &[Member]) -> ItemError {
    let file = members.first().map_or_else(|| other_file.url.clone(), |member| member.file.url.clone());
    ItemError::SameIgnoringCase { id: id.into(), file, other_id: other_id.clone(), other_file: other_file.url.clone() }
}

/// A compiled template and the facets that it may look at.
struct Compiled<'a> {
    template: Template<'a, 'a>,
    facets: Vec<String>,
}

impl<'a> Compiled<'a> {
    fn new(environment: &'a Environment<'a>, what: &str, text: &'a str, known: &[&str]) -> Result<Self, ScanError> {
        let template = environment
            .template_from_str(text)
            .map_err(|source| ScanError::Template { what: what.to_owned(), source })?;
        let mut facets: Vec<String> = template.undeclared_variables(false).into_iter().collect();
        facets.retain(|name| known.contains(&name.as_str()));
        facets.sort();
        Ok(Self { template, facets })
    }

    fn render(&self, facets: &Facets) -> Result<String, String> {
        self.template.render(facets).map_err(|error| error.to_string())
    }
}

/// A value of `item.properties` with its texts compiled.
enum Property<'a> {
    Fixed(Value),
    Text(Compiled<'a>),
    List(Vec<Property<'a>>),
    Map(Vec<(String, Property<'a>)>),
}

impl<'a> Property<'a> {
    fn new(environment: &'a Environment<'a>, what: &str, value: &'a Value, known: &[&str]) -> Result<Self, ScanError> {
        Ok(match value {
            Value::String(text) => Self::Text(Compiled::new(environment, what, text, known)?),
            Value::Array(values) => {
                let compile = |value| Self::new(environment, what, value, known);
                Self::List(values.iter().map(compile).collect::<Result<_, _>>()?)
            }
            Value::Object(values) => {
                let compile = |(name, value): (&String, &'a Value)| {
                    Ok((name.clone(), Self::new(environment, what, value, known)?))
                };
                Self::Map(values.iter().map(compile).collect::<Result<_, _>>()?)
            }
            other => Self::Fixed(other.clone()),
        })
    }

    fn facets(&self) -> Vec<&String> {
        match self {
            Self::Fixed(_) => Vec::new(),
            Self::Text(text) => text.facets.iter().collect(),
            Self::List(values) => values.iter().flat_map(Self::facets).collect(),
            Self::Map(values) => values.iter().flat_map(|(_, value)| value.facets()).collect(),
        }
    }

    fn render(&self, facets: &Facets) -> Result<Value, String> {
        Ok(match self {
            Self::Fixed(value) => value.clone(),
            Self::Text(text) => Value::String(text.render(facets)?),
            Self::List(values) => values.iter().map(|value| value.render(facets)).collect::<Result<_, _>>()?,
            Self::Map(values) => Value::Object(
                values
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), value.render(facets)?)))
                    .collect::<Result<_, String>>()?,
            ),
        })
    }
}

/// The templates of a recipe, compiled once.
struct Templates<'a> {
    id: Compiled<'a>,
    properties: BTreeMap<&'a str, Property<'a>>,
}

type Described = (ItemId, Facets, BTreeMap<String, Value>);

impl<'a> Templates<'a> {
    fn compile(environment: &'a Environment<'a>, settings: &'a ItemSettings) -> Result<Self, ScanError> {
        let known: Vec<&str> = settings.pattern.facet_names().collect();
        let property = |(name, value): (&'a String, &'a Value)| {
            let what = format!("item.properties.{name}");
            Ok((name.as_str(), Property::new(environment, &what, value, &known)?))
        };
        Ok(Self {
            id: Compiled::new(environment, "item.id", &settings.id, &known)?,
            properties: settings.properties.iter().map(property).collect::<Result<_, _>>()?,
        })
    }

    /// The id, facets and properties that all members of an item share.
    fn item(&self, id: &str, members: &[Member]) -> Result<Described, ItemError> {
        let Some((first, others)) = members.split_first() else {
            return Err(ItemError::Id {
                path: String::new(),
                reason: crate::model::IdError::Empty { what: "an item" },
            });
        };
        let id = ItemId::new(id).map_err(|reason| ItemError::Id { path: first.path.clone(), reason })?;
        let mut facets = first.facets.clone();
        let mut varying: BTreeMap<&String, &Member> = BTreeMap::new();
        for other in others {
            for name in first.facets.keys().chain(other.facets.keys()) {
                if first.facets.get(name) != other.facets.get(name) {
                    varying.entry(name).or_insert(other);
                }
            }
        }
        for (name, other) in varying {
            if let Some(used_by) = self.user_of(name) {
                return Err(differs(name, used_by, first, other));
            }
            facets.remove(name);
        }
        let property = |(name, property): (&&str, &Property<'_>)| match property.render(&facets) {
            Ok(value) => Ok(((*name).to_owned(), value)),
            Err(reason) => {
                Err(ItemError::Template { what: format!("item.properties.{name}"), path: first.path.clone(), reason })
            }
        };
        let properties = self.properties.iter().map(property).collect::<Result<_, _>>()?;
        Ok((id, facets, properties))
    }

    /// What uses a facet: `id`, or the name of a property.
    fn user_of(&self, facet: &String) -> Option<String> {
        if self.id.facets.contains(facet) {
            return Some("id".into());
        }
        let property = self.properties.iter().find(|(_, property)| property.facets().contains(&facet));
        property.map(|(name, _)| format!("property {name}"))
    }
}

fn differs(facet: &str, used_by: String, first: &Member, other: &Member) -> ItemError {
    let value = |member: &Member| member.facets.get(facet).cloned().unwrap_or_default();
    ItemError::VaryingFacet {
        facet: facet.to_owned(),
        used_by,
        first_file: first.file.url.clone(),
        first_value: value(first),
        other_file: other.file.url.clone(),
        other_value: value(other),
    }
}
