//! How a variable is carried: by its values, or by a grid of fragments.

use crate::model::{ArrayData, AttributeValue, Placement, Variable, VariablePath, VirtualCube};
use crate::write::WriteError;

/// Variables that no grid of fragments gives are stored up to so many bytes.
const SMALL: u64 = 1 << 20;
/// Coordinates of dimensions, and texts, are stored up to so many bytes.
const COORDINATE: u64 = 64 << 20;

/// How a variable is carried.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Carried {
    /// Its values stand in the file.
    Stored,
    /// By fragments.
    Fragments(FragmentGrid),
}

/// Fragments side by side: along each dimension they have the same lengths everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct FragmentGrid {
    /// The lengths of the fragments along each dimension.
    pub(super) lengths: Vec<Vec<u64>>,
    /// The number of the file of each fragment, in C order.
    pub(super) files: Vec<usize>,
}

/// A box of the variable that a file gives.
struct Part {
    file: usize,
    start: Vec<u64>,
    count: Vec<u64>,
}

pub(super) fn carried(
    path: &VariablePath,
    variable: &Variable,
    cube: (&VirtualCube, &[String]),
) -> Result<Carried, WriteError> {
    let ArrayData::Placed { chunk_shape, placements, .. } = &variable.data else { return Ok(Carried::Stored) };
    let size = variable.data_type.size().unwrap_or(0) as u64;
    let bytes = variable.shape.iter().fold(size, |bytes, length| bytes.saturating_mul(*length));
    let is_coordinate = variable.dimensions.len() == 1 && variable.dimensions[0].as_str() == variable.name.as_str();
    let limit = if is_coordinate || variable.data_type.number().is_none() { COORDINATE } else { SMALL };
    let refused = match (is_coordinate, variable.data_type.number()) {
        (true, _) => Some(Refusal::new("a coordinate of at most 64 MiB", format!("{bytes} bytes"))),
        (_, None) => Some(Refusal::new("numbers", format!("{bytes} bytes of {}", variable.data_type))),
        _ => unreadable(path, variable, cube.1, placements),
    };
    let grid = match refused {
        Some(refusal) => Err(refusal),
        None => parts(chunk_shape, placements).and_then(|parts| fragments(&variable.shape, &parts, cube.0)),
    };
    match grid {
        Ok(grid) => Ok(Carried::Fragments(grid)),
        Err(_) if bytes <= limit => Ok(Carried::Stored),
        Err(refusal) => Err(refusal.of(path)),
    }
}

/// Why a variable cannot be fragments.
#[derive(Debug)]
struct Refusal {
    expected: &'static str,
    found: String,
    remedy: &'static str,
}

impl Refusal {
    fn new(expected: &'static str, found: String) -> Self {
        Self { expected, found, remedy: "ask for another product, such as kerchunk or zarr" }
    }

    fn of(self, path: &VariablePath) -> WriteError {
        let Self { expected, found, remedy } = self;
        WriteError::Fragments { variable: path.key().into(), expected, found, remedy }
    }
}

/// What readers of fragments would misread or not read at all.
fn unreadable(
    path: &VariablePath,
    variable: &Variable,
    references: &[String],
    placements: &[Placement],
) -> Option<Refusal> {
    if path.key().contains('/') {
        let found = format!("the group of {path}");
        return Some(Refusal::new("fragments in the root group: cfapyx finds no others", found));
    }
    for (name, nothing) in [("scale_factor", 1.0), ("add_offset", 0.0)] {
        let value = variable.attributes.get(name);
        if value.is_some_and(|value| value.number() != Some(nothing)) {
            let value = value.and_then(AttributeValue::number);
            let found = format!("{name} {}", value.map_or_else(String::new, |value| format!("{value:?}")));
            return Some(Refusal::new("unpacked values: fragments are unpacked by some readers and not by others", found));
        }
    }
    // One scheme for all files: the first that is another is the one to name.
    let known = |reference: &&String| {
        ["file://", "https://", "http://"].iter().any(|scheme| reference.starts_with(scheme))
    };
    let named = placements.iter().filter_map(|placement| references.get(placement.file));
    named.into_iter().find(|reference| !known(reference)).map(|found| Refusal {
        expected: "fragments that are local or behind http(s), for readers open no others",
        found: found.clone(),
        remedy: "let public_urls map the sources to an http(s) URL, or ask for another product",
    })
}

fn parts(chunk_shape: &[u64], placements: &[Placement]) -> Result<Vec<Part>, Refusal> {
    let part = |placement: &Placement| {
        let starts = placement.grid_origin.iter().zip(chunk_shape);
        let start = starts.map(|(origin, length)| origin.checked_mul(*length)).collect::<Option<Vec<u64>>>();
        let found = || format!("a part at chunk {:?}", placement.grid_origin);
        let start = start.ok_or_else(|| Refusal::new("a part within the variable", found()))?;
        Ok(Part { file: placement.file, start, count: placement.grid.shape.clone() })
    };
    placements.iter().map(part).collect()
}

/// The grid that parts make.
fn fragments(shape: &[u64], parts: &[Part], cube: &VirtualCube) -> Result<FragmentGrid, Refusal> {
    let name = |part: &Part| match cube.files.get(part.file) {
        Some(file) => file.url.to_string(),
        None => format!("file {}", part.file),
    };
    const EXPECTED: &str = "whole files side by side in a grid";
    let misplaced = |part: &Part| {
        Refusal::new(EXPECTED, format!("{:?} elements at {:?} in {}", part.count, part.start, name(part)))
    };
    let mut starts = vec![vec![0u64]; shape.len()];
    for part in parts {
        if part.start.len() != shape.len() || part.count.len() != shape.len() || cube.files.get(part.file).is_none() {
            return Err(misplaced(part));
        }
        starts.iter_mut().zip(&part.start).for_each(|(starts, start)| starts.push(*start));
    }
    let mut lengths = Vec::with_capacity(shape.len());
    for (starts, length) in starts.iter_mut().zip(shape) {
        starts.sort_unstable();
        starts.dedup();
        let ends = starts.iter().skip(1).chain([length]);
        let between: Option<Vec<u64>> =
            starts.iter().zip(ends).map(|(start, end)| end.checked_sub(*start).filter(|n| *n > 0)).collect();
        lengths.push(between.ok_or_else(|| {
            Refusal::new("a variable with elements, and fragments within it", format!("the shape {shape:?}"))
        })?);
    }
    let cells = lengths.iter().try_fold(1usize, |cells, along| cells.checked_mul(along.len()));
    let cells = cells.filter(|cells| *cells <= parts.len());
    let hole = || Refusal::new("a file for every place: readers of fragments have no fill", "places that no file has".into());
    let mut files = vec![None; cells.ok_or_else(hole)?];
    for part in parts {
        let mut number = 0;
        for (axis, starts) in starts.iter().enumerate() {
            let at = starts.partition_point(|start| *start < part.start[axis]);
            if lengths[axis].get(at) != Some(&part.count[axis]) {
                return Err(misplaced(part));
            }
            number = number * lengths[axis].len() + at;
        }
        match files.get_mut(number) {
            Some(file @ None) => *file = Some(part.file),
            _ => return Err(misplaced(part)),
        }
    }
    let files = files.into_iter().collect::<Option<Vec<usize>>>().ok_or_else(hole)?;
    Ok(FragmentGrid { lengths, files })
}

impl FragmentGrid {
    /// The number of fragments along each dimension.
    pub(super) fn shape(&self) -> Vec<u64> {
        self.lengths.iter().map(|along| along.len() as u64).collect()
    }
}
