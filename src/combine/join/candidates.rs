//! The dimensions that have a coordinate in every file.

use super::super::SourceValues;
use super::super::axis::{Axis, is_time_like};
use super::super::conflict::Report;
use super::super::find_group;
use super::{Candidate, conflict, names};
use crate::model::{
    Array, ConflictKind, DimensionName, FileGroup, FileIndex, FileVariable, VariableName, VariablePath,
};

fn groups(root: &FileGroup) -> Vec<&FileGroup> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(group) = found.get(next).copied() {
        found.extend(group.groups.values());
        next += 1;
    }
    found
}

/// Every dimension that has a coordinate in all files; dimensions without one must have one length.
pub(super) fn of_all(files: &[&FileIndex], sources: &dyn SourceValues, report: &mut Report) -> Option<Vec<Candidate>> {
    let (first, before) = (files.first()?, report.conflicts.len());
    let mut found = Vec::new();
    for group in groups(&first.root) {
        for (name, dimension) in &group.dimensions {
            let own = coordinate(files, &group.path, name, sources);
            let by_time = match &own {
                Some((true, _)) => None,
                _ => auxiliary_time(files, group, name, sources),
            };
            match by_time.map(|axes| (true, axes)).or(own) {
                Some((time_like, axes)) => {
                    found.push(Candidate { group: group.path.clone(), dimension: name.clone(), time_like, axes });
                }
                None => {
                    let length =
                        |file: &&FileIndex| Some(find_group(&file.root, &group.path)?.dimensions.get(name)?.length);
                    if let Some(other) = files.iter().position(|file| length(file) != Some(dimension.length)) {
                        let other_length = length(&files[other]);
                        report.conflicts.push(conflict(
                            ConflictKind::Shape,
                            name.to_string(),
                            names(files, &[0, other]),
                            format!("a length of {} for the dimension, which has no coordinate variable", dimension.length),
                            other_length.map_or_else(|| "no such dimension".into(), |length| length.to_string()),
                            "files are joined by coordinate values: a dimension without them must be the same in all files",
                        ));
                    }
                }
            }
        }
    }
    (report.conflicts.len() == before).then_some(found)
}

/// The times along a dimension whose own coordinate is none or tells no time, as NEMO writes `time_centered(time_counter)`: of the
/// auxiliary coordinate that differs between the files; of several the one that is called time.
fn auxiliary_time(
    files: &[&FileIndex],
    group: &FileGroup,
    dimension: &DimensionName,
    sources: &dyn SourceValues,
) -> Option<Vec<Axis>> {
    let is_along = |variable: &&FileVariable| {
        variable.dimensions == [dimension.clone()] && is_time_like(variable) && variable.data_type.number().is_some()
    };
    let differing = |variable: &FileVariable| {
        let (_, axes) = values_of(files, &group.path, &variable.name, dimension, sources)?;
        axes.iter().any(|axis| *axis != axes[0]).then_some((variable.text("standard_name") == Some("time"), axes))
    };
    let mut found: Vec<(bool, Vec<Axis>)> = group.variables.values().filter(is_along).filter_map(differing).collect();
    if found.len() > 1 {
        found.retain(|(is_time, _)| *is_time);
    }
    if found.len() == 1 { found.pop().map(|(_, axes)| axes) } else { None }
}

/// The values of a dimension's coordinate in every file; `None` if one lacks it or does not hold numbers.
fn coordinate(
    files: &[&FileIndex],
    group: &str,
    name: &DimensionName,
    sources: &dyn SourceValues,
) -> Option<(bool, Vec<Axis>)> {
    values_of(files, group, &VariableName::new(name.as_str()).ok()?, name, sources)
}

/// The values of a variable along one dimension in every file, and whether they are times.
fn values_of(
    files: &[&FileIndex],
    group: &str,
    key: &VariableName,
    dimension: &DimensionName,
    sources: &dyn SourceValues,
) -> Option<(bool, Vec<Axis>)> {
    let variables: Option<Vec<&FileVariable>> = files
        .iter()
        .map(|file| {
            let variable = find_group(&file.root, group)?.variables.get(key)?;
            (variable.dimensions == [dimension.clone()]).then_some(variable)
        })
        .collect();
    let variables = variables?;
    let path = VariablePath::new(group, key);
    let values = |file: &FileIndex, variable: &FileVariable| match variable.values.decoded() {
        Some(array) => Some(array.clone()),
        None => sources.values(file, &path).ok(),
    };
    let arrays: Option<Vec<Array>> =
        files.iter().zip(&variables).map(|(file, variable)| values(file, variable)).collect();
    let axes = unify(&variables, &arrays?)?;
    Some((variables.iter().any(|variable| is_time_like(variable)), axes))
}

/// Times that only some files let us understand cannot be compared as instants: then all of them are numbers.
fn unify(variables: &[&FileVariable], arrays: &[Array]) -> Option<Vec<Axis>> {
    let axes: Vec<Axis> =
        variables.iter().zip(arrays).map(|(variable, array)| Axis::read(variable, array)).collect::<Option<_>>()?;
    let instants = axes.iter().filter(|axis| matches!(axis, Axis::Instants(..))).count();
    if instants == 0 || instants == axes.len() {
        return Some(axes);
    }
    arrays.iter().map(|array| Some(Axis::Floats(array.numbers()?.to_f64()))).collect()
}
