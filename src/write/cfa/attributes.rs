//! Attributes, with their types.

use netcdf_writer::{NcAttrValue, NcFileBuilder, VariableId};

use super::{CONVENTIONS, failed};
use crate::model::array::each;
use crate::model::{AttributeValue, Attributes, Numbers, Variable};
use crate::write::WriteError;

const FILL_VALUE: &str = "_FillValue";

pub(super) fn group(builder: &mut NcFileBuilder, path: &str, attributes: &Attributes) -> Result<(), WriteError> {
    if path.is_empty() {
        let text = conventions(attributes.get("Conventions").and_then(AttributeValue::text));
        let added = builder.add_attribute("Conventions", NcAttrValue::Chars(text));
        added.map_err(|error| failed("Conventions", error))?;
    }
    for (name, value) in attributes {
        let Some(value) = value_of(value).filter(|_| !(path.is_empty() && name == "Conventions")) else { continue };
        let added = match path {
            "" => builder.add_attribute(name, value),
            path => builder.add_group_attribute(path, name, value),
        };
        added.map_err(|error| failed(&format!("{path}/{name}"), error))?;
    }
    Ok(())
}

/// `CF-1.13`, and what the files follow beside CF: `CF-1.7 CMIP-6.2` becomes `CF-1.13 CMIP-6.2`.
fn conventions(text: Option<&str>) -> String {
    let words = text.unwrap_or_default().split([' ', ',']);
    let others = words.filter(|word| !word.is_empty() && !word.starts_with("CF-") && !word.starts_with("CFA-"));
    std::iter::once(CONVENTIONS).chain(others).collect::<Vec<&str>>().join(" ")
}

/// All attributes; `_FillValue` is what the file itself fills with, too.
pub(super) fn variable(
    builder: &mut NcFileBuilder,
    key: &str,
    id: VariableId,
    variable: &Variable,
) -> Result<(), WriteError> {
    for (name, value) in &variable.attributes {
        let of_object = |error| failed(&format!("{key}:{name}"), error);
        match (name.as_str(), value, variable.data_type.number()) {
            (FILL_VALUE, AttributeValue::Numbers(numbers), Some((primitive, _)))
                if numbers.len() == 1 && numbers.primitive() == primitive =>
            {
                fill(builder, id, numbers).map_err(of_object)?;
            }
            (_, value, _) => {
                let Some(value) = value_of(value) else { continue };
                builder.add_variable_attribute(id, name, value).map_err(of_object)?;
            }
        }
    }
    Ok(())
}

pub(super) fn fill(builder: &mut NcFileBuilder, id: VariableId, numbers: &Numbers) -> netcdf_writer::Result<()> {
    each!(numbers, values => match values.first() {
        Some(value) => builder.set_variable_fill_value(id, *value),
        None => Ok(()),
    })
}

fn value_of(value: &AttributeValue) -> Option<NcAttrValue> {
    Some(match value {
        AttributeValue::Text(text) => NcAttrValue::Chars(text.clone()),
        AttributeValue::Texts(texts) => NcAttrValue::Strings(texts.clone()),
        AttributeValue::Numbers(numbers) => match numbers.clone() {
            Numbers::I8(values) => NcAttrValue::Bytes(values),
            Numbers::U8(values) => NcAttrValue::UBytes(values),
            Numbers::I16(values) => NcAttrValue::Shorts(values),
            Numbers::U16(values) => NcAttrValue::UShorts(values),
            Numbers::I32(values) => NcAttrValue::Ints(values),
            Numbers::U32(values) => NcAttrValue::UInts(values),
            Numbers::I64(values) => NcAttrValue::Int64s(values),
            Numbers::U64(values) => NcAttrValue::UInt64s(values),
            Numbers::F32(values) => NcAttrValue::Floats(values),
            Numbers::F64(values) => NcAttrValue::Doubles(values),
        },
        AttributeValue::Unsupported(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::conventions;

    #[test]
    fn conventions_beside_cf_stay() {
        assert_eq!(conventions(None), "CF-1.13");
        assert_eq!(conventions(Some("CF-1.7 CMIP-6.2 UGRID-1.0")), "CF-1.13 CMIP-6.2 UGRID-1.0");
        assert_eq!(conventions(Some("ACDD-1.3, CF-1.6")), "CF-1.13 ACDD-1.3");
    }
}
