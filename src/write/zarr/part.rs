//! What one file holds of a variable: cut into the pieces that are read and decoded at once.

use crate::codec::Storing;
use crate::model::{ByteOrder, ChunkGrid, DataType, FileIndex, FileVariable, Numbers, Part};
use crate::read::{ReadError, Region, read_chunk, read_values};
use crate::storage::ByteSource;

/// The most bytes of one piece of a variable without filters, which need not be read chunk by chunk.
const PIECE: u64 = 2 << 20;

/// How the file's elements become the product's.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Conversion {
    /// As they are.
    Same,
    /// In the other order of bytes.
    Turned,
    /// Stored in another way.
    Recoded(Box<(Storing, Storing)>),
}

/// A part of a variable in a file.
pub(super) struct FilePart<'a> {
    pub(super) index: &'a FileIndex,
    /// The path of the variable in the file, without the first `/`.
    pub(super) key: String,
    pub(super) variable: &'a FileVariable,
    pub(super) part: Part,
    /// The pieces: a grid over all of the file's array that the part touches.
    pieces: ChunkGrid,
    /// Whether the pieces are the file's chunks.
    is_by_chunk: bool,
    conversion: Conversion,
    /// What never-written chunks read as, in the product's bytes.
    pub(super) fill: Vec<u8>,
}

/// A piece of a file, decoded: elements in C order, and the box of the cube's array that they fill.
pub(super) struct Decoded {
    pub(super) bytes: Vec<u8>,
    /// The shape of `bytes`, along the dimensions of the file, the last of the cube's; along those before them it is repeated.
    pub(super) shape: Vec<u64>,
    /// Where in `bytes` the box begins.
    pub(super) start: Vec<u64>,
    /// The box of the cube.
    pub(super) target: Region,
}

impl Decoded {
    /// One element that is everywhere in a box.
    pub(super) fn repeated(element: &[u8], target: Region) -> Self {
        Self { bytes: element.to_vec(), shape: Vec::new(), start: Vec::new(), target }
    }
}

/// Why a piece could not be had.
pub(super) enum Failed {
    /// It could not be read.
    Read(ReadError),
    /// A value does not survive.
    Converted,
}

