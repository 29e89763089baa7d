//! Variables whose values stand in the product.

use bytes::Bytes;
use serde_json::Value;

use super::{Texts, json, wrong};
use crate::codec::encode_texts;
use crate::model::{AttributeValue, ChunkGrid, CodecChain, DataType, FileVariable, VariablePath};
use crate::read::product::References;
use crate::read::slab::byte_length;
use crate::read::{ProductArray, ReadError, Reference, read_slab};
use crate::storage::ByteSource;

/// The most bytes of one such variable.
const LIMIT: usize = 256 << 20;

pub(super) fn array(
    (source, texts): (&dyn ByteSource, Texts<'_>),
    path: &VariablePath,
    variable: &FileVariable,
) -> Result<ProductArray, ReadError> {
    let shape = variable.grid.shape.clone();
    let mut array = bare(path, variable, shape.clone())?;
    if shape.contains(&0) {
        return Ok(array);
    }
    let bytes = if variable.data_type == DataType::VariableString {
        encode_texts(&texts(variable)?).ok_or_else(|| wrong(path.key(), "texts of less than 4 GiB", "more"))?
    } else {
        let size = variable.data_type.size().unwrap_or(0);
        if byte_length(&shape, size).is_none_or(|length| length > LIMIT) {
            return Err(ReadError::TooLarge { variable: path.key().into(), elements: shape, size });
        }
        read_slab(variable, source, &vec![0; shape.len()], &shape)?
    };
    array.references.insert(0, Reference::Inline(Bytes::from(bytes)));
    Ok(array)
}

/// The array without what stands for its chunks: one, as large as it is.
pub(super) fn bare(path: &VariablePath, variable: &FileVariable, shape: Vec<u64>) -> Result<ProductArray, ReadError> {
    let key = path.key();
    let chunk_shape = shape.iter().map(|length| (*length).max(1)).collect();
    let grid = ChunkGrid::new(shape, chunk_shape).ok_or_else(|| wrong(key, "a countable shape", "more"))?;
    let mut attributes = json(&variable.attributes);
    let size = variable.data_type.size().unwrap_or(0);
    let (mut fill_value, mut fill_element) = (Value::Null, vec![0; size]);
    match (variable.attributes.get("_FillValue"), variable.data_type.number()) {
        (Some(AttributeValue::Numbers(numbers)), Some((primitive, order)))
            if numbers.len() == 1 && numbers.primitive() == primitive =>
        {
            fill_element = numbers.to_bytes(order);
            fill_value = attributes.shift_remove("_FillValue").unwrap_or_default();
        }
        (_, Some(_)) => {}
        (_, None) => {
            attributes.shift_remove("_FillValue");
        }
    }
    Ok(ProductArray {
        key: key.into(),
        data_type: variable.data_type.clone(),
        grid,
        // What a file of its own holds is never missing.
        missing_element: None,
        fill_value,
        fill_element,
        codecs: CodecChain::default(),
        attributes,
        dimensions: variable.dimensions.iter().map(ToString::to_string).collect(),
        fragments: None,
        separator: '.',
        references: References::default(),
    })
}
