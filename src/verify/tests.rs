#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::result_large_err)]

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::cftime::{Calendar, TimeUnits};
use crate::model::{
    Array, ArrayData, ArrayValues, AttributeValue, Attributes, ChunkLocation, ChunkManifest, Codec, CodecChain,
    DimensionName, Fingerprint, Numbers, ProductFile, ProductFormat, Revision, VirtualCube,
};
use crate::read::testing::{Files, Spec, file, join, recorded};
use crate::storage::{ByteSource, MemoryFile};
use crate::write::write_kerchunk;

/// Sources, and a product over them that can be spoiled.
struct Case {
    indexes: Vec<FileIndex>,
    recorded: Vec<SourceFile>,
    verified: Vec<SourceFile>,
    facets: Vec<FacetLabels>,
    files: Files,
    refs: Map<String, Value>,
    sampling: Sampling,
}

/// Reads a product as the pipeline does.
fn read_back(bytes: &[u8]) -> Result<ReadBack, VerifyError> {
    let (item, format) = (ItemId::new("item").unwrap(), ProductFormat::Kerchunk);
    crate::read::read_kerchunk("kerchunk.json", (&mut &*bytes, 0)).map_err(|source| VerifyError::Unreadable {
        item,
        format,
        source: source.into(),
    })
}

fn numbers(count: u64, first: u64) -> Numbers {
    #[allow(clippy::cast_precision_loss)]
    Numbers::F32((0..count).map(|n| (first * 1000 + n) as f32).collect())
}

fn chain() -> CodecChain {
    CodecChain(vec![Codec::Shuffle { element_size: 4 }, Codec::Deflate { level: 4 }])
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::Text(value.into())
}

fn globals(id: u64) -> Attributes {
    Attributes::from([
        ("title".into(), text("tas")),
        ("tracking_id".into(), text(&format!("id-{id}"))),
        ("level".into(), AttributeValue::Numbers(Numbers::F64(vec![1.0]))),
    ])
}

/// Cuts `pr`, one piece in each file, into its rows: the files hold different numbers of them.
fn split_rows(cube: &mut VirtualCube) {
    let Some(variable) = cube.root.variables.get_mut("pr") else { return };
    let ArrayData::Placed { chunk_shape, placements, .. } = &mut variable.data else { panic!("placed") };
    *chunk_shape = vec![1, 3];
    let mut origin = 0;
    for placement in placements {
        let (whole, rows) = (placement.manifest.get(0).unwrap(), placement.grid.shape[0]);
        let mut manifest = ChunkManifest::missing(usize::try_from(rows).unwrap());
        for row in 0..rows {
            let location = ChunkLocation { offset: whole.offset + row * 12, length: 12, filter_mask: 0 };
            manifest.set(usize::try_from(row).unwrap(), location);
        }
        placement.grid.chunk_shape = vec![1, 3];
        placement.grid_origin = vec![origin, 0];
        placement.manifest = manifest.into();
        origin += rows;
    }
}

/// The variables of one file: `steps` steps from step `first` on.
fn specs(first: u64, steps: u64) -> Vec<Spec> {
    #[allow(clippy::cast_precision_loss)]
    let days = |at: u64| 31.0 * at as f64 + 0.5;
    let bounds = (first..first + steps).flat_map(|at| [days(at) - 15.0, days(at) + 15.0]).collect();
    vec![
        Spec::new("time", &["time"], &[steps], &Numbers::F64((first..first + steps).map(days).collect()))
            .text("units", "days since 1850-01-01")
            .text("calendar", "noleap")
            .text("bounds", "time_bnds")
            .small(),
        Spec::new("time_bnds", &["time", "bnds"], &[steps, 2], &Numbers::F64(bounds)).small(),
        Spec::new("lat", &["lat"], &[3], &Numbers::F64(vec![-10.0, 0.0, 10.0])).text("units", "degrees_north").small(),
        Spec::new("height", &[], &[], &Numbers::F64(vec![2.0])).small(),
        Spec::new("mask", &["lat", "lon"], &[3, 4], &numbers(12, 7)),
        Spec::new("tas", &["time", "lat", "lon"], &[steps, 3, 4], &numbers(steps * 12, first))
            .chunked(&[2, 3, 2], &chain())
            .attribute("_FillValue", AttributeValue::Numbers(Numbers::F32(vec![1e20])))
            .text("units", "K"),
        Spec::new("pr", &["time", "lat"], &[steps, 3], &numbers(steps * 3, first + 500)),
    ]
}

