//! Chunks of the files, placed in the chunk grid of the cube.

use std::sync::Arc;

use super::absent::Fill;
use super::along::reversed;
use super::boxes::{Boxes, Part};
use super::conflict::Report;
use super::odd::{self, FilePart};
use super::split::{extend, gcd, split};
use super::{Context, conflict, reverse};
use crate::model::{
    ArrayData, ChunkGrid, ChunkManifest, Conflict, ConflictKind, DataType, FileVariable, Layout, Note, Placement,
    VariablePath,
};

/// The most chunks that unfiltered data are cut into.
const CHUNK_LIMIT: u64 = 1 << 26;

/// The chunks of all files, each file's part at its place.
pub(super) fn along(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    (boxes, parts): (&Boxes, &[&Part]),
    fill: Option<&Fill>,
    report: &mut Report,
) -> Result<ArrayData, Box<Conflict>> {
    for (file, variable) in variables.iter().enumerate() {
        whole_chunks(context, path, file, variable)?;
        referable(context, path, file, variable)?;
        same_codecs(context, path, file, variables[0], variable)?;
    }
    conflict::same_bytes(context, path, variables)?;
    // Files without a step have no chunk, and nothing to say about how chunks are cut.
    let filled: Vec<usize> = (0..variables.len()).filter(|file| parts[*file].volume() > 0).collect();
    let mut found = Vec::new();
    for file in &filled {
        found.push(in_cube(context, path, *file, variables[*file], (boxes, parts[*file]))?);
    }
    let chunk_shape = chunk_shape(context, path, variables, &filled, (boxes, parts), &found)?;
    let fill = fill.map_or_else(|| odd::fill_of(variables[0]), |fill| fill.bytes.clone());
    let codecs = variables[0].codecs.clone();
    let mut placements = Vec::new();
    let mut anew: Vec<(usize, usize)> = Vec::new();
    for (file, (mut grid, mut manifest)) in filled.iter().copied().zip(found) {
        let size = variables[file].data_type.size().unwrap_or(1) as u64;
        for (axis, length) in chunk_shape.iter().enumerate() {
            if grid.chunk_shape[axis] != *length {
                let (cut, finer) =
                    split(&grid, &manifest, axis, *length, size).ok_or_else(|| conflict::nothing(path))?;
                (grid, manifest) = (cut, Arc::new(finer));
            }
        }
        let grid_origin = parts[file].start.iter().zip(&chunk_shape).map(|(start, length)| start / length).collect();
        let part = FilePart { file, variable: variables[file], grid: &grid, manifest };
        let (manifest, odd) = odd::taken_out(context, path, part, boxes, &codecs, &fill)?;
        if odd.written > 0 {
            anew.push((file, odd.written));
        }
        placements.push(Placement {
            grid_origin,
            file: context.number_in_cube(file),
            grid,
            manifest,
            inlined: odd.chunks,
        });
    }
    report.notes.extend(encoded_anew(context, path, &anew));
    placements.sort_by(|a, b| a.grid_origin.cmp(&b.grid_origin));
    Ok(ArrayData::Placed { chunk_shape, codecs, placements })
}

fn encoded_anew(context: &Context<'_>, path: &VariablePath, anew: &[(usize, usize)]) -> Option<Note> {
    let (first, _) = anew.first()?;
    let (file, count) = (context.file_name(*first), anew.iter().map(|(_, count)| count).sum::<usize>());
    let others = if anew.len() > 1 { format!(" and {} more files", anew.len() - 1) } else { String::new() };
    let message = format!(
        "{count} chunks of {file}{others} skip a filter or end early: they stand in the product, encoded as all others are"
    );
    Some(conflict::note("chunks_reencoded", path, message))
}

/// A file's grid and manifest as they stand in the cube: over the full length of the dimensions, new dimensions in front, turned round
/// where the file runs the other way.
fn in_cube(
    context: &Context<'_>,
    path: &VariablePath,
    file: usize,
    variable: &FileVariable,
    (boxes, part): (&Boxes, &Part),
) -> Result<(ChunkGrid, Arc<ChunkManifest>), Box<Conflict>> {
    let (new, own) = part.count.split_at(boxes.lifted);
    if new.iter().any(|count| *count != 1) {
        let remedy = "it has no dimension to be joined along: let the item pattern tell these files apart";
        let (expected, found) = ("the same values in all files", "other values");
        return Err(conflict::within(context, ConflictKind::Values, path, file, expected, found, remedy));
    }
    let (mut grid, mut manifest) = extended(context, path, file, variable, own)?;
    for axis in (0..own.len()).filter(|axis| reversed(context, boxes, file)[*axis]) {
        let turned = reverse::manifest(&grid, &manifest, axis).ok_or_else(|| {
            let remedy = "rewrite the file in the order of the others, or with chunks of one step along that dimension";
            let expected =
                format!("chunks of one step along {}, where the file runs the other way", variable.dimensions[axis]);
            let found = format!("chunks of {:?}", grid.chunk_shape);
            conflict::within(context, ConflictKind::Unordered, path, file, expected, found, remedy)
        })?;
        manifest = Arc::new(turned);
    }
    grid.shape.splice(0..0, vec![1; boxes.lifted]);
    grid.chunk_shape.splice(0..0, vec![1; boxes.lifted]);
    Ok((grid, manifest))
}

