//! `zarr.json` of groups and arrays (Zarr specification, version 3), as xarray reads them.
//!
//! | in the cube | in the product |
//! | --- | --- |
//! | numbers | the type by name; the byte order in the codec `bytes` |
//! | texts of any length, labels | `string`, codec `vlen-utf8` |
//! | texts of a fixed number of bytes | `bytes`, codec `vlen-bytes`, without the zero bytes at their ends: zarr-python 3.0 knows no other |
//! | characters (`NC_CHAR`) | the same, joined along their last dimension, as xarray shows them; two attributes say what that was |
//! | what never-written chunks read as | `fill_value` |
//! | `_FillValue` | the attribute, as xarray encodes it: base64 of the binary64 for floats, else the number |
//! | filters | behind `bytes` in the order of encoding: `numcodecs.shuffle`, `numcodecs.zlib`, `numcodecs.fletcher32`, `zstd`, `blosc` |
//!
//! zarr-python needs numcodecs for the codecs of that name.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::WriteError;
use super::kerchunk::metadata;
use crate::model::{
    Array, ArrayValues, AttributeValue, Attributes, ByteOrder, Codec, CodecChain, DataType, Numbers, Primitive,
    Variable,
};

type Object = Map<String, Value>;

const FILL_VALUE: &str = "_FillValue";
/// The attribute that names the dimension along which characters were joined.
const CHARACTER_DIMENSION: &str = "_character_dimension";
/// The attribute that says how many bytes the texts of a variable have in its sources.
const CHARACTER_LENGTH: &str = "_character_length";

/// `zarr.json` of a group.
pub(super) fn group(attributes: &Attributes) -> Object {
    object([
        ("zarr_format", json!(3)),
        ("node_type", json!("group")),
        ("attributes", metadata::attributes(attributes).into()),
    ])
}

/// How an array stands in the product: for characters with one dimension less than in the cube.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    /// The length along each dimension.
    pub(super) shape: Vec<u64>,
    /// The names of the dimensions.
    pub(super) dimensions: Vec<String>,
    /// `data_type`.
    data_type: &'static str,
    /// The dimension along which characters are joined.
    joined: Option<String>,
}

impl Layout {
    /// # Errors
    /// [`WriteError::DataType`] for types that no product carries.
    pub(super) fn of(key: &str, variable: &Variable) -> Result<Self, WriteError> {
        let (mut shape, mut joined) = (variable.shape.clone(), None);
        let mut dimensions: Vec<String> = variable.dimensions.iter().map(ToString::to_string).collect();
        let data_type = match &variable.data_type {
            DataType::Number { primitive, .. } | DataType::Enumeration { primitive, .. } => name_of(*primitive),
            DataType::VariableString | DataType::FixedUnicode { .. } => "string",
            DataType::FixedString { length } => {
                if *length == 1 && !shape.is_empty() {
                    shape.pop();
                    joined = dimensions.pop();
                }
                "bytes"
            }
            DataType::Unsupported { class, .. } => {
                let (expected, found) = ("numbers or texts", class.clone());
                return Err(WriteError::DataType { variable: key.into(), expected, found });
            }
        };
        Ok(Self { shape, dimensions, data_type, joined })
    }

    /// One chunk for all; Zarr knows no chunk of length 0.
    pub(super) fn one_chunk(&self) -> Vec<u64> {
        self.shape.iter().map(|length| (*length).max(1)).collect()
    }
}

fn name_of(primitive: Primitive) -> &'static str {
    match primitive {
        Primitive::I8 => "int8",
        Primitive::U8 => "uint8",
        Primitive::I16 => "int16",
        Primitive::U16 => "uint16",
        Primitive::I32 => "int32",
        Primitive::U32 => "uint32",
        Primitive::I64 => "int64",
        Primitive::U64 => "uint64",
        Primitive::F32 => "float32",
        Primitive::F64 => "float64",
    }
}

