//! The objects of a file as netCDF-4 has them: groups, dimensions, variables and their attributes.

use std::collections::HashSet;
use std::sync::Arc;

use indexmap::IndexMap;

use super::attributes::Attribute;
use super::dimensions::{Dimensions, GroupNode, attribute};
use super::fault::Fault;
use super::message::dataspace::Dataspace;
use super::message::link::{Link, Target};
use super::parser::{Body, Structure};
use crate::model::{
    AttributeValue, Attributes, ChunkGrid, ChunkManifest, CodecChain, DataType, Dimension, DimensionName, FileGroup,
    FileVariable, Layout, Note, SmallValues, VariableName, VariableSchema,
};

/// What netCDF-C puts before the name of a variable that has a dimension's name but is not its coordinate.
const NON_COORDINATE: &str = "_nc4_non_coord_";

/// Soft links that lead to soft links.
const MOST_HOPS: usize = 16;

/// What a file holds.
#[derive(Debug)]
pub(super) struct Tree {
    pub(super) format: String,
    pub(super) root: FileGroup,
    pub(super) notes: Vec<Note>,
}

/// What in an object does not fit the model.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) object: String,
    pub(super) fault: Fault,
}

/// Makes groups, dimensions and variables of a file's objects.
pub(super) fn build(structure: &Structure) -> Result<Tree, Misfit> {
    let mut notes = Vec::new();
    let groups = list_groups(structure, &mut notes);
    let dimensions = Dimensions::find(structure, groups);
    for (group, object) in &dimensions.made_up {
        let node = &dimensions.groups[*group];
        let name = node.datasets.iter().find(|(_, found)| found == object).map_or("", |(name, _)| name);
        let subject = join(&node.path, name);
        notes.push(Note {
            kind: "phony_dimension".into(),
            message: format!("{subject} has dimensions without a name; they are named by their length, as netCDF does"),
            subject: Some(subject),
        });
    }
    let mut built: Vec<Option<FileGroup>> = Vec::with_capacity(dimensions.groups.len());
    for group in 0..dimensions.groups.len() {
        built.push(Some(build_group(structure, &dimensions, group, &mut notes)?));
    }
    // Parents come before their children: from the end, every group is whole when it goes into its parent.
    for group in (1..built.len()).rev() {
        let node = &dimensions.groups[group];
        let name = node.path.rsplit('/').next().unwrap_or_default().to_owned();
        let child = built[group].take();
        if let (Some(child), Some(Some(parent))) = (child, node.parent.map(|parent| built[parent].as_mut())) {
            parent.groups.insert(name, child);
        }
    }
    let mut root = built.into_iter().next().flatten().unwrap_or_default();
    restore_order(&mut root);
    Ok(Tree { format: format_name(structure).into(), root, notes })
}

/// The children went in from the last to the first.
fn restore_order(group: &mut FileGroup) {
    group.groups.reverse();
    group.groups.values_mut().for_each(restore_order);
}

fn join(group: &str, name: &str) -> String {
    format!("{}/{name}", group.trim_end_matches('/'))
}

fn format_name(structure: &Structure) -> &'static str {
    let has = |attributes: &[Attribute], name| attribute(attributes, name).is_some();
    let root = structure.objects.first().map_or(&[][..], |object| &object.book_keeping);
    if has(root, "_nc3_strict") {
        "netCDF-4 classic model"
    } else if has(root, "_NCProperties") || structure.objects.iter().any(|o| has(&o.book_keeping, "_Netcdf4Dimid")) {
        "netCDF-4"
    } else {
        "HDF5"
    }
}

/// The links of a group.
fn links(structure: &Structure, object: usize) -> &[Link] {
    match structure.objects.get(object).map(|object| &object.body) {
        Some(Body::Group(links)) => links,
        _ => &[],
    }
}

