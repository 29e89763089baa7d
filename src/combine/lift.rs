//! Which axes a variable gets that it does not have in the files.
//!
//! Data lie along every new dimension. What describes them, and what is the same in all files, stays without; what differs is written
//! along the fewest axes that tell its values apart.

use std::collections::HashMap;

use super::boxes::{Boxes, Part};
use super::conflict::{Report, note};
use super::join::Kind;
use super::roles::is_record;
use super::statics::{self, Comparison, Content};
use super::times::Reencodings;
use super::{Context, KEPT_LIMIT, along, assemble, conflict};
use crate::model::{Array, ArrayValues, Conflict, FileVariable, VariablePath};

/// The axes to put in front of a variable's own dimensions, slowest first.
///
/// # Errors
/// Files have different values at the same place, and no axis may tell them apart.
pub(super) fn axes(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    times: &Reencodings,
    report: &mut Report,
) -> Result<Vec<usize>, Box<Conflict>> {
    let lifted: Vec<usize> =
        (0..context.join.axes.len()).filter(|axis| is_always_along(context, path, variables, *axis)).collect();
    let boxes = Boxes::of(context, path, variables, &lifted)?;
    let alike = boxes.alike();
    let classes = classes(context, path, variables, (&boxes, &alike), times, report)?;
    let Some((first, other, at)) = classes.difference else { return Ok(lifted) };
    let free: Vec<usize> = (0..context.join.axes.len())
        .filter(|axis| !boxes.axes.contains(&Some(*axis)) && may_be_along(context, path, variables, *axis))
        .collect();
    for set in subsets(&free) {
        if tells_apart(context, &boxes, &classes.of_files, &set) {
            let names: Vec<&str> = set.iter().map(|axis| context.join.axes[*axis].dimension.as_str()).collect();
            let message = format!(
                "differs between the files: it is written along {}, each step with the value of its file",
                conflict::join_names(&names)
            );
            report.notes.push(note("spread_along_join", path, message));
            let mut all = [lifted, set].concat();
            all.sort_unstable();
            return Ok(all);
        }
    }
    Err(statics::different(context, path, variables, first, other, at))
}

/// Whether a variable gets a new dimension whatever its values are.
fn is_always_along(context: &Context<'_>, path: &VariablePath, variables: &[&FileVariable], axis: usize) -> bool {
    let join = &context.join.axes[axis];
    let Some(variable) = variables.first().filter(|_| join.is_new() && join.reaches(path)) else { return false };
    if join.kind == Kind::Scalar {
        let own = join.path();
        let is_cells = |attribute: &str| {
            let coordinate = context.variables[0].iter().find(|(path, _)| path.key() == own);
            coordinate.is_some_and(|(_, c)| c.text(attribute) == Some(variable.name.as_str()))
        };
        if path.key() == own || is_cells("bounds") || is_cells("climatology") {
            return true;
        }
    }
    if context.roles.is_of_dimension(path, variable) {
        return false;
    }
    let is_record = is_record(context.files[0], path, variable);
    let is_data = context.roles.is_data(path, variable);
    let is_large = variables.iter().any(|variable| statics::byte_size(variable) > KEPT_LIMIT);
    (is_data && (is_record || !context.roles.has_records || join.kind == Kind::Scalar)) || (is_large && is_record)
}

/// Whether a variable may be written along an axis if its values differ.
fn may_be_along(context: &Context<'_>, path: &VariablePath, variables: &[&FileVariable], axis: usize) -> bool {
    let join = &context.join.axes[axis];
    let has_place = |file: usize| context.stretch(file, axis).is_some();
    join.reaches(path)
        && (0..variables.len()).all(has_place)
        && !context.roles.is_of_dimension(path, variables[0])
        && (join.is_new() || statics::may_be_repeated(context, path, variables))
}

/// The sets of some axes, the smaller first.
fn subsets(axes: &[usize]) -> Vec<Vec<usize>> {
    let mut sets: Vec<Vec<usize>> = vec![Vec::new()];
    // Nobody joins along more.
    for axis in axes.iter().take(6) {
        let with: Vec<Vec<usize>> = sets.iter().map(|set| [set.as_slice(), &[*axis]].concat()).collect();
        sets.extend(with);
    }
    sets.sort_by_key(Vec::len);
    sets.retain(|set| !set.is_empty());
    sets
}

/// Whether files of one place on all these axes have the same values.
fn tells_apart(context: &Context<'_>, boxes: &Boxes, classes: &[Option<usize>], set: &[usize]) -> bool {
    let mut known: HashMap<(&Part, Vec<_>), usize> = HashMap::new();
    classes.iter().enumerate().all(|(file, class)| {
        let Some(class) = class else { return true };
        let place = set.iter().map(|axis| context.stretch(file, *axis)).collect();
        *known.entry((&boxes.parts[file], place)).or_insert(*class) == *class
    })
}

/// Which files of one part have the same values.
struct Classes {
    /// Comparable among files of one part; `None` for files that have theirs alone.
    of_files: Vec<Option<usize>>,
    /// The first two files that differ, and in which place if that is known.
    difference: Option<(usize, usize, Option<usize>)>,
}

fn classes(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    (boxes, alike): (&Boxes, &[Vec<usize>]),
    times: &Reencodings,
    report: &mut Report,
) -> Result<Classes, Box<Conflict>> {
    let mut found = Classes { of_files: vec![None; variables.len()], difference: None };
    let is_small = statics::are_small(variables);
    let content = |file: usize| {
        let content = match times.get(path) {
            Some(encoding) => {
                let values = ArrayValues::Numbers(encoding.values[file].clone());
                Content::Array(Array { shape: variables[file].grid.shape.clone(), values })
            }
            None => statics::content(context, path, file, variables[file], is_small)?,
        };
        let reversed = along::reversed(context, boxes, file);
        match content {
            Content::Array(array) if reversed.contains(&true) => {
                assemble::turned(array, &reversed).map(Content::Array).ok_or_else(|| conflict::nothing(path))
            }
            content => Ok(content),
        }
    };
    for files in alike {
        let first = files[0];
        let expected = content(first)?;
        let mut others: HashMap<[u8; 32], usize> = HashMap::new();
        found.of_files[first] = Some(0);
        for file in files.iter().copied().skip(1) {
            // Another part of a file, of which the variable is no part.
            let same = files
                .iter()
                .take_while(|other| **other != file)
                .find(|o| context.number_in_cube(**o) == context.number_in_cube(file));
            if let Some(same) = same {
                found.of_files[file] = found.of_files[*same];
                continue;
            }
            let other = content(file)?;
            let class = match statics::compare(&expected, &other) {
                Comparison::Same => 0,
                Comparison::Close if times.get(path).is_none() => {
                    let (a, b) = (context.file_name(first), context.file_name(file));
                    let message = format!("differs by rounding between {a} and {b}; the first is kept");
                    report.notes.push(note("coordinate_tolerated", path, message));
                    0
                }
                comparison => {
                    let at = if let Comparison::Different(at) = comparison { at } else { None };
                    found.difference.get_or_insert((first, file, at));
                    let next = others.len() + 1;
                    *others.entry(other.fingerprint()).or_insert(next)
                }
            };
            found.of_files[file] = Some(class);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewest_axes_are_tried_first() {
        assert_eq!(subsets(&[0, 2]), [vec![0], vec![2], vec![0, 2]]);
        assert!(subsets(&[]).is_empty());
    }
}
