//! Placing the chunks of a dataset in its manifest, whichever way its index names them.

use super::bytes::Cursor;
use super::fault::Found;
use super::store::View;
use crate::model::{ChunkGrid, ChunkLocation, ChunkManifest};

/// What places chunks in a manifest.
#[derive(Debug)]
pub(super) struct Placer {
    pub(super) grid: Vec<u64>,
    chunk_shape: Vec<u64>,
    pub(super) chunk_bytes: u64,
    filtered: bool,
    /// The dimensions in the order in which an array index counts, and how many chunks each can have.
    pub(super) counting: Vec<(usize, u64)>,
    /// Whether an array index counts as the grid does.
    in_order: bool,
    pub(super) coordinates: Vec<u64>,
    /// Where the chunk at `coordinates` begins, in elements, if `move_to` has gone there.
    offsets: Vec<u64>,
    pub(super) manifest: ChunkManifest,
    /// Where chunks go instead that another thread finds: they are placed in the manifest in order.
    apart: Option<Apart>,
    /// Room for what others find, used again and again.
    spare: Vec<Apart>,
}

type Apart = Vec<(usize, ChunkLocation)>;

impl Placer {
    /// A manifest to be filled; `limits` are the greatest lengths of the dimensions (`None`: unlimited).
    pub(super) fn new(
        manifest: ChunkManifest,
        grid: &ChunkGrid,
        limits: &[Option<u64>],
        chunk_bytes: u64,
        filtered: bool,
    ) -> Self {
        let rank = grid.shape.len();
        // Extensible arrays count with the unlimited dimension first (libhdf5 calls that "swizzling").
        let unlimited = limits.iter().position(Option::is_none);
        let order = unlimited.into_iter().chain((0..rank).filter(|dimension| Some(*dimension) != unlimited));
        let possible = |dimension: usize| {
            let limit = limits.get(dimension).copied().flatten().unwrap_or(u64::MAX);
            limit.div_ceil(grid.chunk_shape[dimension]).max(1)
        };
        let counting: Vec<(usize, u64)> = order.map(|dimension| (dimension, possible(dimension))).collect();
        let grid_shape = grid.grid_shape();
        // The slowest dimension may go on: its chunks beyond the array come after all others.
        let in_order = counting
            .iter()
            .enumerate()
            .all(|(place, (dimension, count))| *dimension == place && (place == 0 || *count == grid_shape[place]));
        Self {
            grid: grid_shape,
            chunk_shape: grid.chunk_shape.clone(),
            chunk_bytes,
            filtered,
            counting,
            in_order,
            coordinates: vec![0; rank],
            offsets: vec![0; rank],
            manifest,
            apart: None,
            spare: Vec::new(),
        }
    }

    /// A placer for another thread, which keeps what it places apart.
    pub(super) fn aside(&mut self) -> Self {
        Self {
            grid: self.grid.clone(),
            chunk_shape: self.chunk_shape.clone(),
            counting: self.counting.clone(),
            coordinates: vec![0; self.coordinates.len()],
            offsets: vec![0; self.offsets.len()],
            manifest: ChunkManifest::missing(self.manifest.len()),
            apart: Some(self.spare.pop().unwrap_or_default()),
            spare: Vec::new(),
            ..*self
        }
    }

    /// Places what another thread has found.
    pub(super) fn take_back(&mut self, other: Self) {
        let Some(mut apart) = other.apart else { return };
        for (number, location) in apart.drain(..) {
            self.manifest.set(number, location);
        }
        self.spare.push(apart);
    }

    /// Goes to the chunk that begins at these elements.
    pub(super) fn move_to(&mut self, cursor: &Cursor, offsets: &[u64]) -> Found<()> {
        let known = self.coordinates.iter_mut().zip(&mut self.offsets);
        for (((at, last), offset), length) in known.zip(offsets).zip(&self.chunk_shape) {
            // Most chunks stand beside the one before: that saves a division.
            if offset == last {
                continue;
            }
            if last.checked_add(*length) == Some(*offset) {
                *at += 1;
            } else {
                *at = offset / length;
                if *at * length != *offset {
                    let found = format!("one at {offset}");
                    return Err(cursor.corrupt(format!("a chunk at a multiple of {length}"), found));
                }
            }
            *last = *offset;
        }
        Ok(())
    }

