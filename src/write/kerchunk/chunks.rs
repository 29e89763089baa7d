//! The chunks of a variable, in C order, for whatever takes references and encoded bytes.

use std::collections::HashMap;
use std::iter::Peekable;

use bytes::Bytes;

use super::metadata::{Fill, byte_order, primitive};
use crate::codec::{encode_chunk, encode_texts, shuffle_remainder};
use crate::model::{
    Array, ArrayData, ArrayValues, ChunkGrid, ChunkLocation, CodecChain, DataType, Placement, SourceFile, Variable,
};
use crate::read::chunk_key;
use crate::write::{WriteError, Written};

/// The most bytes of fill that are inlined for one variable, and held together.
const FILL_LIMIT: u64 = 64 << 20;
/// The most bytes of one chunk of fill, before encoding.
const FILL_CHUNK_LIMIT: u64 = 256 << 20;

/// What takes the chunks of a variable, in C order of the chunk grid.
pub(in crate::write) trait ChunkSink {
    /// The chunk at a place in the grid (none of a scalar) is a piece of the file with this number.
    fn reference(&mut self, place: &[u64], file: usize, location: ChunkLocation) -> Result<(), WriteError>;

    /// The chunk's encoded bytes themselves.
    fn inlined(&mut self, place: &[u64], bytes: &Bytes) -> Result<(), WriteError>;
}

/// What becomes of never-written chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::write) enum Gaps {
    /// They are left out if a reader takes a missing chunk for what netCDF reads.
    LeftOut,
    /// Each is given, full of fill; so many chunks are held together.
    Filled {
        /// At least 1.
        together: u64,
    },
}

/// What the chunks of a product are written with.
#[derive(Debug, Clone, Copy)]
pub(in crate::write) struct Means<'a> {
    /// The files of the cube.
    pub(in crate::write) files: &'a [SourceFile],
    /// What becomes of never-written chunks.
    pub(in crate::write) gaps: Gaps,
}

/// Gives all chunks of a variable; `key` names it in errors.
pub(in crate::write) fn write(
    sink: &mut dyn ChunkSink,
    key: &str,
    variable: &Variable,
    fill: &Fill,
    means: Means<'_>,
    written: &mut Written,
) -> Result<(), WriteError> {
    match &variable.data {
        ArrayData::Inline(array) => inline(sink, key, variable, array, written),
        ArrayData::Placed { placements, .. } => match Placed::new(key, variable, fill, means)? {
            Some(part) => part.write(sink, placements, written),
            None => Ok(()),
        },
        ArrayData::Apart => Err(apart(key)),
    }
}

/// A variable that no grid of chunks says.
pub(in crate::write) fn apart(key: &str) -> WriteError {
    WriteError::DataType {
        variable: key.into(),
        expected: "chunks of one shape, type and chain of filters",
        found: "parts of files that differ in them".into(),
    }
}

/// What `write` would refuse of a variable, told without writing anything.
pub(in crate::write) fn examine(
    key: &str,
    variable: &Variable,
    fill: &Fill,
    means: Means<'_>,
) -> Result<(), WriteError> {
    match (&variable.data, Placed::new(key, variable, fill, means)?) {
        (ArrayData::Placed { placements, .. }, Some(part)) => {
            part.examine(placements)?;
            Parts::new(&part, placements).map(|_| ())
        }
        _ => Ok(()),
    }
}

fn inline(
    sink: &mut dyn ChunkSink,
    key: &str,
    variable: &Variable,
    array: &Array,
    written: &mut Written,
) -> Result<(), WriteError> {
    let wrong = |expected, found: String| WriteError::DataType { variable: key.into(), expected, found };
    if array.shape != variable.shape {
        let found = format!("{:?} for {:?}", array.shape, variable.shape);
        return Err(wrong("inlined values of the variable's own shape", found));
    }
    let (bytes, count) = match (&array.values, &variable.data_type) {
        (ArrayValues::Strings(texts), DataType::VariableString) => (encode_texts(texts), Some(texts.len())),
        (ArrayValues::Strings(texts), DataType::FixedUnicode { length }) => {
            (fixed_texts(texts, *length), Some(texts.len()))
        }
        (ArrayValues::FixedStrings { length, bytes }, DataType::FixedString { length: expected })
            if length == expected =>
        {
            (Some(bytes.clone()), bytes.len().checked_div(usize::try_from(*length).unwrap_or(0)))
        }
        (ArrayValues::Numbers(numbers), data_type) if primitive(data_type) == Some(numbers.primitive()) => {
            (Some(numbers.to_bytes(byte_order(data_type))), Some(numbers.len()))
        }
        _ => (None, None),
    };
    let expected: u64 = array.shape.iter().product();
    let Some(bytes) = bytes.filter(|_| count.is_some_and(|count| count as u64 == expected)) else {
        return Err(wrong("inlined values of the variable's own type and number", variable.data_type.to_string()));
    };
    if expected > 0 {
        sink.inlined(&vec![0; array.shape.len()], &bytes.into())?;
        written.chunks += 1;
        written.inlined += 1;
    }
    Ok(())
}

