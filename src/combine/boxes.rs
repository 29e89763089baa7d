//! Where the files that hold a variable stand in the array of the cube.

use std::collections::HashMap;

use super::{Context, conflict};
use crate::model::{Conflict, ConflictKind, DimensionName, FileVariable, VariablePath};

/// A box of an array.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Part {
    pub(super) start: Vec<u64>,
    pub(super) count: Vec<u64>,
}

impl Part {
    /// The number of elements.
    pub(super) fn volume(&self) -> u64 {
        self.count.iter().fold(1, |product, count| product.saturating_mul(*count))
    }

    /// The number of elements that are in both.
    pub(super) fn common_volume(&self, other: &Self) -> u64 {
        let common = |at: usize| {
            let end = (self.start[at] + self.count[at]).min(other.start[at] + other.count[at]);
            end.saturating_sub(self.start[at].max(other.start[at]))
        };
        (0..self.start.len()).fold(1, |product, at| product.saturating_mul(common(at)))
    }

    pub(super) fn meets(&self, other: &Self) -> bool {
        (0..self.start.len()).all(|at| {
            self.start[at] < other.start[at].saturating_add(other.count[at])
                && other.start[at] < self.start[at].saturating_add(self.count[at])
        })
    }
}

/// The array of a variable, and the part of each file.
#[derive(Debug)]
pub(super) struct Boxes {
    /// New dimensions first.
    pub(super) dimensions: Vec<DimensionName>,
    /// The axis that each dimension is, if one.
    pub(super) axes: Vec<Option<usize>>,
    /// How many dimensions the files do not have.
    pub(super) lifted: usize,
    pub(super) shape: Vec<u64>,
    /// For each file.
    pub(super) parts: Vec<Part>,
}

impl Boxes {
    /// # Errors
    /// A dimension that is no axis has not the same length in all files.
    pub(super) fn of(
        context: &Context<'_>,
        path: &VariablePath,
        variables: &[&FileVariable],
        lifted: &[usize],
    ) -> Result<Self, Box<Conflict>> {
        let first = variables.first().ok_or_else(|| conflict::nothing(path))?;
        let own = context.join.axes_of(&context.files[0].root, path, first);
        let shapes = context.shapes(path, variables);
        same_shape_elsewhere(context, path, &shapes, &own)?;
        let new = lifted.iter().map(|axis| context.join.axes[*axis].dimension.clone());
        let dimensions = new.chain(first.dimensions.iter().cloned()).collect();
        let axes: Vec<Option<usize>> = lifted.iter().copied().map(Some).chain(own).collect();
        let length = |(at, axis): (usize, &Option<usize>)| match axis {
            Some(axis) => context.join.axes[*axis].length,
            None => shapes[0][at - lifted.len()],
        };
        let shape: Vec<u64> = axes.iter().enumerate().map(length).collect();
        let part = |file: usize| {
            let stretch = |(at, axis): (usize, &Option<usize>)| match axis {
                Some(axis) => context.stretch(file, *axis).map(|stretch| (stretch.start, stretch.length)),
                None => Some((0, shape[at])),
            };
            let stretches: Vec<(u64, u64)> = axes.iter().enumerate().map(stretch).collect::<Option<_>>()?;
            let (start, count) = stretches.into_iter().unzip();
            Some(Part { start, count })
        };
        let parts = (0..variables.len()).map(part).collect::<Option<_>>().ok_or_else(|| conflict::nothing(path))?;
        Ok(Self { dimensions, axes, lifted: lifted.len(), shape, parts })
    }

    /// The first file of each distinct part that is not empty; the first file if all are.
    pub(super) fn distinct(&self) -> Vec<usize> {
        let mut known = std::collections::HashSet::new();
        let mut found: Vec<usize> = (0..self.parts.len())
            .filter(|file| self.parts[*file].volume() > 0 && known.insert(&self.parts[*file]))
            .collect();
        if found.is_empty() {
            found.push(0);
        }
        found
    }

    /// Files of the same part that is not empty.
    pub(super) fn alike(&self) -> Vec<Vec<usize>> {
        let mut groups: HashMap<&Part, Vec<usize>> = HashMap::new();
        for (file, part) in self.parts.iter().enumerate().filter(|(_, part)| part.volume() > 0) {
            groups.entry(part).or_default().push(file);
        }
        let mut groups: Vec<Vec<usize>> = groups.into_values().filter(|files| files.len() > 1).collect();
        groups.sort();
        groups
    }
}

/// The first two of some parts that overlap.
pub(super) fn overlap(parts: &[&Part]) -> Option<(usize, usize)> {
    let rank = parts.first()?.start.len();
    let starts = |at: &usize| parts.iter().map(|part| part.start[*at]).collect::<std::collections::HashSet<_>>().len();
    let Some(sweep) = (0..rank).max_by_key(starts) else { return (parts.len() > 1).then_some((0, 1)) };
    let mut order: Vec<usize> = (0..parts.len()).collect();
    order.sort_by_key(|part| parts[*part].start[sweep]);
    let mut active: Vec<usize> = Vec::new();
    for part in order {
        let start = parts[part].start[sweep];
        active.retain(|other| parts[*other].start[sweep].saturating_add(parts[*other].count[sweep]) > start);
        if let Some(other) = active.iter().find(|other| parts[**other].meets(parts[part])) {
            return Some((*other, part));
        }
        active.push(part);
    }
    None
}

fn same_shape_elsewhere(
    context: &Context<'_>,
    path: &VariablePath,
    shapes: &[Vec<u64>],
    own: &[Option<usize>],
) -> Result<(), Box<Conflict>> {
    let elsewhere = |shape: &[u64]| -> Vec<u64> {
        shape.iter().zip(own).filter(|(_, axis)| axis.is_none()).map(|(length, _)| *length).collect()
    };
    match shapes.iter().position(|shape| elsewhere(shape) != elsewhere(&shapes[0])) {
        Some(other) => {
            let joined = if own.iter().any(Option::is_some) { " but for the joined dimensions" } else { "" };
            Err(conflict::between(
                context,
                ConflictKind::Shape,
                path,
                other,
                format!("the shape {:?}{joined}", shapes[0]),
                format!("{:?}", shapes[other]),
                "files on different grids cannot be one dataset: let the item pattern tell them apart",
            ))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_touch_do_not_overlap() {
        let part = |start: [u64; 2], count: [u64; 2]| Part { start: start.to_vec(), count: count.to_vec() };
        let parts = [part([0, 0], [2, 3]), part([0, 3], [2, 2]), part([2, 0], [5, 5])];
        assert_eq!(overlap(&parts.iter().collect::<Vec<_>>()), None);
        let other = part([1, 4], [2, 1]);
        let with: Vec<&Part> = parts.iter().chain([&other]).collect();
        assert!(overlap(&with).is_some_and(|(a, b)| a == 3 || b == 3));
    }
}
