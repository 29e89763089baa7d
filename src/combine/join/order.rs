//! The order of the files by their values, and what lies between one file and the next.

use super::super::axis::Axis;
use super::super::conflict::Report;
use super::{Candidate, conflict, file_name, names};
use crate::model::recipe::OnGap;
use crate::model::{Conflict, ConflictKind, FileIndex, Note};

/// The files' numbers in the order of the join; checks each file's own values on the way.
pub(super) fn sorted(files: &[&FileIndex], candidate: &Candidate, report: &mut Report) -> Option<Vec<usize>> {
    let before = report.conflicts.len();
    report.conflicts.extend(differing_calendar(files, candidate));
    let origin = candidate.origin();
    let mut directions = Vec::new();
    for (file, axis) in candidate.axes.iter().enumerate() {
        match direction(axis, origin) {
            Ok(direction) => directions.extend(direction.map(|up| (up, file))),
            Err((kind, at)) => report.conflicts.push(conflict(
                kind,
                candidate.path(),
                names(files, &[file]),
                "values that only rise or only fall".into(),
                format!(
                    "{} at index {} after {} at index {}",
                    axis.show(at),
                    at,
                    axis.show(at.saturating_sub(1)),
                    at.saturating_sub(1)
                ),
                "correct the file, or leave it out with sources.exclude",
            )),
        }
        if axis.len() == 0 {
            report.notes.push(
                Note::new("empty_file", format!("{} holds no step", files[file].source.url)).about(candidate.path()),
            );
        }
    }
    let rising = directions.first().is_none_or(|(up, _)| *up);
    if let Some((_, file)) = directions.iter().find(|(up, _)| *up != rising) {
        report.conflicts.push(conflict(
            ConflictKind::Unordered,
            candidate.path(),
            names(files, &[directions[0].1, *file]),
            if rising { "rising values" } else { "falling values" }.into(),
            if rising { "falling values" } else { "rising values" }.into(),
            "files that run in opposite directions cannot be joined",
        ));
    }
    if report.conflicts.len() > before {
        return None;
    }
    let start = |file: &usize| candidate.axes[*file].distance(0, origin).unwrap_or(f64::NEG_INFINITY);
    let mut order: Vec<usize> = (0..files.len()).collect();
    order.sort_by(|a, b| start(a).total_cmp(&start(b)));
    if !rising {
        order.reverse();
    }
    Some(order)
}

fn differing_calendar(files: &[&FileIndex], candidate: &Candidate) -> Option<Conflict> {
    let calendar = |axis: &Axis| match axis {
        Axis::Instants(calendar, _) => Some(*calendar),
        _ => None,
    };
    let first = calendar(&candidate.axes[0])?;
    let other = candidate.axes.iter().position(|axis| calendar(axis) != Some(first))?;
    Some(conflict(
        ConflictKind::Calendar,
        candidate.path(),
        names(files, &[0, other]),
        format!("the calendar {first}"),
        calendar(&candidate.axes[other]).map_or_else(String::new, |found| format!("the calendar {found}")),
        "dates of two calendars cannot stand on one axis: let the item pattern tell these files apart",
    ))
}

/// Whether an axis rises; `None` for fewer than two values.
fn direction(axis: &Axis, origin: &Axis) -> Result<Option<bool>, (ConflictKind, usize)> {
    let mut rising = None;
    let mut last = f64::NAN;
    for at in 0..axis.len() {
        let value =
            axis.distance(at, origin).filter(|value| value.is_finite()).ok_or((ConflictKind::Coordinate, at))?;
        if at > 0 {
            if value == last {
                return Err((ConflictKind::Duplicate, at));
            }
            if *rising.get_or_insert(value > last) != (value > last) {
                return Err((ConflictKind::Unordered, at));
            }
        }
        last = value;
    }
    Ok(rising)
}

/// Looks for overlaps and gaps between one file and the next.
pub(super) fn check_edges(files: &[&FileIndex], candidate: &Candidate, on_gap: OnGap, report: &mut Report) {
    let origin = candidate.origin();
    let value = |file: usize, at: usize| candidate.axes[file].distance(at, origin).unwrap_or(f64::NAN);
    let filled: Vec<usize> = (0..files.len()).filter(|file| candidate.axes[*file].len() > 0).collect();
    let last = |file: usize| candidate.axes[file].len() - 1;
    let rising = filled.iter().zip(filled.iter().skip(1)).all(|(a, b)| value(*a, 0) <= value(*b, 0));
    let mut steps = Vec::new();
    for (before, after) in filled.iter().copied().zip(filled.iter().copied().skip(1)) {
        let step = value(after, 0) - value(before, last(before));
        let step = if rising { step } else { -step };
        if step <= 0.0 {
            let (a, b) = (&candidate.axes[before], &candidate.axes[after]);
            report.conflicts.push(conflict(
                ConflictKind::Overlap,
                candidate.path(),
                names(files, &[before, after]),
                format!("values after {}, the last one of the file before", a.show(last(before))),
                format!("{} to {}", b.show(0), b.show(last(after))),
                "two files hold the same stretch: leave one out with sources.exclude",
            ));
        }
        steps.push((before, after, step));
    }
    let usual = usual_step(&candidate.axes, origin, &steps);
    for (before, after, _) in steps.into_iter().filter(|(_, _, step)| *step > 1.5 * usual) {
        let (a, b) = (candidate.axes[before].show(last(before)), candidate.axes[after].show(0));
        match on_gap {
            OnGap::Report => report.notes.push(
                Note::new(
                    "gap",
                    format!("nothing between {a} ({}) and {b} ({})", file_name(files[before]), file_name(files[after])),
                )
                .about(candidate.path()),
            ),
            OnGap::Error => report.conflicts.push(conflict(
                ConflictKind::Gap,
                candidate.path(),
                names(files, &[before, after]),
                format!("a value soon after {a}"),
                b,
                "add the files that are missing, or allow gaps with aggregate.on_gap: report",
            )),
        }
    }
}

/// The longest step within the files; where each holds one value only, the median step between them.
fn usual_step(axes: &[Axis], origin: &Axis, between: &[(usize, usize, f64)]) -> f64 {
    let within = axes.iter().flat_map(|axis| {
        (1..axis.len()).filter_map(|at| Some((axis.distance(at, origin)? - axis.distance(at - 1, origin)?).abs()))
    });
    within.reduce(f64::max).unwrap_or_else(|| {
        let mut steps: Vec<f64> = between.iter().map(|(_, _, step)| *step).collect();
        steps.sort_by(f64::total_cmp);
        steps.get(steps.len() / 2).copied().unwrap_or(f64::INFINITY)
    })
}