/// Whether steps of a file that are used and steps that are not are in chunks of their own.
fn whole_chunks(
    context: &Context<'_>,
    path: &VariablePath,
    file: usize,
    variable: &FileVariable,
) -> Result<(), Box<Conflict>> {
    let origin = context.origin(file);
    if !origin.uncut.contains(path) {
        return Ok(());
    }
    let used: Vec<String> = origin
        .trims_of(&context.files[file].root, path, variable)
        .into_iter()
        .flatten()
        .map(|trim| format!("{} steps of {} from {} on", trim.count, trim.dimension, trim.start))
        .collect();
    let remedy =
        "rewrite the file with chunks of one step there (CFA, and Zarr copies of the data, can hold it as it is)";
    let expected = format!("chunk edges where the file is used in part ({})", used.join(", "));
    let found = format!("chunks of {:?}", variable.grid.chunk_shape);
    Err(conflict::within(context, ConflictKind::Chunking, path, file, expected, found, remedy))
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
    Ok(())
}

fn same_codecs(
    context: &Context<'_>,
    path: &VariablePath,
    file: usize,
    first: &FileVariable,
    variable: &FileVariable,
) -> Result<(), Box<Conflict>> {
    if first.codecs.decodes_like(&variable.codecs) {
        return Ok(());
    }
    let remedy = "chunks of different filters cannot stand in one array of references: rewrite the files, or publish them apart (CFA, and Zarr copies of the data, can hold them)";
    let (expected, found) = (first.codecs.to_string(), variable.codecs.to_string());
    Err(conflict::between(context, ConflictKind::Codec, path, file, expected, found, remedy))
}

/// A file's grid and manifest, over the full length of dimensions that are longer than what was written.
fn extended(
    context: &Context<'_>,
    path: &VariablePath,
    file: usize,
    variable: &FileVariable,
    shape: &[u64],
) -> Result<(ChunkGrid, Arc<ChunkManifest>), Box<Conflict>> {
    let manifest = odd::marked(variable);
    if variable.grid.shape == shape {
        return Ok((variable.grid.clone(), manifest));
    }
    match extend(&variable.grid, &manifest, shape) {
        Some((grid, manifest)) => Ok((grid, Arc::new(manifest))),
        None => Err(conflict::within(
            context,
            ConflictKind::Chunking,
            path,
            file,
            "a variable no longer than its dimensions",
            format!("a variable of {:?} over dimensions of {shape:?}", variable.grid.shape),
            "report this as a fault of altostac, with the file",
        )),
    }
}

/// The shape of the chunks of the cube.
fn chunk_shape(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    filled: &[usize],
    (boxes, parts): (&Boxes, &[&Part]),
    found: &[(ChunkGrid, Arc<ChunkManifest>)],
) -> Result<Vec<u64>, Box<Conflict>> {
    let Some((first, _)) = found.first() else {
        let own = variables[0].grid.chunk_shape.iter().map(|length| (*length).max(1));
        return Ok(std::iter::repeat_n(1, boxes.lifted).chain(own).collect());
    };
    let differs = |at: usize, expected: String, found: String| {
        let remedy = "rewrite the files with chunks of one step along the joined dimension, and of one shape (CFA, and Zarr copies of the data, can hold them)";
        conflict::between(context, ConflictKind::Chunking, path, filled[at], expected, found, remedy)
    };
    let is_filtered = !variables[0].codecs.is_empty();
    let mut shape = first.chunk_shape.clone();
    for axis in 0..shape.len() {
        if boxes.axes[axis].is_none() {
            if let Some(other) = found.iter().position(|(grid, _)| grid.chunk_shape[axis] != shape[axis]) {
                let show = |grid: &ChunkGrid| format!("chunks of {:?}", grid.chunk_shape);
                return Err(differs(other, show(first), show(&found[other].0)));
            }
            continue;
        }
        let common = found.iter().enumerate().fold(0, |common, (at, (grid, _))| {
            let (start, length) = (parts[filled[at]].start[axis], parts[filled[at]].count[axis]);
            let common = gcd(gcd(common, grid.chunk_shape[axis]), start);
            // The last file may end within a chunk, unless the file has no bytes beyond its end.
            let may_end_within = start + length == boxes.shape[axis] && variables[filled[at]].layout == Layout::Chunked;
            if may_end_within { common } else { gcd(common, length) }
        });
        let is_uneven = |(at, (grid, _)): (usize, &(ChunkGrid, _))| {
            let (chunk, part) = (grid.chunk_shape[axis], parts[filled[at]]);
            let ends = part.start[axis] + part.count[axis];
            chunk != first.chunk_shape[axis]
                || part.start[axis] % chunk != 0
                || (ends != boxes.shape[axis] && ends % chunk != 0)
        };
        let is_cut = found.iter().any(|(grid, _)| grid.chunk_shape[axis] != common);
        shape[axis] = common;
        let count =
            boxes.shape.iter().zip(&shape).fold(1u64, |n, (length, chunk)| n.saturating_mul(length.div_ceil(*chunk)));
        if is_cut && (is_filtered || shape[..axis].iter().any(|length| *length != 1) || count > CHUNK_LIMIT) {
            let at = found.iter().enumerate().position(is_uneven).unwrap_or_default();
            let (grid, _) = &found[at];
            let expected =
                format!("whole chunks of {} steps, for they are {}", first.chunk_shape[axis], variables[0].codecs);
            let steps = format!("{} steps in chunks of {}", grid.shape[axis], grid.chunk_shape[axis]);
            return Err(differs(at, expected, steps));
        }
    }
    Ok(shape)
}
