//! All values of a variable of a cube, gathered from the chunks of its files.

use std::sync::Arc;

use super::region::copy_region;
use super::slab::byte_length;
use super::{OpenSource, ReadError, chunk_key, read_slab};
use crate::codec::decode_chunk;
use crate::model::{
    Array, ArrayData, CodecChain, FileVariable, Layout, Placement, SmallValues, SourceFile, Variable, VariablePath,
    VariableSchema,
};

/// Gathers a variable of a cube over these files; places that no file has read as the variable's fill.
///
/// # Errors
/// [`ReadError`] if a source cannot be opened, read or decoded, or the elements are of no fixed size or too many.
pub fn read_placed(
    path: &VariablePath,
    variable: &Variable,
    files: &[SourceFile],
    open: OpenSource<'_>,
) -> Result<Array, ReadError> {
    let (placements, chunk_shape, codecs) = match &variable.data {
        ArrayData::Inline(array) => return Ok(array.clone()),
        ArrayData::Placed { placements, chunk_shape, codecs } => (placements, chunk_shape, codecs),
        ArrayData::Apart => {
            let found = "parts of files that no grid of chunks says".into();
            return Err(ReadError::NotHeld { variable: path.key().into(), found });
        }
    };
    let data_type = || ReadError::DataType { variable: path.key().into(), found: variable.data_type.to_string() };
    let size = variable.data_type.size().ok_or_else(data_type)?;
    let too_large = || ReadError::TooLarge { variable: path.key().into(), elements: variable.shape.clone(), size };
    let length = byte_length(&variable.shape, size).ok_or_else(too_large)?;
    let fill = variable.fill_value.clone().filter(|fill| fill.len() == size).unwrap_or_else(|| vec![0; size]);
    let mut all: Vec<u8> = fill.iter().copied().cycle().take(length).collect();
    for placement in placements {
        let start: Vec<u64> =
            placement.grid_origin.iter().zip(chunk_shape).map(|(at, length)| at.saturating_mul(*length)).collect();
        let bytes = part(path, variable, (placement, codecs), files, open)?;
        let (shape, origin) = (&placement.grid.shape, vec![0; start.len()]);
        copy_region((&bytes, shape, 0), &origin, (&mut all, &variable.shape), &start, (shape, size));
    }
    Array::from_bytes(&variable.data_type, &variable.shape, &all).ok_or_else(data_type)
}

/// The part that one file gives.
fn part(
    path: &VariablePath,
    variable: &Variable,
    (placement, codecs): (&Placement, &CodecChain),
    files: &[SourceFile],
    open: OpenSource<'_>,
) -> Result<Vec<u8>, ReadError> {
    let grid = &placement.grid;
    let schema = VariableSchema {
        name: variable.name.clone(),
        data_type: variable.data_type.clone(),
        dimensions: variable.dimensions.clone(),
        attributes: Arc::default(),
        fill_value: variable.fill_value.clone(),
        layout: Layout::Chunked,
        codecs: codecs.clone(),
        grid: grid.clone(),
        unfiltered_edges: false,
    };
    let (manifest, values) = (Arc::clone(&placement.manifest), SmallValues::NotRead);
    let in_file = FileVariable { schema: Arc::new(schema), manifest, values };
    let file = files.get(placement.file);
    let file = file.ok_or_else(|| ReadError::UnknownUrl { variable: path.key().into(), url: "none".into() })?;
    let source = open(&file.url).map_err(|source| ReadError::Open { variable: path.key().into(), source })?;
    let mut bytes = read_slab(&in_file, source.as_ref(), &vec![0; grid.shape.len()], &grid.shape)?;
    let size = variable.data_type.size().unwrap_or(0);
    let whole = byte_length(&grid.chunk_shape, size).unwrap_or(0);
    for (number, encoded) in &placement.inlined {
        let place = grid.coordinates(*number);
        let decoded = decode_chunk(encoded, codecs, 0, whole);
        let variable = || (path.key().to_owned(), chunk_key(&place));
        let chunk = decoded.map_err(|source| {
            let (variable, chunk) = variable();
            ReadError::Codec { variable, chunk, source }
        })?;
        let start: Vec<u64> = place.iter().zip(&grid.chunk_shape).map(|(at, length)| at * length).collect();
        let inside = start.iter().zip(&grid.chunk_shape).zip(&grid.shape);
        let count: Vec<u64> = inside.map(|((start, chunk), end)| (*chunk).min(end.saturating_sub(*start))).collect();
        let (from, into) = ((&chunk[..], &grid.chunk_shape[..], 0), (&mut bytes[..], &grid.shape[..]));
        copy_region(from, &vec![0; place.len()], into, &start, (&count, size));
    }
    Ok(bytes)
}
