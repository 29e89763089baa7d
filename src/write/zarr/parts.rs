//! Which parts of which files a variable is made of, and how each is stored.

use super::CopyError;
use super::part::{Conversion, FilePart};
use crate::codec::{STORING_ATTRIBUTES, Storing};
use crate::model::{ArrayData, FileIndex, FileVariable, Variable, VariableName};

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
    // Placed chunks are stored in one way, that of the variable.
    let is_apart = matches!(variable.data, ArrayData::Apart) || stored.attributes != variable.attributes;
    let mut parts = Vec::new();
    for part in variable.parts.iter() {
        let index = files.get(part.file).copied().flatten();
        let index = index.ok_or_else(|| wrong(format!("file {}", part.file), "an index of it", "none".into()))?;
        let file = || index.source.url.to_string();
        let own = find(index, key).ok_or_else(|| wrong(file(), "the variable", "none".into()))?;
        if let Some(obstacle) = own.obstacle() {
            return Err(wrong(file(), "values in the file itself", obstacle.into()));
        }
        let conversion = conversion(own, stored, is_apart)
            .ok_or_else(|| wrong(file(), &stored.data_type.to_string(), own.data_type.to_string()))?;
        let found = format!("{:?} with {part:?}", own.grid);
        let part = FilePart::new((index, key), own, part.clone(), conversion, size);
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

/// How the elements of a file become those of the product; `None` if they cannot.
fn conversion(own: &FileVariable, stored: &Variable, is_apart: bool) -> Option<Conversion> {
    let (Some((primitive, order)), Some((wanted, wanted_order))) = (own.data_type.number(), stored.data_type.number())
    else {
        return (own.data_type == stored.data_type).then_some(Conversion::Same);
    };
    let is_alike = primitive == wanted
        && (!is_apart
            || STORING_ATTRIBUTES.iter().all(|name| own.attributes.get(*name) == stored.attributes.get(*name)));
    if is_alike {
        let is_same = order == wanted_order || primitive.size() == 1;
        return Some(if is_same { Conversion::Same } else { Conversion::Turned });
    }
    let ways = (Storing::of(&own.data_type, &own.attributes)?, Storing::of(&stored.data_type, &stored.attributes)?);
    Some(Conversion::Recoded(Box::new(ways)))
}
