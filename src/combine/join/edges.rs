//! What lies between one file and the next, and files that run the other way.

use super::super::conflict::Report;
use super::union::{self, Span, United};
use super::{Archive, Candidate, Kind, candidates, conflict, file_name, frequency, names};
use crate::model::recipe::OnGap;
use crate::model::{ConflictKind, Note};

/// Looks for gaps along an axis, and for reversed files.
pub(super) fn check(archive: &Archive<'_>, axis: &United, report: &mut Report) {
    if axis.candidate.kind == Kind::Scalar {
        let message = format!("each file holds one as a scalar: it becomes a dimension of {} steps", axis.length());
        report.notes.push(Note::new("scalar_joined", message).about(axis.candidate.path()));
    }
    let (found, step) = match by_statement(archive, axis) {
        Some((found, step)) => (found, format!(" (frequency {step})")),
        None => (by_regular_step(axis).unwrap_or_else(|| gaps(axis)), String::new()),
    };
    for gap in found.iter().take(TOLD) {
        let (a, b) = (axis.show(gap.before.1), axis.show(gap.after.1));
        let missing =
            format!("{} {}{step} missing", gap.missing, if gap.missing == 1 { "step is" } else { "steps are" });
        match archive.settings.on_gap {
            OnGap::Report => {
                let (first, second) = (file_name(archive.files[gap.before.0]), file_name(archive.files[gap.after.0]));
                let message = format!("nothing between {a} ({first}) and {b} ({second}): {missing}");
                report.notes.push(Note::new("gap", message).about(axis.candidate.path()));
            }
            OnGap::Error => report.conflicts.push(conflict(
                ConflictKind::Gap,
                axis.candidate.path(),
                names(archive.files, &[gap.before.0, gap.after.0]),
                format!("a value soon after {a}"),
                format!("{b}, {missing}"),
                "add the files that are missing, or allow gaps with aggregate.on_gap: report",
            )),
        }
    }
    if found.len() > TOLD && archive.settings.on_gap == OnGap::Report {
        let message = format!("and {} more stretches are missing", found.len() - TOLD);
        report.notes.push(Note::new("gap", message).about(axis.candidate.path()));
    }
    let reversed: Vec<usize> =
        (0..archive.files.len()).filter(|file| axis.spans[*file].is_some_and(|span| span.reversed)).collect();
    if let Some(first) = reversed.first() {
        let others = if reversed.len() > 1 { format!(" and {} more files", reversed.len() - 1) } else { String::new() };
        let message = format!("{}{others} run the other way and are turned round", file_name(archive.files[*first]));
        report.notes.push(Note::new("reversed_file", message).about(axis.candidate.path()));
    }
}

/// The most gaps of an axis that are told one by one.
const TOLD: usize = 20;

/// How much longer than expected a step may be before something is missing.
const TOLERANCE: f64 = 1.5;

type Placed = (usize, Span);

/// Two places of an axis, each with a file that has it, between which something is missing.
#[derive(Debug)]
pub(super) struct Gap {
    before: (usize, u64),
    after: (usize, u64),
    /// How many steps.
    missing: u64,
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` saturates, and steps are not negative
fn count(step: f64, usual: f64) -> u64 {
    ((step / usual).round() as u64).saturating_sub(1).max(1)
}

/// Looks for gaps within the times of a single file; `None` if they are forbidden, and there are some.
pub(super) fn check_alone(archive: &Archive<'_>, report: &mut Report) -> Option<()> {
    let mut tried = Report::default();
    let candidates = candidates::all(archive, &mut tried).unwrap_or_default();
    let before = report.conflicts.len();
    for candidate in candidates.into_iter().filter(Candidate::is_time_like) {
        // Times in no order are no matter of a join.
        if let Some(axis) = union::unite(archive.files, candidate, &mut tried).filter(|axis| axis.length() > 1) {
            check(archive, &axis, report);
        }
    }
    (report.conflicts.len() == before).then_some(())
}

/// The gaps between times whose step the files state, between files and within them; `None` if they state none, or not their own.
fn by_statement(archive: &Archive<'_>, axis: &United) -> Option<(Vec<Gap>, String)> {
    let expected = frequency::stated(archive.files).filter(|_| axis.candidate.is_time_like())?;
    let holder = |place: u64| Some((axis.holders.get(usize::try_from(place).ok()?)?.0, place));
    let gap = |place: u64| {
        let step = (axis.distance(place + 1)? - axis.distance(place)?).abs();
        let missing = count(step, expected.usual);
        (step > TOLERANCE * expected.longest)
            .then(|| Some(Gap { before: holder(place)?, after: holder(place + 1)?, missing }))?
    };
    axis.distance(0)?;
    let steps = axis.length().saturating_sub(1);
    let found: Vec<Gap> = (0..steps).filter_map(gap).collect();
    (found.len() as u64 * 2 <= steps).then_some((found, expected.name))
}

/// The part of the steps that must be alike for times to be regular.
const REGULAR: f64 = 0.75;

/// By how much steps differ that are alike: months have 28 to 31 days.
const ALIKE: f64 = 0.1;

/// The gaps of times that mostly follow each other at one step, between files and within them; `None` if they do not.
#[allow(clippy::cast_precision_loss)]
fn by_regular_step(axis: &United) -> Option<Vec<Gap>> {
    let is_axis_of_times = axis.candidate.is_time_like() && matches!(axis.candidate.kind, Kind::Coordinate { .. });
    let step = |place: u64| Some((axis.distance(place + 1)? - axis.distance(place)?).abs());
    let steps: Vec<f64> = (0..axis.length().saturating_sub(1)).map(step).collect::<Option<_>>()?;
    let mut sorted = steps.clone();
    sorted.sort_by(f64::total_cmp);
    let usual = *sorted.get(sorted.len() / 2).filter(|_| is_axis_of_times && sorted.len() >= 3)?;
    let alike = steps.iter().filter(|step| (*step - usual).abs() <= ALIKE * usual).count();
    if (alike as f64) < REGULAR * steps.len() as f64 {
        return None;
    }
    let holder = |place: u64| Some((axis.holders.get(usize::try_from(place).ok()?)?.0, place));
    let gap = |(place, step): (u64, &f64)| {
        let missing = count(*step, usual);
        (*step > TOLERANCE * usual).then(|| Some(Gap { before: holder(place)?, after: holder(place + 1)?, missing }))?
    };
    Some((0..).zip(&steps).filter_map(gap).collect())
}

/// Neighbours between which something seems to be missing: the step is longer than any within a file.
pub(super) fn gaps(axis: &United) -> Vec<Gap> {
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
    let gap = |(before, after, step): (Placed, Placed, f64)| Gap {
        before: (before.0, before.1.last),
        after: (after.0, after.1.first),
        missing: count(step, usual),
    };
    between.into_iter().filter(|(_, _, step)| *step > TOLERANCE * usual).map(gap).collect()
}
