//! Which places of an array of the product are which places of which files.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::axes::{Axes, Stretch};
use super::sources::Sources;
use super::{Difference, DifferenceKind};
use crate::model::FileVariable;
use crate::read::{ProductArray, ProductStore, Region};

/// A piece of an array of the product that is one box of one file; or of none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// `None` where no file has the variable.
    pub(super) file: Option<usize>,
    /// Where it is in the file's array.
    pub(super) source: Region,
    /// Where it is in the product's array.
    pub(super) product: Region,
}

/// The most steps that the values of files are repeated for, one by one.
const REPEAT_LIMIT: u64 = 1 << 24;

/// The array of a variable, cut wherever a file begins or ends.
#[derive(Debug)]
pub(super) struct Layout {
    /// How many dimensions in front the files do not have.
    pub(super) new: usize,
    shape: Vec<u64>,
    /// For each file that holds the variable its stretches along each dimension.
    stretches: BTreeMap<usize, Vec<Vec<Stretch>>>,
    /// Where cells begin along each dimension.
    cuts: Vec<Vec<u64>>,
    /// The files of each cell, in the order of the product.
    cells: HashMap<Vec<usize>, Vec<usize>>,
}

impl Layout {
    /// Where nothing is comparable.
    pub(super) fn nothing() -> Self {
        let (cuts, cells, stretches) = (Vec::new(), HashMap::new(), BTreeMap::new());
        Self { new: 0, shape: Vec::new(), stretches, cuts, cells }
    }

