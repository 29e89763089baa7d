//! The coordinate of a new dimension of labels.

use std::sync::Arc;

use super::join::{JoinAxis, Kind};
use crate::model::{
    Array, ArrayData, ArrayValues, Attributes, DataType, Primitive, Variable, VariableName, VariablePath,
};

/// The coordinate variable of an axis whose steps are labels.
pub(super) fn coordinate(axis: &JoinAxis) -> Option<(VariablePath, Variable)> {
    let Kind::Facet(values) = &axis.kind else { return None };
    let data_type = match values {
        ArrayValues::Strings(texts) => {
            let longest = texts.iter().map(|text| text.chars().count()).max().unwrap_or(0).max(1);
            DataType::FixedUnicode { length: u32::try_from(longest).ok()? }
        }
        _ => DataType::little(Primitive::I64),
    };
    let name = VariableName::new(axis.dimension.as_str()).ok()?;
    let path = VariablePath::new(&axis.group, &name);
    let shape = vec![axis.length];
    let variable = Variable {
        name,
        data_type,
        dimensions: vec![axis.dimension.clone()],
        shape: shape.clone(),
        attributes: Attributes::new(),
        fill_value: None,
        data: ArrayData::Inline(Array { shape, values: values.clone() }),
        parts: Arc::default(),
    };
    Some((path, variable))
}
