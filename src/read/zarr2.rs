//! The documents `.zgroup`, `.zattrs` and `.zarray` (Zarr specification, version 2).

use std::fmt::Display;

use serde_json::{Map, Value};

use super::ReadError;
use super::product::{ProductArray, Reference, References};
use crate::codec::shuffle_remainder;
use crate::model::{ByteOrder, ChunkGrid, Codec, CodecChain, DataType, Numbers, Primitive};

type Object = Map<String, Value>;

pub(super) fn wrong(key: &str, expected: &'static str, found: &dyn Display) -> ReadError {
    let found: String = found.to_string().chars().take(200).collect();
    ReadError::Metadata { key: key.into(), expected, found }
}

/// Reads a document that must be there.
pub(super) fn document(key: &str, reference: Option<Reference>) -> Result<Object, ReadError> {
    let Some(Reference::Inline(bytes)) = reference else {
        return Err(wrong(key, "a JSON object in the product itself", &"a reference, or nothing"));
    };
    match serde_json::from_slice(&bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(other) => Err(wrong(key, "a JSON object", &other)),
        Err(error) => Err(wrong(key, "a JSON object", &error)),
    }
}

/// Reads a document that may be missing.
pub(super) fn attributes(key: &str, reference: Option<Reference>) -> Result<Object, ReadError> {
    if reference.is_none() { Ok(Object::new()) } else { document(key, reference) }
}

pub(super) fn expect_version(key: &str, document: &Object) -> Result<(), ReadError> {
    match document.get("zarr_format") {
        Some(version) if version.as_u64() == Some(2) => Ok(()),
        other => Err(wrong(key, "zarr_format 2", &shown(other))),
    }
}

/// Reads the metadata of an array.
pub(super) fn array(
    key: &str,
    array_key: &str,
    document: &Object,
    mut attributes: Object,
) -> Result<ProductArray, ReadError> {
    expect_version(key, document)?;
    if document.get("order").is_some_and(|order| order != "C") {
        return Err(wrong(key, "order C", &shown(document.get("order"))));
    }
    let shape = lengths(key, document, "shape")?;
    let chunk_shape = lengths(key, document, "chunks")?;
    let grid = ChunkGrid::new(shape, chunk_shape)
        .ok_or_else(|| wrong(key, "as many chunks as shape, none of them 0", &shown(document.get("chunks"))))?;
    let (data_type, codecs) = (data_type(key, document)?, codecs(key, document)?);
    let chunk_bytes = grid.chunk_elements().and_then(|n| n.checked_mul(data_type.size().unwrap_or(0) as u64));
    if chunk_bytes.is_some_and(|length| shuffle_remainder(&codecs, length).is_some()) {
        let expected = "shuffle over a whole number of elements: readers of Zarr refuse all else";
        return Err(wrong(key, expected, &codecs));
    }
    let fill_value = document.get("fill_value").cloned().unwrap_or(Value::Null);
    let fill_element = fill_element(&data_type, &fill_value)
        .ok_or_else(|| wrong(key, "a fill_value of the array's dtype", &fill_value))?;
    let separator = match document.get("dimension_separator").map(Value::as_str) {
        None | Some(Some(".")) => '.',
        Some(Some("/")) => '/',
        _ => return Err(wrong(key, "a dimension_separator . or /", &shown(document.get("dimension_separator")))),
    };
    let dimensions = match attributes.shift_remove("_ARRAY_DIMENSIONS") {
        Some(Value::Array(names)) => names.into_iter().map(|name| name.as_str().map(str::to_owned)).collect(),
        _ => None,
    }
    .filter(|names: &Vec<String>| names.len() == grid.shape.len())
    .ok_or_else(|| wrong(key, "as many names in _ARRAY_DIMENSIONS as the array has dimensions", &"others, or none"))?;
    Ok(ProductArray {
        key: array_key.into(),
        data_type,
        grid,
        missing_element: (!fill_value.is_null()).then(|| fill_element.clone()),
        fill_value,
        fill_element,
        codecs,
        attributes,
        dimensions,
        fragments: None,
        separator,
        references: References::default(),
    })
}

pub(super) fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "nothing".into(), Value::to_string)
}

pub(super) fn lengths(key: &str, document: &Object, name: &'static str) -> Result<Vec<u64>, ReadError> {
    let list = document.get(name).and_then(Value::as_array);
    list.and_then(|list| list.iter().map(Value::as_u64).collect())
        .ok_or_else(|| wrong(key, "shape and chunks to be lists of lengths", &shown(document.get(name))))
}

