//! Chunks of the files, placed in the chunk grid of the cube.

use std::sync::Arc;

use super::split::{extend, gcd, split};
use super::{Context, conflict};
use crate::model::{
    ArrayData, ChunkGrid, ChunkManifest, Conflict, ConflictKind, DataType, FileVariable, Layout, Placement,
    VariablePath,
};

/// The chunks of the first file alone.
pub(super) fn single(
    context: &Context<'_>,
    path: &VariablePath,
    variable: &FileVariable,
    shape: &[u64],
) -> Result<ArrayData, Box<Conflict>> {
    referable(context, path, 0, variable)?;
    let (grid, manifest) = extended(context, path, 0, variable, shape)?;
    let placement = Placement { grid_origin: vec![0; shape.len()], file: 0, grid: grid.clone(), manifest };
    Ok(ArrayData::Placed {
        chunk_shape: grid.chunk_shape,
        codecs: variable.codecs.clone(),
        placements: vec![placement],
    })
}

/// The chunks of all files, one file after the other along `axis`.
pub(super) fn along(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    shapes: &[Vec<u64>],
    axis: usize,
) -> Result<ArrayData, Box<Conflict>> {
    for (file, variable) in variables.iter().enumerate() {
        referable(context, path, file, variable)?;
        same_codecs(context, path, file, variables[0], variable)?;
    }
    conflict::same_bytes(context, path, variables)?;
    same_fill(context, path, variables)?;
    // Files without a step have no chunk, and nothing to say about how chunks are cut.
    let filled: Vec<usize> = (0..variables.len()).filter(|file| shapes[*file][axis] > 0).collect();
    let mut parts = Vec::new();
    for file in &filled {
        parts.push(extended(context, path, *file, variables[*file], &shapes[*file])?);
    }
    let length = chunk_length(context, path, variables, &filled, &parts, axis)?;
    let mut origin = 0;
    let mut placements = Vec::new();
    for (file, (grid, manifest)) in filled.iter().copied().zip(parts) {
        let (grid, manifest) = if grid.chunk_shape[axis] == length {
            (grid, manifest)
        } else {
            let size = variables[file].data_type.size().unwrap_or(1) as u64;
            let (grid, manifest) =
                split(&grid, &manifest, axis, length, size).ok_or_else(|| conflict::nothing(path))?;
            (grid, Arc::new(manifest))
        };
        let mut grid_origin = vec![0; grid.shape.len()];
        grid_origin[axis] = origin;
        origin += grid.shape[axis].div_ceil(length);
        placements.push(Placement { grid_origin, file, grid, manifest });
    }
    let chunk_shape =
        placements.first().map_or_else(|| variables[0].grid.chunk_shape.clone(), |p| p.grid.chunk_shape.clone());
    Ok(ArrayData::Placed { chunk_shape, codecs: variables[0].codecs.clone(), placements })
}

/// Whether a product can point at the chunks of a variable at all.
fn referable(
    context: &Context<'_>,
    path: &VariablePath,
    file: usize,
    variable: &FileVariable,
) -> Result<(), Box<Conflict>> {
    let unsupported = |expected: &str, found: String| {
        let remedy = "rewrite the file, or leave the variable out of it";
        Err(conflict::within(context, ConflictKind::Unsupported, path, file, expected, found, remedy))
    };
    if variable.data_type == DataType::VariableString {
        return unsupported(
            "texts of a fixed length, or at most 1 MiB of them",
            "texts of any length in the file's heap".into(),
        );
    }
    if let Some(codec) = variable.codecs.0.iter().find(|codec| !codec.is_referable()) {
        return unsupported("filters that the readers of references know, or at most 1 MiB of data", codec.to_string());
    }
    if variable.manifest.has_masks() {
        return unsupported("the same filters for every chunk", "chunks that skip a filter (filter mask)".into());
    }
    let has_edges =
        variable.grid.shape.iter().zip(&variable.grid.chunk_shape).any(|(length, chunk)| length % chunk != 0);
    if variable.unfiltered_edges && has_edges && !variable.codecs.is_empty() {
        return unsupported("the same filters for every chunk", "chunks at the edge that skip all filters".into());
    }
    Ok(())
}

fn same_codecs(
    context: &Context<'_>,
    path: &VariablePath,
    file: usize,
    first: &FileVariable,
    variable: &FileVariable,
) -> Result<(), Box<Conflict>> {
    if first.codecs == variable.codecs {
        return Ok(());
    }
    let remedy = "chunks of different filters cannot stand in one array: rewrite the files, or publish them apart";
    let (expected, found) = (first.codecs.to_string(), variable.codecs.to_string());
    Err(conflict::between(context, ConflictKind::Codec, path, file, expected, found, remedy))
}

