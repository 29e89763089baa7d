//! Chunks and slabs of a variable of a source file.

use super::region::{Region, advance, copy_region, span};
use super::{ReadError, SLAB_LIMIT, chunk_key};
use crate::codec::decode_chunk;
use crate::model::{ChunkLocation, FileVariable};
use crate::storage::ByteSource;

/// Reads one whole chunk by its number in C order; what lies beyond the array's edge is as it is stored.
///
/// # Errors
/// [`ReadError`] if the chunk cannot be read or decoded, the elements have no fixed size, or the file does not hold them.
pub fn read_chunk(variable: &FileVariable, number: u64, source: &dyn ByteSource) -> Result<Vec<u8>, ReadError> {
    let reader = Reader::new(variable, source)?;
    match reader.location(number) {
        Some(location) => reader.whole(&variable.grid.coordinates(number), location),
        None => reader.filled(&variable.grid.chunk_shape),
    }
}

/// Reads the elements from `start`, as many as `count` along each dimension, in C order.
///
/// Elements beyond the stored shape read as fill, as netCDF has it for a variable that is shorter than its unlimited dimension.
///
/// # Errors
/// [`ReadError`] if a chunk cannot be read or decoded, the slab has another number of dimensions or more than [`SLAB_LIMIT`]
/// bytes, the elements have no fixed size, or the file does not hold them.
pub fn read_slab(
    variable: &FileVariable,
    source: &dyn ByteSource,
    start: &[u64],
    count: &[u64],
) -> Result<Vec<u8>, ReadError> {
    let grid = &variable.grid;
    let slab = Region { start: start.to_vec(), count: count.to_vec() };
    let countable = start.iter().zip(count).all(|(start, count)| start.checked_add(*count).is_some());
    if start.len() != grid.shape.len() || count.len() != grid.shape.len() || !countable {
        let (start, count) = (slab.start, slab.count);
        return Err(ReadError::Slab {
            variable: variable.name.to_string(),
            dimensions: grid.shape.len(),
            start,
            count,
        });
    }
    let reader = Reader::new(variable, source)?;
    let mut out = reader.filled(count)?;
    let stored = Region { start: vec![0; grid.shape.len()], count: grid.shape.clone() };
    let Some(inside) = slab.intersection(&stored) else { return Ok(out) };
    let first: Vec<u64> = inside.start.iter().zip(&grid.chunk_shape).map(|(start, chunk)| start / chunk).collect();
    let chunks: Vec<u64> = (0..first.len())
        .map(|axis| (inside.start[axis] + inside.count[axis]).div_ceil(grid.chunk_shape[axis]) - first[axis])
        .collect();
    let mut at = vec![0; first.len()];
    loop {
        let place: Vec<u64> = first.iter().zip(&at).map(|(first, at)| first + at).collect();
        reader.copy_chunk(&place, &inside, &slab, &mut out)?;
        if !advance(&mut at, &chunks) {
            return Ok(out);
        }
    }
}

struct Reader<'a> {
    variable: &'a FileVariable,
    source: &'a dyn ByteSource,
    size: usize,
}

impl<'a> Reader<'a> {
    fn new(variable: &'a FileVariable, source: &'a dyn ByteSource) -> Result<Self, ReadError> {
        let size = variable.data_type.size().ok_or_else(|| ReadError::DataType {
            variable: variable.name.to_string(),
            found: variable.data_type.to_string(),
        })?;
        if let Some(found) = variable.layout.obstacle() {
            return Err(ReadError::NotHeld { variable: variable.name.to_string(), found: found.to_owned() });
        }
        Ok(Self { variable, source, size })
    }

    /// So many elements of fill.
    fn filled(&self, count: &[u64]) -> Result<Vec<u8>, ReadError> {
        let length = byte_length(count, self.size).ok_or_else(|| ReadError::TooLarge {
            variable: self.variable.name.to_string(),
            elements: count.to_vec(),
            size: self.size,
        })?;
        Ok(filled(self.variable, length, self.size))
    }

    fn location(&self, number: u64) -> Option<ChunkLocation> {
        self.variable.manifest.get(usize::try_from(number).ok()?)
    }

    /// The filters that this chunk went through, as a mask of those that it skipped.
    fn filter_mask(&self, place: &[u64], location: ChunkLocation) -> u32 {
        let grid = &self.variable.grid;
        let whole = (0..place.len()).all(|axis| {
            (place[axis] + 1).checked_mul(grid.chunk_shape[axis]).is_some_and(|end| end <= grid.shape[axis])
        });
        if self.variable.unfiltered_edges && !whole { u32::MAX } else { location.filter_mask }
    }

