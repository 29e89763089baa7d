//! Files that hold the same variable at the same place.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::union::{Span, United};
use super::{Archive, Kind, conflict, defining_group, names};
use crate::model::{Conflict, ConflictKind, FileIndex, FileVariable, VariablePath};

/// The most overlaps that are told.
const TOLD: usize = 20;

/// The data variables of all files, and in which files each is.
pub(super) fn data_variables<'a>(archive: &Archive<'a>) -> BTreeMap<VariablePath, Vec<(usize, &'a FileVariable)>> {
    let mut found: BTreeMap<VariablePath, Vec<(usize, &FileVariable)>> = BTreeMap::new();
    for (file, index) in archive.files.iter().enumerate() {
        for (path, variable) in index.root.all_variables() {
            if archive.roles.is_data(&path, variable) {
                found.entry(path).or_default().push((file, variable));
            }
        }
    }
    found
}

/// The axes of a data variable: those of its dimensions, and the new ones.
pub(super) fn axes_of(axes: &[United], file: &FileIndex, path: &VariablePath, variable: &FileVariable) -> Vec<usize> {
    let is_axis = |axis: &United| {
        let candidate = &axis.candidate;
        match candidate.kind {
            Kind::Facet(_) | Kind::Scalar => {
                let group = candidate.group.trim_matches('/');
                group.is_empty() || path.key().strip_prefix(group).is_some_and(|rest| rest.starts_with('/'))
            }
            _ => variable.dimensions.iter().any(|name| {
                *name == candidate.dimension && defining_group(&file.root, path, name) == Some(candidate.group.as_str())
            }),
        }
    };
    (0..axes.len()).filter(|at| is_axis(&axes[*at])).collect()
}

/// Whether two files each have a data variable that the other lacks.
pub(super) fn bring_their_own(archive: &Archive<'_>, a: usize, b: usize) -> bool {
    let data = |file: usize| -> BTreeSet<VariablePath> {
        let variables = archive.files[file].root.all_variables().into_iter();
        variables.filter(|(path, variable)| archive.roles.is_data(path, variable)).map(|(path, _)| path).collect()
    };
    let (a, b) = (data(a), data(b));
    a.difference(&b).next().is_some() && b.difference(&a).next().is_some()
}

/// Reports files whose stretches of some data variable overlap.
///
/// Files that hold exactly the same stretch may do so if something else tells them apart: then the values are compared.
pub(super) fn check(archive: &Archive<'_>, axes: &[United], report: &mut super::Report) {
    for (a, b, which) in overlapping_pairs(archive, axes).iter().take(TOLD) {
        report.conflicts.extend(overlap(archive, axes, which, *a, *b));
    }
}

/// Pairs of files that hold the same places of some data variable, each once, with the axes of that variable.
pub(super) fn overlapping_pairs(archive: &Archive<'_>, axes: &[United]) -> Vec<(usize, usize, Vec<usize>)> {
    let mut looked_at = HashSet::new();
    let mut known = BTreeSet::new();
    let mut found = Vec::new();
    for (path, holders) in data_variables(archive) {
        let (first, variable) = holders[0];
        let which = axes_of(axes, archive.files[first], &path, variable);
        let files: Vec<usize> = holders.iter().map(|(file, _)| *file).collect();
        if which.is_empty() || !looked_at.insert((files.clone(), which.clone())) {
            continue;
        }
        for (a, b) in overlapping(axes, &which, &files) {
            let same = |at: usize| axes[at].spans[a] == axes[at].spans[b];
            let is_told_apart = (0..axes.len()).any(|at| !same(at)) || bring_their_own(archive, a, b);
            if which.iter().all(|at| same(*at)) && is_told_apart {
                continue;
            }
            if known.insert((a, b)) {
                found.push((a, b, which.clone()));
            }
        }
    }
    found
}

