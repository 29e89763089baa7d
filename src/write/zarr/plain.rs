//! Values that stand in one chunk, as version 2 has them before they are compressed.

use crate::model::{Array, ArrayValues, DataType, Variable};
use crate::write::{WriteError, zarr3};

/// All values of a variable whose numbers are little-endian; `None` for an array without elements.
///
/// # Errors
/// [`WriteError::DataType`] for values of another shape or type than the variable's.
pub(super) fn chunk(key: &str, variable: &Variable, array: &Array) -> Result<Option<Vec<u8>>, WriteError> {
    let wrong = |expected, found: String| WriteError::DataType { variable: key.into(), expected, found };
    let count = array.shape.iter().product::<u64>();
    match (&array.values, &variable.data_type) {
        _ if array.shape != variable.shape => {
            Err(wrong("values of the variable's own shape", format!("{:?} for {:?}", array.shape, variable.shape)))
        }
        (ArrayValues::FixedStrings { length, bytes }, DataType::FixedString { length: own })
            if length == own && count.checked_mul(u64::from(*own)) == Some(bytes.len() as u64) =>
        {
            Ok(Some(bytes.clone()).filter(|bytes| !bytes.is_empty()))
        }
        (ArrayValues::Strings(texts), DataType::FixedUnicode { length }) if texts.len() as u64 == count => {
            let all = wide(texts, *length).ok_or_else(|| wrong("texts of the variable's length", "longer ones".into()));
            all.map(|bytes| Some(bytes).filter(|bytes| !bytes.is_empty()))
        }
        // Numbers, and texts of any length: as in version 3.
        (ArrayValues::Numbers(_), _) | (ArrayValues::Strings(_), DataType::VariableString) => {
            zarr3::plain_chunk(key, variable, array)
        }
        _ => Err(wrong("values of the variable's own type and number", variable.data_type.to_string())),
    }
}

/// UTF-32 little-endian, with zeros up to the length; `None` if a text is longer.
fn wide(texts: &[String], length: u32) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok()?.checked_mul(4)?;
    let mut bytes = Vec::new();
    for text in texts {
        let end = bytes.len().checked_add(length)?;
        bytes.extend(text.chars().flat_map(|character| u32::from(character).to_le_bytes()));
        if bytes.len() > end {
            return None;
        }
        bytes.resize(end, 0);
    }
    Some(bytes)
}
