#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::model::{
    ArrayData, AttributeValue, Attributes, ByteOrder, ChunkLocation, ChunkManifest, Codec, CodecChain, DataType,
    Numbers, Primitive, VirtualCube,
};
use crate::read::parse_kerchunk;
use crate::read::testing::{Spec, file, join};

fn cube(specs: &[Spec]) -> VirtualCube {
    join(&[file("/archive/a b.nc", Attributes::new(), specs).0], "time")
}

fn written(cube: &VirtualCube) -> Result<(Value, Written), WriteError> {
    let mut json = Vec::new();
    let written = write_kerchunk(cube, &PublicUrls::default(), &mut json)?;
    let json: Value = serde_json::from_slice(&json).unwrap();
    Ok((json["refs"].clone(), written))
}

fn document(refs: &Value, key: &str) -> Value {
    serde_json::from_str(refs[key].as_str().unwrap_or_else(|| panic!("{key} in {refs:#}"))).unwrap()
}

#[test]
fn metadata_says_what_the_source_says() {
    let fill = Numbers::F32(vec![1e20]);
    let chain = CodecChain(vec![Codec::Shuffle { element_size: 4 }, Codec::Deflate { level: 4 }, Codec::Fletcher32]);
    let mut tas = Spec::new("tas", &["time", "x"], &[3, 2], &Numbers::F32(vec![1.0; 6]))
        .chunked(&[2, 2], &chain)
        .attribute("_FillValue", AttributeValue::Numbers(fill))
        .attribute("one", AttributeValue::Numbers(Numbers::F64(vec![1.0])))
        .attribute("limits", AttributeValue::Numbers(Numbers::F32(vec![f32::NAN, f32::NEG_INFINITY, 0.1])))
        .attribute("flags", AttributeValue::Numbers(Numbers::U64(vec![u64::MAX])))
        .text("units", "K");
    tas.data_type = DataType::Number { primitive: Primitive::F32, order: ByteOrder::Big };
    let (refs, count) = written(&cube(&[tas])).unwrap();
    assert_eq!(
        refs["tas/.zarray"],
        r#"{"zarr_format":2,"shape":[3,2],"chunks":[2,2],"dtype":">f4","fill_value":1.0000000200408773e+20,"order":"C","filters":[{"id":"shuffle","elementsize":4},{"id":"zlib","level":4},{"id":"fletcher32"}],"compressor":null}"#
    );
    assert_eq!(
        refs["tas/.zattrs"],
        r#"{"one":1.0,"limits":["NaN","-Infinity",0.10000000149011612],"flags":18446744073709551615,"units":"K","_ARRAY_DIMENSIONS":["time","x"]}"#
    );
    assert_eq!(refs["tas/0.0"][0], "file:///archive/a b.nc");
    assert_eq!(count, Written { chunks: 2, inlined: 0, left_out: 0 });
}

#[test]
fn small_values_stand_in_the_product() {
    let scalar = Spec::new("height", &[], &[], &Numbers::F64(vec![2.0])).small();
    let empty = Spec::new("none", &["time", "x"], &[0, 2], &Numbers::F64(vec![])).small();
    let (refs, count) = written(&cube(&[scalar, empty])).unwrap();
    assert_eq!(refs["height/0"], "base64:AAAAAAAAAEA=");
    assert_eq!(document(&refs, "height/.zarray")["fill_value"], Value::Null);
    assert_eq!(document(&refs, "none/.zarray")["chunks"], json!([1, 2]));
    assert_eq!(count, Written { chunks: 1, inlined: 1, left_out: 0 });
}

#[test]
fn missing_chunks_are_left_out_only_if_readers_see_the_same_fill() {
    let spec = || {
        let mut spec =
            Spec::new("v", &["time"], &[4], &Numbers::I16(vec![1, 2, 3, 4])).chunked(&[2], &CodecChain::default());
        spec.missing = vec![1];
        spec.fill_value = Some((-5i16).to_le_bytes().to_vec());
        spec
    };
    let with = |fill: i16| spec().attribute("_FillValue", AttributeValue::Numbers(Numbers::I16(vec![fill])));
    let (refs, count) = written(&cube(&[with(-5)])).unwrap();
    assert_eq!((refs.get("v/1"), count.left_out), (None, 1));
    for spec in [with(-6), spec()] {
        let (refs, count) = written(&cube(&[spec])).unwrap();
        assert_eq!((&refs["v/1"], count.inlined), (&json!("base64:+//7/w=="), 1));
    }
    // A NaN that numpy would not make of "NaN".
    let odd_nan = f32::from_bits(0x7fc0_0001);
    for (fill, left_out) in [(odd_nan, 0), (f32::from_bits(0x7fc0_0000), 1)] {
        let mut spec =
            Spec::new("v", &["time"], &[2], &Numbers::F32(vec![1.0, 2.0])).chunked(&[2], &CodecChain::default());
        spec.missing = vec![0];
        spec.fill_value = Some(fill.to_le_bytes().to_vec());
        let spec = spec.attribute("_FillValue", AttributeValue::Numbers(Numbers::F32(vec![fill])));
        assert_eq!(written(&cube(&[spec])).unwrap().1.left_out, left_out);
    }
}