    fn is_unfiltered(&self, mask: u32) -> bool {
        let filters = self.variable.codecs.0.len();
        (0..filters).all(|filter| filter < 32 && mask >> filter & 1 == 1)
    }

    fn copy_chunk(&self, place: &[u64], inside: &Region, slab: &Region, out: &mut [u8]) -> Result<(), ReadError> {
        let grid = &self.variable.grid;
        let Some(location) = grid.number(place).and_then(|number| self.location(number)) else { return Ok(()) };
        let start: Vec<u64> = place.iter().zip(&grid.chunk_shape).map(|(place, chunk)| place * chunk).collect();
        let chunk = Region { start, count: grid.chunk_shape.clone() };
        let Some(common) = chunk.intersection(inside) else { return Ok(()) };
        let within = common.relative_to(&chunk.start);
        let (bytes, first) = if self.is_unfiltered(self.filter_mask(place, location)) {
            self.piece(place, location, &within)?
        } else {
            (self.whole(place, location)?, 0)
        };
        copy_region(
            (&bytes, &grid.chunk_shape, first),
            &within.start,
            (out, &slab.count),
            &common.relative_to(&slab.start).start,
            (&common.count, self.size),
        );
        Ok(())
    }

    fn whole(&self, place: &[u64], location: ChunkLocation) -> Result<Vec<u8>, ReadError> {
        let (variable, chunk) = (self.variable, chunk_key(place));
        let length = byte_length(&variable.grid.chunk_shape, self.size).ok_or_else(|| ReadError::TooLarge {
            variable: variable.name.to_string(),
            elements: variable.grid.chunk_shape.clone(),
            size: self.size,
        })?;
        let stored = self.stored(place, location.offset..location.offset.saturating_add(location.length))?;
        decode_chunk(&stored, &variable.codecs, self.filter_mask(place, location), length)
            .map_err(|source| ReadError::Codec { variable: variable.name.to_string(), chunk, source })
    }

    /// The stored bytes from the first to the last element of a box of an unfiltered chunk, and the number of that first element.
    fn piece(&self, place: &[u64], location: ChunkLocation, within: &Region) -> Result<(Vec<u8>, u64), ReadError> {
        let shape = &self.variable.grid.chunk_shape;
        let size = self.size as u64;
        let (first, end) = span(shape, within);
        if end.saturating_mul(size) > location.length {
            return Err(ReadError::ChunkLength {
                variable: self.variable.name.to_string(),
                chunk: chunk_key(place),
                expected: end.saturating_mul(size),
                found: location.length,
            });
        }
        let byte = |element: u64| location.offset.saturating_add(element * size);
        Ok((self.stored(place, byte(first)..byte(end))?, first))
    }

    fn stored(&self, place: &[u64], range: std::ops::Range<u64>) -> Result<Vec<u8>, ReadError> {
        let bytes = self.source.read_one(range).map_err(|source| ReadError::Storage {
            variable: self.variable.name.to_string(),
            chunk: chunk_key(place),
            source,
        })?;
        Ok(bytes.into())
    }
}

/// So many bytes of fill, of elements of `size` bytes.
pub(super) fn filled(variable: &FileVariable, length: usize, size: usize) -> Vec<u8> {
    match &variable.fill_value {
        Some(fill) if fill.len() == size && fill.iter().any(|byte| *byte != 0) => fill.repeat(length / size),
        _ => vec![0; length],
    }
}

