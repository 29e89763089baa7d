//! What no netCDF file says, or the writer of netCDF does not.

use super::grid::Refusal;
use crate::model::{ArrayData, ArrayValues, AttributeValue, DataType, Variable, VariablePath, VirtualCube};

/// HDF5 keeps an attribute in one message of its object's header, of less than 64 KiB; some of it is its name and type.
const ATTRIBUTE: usize = 65_000;

pub(super) fn check(path: &VariablePath, variable: &Variable, cube: &VirtualCube) -> Result<(), Refusal> {
    let is_known = match (&variable.data, &variable.data_type) {
        (ArrayData::Inline(array), DataType::VariableString | DataType::FixedUnicode { .. }) => {
            matches!(array.values, ArrayValues::Strings(_))
        }
        (_, data_type) => data_type.number().is_some() || *data_type == DataType::FixedString { length: 1 },
    };
    if !is_known {
        let found = variable.data_type.to_string();
        return Err(Refusal::new("numbers, characters or texts of any length, for netCDF has no other types", found));
    }
    let name = variable.name.as_str();
    let is_coordinate = variable.dimensions.len() == 1 && variable.dimensions[0].as_str() == name;
    let groups = path.key().split('/').rev().skip(1).collect::<Vec<&str>>();
    let group = groups.iter().rev().try_fold(&cube.root, |group, name| group.groups.get(*name));
    if !is_coordinate && group.is_some_and(|group| group.dimensions.contains_key(name)) {
        let found = format!("{name} over {:?} beside a dimension {name}", variable.dimensions);
        return Err(Refusal::new("a variable named like a dimension to be its coordinate", found));
    }
    let size = |value: &AttributeValue| match value {
        AttributeValue::Text(text) => text.len(),
        AttributeValue::Texts(texts) => texts.len().saturating_mul(16),
        AttributeValue::Numbers(numbers) => numbers.len().saturating_mul(numbers.primitive().size()),
        AttributeValue::Unsupported(_) => 0,
    };
    match variable.attributes.iter().find(|(_, value)| size(value) > ATTRIBUTE) {
        Some((name, value)) => {
            Err(Refusal::new("attributes of at most 65,000 bytes", format!("{} bytes of {name}", size(value))))
        }
        None => Ok(()),
    }
}
