#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use super::*;
use crate::model::{AttributeValue, Attributes, CodecChain, DataType, FileIndex, Numbers, Part};
use crate::read::testing::{Spec, file, join};

fn tas(steps: u64) -> Spec {
    let count = usize::try_from(steps * 300_000).unwrap();
    let spec = Spec::new("tas", &["time", "x"], &[steps, 300_000], &Numbers::F32(vec![1.0; count]));
    spec.chunked(&[1, 300_000], &CodecChain::default()).text("units", "K")
}

/// Files of these steps, and their cube: what each file holds stands one after the other.
fn series(specs: &[Spec]) -> (Vec<FileIndex>, VirtualCube) {
    let path = |number: usize| format!("/archive/{number}.nc");
    let files: Vec<FileIndex> = specs
        .iter()
        .enumerate()
        .map(|(n, spec)| file(&path(n), Attributes::new(), std::slice::from_ref(spec)).0)
        .collect();
    let mut cube = join(&files, "time");
    let mut start = 0;
    let part = |(number, spec): (usize, &Spec)| {
        let mut origin = vec![0; spec.shape.len()];
        origin[0] = start;
        start += spec.shape[0];
        let (count, start) = (spec.shape.clone(), vec![0; spec.shape.len()]);
        Part { file: number, origin, count, start, reversed: vec![], new_dimensions: 0 }
    };
    let parts: Vec<Part> = specs.iter().enumerate().map(part).collect();
    cube.root.variables.values_mut().for_each(|variable| variable.parts = parts.clone().into());
    (files, cube)
}

fn refused((files, cube): &(Vec<FileIndex>, VirtualCube), urls: &PublicUrls) -> String {
    let told = refused_by_cfa((cube, files), urls);
    let mut file = Vec::new();
    let error = write_cfa((cube, files), urls, &|_, _| panic!("nothing to store"), &mut file).unwrap_err();
    // Told beforehand, and in the same words.
    assert_eq!(told.iter().map(|(_, error)| error.to_string()).collect::<Vec<_>>(), [error.to_string()]);
    error.to_string()
}

fn changed(change: impl Fn(&mut Variable)) -> (Vec<FileIndex>, VirtualCube) {
    let (files, mut cube) = series(&[tas(1), tas(2)]);
    change(cube.root.variables.get_mut("tas").unwrap());
    (files, cube)
}

fn with_part(change: impl Fn(&mut Part)) -> String {
    let series = changed(|variable| {
        let mut parts = variable.parts.to_vec();
        change(&mut parts[1]);
        variable.parts = Arc::from(parts);
    });
    refused(&series, &PublicUrls::default())
}

#[test]
fn whole_files_are_fragments_and_nothing_is_read() {
    let (files, cube) = series(&[tas(1), tas(2)]);
    let mut out = Vec::new();
    let urls = PublicUrls::default();
    let written = write_cfa((&cube, &files), &urls, &|_, _| panic!("nothing to store"), &mut out).unwrap();
    assert_eq!(written, Written { chunks: 2, inlined: 0, left_out: 0 });
    let has = |text: &[u8]| out.windows(text.len()).any(|window| window == text);
    assert!(has(b"map: cfa_map_0 uris: cfa_uris_0 identifiers: cfa_identifiers_tas") && has(b"file:///archive/1.nc"));
    assert!(has(b"CF-1.13") && refused_by_cfa((&cube, &files), &urls).is_empty());
}

#[test]
fn what_is_not_a_whole_file_is_refused() {
    assert!(with_part(|part| part.start[0] = 1).contains("whole variables of whole files"));
    assert!(with_part(|part| part.reversed = vec![true, false]).contains("turned round"));
    assert!(with_part(|part| part.new_dimensions = 1).contains("1 dimensions that the file lacks in /archive/1.nc"));
    assert!(with_part(|part| part.origin[0] = 0).contains("side by side"));
    assert!(with_part(|part| part.file = 7).contains("a file that has the variable; found none in file 7"));
}

#[test]
fn what_readers_misread_is_refused() {
    let attribute = |name: &'static str, value: f64| {
        move |variable: &mut Variable| {
            variable.attributes.insert(name.into(), AttributeValue::Numbers(Numbers::F64(vec![value])));
        }
    };
    let told = |series| refused(&series, &PublicUrls::default());
    assert!(told(changed(attribute("scale_factor", 0.5))).contains("found scale_factor 0.5;"));
    assert!(told(changed(attribute("_FillValue", 0.5))).contains("_FillValue none for 0.5 in /archive/0.nc"));
    let units = |variable: &mut Variable| {
        variable.attributes.insert("units".into(), AttributeValue::Text("C".into()));
    };
    assert!(told(changed(units)).contains("units \"K\" for \"C\" in /archive/0.nc"));
    let mut other = tas(2);
    other.data_type = DataType::little(crate::model::Primitive::I32);
    assert!(told(series(&[tas(1), other])).contains("int32 for float32 in /archive/1.nc"));
    let long = |variable: &mut Variable| {
        variable.attributes.insert("history".into(), AttributeValue::Text("x".repeat(70_000)));
    };
    assert!(told(changed(long)).contains("70000 bytes of history"));
    // What readers see is what counts: netCDF-3 is read on disk, and not from a server.
    let mut classic = series(&[tas(1), tas(2)]);
    classic.0.iter_mut().for_each(|file| file.format = "netCDF-3 classic (CDF-1)".into());
    let urls = |to: &str| PublicUrls::new([("file:///archive".parse().unwrap(), to.parse().unwrap())]);
    assert!(refused_by_cfa((&classic.1, &classic.0), &PublicUrls::default()).is_empty());
    assert!(refused(&classic, &urls("https://a.org")).contains("reads no netCDF-3 there"));
    let tape = refused(&series(&[tas(1)]), &urls("s3://bucket"));
    assert!(tape.contains("s3://bucket/0.nc") && tape.contains("public_urls"), "{tape}");
}

#[test]
fn what_is_small_is_stored_instead() {
    let small = Spec::new("mask", &["time", "x"], &[1, 3], &Numbers::I16(vec![1, 2, 3]))
        .chunked(&[1, 3], &CodecChain::default());
    let (files, mut cube) = series(&[small.text("units", "1")]);
    let variable = cube.root.variables.get_mut("mask").unwrap();
    variable.attributes.insert("scale_factor".into(), AttributeValue::Numbers(Numbers::F64(vec![0.5])));
    let read = |path: &VariablePath, variable: &Variable| {
        assert_eq!(path.key(), "mask");
        let values = crate::model::ArrayValues::Numbers(Numbers::I16(vec![1, 2, 3]));
        Ok(Array { shape: variable.shape.clone(), values })
    };
    let written = write_cfa((&cube, &files), &PublicUrls::default(), &read, &mut Vec::new()).unwrap();
    assert_eq!(written, Written { chunks: 1, inlined: 1, left_out: 0 });
}