/// UTF-32 little-endian, with zeros up to the length; `None` if a text is longer.
fn fixed_texts(texts: &[String], length: u32) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok()?;
    let mut bytes = Vec::new();
    for text in texts {
        let end = bytes.len() + 4 * length;
        bytes.extend(text.chars().flat_map(|character| u32::from(character).to_le_bytes()));
        if bytes.len() > end {
            return None;
        }
        bytes.resize(end, 0);
    }
    Some(bytes)
}

/// A variable whose chunks are in the source files.
struct Placed<'a> {
    key: &'a str,
    variable: &'a Variable,
    codecs: &'a CodecChain,
    fill: &'a Fill,
    grid: ChunkGrid,
    means: Means<'a>,
}

impl<'a> Placed<'a> {
    /// `None` for values that are inlined.
    fn new(key: &'a str, variable: &'a Variable, fill: &'a Fill, means: Means<'a>) -> Result<Option<Self>, WriteError> {
        let ArrayData::Placed { chunk_shape, codecs, .. } = &variable.data else { return Ok(None) };
        let grid = ChunkGrid::new(variable.shape.clone(), chunk_shape.clone()).ok_or_else(|| WriteError::DataType {
            variable: key.into(),
            expected: "a chunk length above 0 for each dimension",
            found: format!("chunks of {chunk_shape:?} for the shape {:?}", variable.shape),
        })?;
        Ok(Some(Self { key, variable, codecs, fill, grid, means }))
    }

    /// Everything that may be wrong with the chunks, before one of them is written.
    fn examine(&self, placements: &[Placement]) -> Result<(), WriteError> {
        if let Some((length, element_size)) = self.chunk_bytes().and_then(|n| shuffle_remainder(self.codecs, n)) {
            return Err(WriteError::ShuffleRemainder { variable: self.key.into(), length, element_size });
        }
        let mut missing = self.grid.chunk_count();
        for placement in placements {
            let manifest = &placement.manifest;
            missing = missing.saturating_sub((manifest.present() + placement.inlined.len()) as u64);
            if manifest.has_masks() || self.codecs.is_empty() {
                let mut located =
                    (0u64..).zip(manifest.iter()).filter_map(|(number, location)| Some((number, location?)));
                located.try_for_each(|(number, location)| self.check(placement, number, location))?;
            }
        }
        if missing > 0 && !self.may_be_left_out() {
            self.check_fill_length(missing, self.fill_chunk()?.len() as u64)?;
        }
        Ok(())
    }

    fn write(
        &self,
        sink: &mut dyn ChunkSink,
        placements: &[Placement],
        written: &mut Written,
    ) -> Result<(), WriteError> {
        self.examine(placements)?;
        let mut parts = Parts::new(self, placements)?;
        let mut fill_chunk = None;
        let grid = self.grid.grid_shape();
        let mut place = vec![0; grid.len()];
        for _ in 0..self.grid.chunk_count() {
            match parts.find(&place) {
                Some(Found::Inlined(bytes)) => {
                    sink.inlined(&place, bytes)?;
                    written.inlined += 1;
                    written.chunks += 1;
                }
                Some(Found::Located { file, location }) => {
                    sink.reference(&place, file, location)?;
                    written.chunks += 1;
                }
                None if self.may_be_left_out() => written.left_out += 1,
                None => {
                    let bytes: &Bytes = match &mut fill_chunk {
                        Some(bytes) => bytes,
                        none => none.insert(self.fill_chunk()?),
                    };
                    sink.inlined(&place, bytes)?;
                    written.inlined += 1;
                    written.chunks += 1;
                }
            }
            advance(&mut place, &grid);
        }
        Ok(())
    }

