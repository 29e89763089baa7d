//! Along which dimensions the files follow each other, and where each of them stands.
//!
//! The values of an axis are those of all files together, each once; a file stands on one unbroken stretch of it. A file is so a box:
//! a stretch of each axis that it has.

mod axes;
mod candidates;
mod choice;
mod cut;
mod edges;
mod facets;
mod frequency;
mod overlap;
mod related;
mod scalars;
mod union;

use super::SourceValues;
use super::axis::Axis;
use super::conflict::Report;
use super::roles::Roles;
use crate::model::recipe::AggregateSettings;
use crate::model::{
    ArrayValues, Conflict, ConflictKind, DimensionName, Facets, FileGroup, FileIndex, FileVariable, Note, VariablePath,
};

/// The part of an axis that a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Stretch {
    pub(super) start: u64,
    pub(super) length: u64,
    /// Whether the file's values run the other way than the axis.
    pub(super) reversed: bool,
}

/// What tells where a file stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// The values of a coordinate along a dimension.
    Coordinate { time_like: bool },
    /// The order of a facet's labels, along a dimension that has no coordinate.
    Stated,
    /// A facet's label: the dimension is new. The labels of the axis.
    Facet(ArrayValues),
    /// A scalar coordinate variable of the dimension's name: the dimension is new.
    Scalar,
}

/// A dimension that files are joined along.
#[derive(Debug, Clone)]
pub(super) struct JoinAxis {
    /// The path of the group that defines the dimension.
    pub(super) group: String,
    pub(super) dimension: DimensionName,
    pub(super) kind: Kind,
    pub(super) length: u64,
}

impl JoinAxis {
    /// Whether files do not have the dimension: it is put in front of those of their variables.
    pub(super) fn is_new(&self) -> bool {
        matches!(self.kind, Kind::Facet(_) | Kind::Scalar)
    }

    /// Whether a variable is in the group of the axis or further down.
    pub(super) fn reaches(&self, path: &VariablePath) -> bool {
        let group = self.group.trim_matches('/');
        group.is_empty() || path.key().strip_prefix(group).is_some_and(|rest| rest.starts_with('/'))
    }

    /// The path of the variable that is called like the dimension.
    pub(super) fn path(&self) -> String {
        path_of(&self.group, &self.dimension)
    }
}

/// How files follow each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Join {
    /// The axes, slowest first.
    pub(super) axes: Vec<JoinAxis>,
    /// For each file, in the order of the join, its stretch of each axis; `None` where it does not have the dimension.
    pub(super) places: Vec<Vec<Option<Stretch>>>,
    /// Whether files bring different variables of one dataset.
    pub(super) is_merged: bool,
}

impl Join {
    /// Which axis each dimension of a variable is, if one.
    pub(super) fn axes_of(&self, root: &FileGroup, path: &VariablePath, variable: &FileVariable) -> Vec<Option<usize>> {
        let axis = |name: &DimensionName| {
            let group = defining_group(root, path, name)?;
            self.axes.iter().position(|axis| axis.dimension == *name && axis.group == group && !axis.is_new())
        };
        variable.dimensions.iter().map(axis).collect()
    }
}

/// The path of the nearest group, from the variable's own upwards, that defines a dimension.
pub(super) fn defining_group<'a>(root: &'a FileGroup, path: &VariablePath, name: &DimensionName) -> Option<&'a str> {
    let mut nearest = None;
    let mut group = Some(root);
    let mut pieces = path.key().split('/').peekable();
    while let Some(here) = group {
        if here.dimensions.contains_key(name) {
            nearest = Some(&*here.path);
        }
        group = pieces.next().filter(|_| pieces.peek().is_some()).and_then(|piece| here.groups.get(piece));
    }
    nearest
}

/// The length of a dimension as a variable at a path sees it.
pub(super) fn length(root: &FileGroup, path: &VariablePath, name: &DimensionName) -> Option<u64> {
    let group = super::groups::find(root, defining_group(root, path, name)?)?;
    group.dimensions.get(name).map(|dimension| dimension.length)
}

fn path_of(group: &str, dimension: &DimensionName) -> String {
    format!("{}/{dimension}", group.trim_end_matches('/')).trim_start_matches('/').to_owned()
}

/// The part of a dimension of a file that is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trim {
    /// The path of the group that defines the dimension.
    pub(super) group: String,
    pub(super) dimension: DimensionName,
    pub(super) start: u64,
    pub(super) count: u64,
    /// The length of the whole dimension.
    pub(super) length: u64,
}

/// A file, or a part of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) file: usize,
    /// Dimensions that are not used as a whole.
    pub(super) trims: Vec<Trim>,
}