/// Follows a path from a group; `None` if it leads nowhere.
fn follow(structure: &Structure, group: usize, path: &str, hops: usize) -> Option<usize> {
    let mut at = if path.starts_with('/') { 0 } else { group };
    for name in path.split('/').filter(|name| !matches!(*name, "" | ".")) {
        let link = links(structure, at).iter().find(|link| link.name == name)?;
        at = match &link.target {
            Target::Hard(address) => *structure.by_address.get(address)?,
            Target::Soft(path) => follow(structure, at, path, hops.checked_sub(1)?)?,
            Target::Outside(_) => return None,
        };
    }
    Some(at)
}

/// All groups, parents first, with their datasets. A group with several names has the first of them.
fn list_groups(structure: &Structure, notes: &mut Vec<Note>) -> Vec<GroupNode> {
    let mut groups = vec![GroupNode { path: "/".into(), ..GroupNode::default() }];
    let mut seen = HashSet::from([0]);
    let mut number = 0;
    while number < groups.len() {
        let (path, group) = (groups[number].path.clone(), groups[number].object);
        for link in links(structure, group) {
            let full = || join(&path, &link.name);
            let mut note = |kind: &str, what: String| {
                notes.push(Note::new(kind, format!("{} {what}", full())).about(full()));
            };
            let target = match &link.target {
                Target::Hard(address) => structure.by_address.get(address).copied(),
                Target::Soft(target) => {
                    let found = follow(structure, group, target, MOST_HOPS);
                    if found.is_none() {
                        note(
                            "dangling_link",
                            format!("is a soft link to {target}, which is not in this file: left out"),
                        );
                    }
                    found
                }
                Target::Outside(kind) => {
                    note("link_outside", format!("is an {kind}: left out"));
                    None
                }
            };
            let Some(target) = target else { continue };
            match &structure.objects[target].body {
                Body::Dataset(_) | Body::Unknown(_) => groups[number].datasets.push((link.name.clone(), target)),
                Body::NamedType => {}
                Body::Group(_) if seen.insert(target) => {
                    let child = groups.len();
                    groups[number].children.push(child);
                    groups.push(GroupNode {
                        path: full(),
                        object: target,
                        parent: Some(number),
                        ..GroupNode::default()
                    });
                }
                Body::Group(_) => note("group_alias", "is another name of a group: left out".into()),
            }
        }
        number += 1;
    }
    groups
}

fn misfit(object: &str, what: &'static str, found: &str) -> Misfit {
    let fault = Fault::Corrupt { structure: "a name", offset: 0, expected: what.into(), found: format!("{found:?}") };
    Misfit { object: object.into(), fault }
}

fn build_group(
    structure: &Structure,
    dimensions: &Dimensions,
    group: usize,
    notes: &mut Vec<Note>,
) -> Result<FileGroup, Misfit> {
    let node = &dimensions.groups[group];
    let name_of = |name: &str| {
        DimensionName::new(name).map_err(|_| misfit(&join(&node.path, name), "the name of a dimension", name))
    };
    let own: Result<IndexMap<DimensionName, Dimension>, Misfit> =
        node.dimensions.iter().map(|(name, dimension)| Ok((name_of(name)?, *dimension))).collect();
    let mut variables = IndexMap::with_capacity(node.datasets.len());
    for (name, object) in &node.datasets {
        let at = match (dimensions.of_variable.get(&(group, *object)), &structure.objects[*object].body) {
            (Some(at), _) => at.as_slice(),
            (None, Body::Unknown(_)) => &[],
            (None, _) => continue,
        };
        let names: Result<Vec<DimensionName>, Misfit> =
            at.iter().map(|(owner, number)| name_of(&dimensions.groups[*owner].dimensions[*number].0)).collect();
        let full = join(&node.path, name);
        let is_variable = |name: &str| {
            let mut datasets = node.datasets.iter();
            datasets.any(|(other, object)| other == name && dimensions.of_variable.contains_key(&(group, *object)))
        };
        // Never at the cost of a variable that has the plain name.
        let stripped = name.strip_prefix(NON_COORDINATE).filter(|plain| !is_variable(plain)).unwrap_or(name);
        let name = VariableName::new(stripped).map_err(|_| misfit(&full, "the name of a variable", name))?;
        if let Some(variable) = build_variable(structure, *object, name.clone(), names?, &full, notes) {
            variables.insert(name, variable);
        }
    }
    let attributes = Arc::clone(&structure.objects[node.object].attributes);
    notes.extend(uncarried(&attributes, &node.path));
    let attributes = Arc::unwrap_or_clone(attributes);
    Ok(FileGroup {
        path: node.path.as_str().into(),
        dimensions: Arc::new(own?),
        attributes: Arc::new(attributes),
        variables,
        groups: IndexMap::new(),
    })
}

