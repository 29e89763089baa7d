//! What lies between one file and the next, and files that run the other way.

use super::super::conflict::Report;
use super::union::{Span, United};
use super::{Archive, Kind, conflict, file_name, names};
use crate::model::recipe::OnGap;
use crate::model::{ConflictKind, Note};

/// Looks for gaps along an axis, and for reversed files.
pub(super) fn check(archive: &Archive<'_>, axis: &United, report: &mut Report) {
    if axis.candidate.kind == Kind::Scalar {
        let message = format!("each file holds one as a scalar: it becomes a dimension of {} steps", axis.length());
        report.notes.push(Note::new("scalar_joined", message).about(axis.candidate.path()));
    }
    for (before, after) in gaps(axis) {
        let (a, b) = (axis.show(before.1.last), axis.show(after.1.first));
        match archive.settings.on_gap {
            OnGap::Report => {
                let (first, second) = (file_name(archive.files[before.0]), file_name(archive.files[after.0]));
                let message = format!("nothing between {a} ({first}) and {b} ({second})");
                report.notes.push(Note::new("gap", message).about(axis.candidate.path()));
            }
            OnGap::Error => report.conflicts.push(conflict(
                ConflictKind::Gap,
                axis.candidate.path(),
                names(archive.files, &[before.0, after.0]),
                format!("a value soon after {a}"),
                b,
                "add the files that are missing, or allow gaps with aggregate.on_gap: report",
            )),
        }
    }
    let reversed: Vec<usize> =
        (0..archive.files.len()).filter(|file| axis.spans[*file].is_some_and(|span| span.reversed)).collect();
    if let Some(first) = reversed.first() {
        let others = if reversed.len() > 1 { format!(" and {} more files", reversed.len() - 1) } else { String::new() };
        let message = format!("{}{others} run the other way and are turned round", file_name(archive.files[*first]));
        report.notes.push(Note::new("reversed_file", message).about(axis.candidate.path()));
    }
}

type Placed = (usize, Span);

/// Neighbours, each a file and where it stands, between which something seems to be missing.
pub(super) fn gaps(axis: &United) -> Vec<(Placed, Placed)> {
    if !matches!(axis.candidate.kind, Kind::Coordinate { .. } | Kind::Scalar) || axis.distance(0).is_none() {
        return Vec::new();
    }
    let mut placed: Vec<Placed> =
        axis.spans.iter().enumerate().filter_map(|(file, span)| Some((file, span.filter(|s| s.length > 0)?))).collect();
    placed.sort_by_key(|(file, span)| (span.first, span.last, *file));
    let step = |place: u64| Some((axis.distance(place + 1)? - axis.distance(place)?).abs());
    let (mut within, mut between) = (None::<f64>, Vec::new());
    let mut furthest: Option<Placed> = None;
    for (file, span) in placed {
        if let Some(before) = furthest.filter(|before| span.first > before.1.last)
            && let Some(step) = step(before.1.last)
        {
            between.push((before, (file, span), step));
        }
        // What reaches no further than the files before has been looked at.
        let from = furthest.map_or(span.first, |(_, before)| span.first.max(before.last));
        within = (from..span.last).filter_map(step).fold(within, |most, step| Some(most.map_or(step, |m| m.max(step))));
        if furthest.is_none_or(|(_, before)| span.last > before.last) {
            furthest = Some((file, span));
        }
    }
    let usual = within.unwrap_or_else(|| {
        let mut steps: Vec<f64> = between.iter().map(|(_, _, step)| *step).collect();
        steps.sort_by(f64::total_cmp);
        steps.get(steps.len() / 2).copied().unwrap_or(f64::INFINITY)
    });
    between.into_iter().filter(|(_, _, step)| *step > 1.5 * usual).map(|(before, after, _)| (before, after)).collect()
}
