//! The values of all files along one dimension, each once and in order, and where each file stands among them.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::super::axis::Axis;
use super::super::conflict::Report;
use super::{Candidate, Kind, conflict, names};
use crate::model::label::natural_order;
use crate::model::{Conflict, ConflictKind, FileIndex, Note};

/// How far a file reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    /// The place of its least value.
    pub(super) first: u64,
    /// The place of its greatest value.
    pub(super) last: u64,
    /// The number of its values.
    pub(super) length: u64,
    pub(super) reversed: bool,
}

impl Span {
    pub(super) fn is_unbroken(&self) -> bool {
        self.length == 0 || self.last - self.first + 1 == self.length
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        self.length > 0 && other.length > 0 && self.first <= other.last && other.first <= self.last
    }
}

/// A candidate whose values are put together.
#[derive(Debug)]
pub(super) struct United {
    pub(super) candidate: Candidate,
    /// For each place, a file that has its value, and where.
    pub(super) holders: Vec<(usize, usize)>,
    /// For each file.
    pub(super) spans: Vec<Option<Span>>,
    /// Where the values of each class are, in the order of the file.
    places: Vec<Vec<u64>>,
    class_of: Vec<Option<usize>>,
}

impl United {
    pub(super) fn length(&self) -> u64 {
        self.holders.len() as u64
    }

    /// Where the values of a file are, in its order.
    pub(super) fn places(&self, file: usize) -> &[u64] {
        self.class_of[file].map_or(&[], |class| &self.places[class])
    }

    pub(super) fn show(&self, place: u64) -> String {
        let holder = usize::try_from(place).ok().and_then(|place| self.holders.get(place));
        holder.map_or_else(String::new, |(file, at)| self.candidate.show(*file, *at))
    }

    /// A value as a number that subtracts; `None` for labels.
    pub(super) fn distance(&self, place: u64) -> Option<f64> {
        let (origin, _) = self.holders.first()?;
        let (file, at) = self.holders.get(usize::try_from(place).ok()?)?;
        self.candidate.axes[*file].as_ref()?.distance(*at, self.candidate.axes[*origin].as_ref()?)
    }
}

/// Files with the same values.
struct Class {
    keys: Vec<i64>,
    /// The first file that has them.
    file: usize,
    /// Whether they rise; `None` for fewer than two.
    rising: Option<bool>,
}

/// One value of a class.
struct Point {
    key: i64,
    class: usize,
    at: usize,
}

/// Puts the values of all files together. `None` if a file's values are in no order, or of another calendar; the report says so.
pub(super) fn unite(files: &[&FileIndex], candidate: Candidate, report: &mut Report) -> Option<United> {
    let before = report.conflicts.len();
    report.conflicts.extend(differing_calendar(files, &candidate));
    let texts = all_texts(&candidate);
    let ranks: BTreeMap<&str, i64> = texts.iter().map(String::as_str).zip(0..).collect();
    let (classes, class_of) = classes(files, &candidate, &ranks, report);
    if report.conflicts.len() > before {
        return None;
    }
    let rising = match candidate.kind {
        Kind::Coordinate { .. } => class_of.iter().flatten().find_map(|class| classes[*class].rising).unwrap_or(true),
        _ => true,
    };
    let places = places(&candidate, &classes, rising);
    let spans: Vec<Span> =
        classes.iter().zip(&places.of_classes).map(|(class, places)| span(class, places, rising)).collect();
    let spans = class_of.iter().map(|class| class.map(|class| spans[class])).collect();
    let holders = places.holders.iter().map(|(class, at)| (classes[*class].file, *at)).collect();
    Some(United { candidate, holders, spans, places: places.of_classes, class_of })
}

fn all_texts(candidate: &Candidate) -> Vec<String> {
    let mut texts: Vec<String> = candidate
        .present()
        .flat_map(|(_, axis)| if let Axis::Texts(texts) = axis { texts.clone() } else { Vec::new() })
        .collect();
    texts.sort_by(|a, b| natural_order(a, b));
    texts.dedup();
    texts
}

/// The distinct values of files, and which each file has.
fn classes(
    files: &[&FileIndex],
    candidate: &Candidate,
    ranks: &BTreeMap<&str, i64>,
    report: &mut Report,
) -> (Vec<Class>, Vec<Option<usize>>) {
    let mut classes: Vec<Class> = Vec::new();
    let mut known: HashMap<Vec<i64>, usize> = HashMap::new();
    let mut class_of = vec![None; files.len()];
    for (file, axis) in candidate.present() {
        if axis.len() == 0 {
            report.notes.push(
                Note::new("empty_file", format!("{} holds no step", files[file].source.url)).about(candidate.path()),
            );
        }
        let keys = axis.keys(ranks);
        if let Some(class) = known.get(&keys) {
            class_of[file] = Some(*class);
            continue;
        }
        match direction(axis, &keys) {
            Ok(rising) => {
                class_of[file] = Some(classes.len());
                known.insert(keys.clone(), classes.len());
                classes.push(Class { keys, file, rising });
            }
            Err((kind, at)) => report.conflicts.push(unordered(files, candidate, file, kind, at)),
        }
    }
    (classes, class_of)
}

