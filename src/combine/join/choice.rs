//! The dimension that the files are joined along: the one whose values differ.

use super::super::axis::Axis;
use super::super::conflict::{Report, join_names};
use super::{Candidate, conflict, names};
use crate::model::recipe::{AggregateSettings, Along};
use crate::model::{Conflict, ConflictKind, FileIndex};

pub(super) fn choose(
    files: &[&FileIndex],
    candidates: Vec<Candidate>,
    settings: &AggregateSettings,
    report: &mut Report,
) -> Option<Candidate> {
    let known: Vec<String> = candidates.iter().map(Candidate::path).collect();
    let (varying, same): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| candidate.first_difference().is_some());
    let is_chosen = |candidate: &Candidate| match &settings.along {
        Along::Auto => varying.len() == 1 || candidate.time_like,
        Along::Dimension(name) => candidate.dimension == *name,
    };
    let mut chosen: Vec<usize> = (0..varying.len()).filter(|at| is_chosen(&varying[*at])).collect();
    if chosen.len() != 1 {
        chosen.clear();
    }
    let Some(at) = chosen.pop() else {
        report.conflicts.push(no_join(files, &varying, &same, &known, settings));
        return None;
    };
    let mut varying = varying;
    let chosen = varying.remove(at);
    for other in &varying {
        report.conflicts.extend(differing_coordinate(files, other, &chosen));
    }
    Some(chosen)
}

fn no_join(
    files: &[&FileIndex],
    varying: &[Candidate],
    same: &[Candidate],
    known: &[String],
    settings: &AggregateSettings,
) -> Conflict {
    let all: Vec<usize> = (0..files.len().min(2)).collect();
    let found = match (&settings.along, varying) {
        (Along::Dimension(name), _) if !known.contains(&name.to_string()) => {
            format!("no dimension {name} with a coordinate variable of numbers; there are: {}", known.join(", "))
        }
        (_, []) => format!("the same values of {} in all files", join_names(known)),
        _ => {
            let paths: Vec<String> = varying.iter().map(Candidate::path).collect();
            format!("several that differ: {}", paths.join(", "))
        }
    };
    let time = same.iter().find(|candidate| candidate.time_like).map_or_else(|| "time".into(), Candidate::path);
    Conflict {
        kind: if varying.is_empty() { ConflictKind::Overlap } else { ConflictKind::Join },
        variable: varying.is_empty().then_some(time),
        files: names(files, &all),
        expected: "one dimension whose coordinate values differ between the files".into(),
        found,
        remedy: "let the item pattern tell these files apart (another member, version or grid), or name the dimension in aggregate.along"
            .into(),
    }
}

fn differing_coordinate(files: &[&FileIndex], other: &Candidate, join: &Candidate) -> Option<Conflict> {
    let (file, at) = other.first_difference()?;
    let show = |axis: &Axis| {
        if at < axis.len() { format!("{} at index {at}", axis.show(at)) } else { format!("{} values", axis.len()) }
    };
    Some(conflict(
        ConflictKind::Coordinate,
        other.path(),
        names(files, &[0, file]),
        format!("{} as in the first file, for files that are joined along {}", show(&other.axes[0]), join.path()),
        show(&other.axes[file]),
        "files on different grids cannot be one dataset: let the item pattern tell them apart",
    ))
}
