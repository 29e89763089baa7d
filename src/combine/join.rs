//! Along which dimension the files follow each other, and in which order.

use std::collections::BTreeSet;

use super::SourceValues;
use super::axis::{Axis, is_time_like};
use super::conflict::Report;
use crate::model::recipe::{AggregateSettings, Along, OnGap};
use crate::model::{
    Array, Conflict, ConflictKind, DimensionName, FileGroup, FileIndex, FileVariable, Note, VariableName, VariablePath,
};

/// How files follow each other along a dimension.
#[derive(Debug)]
pub(super) struct Join {
    /// The path of the group that defines the dimension.
    pub(super) group: String,
    pub(super) dimension: DimensionName,
    /// The length of the dimension in each file, in the order of the join.
    pub(super) lengths: Vec<u64>,
}

impl Join {
    pub(super) fn length(&self) -> u64 {
        self.lengths.iter().sum()
    }

    /// Which dimension of a variable is the join's, if one is.
    pub(super) fn axis_of(&self, root: &FileGroup, path: &VariablePath, variable: &FileVariable) -> Option<usize> {
        let axis = variable.dimensions.iter().position(|name| *name == self.dimension)?;
        (defining_group(root, path, &self.dimension)? == self.group).then_some(axis)
    }
}

/// The path of the nearest group, from the variable's own upwards, that defines a dimension.
pub(super) fn defining_group<'a>(root: &'a FileGroup, path: &VariablePath, name: &DimensionName) -> Option<&'a str> {
    let mut nearest = None;
    let mut group = Some(root);
    let mut pieces = path.key().split('/').peekable();
    while let Some(here) = group {
        if here.dimensions.contains_key(name) {
            nearest = Some(here.path.as_str());
        }
        group = pieces.next().filter(|_| pieces.peek().is_some()).and_then(|piece| here.groups.get(piece));
    }
    nearest
}

/// The length of a dimension as a variable at a path sees it.
pub(super) fn length(root: &FileGroup, path: &VariablePath, name: &DimensionName) -> Option<u64> {
    let group = super::find_group(root, defining_group(root, path, name)?)?;
    group.dimensions.get(name).map(|dimension| dimension.length)
}

/// A dimension with the values of its coordinate in every file.
struct Candidate {
    group: String,
    dimension: DimensionName,
    time_like: bool,
    axes: Vec<Axis>,
}

impl Candidate {
    fn path(&self) -> String {
        format!("{}/{}", self.group.trim_end_matches('/'), self.dimension).trim_start_matches('/').to_owned()
    }

    /// The first file's values; those of a file that holds some, if it is empty.
    fn origin(&self) -> &Axis {
        self.axes.iter().find(|axis| axis.len() > 0).unwrap_or(&self.axes[0])
    }

    /// The first file whose values differ from those of the first one, and where.
    fn first_difference(&self) -> Option<(usize, usize)> {
        let (first, others) = self.axes.split_first()?;
        others.iter().enumerate().find_map(|(at, axis)| Some((at + 1, first.first_difference(axis)?)))
    }
}

/// Orders the files; `None` if they do not follow each other, the reasons are in the report then.
pub(super) fn order<'a>(
    files: &[&'a FileIndex],
    settings: &AggregateSettings,
    sources: &dyn SourceValues,
    report: &mut Report,
) -> Option<(Vec<&'a FileIndex>, Option<Join>)> {
    match files {
        [] => return None,
        [_] => return Some((files.to_vec(), None)),
        _ => {}
    }
    if let Some(conflict) = differing_variables(files) {
        report.conflicts.push(conflict);
        return None;
    }
    let candidates = candidates(files, sources, report)?;
    let chosen = choose(files, candidates, settings, report)?;
    let order = sorted(files, &chosen, report)?;
    let ordered = Candidate { axes: order.iter().map(|at| chosen.axes[*at].clone()).collect(), ..chosen };
    let files: Vec<&FileIndex> = order.iter().map(|at| files[*at]).collect();
    check_edges(&files, &ordered, settings.on_gap, report);
    if !report.conflicts.is_empty() {
        return None;
    }
    let lengths = ordered.axes.iter().map(|axis| axis.len() as u64).collect();
    Some((files, Some(Join { group: ordered.group, dimension: ordered.dimension, lengths })))
}

fn conflict(
    kind: ConflictKind,
    variable: String,
    files: Vec<String>,
    expected: String,
    found: String,
    remedy: &str,
) -> Conflict {
    Conflict { kind, variable: Some(variable), files, expected, found, remedy: remedy.into() }
}

/// The last piece of a file's path.
fn file_name(file: &FileIndex) -> String {
    let url = file.source.url.to_string();
    url.rsplit('/').next().unwrap_or(&url).to_owned()
}

fn names(files: &[&FileIndex], which: &[usize]) -> Vec<String> {
    which.iter().filter_map(|at| files.get(*at)).map(|file| file.source.url.to_string()).collect()
}

/// Files that each have a variable which the other lacks are not parts of one dataset, whatever their coordinates are.
fn differing_variables(files: &[&FileIndex]) -> Option<Conflict> {
    let paths = |file: &FileIndex| -> BTreeSet<VariablePath> {
        file.root.all_variables().into_iter().map(|(path, _)| path).collect()
    };
    let first = paths(files.first()?);
    files.iter().enumerate().skip(1).find_map(|(at, file)| {
        let other = paths(file);
        let show = |ours: &BTreeSet<VariablePath>, theirs: &BTreeSet<VariablePath>| {
            let only: Vec<&str> = ours.difference(theirs).map(VariablePath::key).take(5).collect();
            (!only.is_empty()).then(|| only.join(", "))
        };
        Some(Conflict {
            kind: ConflictKind::Variable,
            variable: None,
            files: names(files, &[0, at]),
            expected: format!("the variables of the first file, among them {}", show(&first, &other)?),
            found: format!("{} in their place", show(&other, &first)?),
            remedy: "let the item pattern tell these files apart, so that each variable is an item of its own".into(),
        })
    })
}

