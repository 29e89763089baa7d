//! From files to items. No I/O.

use std::collections::{BTreeMap, HashMap};

use minijinja::{Environment, UndefinedBehavior};
use serde_json::Value;

use super::templates::{Compiled, Property};
use super::{FailedItem, FoundFile, ItemError, ScanError};
use crate::model::recipe::{Along, ItemSettings};
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

/// The files of an item to be: one at least.
struct Group {
    first: Member,
    others: Vec<Member>,
}

/// Groups files by their rendered id; the files come sorted by path.
///
/// # Errors
/// [`ScanError::Template`] if a template of the recipe does not compile.
pub(super) fn group(settings: &ItemSettings, along: &Along, found: Vec<FoundFile>) -> Result<Grouped, ScanError> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let templates = Templates::compile(&environment, settings)?;
    let asked = settings.facts.time.facets().into_iter();
    let asked: Vec<&str> = asked.chain(along.facets.iter().map(|facet| facet.from.as_str())).collect();
    let mut grouped = Grouped::default();
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
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
            Ok(id) => {
                let member = Member { path, facets, file };
                match groups.get_mut(id) {
                    Some(group) => group.others.push(member),
                    None => {
                        groups.insert(id.clone(), Group { first: member, others: Vec::new() });
                    }
                }
            }
            Err(reason) => {
                let error = ItemError::Template { what: "item.id".into(), path: path.clone(), reason: reason.clone() };
                grouped.failed.push(FailedItem { id: path, error, files: vec![file] });
            }
        }
    }
    let doubles = same_ignoring_case(&groups);
    for (id, group) in groups {
        let item = match doubles.get(&id) {
            Some(other) => Err(Box::new(clash(&id, other, &group.first))),
            None => templates.item(&id, &group),
        };
        let mut members: Vec<Member> = std::iter::once(group.first).chain(group.others).collect();
        members.sort_by(|a, b| a.file.url.cmp(&b.file.url));
        let file_facets = file_facets(&asked, &members);
        let files: Vec<_> = members.into_iter().map(|member| member.file).collect();
        match item {
            Ok((id, facets, properties)) => {
                grouped.items.push(ItemSource { id, facets, properties, files, file_facets });
            }
            Err(error) => grouped.failed.push(FailedItem { id, error: *error, files }),
        }
    }
    grouped.failed.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(grouped)
}

/// For each file the facets that are asked of it: where it stands along the join, and when it is.
fn file_facets(asked: &[&str], members: &[Member]) -> Vec<Facets> {
    if asked.is_empty() {
        return Vec::new();
    }
    let asked = |member: &Member| {
        let found = asked.iter().filter_map(|asked| member.facets.get_key_value(*asked));
        found.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    members.iter().map(asked).collect()
}

/// For each id that another one equals but for case: the other, and its first file.
fn same_ignoring_case(groups: &BTreeMap<String, Group>) -> HashMap<String, (String, SourceFile)> {
    let mut first: HashMap<String, (&String, &SourceFile)> = HashMap::with_capacity(groups.len());
    let mut doubles = HashMap::new();
    for (id, group) in groups {
        if let Some((other, file)) = first.get(&id.to_ascii_lowercase()) {
            doubles.insert(id.clone(), ((*other).clone(), (*file).clone()));
            doubles.entry((*other).clone()).or_insert((id.clone(), group.first.file.clone()));
        } else {
            first.insert(id.to_ascii_lowercase(), (id, &group.first.file));
        }
    }
    doubles
}

fn clash(id: &str, (other_id, other_file): &(String, SourceFile), first: &Member) -> ItemError {
    ItemError::SameIgnoringCase {
        id: id.into(),
        file: first.file.url.to_string(),
        other_id: other_id.clone(),
        other_file: other_file.url.to_string(),
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
    fn item(&self, id: &str, Group { first, others }: &Group) -> Result<Described, Box<ItemError>> {
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
                return Err(Box::new(differs(name, used_by, first, other)));
            }
            facets.remove(name);
        }
        let property = |(name, property): (&&str, &Property<'_>)| match property.render(&facets) {
            Ok(value) => Ok(((*name).to_owned(), value)),
            Err(reason) => {
                let what = format!("item.properties.{name}");
                Err(Box::new(ItemError::Template { what, path: first.path.clone(), reason }))
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
        first_file: first.file.url.to_string(),
        first_value: value(first),
        other_file: other.file.url.to_string(),
        other_value: value(other),
    }
}