fn data_type(key: &str, document: &Object) -> Result<DataType, ReadError> {
    let unknown = || wrong(key, "a dtype of numbers, |S<n> or |O", &shown(document.get("dtype")));
    let text = document.get("dtype").and_then(Value::as_str).ok_or_else(unknown)?;
    let order = match text.get(..1) {
        Some("<" | "|") => ByteOrder::Little,
        Some(">") => ByteOrder::Big,
        _ => return Err(unknown()),
    };
    let primitive = match text.get(1..).unwrap_or_default() {
        "O" => return Ok(DataType::VariableString),
        "i1" => Primitive::I8,
        "u1" => Primitive::U8,
        "i2" => Primitive::I16,
        "u2" => Primitive::U16,
        "i4" => Primitive::I32,
        "u4" => Primitive::U32,
        "i8" => Primitive::I64,
        "u8" => Primitive::U64,
        "f4" => Primitive::F32,
        "f8" => Primitive::F64,
        other if other.starts_with('U') && order == ByteOrder::Little => {
            let length = other[1..].parse().ok().filter(|length| (1..=1 << 20).contains(length));
            return length.map(|length| DataType::FixedUnicode { length }).ok_or_else(unknown);
        }
        other => {
            let length = other.strip_prefix('S').and_then(|length| length.parse().ok()).filter(|length| *length > 0);
            return length.map(|length| DataType::FixedString { length }).ok_or_else(unknown);
        }
    };
    if text.starts_with('|') && primitive.size() > 1 {
        return Err(unknown());
    }
    Ok(DataType::Number { primitive, order })
}

fn codecs(key: &str, document: &Object) -> Result<CodecChain, ReadError> {
    let filters = match document.get("filters") {
        None | Some(Value::Null) => &[],
        Some(Value::Array(filters)) => filters.as_slice(),
        Some(other) => return Err(wrong(key, "filters to be a list or null", other)),
    };
    let compressor = document.get("compressor").filter(|compressor| !compressor.is_null());
    let is_texts = |filter: &&Value| filter.get("id").is_some_and(|id| id == "vlen-utf8");
    let texts = filters.iter().filter(is_texts).count();
    let is_object = document.get("dtype").is_some_and(|dtype| dtype == "|O");
    // Texts are encoded by vlen-utf8 and by nothing else.
    if texts != usize::from(is_object) || is_object && (filters.len() > 1 || compressor.is_some()) {
        return Err(wrong(
            key,
            "the filter vlen-utf8 alone for |O, and for nothing else",
            &shown(document.get("filters")),
        ));
    }
    filters
        .iter()
        .filter(|filter| !is_texts(filter))
        .chain(compressor)
        .map(|filter| codec(key, filter))
        .collect::<Result<_, _>>()
        .map(CodecChain)
}

fn codec(key: &str, filter: &Value) -> Result<Codec, ReadError> {
    let number = |name: &str, default: i64| match filter.get(name) {
        None => Some(default),
        Some(value) => value.as_i64(),
    };
    let codec = match filter.get("id").and_then(Value::as_str) {
        Some("zlib") => {
            number("level", 1).and_then(|level| u8::try_from(level).ok()).map(|level| Codec::Deflate { level })
        }
        Some("shuffle") => number("elementsize", 4)
            .and_then(|size| u32::try_from(size).ok())
            .map(|element_size| Codec::Shuffle { element_size }),
        Some("fletcher32") => Some(Codec::Fletcher32),
        Some("zstd") => {
            number("level", 0).and_then(|level| i32::try_from(level).ok()).map(|level| Codec::Zstd { level })
        }
        // Its chunks say how they are to be decoded.
        Some("blosc") => Some(Codec::Other { id: Codec::BLOSC, name: "blosc".into(), parameters: Vec::new() }),
        _ => None,
    };
    codec.ok_or_else(|| wrong(key, "the filters zlib, shuffle, fletcher32, zstd or blosc", filter))
}

/// The bytes of one element of fill; `None` if the value is not one of the type's.
pub(super) fn fill_element(data_type: &DataType, value: &Value) -> Option<Vec<u8>> {
    let Some((primitive, order)) = data_type.number() else {
        return value.is_null().then(|| vec![0; data_type.size().unwrap_or(0)]);
    };
    if value.is_null() {
        return Some(vec![0; primitive.size()]);
    }
    let float = || match value {
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        other => other.as_f64(),
    };
    let signed = || value.as_i64();
    let unsigned = || value.as_u64();
    #[allow(clippy::cast_possible_truncation)]
    let numbers = match primitive {
        Primitive::I8 => Numbers::I8(vec![signed()?.try_into().ok()?]),
        Primitive::U8 => Numbers::U8(vec![unsigned()?.try_into().ok()?]),
        Primitive::I16 => Numbers::I16(vec![signed()?.try_into().ok()?]),
        Primitive::U16 => Numbers::U16(vec![unsigned()?.try_into().ok()?]),
        Primitive::I32 => Numbers::I32(vec![signed()?.try_into().ok()?]),
        Primitive::U32 => Numbers::U32(vec![unsigned()?.try_into().ok()?]),
        Primitive::I64 => Numbers::I64(vec![signed()?]),
        Primitive::U64 => Numbers::U64(vec![unsigned()?]),
        Primitive::F32 => Numbers::F32(vec![float()? as f32]),
        Primitive::F64 => Numbers::F64(vec![float()?]),
    };
    Some(numbers.to_bytes(order))
}
