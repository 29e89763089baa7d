//! From files to items. No I/O.

use std::collections::{BTreeMap, HashMap};

use minijinja::{Environment, UndefinedBehavior};
use rayon::prelude::*;
use serde_json::Value;

use super::templates::{Compiled, Property};
use super::{FailedItem, FoundFile, ItemError, ReadAttributes, ScanError, values};
use crate::model::facets::text;
use crate::model::recipe::{Along, ItemSettings};
use crate::model::{FacetValues, Facets, FileAttributes, ItemId, ItemSource, SourceFile, template};

/// What became of the files.
#[derive(Debug, Default)]
pub(super) struct Grouped {
    /// Sorted by id.
    pub(super) items: Vec<ItemSource>,
    /// Sorted by id.
    pub(super) failed: Vec<FailedItem>,
    /// Paths.
    pub(super) unmatched: Vec<String>,
    /// Sorted.
    pub(super) warnings: Vec<String>,
}

/// A file of an item to be.
pub(super) struct Member {
    pub(super) path: String,
    pub(super) facets: FacetValues,
    pub(super) file: SourceFile,
}

/// The files of an item to be: one at least.
pub(super) struct Group {
    pub(super) first: Member,
    pub(super) others: Vec<Member>,
}

/// Groups files by their rendered id; the files come sorted by path.
///
/// # Errors
/// [`ScanError::Template`] if a template of the recipe does not compile.
pub(super) fn group(
    settings: &ItemSettings,
    along: &Along,
    found: Vec<FoundFile>,
    attributes: ReadAttributes<'_>,
) -> Result<Grouped, ScanError> {
    let environment = template::environment(UndefinedBehavior::Strict);
    let templates = Templates::compile(&environment, settings)?;
    let asked = settings.facts.time.facets().into_iter();
    let asked: Vec<&str> = asked.chain(along.facets.iter().map(|facet| facet.from.as_str())).collect();
    let mut grouped = Grouped::default();
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut rendered: HashMap<Vec<Option<Value>>, Result<String, String>> = HashMap::new();
    for known in know(settings, found, attributes, &mut grouped.unmatched) {
        let (FoundFile { path, file }, facets) = match known {
            (found, Ok(facets)) => (found, facets),
            (FoundFile { path, file }, Err(error)) => {
                grouped.failed.push(FailedItem { id: path, error, files: vec![file] });
                continue;
            }
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
    let mut vocabularies = values::Checked::new(&settings.vocabularies);
    for (id, group) in groups {
        let item = match doubles.get(&id) {
            Some(other) => Err(Box::new(clash(&id, other, &group.first))),
            None => vocabularies.item(&group).and_then(|()| templates.item(&id, &group)),
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
    grouped.warnings = vocabularies.warnings();
    Ok(grouped)
}

type Known = (FoundFile, Result<FacetValues, ItemError>);

/// The facets of each file that the pattern matches, in their order; the paths of the others are put down.
fn know(
    settings: &ItemSettings,
    found: Vec<FoundFile>,
    attributes: ReadAttributes<'_>,
    unmatched: &mut Vec<String>,
) -> Vec<Known> {
    let mut matched = Vec::with_capacity(found.len());
    for found in found {
        match settings.pattern.facets(&found.path) {
            Some(captured) => matched.push((found, captured)),
            None => unmatched.push(found.path),
        }
    }
    let asked = settings.facets.asked_attributes();
    let read: Vec<Result<FileAttributes, String>> = if asked.is_empty() {
        Vec::new()
    } else {
        let files: Vec<SourceFile> = matched.iter().map(|(found, _)| found.file.clone()).collect();
        attributes(&files, &asked)
    };
    let none = FileAttributes::default();
    let known = |(at, (found, captured)): (usize, (FoundFile, Facets))| {
        let facets = match read.get(at) {
            Some(Err(reason)) => Err(ItemError::Attributes { path: found.path.clone(), reason: reason.clone() }),
            read => {
                let attributes = read.and_then(|read| read.as_ref().ok()).unwrap_or(&none);
                let location = found.file.url.to_string();
                let facets = settings.facets.apply(&captured, (&found.path, &location), attributes);
                facets.map_err(|error| ItemError::Facets { path: found.path.clone(), error })
            }
        };
        (found, facets)
    };
    if settings.facets.rules.is_empty() {
        return matched.into_iter().enumerate().map(known).collect();
    }
    matched.into_par_iter().enumerate().map(known).collect()
}

/// For each file the facets that are asked of it: where it stands along the join, and when it is.
fn file_facets(asked: &[&str], members: &[Member]) -> Vec<Facets> {
    if asked.is_empty() {
        return Vec::new();
    }
    let asked = |member: &Member| {
        let found = asked.iter().filter_map(|asked| member.facets.get_key_value(*asked));
        found.map(|(name, value)| (name.clone(), text(value))).collect()
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
    /// Whether facets are made by rules, not by the pattern alone.
    by_rules: bool,
}

/// Facets that rules make for an item's own fields: templates use them, but they are no properties.
const OF_THE_ITEM: [&str; 2] = ["id", "collection"];

type Described = (ItemId, FacetValues, BTreeMap<String, Value>);

impl<'a> Templates<'a> {
    fn compile(environment: &'a Environment<'a>, settings: &'a ItemSettings) -> Result<Self, ScanError> {
        let known: Vec<&str> = settings.facet_names();
        let property = |(name, value): (&'a String, &'a Value)| {
            let what = format!("item.properties.{name}");
            Ok((name.as_str(), Property::new(environment, &what, value, &known)?))
        };
        Ok(Self {
            id: Compiled::new(environment, "item.id", &settings.id, &known)?,
            properties: settings.properties.iter().map(property).collect::<Result<_, _>>()?,
            by_rules: !settings.facets.rules.is_empty(),
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
        if self.by_rules {
            OF_THE_ITEM.iter().for_each(|name| drop(facets.remove(*name)));
        }
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
    let value = |member: &Member| member.facets.get(facet).map(text).unwrap_or_default();
    ItemError::VaryingFacet {
        facet: facet.to_owned(),
        used_by,
        first_file: first.file.url.to_string(),
        first_value: value(first),
        other_file: other.file.url.to_string(),
        other_value: value(other),
    }
}
