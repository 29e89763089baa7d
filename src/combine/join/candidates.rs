//! The dimensions that may be axes: those with a coordinate in every file that has them, and those that the recipe states.

use indexmap::IndexSet;

use super::super::axis::{Axis, is_time_like};
use super::super::conflict::Report;
use super::super::groups::find;
use super::{Archive, Candidate, Kind, conflict, facets, names, scalars};
use crate::model::{
    Array, ConflictKind, DimensionName, FileGroup, FileIndex, FileVariable, VariableName, VariablePath,
};

pub(super) fn groups(root: &FileGroup) -> Vec<&FileGroup> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(group) = found.get(next).copied() {
        found.extend(group.groups.values());
        next += 1;
    }
    found
}

/// All candidates: new dimensions first. Dimensions without a coordinate must have one length.
pub(super) fn all(archive: &Archive<'_>, report: &mut Report) -> Option<Vec<Candidate>> {
    let before = report.conflicts.len();
    let mut found = facets::candidates(archive, report);
    let stated: Vec<DimensionName> = found.iter().map(|candidate| candidate.dimension.clone()).collect();
    let mut of_files = Vec::new();
    for (group, name) in dimensions(archive.files) {
        if stated.contains(&name) {
            continue;
        }
        match candidate(archive, &group, &name) {
            Some(candidate) => of_files.push(candidate),
            None => report.conflicts.extend(other_length(archive.files, &group, &name)),
        }
    }
    if report.conflicts.len() > before {
        return None;
    }
    found.extend(scalars::candidates(archive, &of_files, report));
    found.extend(of_files);
    (report.conflicts.len() == before).then_some(found)
}

/// Group and name of every dimension of any file, those of the first file first.
fn dimensions(files: &[&FileIndex]) -> IndexSet<(String, DimensionName)> {
    let mut found = IndexSet::new();
    for group in files.iter().flat_map(|file| groups(&file.root)) {
        for name in group.dimensions.keys() {
            if !found.contains(&(group.path.to_string(), name.clone())) {
                found.insert((group.path.to_string(), name.clone()));
            }
        }
    }
    found
}

fn candidate(archive: &Archive<'_>, group: &str, name: &DimensionName) -> Option<Candidate> {
    let own = VariableName::new(name.as_str()).ok().and_then(|key| values_of(archive, group, &key, name));
    let by_time = match &own {
        Some((true, _)) => None,
        _ => auxiliary_time(archive, group, name),
    };
    let (time_like, axes) = by_time.map(|axes| (true, axes)).or(own)?;
    Some(Candidate { group: group.to_owned(), dimension: name.clone(), kind: Kind::Coordinate { time_like }, axes })
}

/// A dimension that has no coordinate and not the same length everywhere.
fn other_length(files: &[&FileIndex], group: &str, name: &DimensionName) -> Option<crate::model::Conflict> {
    let length = |file: &FileIndex| Some(find(&file.root, group)?.dimensions.get(name)?.length);
    let mut present = files.iter().enumerate().filter_map(|(at, file)| Some((at, length(file)?)));
    let (first, expected) = present.next()?;
    let (other, found) = present.find(|(_, found)| *found != expected)?;
    Some(conflict(
        ConflictKind::Shape,
        Some(name.to_string()),
        names(files, &[first, other]),
        format!("a length of {expected} for the dimension, which has no coordinate variable"),
        found.to_string(),
        "files are joined by coordinate values: a dimension without them must be the same in all files, or be joined in the order of a \
         facet with aggregate.along: {name, from}",
    ))
}

/// The times along a dimension whose own coordinate is none or tells no time, as NEMO writes `time_centered(time_counter)`: of the
/// auxiliary coordinate that differs between the files; of several the one that is called time.
fn auxiliary_time(archive: &Archive<'_>, group: &str, dimension: &DimensionName) -> Option<Vec<Option<Axis>>> {
    let is_along = |variable: &&FileVariable| {
        variable.dimensions == [dimension.clone()] && is_time_like(variable) && variable.data_type.number().is_some()
    };
    let differing = |variable: &FileVariable| {
        let (_, axes) = values_of(archive, group, &variable.name, dimension)?;
        let mut present = axes.iter().flatten();
        let first = present.next()?;
        present.any(|axis| axis != first).then(|| (variable.text("standard_name") == Some("time"), axes))
    };
    let holder = archive
        .files
        .iter()
        .find_map(|file| find(&file.root, group).filter(|group| group.dimensions.contains_key(dimension)))?;
    let mut found: Vec<_> = holder.variables.values().filter(is_along).filter_map(differing).collect();
    if found.len() > 1 {
        found.retain(|(is_time, _)| *is_time);
    }
    if found.len() == 1 { found.pop().map(|(_, axes)| axes) } else { None }
}

/// The values of a variable along one dimension in every file that has the dimension, and whether they are times.
///
/// `None` if one of these files lacks the variable, or it holds neither numbers nor texts.
fn values_of(
    archive: &Archive<'_>,
    group: &str,
    key: &VariableName,
    dimension: &DimensionName,
) -> Option<(bool, Vec<Option<Axis>>)> {
    let mut variables = Vec::new();
    for (file, index) in archive.files.iter().enumerate() {
        let Some(group) = find(&index.root, group).filter(|group| group.dimensions.contains_key(dimension)) else {
            continue;
        };
        let variable = group.variables.get(key).filter(|variable| variable.dimensions == [dimension.clone()])?;
        variables.push((file, variable));
    }
    axes_of(archive, &VariablePath::new(group, key), &variables)
}

/// The axes that variables of some files are, and whether they are times; for each of all files.
pub(super) fn axes_of(
    archive: &Archive<'_>,
    path: &VariablePath,
    variables: &[(usize, &FileVariable)],
) -> Option<(bool, Vec<Option<Axis>>)> {
    let read = |(file, variable): &(usize, &FileVariable)| -> Option<Axis> {
        let array: Array = match variable.values.decoded() {
            Some(array) => return Axis::read(variable, array),
            None => archive.sources.values(archive.files[*file], path).ok()?,
        };
        Axis::read(variable, &array)
    };
    let raw = |(file, variable): &(usize, &FileVariable)| -> Option<Axis> {
        let array = match variable.values.decoded() {
            Some(array) => array.clone(),
            None => archive.sources.values(archive.files[*file], path).ok()?,
        };
        Some(Axis::Floats(array.numbers()?.to_f64()))
    };
    let mut axes: Vec<Axis> = variables.iter().map(read).collect::<Option<_>>()?;
    if axes.is_empty() {
        return None;
    }
    let kind = |axis: &Axis| std::mem::discriminant(axis);
    if axes.iter().any(|axis| kind(axis) != kind(&axes[0])) {
        // Times that only some files let us understand cannot be compared as instants: then all of them are numbers.
        axes = variables.iter().map(raw).collect::<Option<_>>()?;
    }
    let mut all: Vec<Option<Axis>> = vec![None; archive.files.len()];
    for ((file, _), axis) in variables.iter().zip(axes) {
        all[*file] = Some(axis);
    }
    Some((variables.iter().any(|(_, variable)| is_time_like(variable)), all))
}
