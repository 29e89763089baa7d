//! Which candidates the files are joined along: those that the recipe names, else those whose values differ.

use super::super::axis::Axis;
use super::super::conflict::{Report, join_names};
use super::union::{United, unite};
use super::{Archive, Candidate, conflict, cut, edges, names, overlap};
use crate::model::recipe::OnOverlap;
use crate::model::{Conflict, ConflictKind};

/// The axes, new dimensions first, then in the order of the files; `None` with the reason in the report.
pub(super) fn choose(archive: &Archive<'_>, candidates: Vec<Candidate>, report: &mut Report) -> Option<Vec<United>> {
    let named = &archive.settings.along.dimensions;
    let known: Vec<String> = candidates.iter().map(Candidate::path).collect();
    let unknown = named.iter().find(|name| candidates.iter().all(|candidate| candidate.dimension != **name));
    let (stated, others): (Vec<_>, Vec<_>) = candidates.into_iter().partition(Candidate::is_stated);
    let (varying, same): (Vec<_>, Vec<_>) = others.into_iter().partition(|c| c.first_difference().is_some());
    if let Some(name) = unknown {
        let found =
            format!("no dimension {name} with a coordinate variable of numbers; there are: {}", known.join(", "));
        report.conflicts.push(no_join(archive, &varying, &same, found));
        return None;
    }
    let stated = united(archive, stated, report)?;
    let found = if varying.is_empty() {
        if stated.is_empty() && are_alike(archive) {
            // All files hold the same steps: one of them is used.
            if archive.settings.on_overlap != OnOverlap::Error
                && let Some(time) = same.iter().find(|candidate| candidate.is_time_like())
            {
                return united(archive, vec![time.copy()], report);
            }
            let found = format!("the same values of {} in all files", join_names(&known));
            report.conflicts.push(no_join(archive, &varying, &same, found));
            return None;
        }
        Vec::new()
    } else if named.is_empty() {
        by_themselves(archive, varying, &same, report)?
    } else {
        let (chosen, others): (Vec<_>, Vec<_>) =
            varying.into_iter().partition(|candidate| named.contains(&candidate.dimension));
        let along = chosen.iter().map(Candidate::path).collect::<Vec<_>>().join(", ");
        report.conflicts.extend(others.iter().filter_map(|other| differing_coordinate(archive, other, &along)));
        united(archive, chosen, report)?
    };
    Some(stated.into_iter().chain(found).collect())
}

fn united(archive: &Archive<'_>, candidates: Vec<Candidate>, report: &mut Report) -> Option<Vec<United>> {
    candidates.into_iter().map(|candidate| unite(archive.files, candidate, report)).collect()
}

/// Whether some files hold the same variables: then something must tell them apart.
fn are_alike(archive: &Archive<'_>) -> bool {
    let count = archive.files.len();
    // Each pair would be too many: files that bring a variable of their own to the first one and to the one before are rare enough.
    (1..count).any(|file| {
        !overlap::bring_their_own(archive, 0, file) || !overlap::bring_their_own(archive, file - 1, file) && file > 1
    })
}

/// One dimension that differs is the one. Several must form a grid of boxes; else it is the time, if one of them is.
fn by_themselves(
    archive: &Archive<'_>,
    varying: Vec<Candidate>,
    same: &[Candidate],
    report: &mut Report,
) -> Option<Vec<United>> {
    if varying.len() == 1 {
        return united(archive, varying, report);
    }
    let mut tried = Report::default();
    let copies = varying.iter().map(Candidate::copy).collect();
    if let Some(axes) = united(archive, copies, &mut tried)
        && (is_grid(archive, &axes) || lacks_levels(archive, &axes))
    {
        report.notes.extend(tried.notes);
        return Some(axes);
    }
    let times: Vec<usize> = (0..varying.len()).filter(|at| varying[*at].is_time_like()).collect();
    let [time] = times.as_slice() else {
        let paths: Vec<String> = varying.iter().map(Candidate::path).collect();
        report.conflicts.push(no_join(archive, &varying, same, format!("several that differ: {}", paths.join(", "))));
        return None;
    };
    let mut others = varying;
    let time = others.remove(*time);
    let along = time.path();
    report.conflicts.extend(others.iter().filter_map(|other| differing_coordinate(archive, other, &along)));
    united(archive, vec![time], report)
}

