//! How a variable is carried: by its values, or by a grid of fragments.

use super::fits::Sources;
use super::limits;
use crate::model::{ArrayData, Part, Variable, VariablePath};
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

/// Why a variable cannot be fragments.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) expected: &'static str,
    pub(super) found: String,
    /// The file that decided it, if one did.
    pub(super) file: Option<usize>,
    pub(super) remedy: &'static str,
}

impl Refusal {
    pub(super) fn new(expected: &'static str, found: String) -> Self {
        let remedy = "ask for another product: kerchunk or icechunk if chunks fit, zarr otherwise";
        Self { expected, found, file: None, remedy }
    }

    pub(super) fn in_file(self, file: usize) -> Self {
        Self { file: Some(file), ..self }
    }
}

/// How a variable is carried; an error if fragments cannot say it and it is too large to be stored.
pub(super) fn carried(path: &VariablePath, variable: &Variable, sources: &Sources<'_>) -> Result<Carried, WriteError> {
    limits::check(path, variable, sources.cube).map_err(|refusal| sources.error(path, refusal))?;
    if variable.inline().is_some() {
        return Ok(Carried::Stored);
    }
    let size = variable.data_type.size().unwrap_or(0) as u64;
    let bytes = variable.shape.iter().fold(size, |bytes, length| bytes.saturating_mul(*length));
    let is_coordinate = variable.dimensions.len() == 1 && variable.dimensions[0].as_str() == variable.name.as_str();
    let is_number = variable.data_type.number().is_some();
    // Readers look for these in the file itself.
    let grid = match (is_coordinate, is_number) {
        (true, _) => Err(Refusal::new("a coordinate of at most 64 MiB", format!("{bytes} bytes"))),
        (false, false) => {
            Err(Refusal::new("numbers, or at most 64 MiB of texts", format!("{bytes} bytes of {}", variable.data_type)))
        }
        _ => sources.check(path, variable).and_then(|()| fragments(&variable.shape, &variable.parts)),
    };
    let limit = if is_coordinate || !is_number { COORDINATE } else { SMALL };
    match grid {
        Ok(grid) => Ok(Carried::Fragments(grid)),
        Err(_) if bytes <= limit && !matches!(variable.data, ArrayData::Apart) => Ok(Carried::Stored),
        Err(refusal) => Err(sources.error(path, refusal)),
    }
}

/// The grid that parts make.
fn fragments(shape: &[u64], parts: &[Part]) -> Result<FragmentGrid, Refusal> {
    let misplaced = |part: &Part| {
        let found = format!("{:?} elements at {:?}", part.count, part.origin);
        Refusal::new("whole files side by side in a grid", found).in_file(part.file)
    };
    let mut starts = vec![vec![0u64]; shape.len()];
    for part in parts {
        if part.origin.len() != shape.len() || part.count.len() != shape.len() {
            return Err(misplaced(part));
        }
        starts.iter_mut().zip(&part.origin).for_each(|(starts, start)| starts.push(*start));
    }
    let mut lengths = Vec::with_capacity(shape.len());
    for (starts, length) in starts.iter_mut().zip(shape) {
        starts.sort_unstable();
        starts.dedup();
        let ends = starts.iter().skip(1).chain([length]);
        let between: Option<Vec<u64>> =
            starts.iter().zip(ends).map(|(start, end)| end.checked_sub(*start).filter(|n| *n > 0)).collect();
        lengths.push(between.ok_or_else(|| Refusal::new("a variable with elements", format!("the shape {shape:?}")))?);
    }
    let cells = lengths.iter().try_fold(1usize, |cells, along| cells.checked_mul(along.len()));
    let hole = || {
        Refusal::new(
            "a file for every place, for cfapyx reads no fragment that is missing",
            "places that no file has".into(),
        )
    };
    let mut files = vec![None; cells.filter(|cells| *cells <= parts.len()).ok_or_else(hole)?];
    for part in parts {
        let mut number = 0;
        for (axis, starts) in starts.iter().enumerate() {
            let at = starts.partition_point(|start| *start < part.origin[axis]);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn part(file: usize, origin: &[u64], count: &[u64]) -> Part {
        let (origin, count, start) = (origin.to_vec(), count.to_vec(), vec![0; count.len()]);
        Part { file, origin, count, start, reversed: vec![], new_dimensions: 0 }
    }

    proptest! {
        #[test]
        fn parts_in_any_order_make_their_grid(
            lengths in prop::collection::vec(prop::collection::vec(1u64..5, 1..4), 1..4), turn in 0usize..50
        ) {
            let shape: Vec<u64> = lengths.iter().map(|along| along.iter().sum()).collect();
            let counts: Vec<u64> = lengths.iter().map(|along| along.len() as u64).collect();
            let cells = crate::model::ChunkGrid::new(counts.clone(), vec![1; counts.len()]).unwrap();
            let mut parts: Vec<Part> = (0..cells.chunk_count()).map(|number| {
                let place: Vec<usize> = cells.coordinates(number).iter().map(|at| usize::try_from(*at).unwrap()).collect();
                let origin: Vec<u64> = place.iter().zip(&lengths).map(|(at, along)| along[..*at].iter().sum()).collect();
                let count: Vec<u64> = place.iter().zip(&lengths).map(|(at, along)| along[*at]).collect();
                part(usize::try_from(number).unwrap(), &origin, &count)
            }).collect();
            let all = parts.len();
            parts.rotate_left(turn % all);
            let grid = fragments(&shape, &parts).unwrap();
            prop_assert_eq!(&grid.files, &(0..all).collect::<Vec<_>>());
            prop_assert_eq!(&grid.lengths, &lengths);
            // A grid lacks a place as soon as a part is gone, unless it takes a whole row of cells with it.
            if all > 1 {
                parts.pop();
                prop_assert!(fragments(&shape, &parts).is_err());
            }
        }
    }

    #[test]
    fn what_makes_no_grid_is_refused() {
        let found = |parts: &[Part]| fragments(&[4, 4], parts).unwrap_err().found;
        let (left, right) = (part(0, &[0, 0], &[4, 2]), part(1, &[0, 2], &[4, 2]));
        assert!(fragments(&[4, 4], &[left.clone(), right.clone()]).is_ok());
        assert_eq!(found(std::slice::from_ref(&left)), "[4, 2] elements at [0, 0]");
        assert_eq!(found(&[left.clone(), left.clone()]), "[4, 2] elements at [0, 0]");
        // Three boxes that fill the array, but in no grid.
        let (upper, lower) = (part(1, &[0, 2], &[2, 2]), part(2, &[2, 2], &[2, 2]));
        assert_eq!(found(&[left.clone(), upper.clone(), lower]), "places that no file has");
        assert_eq!(found(&[left, upper]), "[2, 2] elements at [0, 2]");
        assert!(fragments(&[0, 4], &[]).unwrap_err().found.contains("[0, 4]"));
        assert_eq!(fragments(&[], &[part(7, &[], &[])]).unwrap().files, [7]);
    }
}
