//! Files that have no dimension for what tells them apart, but a scalar coordinate variable (CF 5.7): one time each.

use super::super::axis::{Axis, is_time_like};
use super::super::conflict::{Report, join_names};
use super::super::groups::find;
use super::candidates::{axes_of, groups};
use super::{Archive, Candidate, Kind, conflict, names};
use crate::model::{ConflictKind, DimensionName, FileVariable, VariablePath};

/// By themselves only times become dimensions, and only where no dimension is one of time; by name any scalar of numbers.
pub(super) fn candidates(archive: &Archive<'_>, known: &[Candidate], report: &mut Report) -> Vec<Candidate> {
    let named = &archive.settings.along.dimensions;
    let has_time = known.iter().any(Candidate::is_time_like);
    let mut found: Vec<(bool, Candidate)> = Vec::new();
    let Some(first) = archive.files.first() else { return Vec::new() };
    for group in groups(&first.root) {
        for variable in group.variables.values().filter(|variable| variable.dimensions.is_empty()) {
            let is_named = named.iter().any(|name| name.as_str() == variable.name.as_str());
            let by_itself = named.is_empty() && !has_time && is_time_like(variable);
            if !is_named && !by_itself {
                continue;
            }
            let is_time = variable.text("standard_name") == Some("time");
            let candidate = candidate(archive, &group.path, variable);
            found.extend(candidate.filter(|c| is_named || c.first_difference().is_some()).map(|c| (is_time, c)));
        }
    }
    if found.len() > 1 && named.is_empty() {
        found.retain(|(is_time, _)| *is_time);
        if found.len() != 1 {
            let paths: Vec<String> = found.iter().map(|(_, candidate)| candidate.path()).collect();
            report.conflicts.push(conflict(
                ConflictKind::Join,
                None,
                names(archive.files, &[0]),
                "one scalar time that differs between the files, or one with the standard_name time",
                format!("several: {}", join_names(&paths)),
                "name the one to join along in aggregate.along",
            ));
            return Vec::new();
        }
    }
    found.into_iter().map(|(_, candidate)| candidate).collect()
}

/// The values of a scalar that all files have, and none has as a dimension.
fn candidate(archive: &Archive<'_>, group: &str, variable: &FileVariable) -> Option<Candidate> {
    let dimension = DimensionName::new(variable.name.as_str()).ok()?;
    let mut variables = Vec::new();
    for (file, index) in archive.files.iter().enumerate() {
        let here = find(&index.root, group)?;
        if here.dimensions.contains_key(&dimension) {
            return None;
        }
        let found = here.variables.get(&variable.name).filter(|found| found.dimensions.is_empty())?;
        variables.push((file, found));
    }
    let (_, axes) = axes_of(archive, &VariablePath::new(group, &variable.name), &variables)?;
    let is_one = |axis: &Option<Axis>| axis.as_ref().is_some_and(|axis| axis.len() == 1);
    axes.iter().all(is_one).then(|| Candidate { group: group.to_owned(), dimension, kind: Kind::Scalar, axes })
}