/// Pairs of files whose spans meet along all of some axes, the earlier first.
fn overlapping(axes: &[United], which: &[usize], files: &[usize]) -> Vec<(usize, usize)> {
    let spans = |at: usize, file: usize| axes[at].spans[file];
    let starts =
        |at: &usize| files.iter().filter_map(|file| spans(*at, *file)).map(|s| s.first).collect::<HashSet<_>>();
    let Some(sweep) = which.iter().copied().max_by_key(|at| starts(at).len()) else { return Vec::new() };
    let mut placed: Vec<(Span, usize)> = files.iter().filter_map(|file| Some((spans(sweep, *file)?, *file))).collect();
    placed.sort_by_key(|(span, file)| (span.first, *file));
    let (mut active, mut found): (Vec<(Span, usize)>, _) = (Vec::new(), Vec::new());
    for (span, file) in placed {
        active.retain(|(other, _)| other.last >= span.first);
        for (_, other) in &active {
            let meets = |at: &usize| match (spans(*at, *other), spans(*at, file)) {
                (Some(a), Some(b)) => a.meets(&b),
                _ => false,
            };
            if which.iter().all(meets) {
                found.push((*other, file));
            }
        }
        if span.length > 0 {
            active.push((span, file));
        }
    }
    found
}

fn overlap(archive: &Archive<'_>, axes: &[United], which: &[usize], a: usize, b: usize) -> Option<Conflict> {
    let is_new = |at: &&usize| matches!(axes[**at].candidate.kind, Kind::Facet(_));
    let axis = &axes[*which.iter().find(|at| !is_new(at)).or(which.first())?];
    let (before, after) = (axis.spans[a]?, axis.spans[b]?);
    Some(conflict(
        ConflictKind::Overlap,
        axis.candidate.path(),
        names(archive.files, &[a, b]),
        format!("values after {}, the last one of the file before", axis.show(before.last)),
        format!("{} to {}", axis.show(after.first), axis.show(after.last)),
        remedy(archive, axis, a, b),
    ))
}

/// The most bytes of a variable that are compared to say more about an overlap.
const COMPARED: u64 = 4 << 20;

fn remedy(archive: &Archive<'_>, axis: &United, a: usize, b: usize) -> &'static str {
    match hold_the_same(archive, axis, a, b) {
        Some(true) => {
            "both files hold the same values there: keep one's with aggregate.on_overlap: keep-last, or leave one out with sources.exclude"
        }
        Some(false) => {
            "the files hold different values there: leave one out with sources.exclude, or say which is right with aggregate.on_overlap: \
             keep-last or keep-first, by the order of their names"
        }
        None => {
            "two files hold the same stretch: leave one out with sources.exclude, or say which is kept with aggregate.on_overlap: \
             keep-last or keep-first, by the order of their names"
        }
    }
}

/// Whether the data of two files are bit by bit the same at the steps that both have; `None` if they are too many to compare, or stored in
/// different ways.
fn hold_the_same(archive: &Archive<'_>, axis: &United, a: usize, b: usize) -> Option<bool> {
    let (x, y) = (axis.spans[a]?, axis.spans[b]?);
    let (first, last) = (x.first.max(y.first), x.last.min(y.last));
    let start_in = |file: usize| axis.places(file).iter().position(|place| *place == first);
    if x.reversed || y.reversed || !x.is_unbroken() || !y.is_unbroken() {
        return None;
    }
    let (from, to) = (start_in(a)? as u64, start_in(b)? as u64);
    let mut same = true;
    for (path, holders) in data_variables(archive) {
        let of = |file: usize| holders.iter().find(|(holder, _)| *holder == file).map(|(_, variable)| *variable);
        let (Some(v), Some(w)) = (of(a), of(b)) else { continue };
        let slab = |file: usize, variable: &FileVariable, start: u64| {
            let at = variable.dimensions.iter().position(|name| *name == axis.candidate.dimension);
            let (mut begin, mut count) = (vec![0; variable.grid.shape.len()], variable.grid.shape.clone());
            if let Some(at) = at {
                (begin[at], count[at]) = (start, last - first + 1);
            }
            let elements = count.iter().try_fold(1u64, |product, length| product.checked_mul(*length))?;
            let bytes = elements.checked_mul(variable.data_type.size()? as u64)?;
            let source = archive.sources;
            (bytes <= COMPARED).then(|| source.slab(archive.files[file], &path, &begin, &count).ok())?
        };
        if v.data_type != w.data_type || v.dimensions != w.dimensions {
            return None;
        }
        same &= slab(a, v, from)? == slab(b, w, to)?;
    }
    Some(same)
}