fn archive(lengths: &[u64], change: impl Fn(usize, &mut Vec<Spec>)) -> (Vec<FileIndex>, Vec<MemoryFile>) {
    let mut first = 0;
    let file = |(at, steps): (usize, &u64)| {
        let mut specs = specs(first, *steps);
        first += steps;
        change(at, &mut specs);
        file(&format!("/archive/{at}.nc"), globals(at as u64), &specs)
    };
    lengths.iter().enumerate().map(file).unzip()
}

impl Case {
    fn new((indexes, files): (Vec<FileIndex>, Vec<MemoryFile>), change: impl Fn(&mut VirtualCube)) -> Self {
        let mut cube = join(&indexes, "time");
        if indexes.len() > 1 {
            std::sync::Arc::make_mut(&mut cube.root.attributes).shift_remove("tracking_id");
        }
        split_rows(&mut cube);
        change(&mut cube);
        let mut bytes = Vec::new();
        write_kerchunk(&cube, &PublicUrls::default(), &mut bytes).unwrap();
        let json: Value = serde_json::from_slice(&bytes).unwrap();
        let refs = json["refs"].as_object().unwrap().clone();
        let sampling = Sampling { budget: DEFAULT_BUDGET, seed: 1, every_value: false };
        let (recorded, files) = (recorded(&indexes), Files::new(files));
        Self { recorded, verified: vec![], indexes, facets: vec![], files, refs, sampling }
    }

    /// Three files of 4, 2 and 4 steps.
    fn good() -> Self {
        Self::new(archive(&[4, 2, 4], |_, _| {}), |_| {})
    }

    fn bytes(&self) -> Vec<u8> {
        json!({"version": 1, "refs": self.refs}).to_string().into_bytes()
    }

    fn verify(&self) -> Result<VerifiedProduct, VerifyError> {
        self.verify_bytes(&self.bytes())
    }

    fn verify_bytes(&self, bytes: &[u8]) -> Result<VerifiedProduct, VerifyError> {
        use sha2::{Digest, Sha256};
        let sha256 = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let product = Product {
            item: ItemId::new("item").unwrap(),
            format: ProductFormat::Kerchunk,
            revision: Revision::FIRST,
            files: vec![ProductFile { path: "kerchunk.json".into(), size: bytes.len() as u64, sha256 }],
            chunks: 0,
            unlisted: 0,
        };
        let open = |url: &crate::model::SourceUrl| self.files.open(url);
        let read_back = read_back(bytes)?;
        verify(Evidence {
            product,
            read_back: &read_back,
            recorded: &self.recorded,
            verified: &self.verified,
            taken_over: &Default::default(),
            indexes: &self.indexes,
            facets: &self.facets,
            on_overlap: OnOverlap::Error,
            urls: &PublicUrls::default(),
            open: &open,
            reader: &crate::read::NativeReader::new(&open),
            sampling: self.sampling,
        })
    }

    fn differences(&self) -> Vec<Difference> {
        match self.verify() {
            Err(VerifyError::Different { differences, .. }) => differences.listed,
            other => panic!("expected differences, found {other:?}"),
        }
    }

    /// Kind and chunk of each difference.
    fn found(&self) -> Vec<(DifferenceKind, String)> {
        let place = |d: Difference| (d.kind, d.chunk.or(d.variable).or(d.file).unwrap_or_default());
        self.differences().into_iter().map(place).collect()
    }

    fn document(&mut self, key: &str, change: impl Fn(&mut Map<String, Value>)) {
        let mut document: Map<String, Value> = serde_json::from_str(self.refs[key].as_str().unwrap()).unwrap();
        change(&mut document);
        self.refs[key] = Value::String(Value::Object(document).to_string());
    }
}