fn build_variable(
    structure: &Structure,
    object: usize,
    name: VariableName,
    dimensions: Vec<DimensionName>,
    path: &str,
    notes: &mut Vec<Note>,
) -> Option<FileVariable> {
    let object = structure.objects.get(object)?;
    let dataset = match &object.body {
        Body::Dataset(dataset) => dataset,
        Body::Unknown(feature) => {
            let variable = unknown(name, feature)?;
            notes.extend(obstacle(path, &variable.layout));
            return Some(variable);
        }
        _ => return None,
    };
    notes.extend(obstacle(path, &dataset.layout));
    let data_type = match dataset.space {
        Dataspace::Null => {
            DataType::Unsupported { class: "nothing (a null dataspace)".into(), size: dataset.datatype.size() }
        }
        Dataspace::Simple { .. } => dataset.datatype.model(),
    };
    notes.extend(uncarried(&object.attributes, path));
    Some(FileVariable {
        schema: Arc::new(VariableSchema {
            name,
            dimensions,
            attributes: Arc::clone(&object.attributes),
            fill_value: dataset
                .fill_value
                .clone()
                .filter(|_| data_type.size().is_some() || data_type == DataType::VariableString),
            data_type,
            layout: dataset.layout.clone(),
            codecs: dataset.codecs.clone(),
            grid: dataset.grid.clone(),
            unfiltered_edges: dataset.unfiltered_edges,
        }),
        manifest: Arc::clone(&dataset.manifest),
        values: SmallValues::NotRead,
    })
}

/// What stands for an object that uses what this reader does not have: a scalar of no type, which no product takes.
fn unknown(name: VariableName, feature: &str) -> Option<FileVariable> {
    let reason = format!("unknown (it uses {feature})");
    Some(FileVariable {
        schema: Arc::new(VariableSchema {
            name,
            data_type: DataType::Unsupported { class: reason.clone(), size: 0 },
            dimensions: Vec::new(),
            attributes: Arc::default(),
            fill_value: None,
            layout: Layout::Unknown(reason.into()),
            codecs: CodecChain::default(),
            grid: ChunkGrid::new(Vec::new(), Vec::new())?,
            unfiltered_edges: false,
        }),
        manifest: Arc::new(ChunkManifest::missing(1)),
        values: SmallValues::NotRead,
    })
}

/// Says that the values of a variable are not in the file.
fn obstacle(path: &str, layout: &Layout) -> Option<Note> {
    let reason = layout.obstacle()?;
    Some(Note::new("data_elsewhere", format!("{path} is {reason}: its values are not read")).about(path))
}

/// Names attributes whose type is not carried over.
fn uncarried<'a>(attributes: &'a Attributes, path: &'a str) -> impl Iterator<Item = Note> + 'a {
    attributes.iter().filter_map(move |(name, value)| {
        let AttributeValue::Unsupported(class) = value else { return None };
        let message = format!("attribute {name:?} of {path} is of type {class}, which is not carried over");
        Some(Note { kind: "attribute_type".into(), subject: Some(path.into()), message })
    })
}
