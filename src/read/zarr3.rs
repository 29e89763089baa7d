//! `zarr.json` (Zarr specification, version 3) of groups and arrays, with the numbers that xarray makes of it.
//!
//! Characters that stand joined in the product, along the dimension that two attributes name, come out one by one, as their sources
//! have them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::product::{ProductArray, References};
use super::zarr2::{fill_element, lengths, shown, wrong};
use super::{ReadError, SLAB_LIMIT};
use crate::codec::shuffle_remainder;
use crate::model::{ByteOrder, ChunkGrid, Codec, CodecChain, DataType, Primitive};

type Object = Map<String, Value>;

/// What a `zarr.json` describes.
pub(super) enum Node {
    /// A group and its attributes.
    Group(Object),
    /// An array.
    Array(Box<StoredArray>),
}

/// An array, and how its chunks stand in the store.
pub(super) struct StoredArray {
    /// The array as its sources know it, without references.
    pub(super) array: ProductArray,
    /// Shape and chunks in the store; chunks have the same numbers there.
    pub(super) grid: ChunkGrid,
    /// Bytes of each text that stands in the store as `vlen-bytes`.
    text_length: Option<usize>,
}

impl StoredArray {
    /// The elements of a chunk that stands in the product itself, as [`ProductArray`] knows them; `None` for texts that do not fit.
    pub(super) fn inline(&self, bytes: Bytes) -> Option<Bytes> {
        match self.text_length {
            None => Some(bytes),
            Some(length) => fixed_texts(&bytes, length, &self.grid.chunk_shape).map(Bytes::from),
        }
    }
}

/// Reads a `zarr.json`. `key` is the node's path without slashes at its ends.
///
/// # Errors
/// [`ReadError::Metadata`] for what is no such document, or asks for types, codecs or grids that altostac does not write.
pub(super) fn node(key: &str, bytes: &[u8]) -> Result<Node, ReadError> {
    let name = if key.is_empty() { "zarr.json".to_owned() } else { format!("{key}/zarr.json") };
    let document = match serde_json::from_slice(bytes) {
        Ok(Value::Object(document)) => document,
        Ok(other) => return Err(wrong(&name, "a JSON object", &other)),
        Err(error) => return Err(wrong(&name, "a JSON object", &error)),
    };
    if document.get("zarr_format").and_then(Value::as_u64) != Some(3) {
        return Err(wrong(&name, "zarr_format 3", &shown(document.get("zarr_format"))));
    }
    let attributes = match document.get("attributes") {
        None => Object::new(),
        Some(Value::Object(attributes)) => attributes.clone(),
        Some(other) => return Err(wrong(&name, "attributes to be an object", other)),
    };
    match document.get("node_type").and_then(Value::as_str) {
        Some("group") => Ok(Node::Group(attributes)),
        Some("array") => array(&name, key, &document, attributes).map(|array| Node::Array(array.into())),
        _ => Err(wrong(&name, "the node_type group or array", &shown(document.get("node_type")))),
    }
}

fn array(key: &str, array_key: &str, document: &Object, mut attributes: Object) -> Result<StoredArray, ReadError> {
    let grid = grid(key, document)?;
    let (mut data_type, codecs) = encoding(key, document)?;
    let mut dimensions = dimensions(key, document, grid.shape.len())?;
    let text = match data_type {
        DataType::FixedString { .. } => Some(characters(key, &mut attributes)?),
        _ => None,
    };
    let mut own = grid.clone();
    if let Some((length, joined)) = &text {
        data_type = DataType::FixedString { length: if joined.is_some() { 1 } else { *length } };
        if let Some(name) = joined {
            dimensions.push(name.clone());
            own.shape.push((*length).into());
            own.chunk_shape.push((*length).max(1).into());
        }
    }
    let chunk_bytes = own.chunk_elements().and_then(|n| n.checked_mul(data_type.size().unwrap_or(0) as u64));
    if chunk_bytes.is_none_or(|length| length > SLAB_LIMIT) {
        return Err(wrong(key, "chunks of less than 4 GiB", &shown(document.get("chunk_grid"))));
    }
    if chunk_bytes.is_some_and(|length| shuffle_remainder(&codecs, length).is_some()) {
        return Err(wrong(key, "shuffle over a whole number of elements: readers of Zarr refuse all else", &codecs));
    }
    let missing = document.get("fill_value").unwrap_or(&Value::Null);
    let missing_element = match data_type.number() {
        Some(_) if missing.is_null() => return Err(wrong(key, "a fill_value", &"null")),
        Some(_) => {
            let element = fill_element(&data_type, missing);
            Some(element.ok_or_else(|| wrong(key, "a fill_value of the array's data_type", missing))?)
        }
        None => None,
    };
    let fill_value = mask(key, &data_type, attributes.shift_remove("_FillValue"))?;
    let fill_element = fill_element(&data_type, &fill_value)
        .ok_or_else(|| wrong(key, "a _FillValue of the array's data_type", &fill_value))?;
    let array = ProductArray {
        key: array_key.into(),
        data_type,
        grid: own,
        fill_value,
        fill_element,
        missing_element,
        codecs,
        attributes,
        dimensions,
        fragments: None,
        separator: '/',
        references: References::default(),
    };
    let text_length = text.and_then(|(length, _)| usize::try_from(length).ok());
    Ok(StoredArray { array, grid, text_length })
}

