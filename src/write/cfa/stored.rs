//! Variables whose values stand in the file.

use std::collections::HashMap;

use netcdf_writer::{DimensionId, NcFileBuilder, VariableId};

use super::{attributes, failed};
use crate::model::array::each;
use crate::model::{Array, ArrayValues, DataType, Numbers, Variable};
use crate::write::WriteError;

/// Values of at least so many bytes are compressed.
const COMPRESSED: usize = 16 << 10;
/// As most archives do: higher levels take long and give little.
const LEVEL: u8 = 4;

pub(super) fn add(
    builder: &mut NcFileBuilder,
    key: &str,
    variable: &Variable,
    array: &Array,
    known: &HashMap<&str, DimensionId>,
) -> Result<(), WriteError> {
    let wrong = |expected, found: String| WriteError::DataType { variable: key.into(), expected, found };
    if array.shape != variable.shape {
        let found = format!("{:?} for {:?}", array.shape, variable.shape);
        return Err(wrong("values of the variable's own shape", found));
    }
    let find = |name: &str| known.get(name).copied();
    let dimensions: Option<Vec<DimensionId>> = variable.dimensions.iter().map(|name| find(name.as_str())).collect();
    let dimensions = dimensions.ok_or_else(|| wrong("dimensions of the cube", format!("{:?}", variable.dimensions)))?;
    let failed = |error| failed(key, error);
    let id = match (&array.values, &variable.data_type) {
        (ArrayValues::Strings(texts), DataType::VariableString | DataType::FixedUnicode { .. }) => {
            let id = builder.add_string_variable_path(key, &dimensions).map_err(failed)?;
            builder.write_string_variable(id, texts).map_err(failed)?;
            id
        }
        (ArrayValues::FixedStrings { length: 1, bytes }, DataType::FixedString { length: 1 }) => {
            let id = builder.add_char_variable_path(key, &dimensions).map_err(failed)?;
            builder.write_char_variable(id, bytes).map_err(failed)?;
            compress(builder, id, &dimensions, bytes.len()).map_err(failed)?;
            id
        }
        (ArrayValues::Numbers(numbers), data_type)
            if data_type.number().map(|(primitive, _)| primitive) == Some(numbers.primitive()) =>
        {
            let id = add_numbers(builder, key, &dimensions, numbers).map_err(failed)?;
            let bytes = numbers.len().saturating_mul(numbers.primitive().size());
            compress(builder, id, &dimensions, bytes).map_err(failed)?;
            id
        }
        _ => return Err(wrong("numbers, characters or texts of any length", variable.data_type.to_string())),
    };
    attributes::variable(builder, key, id, variable)
}

/// A variable and its values.
pub(super) fn add_numbers(
    builder: &mut NcFileBuilder,
    key: &str,
    dimensions: &[DimensionId],
    numbers: &Numbers,
) -> netcdf_writer::Result<VariableId> {
    fn one<T: netcdf_writer::NcWriteType>(
        builder: &mut NcFileBuilder,
        key: &str,
        dimensions: &[DimensionId],
        values: &[T],
    ) -> netcdf_writer::Result<VariableId> {
        let id = builder.add_variable_path::<T>(key, dimensions)?;
        builder.write_variable(id, values)?;
        Ok(id)
    }
    each!(numbers, values => one(builder, key, dimensions, values))
}

/// Scalars cannot be compressed, and what is small is read faster as it is.
fn compress(
    builder: &mut NcFileBuilder,
    id: VariableId,
    dimensions: &[DimensionId],
    bytes: usize,
) -> netcdf_writer::Result<()> {
    if dimensions.is_empty() || bytes < COMPRESSED {
        return Ok(());
    }
    builder.set_variable_deflate(id, Some(LEVEL), true)
}
