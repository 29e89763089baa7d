//! Chunks: how an array is cut, and where a piece is.

use bytes::Bytes;

/// How an array is cut into chunks of one shape.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChunkGrid {
    /// The array's length along each dimension; empty for a scalar.
    pub shape: Vec<u64>,
    /// A chunk's length along each dimension; as many as `shape`, none of them 0.
    pub chunk_shape: Vec<u64>,
}

impl ChunkGrid {
    /// Makes a grid; `None` if the numbers of dimensions differ, a chunk has length 0, or the chunks are too many to count.
    pub fn new(shape: Vec<u64>, chunk_shape: Vec<u64>) -> Option<Self> {
        if shape.len() != chunk_shape.len() || chunk_shape.contains(&0) {
            return None;
        }
        let grid = Self { shape, chunk_shape };
        grid.grid_shape().iter().try_fold(1u64, |product, length| product.checked_mul(*length))?;
        Some(grid)
    }

    /// The number of chunks along each dimension.
    ///
    /// ```
    /// use altostac::model::ChunkGrid;
    /// let grid = ChunkGrid::new(vec![10, 4], vec![3, 4]).unwrap();
    /// assert_eq!(grid.grid_shape(), [4, 1]);
    /// assert_eq!(grid.chunk_count(), 4);
    /// assert_eq!(grid.coordinates(3), [3, 0]);
    /// assert_eq!(grid.number(&[3, 0]), Some(3));
    /// ```
    pub fn grid_shape(&self) -> Vec<u64> {
        self.shape.iter().zip(&self.chunk_shape).map(|(length, chunk)| length.div_ceil(*chunk)).collect()
    }

    /// The number of chunks of the whole array: 1 for a scalar, 0 if a dimension is empty.
    pub fn chunk_count(&self) -> u64 {
        self.grid_shape().iter().product()
    }

    /// The place in the grid of the chunk with this number in C order.
    pub fn coordinates(&self, number: u64) -> Vec<u64> {
        let grid = self.grid_shape();
        let mut rest = number;
        let mut coordinates = vec![0; grid.len()];
        for (coordinate, length) in coordinates.iter_mut().zip(&grid).rev() {
            *coordinate = rest.checked_rem(*length).unwrap_or(0);
            rest = rest.checked_div(*length).unwrap_or(0);
        }
        coordinates
    }

    /// The number in C order of the chunk at a place in the grid; `None` if the place lies outside.
    pub fn number(&self, coordinates: &[u64]) -> Option<u64> {
        let grid = self.grid_shape();
        if coordinates.len() != grid.len() || coordinates.iter().zip(&grid).any(|(at, length)| at >= length) {
            return None;
        }
        Some(coordinates.iter().zip(&grid).fold(0, |number, (at, length)| number * length + at))
    }

    /// The number of elements of one whole chunk; `None` if it cannot be counted.
    pub fn chunk_elements(&self) -> Option<u64> {
        self.chunk_shape.iter().try_fold(1u64, |product, length| product.checked_mul(*length))
    }
}

/// Where a chunk lies in its file, and which filters it skipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ChunkLocation {
    /// Bytes from the start of the file.
    pub offset: u64,
    /// Bytes as stored.
    pub length: u64,
    /// Bit *n* set: filter *n* of the chain was not applied to this chunk.
    pub filter_mask: u32,
}

/// What a product holds for one chunk.
#[derive(Debug, Clone, PartialEq)]
pub enum ChunkPayload {
    /// A piece of a source file.
    Virtual {
        /// The number of the file in [`VirtualCube::files`](super::VirtualCube::files).
        file: usize,
        /// Where the piece is.
        location: ChunkLocation,
    },
    /// Encoded bytes in the product itself.
    Inline(Bytes),
    /// Never written: reads as fill.
    Missing,
}