#[test]
fn a_good_product_is_proven() {
    let report = Case::good().verify().unwrap().report().clone();
    assert_eq!((report.variables, report.seed, report.every_value), (7, 1, false));
    // tas: 5 × 1 × 2; pr: each step; mask; four inlined.
    assert_eq!((report.references, report.inlined_chunks, report.missing_chunks), (10 + 10 + 1, 4, 0));
    assert_eq!(report.files, Case::good().indexes.len() as u64);
    assert!(report.attributes > 7 && report.value_bytes > 0, "{report:?}");
}

#[test]
fn every_value_reads_every_chunk() {
    let mut case = Case::good();
    case.sampling = Sampling { budget: 1, seed: 9, every_value: false };
    let some = case.verify().unwrap().report().clone();
    case.sampling.every_value = true;
    let all = case.verify().unwrap().report().clone();
    assert!(some.sampled_chunks < all.sampled_chunks && some.value_bytes < all.value_bytes, "{some:?} {all:?}");
}

#[test]
fn values_of_files_that_were_verified_before_are_not_sampled_again() {
    let sampled = |verified: &[SourceFile]| {
        let case = Case { verified: verified.to_vec(), ..Case::good() };
        case.verify().unwrap().report().sampled_chunks
    };
    let recorded = Case::good().recorded;
    let (all, of_one) = (sampled(&[]), sampled(&recorded[1..]));
    assert!(0 < of_one && of_one < all, "{of_one} of {all}");
    // Where none is new, something else is: all are looked at.
    assert_eq!(sampled(&recorded), all);
}

#[test]
fn most_references_at_one_wrong_chunk() {
    let mut case = Case::good();
    let wrong = case.refs["tas/0.0.0"].clone();
    let keys: Vec<String> =
        case.refs.keys().filter(|key| key.starts_with("tas/") && !key.contains('z')).cloned().collect();
    for key in &keys {
        case.refs[key.as_str()] = wrong.clone();
    }
    let found = case.found();
    assert_eq!(found.len(), keys.len() - 1);
    assert!(found.iter().all(|(kind, key)| *kind == DifferenceKind::Reference && keys.contains(key)), "{found:?}");
}

#[test]
fn one_reference_at_another_chunk() {
    let mut case = Case::good();
    case.refs["tas/3.0.1"] = case.refs["tas/3.0.0"].clone();
    assert_eq!(case.found(), [(DifferenceKind::Reference, "tas/3.0.1".into())]);
    let difference = case.differences().remove(0);
    assert_eq!(difference.file.as_deref(), Some("/archive/2.nc"));
    assert_eq!(difference.item, "item");
    assert!(
        case.verify()
            .unwrap_err()
            .to_string()
            .starts_with("item: differs from its sources: tas/3.0.1: expected bytes ")
    );
}

#[test]
fn an_inlined_value_that_changed() {
    for (key, at) in [("lat/0", 2), ("time_bnds/0.0", 19), ("height/0", 0)] {
        let mut case = Case::good();
        let mut bytes = decoded(&case.refs[key]);
        bytes[at * 8] ^= 1;
        case.refs[key] = encoded(&bytes);
        assert_eq!(case.found(), [(DifferenceKind::Values, key.into())]);
    }
    let mut case = Case::good();
    let mut bytes = decoded(&case.refs["time/0"]);
    bytes[8..16].copy_from_slice(&1e5f64.to_le_bytes());
    case.refs["time/0"] = encoded(&bytes);
    let found = case.found();
    assert!(found.contains(&(DifferenceKind::Join, "time/0".into())), "{found:?}");
}

