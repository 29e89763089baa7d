//! `.zgroup`, `.zarray` and `.zattrs`.

use serde_json::{Map, Number, Value, json};

use crate::model::{ArrayData, AttributeValue, Attributes, ByteOrder, Codec, DataType, Numbers, Primitive, Variable};
use crate::write::WriteError;

type Object = Map<String, Value>;

const FILL_VALUE: &str = "_FillValue";

/// What a reader takes missing chunks for.
pub(in crate::write) struct Fill {
    /// `fill_value` of `.zarray`.
    json: Value,
    /// The bytes of an element that a reader makes of it; `None` for `null`, of which every reader makes something else.
    pub(in crate::write) element: Option<Vec<u8>>,
    /// Whether `_FillValue` stays an attribute.
    keep_attribute: bool,
}

impl Fill {
    /// What readers of another format make of a missing chunk.
    pub(in crate::write) fn read_as(element: Option<Vec<u8>>) -> Self {
        Self { json: Value::Null, element, keep_attribute: false }
    }

    pub(in crate::write) fn of(variable: &Variable) -> Self {
        let null = |keep_attribute| Self { json: Value::Null, element: None, keep_attribute };
        let attribute = variable.attributes.get(FILL_VALUE);
        match (attribute, variable.data_type.number()) {
            // A fill value of characters would turn blanks into NaN.
            (_, None) | (None, _) => null(false),
            (Some(AttributeValue::Numbers(numbers)), Some((primitive, order)))
                if numbers.len() == 1 && numbers.primitive() == primitive =>
            {
                let json = numbers_json(numbers).pop().unwrap_or_default();
                Self { json, element: Some(readable(numbers).to_bytes(order)), keep_attribute: false }
            }
            _ => null(true),
        }
    }
}

/// The number that a reader makes of the JSON: of all NaN only one comes through.
pub(in crate::write) fn readable(numbers: &Numbers) -> Numbers {
    match numbers {
        Numbers::F32(values) => {
            Numbers::F32(values.iter().map(|v| if v.is_nan() { f32::from_bits(0x7fc0_0000) } else { *v }).collect())
        }
        Numbers::F64(values) => Numbers::F64(
            values.iter().map(|v| if v.is_nan() { f64::from_bits(0x7ff8_0000_0000_0000) } else { *v }).collect(),
        ),
        other => other.clone(),
    }
}

pub(in crate::write) fn group() -> Object {
    Object::from_iter([("zarr_format".to_owned(), json!(2))])
}

