//! Chunks of the product that are, one for one, chunks of a file: of these all but the location is looked at once for the whole file.
//!
//! What is found right here has passed the same comparisons as in `chunks`; what is not is left to it, which says what is wrong.

use std::ops::Range;
use std::sync::Arc;

use super::locate::are_same_filters;
use super::variable::Checked;
use crate::model::SeekingChunks;
use crate::read::SeekingParts;

/// An array whose chunks may be whole chunks of files.
pub(super) struct Direct<'a> {
    checked: &'a Checked<'a>,
    /// The number of chunks of the product along each dimension.
    grid: Vec<u64>,
    /// Whether the chunks of each file could stand in the product as they are.
    fits: Vec<bool>,
}

/// A box of chunks that one file fills.
struct Cell<'a> {
    /// In chunks of the product.
    first: Vec<u64>,
    count: Vec<u64>,
    /// The file's number of the first chunk, and how far apart its numbers are along each dimension.
    origin: u64,
    strides: Vec<u64>,
    chunks: SeekingChunks<'a>,
    /// How the product names the file, and how long it is.
    name: &'a str,
    size: u64,
    /// A URL of the product that was found to be that name.
    known: Option<&'a Arc<str>>,
}

impl<'a> Direct<'a> {
    /// `None` if there is nothing to gain.
    pub(super) fn new(checked: &'a Checked<'a>) -> Option<Self> {
        let fits: Vec<bool> = (0..checked.sources.files.len()).map(|file| fits(checked, file)).collect();
        (checked.layout.new == 0 && fits.contains(&true)).then(|| Self {
            checked,
            grid: checked.array.grid.grid_shape(),
            fits,
        })
    }

    /// Takes out of a range of chunks those whose references are right; returns how many, and the numbers of all others.
    pub(super) fn check(&self, range: Range<u64>, sample: &[u64]) -> (u64, Vec<u64>) {
        let mut sampled = sample[sample.partition_point(|number| *number < range.start)..].iter().copied().peekable();
        let mut place = self.checked.array.grid.coordinates(range.start);
        let mut parts = self.checked.array.seeking();
        let mut cell: Option<Cell<'a>> = None;
        let mut others = Vec::new();
        let mut right = 0;
        for number in range {
            if sampled.next_if_eq(&number).is_some() {
                others.push(number);
            } else {
                let within = cell.as_ref().and_then(|cell| cell.number(&place)).or_else(|| {
                    cell = self.cell(&place);
                    cell.as_ref().and_then(|cell| cell.number(&place))
                });
                let is_right =
                    within.zip(cell.as_mut()).is_some_and(|(chunk, cell)| cell.is_right(chunk, (number, &mut parts)));
                if is_right { right += 1 } else { others.push(number) }
            }
            for (at, length) in place.iter_mut().zip(&self.grid).rev() {
                *at += 1;
                if *at < *length {
                    break;
                }
                *at = 0;
            }
        }
        (right, others)
    }

    /// The box of chunks around a chunk; `None` if that is not one whole chunk of a file.
    fn cell(&self, place: &[u64]) -> Option<Cell<'a>> {
        let Checked { layout, array, sources, .. } = self.checked;
        let chunk = &array.grid.chunk_shape;
        let start: Vec<u64> = place.iter().zip(chunk).map(|(at, length)| at * length).collect();
        let (file, region) = layout.cell_with(&start)?;
        let variable = self.checked.in_file(file).filter(|_| self.fits.get(file) == Some(&true))?;
        let from = layout.in_file(file, &region).start;
        let (mut first, mut count, mut origin) = (Vec::new(), Vec::new(), Vec::new());
        let own = variable.grid.grid_shape();
        for axis in 0..chunk.len() {
            let end = region.start[axis] + region.count[axis];
            let is_cut = !end.is_multiple_of(chunk[axis]) && end != array.grid.shape[axis];
            if is_cut || !region.start[axis].is_multiple_of(chunk[axis]) || !from[axis].is_multiple_of(chunk[axis]) {
                return None;
            }
            first.push(region.start[axis] / chunk[axis]);
            count.push(region.count[axis].div_ceil(chunk[axis]));
            origin.push(from[axis] / chunk[axis]);
            if origin[axis].checked_add(count[axis])? > own[axis] {
                return None;
            }
        }
        let mut strides = vec![1; own.len()];
        for axis in (1..own.len()).rev() {
            strides[axis - 1] = strides[axis] * own[axis];
        }
        let (name, size) = (sources.files[file].reference.as_str(), sources.files[file].index.source.size);
        let (origin, chunks) = (variable.grid.number(&origin)?, variable.manifest.seeking());
        Some(Cell { first, count, origin, strides, chunks, name, size, known: None })
    }
}

/// What holds for all chunks of a file alike.
fn fits(checked: &Checked<'_>, file: usize) -> bool {
    let array = checked.array;
    checked.in_file(file).is_some_and(|variable| {
        variable.grid.chunk_shape == array.grid.chunk_shape
            && (variable.data_type == array.data_type || variable.data_type.numpy() == array.data_type.numpy())
            && (variable.codecs == array.codecs || are_same_filters(&variable.codecs, &array.codecs))
            && (!variable.unfiltered_edges || variable.codecs.is_empty())
            && checked.meanings[file].is_equivalent(&checked.meaning)
            && !checked.layout.reversed(file).contains(&true)
    })
}

impl<'a> Cell<'a> {
    /// The file's number of the chunk at a place of the product; `None` if it lies elsewhere.
    fn number(&self, place: &[u64]) -> Option<u64> {
        let mut number = self.origin;
        for (axis, at) in place.iter().enumerate() {
            let within = at.checked_sub(self.first[axis]).filter(|within| *within < self.count[axis])?;
            number += within * self.strides[axis];
        }
        Some(number)
    }

    /// Whether the product refers to this chunk of the file.
    fn is_right(&mut self, chunk: u64, (number, parts): (u64, &mut SeekingParts<'a>)) -> bool {
        let Some((url, offset, length)) = parts.part(number) else { return false };
        if !self.known.is_some_and(|known| Arc::ptr_eq(known, url)) {
            if **url != *self.name {
                return false;
            }
            self.known = Some(url);
        }
        let location = usize::try_from(chunk).ok().and_then(|chunk| self.chunks.get(chunk));
        location.is_some_and(|expected| {
            (expected.offset, expected.length, expected.filter_mask) == (offset, length, 0)
                && offset.checked_add(length).is_some_and(|end| end <= self.size)
        })
    }
}