fn configuration<'a>(document: &'a Object, member: &str, name: &str) -> Option<&'a Object> {
    let extension = document.get(member)?;
    (extension.get("name")? == name).then(|| extension.get("configuration")?.as_object()).flatten()
}

fn grid(key: &str, document: &Object) -> Result<ChunkGrid, ReadError> {
    let regular = configuration(document, "chunk_grid", "regular")
        .ok_or_else(|| wrong(key, "a regular chunk_grid", &shown(document.get("chunk_grid"))))?;
    let encoding = configuration(document, "chunk_key_encoding", "default").and_then(|found| found.get("separator"));
    if encoding.is_none_or(|separator| separator != "/") {
        return Err(wrong(key, "the default chunk_key_encoding", &shown(document.get("chunk_key_encoding"))));
    }
    ChunkGrid::new(lengths(key, document, "shape")?, lengths(key, regular, "chunk_shape")?)
        .ok_or_else(|| wrong(key, "as many chunk lengths as shape, none of them 0", &shown(document.get("chunk_grid"))))
}

fn dimensions(key: &str, document: &Object, count: usize) -> Result<Vec<String>, ReadError> {
    let names = document.get("dimension_names").and_then(Value::as_array);
    let names = names.and_then(|names| names.iter().map(|name| name.as_str().map(str::to_owned)).collect());
    names.filter(|names: &Vec<String>| names.len() == count).ok_or_else(|| {
        wrong(key, "as many dimension_names as the array has dimensions", &shown(document.get("dimension_names")))
    })
}

/// The length of texts in bytes, and the dimension that they were joined along.
fn characters(key: &str, attributes: &mut Object) -> Result<(u32, Option<String>), ReadError> {
    let length = attributes.shift_remove("_character_length");
    let joined = attributes.shift_remove("_character_dimension");
    let number = length.as_ref().and_then(Value::as_u64).and_then(|length| u32::try_from(length).ok());
    let number = number.filter(|number| *number > 0 || joined.is_some());
    let number = number.ok_or_else(|| wrong(key, "_character_length of an array of bytes", &shown(length.as_ref())))?;
    match joined {
        None => Ok((number, None)),
        Some(Value::String(name)) => Ok((number, Some(name))),
        Some(other) => Err(wrong(key, "_character_dimension to be a name", &other)),
    }
}

/// `_FillValue` as JSON of the number itself: floats stand as base64.
fn mask(key: &str, data_type: &DataType, attribute: Option<Value>) -> Result<Value, ReadError> {
    let Some(attribute) = attribute else { return Ok(Value::Null) };
    let number = data_type.number().map(|(primitive, _)| primitive);
    if !number.is_some_and(Primitive::is_float) {
        return Ok(attribute);
    }
    let bytes = attribute.as_str().and_then(|text| STANDARD.decode(text).ok()).and_then(|bytes| bytes.try_into().ok());
    let value =
        f64::from_le_bytes(bytes.ok_or_else(|| wrong(key, "_FillValue in base64, as xarray reads it", &attribute))?);
    Ok(match value {
        value if value.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        value => json!(value),
    })
}