fn groups(root: &FileGroup) -> Vec<&FileGroup> {
    let mut found = vec![root];
    let mut next = 0;
    while let Some(group) = found.get(next).copied() {
        found.extend(group.groups.values());
        next += 1;
    }
    found
}

/// Every dimension that has a coordinate in all files; dimensions without one must have one length.
fn candidates(files: &[&FileIndex], sources: &dyn SourceValues, report: &mut Report) -> Option<Vec<Candidate>> {
    let (first, before) = (files.first()?, report.conflicts.len());
    let mut found = Vec::new();
    for group in groups(&first.root) {
        for (name, dimension) in &group.dimensions {
            let own = coordinate(files, &group.path, name, sources);
            let by_time = match &own {
                Some((true, _)) => None,
                _ => auxiliary_time(files, group, name, sources),
            };
            match by_time.map(|axes| (true, axes)).or(own) {
                Some((time_like, axes)) => {
                    found.push(Candidate { group: group.path.clone(), dimension: name.clone(), time_like, axes });
                }
                None => {
                    let length = |file: &&FileIndex| {
                        Some(super::find_group(&file.root, &group.path)?.dimensions.get(name)?.length)
                    };
                    if let Some(other) = files.iter().position(|file| length(file) != Some(dimension.length)) {
                        let other_length = length(&files[other]);
                        report.conflicts.push(conflict(
                            ConflictKind::Shape,
                            name.to_string(),
                            names(files, &[0, other]),
                            format!("a length of {} for the dimension, which has no coordinate variable", dimension.length),
                            other_length.map_or_else(|| "no such dimension".into(), |length| length.to_string()),
                            "files are joined by coordinate values: a dimension without them must be the same in all files",
                        ));
                    }
                }
            }
        }
    }
    (report.conflicts.len() == before).then_some(found)
}

/// The times along a dimension whose own coordinate is none or tells no time, as NEMO writes `time_centered(time_counter)`: of the
/// auxiliary coordinate that differs between the files; of several the one that is called time.
fn auxiliary_time(
    files: &[&FileIndex],
    group: &FileGroup,
    dimension: &DimensionName,
    sources: &dyn SourceValues,
) -> Option<Vec<Axis>> {
    let is_along = |variable: &&FileVariable| {
        variable.dimensions == [dimension.clone()] && is_time_like(variable) && variable.data_type.number().is_some()
    };
    let differing = |variable: &FileVariable| {
        let (_, axes) = values_of(files, &group.path, &variable.name, dimension, sources)?;
        axes.iter().any(|axis| *axis != axes[0]).then_some((variable.text("standard_name") == Some("time"), axes))
    };
    let mut found: Vec<(bool, Vec<Axis>)> = group.variables.values().filter(is_along).filter_map(differing).collect();
    if found.len() > 1 {
        found.retain(|(is_time, _)| *is_time);
    }
    if found.len() == 1 { found.pop().map(|(_, axes)| axes) } else { None }
}

/// The values of a dimension's coordinate in every file; `None` if one lacks it or does not hold numbers.
fn coordinate(
    files: &[&FileIndex],
    group: &str,
    name: &DimensionName,
    sources: &dyn SourceValues,
) -> Option<(bool, Vec<Axis>)> {
    values_of(files, group, &VariableName::new(name.as_str()).ok()?, name, sources)
}

/// The values of a variable along one dimension in every file, and whether they are times.
fn values_of(
    files: &[&FileIndex],
    group: &str,
    key: &VariableName,
    dimension: &DimensionName,
    sources: &dyn SourceValues,
) -> Option<(bool, Vec<Axis>)> {
    let variables: Option<Vec<&FileVariable>> = files
        .iter()
        .map(|file| {
            let variable = super::find_group(&file.root, group)?.variables.get(key)?;
            (variable.dimensions == [dimension.clone()]).then_some(variable)
        })
        .collect();
    let variables = variables?;
    let path = VariablePath::new(group, key);
    let values = |file: &FileIndex, variable: &FileVariable| match variable.values.decoded() {
        Some(array) => Some(array.clone()),
        None => sources.values(file, &path).ok(),
    };
    let arrays: Option<Vec<Array>> =
        files.iter().zip(&variables).map(|(file, variable)| values(file, variable)).collect();
    let axes = unify(&variables, &arrays?)?;
    Some((variables.iter().any(|variable| is_time_like(variable)), axes))
}

/// Times that only some files let us understand cannot be compared as instants: then all of them are numbers.
fn unify(variables: &[&FileVariable], arrays: &[Array]) -> Option<Vec<Axis>> {
    let axes: Vec<Axis> =
        variables.iter().zip(arrays).map(|(variable, array)| Axis::read(variable, array)).collect::<Option<_>>()?;
    let instants = axes.iter().filter(|axis| matches!(axis, Axis::Instants(..))).count();
    if instants == 0 || instants == axes.len() {
        return Some(axes);
    }
    arrays.iter().map(|array| Some(Axis::Floats(array.numbers()?.to_f64()))).collect()
}

fn choose(
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
        (_, []) => format!("the same values of {} in all files", super::conflict::join_names(known)),
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

/// The files' numbers in the order of the join; checks each file's own values on the way.
fn sorted(files: &[&FileIndex], candidate: &Candidate, report: &mut Report) -> Option<Vec<usize>> {
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
fn check_edges(files: &[&FileIndex], candidate: &Candidate, on_gap: OnGap, report: &mut Report) {
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