fn unordered(files: &[&FileIndex], candidate: &Candidate, file: usize, kind: ConflictKind, at: usize) -> Conflict {
    let before = at.saturating_sub(1);
    let (here, there) = (candidate.show(file, at), candidate.show(file, before));
    conflict(
        kind,
        candidate.path(),
        names(files, &[file]),
        "values that only rise or only fall",
        format!("{here} at index {at} after {there} at index {before}"),
        "correct the file, or leave it out with sources.exclude",
    )
}

/// Whether an axis rises; `None` for fewer than two values.
fn direction(axis: &Axis, keys: &[i64]) -> Result<Option<bool>, (ConflictKind, usize)> {
    if let Axis::Floats(values) = axis
        && let Some(at) = values.iter().position(|value| !value.is_finite())
    {
        return Err((ConflictKind::Coordinate, at));
    }
    let mut rising = None;
    for (at, pair) in keys.windows(2).enumerate() {
        if pair[0] == pair[1] {
            return Err((ConflictKind::Duplicate, at + 1));
        }
        if *rising.get_or_insert(pair[1] > pair[0]) != (pair[1] > pair[0]) {
            return Err((ConflictKind::Unordered, at + 1));
        }
    }
    Ok(rising)
}

fn differing_calendar(files: &[&FileIndex], candidate: &Candidate) -> Option<Conflict> {
    let calendar = |axis: &Axis| match axis {
        Axis::Instants(calendar, values) if !values.is_empty() => Some(*calendar),
        _ => None,
    };
    let mut present = candidate.present().filter_map(|(file, axis)| Some((file, calendar(axis)?)));
    let (first, expected) = present.next()?;
    let (other, found) = present.find(|(_, found)| *found != expected)?;
    Some(conflict(
        ConflictKind::Calendar,
        candidate.path(),
        names(files, &[first, other]),
        format!("the calendar {expected}"),
        format!("the calendar {found}"),
        "dates of two calendars cannot stand on one axis: let the item pattern tell these files apart",
    ))
}

/// The axis, and where the values of each class are on it.
struct Places {
    holders: Vec<(usize, usize)>,
    of_classes: Vec<Vec<u64>>,
}

fn places(candidate: &Candidate, classes: &[Class], rising: bool) -> Places {
    let count = classes.iter().map(|class| class.keys.len()).sum();
    let mut points: Vec<Point> = Vec::with_capacity(count);
    for (class, found) in classes.iter().enumerate() {
        points.extend(found.keys.iter().enumerate().map(|(at, key)| Point { key: *key, class, at }));
    }
    points.sort_by_key(|point| (point.key, classes[point.class].file));
    // Runs of points that are one value: equal ones, or floats that differ by rounding. A file has no value twice.
    let is_one = |run: &[Point], point: &Point| {
        run.iter().all(|other| other.class != point.class)
            && run.first().is_some_and(|first| is_same(candidate, classes, first, point))
    };
    let mut runs: Vec<Range<usize>> = Vec::with_capacity(points.len());
    for (number, point) in points.iter().enumerate() {
        match runs.last_mut().filter(|run| is_one(&points[run.start..run.end], point)) {
            Some(run) => run.end = number + 1,
            None => runs.push(number..number + 1),
        }
    }
    if !rising {
        runs.reverse();
    }
    let runs = || runs.iter().map(|run| &points[run.start..run.end]);
    let mut of_classes: Vec<Vec<u64>> = classes.iter().map(|class| vec![0; class.keys.len()]).collect();
    for (place, run) in (0u64..).zip(runs()) {
        for point in run {
            of_classes[point.class][point.at] = place;
        }
    }
    let first = |run: &[Point]| run.iter().min_by_key(|point| classes[point.class].file).map(|p| (p.class, p.at));
    Places { holders: runs().filter_map(first).collect(), of_classes }
}

fn is_same(candidate: &Candidate, classes: &[Class], a: &Point, b: &Point) -> bool {
    if a.key == b.key {
        return true;
    }
    let values = |point: &Point| match &candidate.axes[classes[point.class].file] {
        Some(Axis::Floats(values)) => Some(values),
        _ => None,
    };
    let (Some(x), Some(y)) = (values(a), values(b)) else { return false };
    super::super::tolerance::is_close((x, a.at), (y, b.at))
}

fn span(class: &Class, places: &[u64], rising: bool) -> Span {
    let (first, last) = (places.iter().min().copied().unwrap_or(0), places.iter().max().copied().unwrap_or(0));
    Span { first, last, length: places.len() as u64, reversed: class.rising.is_some_and(|own| own != rising) }
}
