//! Files of which parts are used: where others hold the same steps and the recipe says which file's are kept, and where files lack steps that
//! stand between theirs (levels). Each part is then a file of its own, as far as joining goes.

use std::collections::{BTreeMap, BTreeSet};

use super::super::axis::is_vertical;
use super::overlap::overlapping_pairs;
use super::union::{Span, United};
use super::{Archive, Kind, Piece, Trim, file_name};
use crate::model::label::natural_order;
use crate::model::recipe::OnOverlap;
use crate::model::{Note, VariablePath};

/// The most overlaps that are told one by one.
const TOLD: usize = 20;

/// Places of an axis, from the first to the last.
type Interval = (u64, u64);

/// The parts of all files, if some file is not used as a whole; `notes` are what people should know about it.
pub(super) fn pieces(archive: &Archive<'_>, axes: &[United], notes: &mut Vec<Note>) -> Option<Vec<Piece>> {
    let mut kept: Vec<Vec<Vec<Interval>>> = axes.iter().map(|axis| runs(archive, axis)).collect();
    notes.extend(axes.iter().filter_map(|axis| note_of_levels(archive, axis)));
    if archive.settings.on_overlap != OnOverlap::Error
        && let Some((axis, lost)) = superseded(archive, axes)
    {
        notes.extend(notes_of_overlaps(archive, &axes[axis], &lost));
        for (loser, _, interval) in &lost {
            let left = kept[axis][*loser].iter().flat_map(|own| without(*own, *interval)).collect();
            kept[axis][*loser] = left;
        }
    }
    let is_whole = |at: usize, file: usize| match axes[at].spans[file] {
        Some(span) if span.length > 0 => kept[at][file] == [(span.first, span.last)],
        _ => true,
    };
    if (0..axes.len()).all(|at| (0..archive.files.len()).all(|file| is_whole(at, file))) {
        return None;
    }
    let of_file = |file: usize| {
        let mut pieces = vec![Piece { file, trims: Vec::new() }];
        for (at, axis) in axes.iter().enumerate().filter(|(at, _)| !is_whole(*at, file)) {
            let trims: Vec<Option<Trim>> =
                kept[at][file].iter().filter_map(|interval| trim(axis, file, *interval)).collect();
            let with = |piece: &Piece| -> Vec<Piece> {
                let trimmed = |trim| piece.trims.iter().chain(trim).cloned().collect();
                trims.iter().map(|trim| Piece { file, trims: trimmed(trim) }).collect()
            };
            pieces = pieces.iter().flat_map(with).collect();
        }
        pieces
    };
    Some((0..archive.files.len()).flat_map(of_file).collect())
}

/// The places that each file has, in unbroken runs.
fn runs(archive: &Archive<'_>, axis: &United) -> Vec<Vec<Interval>> {
    let are_levels = lack_levels(archive, axis);
    let of_file = |file: usize| {
        let Some(span) = axis.spans[file].filter(|span| span.length > 0) else { return Vec::new() };
        if span.is_unbroken() || !are_levels {
            return vec![(span.first, span.last)];
        }
        let mut places = axis.places(file).to_vec();
        places.sort_unstable();
        let mut runs: Vec<Interval> = Vec::new();
        for place in places {
            match runs.last_mut() {
                Some(run) if run.1 + 1 == place => run.1 = place,
                _ => runs.push((place, place)),
            }
        }
        runs
    };
    (0..axis.spans.len()).map(of_file).collect()
}

/// Whether some file has all steps, so that the others lack some of its.
fn has_whole_file(axis: &United) -> bool {
    axis.spans.iter().flatten().any(|span| span.length == axis.length())
}

/// Whether files may lack levels: along a vertical axis of which some file has all steps.
pub(super) fn lack_levels(archive: &Archive<'_>, axis: &United) -> bool {
    let is_level = matches!(axis.candidate.kind, Kind::Coordinate { time_like: false });
    let own = axis.candidate.path();
    let coordinate = || {
        let mut variables = archive.files.iter().flat_map(|file| file.root.all_variables());
        variables.find(|(path, _)| path.key() == own).map(|(_, variable)| variable)
    };
    is_level && has_whole_file(axis) && coordinate().is_some_and(is_vertical)
}

fn note_of_levels(archive: &Archive<'_>, axis: &United) -> Option<Note> {
    let lacks = |file: &usize| axis.spans[*file].is_some_and(|span| 0 < span.length && span.length < axis.length());
    if !lack_levels(archive, axis) {
        return None;
    }
    let lacking: Vec<usize> = (0..archive.files.len()).filter(lacks).collect();
    let (first, others) = lacking.split_first()?;
    let held: BTreeSet<u64> = axis.places(*first).iter().copied().collect();
    let missing: Vec<String> =
        (0..axis.length()).filter(|place| !held.contains(place)).map(|place| axis.show(place)).take(TOLD).collect();
    let others = if others.is_empty() { String::new() } else { format!(", nor have {} more files all", others.len()) };
    let message =
        format!("{} has no {}{others}: there it is fill", file_name(archive.files[*first]), missing.join(", "));
    Some(Note::new("levels_missing", message).about(axis.candidate.path()))
}