/// Whether the files are boxes of grids: no other values lie between those of a file, tiles touch, and the files of each variable of
/// several axes fill all of them.
fn is_grid(archive: &Archive<'_>, axes: &[United]) -> bool {
    let is_sound = |axis: &United| {
        let is_unbroken = axis.spans.iter().flatten().all(super::union::Span::is_unbroken);
        is_unbroken && (axis.candidate.is_time_like() || edges::gaps(axis).is_empty())
    };
    let data = overlap::data_variables(archive);
    !data.is_empty()
        && axes.iter().all(is_sound)
        && data.iter().all(|(path, holders)| {
            let (file, variable) = holders[0];
            let which = overlap::axes_of(axes, archive.files[file], path, variable);
            which.len() < 2 || is_filled(axes, &which, holders.iter().map(|(file, _)| *file))
        })
}

/// Whether the files follow each other in time, and some of them lack levels that others have.
fn lacks_levels(archive: &Archive<'_>, axes: &[United]) -> bool {
    let (levels, others): (Vec<&United>, Vec<&United>) = axes.iter().partition(|axis| cut::lack_levels(archive, axis));
    let is_sound = |axis: &&United| {
        axis.candidate.is_time_like() && axis.spans.iter().flatten().all(super::union::Span::is_unbroken)
    };
    !levels.is_empty() && others.len() == 1 && others.iter().all(is_sound)
}

/// Whether files fill some axes, cut alike: along each axis their stretches are the same or apart.
fn is_filled(axes: &[United], which: &[usize], files: impl Iterator<Item = usize>) -> bool {
    let mut boxes = std::collections::HashSet::new();
    for file in files {
        let stretch = |axis: &usize| axes[*axis].spans[file].map(|span| (span.first, span.length));
        let Some(stretches) = which.iter().map(stretch).collect::<Option<Vec<_>>>() else { return false };
        if stretches.iter().all(|(_, length)| *length > 0) {
            boxes.insert(stretches);
        }
    }
    let cut_alike = |at: usize| {
        let mut cuts: Vec<(u64, u64)> = boxes.iter().map(|stretches| stretches[at]).collect();
        cuts.sort_unstable();
        cuts.dedup();
        cuts.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0)
    };
    let volume = |stretches: &Vec<(u64, u64)>| stretches.iter().fold(1u64, |n, (_, length)| n.saturating_mul(*length));
    let filled = boxes.iter().map(volume).fold(0u64, u64::saturating_add);
    (0..which.len()).all(cut_alike)
        && filled == which.iter().fold(1u64, |n, axis| n.saturating_mul(axes[*axis].length()))
}

impl Candidate {
    fn copy(&self) -> Self {
        let Self { group, dimension, kind, axes } = self;
        Self { group: group.clone(), dimension: dimension.clone(), kind: kind.clone(), axes: axes.clone() }
    }
}

fn no_join(archive: &Archive<'_>, varying: &[Candidate], same: &[Candidate], found: String) -> Conflict {
    let all: Vec<usize> = (0..archive.files.len().min(2)).collect();
    let time = same.iter().find(|candidate| candidate.is_time_like()).map_or_else(|| "time".into(), Candidate::path);
    conflict(
        if varying.is_empty() { ConflictKind::Overlap } else { ConflictKind::Join },
        varying.is_empty().then_some(time),
        names(archive.files, &all),
        "dimensions whose coordinate values differ between the files, so that each file has a place of its own",
        found,
        "let the item pattern tell these files apart (another member, version or grid), or name the dimensions in aggregate.along",
    )
}

fn differing_coordinate(archive: &Archive<'_>, other: &Candidate, along: &str) -> Option<Conflict> {
    let (first, file, at) = other.first_difference()?;
    let show = |axis: Option<&Axis>| match axis {
        Some(axis) if at < axis.len() => format!("{} at index {at}", axis.show(at)),
        axis => format!("{} values", axis.map_or(0, Axis::len)),
    };
    Some(conflict(
        ConflictKind::Coordinate,
        other.path(),
        names(archive.files, &[first, file]),
        format!("{} as in the first file, for files that are joined along {along}", show(other.axes[first].as_ref())),
        show(other.axes[file].as_ref()),
        "files on different grids cannot be one dataset: let the item pattern tell them apart; tiles of one grid that leave holes are \
         joined if aggregate.along names their dimensions",
    ))
}