#[test]
fn texts_have_no_fill_value() {
    let mut name = Spec::new("name", &["x", "n"], &[1, 3], &Numbers::U8(b"ab ".to_vec())).small();
    name.data_type = DataType::FixedString { length: 1 };
    let name = name.text("_FillValue", " ");
    let (refs, _) = written(&cube(&[name])).unwrap();
    assert_eq!(document(&refs, "name/.zarray")["fill_value"], Value::Null);
    assert_eq!(document(&refs, "name/.zattrs"), json!({"_ARRAY_DIMENSIONS": ["x", "n"]}));
}

#[test]
fn a_fill_value_of_another_type_stays_an_attribute() {
    let spec = Spec::new("v", &["x"], &[1], &Numbers::I16(vec![1])).small();
    let spec = spec.attribute("_FillValue", AttributeValue::Numbers(Numbers::F64(vec![0.5])));
    let (refs, _) = written(&cube(&[spec])).unwrap();
    assert_eq!(document(&refs, "v/.zarray")["fill_value"], Value::Null);
    assert_eq!(document(&refs, "v/.zattrs")["_FillValue"], json!(0.5));
}

#[test]
fn texts_of_any_length_are_inlined() {
    let mut cube = cube(&[Spec::new("s", &["x"], &[2], &Numbers::U8(vec![0, 0])).small()]);
    let variable = cube.root.variables.get_mut("s").unwrap();
    variable.data_type = DataType::VariableString;
    let values = crate::model::ArrayValues::Strings(vec!["a".into(), "über".into()]);
    variable.data = ArrayData::Inline(crate::model::Array { shape: vec![2], values });
    let mut json = Vec::new();
    write_kerchunk(&cube, &PublicUrls::default(), &mut json).unwrap();
    let store = parse_kerchunk(&json).unwrap();
    let texts = store.read_texts(&store.arrays["s"], 0, &|_| unreachable!()).unwrap();
    assert_eq!(texts, ["a", "über"]);
}

#[test]
fn what_kerchunk_cannot_say_is_refused() {
    let chain = CodecChain(vec![Codec::Deflate { level: 1 }]);
    let spec = Spec::new("v", &["time"], &[4], &Numbers::I16(vec![1, 2, 3, 4])).chunked(&[2], &chain);
    let good = cube(std::slice::from_ref(&spec));
    let change = |change: &dyn Fn(&mut crate::model::Placement, &mut CodecChain)| {
        let mut cube = good.clone();
        if let ArrayData::Placed { placements, codecs, .. } = &mut cube.root.variables.get_mut("v").unwrap().data {
            change(&mut placements[0], codecs);
        }
        let error = written(&cube).unwrap_err().to_string();
        // Told beforehand, and in the same words.
        let refused = refused_by_kerchunk(&cube);
        assert_eq!(
            refused.iter().map(|(path, why)| (path.key(), why.to_string())).collect::<Vec<_>>(),
            [("v", error.clone())]
        );
        error
    };
    assert!(refused_by_kerchunk(&good).is_empty());
    let location = |length, filter_mask| {
        move |placement: &mut crate::model::Placement, _: &mut CodecChain| {
            let mut manifest = ChunkManifest::missing(2);
            manifest.set(0, ChunkLocation { offset: 0, length: 4, filter_mask: 0 });
            manifest.set(1, ChunkLocation { offset: 0, length, filter_mask });
            placement.manifest = Arc::new(manifest);
        }
    };
    assert!(change(&location(4, 1)).contains("chunk 1 in /archive/a b.nc skipped filters (mask 0x1)"));
    let plain = change(&|placement, codecs| {
        *codecs = CodecChain::default();
        location(5, 0)(placement, codecs);
    });
    assert!(plain.contains("holds 5 bytes; expected 4"), "{plain}");
    let other = Codec::Other { id: 4, name: "szip".into(), parameters: vec![] };
    assert!(change(&|_, codecs| codecs.0.push(other.clone())).contains("szip (filter 4)"));
    let remainder = CodecChain(vec![Codec::Fletcher32, Codec::Shuffle { element_size: 3 }]);
    let found = change(&|_, codecs| *codecs = remainder.clone());
    assert_eq!(found, "v: shuffle(3) meets chunks of 8 bytes; expected a multiple of 3");
    assert!(change(&|placement, _| placement.grid_origin = vec![1]).contains("a part within the chunk grid"));
    assert!(change(&|placement, _| placement.file = 3).contains("a file of the cube"));
}

#[test]
fn parts_that_overlap_are_refused() {
    let spec = Spec::new("v", &["time"], &[4], &Numbers::I16(vec![1, 2, 3, 4])).chunked(&[2], &CodecChain::default());
    let files: Vec<_> =
        ["/a.nc", "/b.nc"].map(|path| file(path, Attributes::new(), std::slice::from_ref(&spec)).0).into();
    let mut cube = join(&files, "time");
    assert_eq!(written(&cube).unwrap().1.chunks, 4);
    if let ArrayData::Placed { placements, .. } = &mut cube.root.variables.get_mut("v").unwrap().data {
        placements[1].grid_origin = vec![1];
    }
    assert!(written(&cube).unwrap_err().to_string().contains("parts side by side"));
}