fn decoded(value: &Value) -> Vec<u8> {
    use base64::Engine;
    let text = value.as_str().unwrap().strip_prefix("base64:").unwrap();
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

fn encoded(bytes: &[u8]) -> Value {
    use base64::Engine;
    Value::String(format!("base64:{}", base64::engine::general_purpose::STANDARD.encode(bytes)))
}

#[test]
fn attributes_that_changed() {
    let changes: [(&str, &str, Option<Value>, DifferenceKind); 8] = [
        ("tas/.zattrs", "units", Some(json!("degC")), DifferenceKind::Attribute),
        ("tas/.zattrs", "units", None, DifferenceKind::Attribute),
        ("tas/.zattrs", "more", Some(json!(1)), DifferenceKind::Attribute),
        ("tas/.zarray", "fill_value", Some(json!(-1.0)), DifferenceKind::Fill),
        (".zattrs", "title", Some(json!("pr")), DifferenceKind::Attribute),
        (".zattrs", "title", None, DifferenceKind::Attribute),
        (".zattrs", "level", Some(json!(1)), DifferenceKind::Attribute),
        (".zattrs", "tracking_id", Some(json!("id-9")), DifferenceKind::Attribute),
    ];
    for (document, name, value, kind) in changes {
        let mut case = Case::good();
        case.document(document, |attributes| match &value {
            Some(value) => drop(attributes.insert(name.into(), value.clone())),
            None => drop(attributes.shift_remove(name)),
        });
        let found = case.differences();
        assert!(found.len() == 1 && found[0].kind == kind, "{name} {value:?}: {found:?}");
    }
    // What the files do not agree about may be listed.
    for merged in [json!("id-1"), json!(["id-0", "id-2"]), json!("id-0\nid-1")] {
        let mut case = Case::good();
        case.document(".zattrs", |attributes| drop(attributes.insert("tracking_id".into(), merged.clone())));
        assert!(case.verify().is_ok(), "{merged}");
    }
}

#[test]
fn a_dropped_reference_and_extra_ones() {
    let mut case = Case::good();
    case.refs.shift_remove("tas/2.0.1");
    assert_eq!(case.found(), [(DifferenceKind::Reference, "tas/2.0.1".into())]);

    let mut case = Case::good();
    for key in ["tas/5.0.0", "tas/0.0", "nothing/0", "tas/00.0.0"] {
        case.refs.insert(key.into(), case.refs["tas/0.0.0"].clone());
    }
    let mut found: Vec<String> = case.differences().into_iter().filter_map(|d| d.chunk).collect();
    found.sort();
    assert_eq!(found, ["nothing/0", "tas/0.0", "tas/00.0.0", "tas/5.0.0"]);

    let mut case = Case::good();
    case.refs.retain(|key, _| !key.starts_with("pr/"));
    assert_eq!(case.found(), [(DifferenceKind::Variable, "pr".into())]);
}

#[test]
fn metadata_that_changed() {
    for (name, value, kind) in [
        ("dtype", json!(">f4"), DifferenceKind::DataType),
        ("shape", json!([9, 3, 4]), DifferenceKind::Dimension),
        ("filters", json!([{"id": "zlib", "level": 4}]), DifferenceKind::Reference),
        ("chunks", json!([2, 3, 1]), DifferenceKind::Reference),
    ] {
        let mut case = Case::good();
        case.document("tas/.zarray", |array| drop(array.insert(name.into(), value.clone())));
        let found = case.found();
        assert!(found.iter().any(|(found, _)| *found == kind), "{name}: {found:?}");
    }
}

#[test]
fn a_source_that_was_cut_or_changed() {
    let mut case = Case::good();
    let url = case.indexes[1].source.url.clone();
    let content = case.files.0[&url].read_one(0..100).unwrap();
    case.files.0.insert(url.clone(), MemoryFile::new(url, content));
    case.sampling.every_value = true;
    let found = case.found();
    assert!(found.contains(&(DifferenceKind::SourceChanged, "/archive/1.nc".into())), "{found:?}");
    assert!(found.iter().any(|(kind, key)| *kind == DifferenceKind::Unreadable && key == "tas/2.0.0"), "{found:?}");

    let mut case = Case::good();
    case.recorded[2].fingerprint = Fingerprint::ModifiedAndSize { modified_ns: 5, size: case.recorded[2].size };
    assert_eq!(case.found(), [(DifferenceKind::SourceChanged, "/archive/2.nc".into())]);

    let mut case = Case::good();
    case.recorded.remove(0);
    assert_eq!(case.found(), [(DifferenceKind::SourceChanged, "/archive/0.nc".into())]);
}

#[test]
fn chunks_never_written() {
    let case = |fill: f32| {
        let archive = archive(&[4, 2, 4], |file, specs| {
            if file == 1 {
                specs[5].missing = vec![1];
            }
            specs[5].fill_value = Some(fill.to_le_bytes().to_vec());
        });
        Case::new(archive, |_| {})
    };
    let mut left_out = case(1e20);
    assert!(!left_out.refs.contains_key("tas/2.0.1"));
    assert!(left_out.verify().is_ok());
    left_out.refs.insert("tas/2.0.1".into(), left_out.refs["tas/2.0.0"].clone());
    assert_eq!(left_out.found(), [(DifferenceKind::Reference, "tas/2.0.1".into())]);

    let mut inlined = case(-5.0);
    assert!(inlined.verify().is_ok());
    inlined.refs.shift_remove("tas/2.0.1").unwrap();
    assert_eq!(inlined.found(), [(DifferenceKind::Fill, "tas/2.0.1".into())]);
}

/// Each file counts its days from its own first step; the product from the first file's.
fn own_units(calendar: &'static str) -> Case {
    let archive = archive(&[4, 2, 4], |file, specs| {
        let first = [0, 4, 6][file] * 31;
        let units = TimeUnits::parse("days since 1850-01-01", Calendar::parse(calendar).unwrap()).unwrap();
        let epoch = units.calendar().date_time(units.decode_i64(first).unwrap());
        for spec in &mut specs[..2] {
            let Numbers::F64(values) =
                Numbers::from_bytes(crate::model::Primitive::F64, crate::model::ByteOrder::Little, &spec.bytes)
            else {
                panic!("floats")
            };
            #[allow(clippy::cast_precision_loss)]
            let own = values.iter().map(|value| value - first as f64).collect();
            spec.bytes = Numbers::F64(own).to_bytes(crate::model::ByteOrder::Little);
        }
        specs[0].attributes.insert("units".into(), text(&format!("days since {epoch}")));
        specs[0].attributes.insert("calendar".into(), text(calendar));
    });
    Case::new(archive, |cube| {
        for spec in &specs(0, 10)[..2] {
            let variable = cube.root.variables.get_mut(spec.name).unwrap();
            let values = Array::from_bytes(&spec.data_type, &spec.shape, &spec.bytes).unwrap();
            variable.data = ArrayData::Inline(values);
        }
    })
}

#[test]
fn times_with_units_of_their_own_are_compared_as_instants() {
    for calendar in ["standard", "noleap", "360_day"] {
        let mut case = own_units(calendar);
        case.verify().unwrap();
        let mut bytes = decoded(&case.refs["time_bnds/0.0"]);
        bytes[8 * 9..8 * 10].copy_from_slice(&0.0f64.to_le_bytes());
        case.refs["time_bnds/0.0"] = encoded(&bytes);
        assert_eq!(case.found(), [(DifferenceKind::Values, "time_bnds/0.0".into())]);
    }
    // A float beside the one that is meant: the same microsecond here, another nanosecond for others.
    let mut case = own_units("noleap");
    let mut bytes = decoded(&case.refs["time_bnds/0.0"]);
    bytes[8 * 9] ^= 1;
    case.refs["time_bnds/0.0"] = encoded(&bytes);
    assert_eq!(case.found(), [(DifferenceKind::Values, "time_bnds/0.0".into())]);
    let mut case = own_units("noleap");
    case.document("time/.zattrs", |attributes| {
        drop(attributes.insert("units".into(), json!("hours since 1850-01-01")));
    });
    assert!(case.found().iter().any(|(kind, _)| *kind == DifferenceKind::Join));
    let mut case = own_units("noleap");
    case.document("time/.zattrs", |attributes| drop(attributes.insert("calendar".into(), json!("360_day"))));
    assert!(case.found().iter().any(|(kind, _)| *kind == DifferenceKind::Join));
}

#[test]
fn files_that_disagree_about_what_numbers_mean() {
    for (name, value) in [("scale_factor", AttributeValue::Numbers(Numbers::F32(vec![2.0]))), ("units", text("degC"))] {
        let archive = archive(&[4, 2], |file, specs| {
            if file == 1 {
                specs[5].attributes.insert(name.into(), value.clone());
            }
        });
        assert_eq!(Case::new(archive, |_| {}).found(), [(DifferenceKind::Meaning, "tas".into())]);
    }
}

#[test]
fn steps_that_stand_twice_or_nowhere() {
    // The second file's steps are those of the first again.
    let twice = archive(&[2, 2], |file, variables| {
        if file == 1 {
            variables[0].bytes = specs(1, 2)[0].bytes.clone();
        }
    });
    let found = Case::new(twice, |_| {}).found();
    assert!(found.contains(&(DifferenceKind::Join, "time/0".into())), "{found:?}");

    let mut case = Case::good();
    let bytes = decoded(&case.refs["time/0"]);
    let swapped = [&bytes[8..16], &bytes[..8], &bytes[16..]].concat();
    case.refs["time/0"] = encoded(&swapped);
    // The order of files is free, that of the steps of one is not.
    let found = case.found();
    assert!(found.contains(&(DifferenceKind::Join, "time".into())), "{found:?}");
}

#[test]
fn pieces_of_an_unfiltered_chunk() {
    for by in [-4i64, 4, 12] {
        let mut case = Case::good();
        let offset = case.refs["pr/7.0"][1].as_i64().unwrap();
        case.refs["pr/7.0"][1] = json!(offset + by);
        assert_eq!(case.found(), [(DifferenceKind::Reference, "pr/7.0".into())]);
    }
}

#[test]
fn a_scalar_that_differs_becomes_a_variable_along_the_join() {
    let archive = |files: usize| {
        archive(&[2, 2][..files], |file, specs| {
            specs[3].bytes = [2.0f64, 10.0][file].to_le_bytes().to_vec();
        })
    };
    let good = |cube: &mut VirtualCube| {
        let height = cube.root.variables.get_mut("height").unwrap();
        height.dimensions = vec![DimensionName::new("time").unwrap()];
        height.shape = vec![4];
        let values = ArrayValues::Numbers(Numbers::F64(vec![2.0, 2.0, 10.0, 10.0]));
        height.data = ArrayData::Inline(Array { shape: vec![4], values });
    };
    let mut case = Case::new(archive(2), good);
    case.verify().unwrap();
    case.refs["height/0"] = encoded(&[2.0f64, 2.0, 2.0, 10.0].map(f64::to_le_bytes).concat());
    assert_eq!(case.found(), [(DifferenceKind::Values, "height/0".into())]);
    // The first file's alone is wrong for the second.
    assert_eq!(Case::new(archive(2), |_| {}).found(), [(DifferenceKind::Values, "height".into())]);
}

#[test]
fn coordinates_that_differ_by_less_than_the_tolerance() {
    let case = |shift: f64| {
        let archive = archive(&[2, 2], |file, specs| {
            if file == 1 {
                specs[2].bytes = [-10.0 + shift, 0.0, 10.0].map(f64::to_le_bytes).concat();
            }
        });
        Case::new(archive, |_| {})
    };
    case(1e-14).verify().unwrap();
    assert!(case(1e-7).verify().is_err());
    // Data that is no coordinate must be the same.
    let archive = archive(&[2, 2], |file, specs| {
        if file == 1 {
            specs[4].bytes[0] ^= 1;
        }
    });
    assert_eq!(Case::new(archive, |_| {}).found(), [(DifferenceKind::Values, "mask".into())]);
}

#[test]
fn chunks_that_skipped_filters_must_not_be_referenced() {
    let mut case = Case::good();
    let variable = case.indexes[0].root.variables.get_mut("tas").unwrap();
    let mut manifest = (*variable.manifest).clone();
    let location = manifest.get(1).unwrap();
    manifest.set(1, ChunkLocation { filter_mask: 2, ..location });
    variable.manifest = manifest.into();
    assert_eq!(case.found(), [(DifferenceKind::Reference, "tas/0.0.1".into())]);
    let mut case = Case::good();
    case.indexes[0].root.variables.get_mut("tas").unwrap().unfiltered_edges = true;
    case.verify().unwrap();
}

#[test]
fn a_variable_that_is_shorter_than_its_unlimited_dimension() {
    let archive = || {
        archive(&[4, 4], |file, specs| {
            specs[5].fill_value = Some(1e20f32.to_le_bytes().to_vec());
            if file == 1 {
                specs[5].shape[0] = 2;
                specs[5].bytes.truncate(2 * 12 * 4);
            }
        })
    };
    let mut case = Case::new(archive(), |_| {});
    assert!(case.refs.contains_key("tas/2.0.0") && !case.refs.contains_key("tas/3.0.0"));
    case.verify().unwrap();
    case.refs.insert("tas/3.0.0".into(), case.refs["tas/2.0.0"].clone());
    assert_eq!(case.found(), [(DifferenceKind::Reference, "tas/3.0.0".into())]);
}

#[test]
fn coordinates_that_stay_virtual() {
    let archive = archive(&[2, 4], |_, specs| {
        for spec in &mut specs[..3] {
            spec.small = false;
            if spec.dimensions[0] == "time" {
                spec.chunk_shape = Some(spec.shape.iter().map(|length| (*length).min(2)).collect());
            }
        }
    });
    let mut case = Case::new(archive, |_| {});
    assert!(case.refs["time/2"].is_array());
    case.verify().unwrap();
    case.refs["time/2"] = case.refs["time/1"].clone();
    assert!(case.found().contains(&(DifferenceKind::Join, "time/2".into())));
}

#[test]
fn texts_of_any_length_are_compared() {
    let texts = |list: &[&str]| Array {
        shape: vec![list.len() as u64],
        values: ArrayValues::Strings(list.iter().map(|text| (*text).to_owned()).collect()),
    };
    let mut archive =
        archive(&[2, 2], |_, specs| specs.push(Spec::new("name", &["lat"], &[3], &Numbers::U8(vec![0; 3]))));
    for index in &mut archive.0 {
        let variable = index.root.variables.get_mut("name").unwrap();
        variable.data_type = crate::model::DataType::VariableString;
        variable.values = texts(&["a", "", "über"]).into();
    }
    Case::new(archive.clone(), |_| {}).verify().unwrap();
    let wrong = Case::new(archive, |cube| {
        cube.root.variables.get_mut("name").unwrap().data = ArrayData::Inline(texts(&["a", "", "uber"]));
    });
    assert_eq!(wrong.found(), [(DifferenceKind::Values, "name/0".into())]);
}

#[test]
fn groups_inherit_dimensions() {
    let name = crate::model::VariableName::new("tas").unwrap();
    let mut archive = archive(&[4, 2], |_, _| {});
    // The join of the tests knows no groups: what it makes of the flat files is moved.
    let flat = join(&archive.0, "time");
    for index in &mut archive.0 {
        let tas = index.root.variables.shift_remove("tas").unwrap();
        let mut group = crate::model::FileGroup { path: "/model".into(), ..Default::default() };
        std::sync::Arc::make_mut(&mut group.attributes).insert("member".into(), text("r1"));
        group.variables.insert(name.clone(), tas);
        index.root.groups.insert("model".into(), group);
    }
    let mut case = Case::new(archive, |cube| {
        let mut group = crate::model::Group { path: "/model".into(), ..Default::default() };
        std::sync::Arc::make_mut(&mut group.attributes).insert("member".into(), text("r1"));
        group.variables.insert(name.clone(), flat.root.variables["tas"].clone());
        cube.root.groups.insert("model".into(), group);
    });
    // Files of the same bytes, however their groups: the references hold.
    case.verify().unwrap();
    case.refs["model/tas/1.0.0"] = case.refs["model/tas/1.0.1"].clone();
    assert_eq!(case.found(), [(DifferenceKind::Reference, "model/tas/1.0.0".into())]);
    case.refs.shift_remove("model/.zgroup");
    assert!(case.found().contains(&(DifferenceKind::Variable, "/model".into())));
}

#[test]
fn one_file_needs_no_join() {
    let mut case = Case::new(archive(&[3], |_, _| {}), |_| {});
    case.verify().unwrap();
    case.refs["tas/1.0.0"] = case.refs["tas/0.0.0"].clone();
    assert_eq!(case.found(), [(DifferenceKind::Reference, "tas/1.0.0".into())]);
}

#[test]
fn what_is_no_product_is_unreadable() {
    let case = Case { refs: Map::from_iter([("x/.zarray".into(), json!("{}"))]), ..Case::good() };
    assert!(matches!(case.verify(), Err(VerifyError::Unreadable { .. })));
    let empty = Case { indexes: vec![], ..Case::good() };
    assert!(matches!(empty.verify(), Err(VerifyError::NoSource { .. })));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// No byte of a product makes verification panic or run on; no digit changes unseen.
    #[test]
    fn any_damaged_byte_is_survived(at in any::<prop::sample::Index>(), byte in any::<u8>(), digits in any::<bool>()) {
        let case = Case::good();
        let mut bytes = case.bytes();
        let places: Vec<usize> = (0..bytes.len()).filter(|at| !digits || bytes[*at].is_ascii_digit()).collect();
        let at = places[at.index(places.len())];
        let before = std::mem::replace(&mut bytes[at], if digits { b'0' + byte % 10 } else { byte });
        let result = case.verify_bytes(&bytes);
        // The level of deflate means nothing to a reader, nor do digits of a fill value beyond binary32; and the mask is the same in every file.
        let before_it = String::from_utf8_lossy(&bytes[at.saturating_sub(40)..at]).into_owned();
        let token = before_it.rsplit(['{', ',']).next().unwrap_or_default();
        let is_level = token.contains("level") && token.contains(':');
        let is_harmless = is_level || token.contains("fill_value") || token.starts_with("\"mask/0.0\":[");
        prop_assert!(!digits || before == bytes[at] || is_harmless || result.is_err(), "{before_it}");
    }

    /// Whatever single reference is moved, swapped, cut, re-pointed or dropped: verification finds it, at that chunk.
    #[test]
    fn any_single_mutation_is_found(
        lengths in prop::collection::vec(1u64..4, 1..4),
        pick in any::<prop::sample::Index>(),
        other in any::<prop::sample::Index>(),
        mutation in 0..6,
        by in 1u64..5,
    ) {
        // Chunks of two steps: files hold an even number.
        let lengths: Vec<u64> = lengths.iter().map(|length| length * 2).collect();
        let archive = archive(&lengths, |_, specs| drop(specs.pop()));
        let mut case = Case::new(archive, |_| {});
        prop_assert!(case.verify().is_ok());
        let keys: Vec<String> = case.refs.iter().filter(|(_, value)| value.is_array()).map(|(key, _)| key.clone()).collect();
        let key = keys[pick.index(keys.len())].clone();
        let mut touched = vec![key.clone()];
        let number = |value: &Value| value.as_u64().unwrap();
        match mutation {
            0 => {
                let second = keys[other.index(keys.len())].clone();
                prop_assume!(second != key);
                let (a, b) = (case.refs[&key].clone(), case.refs[&second].clone());
                case.refs[&key] = b;
                case.refs[&second] = a;
                touched.push(second);
            }
            1 => case.refs[&key][1] = json!(number(&case.refs[&key][1]) + by),
            2 => case.refs[&key][1] = json!(number(&case.refs[&key][1]) - by),
            3 => case.refs[&key][2] = json!(number(&case.refs[&key][2]) + by),
            4 => case.refs[&key][0] = json!("file:///archive/9.nc"),
            _ => drop(case.refs.shift_remove(&key)),
        }
        let chunks: Vec<String> = case.differences().into_iter().filter_map(|difference| difference.chunk).collect();
        touched.sort();
        let mut found = chunks;
        found.sort();
        prop_assert_eq!(found, touched);
    }
}
