//! Variables of all files: each file's values are a box of the array.

use std::sync::Arc;

use super::absent::{self, Fill};
use super::assemble::{Misfit, View, together};
use super::boxes::{Boxes, Part, overlap};
use super::choice::{self, Why};
use super::conflict::Report;
use super::join::Trim;
use super::rewrite::Rewritten;
use super::times::Reencodings;
use super::{Combined, Context, Reason, conflict, placed, statics, tolerance};
use crate::model::{
    Array, ArrayData, ArrayValues, Conflict, ConflictKind, DataType, FileVariable, Numbers, SmallValues, VariablePath,
};

/// The greatest size in bytes of a variable that several files hold the same parts of.
const SHARED_LIMIT: u64 = 64 << 20;

/// The files' parts of one variable.
struct Parts<'a> {
    /// The files that hold it, one for each distinct part.
    context: Context<'a>,
    variables: Vec<&'a FileVariable>,
    parts: Vec<&'a Part>,
    fill: Option<Fill>,
}

/// Puts the parts of all files together: as values in the product where they are small or written anew, else as chunks.
pub(super) fn combine(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    lifted: &[usize],
    (times, rewritten): (&Reencodings, Option<&Rewritten>),
    report: &mut Report,
) -> Result<Combined, Box<Conflict>> {
    let boxes = Boxes::of(context, path, variables, lifted)?;
    let distinct = boxes.distinct();
    let parts: Vec<&Part> = distinct.iter().map(|file| &boxes.parts[*file]).collect();
    let shared = overlap(&parts);
    let total = boxes.shape.iter().fold(1u64, |product, length| product.saturating_mul(*length));
    let covered = parts.iter().fold(0u64, |sum, part| sum.saturating_add(part.volume()));
    let fill = if shared.is_none() && covered < total {
        Some(absent::fill_of_holes(context, path, variables[0], &boxes, report)?)
    } else {
        if boxes.axes.iter().all(Option::is_none) {
            absent::note_static(context, path, report);
        }
        None
    };
    let all = Parts {
        context: context.some(&distinct),
        variables: distinct.iter().map(|file| variables[*file]).collect(),
        parts,
        fill,
    };
    let encoded =
        times.get(path).map(|encoding| distinct.iter().map(|file| &encoding.values[*file]).collect::<Vec<_>>());
    let size = total.saturating_mul(variables[0].data_type.size().unwrap_or(64) as u64);
    let kept = all.variables.iter().all(|variable| matches!(variable.values, SmallValues::Decoded(_)));
    let inline_limit = context.settings.inline_limit;
    let limit = if shared.is_some() { SHARED_LIMIT } else { inline_limit };
    let (data, reason) = if let Some(rewritten) = rewritten.filter(|rewritten| rewritten.is_apart) {
        // Files of one place are compared by what they store: here that means different things.
        if shared.is_some() || !boxes.alike().is_empty() {
            return Err(rewritten.conflict.clone());
        }
        (ArrayData::Apart, apart(&rewritten.conflict, Some(&variables[0].data_type), report))
    } else if let Some(rewritten) = rewritten {
        // No file has such chunks.
        if size > SHARED_LIMIT {
            return Err(rewritten.conflict.clone());
        }
        let reason = choice::inlined(&Why::Rewritten(&rewritten.conflict), size);
        (ArrayData::Inline(inline(&all, path, &boxes, None)?), reason)
    } else if encoded.is_some() || size <= limit && (kept || shared.is_some()) {
        let why = if encoded.is_some() {
            Why::Times
        } else if shared.is_some() {
            Why::Shared
        } else {
            Why::Described
        };
        (ArrayData::Inline(inline(&all, path, &boxes, encoded.as_deref())?), choice::inlined(&why, size))
    } else if let Some((a, b)) = shared {
        return Err(too_large_to_share(&all.context, path, a, b));
    } else {
        match placed::along(&all.context, path, &all.variables, (&boxes, &all.parts), all.fill.as_ref(), report) {
            Ok(data) => {
                let reason = choice::placed(&all.context, &all.variables, &data);
                (data, reason)
            }
            // Small enough to be kept in the product: how it is cut in the files does not matter then.
            Err(conflict) if size <= inline_limit => {
                let data = ArrayData::Inline(inline(&all, path, &boxes, None)?);
                (data, choice::inlined(&Why::Unplaceable(&conflict), size))
            }
            Err(conflict) if has_parts(&all.variables, &conflict) => (ArrayData::Apart, apart(&conflict, None, report)),
            Err(conflict) => return Err(conflict),
        }
    };
    let reason = if all.fill.is_some() { choice::filled(context, reason) } else { reason };
    let (primitive, parts) = match &data {
        ArrayData::Inline(array) => (array.numbers().map(Numbers::primitive), Arc::default()),
        ArrayData::Placed { .. } | ArrayData::Apart => (None, report.shared_parts(of_files(&all, &boxes))),
    };
    let data_type = primitive.map(|primitive| statics::retyped(&variables[0].data_type, primitive));
    let fill_value = all.fill.map(|fill| fill.bytes);
    Ok(Combined { data_type, dimensions: boxes.dimensions, shape: boxes.shape, data, parts, fill_value, reason })
}