    /// # Errors
    /// The dimensions of the product's array are not those of the files, nor those with dimensions of files in front.
    pub(super) fn new(
        (store, sources, axes): (&ProductStore, &Sources<'_>, &Axes),
        array: &ProductArray,
        variable: &FileVariable,
    ) -> Result<Self, Vec<Difference>> {
        let wrong = |expected: String, found: String| Difference::new(DifferenceKind::Dimension, expected, found);
        let own: Vec<String> = variable.dimensions.iter().map(ToString::to_string).collect();
        let new = array.dimensions.len().checked_sub(own.len()).filter(|new| array.dimensions[*new..] == own);
        let Some(new) = new else {
            return Err(vec![wrong(format!("{own:?}"), format!("{:?}", array.dimensions))]);
        };
        let lies_along: Vec<_> =
            array.dimensions.iter().map(|name| axes.of(sources, store, &array.key, name)).collect();
        let lengths: Vec<u64> = lies_along.iter().map(|axis| axis.map_or(0, |axis| axis.length)).collect();
        if lengths != array.grid.shape {
            return Err(vec![wrong(format!("{lengths:?}"), format!("{:?}", array.grid.shape))]);
        }
        let mut layout = Self { new, shape: lengths, ..Self::nothing() };
        let mut differences = Vec::new();
        for file in axes.order.iter().copied().filter(|file| sources.files[*file].variables.contains_key(&array.key)) {
            let stretches: Option<Vec<Vec<Stretch>>> =
                lies_along.iter().map(|axis| axis.and_then(|axis| axis.stretches[file].clone())).collect();
            match stretches {
                Some(stretches) => {
                    layout.stretches.insert(file, stretches);
                }
                None => {
                    let expected = format!("places along {:?} for each source", array.dimensions);
                    differences.push(wrong(expected, "none".into()).file(&sources.files[file].index.source.url));
                }
            }
        }
        if !differences.is_empty() {
            return Err(differences);
        }
        layout.cut(&axes.order);
        Ok(layout)
    }

    fn cut(&mut self, order: &[usize]) {
        let cuts = |axis: usize| {
            let stretches = self.stretches.values().flat_map(|all| &all[axis]);
            let edges = stretches.flat_map(|stretch| [stretch.start, stretch.start + stretch.length]);
            let mut cuts: Vec<u64> = edges.chain([0]).filter(|edge| *edge < self.shape[axis]).collect();
            cuts.sort_unstable();
            cuts.dedup();
            cuts
        };
        self.cuts = (0..self.shape.len()).map(cuts).collect();
        for file in order.iter().filter(|file| self.stretches.contains_key(file)) {
            let cells: Vec<Vec<usize>> = self.boxes_of(*file).iter().flat_map(|one| self.cells_of(one)).collect();
            for cell in cells {
                self.cells.entry(cell).or_default().push(*file);
            }
        }
    }

    /// The boxes of the product that a file fills.
    fn boxes_of(&self, file: usize) -> Vec<Region> {
        let mut boxes = vec![Region { start: Vec::new(), count: Vec::new() }];
        for stretches in self.stretches.get(&file).into_iter().flatten() {
            let longer = |one: Region| {
                stretches.iter().map(move |stretch| {
                    let mut longer = one.clone();
                    longer.start.push(stretch.start);
                    longer.count.push(stretch.length);
                    longer
                })
            };
            boxes = boxes.into_iter().flat_map(longer).collect();
        }
        boxes
    }

    /// The cells that a box touches.
    fn cells_of(&self, region: &Region) -> Vec<Vec<usize>> {
        let range = |(axis, cuts): (usize, &Vec<u64>)| {
            let end = region.start[axis].saturating_add(region.count[axis]);
            let first = cuts.partition_point(|cut| *cut <= region.start[axis]).saturating_sub(1);
            let last = cuts.partition_point(|cut| *cut < end);
            if region.count[axis] == 0 { 0..0 } else { first..last }
        };
        let ranges: Vec<Range<usize>> = self.cuts.iter().enumerate().map(range).collect();
        if ranges.iter().all(|range| range.len() == 1) {
            // Nearly every chunk.
            return vec![ranges.iter().map(|range| range.start).collect()];
        }
        let mut cells = vec![Vec::with_capacity(self.cuts.len())];
        for range in ranges {
            cells = cells
                .into_iter()
                .flat_map(|cell: Vec<usize>| {
                    range.clone().map(move |at| {
                        let mut cell = cell.clone();
                        cell.push(at);
                        cell
                    })
                })
                .collect();
        }
        cells
    }

    fn region_of(&self, cell: &[usize]) -> Region {
        let bounds = |(axis, at): (usize, &usize)| {
            let start = self.cuts[axis][*at];
            let end = self.cuts[axis].get(at + 1).copied().unwrap_or(self.shape[axis]);
            (start, end - start)
        };
        let (start, count) = cell.iter().enumerate().map(bounds).unzip();
        Region { start, count }
    }

    /// The box of the product around an element that one file fills, or the first of several.
    pub(super) fn cell_with(&self, element: &[u64]) -> Option<(usize, Region)> {
        let at = |(cuts, at): (&Vec<u64>, &u64)| cuts.partition_point(|cut| cut <= at).checked_sub(1);
        let cell: Vec<usize> = self.cuts.iter().zip(element).map(at).collect::<Option<_>>()?;
        let file = *self.cells.get(&cell)?.first()?;
        Some((file, self.region_of(&cell)))
    }

    /// Cuts a box of the product into boxes of files.
    pub(super) fn pieces(&self, region: &Region) -> Vec<Piece> {
        let mut pieces = Vec::new();
        for cell in self.cells_of(region) {
            let Some(common) = self.region_of(&cell).intersection(region) else { continue };
            match self.cells.get(&cell).and_then(|files| files.first()) {
                Some(file) => pieces.extend(self.single_steps(&common).iter().map(|one| self.piece(*file, one))),
                None => pieces.push(Piece {
                    file: None,
                    source: Region {
                        start: common.start[self.new..].to_vec(),
                        count: common.count[self.new..].to_vec(),
                    },
                    product: common,
                }),
            }
        }
        pieces
    }

    /// The box cut into single steps along the dimensions that files do not have.
    fn single_steps(&self, region: &Region) -> Vec<Region> {
        let mut all = vec![region.clone()];
        for axis in 0..self.new {
            let step = |one: Region| {
                (0..one.count[axis].min(REPEAT_LIMIT)).map(move |at| {
                    let mut step = one.clone();
                    (step.start[axis], step.count[axis]) = (one.start[axis] + at, 1);
                    step
                })
            };
            all = all.into_iter().flat_map(step).collect();
        }
        all
    }

    fn piece(&self, file: usize, product: &Region) -> Piece {
        let stretches = &self.stretches[&file];
        let own = self.new..self.shape.len();
        let start = own.clone().map(|axis| {
            let (start, count) = (product.start[axis], product.count[axis]);
            // The box is within one stretch: the product is cut wherever one ends.
            let holds = |stretch: &&Stretch| stretch.start <= start && start + count <= stretch.start + stretch.length;
            stretches[axis].iter().find(holds).map_or(0, |stretch| {
                let within = start - stretch.start;
                stretch.from + if stretch.reversed { stretch.length - within - count } else { within }
            })
        });
        let source = Region { start: start.collect(), count: product.count[own].to_vec() };
        Piece { file: Some(file), source, product: product.clone() }
    }

    /// The box of a file's array that is a box of the product's, which the file holds.
    pub(super) fn in_file(&self, file: usize, product: &Region) -> Region {
        self.piece(file, product).source
    }

    /// The same piece of the product in every file that holds it.
    pub(super) fn everywhere(&self, piece: &Piece) -> Vec<Piece> {
        let cell = self.cells_of(&piece.product).into_iter().next().unwrap_or_default();
        self.cells.get(&cell).into_iter().flatten().map(|file| self.piece(*file, &piece.product)).collect()
    }

    /// Boxes of the product that a file holds although another one before it does: that one, and the box.
    pub(super) fn shared(&self) -> Vec<(usize, usize, Region)> {
        let mut found = Vec::new();
        for (cell, files) in &self.cells {
            let Some((first, others)) = files.split_first() else { continue };
            if others.is_empty() {
                continue;
            }
            let mut region = self.region_of(cell);
            // What is repeated is the same at every step.
            region.count[..self.new].fill(1);
            found.extend(others.iter().map(|other| (*first, *other, region.clone())));
        }
        found.sort_by(|a, b| (a.0, a.1, &a.2.start).cmp(&(b.0, b.1, &b.2.start)));
        found
    }

    /// Along which of the file's dimensions it runs the other way.
    pub(super) fn reversed(&self, file: usize) -> Vec<bool> {
        self.stretches.get(&file).map_or_else(Vec::new, |all| {
            all[self.new..].iter().map(|along| along.iter().any(|stretch| stretch.reversed)).collect()
        })
    }
}

/// Turns the elements of a box round along some dimensions.
pub(super) fn turned(bytes: Vec<u8>, count: &[u64], reversed: &[bool], size: usize) -> Vec<u8> {
    if !reversed.iter().zip(count).any(|(reversed, count)| *reversed && *count > 1) || size == 0 {
        return bytes;
    }
    let elements = bytes.len() / size;
    let mut out = Vec::with_capacity(bytes.len());
    for number in 0..elements as u64 {
        let (mut rest, mut stride, mut from) = (number, 1, 0);
        for (length, reversed) in count.iter().zip(reversed).rev() {
            let at = rest % length;
            rest /= length;
            from += stride * if *reversed { length - 1 - at } else { at };
            stride *= length;
        }
        let from = usize::try_from(from).unwrap_or(usize::MAX).saturating_mul(size);
        out.extend_from_slice(bytes.get(from..from.saturating_add(size)).unwrap_or_default());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_turned_round() {
        let bytes: Vec<u8> = (0..6).collect();
        assert_eq!(turned(bytes.clone(), &[2, 3], &[true, false], 1), [3, 4, 5, 0, 1, 2]);
        assert_eq!(turned(bytes.clone(), &[3], &[true], 2), [4, 5, 2, 3, 0, 1]);
        assert_eq!(turned(bytes, &[2, 3], &[false, true], 1), [2, 1, 0, 5, 4, 3]);
    }
}
