#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use super::*;
use crate::model::ArrayData;
use crate::read::testing::{Spec, file, join};

fn variable(spec: Spec) -> Variable {
    let cube = join(&[file("/a.nc", Attributes::new(), &[spec]).0], "time");
    cube.root.variables.values().next().unwrap().clone()
}

fn written(variable: &Variable, codecs: &[Value]) -> Result<Value, WriteError> {
    let layout = Layout::of("v", variable)?;
    array("v", variable, &layout, &layout.one_chunk(), codecs).map(Value::Object)
}

#[test]
fn fill_and_mask_are_two_things() {
    let mut spec = Spec::new("v", &["time"], &[2], &Numbers::F32(vec![1.0, 2.0]))
        .attribute(FILL_VALUE, AttributeValue::Numbers(Numbers::F32(vec![1e20])));
    spec.fill_value = Some(f32::NAN.to_le_bytes().to_vec());
    let variable = variable(spec);
    let document = written(&variable, &[]).unwrap();
    assert_eq!(document["fill_value"], "NaN");
    // struct.pack("<d", np.float32(1e20)), as xarray encodes it.
    assert_eq!(document["attributes"], json!({"_FillValue": "AAAAgB2vFUQ="}));
    let mut other = variable.clone();
    other.attributes.insert(FILL_VALUE.into(), AttributeValue::Numbers(Numbers::I16(vec![1])));
    assert!(written(&other, &[]).unwrap_err().to_string().contains("a _FillValue of the variable's own type"));
}

#[test]
fn filters_follow_the_byte_order() {
    let chain = CodecChain(vec![Codec::Shuffle { element_size: 4 }, Codec::Deflate { level: 4 }, Codec::Fletcher32]);
    let big = DataType::Number { primitive: Primitive::F32, order: ByteOrder::Big };
    let codecs = stored_codecs("v", &big, &chain).unwrap();
    assert_eq!(codecs[0], json!({"name": "bytes", "configuration": {"endian": "big"}}));
    let names: Vec<_> = codecs.iter().map(|codec| codec["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["bytes", "numcodecs.shuffle", "numcodecs.zlib", "numcodecs.fletcher32"]);
    let szip = CodecChain(vec![Codec::Other { id: 4, name: "szip".into(), parameters: vec![] }]);
    assert!(stored_codecs("v", &big, &szip).unwrap_err().to_string().contains("szip (filter 4)"));
    assert!(stored_codecs("v", &DataType::FixedString { length: 1 }, &chain).is_err());
}

#[test]
fn characters_stand_joined() {
    let mut spec = Spec::new("v", &["station", "n"], &[2, 3], &Numbers::U8(b"a\0\0bc ".to_vec())).small();
    spec.data_type = DataType::FixedString { length: 1 };
    let mut variable = variable(spec);
    let values = ArrayValues::FixedStrings { length: 1, bytes: b"a\0\0bc ".as_slice().into() };
    let whole = Array { shape: vec![2, 3], values };
    variable.data = ArrayData::Inline(whole.clone());
    let document = written(&variable, &plain_codecs(&variable.data_type)).unwrap();
    assert_eq!((&document["shape"], &document["data_type"]), (&json!([2]), &json!("bytes")));
    assert_eq!(document["dimension_names"], json!(["station"]));
    assert_eq!(document["attributes"], json!({"_character_length": 3, "_character_dimension": "n"}));
    let chunk = plain_chunk("v", &variable, &whole).unwrap().unwrap();
    assert_eq!(chunk, b"\x02\0\0\0\x01\0\0\0a\x03\0\0\0bc ");
    let short = Array { shape: vec![2, 2], ..whole };
    assert!(plain_chunk("v", &variable, &short).unwrap_err().to_string().contains("own shape"));
}