    /// Whether a reader makes of a missing chunk what netCDF makes of it.
    fn may_be_left_out(&self) -> bool {
        self.means.gaps == Gaps::LeftOut
            && self.fill.element.as_ref().is_some_and(|element| *element == self.source_fill())
    }

    fn source_fill(&self) -> Vec<u8> {
        let size = self.variable.data_type.size().unwrap_or(0);
        self.variable.fill_value.clone().unwrap_or_else(|| vec![0; size])
    }

    fn chunk_bytes(&self) -> Option<u64> {
        self.grid.chunk_elements()?.checked_mul(self.variable.data_type.size()? as u64)
    }

    fn fill_chunk(&self) -> Result<Bytes, WriteError> {
        let elements = self.grid.chunk_elements().and_then(|elements| usize::try_from(elements).ok());
        let length = self.chunk_bytes().unwrap_or(u64::MAX);
        let Some(elements) = elements.filter(|_| length <= FILL_CHUNK_LIMIT) else {
            return Err(self.too_much_fill(1, length));
        };
        let raw = self.source_fill().repeat(elements);
        let failed = |source| WriteError::Fill { variable: self.key.into(), source };
        encode_chunk(&raw, self.codecs).map(Bytes::from).map_err(failed)
    }

    fn check_fill_length(&self, chunks: u64, length: u64) -> Result<(), WriteError> {
        let together = match self.means.gaps {
            Gaps::LeftOut => chunks,
            Gaps::Filled { together } => chunks.min(together),
        };
        if together.saturating_mul(length) > FILL_LIMIT { Err(self.too_much_fill(together, length)) } else { Ok(()) }
    }

    fn too_much_fill(&self, chunks: u64, length: u64) -> WriteError {
        WriteError::FillTooLarge { variable: self.key.into(), chunks, length, limit: FILL_LIMIT }
    }

    fn check(&self, placement: &Placement, number: u64, location: ChunkLocation) -> Result<(), WriteError> {
        let file = || self.file_name(placement.file);
        let chunk = || {
            let within = placement.grid.coordinates(number);
            let place: Vec<u64> = within.iter().zip(&placement.grid_origin).map(|(at, origin)| at + origin).collect();
            chunk_key(&place)
        };
        if location.filter_mask != 0 {
            let mask = location.filter_mask;
            return Err(WriteError::FilterMask { variable: self.key.into(), chunk: chunk(), file: file(), mask });
        }
        match self.chunk_bytes() {
            Some(expected) if self.codecs.is_empty() && expected != location.length => Err(WriteError::ChunkLength {
                variable: self.key.into(),
                chunk: chunk(),
                file: file(),
                expected,
                found: location.length,
            }),
            _ => Ok(()),
        }
    }

    fn wrong(&self, placement: &Placement, expected: &str, found: String) -> WriteError {
        WriteError::Placement {
            variable: self.key.into(),
            file: self.file_name(placement.file),
            expected: expected.into(),
            found,
        }
    }

    fn file_name(&self, file: usize) -> String {
        self.means.files.get(file).map_or_else(|| format!("file {file}"), |file| file.url.to_string())
    }
}

/// The next place in C order.
fn advance(place: &mut [u64], grid: &[u64]) {
    for (at, length) in place.iter_mut().zip(grid).rev() {
        *at += 1;
        if *at < *length {
            return;
        }
        *at = 0;
    }
}

/// What there is for a chunk.
enum Found<'a> {
    Inlined(&'a Bytes),
    Located { file: usize, location: ChunkLocation },
}

/// One part, whose chunks are asked for in ascending order.
struct Part<'a> {
    placement: &'a Placement,
    shape: Vec<u64>,
    written: Peekable<Box<dyn Iterator<Item = (usize, ChunkLocation)> + 'a>>,
}

impl<'a> Part<'a> {
    fn new(placement: &'a Placement) -> Self {
        let written: Box<dyn Iterator<Item = _>> = Box::new(placement.manifest.written());
        Self { placement, shape: placement.grid.grid_shape(), written: written.peekable() }
    }

    /// The number in the part of the chunk at a place in the whole grid; `None` if it is another part's.
    fn number(&self, place: &[u64]) -> Option<u64> {
        let mut number = 0;
        for ((at, origin), length) in place.iter().zip(&self.placement.grid_origin).zip(&self.shape) {
            let within = at.checked_sub(*origin).filter(|within| within < length)?;
            number = number * length + within;
        }
        Some(number)
    }