    /// Places the chunk at `self.coordinates`; chunks outside the array, left over from its shrinking, do not count.
    pub(super) fn place(&mut self, view: &View, address: u64, length: u64, filter_mask: u32) -> Found<()> {
        let mut number = 0u64;
        for (at, count) in self.coordinates.iter().zip(&self.grid) {
            if at >= count {
                return Ok(());
            }
            number = number.wrapping_mul(*count).wrapping_add(*at);
        }
        self.place_numbered(view, number, address, length, filter_mask)
    }

    /// Places the chunk with a number in C order; beyond the last, as above.
    #[inline]
    fn place_numbered(&mut self, view: &View, number: u64, address: u64, length: u64, filter_mask: u32) -> Found<()> {
        if number >= self.manifest.len() as u64 {
            return Ok(());
        }
        let length = if length == 0 && !self.filtered { self.chunk_bytes } else { length };
        let location = view.location("chunk", address, length)?;
        let number = usize::try_from(number).unwrap_or(usize::MAX);
        let location = ChunkLocation { filter_mask, ..location };
        match &mut self.apart {
            Some(apart) => apart.push((number, location)),
            None => drop(self.manifest.set(number, location)),
        }
        Ok(())
    }

    /// Places the chunk with a number in an array index.
    pub(super) fn place_counted(
        &mut self,
        view: &View,
        mut number: u64,
        address: u64,
        length: u64,
        filter_mask: u32,
    ) -> Found<()> {
        if self.in_order {
            return self.place_numbered(view, number, address, length, filter_mask);
        }
        let mut counting = self.counting.iter().rev().peekable();
        while let Some((dimension, count)) = counting.next() {
            // The slowest dimension takes what is left.
            let last = counting.peek().is_none();
            self.coordinates[*dimension] = if last { number } else { number % count };
            number /= count;
        }
        self.place(view, address, length, filter_mask)
    }

    /// Reads one element of an array index (III.H and III.I): an address, and for filtered chunks a size and a mask.
    pub(super) fn element(&mut self, view: &View, cursor: &mut Cursor, number: u64, element: Element) -> Found<()> {
        let address = cursor.address()?;
        let (length, mask) = match element.size_width {
            Some(width) => (cursor.uint(width)?, cursor.u32()?),
            None => (self.chunk_bytes, 0),
        };
        match address {
            Some(address) => self.place_counted(view, number, address, length, mask),
            None => Ok(()),
        }
    }
}

/// The form of the elements of an array index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) bytes: u64,
    /// How wide the size of a filtered chunk is; `None`: chunks have no filters.
    pub(super) size_width: Option<usize>,
}

impl Element {
    /// The form that the client ID and element size in an array's header ask for.
    pub(super) fn new(cursor: &Cursor, address_width: usize, client: u8, bytes: u8) -> Found<Self> {
        let bytes = usize::from(bytes);
        let size_width = match client {
            0 if bytes == address_width => None,
            1 if (address_width + 5..=address_width + 12).contains(&bytes) => Some(bytes - address_width - 4),
            _ => {
                let found = format!("client {client} with elements of {bytes} bytes");
                return Err(cursor.corrupt("an array of chunks", found));
            }
        };
        Ok(Self { bytes: bytes as u64, size_width })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::bytes::Widths;
    use super::*;

    /// Found by fuzzing: the chunk at 0 does not stand beside the last one that can be counted.
    #[test]
    fn the_next_chunk_is_not_beyond_the_greatest_offset() {
        let grid = ChunkGrid::new(vec![8], vec![2]).unwrap();
        let mut placer = Placer::new(ChunkManifest::missing(4), &grid, &[None], 2, false);
        let cursor = Cursor::new("test", &[], 0, Widths::default());
        for (offset, number) in [(u64::MAX - 1, u64::MAX / 2), (0, 0), (2, 1), (6, 3)] {
            placer.move_to(&cursor, &[offset]).unwrap();
            assert_eq!(placer.coordinates, [number]);
        }
    }
}
