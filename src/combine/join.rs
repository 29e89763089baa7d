//! Along which dimension the files follow each other, and in which order.

mod candidates;
mod choice;
mod order;

use std::collections::BTreeSet;

use super::SourceValues;
use super::axis::Axis;
use super::conflict::Report;
use crate::model::recipe::AggregateSettings;
use crate::model::{Conflict, ConflictKind, DimensionName, FileGroup, FileIndex, FileVariable, VariablePath};

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
    let candidates = candidates::of_all(files, sources, report)?;
    let chosen = choice::choose(files, candidates, settings, report)?;
    let order = order::sorted(files, &chosen, report)?;
    let ordered = Candidate { axes: order.iter().map(|at| chosen.axes[*at].clone()).collect(), ..chosen };
    let files: Vec<&FileIndex> = order.iter().map(|at| files[*at]).collect();
    order::check_edges(&files, &ordered, settings.on_gap, report);
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