/// `zarr.json` of an array whose chunks are encoded by these codecs.
///
/// # Errors
/// [`WriteError::DataType`] for a `_FillValue` that is no value of the variable's type: readers would take it for another.
pub(super) fn array(
    key: &str,
    variable: &Variable,
    layout: &Layout,
    chunk_shape: &[u64],
    codecs: &[Value],
) -> Result<Object, WriteError> {
    let fill = Fill::of(variable);
    Ok(object([
        ("zarr_format", json!(3)),
        ("node_type", json!("array")),
        ("shape", json!(layout.shape)),
        ("data_type", json!(layout.data_type)),
        ("chunk_grid", json!({"name": "regular", "configuration": {"chunk_shape": chunk_shape}})),
        ("chunk_key_encoding", json!({"name": "default", "configuration": {"separator": "/"}})),
        ("fill_value", fill.json),
        ("codecs", json!(codecs)),
        ("attributes", attributes(key, variable, layout)?.into()),
        ("dimension_names", json!(layout.dimensions)),
        ("storage_transformers", json!([])),
    ]))
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Object {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What readers take missing chunks for.
pub(super) struct Fill {
    json: Value,
    /// The bytes of an element that readers make of it; `None` for texts.
    pub(super) element: Option<Vec<u8>>,
}

impl Fill {
    pub(super) fn of(variable: &Variable) -> Self {
        let Some((primitive, order)) = variable.data_type.number() else {
            return Self { json: json!(""), element: None };
        };
        let stored = variable.fill_value.clone().filter(|bytes| bytes.len() == primitive.size());
        let number = Numbers::from_bytes(primitive, order, &stored.unwrap_or_else(|| vec![0; primitive.size()]));
        let json = metadata::numbers_json(&number).pop().unwrap_or_default();
        Self { json, element: Some(metadata::readable(&number).to_bytes(order)) }
    }
}

fn attributes(key: &str, variable: &Variable, layout: &Layout) -> Result<Object, WriteError> {
    let mut object = metadata::attributes(&variable.attributes);
    object.shift_remove(FILL_VALUE);
    if let Some(fill) = variable.attributes.get(FILL_VALUE)
        && let Some((primitive, _)) = variable.data_type.number()
    {
        object.insert(FILL_VALUE.into(), fill_attribute(key, primitive, fill)?);
    }
    if let DataType::FixedString { length } = &variable.data_type {
        let length = match &layout.joined {
            Some(_) => variable.shape.last().copied().unwrap_or(1),
            None => u64::from(*length),
        };
        object.insert(CHARACTER_LENGTH.into(), length.into());
    }
    if let Some(name) = &layout.joined {
        object.insert(CHARACTER_DIMENSION.into(), name.as_str().into());
    }
    Ok(object)
}

/// `_FillValue` as xarray encodes it for Zarr, version 3.
fn fill_attribute(key: &str, primitive: Primitive, value: &AttributeValue) -> Result<Value, WriteError> {
    match value {
        AttributeValue::Numbers(numbers) if numbers.len() == 1 && numbers.primitive() == primitive => {
            Ok(match numbers.to_f64().first() {
                Some(float) if primitive.is_float() => STANDARD.encode(float.to_le_bytes()).into(),
                _ => metadata::numbers_json(numbers).pop().unwrap_or_default(),
            })
        }
        _ => Err(WriteError::DataType {
            variable: key.into(),
            expected: "a _FillValue of the variable's own type",
            found: format!("{value:?}").chars().take(100).collect(),
        }),
    }
}

/// The codecs of chunks as the sources store them.
///
/// # Errors
/// [`WriteError::Filter`] for filters that have no codec, [`WriteError::DataType`] for texts: of them no reader takes stored chunks.
pub(super) fn stored_codecs(key: &str, data_type: &DataType, chain: &CodecChain) -> Result<Vec<Value>, WriteError> {
    let Some((primitive, order)) = data_type.number() else {
        let expected = "numbers, or texts that stand in the product itself (see the recipe's inline limit)";
        return Err(WriteError::DataType { variable: key.into(), expected, found: data_type.to_string() });
    };
    let filters = chain.0.iter().map(|codec| filter(key, codec));
    std::iter::once(Ok(bytes_codec(primitive, order))).chain(filters).collect()
}

/// The codec that says how numbers become bytes.
pub(super) fn bytes_codec(primitive: Primitive, order: ByteOrder) -> Value {
    match (primitive.size(), order) {
        (1, _) => json!({"name": "bytes"}),
        (_, ByteOrder::Little) => json!({"name": "bytes", "configuration": {"endian": "little"}}),
        (_, ByteOrder::Big) => json!({"name": "bytes", "configuration": {"endian": "big"}}),
    }
}

fn filter(key: &str, codec: &Codec) -> Result<Value, WriteError> {
    match codec {
        Codec::Deflate { level } => Ok(json!({"name": "numcodecs.zlib", "configuration": {"level": level}})),
        Codec::Shuffle { element_size } => {
            Ok(json!({"name": "numcodecs.shuffle", "configuration": {"elementsize": element_size}}))
        }
        Codec::Fletcher32 => Ok(json!({"name": "numcodecs.fletcher32", "configuration": {}})),
        Codec::Zstd { level } => Ok(json!({"name": "zstd", "configuration": {"level": level, "checksum": false}})),
        Codec::Other { id: Codec::BLOSC, parameters, .. } if codec.is_referable() => Ok(blosc(parameters)),
        Codec::Other { .. } => Err(WriteError::Filter { variable: key.into(), filter: codec.to_string() }),
    }
}

/// The parameters of HDF5's filter: element size the third, from the fifth on level, shuffle and compressor. Readers take all of them
/// from the chunk.
fn blosc(parameters: &[u32]) -> Value {
    const COMPRESSORS: [&str; 6] = ["blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd"];
    const SHUFFLES: [&str; 3] = ["noshuffle", "shuffle", "bitshuffle"];
    let parameter = |at: usize, other: u32| parameters.get(at).copied().unwrap_or(other);
    let named = |names: &[&'static str], at: u32| usize::try_from(at).ok().and_then(|at| names.get(at).copied());
    json!({"name": "blosc", "configuration": {
        "typesize": parameter(2, 1).clamp(1, 255),
        "cname": named(&COMPRESSORS, parameter(6, 0)).unwrap_or("blosclz"),
        "clevel": parameter(4, 5).min(9),
        "shuffle": named(&SHUFFLES, parameter(5, 1)).unwrap_or("shuffle"),
        "blocksize": 0,
    }})
}

/// The codecs of values that stand in the product in one chunk, without a filter.
pub(super) fn plain_codecs(data_type: &DataType) -> Vec<Value> {
    match data_type.number() {
        Some((primitive, order)) => vec![bytes_codec(primitive, order)],
        None if matches!(data_type, DataType::FixedString { .. }) => vec![json!({"name": "vlen-bytes"})],
        None => vec![json!({"name": "vlen-utf8"})],
    }
}

/// All values of a variable as the one chunk that [`plain_codecs`] decode; `None` for an array without elements.
///
/// # Errors
/// [`WriteError::DataType`] for values of another shape or type than the variable's.
pub(super) fn plain_chunk(key: &str, variable: &Variable, array: &Array) -> Result<Option<Vec<u8>>, WriteError> {
    let wrong = |expected, found: String| WriteError::DataType { variable: key.into(), expected, found };
    if array.shape != variable.shape {
        let found = format!("{:?} for {:?}", array.shape, variable.shape);
        return Err(wrong("inlined values of the variable's own shape", found));
    }
    let expected = array.shape.iter().product::<u64>();
    let bytes = match (&array.values, &variable.data_type) {
        (ArrayValues::Strings(texts), DataType::VariableString | DataType::FixedUnicode { .. }) => {
            lengths_and_bytes(texts.iter().map(String::as_bytes)).filter(|_| texts.len() as u64 == expected)
        }
        (ArrayValues::FixedStrings { length, bytes }, DataType::FixedString { length: own }) if length == own => {
            let size = match (own, variable.shape.last()) {
                (1, Some(last)) => *last,
                _ => u64::from(*own),
            };
            let is_whole = expected.checked_mul(u64::from(*own)) == Some(bytes.len() as u64);
            let size = usize::try_from(size).ok().filter(|size| is_whole && *size > 0);
            size.and_then(|size| lengths_and_bytes(bytes.chunks_exact(size).map(without_end)))
        }
        (ArrayValues::Numbers(numbers), data_type) if metadata::primitive(data_type) == Some(numbers.primitive()) => {
            Some(numbers.to_bytes(metadata::byte_order(data_type))).filter(|_| numbers.len() as u64 == expected)
        }
        _ => None,
    };
    match bytes {
        _ if expected == 0 => Ok(None),
        Some(bytes) => Ok(Some(bytes)),
        None => Err(wrong("inlined values of the variable's own type and number", variable.data_type.to_string())),
    }
}

fn without_end(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &text[..end]
}

/// `vlen-utf8` and `vlen-bytes`: the number of texts, then length and bytes of each, all lengths u32 little-endian.
fn lengths_and_bytes<'a>(texts: impl ExactSizeIterator<Item = &'a [u8]>) -> Option<Vec<u8>> {
    let length = |length: usize| u32::try_from(length).map(u32::to_le_bytes).ok();
    let mut bytes = length(texts.len())?.to_vec();
    for text in texts {
        bytes.extend_from_slice(&length(text.len())?);
        bytes.extend_from_slice(text);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests;
