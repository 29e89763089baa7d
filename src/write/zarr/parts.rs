//! Which parts of which files a variable is made of, and how each is stored.

use super::CopyError;
use super::part::{Conversion, FilePart, Part};
use crate::model::{ArrayData, FileIndex, FileVariable, Placement, Variable, VariableName};

/// The parts of a variable of the cube; `stored` is how the product stores it.
pub(super) fn of<'a>(
    key: &str,
    variable: &'a Variable,
    stored: &Variable,
    files: &[Option<&'a FileIndex>],
) -> Result<Vec<FilePart<'a>>, CopyError> {
    let size = stored.data_type.size().unwrap_or(1) as u64;
    let wrong = |file: String, expected: &str, found: String| CopyError::Part {
        variable: key.into(),
        file,
        expected: expected.into(),
        found,
    };
    let mut parts = Vec::new();
    for part in listed(variable) {
        let index = files.get(part.file).copied().flatten();
        let index = index.ok_or_else(|| wrong(format!("file {}", part.file), "an index of it", "none".into()))?;
        let file = || index.source.url.to_string();
        let own = find(index, key).ok_or_else(|| wrong(file(), "the variable", "none".into()))?;
        if let Some(obstacle) = own.obstacle() {
            return Err(wrong(file(), "values in the file itself", obstacle.into()));
        }
        let conversion = conversion(own, stored)
            .ok_or_else(|| wrong(file(), &stored.data_type.to_string(), own.data_type.to_string()))?;
        let found = format!("{:?} with {part:?}", own.grid);
        let part = FilePart::new((index, key), own, part, conversion, size);
        parts.push(part.ok_or_else(|| wrong(file(), "a part within the variable", found))?);
    }
    Ok(parts)
}

fn find<'a>(index: &'a FileIndex, key: &str) -> Option<&'a FileVariable> {
    let (groups, name) = key.rsplit_once('/').unwrap_or(("", key));
    let mut pieces = groups.split('/').filter(|piece| !piece.is_empty());
    let group = pieces.try_fold(&index.root, |group, piece| group.groups.get(piece))?;
    group.variables.get(&VariableName::new(name).ok()?)
}

/// What each file holds of a variable.
fn listed(variable: &Variable) -> Vec<Part> {
    let ArrayData::Placed { chunk_shape, placements, .. } = &variable.data else { return Vec::new() };
    let part = |placement: &Placement| Part {
        file: placement.file,
        origin: placement.grid_origin.iter().zip(chunk_shape).map(|(at, chunk)| at * chunk).collect(),
        count: placement.grid.shape.clone(),
        start: vec![0; placement.grid.shape.len()],
        reversed: Vec::new(),
        new_dimensions: 0,
    };
    placements.iter().map(part).collect()
}

fn conversion(own: &FileVariable, stored: &Variable) -> Option<Conversion> {
    match (own.data_type.number(), stored.data_type.number()) {
        (Some((own, order)), Some((wanted, wanted_order))) if own == wanted => {
            Some(if order == wanted_order || own.size() == 1 { Conversion::Same } else { Conversion::Turned })
        }
        _ => None,
    }
}
