//! From united values to axes and places.

use super::union::United;
use super::{Archive, Join, JoinAxis, Stretch, conflict, names};
use crate::model::{Conflict, ConflictKind};

/// Reports files between whose values other files have some.
pub(super) fn check_unbroken(archive: &Archive<'_>, axes: &[United], report: &mut super::Report) {
    report.conflicts.extend(axes.iter().filter_map(|axis| broken(archive, axis)));
}

fn broken(archive: &Archive<'_>, axis: &United) -> Option<Conflict> {
    let (file, span) =
        axis.spans.iter().enumerate().find_map(|(file, span)| Some((file, span.filter(|s| !s.is_unbroken())?)))?;
    // The first value between the file's own that it does not have.
    let own = &axis.candidate.axes[file].as_ref()?;
    let shown: std::collections::HashSet<String> = (0..own.len()).map(|at| own.show(at)).collect();
    let between = (span.first..=span.last).find(|place| !shown.contains(&axis.show(*place)))?;
    let other = axis.holders.get(usize::try_from(between).ok()?)?.0;
    Some(conflict(
        ConflictKind::Coordinate,
        axis.candidate.path(),
        names(archive.files, &[file, other]),
        format!("no other values between {} and {}", axis.show(span.first), axis.show(span.last)),
        axis.show(between),
        "variables at other times or places are not one dataset: let the item pattern tell these files apart",
    ))
}

/// The order of the files by where they stand, and the join in that order.
pub(super) fn arranged(axes: &[United], count: usize) -> (Vec<usize>, Join) {
    let place = |file: usize| -> Vec<Option<Stretch>> {
        let stretch = |axis: &United| {
            let span = axis.spans[file]?;
            Some(Stretch { start: span.first, length: span.length, reversed: span.reversed })
        };
        axes.iter().map(stretch).collect()
    };
    let start = |file: usize| -> Vec<u64> {
        let start =
            |axis: &United| axis.spans[file].map_or(u64::MAX, |span| if span.length == 0 { 0 } else { span.first });
        axes.iter().map(start).collect()
    };
    let mut order: Vec<usize> = (0..count).collect();
    // Files without values come first.
    order.sort_by_cached_key(|file| {
        let is_filled = axes.iter().all(|axis| axis.spans[*file].is_none_or(|span| span.length > 0));
        (start(*file), is_filled, *file)
    });
    let joined = |axis: &United| JoinAxis {
        group: axis.candidate.group.clone(),
        dimension: axis.candidate.dimension.clone(),
        kind: axis.candidate.kind.clone(),
        length: axis.length(),
    };
    let places = order.iter().map(|file| place(*file)).collect();
    (order, Join { axes: axes.iter().map(joined).collect(), places, is_merged: false })
}