impl<'a> FilePart<'a> {
    /// `None` if the numbers do not fit together: of dimensions, or beyond what can be counted.
    pub(super) fn new(
        (index, key): (&'a FileIndex, &str),
        variable: &'a FileVariable,
        part: Part,
        conversion: Conversion,
        size: u64,
    ) -> Option<Self> {
        let rank = variable.grid.shape.len();
        let fits = part.origin.len() == part.count.len()
            && part.count.len() == rank.checked_add(part.new_dimensions)?
            && part.start.len() == rank
            && (part.reversed.is_empty() || part.reversed.len() == rank);
        if !fits {
            return None;
        }
        let own = &part.count[part.new_dimensions..];
        let ends: Option<Vec<u64>> =
            part.start.iter().zip(own).map(|(start, count)| start.checked_add(*count)).collect();
        let ends: Vec<u64> = ends?.iter().zip(&variable.grid.shape).map(|(end, length)| *end.max(length)).collect();
        let is_by_chunk = !variable.codecs.is_empty();
        let chunk = &variable.grid.chunk_shape;
        let piece = if is_by_chunk { chunk.clone() } else { rows(&variable.grid, size) };
        let pieces = ChunkGrid::new(ends, piece)?;
        let mut fill = variable.fill_value.clone().unwrap_or_else(|| vec![0; variable.data_type.size().unwrap_or(0)]);
        fill = conversion.apply(fill, &variable.data_type)?;
        Some(Self { index, key: key.into(), variable, part, pieces, is_by_chunk, conversion, fill })
    }

    /// What of the file it is, and how its elements become the product's, in words.
    pub(super) fn told(&self) -> String {
        let Part { start, count, reversed, new_dimensions, .. } = &self.part;
        format!("{start:?} {count:?} {reversed:?} {new_dimensions} {:?} {:?}", self.conversion, self.fill)
    }

    /// Whether the product stores its values in another way.
    pub(super) fn is_recoded(&self) -> bool {
        matches!(self.conversion, Conversion::Recoded(_))
    }

    /// The bytes of one decoded piece.
    pub(super) fn piece_bytes(&self) -> u64 {
        let size = self.variable.data_type.size().unwrap_or(0) as u64;
        self.pieces.chunk_shape.iter().fold(size, |product, length| product.saturating_mul(*length))
    }

    /// The box of the cube that the part fills.
    pub(super) fn target(&self) -> Region {
        Region { start: self.part.origin.clone(), count: self.part.count.clone() }
    }

    fn is_reversed(&self, axis: usize) -> bool {
        self.part.reversed.get(axis).copied().unwrap_or(false)
    }

    /// The numbers of the pieces that a box of the cube needs, in the order of the file.
    pub(super) fn pieces(&self, region: &Region) -> Vec<u64> {
        let Some(common) = self.target().intersection(region) else { return Vec::new() };
        let own = self.in_file(&common);
        let chunk = &self.pieces.chunk_shape;
        let ranges: Vec<(u64, u64)> = (0..chunk.len())
            .map(|axis| (own.start[axis] / chunk[axis], (own.start[axis] + own.count[axis]).div_ceil(chunk[axis])))
            .collect();
        let mut numbers = vec![0u64];
        for ((first, end), length) in ranges.iter().zip(self.pieces.grid_shape()) {
            numbers = numbers.iter().flat_map(|number| (*first..*end).map(move |at| number * length + at)).collect();
        }
        numbers
    }

    /// A box of the cube within the part, as the box of the file.
    fn in_file(&self, region: &Region) -> Region {
        let new = self.part.new_dimensions;
        let start = (0..self.part.start.len()).map(|axis| {
            let (at, count) = (axis + new, self.part.count[axis + new]);
            let within = region.start[at] - self.part.origin[at];
            self.part.start[axis] + if self.is_reversed(axis) { count - within - region.count[at] } else { within }
        });
        Region { start: start.collect(), count: region.count[new..].to_vec() }
    }

    /// A box of the file within the part, as the box of the cube: all steps of dimensions that the file does not have.
    fn in_cube(&self, own: &Region) -> Region {
        let new = self.part.new_dimensions;
        let mut region = self.target();
        for axis in 0..own.start.len() {
            let within = own.start[axis] - self.part.start[axis];
            let (at, count) = (axis + new, self.part.count[axis + new]);
            region.start[at] += if self.is_reversed(axis) { count - within - own.count[axis] } else { within };
            region.count[at] = own.count[axis];
        }
        region
    }

    /// The piece's box in the file, as far as it belongs to the part.
    fn own(&self, number: u64) -> Option<(Region, Region)> {
        let chunk = &self.pieces.chunk_shape;
        let start = self.pieces.coordinates(number).iter().zip(chunk).map(|(at, length)| at * length).collect();
        let whole = Region { start, count: chunk.clone() };
        let window =
            Region { start: self.part.start.clone(), count: self.part.count[self.part.new_dimensions..].to_vec() };
        let own = whole.intersection(&window)?;
        Some((whole, own))
    }

    /// Whether a piece was never written, all of it; and the box of the cube that it would fill.
    pub(super) fn missing(&self, number: u64) -> Option<Region> {
        let (_, own) = self.own(number)?;
        let grid = &self.variable.grid;
        let first: Vec<u64> = own.start.iter().zip(&grid.chunk_shape).map(|(start, chunk)| start / chunk).collect();
        // A piece lies in one chunk.
        let location = grid.number(&first).and_then(|number| self.variable.manifest.get(usize::try_from(number).ok()?));
        location.is_none().then(|| self.in_cube(&own))
    }

    /// Whether every chunk of the part was written, and nothing of it lies beyond what the file stored.
    pub(super) fn is_full(&self) -> bool {
        let grid = &self.variable.grid;
        self.variable.manifest.present() as u64 == grid.chunk_count() && self.pieces.shape == grid.shape
    }

    /// Reads and decodes a piece, in the product's bytes.
    pub(super) fn read(&self, number: u64, source: &dyn ByteSource) -> Result<Option<Decoded>, Failed> {
        let Some((whole, own)) = self.own(number) else { return Ok(None) };
        let slab = |region: &Region| {
            read_values((self.index, &self.key), self.variable, source, &region.start, &region.count)
                .map_err(Failed::Read)
        };
        let is_turned = (0..own.start.len()).any(|axis| self.is_reversed(axis) && own.count[axis] > 1);
        let stored = &self.variable.grid.shape;
        let is_stored = (0..stored.len()).all(|axis| own.start[axis] + own.count[axis] <= stored[axis]);
        let (bytes, held) = if self.is_by_chunk && !is_turned && is_stored {
            let chunk = self.variable.grid.number(&self.pieces.coordinates(number));
            match chunk.map(|chunk| read_chunk(self.variable, chunk, source)) {
                Some(Ok(bytes)) => (bytes, whole),
                // What altostac does not undo itself, a library may.
                _ => (slab(&own)?, own.clone()),
            }
        } else {
            (slab(&own)?, own.clone())
        };
        let mut bytes = self.conversion.apply(bytes, &self.variable.data_type).ok_or(Failed::Converted)?;
        if is_turned {
            let size = self.fill.len();
            for axis in (0..own.count.len()).filter(|axis| self.is_reversed(*axis)) {
                turn(&mut bytes, &own.count, axis, size);
            }
        }
        let start = own.relative_to(&held.start).start;
        Ok(Some(Decoded { bytes, shape: held.count, start, target: self.in_cube(&own) }))
    }

    /// Where the pieces begin and end along a dimension of the cube.
    pub(super) fn stretches(&self, axis: usize) -> Vec<(u64, u64)> {
        let target = self.target();
        let all = (target.start[axis], target.start[axis] + target.count[axis]);
        let Some(own) = axis.checked_sub(self.part.new_dimensions) else { return vec![all] };
        let chunk = self.pieces.chunk_shape[own];
        let (start, end) = (self.part.start[own], self.part.start[own] + self.part.count[axis]);
        let mut found = Vec::new();
        let mut at = start;
        while at < end {
            let next = (at / chunk + 1).saturating_mul(chunk).min(end);
            let (from, to) = (at - start, next - start);
            let (from, to) = if self.is_reversed(own) { (end - start - to, end - start - from) } else { (from, to) };
            found.push((all.0 + from, all.0 + to));
            at = next;
        }
        found
    }
}

impl Conversion {
    /// `None` if a value does not survive.
    pub(super) fn apply(&self, bytes: Vec<u8>, data_type: &DataType) -> Option<Vec<u8>> {
        match (self, data_type.number()) {
            (Self::Same, _) | (Self::Turned, None) => Some(bytes),
            (Self::Turned, Some((primitive, order))) => {
                let other = if order == ByteOrder::Little { ByteOrder::Big } else { ByteOrder::Little };
                Some(Numbers::from_bytes(primitive, order, &bytes).to_bytes(other))
            }
            (Self::Recoded(ways), _) => ways.0.recode(&bytes, &ways.1),
        }
    }
}

/// Rows of a chunk, as many as make a piece: an unbroken stretch of a chunk without filters, that does not reach into the next chunk.
fn rows(grid: &ChunkGrid, size: u64) -> Vec<u64> {
    let mut piece = grid.chunk_shape.clone();
    for axis in 0..piece.len() {
        let row = piece[axis + 1..].iter().fold(size, |product, length| product.saturating_mul(*length));
        let rows = (PIECE / row.max(1)).max(1);
        if rows >= piece[axis] {
            return piece;
        }
        let is_only = piece[axis] >= grid.shape[axis];
        let divisor = || (1..=rows).rev().find(|rows| piece[axis].is_multiple_of(*rows)).unwrap_or(1);
        let length = if is_only { rows } else { divisor() };
        if length < rows / 8 {
            return piece;
        }
        piece[axis] = length;
        if rows > 1 {
            return piece;
        }
    }
    piece
}

/// Turns the elements of an array round along one axis.
fn turn(bytes: &mut [u8], shape: &[u64], axis: usize, size: usize) {
    let length = |lengths: &[u64]| usize::try_from(lengths.iter().product::<u64>()).unwrap_or(usize::MAX);
    let row = length(&shape[axis + 1..]).saturating_mul(size);
    let count = usize::try_from(shape[axis]).unwrap_or(usize::MAX);
    if row == 0 || count < 2 {
        return;
    }
    for block in bytes.chunks_exact_mut(row.saturating_mul(count)) {
        let (mut first, mut last) = (0, count - 1);
        while first < last {
            let (front, back) = block.split_at_mut(last * row);
            front[first * row..(first + 1) * row].swap_with_slice(&mut back[..row]);
            first += 1;
            last -= 1;
        }
    }
}