/// The bytes of so many elements; `None` beyond [`SLAB_LIMIT`].
pub(super) fn byte_length(count: &[u64], size: usize) -> Option<usize> {
    let elements = count.iter().try_fold(1u64, |product, count| product.checked_mul(*count))?;
    let length = elements.checked_mul(u64::try_from(size).ok()?).filter(|length| *length <= SLAB_LIMIT)?;
    usize::try_from(length).ok()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::model::{Attributes, Codec, CodecChain, Numbers};
    use crate::read::region::linear;
    use crate::read::testing::{Spec, file};

    fn chain() -> CodecChain {
        CodecChain(vec![Codec::Shuffle { element_size: 2 }, Codec::Deflate { level: 1 }, Codec::Fletcher32])
    }

    proptest! {
        /// A slab equals the elements picked one by one, whatever the chunks, the filters and what was never written.
        #[test]
        fn slabs_are_the_elements_asked_for(
            shape in prop::collection::vec(1u64..6, 0..4),
            chunk in prop::collection::vec(1u64..7, 3),
            corner in prop::collection::vec((0u64..6, 0u64..6), 3),
            layout in 0..3,
            missing in prop::collection::vec(0u64..8, 0..3),
        ) {
            let count: u64 = shape.iter().product();
            let numbers = Numbers::I16((0..i16::try_from(count).unwrap()).map(|n| n * 3 + 1).collect());
            let mut spec = Spec::new("v", &["a", "b", "c"][..shape.len()], &shape, &numbers);
            spec.missing = missing;
            spec.fill_value = Some(vec![7, 1]);
            if layout > 0 {
                let chain = if layout == 1 { CodecChain::default() } else { chain() };
                spec = spec.chunked(&chunk[..shape.len()], &chain);
            }
            let (index, memory) = file("/a.nc", Attributes::new(), &[spec.clone()]);
            let variable = index.root.variables["v"].clone();
            let (start, counts): (Vec<u64>, Vec<u64>) = corner[..shape.len()].iter().copied().unzip();
            let slab = read_slab(&variable, &memory, &start, &counts).unwrap();

            let wanted = ChunkGridOf(counts.clone());
            for number in 0..wanted.count() {
                let place: Vec<u64> = wanted.place(number).iter().zip(&start).map(|(at, start)| at + start).collect();
                let chunk: Vec<u64> = place.iter().zip(&variable.grid.chunk_shape).map(|(at, n)| at / n).collect();
                let written = variable.grid.number(&chunk).is_some_and(|number| !spec.missing.contains(&number));
                let expected = if place.iter().zip(&shape).all(|(at, n)| at < n) && written {
                    let at = usize::try_from(linear(&shape, &place)).unwrap();
                    spec.bytes[at * 2..at * 2 + 2].to_vec()
                } else {
                    vec![7, 1]
                };
                let at = usize::try_from(number).unwrap();
                prop_assert_eq!(&slab[at * 2..at * 2 + 2], &expected[..], "{:?}", place);
            }
        }
    }

    struct ChunkGridOf(Vec<u64>);

    impl ChunkGridOf {
        fn count(&self) -> u64 {
            self.0.iter().product()
        }

        fn place(&self, mut number: u64) -> Vec<u64> {
            let mut place = vec![0; self.0.len()];
            for (at, length) in place.iter_mut().zip(&self.0).rev() {
                *at = number % length;
                number /= length;
            }
            place
        }
    }

    #[test]
    fn edge_chunks_may_skip_all_filters() {
        let numbers = Numbers::I16(vec![1, 2, 3]);
        let spec = Spec::new("v", &["a"], &[3], &numbers).chunked(&[2], &chain());
        let plain = Spec::new("v", &["a"], &[3], &numbers).chunked(&[2], &CodecChain::default());
        let (index, memory) = file("/a.nc", Attributes::new(), &[plain]);
        let mut variable = index.root.variables["v"].clone();
        variable.codecs = spec.codecs;
        variable.unfiltered_edges = true;
        assert_eq!(read_slab(&variable, &memory, &[2], &[1]).unwrap(), [3, 0]);
        assert_eq!(read_chunk(&variable, 1, &memory).unwrap(), [3, 0, 0, 0]);
        assert!(matches!(read_slab(&variable, &memory, &[0], &[1]), Err(ReadError::Codec { .. })));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let spec = Spec::new("v", &["a"], &[3], &Numbers::I16(vec![1, 2, 3]));
        let (index, memory) = file("/a.nc", Attributes::new(), &[spec]);
        let mut variable = index.root.variables["v"].clone();
        assert!(matches!(read_slab(&variable, &memory, &[0, 0], &[1, 1]), Err(ReadError::Slab { .. })));
        assert!(matches!(read_slab(&variable, &memory, &[u64::MAX], &[2]), Err(ReadError::Slab { .. })));
        assert!(matches!(read_slab(&variable, &memory, &[0], &[1 << 40]), Err(ReadError::TooLarge { .. })));
        let mut elsewhere = variable.clone();
        elsewhere.layout = crate::model::Layout::External("a.bin".into());
        assert!(matches!(read_slab(&elsewhere, &memory, &[0], &[1]), Err(ReadError::NotHeld { .. })));
        assert!(matches!(read_chunk(&elsewhere, 0, &memory), Err(ReadError::NotHeld { .. })));
        let beyond = ChunkLocation { offset: 1 << 40, length: 6, filter_mask: 0 };
        variable.manifest = Arc::new(crate::model::ChunkManifest::single(beyond));
        let error = read_slab(&variable, &memory, &[1], &[2]).unwrap_err();
        assert_eq!(error.to_string(), "v: chunk 0 cannot be read");
        variable.manifest =
            Arc::new(crate::model::ChunkManifest::single(ChunkLocation { offset: 0, length: 5, filter_mask: 0 }));
        assert!(matches!(read_slab(&variable, &memory, &[1], &[2]), Err(ReadError::ChunkLength { found: 5, .. })));
    }
}