/// What is found of the order of files.
#[derive(Debug)]
pub(super) enum Order {
    /// The files in the order of the join.
    Joined(Vec<usize>, Join),
    /// Some files are used in part: these pieces follow each other along these dimensions of the files.
    Cut(Vec<Piece>, Vec<DimensionName>, Vec<Note>),
}

/// A dimension with its values in every file that has it.
#[derive(Debug)]
struct Candidate {
    group: String,
    dimension: DimensionName,
    kind: Kind,
    axes: Vec<Option<Axis>>,
}

impl Candidate {
    fn path(&self) -> String {
        path_of(&self.group, &self.dimension)
    }

    fn is_time_like(&self) -> bool {
        matches!(self.kind, Kind::Coordinate { time_like: true } | Kind::Scalar)
    }

    /// Whether the recipe asks for it.
    fn is_stated(&self) -> bool {
        matches!(self.kind, Kind::Facet(_) | Kind::Stated)
    }

    fn present(&self) -> impl Iterator<Item = (usize, &Axis)> {
        self.axes.iter().enumerate().filter_map(|(file, axis)| Some((file, axis.as_ref()?)))
    }

    /// The first two files whose values differ, and where.
    fn first_difference(&self) -> Option<(usize, usize, usize)> {
        let (first, axis) = self.present().next()?;
        self.present().skip(1).find_map(|(file, other)| Some((first, file, axis.first_difference(other)?)))
    }

    fn show(&self, file: usize, at: usize) -> String {
        self.axes[file].as_ref().map_or_else(String::new, |axis| axis.show(at))
    }
}

/// What the parts of this module share.
struct Archive<'a> {
    files: &'a [&'a FileIndex],
    /// The facets of each file; none, if no facet is asked for.
    facets: &'a [Facets],
    settings: &'a AggregateSettings,
    roles: &'a Roles,
    sources: &'a dyn SourceValues,
}

/// Finds the axes, and the order of the files; `None` if they do not follow each other, the reasons are in the report then.
///
/// `is_cut` says that the files are pieces: they are not cut again.
pub(super) fn order(
    files: &[&FileIndex],
    facets: &[Facets],
    (settings, is_cut): (&AggregateSettings, bool),
    roles: &Roles,
    sources: &dyn SourceValues,
    report: &mut Report,
) -> Option<Order> {
    let archive = Archive { files, facets, settings, roles, sources };
    match files {
        [] => return None,
        [_] if settings.along.facets.is_empty() => {
            edges::check_alone(&archive, report)?;
            return Some(Order::Joined(vec![0], Join { places: vec![Vec::new()], ..Join::default() }));
        }
        _ => {}
    }
    let before = report.conflicts.len();
    let candidates = candidates::all(&archive, report)?;
    let axes = choice::choose(&archive, candidates, report)?;
    if report.conflicts.len() > before {
        return None;
    }
    if !is_cut {
        let mut notes = Vec::new();
        if let Some(pieces) = cut::pieces(&archive, &axes, &mut notes) {
            let of_files = axes.iter().filter(|axis| !matches!(axis.candidate.kind, Kind::Facet(_) | Kind::Stated));
            let along = of_files.map(|axis| axis.candidate.dimension.clone()).collect();
            return Some(Order::Cut(pieces, along, notes));
        }
        report.notes.extend(notes);
    }
    overlap::check(&archive, &axes, report);
    if report.conflicts.len() > before {
        return None;
    }
    let is_merged = related::check(&archive, &axes, report);
    axes::check_unbroken(&archive, &axes, report);
    if report.conflicts.len() > before {
        return None;
    }
    for axis in &axes {
        edges::check(&archive, axis, report);
    }
    if report.conflicts.len() > before {
        return None;
    }
    let (order, join) = axes::arranged(&axes, files.len());
    Some(Order::Joined(order, Join { is_merged, ..join }))
}

fn conflict(
    kind: ConflictKind,
    variable: impl Into<Option<String>>,
    files: Vec<String>,
    expected: impl Into<String>,
    found: impl Into<String>,
    remedy: &str,
) -> Conflict {
    let (expected, found) = (expected.into(), found.into());
    Conflict { kind, variable: variable.into(), files, expected, found, remedy: remedy.into() }
}

/// The last piece of a file's path.
fn file_name(file: &FileIndex) -> String {
    let url = file.source.url.to_string();
    url.rsplit('/').next().unwrap_or(&url).to_owned()
}

fn names(files: &[&FileIndex], which: &[usize]) -> Vec<String> {
    which.iter().filter_map(|at| files.get(*at)).map(|file| file.source.url.to_string()).collect()
}