fn encoding(key: &str, document: &Object) -> Result<(DataType, CodecChain), ReadError> {
    let unknown =
        || wrong(key, "codecs that fit a data_type of numbers, string or bytes", &shown(document.get("codecs")));
    let codecs = document.get("codecs").and_then(Value::as_array).ok_or_else(unknown)?;
    let (first, filters) = codecs.split_first().ok_or_else(unknown)?;
    let name = first.get("name").and_then(Value::as_str).ok_or_else(unknown)?;
    let data_type = document.get("data_type").and_then(Value::as_str);
    let data_type = match (data_type, name) {
        (Some("string"), "vlen-utf8") => DataType::VariableString,
        (Some("bytes"), "vlen-bytes") => DataType::FixedString { length: 1 },
        (Some(number), "bytes") => {
            let primitive = primitive(number).ok_or_else(|| {
                wrong(key, "a data_type of numbers, string or bytes", &shown(document.get("data_type")))
            })?;
            let order = match first.get("configuration").and_then(|found| found.get("endian")).map(Value::as_str) {
                Some(Some("little")) => ByteOrder::Little,
                Some(Some("big")) => ByteOrder::Big,
                None if primitive.size() == 1 => ByteOrder::Little,
                _ => return Err(unknown()),
            };
            DataType::Number { primitive, order }
        }
        _ => return Err(unknown()),
    };
    if data_type.number().is_none() && !filters.is_empty() {
        return Err(unknown());
    }
    let chain = filters.iter().map(|filter| codec(key, filter)).collect::<Result<_, _>>()?;
    Ok((data_type, CodecChain(chain)))
}

fn primitive(name: &str) -> Option<Primitive> {
    Some(match name {
        "int8" => Primitive::I8,
        "uint8" => Primitive::U8,
        "int16" => Primitive::I16,
        "uint16" => Primitive::U16,
        "int32" => Primitive::I32,
        "uint32" => Primitive::U32,
        "int64" => Primitive::I64,
        "uint64" => Primitive::U64,
        "float32" => Primitive::F32,
        "float64" => Primitive::F64,
        _ => return None,
    })
}

/// A codec from bytes to bytes.
pub(super) fn codec(key: &str, codec: &Value) -> Result<Codec, ReadError> {
    let number = |name: &str| codec.get("configuration").and_then(|found| found.get(name)).and_then(Value::as_i64);
    let level = || number("level");
    let found = match codec.get("name").and_then(Value::as_str) {
        Some("numcodecs.zlib") => {
            level().and_then(|level| u8::try_from(level).ok()).map(|level| Codec::Deflate { level })
        }
        Some("numcodecs.shuffle") => number("elementsize")
            .and_then(|size| u32::try_from(size).ok())
            .map(|element_size| Codec::Shuffle { element_size }),
        Some("numcodecs.fletcher32") => Some(Codec::Fletcher32),
        Some("zstd") => level().and_then(|level| i32::try_from(level).ok()).map(|level| Codec::Zstd { level }),
        // Its chunks say how they are to be decoded.
        Some("blosc") => Some(Codec::Other { id: Codec::BLOSC, name: "blosc".into(), parameters: Vec::new() }),
        _ => None,
    };
    found.ok_or_else(|| {
        wrong(key, "the codecs numcodecs.zlib, numcodecs.shuffle, numcodecs.fletcher32, zstd or blosc", codec)
    })
}