fn trim(axis: &United, file: usize, (first, last): Interval) -> Option<Option<Trim>> {
    let span: Span = axis.spans[file]?;
    if matches!(axis.candidate.kind, Kind::Facet(_) | Kind::Scalar) {
        return Some(None);
    }
    let places = axis.places(file);
    let start = places.iter().position(|place| *place == if span.reversed { last } else { first })?;
    Some(Some(Trim {
        group: axis.candidate.group.clone(),
        dimension: axis.candidate.dimension.clone(),
        start: start as u64,
        count: last - first + 1,
        length: places.len() as u64,
    }))
}

/// What is left of places once others are taken.
fn without((first, last): Interval, taken: Interval) -> Vec<Interval> {
    if taken.1 < first || last < taken.0 {
        return vec![(first, last)];
    }
    let before = (first < taken.0).then(|| (first, taken.0 - 1));
    before.into_iter().chain((taken.1 < last).then(|| (taken.1 + 1, last))).collect()
}

/// A file that gives way, the one that is kept, and where both have steps.
type Lost = (usize, usize, Interval);

/// Which files give way to which others along which axis; `None` if none do, or the recipe's word does not settle it.
///
/// Overlapping files must have the same variables, the same steps of every other, and no other steps between each other's.
fn superseded(archive: &Archive<'_>, axes: &[United]) -> Option<(usize, Vec<Lost>)> {
    let pairs = overlapping_pairs(archive, axes);
    let differing = |(a, b, which): &(usize, usize, Vec<usize>)| -> Vec<usize> {
        which.iter().copied().filter(|at| axes[*at].spans[*a] != axes[*at].spans[*b]).collect()
    };
    let mut found: BTreeSet<usize> = BTreeSet::new();
    for pair in &pairs {
        match differing(pair).as_slice() {
            [] => {}
            [axis] => {
                found.insert(*axis);
            }
            _ => return None,
        }
    }
    let (a, _, which) = pairs.first()?;
    let is_time = |at: &usize| axes[*at].candidate.is_time_like() && axes[*at].spans[*a].is_some();
    let default = || (0..axes.len()).find(is_time).or(which.first().copied());
    let axis = if found.len() > 1 { return None } else { found.first().copied().or_else(default)? };
    let mut names: BTreeMap<usize, BTreeSet<VariablePath>> = BTreeMap::new();
    for file in pairs.iter().flat_map(|(a, b, _)| [*a, *b]) {
        names.entry(file).or_insert_with(|| variables(archive, file));
    }
    let mut lost = Vec::new();
    for (a, b, which) in &pairs {
        let (x, y) = (axes[axis].spans[*a]?, axes[axis].spans[*b]?);
        // Files that are alike in all are told by their first variable, which need not lie along the axis.
        let is_along = which.contains(&axis) || x == y;
        if !is_along || names[a] != names[b] || !x.is_unbroken() || !y.is_unbroken() {
            return None;
        }
        let url = |file: &usize| archive.files[*file].source.url.as_str();
        let is_a_later = natural_order(url(a), url(b)).is_gt();
        let keeps_a = is_a_later == (archive.settings.on_overlap == OnOverlap::KeepLast);
        let (loser, winner) = if keeps_a { (*b, *a) } else { (*a, *b) };
        lost.push((loser, winner, (x.first.max(y.first), x.last.min(y.last))));
    }
    Some((axis, lost))
}

/// The variables of a file.
fn variables(archive: &Archive<'_>, file: usize) -> BTreeSet<VariablePath> {
    archive.files[file].root.all_variables().into_iter().map(|(path, _)| path).collect()
}

fn notes_of_overlaps(archive: &Archive<'_>, axis: &United, lost: &[Lost]) -> Vec<Note> {
    let policy = match archive.settings.on_overlap {
        OnOverlap::KeepFirst => "keep-first",
        _ => "keep-last",
    };
    let note = |message: String| Note::new("overlap_resolved", message).about(axis.candidate.path());
    let told = |(loser, winner, (first, last)): &Lost| {
        let (count, from, to) = (last - first + 1, axis.show(*first), axis.show(*last));
        let (loser, winner) = (file_name(archive.files[*loser]), file_name(archive.files[*winner]));
        note(format!(
            "{count} steps from {from} to {to} are in {loser} and in {winner}: those of {winner} are kept ({policy})"
        ))
    };
    let mut notes: Vec<Note> = lost.iter().take(TOLD).map(told).collect();
    if lost.len() > TOLD {
        notes.push(note(format!("and {} more pairs of files hold the same steps", lost.len() - TOLD)));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_stretch() {
        assert_eq!(without((0, 9), (3, 4)), [(0, 2), (5, 9)]);
        assert_eq!(without((0, 9), (0, 4)), [(5, 9)]);
        assert_eq!(without((0, 9), (4, 20)), [(0, 3)]);
        assert_eq!(without((3, 4), (0, 9)), []);
        assert_eq!(without((3, 4), (5, 9)), [(3, 4)]);
    }
}