/// Whether the values are well defined although no grid of chunks says them: of a fixed size each, and each step once.
fn has_parts(variables: &[&FileVariable], conflict: &Conflict) -> bool {
    variables[0].data_type.size().is_some() && conflict.kind != ConflictKind::Values
}

/// A variable that stands apart, and why.
fn apart(conflict: &Conflict, stored: Option<&DataType>, report: &mut Report) -> Reason {
    report.apart.push(conflict.clone());
    choice::apart(conflict, stored)
}

/// What each file holds, in C order.
fn of_files(all: &Parts<'_>, boxes: &Boxes) -> Vec<crate::model::Part> {
    let start = |file: usize, axis: Option<usize>| {
        let axis = axis.map(|axis| &all.context.join.axes[axis]);
        let is_own = |trim: &&Trim| axis.is_some_and(|a| a.dimension == trim.dimension && a.group == trim.group);
        all.context.origin(file).trims.iter().find(is_own).map_or(0, |trim| trim.start)
    };
    let part = |(file, part): (usize, &&Part)| {
        let reversed = reversed(&all.context, boxes, file);
        crate::model::Part {
            file: all.context.number_in_cube(file),
            origin: part.start.clone(),
            count: part.count.clone(),
            start: boxes.axes[boxes.lifted..].iter().map(|axis| start(file, *axis)).collect(),
            reversed: if reversed.contains(&true) { reversed } else { Vec::new() },
            new_dimensions: boxes.lifted,
        }
    };
    let mut parts: Vec<crate::model::Part> =
        all.parts.iter().enumerate().filter(|(_, part)| part.volume() > 0).map(part).collect();
    parts.sort_by(|a, b| a.origin.cmp(&b.origin));
    parts
}

fn inline(
    all: &Parts<'_>,
    path: &VariablePath,
    boxes: &Boxes,
    encoded: Option<&[&Numbers]>,
) -> Result<Array, Box<Conflict>> {
    let mut pieces = Vec::new();
    for (file, (variable, part)) in all.variables.iter().zip(&all.parts).enumerate() {
        let shape = part.count[boxes.lifted..].to_vec();
        let array = match encoded {
            Some(encoded) => {
                let values = ArrayValues::Numbers(encoded[file].clone());
                full(Array { shape: variable.grid.shape.clone(), values }, variable, &shape)
            }
            None => full(all.context.values(path, file, variable)?, variable, &shape),
        };
        let array = array.ok_or_else(|| conflict::nothing(path))?;
        let reversed: Vec<bool> = reversed(&all.context, boxes, file);
        let view = View::new(&shape, boxes.lifted, &reversed).ok_or_else(|| conflict::nothing(path))?;
        pieces.push((*part, view, array));
    }
    let agree = |a: &[f64], b: &[f64], row: usize| encoded.is_none() && tolerance::first_beyond(a, b, row).is_none();
    let fill = all.fill.as_ref().map(|fill| &fill.value);
    together(&boxes.shape, &pieces, fill, agree).map_err(|misfit| match misfit {
        Misfit::Different { part, before } => {
            statics::different(&all.context, path, &all.variables, before, part, None)
        }
        Misfit::Hole => uncovered(&all.context, path),
        Misfit::Kind => conflict::nothing(path),
    })
}

/// Along which of a variable's own dimensions a file runs the other way.
pub(super) fn reversed(context: &Context<'_>, boxes: &Boxes, file: usize) -> Vec<bool> {
    let is_reversed = |axis: &Option<usize>| {
        axis.and_then(|axis| context.stretch(file, axis)).is_some_and(|stretch| stretch.reversed)
    };
    boxes.axes[boxes.lifted..].iter().map(is_reversed).collect()
}

/// All elements over the full length of the dimensions: those that were never written are fill.
fn full(array: Array, variable: &FileVariable, shape: &[u64]) -> Option<Array> {
    if array.shape == shape {
        return Some(array);
    }
    let fits = array.shape.len() == shape.len() && array.shape.iter().zip(shape).all(|(own, full)| own <= full);
    let fill = variable.fill_value.clone().unwrap_or_else(|| vec![0; variable.data_type.size().unwrap_or(0)]);
    let fill = Array::from_bytes(&variable.data_type, &[], &fill).filter(|_| fits)?;
    let part = Part { start: vec![0; shape.len()], count: array.shape.clone() };
    let view = View::new(&array.shape, 0, &[])?;
    together(shape, &[(&part, view, array)], Some(&fill.values), |_, _, _| false).ok()
}

fn too_large_to_share(context: &Context<'_>, path: &VariablePath, a: usize, b: usize) -> Box<Conflict> {
    let remedy = "leave one of the files out with sources.exclude, or let the item pattern tell them apart";
    let conflict = conflict::between(
        context,
        ConflictKind::Overlap,
        path,
        b,
        "each place in one file",
        "places that both files hold, and more of them than are compared",
        remedy,
    );
    Box::new(Conflict { files: vec![context.file_name(a), context.file_name(b)], ..*conflict })
}

fn uncovered(context: &Context<'_>, path: &VariablePath) -> Box<Conflict> {
    let remedy = "let the item pattern tell these files apart";
    let expected = "a variable that some file has at every place";
    conflict::within(context, ConflictKind::Variable, path, 0, expected, "places that no file has", remedy)
}