/// Texts as elements of a fixed length, zeros behind them; `None` unless there are as many as the chunk has, none of them longer.
fn fixed_texts(bytes: &[u8], length: usize, chunk_shape: &[u64]) -> Option<Vec<u8>> {
    let expected = chunk_shape.iter().try_fold(1u64, |product, length| product.checked_mul(*length))?;
    let (count, mut rest) = bytes.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count);
    // Each text takes four bytes at least.
    if u64::from(count) != expected || u64::from(count) > rest.len() as u64 / 4 {
        return None;
    }
    let total = usize::try_from(count).ok()?.checked_mul(length).filter(|total| *total as u64 <= SLAB_LIMIT)?;
    let mut elements = Vec::with_capacity(total.min(1 << 20));
    for _ in 0..count {
        let (size, after) = rest.split_first_chunk::<4>()?;
        let (text, after) = after.split_at_checked(usize::try_from(u32::from_le_bytes(*size)).ok()?)?;
        let padding = length.checked_sub(text.len())?;
        elements.extend_from_slice(text);
        elements.resize(elements.len() + padding, 0);
        rest = after;
    }
    rest.is_empty().then_some(elements)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    fn document(change: impl FnOnce(&mut Value)) -> Vec<u8> {
        let mut document = json!({
            "zarr_format": 3, "node_type": "array", "shape": [3, 2], "data_type": "int16", "fill_value": -5,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 2]}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
            "codecs": [{"name": "bytes", "configuration": {"endian": "big"}}, {"name": "numcodecs.zlib", "configuration": {"level": 4}}],
            "attributes": {"_FillValue": 7, "units": "K"}, "dimension_names": ["t", "x"], "storage_transformers": [],
        });
        change(&mut document);
        document.to_string().into_bytes()
    }

    fn stored(change: impl FnOnce(&mut Value)) -> Result<StoredArray, String> {
        match node("v", &document(change)) {
            Ok(Node::Array(array)) => Ok(*array),
            Ok(Node::Group(_)) => panic!("a group"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn what_is_masked_and_what_is_missing_are_two_things() {
        let array = stored(|_| ()).unwrap().array;
        assert_eq!(
            (array.fill_value, array.fill_element, array.missing_element),
            (json!(7), vec![0, 7], Some(vec![255, 251]))
        );
        assert_eq!(array.attributes, json!({"units": "K"}).as_object().unwrap().clone());
        assert_eq!(array.codecs, CodecChain(vec![Codec::Deflate { level: 4 }]));
    }

    #[test]
    fn characters_come_out_one_by_one() {
        let array = stored(|document| {
            document["data_type"] = json!("bytes");
            document["codecs"] = json!([{"name": "vlen-bytes"}]);
            document["shape"] = json!([2]);
            document["chunk_grid"]["configuration"]["chunk_shape"] = json!([2]);
            document["dimension_names"] = json!(["station"]);
            document["attributes"] = json!({"_character_dimension": "n", "_character_length": 3});
        })
        .unwrap();
        assert_eq!(
            (&array.array.grid.shape[..], &array.array.dimensions[..]),
            (&[2, 3][..], &["station".to_owned(), "n".into()][..])
        );
        assert_eq!(array.array.data_type, DataType::FixedString { length: 1 });
        assert!(array.array.attributes.is_empty());
        let chunk = |text: &[u8]| array.inline(Bytes::copy_from_slice(text)).map(|bytes| bytes.to_vec());
        assert_eq!(chunk(b"\x02\0\0\0\x01\0\0\0a\x03\0\0\0bcd").unwrap(), b"a\0\0bcd");
        assert_eq!(chunk(b"\x02\0\0\0\x01\0\0\0a\x04\0\0\0bcde"), None);
        assert_eq!(chunk(b"\x01\0\0\0\x01\0\0\0a"), None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let error = |change: fn(&mut Value)| stored(change).err().unwrap();
        assert!(error(|d| d["zarr_format"] = json!(2)).contains("v/zarr.json: expected zarr_format 3, found 2"));
        assert!(error(|d| d["data_type"] = json!("complex64")).contains("complex64"));
        assert!(error(|d| d["codecs"][1]["name"] = json!("gzip")).contains("gzip"));
        assert!(error(|d| d["codecs"] = json!([])).contains("codecs"));
        assert!(error(|d| d["fill_value"] = json!(null)).contains("a fill_value"));
        assert!(error(|d| d["fill_value"] = json!(99_999)).contains("99999"));
        assert!(error(|d| d["attributes"]["_FillValue"] = json!("x")).contains("_FillValue"));
        assert!(error(|d| d["dimension_names"] = json!(["t"])).contains("dimension_names"));
        assert!(error(|d| d["chunk_grid"]["configuration"]["chunk_shape"] = json!([0, 2])).contains("none of them 0"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60), length in 0usize..9, shape in 0u64..5) {
            let _ = node("v", &bytes);
            let _ = fixed_texts(&bytes, length, &[shape]);
        }
    }
}