    fn chunk(&mut self, number: u64) -> Option<Found<'a>> {
        if let Some(bytes) = self.placement.inlined.get(&number) {
            return Some(Found::Inlined(bytes));
        }
        while self.written.next_if(|(at, _)| (*at as u64) < number).is_some() {}
        let (_, location) = self.written.next_if(|(at, _)| *at as u64 == number)?;
        Some(Found::Located { file: self.placement.file, location })
    }
}

/// The parts of a variable, found by the place of a chunk: where parts begin or end cuts the grid into cells, each of one part.
struct Parts<'a> {
    cuts: Vec<Vec<u64>>,
    parts: Vec<Part<'a>>,
    by_cell: HashMap<Vec<usize>, usize>,
    /// The part that had the last chunk: most often it has the next one too.
    last: usize,
}

impl<'a> Parts<'a> {
    fn new(placed: &Placed<'_>, placements: &'a [Placement]) -> Result<Self, WriteError> {
        let mut cuts = vec![Vec::new(); placed.grid.shape.len()];
        for placement in placements {
            let wrong = |expected: &str, found: String| placed.wrong(placement, expected, found);
            if placement.file >= placed.means.files.len() {
                return Err(wrong("a file of the cube", format!("number {}", placement.file)));
            }
            if placement.grid.chunk_shape != placed.grid.chunk_shape {
                let expected = format!("chunks of {:?}", placed.grid.chunk_shape);
                return Err(wrong(&expected, format!("{:?}", placement.grid.chunk_shape)));
            }
            let part = placement.grid.grid_shape();
            let fits = placement.grid_origin.len() == part.len()
                && placement
                    .grid_origin
                    .iter()
                    .zip(&part)
                    .zip(placed.grid.grid_shape())
                    .all(|((origin, part), whole)| origin.checked_add(*part).is_some_and(|end| end <= whole));
            if !fits || placement.manifest.len() as u64 != placement.grid.chunk_count() {
                let found =
                    format!("{part:?} chunks at {:?}, {} located", placement.grid_origin, placement.manifest.len());
                return Err(wrong("a part within the chunk grid", found));
            }
            for ((cuts, origin), length) in cuts.iter_mut().zip(&placement.grid_origin).zip(&part) {
                cuts.extend([*origin, origin + length]);
            }
        }
        for cuts in &mut cuts {
            cuts.push(0);
            cuts.sort_unstable();
            cuts.dedup();
        }
        let parts = placements.iter().map(Part::new).collect();
        let mut parts = Self { cuts, parts, by_cell: HashMap::new(), last: 0 };
        for (number, placement) in placements.iter().enumerate() {
            for cell in parts.cells_of(placement) {
                if parts.by_cell.insert(cell, number).is_some() {
                    let found = format!(
                        "{:?} chunks at {:?}, and another part within",
                        placement.grid.grid_shape(),
                        placement.grid_origin
                    );
                    return Err(placed.wrong(placement, "parts side by side", found));
                }
            }
        }
        Ok(parts)
    }

    /// The cells that a part fills.
    fn cells_of(&self, placement: &Placement) -> Vec<Vec<usize>> {
        let part = placement.grid.grid_shape();
        let mut cells = vec![Vec::with_capacity(part.len())];
        for ((cuts, origin), length) in self.cuts.iter().zip(&placement.grid_origin).zip(&part) {
            let range = cuts.partition_point(|cut| cut < origin)..cuts.partition_point(|cut| *cut < origin + length);
            let along = |cell: Vec<usize>| range.clone().map(move |at| [cell.as_slice(), &[at]].concat());
            cells = cells.into_iter().flat_map(along).collect();
        }
        cells
    }

    /// What there is for the chunk at a place, which comes after all places that were asked for before.
    fn find(&mut self, place: &[u64]) -> Option<Found<'a>> {
        if let Some(part) = self.parts.get_mut(self.last)
            && let Some(number) = part.number(place)
        {
            return part.chunk(number);
        }
        let cell = self.cuts.iter().zip(place).map(|(cuts, at)| cuts.partition_point(|cut| cut <= at).checked_sub(1));
        self.last = *self.by_cell.get(&cell.collect::<Option<Vec<usize>>>()?)?;
        let part = self.parts.get_mut(self.last)?;
        let number = part.number(place)?;
        part.chunk(number)
    }
}
