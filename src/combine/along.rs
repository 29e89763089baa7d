//! Variables that have the join's dimension.

use super::times::{self, Reencodings};
use super::{Combined, Context, INLINE_LIMIT, concatenate, conflict, placed, statics};
use crate::model::{Array, ArrayData, Conflict, ConflictKind, FileVariable, SmallValues, VariablePath};

/// Puts the parts of all files one after the other: as values in the product where they are small or written anew, else as chunks.
pub(super) fn combine(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    axis: usize,
    times: &Reencodings,
) -> Result<Combined, Box<Conflict>> {
    let shapes = context.shapes(path, variables);
    same_shape_elsewhere(context, path, &shapes, axis)?;
    let mut shape = shapes[0].clone();
    shape[axis] = shapes.iter().map(|shape| shape[axis]).sum();
    let dimensions = variables[0].dimensions.clone();
    if let Some(encoding) = times.get(path) {
        let array = times::concatenated(encoding, &shapes, axis).ok_or_else(|| conflict::nothing(path))?;
        let primitive = array.numbers().map(crate::model::Numbers::primitive);
        let data_type = primitive.map(|primitive| statics::retyped(&variables[0].data_type, primitive));
        return Ok(Combined { data_type, dimensions, shape, data: ArrayData::Inline(array) });
    }
    let size = variables.iter().fold(0u64, |sum, variable| sum.saturating_add(statics::byte_size(variable)));
    let kept = variables.iter().all(|variable| matches!(variable.values, SmallValues::Decoded(_)));
    let data = if kept && size <= INLINE_LIMIT {
        inline(context, path, variables, axis)?
    } else {
        match placed::along(context, path, variables, &shapes, axis) {
            Ok(data) => data,
            // Small enough to be kept in the product: how it is cut in the files does not matter then.
            Err(_) if size <= INLINE_LIMIT => inline(context, path, variables, axis)?,
            Err(conflict) => return Err(conflict),
        }
    };
    Ok(Combined { data_type: None, dimensions, shape, data })
}

fn inline(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    axis: usize,
) -> Result<ArrayData, Box<Conflict>> {
    let arrays: Vec<Array> = variables
        .iter()
        .enumerate()
        .map(|(file, variable)| context.values(path, file, variable))
        .collect::<Result<_, _>>()?;
    concatenate::along(&arrays, axis).map(ArrayData::Inline).ok_or_else(|| conflict::nothing(path))
}

fn same_shape_elsewhere(
    context: &Context<'_>,
    path: &VariablePath,
    shapes: &[Vec<u64>],
    axis: usize,
) -> Result<(), Box<Conflict>> {
    let elsewhere = |shape: &[u64]| -> Vec<u64> {
        shape.iter().enumerate().filter(|(at, _)| *at != axis).map(|(_, length)| *length).collect()
    };
    match shapes.iter().position(|shape| elsewhere(shape) != elsewhere(&shapes[0])) {
        Some(other) => Err(conflict::between(
            context,
            ConflictKind::Shape,
            path,
            other,
            format!("the shape {:?} but for the joined dimension", shapes[0]),
            format!("{:?}", shapes[other]),
            "files on different grids cannot be one dataset: let the item pattern tell them apart",
        )),
        None => Ok(()),
    }
}