pub(in crate::write) fn array(key: &str, variable: &Variable, fill: &Fill) -> Result<Object, WriteError> {
    let data_type = variable.data_type.numpy().ok_or_else(|| WriteError::DataType {
        variable: key.into(),
        expected: "numbers or texts",
        found: variable.data_type.to_string(),
    })?;
    let (chunks, filters) = match &variable.data {
        ArrayData::Inline(_) if variable.data_type == DataType::VariableString => {
            (inline_chunk_shape(&variable.shape), vec![json!({"id": "vlen-utf8"})])
        }
        ArrayData::Inline(_) => (inline_chunk_shape(&variable.shape), vec![]),
        ArrayData::Apart => return Err(super::chunks::apart(key)),
        ArrayData::Placed { chunk_shape, codecs, .. } => {
            (chunk_shape.clone(), codecs.0.iter().map(|codec| filter(key, codec)).collect::<Result<_, _>>()?)
        }
    };
    let filters = if filters.is_empty() { Value::Null } else { Value::Array(filters) };
    let document = [
        ("zarr_format", json!(2)),
        ("shape", json!(variable.shape)),
        ("chunks", json!(chunks)),
        ("dtype", json!(data_type)),
        ("fill_value", fill.json.clone()),
        ("order", json!("C")),
        ("filters", filters),
        ("compressor", Value::Null),
    ];
    Ok(document.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// The one chunk of an inlined array; Zarr knows no chunk of length 0.
fn inline_chunk_shape(shape: &[u64]) -> Vec<u64> {
    shape.iter().map(|length| (*length).max(1)).collect()
}

fn filter(key: &str, codec: &Codec) -> Result<Value, WriteError> {
    match codec {
        Codec::Deflate { level } => Ok(json!({"id": "zlib", "level": level})),
        Codec::Shuffle { element_size } => Ok(json!({"id": "shuffle", "elementsize": element_size})),
        Codec::Fletcher32 => Ok(json!({"id": "fletcher32"})),
        Codec::Zstd { level } => Ok(json!({"id": "zstd", "level": level})),
        Codec::Other { id: Codec::BLOSC, parameters, .. } if codec.is_referable() => Ok(blosc(parameters)),
        Codec::Other { .. } => Err(WriteError::Filter { variable: key.into(), filter: codec.to_string() }),
    }
}

/// The parameters of HDF5's filter: from the fifth on level, shuffle and compressor. Readers take all of them from the chunk.
fn blosc(parameters: &[u32]) -> Value {
    const COMPRESSORS: [&str; 6] = ["blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"];
    let parameter = |at: usize, other: u32| parameters.get(at).copied().unwrap_or(other);
    let compressor = usize::try_from(parameter(6, 0)).ok().and_then(|at| COMPRESSORS.get(at)).unwrap_or(&"blosclz");
    json!({"id": "blosc", "cname": compressor, "clevel": parameter(4, 5).min(9), "shuffle": parameter(5, 1).min(2), "blocksize": 0})
}

pub(in crate::write) fn variable_attributes(variable: &Variable, fill: &Fill) -> Object {
    let mut object = attributes(&variable.attributes);
    if !fill.keep_attribute {
        object.shift_remove(FILL_VALUE);
    }
    let dimensions: Vec<&str> = variable.dimensions.iter().map(|name| name.as_str()).collect();
    object.insert("_ARRAY_DIMENSIONS".into(), json!(dimensions));
    object
}

pub(in crate::write) fn attributes(attributes: &Attributes) -> Object {
    attributes.iter().filter_map(|(name, value)| Some((name.clone(), attribute(value)?))).collect()
}

fn attribute(value: &AttributeValue) -> Option<Value> {
    Some(match value {
        AttributeValue::Text(text) => json!(text),
        AttributeValue::Texts(texts) => json!(texts),
        AttributeValue::Numbers(numbers) => {
            let mut values = numbers_json(numbers);
            if values.len() == 1 { values.pop()? } else { Value::Array(values) }
        }
        AttributeValue::Unsupported(_) => return None,
    })
}

/// Numbers as JSON: floats always with a point or exponent, binary32 widened, so that a reader gets the same bits back.
pub(in crate::write) fn numbers_json(numbers: &Numbers) -> Vec<Value> {
    if numbers.primitive().is_float() {
        return numbers.to_f64().into_iter().map(float).collect();
    }
    match numbers {
        Numbers::U64(values) => values.iter().map(|value| json!(value)).collect(),
        other => other.to_i64().unwrap_or_default().into_iter().map(|value| json!(value)).collect(),
    }
}

fn float(value: f64) -> Value {
    match Number::from_f64(value) {
        Some(number) => Value::Number(number),
        None if value.is_nan() => json!("NaN"),
        None if value > 0.0 => json!("Infinity"),
        None => json!("-Infinity"),
    }
}

/// The byte order of a variable's numbers; little-endian for what has none.
pub(in crate::write) fn byte_order(data_type: &DataType) -> ByteOrder {
    data_type.number().map_or(ByteOrder::Little, |(_, order)| order)
}

/// The number that a variable stores, if it stores numbers.
pub(in crate::write) fn primitive(data_type: &DataType) -> Option<Primitive> {
    data_type.number().map(|(primitive, _)| primitive)
}
