//! Texts in chunks of the sources: Zarr version 3 has no type for them that all readers know, so that they have to stand in the product.

use super::super::item::{error_of, failure};
use crate::codec::decode_chunk;
use crate::model::{Array, ArrayData, CodecChain, Group, ItemError, Placement, SourceFile, Variable, VirtualCube};
use crate::read::{Region, copy_region};
use crate::storage::open_source;
use crate::write::holds_few_texts;

/// The most bytes of a chunk.
const LIMIT: u64 = 64 << 20;

/// The cube with the values of its texts; `None` if none are in chunks.
pub(super) fn inlined(cube: &VirtualCube) -> Result<Option<VirtualCube>, ItemError> {
    if !cube.root.all_variables().into_iter().any(|(_, variable)| holds_few_texts(variable)) {
        return Ok(None);
    }
    let mut cube = cube.clone();
    let mut groups: Vec<&mut Group> = vec![&mut cube.root];
    while let Some(group) = groups.pop() {
        for variable in group.variables.values_mut().filter(|variable| holds_few_texts(variable)) {
            if let Some(array) = values(variable, &cube.files)? {
                variable.data = ArrayData::Inline(array);
            }
        }
        groups.extend(group.groups.values_mut());
    }
    Ok(Some(cube))
}

/// All elements of a variable; `None` if they are too many.
fn values(variable: &Variable, files: &[SourceFile]) -> Result<Option<Array>, ItemError> {
    let ArrayData::Placed { chunk_shape, codecs, placements } = &variable.data else { return Ok(None) };
    let size = variable.data_type.size().unwrap_or(1);
    let bytes = |shape: &[u64]| {
        let elements = shape.iter().try_fold(size as u64, |product, length| product.checked_mul(*length));
        elements.filter(|bytes| *bytes <= LIMIT).and_then(|bytes| usize::try_from(bytes).ok())
    };
    let (Some(length), Some(chunk_length)) = (bytes(&variable.shape), bytes(chunk_shape)) else { return Ok(None) };
    let fill = variable.fill_value.clone().filter(|fill| fill.len() == size).unwrap_or_else(|| vec![0; size]);
    let mut all = fill.repeat(length / size);
    for placement in placements {
        part(variable, placement, files, (codecs, chunk_length), &mut all)?;
    }
    Ok(Array::from_bytes(&variable.data_type, &variable.shape, &all))
}

/// Copies what one file holds.
fn part(
    variable: &Variable,
    placement: &Placement,
    files: &[SourceFile],
    (codecs, chunk_length): (&CodecChain, usize),
    all: &mut [u8],
) -> Result<(), ItemError> {
    let wrong = |message: &str| failure("unsupported", format!("{}: {message}", variable.name));
    let file = files.get(placement.file).ok_or_else(|| wrong("a part of no file"))?;
    let source = open_source(&file.url).map_err(|error| error_of("io", &error))?;
    let size = variable.data_type.size().unwrap_or(1);
    let chunk_shape = &placement.grid.chunk_shape;
    let whole = Region { start: vec![0; variable.shape.len()], count: variable.shape.clone() };
    for number in 0..placement.grid.chunk_count() {
        let location = usize::try_from(number).ok().and_then(|number| placement.manifest.get(number));
        let (stored, mask) = match (placement.inlined.get(&number), location) {
            (Some(bytes), _) => (bytes.clone(), 0),
            (None, Some(location)) => {
                let end = location.offset.saturating_add(location.length);
                (source.read_one(location.offset..end).map_err(|error| error_of("io", &error))?, location.filter_mask)
            }
            (None, None) => continue,
        };
        let chunk = decode_chunk(&stored, codecs, mask, chunk_length).map_err(|error| error_of("io", &error))?;
        let places = placement.grid.coordinates(number);
        let places = places.iter().zip(&placement.grid_origin).zip(chunk_shape);
        let start: Vec<u64> = places.map(|((at, origin), length)| (at + origin) * length).collect();
        let Some(common) = (Region { start, count: chunk_shape.clone() }).intersection(&whole) else { continue };
        let origin = vec![0; common.start.len()];
        copy_region((&chunk, chunk_shape, 0), &origin, (all, &variable.shape), &common.start, (&common.count, size));
    }
    Ok(())
}