/// Where chunks were never written, all files must agree on what is read there.
fn same_fill(context: &Context<'_>, path: &VariablePath, variables: &[&FileVariable]) -> Result<(), Box<Conflict>> {
    let first = &variables[0].fill_value;
    let is_different = |v: &&FileVariable| v.manifest.present() < v.manifest.len() && v.fill_value != *first;
    match variables.iter().position(is_different) {
        Some(other) => Err(conflict::between(
            context,
            ConflictKind::Packing,
            path,
            other,
            format!("never-written chunks that read as {first:?}"),
            format!("{:?}", variables[other].fill_value),
            "rewrite the files with one fill value",
        )),
        None => Ok(()),
    }
}

/// A file's grid and manifest, over the full length of dimensions that are longer than what was written.
fn extended(
    context: &Context<'_>,
    path: &VariablePath,
    file: usize,
    variable: &FileVariable,
    shape: &[u64],
) -> Result<(ChunkGrid, Arc<ChunkManifest>), Box<Conflict>> {
    if variable.grid.shape == shape {
        return Ok((variable.grid.clone(), Arc::clone(&variable.manifest)));
    }
    match extend(&variable.grid, &variable.manifest, shape) {
        Some((grid, manifest)) => Ok((grid, Arc::new(manifest))),
        None => Err(conflict::within(
            context,
            ConflictKind::Chunking,
            path,
            file,
            format!("whole chunks of {:?} up to where the variable ends", variable.grid.chunk_shape),
            format!("a variable of {:?} over dimensions of {shape:?}", variable.grid.shape),
            "rewrite the file so that the variable is as long as its dimensions",
        )),
    }
}

/// The length along `axis` of the chunks of the cube.
fn chunk_length(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    filled: &[usize],
    parts: &[(ChunkGrid, Arc<ChunkManifest>)],
    axis: usize,
) -> Result<u64, Box<Conflict>> {
    let Some((first, _)) = parts.first() else { return Ok(variables[0].grid.chunk_shape[axis].max(1)) };
    let elsewhere = |grid: &ChunkGrid| -> Vec<u64> {
        grid.chunk_shape.iter().enumerate().filter(|(at, _)| *at != axis).map(|(_, length)| *length).collect()
    };
    let differs = |kind, at: usize, expected: String, found: String| {
        let remedy = "rewrite the files with chunks of one step along the joined dimension, and of one shape";
        Err(conflict::between(context, kind, path, filled[at], expected, found, remedy))
    };
    if let Some(other) = parts.iter().position(|(grid, _)| elsewhere(grid) != elsewhere(first)) {
        let show = |grid: &ChunkGrid| format!("chunks of {:?}", grid.chunk_shape);
        return differs(ConflictKind::Chunking, other, show(first), show(&parts[other].0));
    }
    let mut common = 0;
    for (at, (grid, _)) in parts.iter().enumerate() {
        let variable = variables[filled[at]];
        let (length, chunk) = (grid.shape[axis], grid.chunk_shape[axis]);
        let is_last = at + 1 == parts.len();
        common = gcd(common, chunk);
        // The last file may end within a chunk, unless the file has no bytes beyond its end.
        if !is_last || variable.layout != Layout::Chunked {
            common = gcd(common, length);
        }
    }
    if common == first.chunk_shape[axis] && parts.iter().all(|(grid, _)| grid.chunk_shape[axis] == common) {
        return Ok(common);
    }
    let splittable = variables[0].codecs.is_empty() && first.chunk_shape[..axis].iter().all(|length| *length == 1);
    if splittable {
        return Ok(common);
    }
    let is_uneven = |(at, (grid, _)): (usize, &(ChunkGrid, _))| {
        let chunk = grid.chunk_shape[axis];
        chunk != first.chunk_shape[axis] || (at + 1 < parts.len() && grid.shape[axis] % chunk != 0)
    };
    let at = parts.iter().enumerate().position(is_uneven).unwrap_or_default();
    let (grid, _) = &parts[at];
    let expected = format!("whole chunks of {} steps, for they are {}", first.chunk_shape[axis], variables[0].codecs);
    let found = format!("{} steps in chunks of {}", grid.shape[axis], grid.chunk_shape[axis]);
    differs(ConflictKind::Chunking, at, expected, found)
}
