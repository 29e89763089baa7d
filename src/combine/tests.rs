#![allow(clippy::unwrap_used, clippy::panic)]
//! Files built by hand, small enough to be checked by eye.

use std::sync::Arc;

use indexmap::IndexMap;
use proptest::prelude::*;

use super::*;
use crate::model::recipe::OnGap;
use crate::model::{
    ArrayValues, AttributeValue, Attributes, ByteOrder, ChunkGrid, ChunkLocation, ChunkManifest, Codec, CodecChain,
    Dimension, FileGroup, Fingerprint, Layout, Numbers, Primitive, SourceFile, SourceUrl, VariableName, VariableSchema,
};

mod parts;

struct Nothing;

impl SourceValues for Nothing {
    fn values(&self, _: &FileIndex, _: &VariablePath) -> Result<Array, String> {
        Err("no values here".into())
    }
    fn digest(&self, _: &FileIndex, _: &VariablePath) -> Result<[u8; 32], String> {
        Err("no values here".into())
    }
    fn slab(&self, _: &FileIndex, _: &VariablePath, _: &[u64], _: &[u64]) -> Result<Vec<u8>, String> {
        Err("no values here".into())
    }
}

fn settings() -> AggregateSettings {
    AggregateSettings::default()
}

fn text(pairs: &[(&str, &str)]) -> Attributes {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), AttributeValue::Text((*value).to_owned()))).collect()
}

fn dims(names: &[&str]) -> Vec<DimensionName> {
    names.iter().map(|name| DimensionName::new(*name).unwrap()).collect()
}

fn small(name: &str, dimensions: &[&str], shape: &[u64], numbers: Numbers, attributes: Attributes) -> FileVariable {
    FileVariable {
        schema: Arc::new(VariableSchema {
            name: VariableName::new(name).unwrap(),
            data_type: DataType::little(numbers.primitive()),
            dimensions: dims(dimensions),
            attributes: Arc::new(attributes),
            fill_value: None,
            layout: Layout::Contiguous,
            codecs: CodecChain::default(),
            grid: ChunkGrid::new(shape.to_vec(), shape.iter().map(|n| (*n).max(1)).collect()).unwrap(),
            unfiltered_edges: false,
        }),
        manifest: Arc::new(ChunkManifest::missing(1)),
        values: Array { shape: shape.to_vec(), values: ArrayValues::Numbers(numbers) }.into(),
    }
}

/// A variable over (time, lat) of deflated chunks of `chunk` steps, the bytes of chunk *n* at `base + n`.
fn data(steps: u64, chunk: u64, base: u64) -> FileVariable {
    let grid = ChunkGrid::new(vec![steps, 2], vec![chunk, 2]).unwrap();
    let mut manifest = ChunkManifest::missing(usize::try_from(grid.chunk_count()).unwrap());
    for number in 0..manifest.len() {
        manifest.set(number, ChunkLocation { offset: base + number as u64, length: 7, filter_mask: 0 });
    }
    let mut variable = small("tas", &["time", "lat"], &[0, 2], Numbers::F32(vec![]), text(&[("units", "K")]));
    (variable.layout, variable.grid) = (Layout::Chunked, grid);
    variable.codecs = CodecChain(vec![Codec::Deflate { level: 1 }]);
    (variable.manifest, variable.values) = (Arc::new(manifest), SmallValues::NotRead);
    variable
}

fn time(values: &[f64], units: &str, calendar: &str) -> FileVariable {
    let attributes = text(&[("units", units), ("calendar", calendar)]);
    small("time", &["time"], &[values.len() as u64], Numbers::F64(values.to_vec()), attributes)
}

fn lat(values: [f64; 2]) -> FileVariable {
    small("lat", &["lat"], &[2], Numbers::F64(values.to_vec()), text(&[("units", "degrees_north")]))
}

fn file(name: &str, variables: Vec<FileVariable>, attributes: &[(&str, &str)]) -> FileIndex {
    let url = SourceUrl::from_path(format!("/archive/{name}.nc")).unwrap();
    let mut dimensions = IndexMap::new();
    for variable in &variables {
        for (name, length) in variable.dimensions.iter().zip(&variable.grid.shape) {
            let known: &mut Dimension = dimensions
                .entry(name.clone())
                .or_insert(Dimension { length: *length, unlimited: name.as_str() == "time" });
            known.length = known.length.max(*length);
        }
    }
    FileIndex {
        source: SourceFile { url, size: 1, fingerprint: Fingerprint::ModifiedAndSize { modified_ns: 1, size: 1 } },
        format: "netCDF-4".into(),
        root: FileGroup {
            path: "/".into(),
            dimensions: Arc::new(dimensions),
            attributes: Arc::new(text(attributes)),
            variables: variables.into_iter().map(|v| (v.name.clone(), v)).collect(),
            groups: IndexMap::new(),
        },
        notes: Vec::new(),
    }
}

fn series(name: &str, values: &[f64], units: &str, base: u64) -> FileIndex {
    file(name, vec![time(values, units, "standard"), lat([0.0, 1.0]), data(values.len() as u64, 1, base)], &[])
}

fn variable<'a>(cube: &'a VirtualCube, name: &str) -> &'a Variable {
    &cube.root.variables[name]
}

/// What stands in the way of one dataset of references.
fn kinds(result: Result<VirtualCube, Vec<Conflict>>) -> Vec<ConflictKind> {
    let conflicts = result.map_or_else(|conflicts| conflicts, |cube| cube.not_virtual().to_vec());
    conflicts.into_iter().map(|conflict| conflict.kind).collect()
}

const DAYS: &str = "days since 2000-01-01";

#[test]
fn order_comes_from_values_not_from_names() {
    let files = [series("a", &[2.0, 3.0], DAYS, 100), series("b", &[0.0, 1.0], DAYS, 200)];
    let cube = combine(&files, &[], &settings(), &Nothing).unwrap();
    let names: Vec<_> = cube.files.iter().map(|file| file.url.file_name()).collect();
    assert_eq!(names, ["b.nc", "a.nc"]);
    assert_eq!(cube.joins[0].as_str(), "time");
    assert_eq!(cube.root.dimensions["time"].length, 4);
    let numbers = variable(&cube, "time").inline().unwrap().numbers().unwrap();
    assert_eq!(*numbers, Numbers::F64(vec![0.0, 1.0, 2.0, 3.0]));
    let ArrayData::Placed { placements, .. } = &variable(&cube, "tas").data else { panic!("chunks are referenced") };
    assert_eq!(placements.iter().map(|p| (p.file, p.grid_origin[0])).collect::<Vec<_>>(), [(0, 0), (1, 2)]);
    assert_eq!(variable(&cube, "tas").shape, [4, 2]);
    assert_eq!(variable(&cube, "lat").shape, [2]);
}

#[test]
fn every_file_may_count_from_its_own_day() {
    let files = [series("a", &[0.5, 1.5], DAYS, 0), series("b", &[0.5], "days since 2000-01-03", 9)];
    let cube = combine(&files, &[], &settings(), &Nothing).unwrap();
    let time = variable(&cube, "time");
    assert_eq!(*time.inline().unwrap().numbers().unwrap(), Numbers::F64(vec![0.5, 1.5, 2.5]));
    assert_eq!(time.text("units"), Some(DAYS));
}

#[test]
fn times_that_do_not_survive_become_integers_in_the_coarsest_exact_unit() {
    let whole = |values: &[i32], units: &str| {
        let attributes = text(&[("units", units), ("calendar", "noleap")]);
        small("time", &["time"], &[values.len() as u64], Numbers::I32(values.to_vec()), attributes)
    };
    let files =
        [file("a", vec![whole(&[0, 1], DAYS)], &[]), file("b", vec![whole(&[54], "hours since 2000-01-01")], &[])];
    let cube = combine(&files, &[], &settings(), &Nothing).unwrap();
    let time = variable(&cube, "time");
    assert_eq!(*time.inline().unwrap().numbers().unwrap(), Numbers::I64(vec![0, 24, 54]));
    assert_eq!(time.text("units"), Some("hours since 2000-01-01"));
    assert_eq!(time.data_type, DataType::little(Primitive::I64));
}

#[test]
fn bounds_follow_the_units_of_their_coordinate() {
    let with_bounds = |name: &str, start: f64, units: &str| {
        let mut time = time(&[start + 0.5], units, "360_day");
        Arc::make_mut(&mut time.attributes).insert("bounds".into(), AttributeValue::Text("time_bnds".into()));
        let bounds = small("time_bnds", &["time", "bnds"], &[1, 2], Numbers::F64(vec![start, start + 1.0]), text(&[]));
        file(name, vec![time, bounds], &[])
    };
    let files = [with_bounds("a", 0.0, DAYS), with_bounds("b", 0.0, "days since 2000-02-30")];
    let cube = combine(&files, &[], &settings(), &Nothing).unwrap();
    let bounds = variable(&cube, "time_bnds").inline().unwrap();
    assert_eq!(*bounds.numbers().unwrap(), Numbers::F64(vec![0.0, 1.0, 59.0, 60.0]));
    assert_eq!(bounds.shape, [2, 2]);
}

#[test]
fn what_overlaps_repeats_or_differs_is_refused_by_name() {
    let overlap = [series("a", &[0.0, 2.0], DAYS, 0), series("b", &[1.0, 3.0], DAYS, 9)];
    let conflicts = combine(&overlap, &[], &settings(), &Nothing).unwrap_err();
    assert_eq!(conflicts[0].kind, ConflictKind::Overlap);
    assert_eq!(conflicts[0].files, ["/archive/a.nc", "/archive/b.nc"]);
    assert!(conflicts[0].to_string().contains("2000-01-03"), "{}", conflicts[0]);

    let same = [series("a", &[0.0], DAYS, 0), series("b", &[0.0], DAYS, 9)];
    assert_eq!(kinds(combine(&same, &[], &settings(), &Nothing)), [ConflictKind::Overlap]);
    let twice = [series("a", &[0.0, 0.0], DAYS, 0), series("b", &[1.0], DAYS, 9)];
    assert_eq!(kinds(combine(&twice, &[], &settings(), &Nothing)), [ConflictKind::Duplicate]);
    let back = [series("a", &[0.0, 2.0, 1.0], DAYS, 0), series("b", &[5.0], DAYS, 9)];
    assert_eq!(kinds(combine(&back, &[], &settings(), &Nothing)), [ConflictKind::Unordered]);

    let mut other_grid = series("b", &[2.0], DAYS, 9);
    other_grid.root.variables.insert(VariableName::new("lat").unwrap(), lat([0.0, 1.1]));
    let grids = [series("a", &[0.0], DAYS, 0), other_grid];
    let conflicts = combine(&grids, &[], &settings(), &Nothing).unwrap_err();
    assert_eq!(conflicts[0].kind, ConflictKind::Coordinate);
    assert!(conflicts[0].to_string().contains("1.1 at index 1"), "{}", conflicts[0]);

    let mut other_calendar = series("b", &[2.0], DAYS, 9);
    other_calendar.root.variables.insert(VariableName::new("time").unwrap(), time(&[2.0], DAYS, "noleap"));
    let calendars = [series("a", &[0.0], DAYS, 0), other_calendar];
    assert_eq!(kinds(combine(&calendars, &[], &settings(), &Nothing)), [ConflictKind::Calendar]);
}

#[test]
fn meaning_is_never_mixed() {
    let changed = |change: fn(&mut FileVariable)| {
        let mut second = series("b", &[2.0], DAYS, 9);
        change(second.root.variables.get_mut("tas").unwrap());
        combine(&[series("a", &[0.0], DAYS, 0), second], &[], &settings(), &Nothing)
    };
    assert!(changed(|_| ()).is_ok());
    assert_eq!(
        kinds(changed(|v| {
            Arc::make_mut(&mut v.attributes)
                .insert("scale_factor".into(), AttributeValue::Numbers(Numbers::F32(vec![0.1])));
        })),
        [ConflictKind::Packing]
    );
    assert_eq!(
        kinds(changed(|v| {
            Arc::make_mut(&mut v.attributes).insert("units".into(), AttributeValue::Text("degC".into()));
        })),
        [ConflictKind::Units]
    );
    assert_eq!(kinds(changed(|v| v.data_type = DataType::little(Primitive::F64))), [ConflictKind::DataType]);
    let merged = changed(|v| {
        Arc::make_mut(&mut v.attributes).insert("history".into(), AttributeValue::Text("regridded".into()));
    })
    .unwrap();
    assert_eq!(variable(&merged, "tas").text("history"), None);
    assert!(merged.notes.iter().any(|note| note.subject.as_deref() == Some("tas:history")));
}

/// Every element is the number of its step.
struct Steps;

impl SourceValues for Steps {
    fn values(&self, index: &FileIndex, path: &VariablePath) -> Result<Array, String> {
        let variables = index.root.all_variables();
        let (_, variable) = variables.into_iter().find(|(found, _)| found == path).ok_or("no such variable")?;
        let shape = variable.grid.shape.clone();
        let bytes = self.slab(index, path, &vec![0; shape.len()], &shape)?;
        Array::from_bytes(&variable.data_type, &shape, &bytes).ok_or_else(|| "no array".into())
    }
    fn digest(&self, _: &FileIndex, _: &VariablePath) -> Result<[u8; 32], String> {
        Err("no values here".into())
    }
    fn slab(&self, _: &FileIndex, _: &VariablePath, start: &[u64], count: &[u64]) -> Result<Vec<u8>, String> {
        let row = |step: u64| vec![step as f32; usize::try_from(count[1]).unwrap()];
        let values: Vec<f32> = (start[0]..start[0] + count[0]).flat_map(row).collect();
        Ok(Numbers::F32(values).to_bytes(ByteOrder::Little))
    }
}

#[test]
fn a_chunk_without_its_filters_is_encoded_anew_and_all_others_stay() {
    let mut second = series("b", &[2.0, 3.0], DAYS, 9);
    let manifest = &mut second.root.variables.get_mut("tas").unwrap().manifest;
    Arc::make_mut(manifest).set(1, ChunkLocation { offset: 77, length: 8, filter_mask: 1 });
    let cube = combine(&[series("a", &[0.0, 1.0], DAYS, 0), second], &[], &settings(), &Steps).unwrap();
    let ArrayData::Placed { placements, codecs, .. } = &variable(&cube, "tas").data else { panic!("references") };
    assert!(placements[0].inlined.is_empty());
    let (kept, anew) = (&placements[1].manifest, &placements[1].inlined);
    assert_eq!(kept.iter().map(|l| l.map(|l| l.offset)).collect::<Vec<_>>(), [Some(9), None]);
    let bytes = crate::codec::decode_chunk(&anew[&1], codecs, 0, 8).unwrap();
    assert_eq!(Numbers::from_bytes(Primitive::F32, ByteOrder::Little, &bytes), Numbers::F32(vec![1.0, 1.0]));
    assert!(cube.notes.iter().any(|note| note.kind == "chunks_reencoded"), "{:?}", cube.notes);
    let choice = cube.choices.iter().find(|choice| choice.name == "tas").unwrap();
    assert_eq!(choice.choice, Choice::Virtual);
}

#[test]
fn little_that_is_packed_in_two_ways_is_written_anew() {
    let mut second = series("b", &[2.0, 3.0], DAYS, 9);
    let tas = second.root.variables.get_mut("tas").unwrap();
    let half = AttributeValue::Numbers(Numbers::F32(vec![0.5]));
    Arc::make_mut(&mut tas.attributes).insert("scale_factor".into(), half);
    let files = [series("a", &[0.0, 1.0], DAYS, 0), second];
    let cube = combine(&files, &[], &settings(), &Steps).unwrap();
    let tas = variable(&cube, "tas");
    let expected = Numbers::F32(vec![0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.5, 0.5]);
    assert_eq!((tas.inline().unwrap().numbers(), tas.attributes.get("scale_factor")), (Some(&expected), None));
    let told = explain(&files, &[], &settings(), &Nothing).of_references();
    let refused = told.choices.iter().find(|choice| choice.name == "tas").unwrap();
    assert_eq!((refused.choice, refused.conflict), (Choice::Refused, Some(ConflictKind::Packing)));
    assert!(told.choices.iter().any(|choice| choice.name == "time" && choice.choice == Choice::Inlined));
}

#[test]
fn filters_may_differ_in_their_level() {
    let mut second = series("b", &[2.0], DAYS, 9);
    second.root.variables.get_mut("tas").unwrap().codecs = CodecChain(vec![Codec::Deflate { level: 9 }]);
    let cube = combine(&[series("a", &[0.0], DAYS, 0), second], &[], &settings(), &Nothing).unwrap();
    assert!(matches!(variable(&cube, "tas").data, ArrayData::Placed { .. }));
}

#[test]
fn chunks_must_fit_one_after_the_other() {
    let of = |name: &str, start: f64, steps: u64, chunk: u64| {
        let values: Vec<f64> = (0..steps).map(|step| start + step as f64).collect();
        let mut big = data(steps, chunk, 0);
        // Larger than what is kept in the product.
        big.grid.shape[1] = 1 << 20;
        big.grid.chunk_shape[1] = 1 << 20;
        file(name, vec![time(&values, DAYS, "standard"), big], &[])
    };
    assert!(combine(&[of("a", 0.0, 4, 2), of("b", 4.0, 3, 2)], &[], &settings(), &Nothing).is_ok());
    let uneven = combine(&[of("a", 0.0, 3, 2), of("b", 4.0, 4, 2)], &[], &settings(), &Nothing);
    assert_eq!(kinds(uneven), [ConflictKind::Chunking]);
    let other = combine(&[of("a", 0.0, 4, 2), of("b", 4.0, 4, 4)], &[], &settings(), &Nothing);
    assert_eq!(kinds(other), [ConflictKind::Chunking]);
}

#[test]
fn unfiltered_chunks_are_cut_until_they_fit() {
    let of = |name: &str, start: f64, steps: u64| {
        let values: Vec<f64> = (0..steps).map(|step| start + step as f64).collect();
        let grid = ChunkGrid::new(vec![steps, 1 << 20], vec![steps, 1 << 20]).unwrap();
        let location = ChunkLocation { offset: 1000, length: steps << 22, filter_mask: 0 };
        let manifest = Arc::new(ChunkManifest::single(location));
        let mut contiguous = FileVariable { manifest, ..data(steps, 1, 0) };
        (contiguous.layout, contiguous.codecs, contiguous.grid) = (Layout::Contiguous, CodecChain::default(), grid);
        file(name, vec![time(&values, DAYS, "standard"), contiguous], &[])
    };
    let cube = combine(&[of("a", 0.0, 4), of("b", 4.0, 6)], &[], &settings(), &Nothing).unwrap();
    let ArrayData::Placed { chunk_shape, placements, .. } = &variable(&cube, "tas").data else { panic!() };
    assert_eq!(chunk_shape, &[2, 1 << 20]);
    assert_eq!(placements.iter().map(|p| (p.grid_origin[0], p.manifest.len())).collect::<Vec<_>>(), [(0, 2), (2, 3)]);
    assert_eq!(placements[1].manifest.get(2).unwrap().offset, 1000 + (4 << 22));
}

#[test]
fn scalars_that_differ_are_written_along_the_join() {
    let with = |name: &str, at: f64, height: f64| {
        let scalar = small("height", &[], &[], Numbers::F64(vec![height]), text(&[("units", "m")]));
        file(name, vec![time(&[at, at + 1.0], DAYS, "standard"), scalar], &[])
    };
    let same = combine(&[with("a", 0.0, 2.0), with("b", 2.0, 2.0)], &[], &settings(), &Nothing).unwrap();
    assert_eq!(variable(&same, "height").shape, [0u64; 0]);
    let cube = combine(&[with("a", 0.0, 2.0), with("b", 2.0, 10.0)], &[], &settings(), &Nothing).unwrap();
    let height = variable(&cube, "height");
    assert_eq!(height.dimensions, dims(&["time"]));
    assert_eq!(*height.inline().unwrap().numbers().unwrap(), Numbers::F64(vec![2.0, 2.0, 10.0, 10.0]));
}

#[test]
fn small_tables_that_differ_are_written_along_the_join_but_not_cells() {
    let with = |name: &str, at: f64, table: f64, bounds: Option<&str>| {
        let mut time = time(&[at], DAYS, "standard");
        if let Some(bounds) = bounds {
            Arc::make_mut(&mut time.attributes).insert("climatology".into(), AttributeValue::Text(bounds.into()));
        }
        let table = small("table", &["row"], &[3], Numbers::F64(vec![1.0, table, 3.0]), text(&[]));
        file(name, vec![time, table], &[])
    };
    let cube = combine(&[with("a", 0.0, 2.0, None), with("b", 1.0, 5.0, None)], &[], &settings(), &Nothing).unwrap();
    let table = variable(&cube, "table");
    assert_eq!((table.dimensions.clone(), table.shape.clone()), (dims(&["time", "row"]), vec![2, 3]));
    assert_eq!(*table.inline().unwrap().numbers().unwrap(), Numbers::F64(vec![1.0, 2.0, 3.0, 1.0, 5.0, 3.0]));
    let cells = [with("a", 0.0, 2.0, Some("table")), with("b", 1.0, 5.0, Some("table"))];
    assert_eq!(kinds(combine(&cells, &[], &settings(), &Nothing)), [ConflictKind::Values]);
}

#[test]
fn calendars_that_are_one_since_1582_may_meet() {
    let with = |name: &str, at: f64, units: &str, calendar: Option<&str>| {
        let mut time = time(&[at], units, calendar.unwrap_or_default());
        if calendar.is_none() {
            Arc::make_mut(&mut time.attributes).shift_remove("calendar");
        }
        file(name, vec![time], &[])
    };
    let build = |first, second| combine(&[first, second], &[], &settings(), &Nothing);
    let cube =
        build(with("a", 0.0, DAYS, Some("proleptic_gregorian")), with("b", 1.0, DAYS, Some("gregorian"))).unwrap();
    assert_eq!(variable(&cube, "time").text("calendar"), Some("proleptic_gregorian"));
    assert_eq!(*variable(&cube, "time").inline().unwrap().numbers().unwrap(), Numbers::F64(vec![0.0, 1.0]));
    let cube = build(with("a", 0.0, DAYS, None), with("b", 1.0, DAYS, Some("standard"))).unwrap();
    assert_eq!(variable(&cube, "time").text("calendar"), None);
    let early = "days since 1500-01-01";
    let conflicts = build(with("a", 0.0, early, Some("proleptic_gregorian")), with("b", 1.0, early, Some("standard")));
    assert_eq!(kinds(conflicts), [ConflictKind::Calendar]);
    let model = build(with("a", 0.0, DAYS, Some("noleap")), with("b", 1.0, DAYS, Some("standard")));
    assert_eq!(kinds(model), [ConflictKind::Calendar]);
}

#[test]
fn gaps_are_noted_or_refused() {
    let files = || [series("a", &[0.0, 1.0], DAYS, 0), series("b", &[5.0, 6.0], DAYS, 9)];
    let cube = combine(&files(), &[], &settings(), &Nothing).unwrap();
    assert!(cube.notes.iter().any(|note| note.kind == "gap"), "{:?}", cube.notes);
    let strict = AggregateSettings { on_gap: OnGap::Error, ..settings() };
    assert_eq!(kinds(combine(&files(), &[], &strict, &Nothing)), [ConflictKind::Gap]);
}

#[test]
fn global_attributes_are_merged_by_rule() {
    let with =
        |name: &str, at: f64, attributes: &[(&str, &str)]| file(name, vec![time(&[at], DAYS, "standard")], attributes);
    let a = with("a", 0.0, &[("title", "T"), ("tracking_id", "1"), ("time_coverage_start", "2000-01-01")]);
    let b = with("b", 1.0, &[("title", "T"), ("tracking_id", "2"), ("time_coverage_start", "2000-01-02")]);
    let cube = combine(&[b, a], &[], &settings(), &Nothing).unwrap();
    assert_eq!(*cube.root.attributes, text(&[("title", "T"), ("time_coverage_start", "2000-01-01")]));
    assert!(cube.notes.iter().any(|note| note.subject.as_deref() == Some(":tracking_id")));
}

proptest! {
    /// However a series is cut into files and in whatever order they come: each step of the cube is the step of the source.
    #[test]
    fn any_cut_of_a_series_combines_to_the_series(cuts in prop::collection::vec(1u64..5, 1..6), seed in any::<u64>()) {
        let mut start = 0u64;
        let mut files = Vec::new();
        for (number, steps) in cuts.iter().enumerate() {
            let values: Vec<f64> = (0..*steps).map(|step| step as f64 + 0.5).collect();
            let epoch = crate::cftime::TimeUnits::parse(DAYS, crate::cftime::Calendar::Standard).unwrap()
                .decode_i64(i64::try_from(start).unwrap()).unwrap();
            let units = crate::cftime::TimeUnits::new(crate::cftime::TimeUnit::Days, epoch, crate::cftime::Calendar::Standard).unwrap();
            files.push(series(&number.to_string(), &values, &units.to_string(), 1000 * start));
            start += steps;
        }
        let rotation = usize::try_from(seed % files.len() as u64).unwrap();
        files.rotate_left(rotation);
        let cube = combine(&files, &[], &settings(), &Nothing).unwrap();
        let times = variable(&cube, "time").inline().unwrap().numbers().unwrap().to_f64();
        // Times are counted from the first file's day, which is the first day of the series.
        prop_assert_eq!(times, (0..start).map(|step| step as f64 + 0.5).collect::<Vec<_>>());
        let ArrayData::Placed { placements, .. } = &variable(&cube, "tas").data else { panic!() };
        let mut offsets = Vec::new();
        for placement in placements {
            prop_assert_eq!(placement.grid_origin[0], offsets.len() as u64);
            offsets.extend(placement.manifest.iter().map(|location| location.unwrap().offset));
        }
        let mut expected = Vec::new();
        let mut begin = 0;
        for steps in &cuts {
            expected.extend((0..*steps).map(|step| 1000 * begin + step));
            begin += steps;
        }
        prop_assert_eq!(offsets, expected);
    }
}

fn with_variable(name: &str, other: FileVariable) -> FileIndex {
    let days = time(&[0.0, 1.0], "days since 2000-01-01", "standard");
    file(name, vec![days, lat([0.0, 1.0]), other], &[])
}

#[test]
fn variables_of_several_files_are_merged_where_their_coordinates_meet() {
    let pr = |base| {
        let mut variable = data(2, 1, base);
        variable.name = VariableName::new("pr").unwrap();
        variable
    };
    let files = [with_variable("tas_day", data(2, 1, 0)), with_variable("pr_day", pr(100))];
    let cube = combine(&files, &[], &settings(), &Nothing).unwrap();
    assert_eq!(cube.joins, []);
    assert_eq!((variable(&cube, "tas").shape.clone(), variable(&cube, "pr").shape.clone()), (vec![2, 2], vec![2, 2]));
    let later = file("pr_later", vec![time(&[2.0, 3.0], DAYS, "standard"), lat([0.0, 1.0]), pr(100)], &[]);
    let conflicts = combine(&[with_variable("tas_day", data(2, 1, 0)), later], &[], &settings(), &Nothing).unwrap_err();
    let [conflict] = conflicts.as_slice() else { panic!("{conflicts:?}") };
    assert_eq!(conflict.kind, ConflictKind::Variable);
    assert_eq!(conflict.files, ["/archive/tas_day.nc", "/archive/pr_later.nc"]);
    assert!(conflict.expected.contains("among them tas") && conflict.found.starts_with("pr in their place"));
    assert!(conflict.remedy.contains("item pattern"));
}

#[test]
fn data_that_are_not_in_the_file_refuse_the_item() {
    for layout in [Layout::Virtual("put together".into()), Layout::External("data in a.bin".into())] {
        let reason = layout.obstacle().unwrap().to_owned();
        let mut elsewhere = FileVariable { manifest: Arc::new(ChunkManifest::missing(1)), ..data(2, 1, 0) };
        elsewhere.layout = layout;
        let conflicts = combine(&[with_variable("a", elsewhere)], &[], &settings(), &Nothing).unwrap_err();
        let [conflict] = conflicts.as_slice() else { panic!("{conflicts:?}") };
        assert_eq!((conflict.kind, conflict.variable.as_deref()), (ConflictKind::Unsupported, Some("tas")));
        assert_eq!(conflict.found, reason);
        assert!(conflict.remedy.contains("sources.exclude"));
    }
}

#[test]
fn members_of_an_ensemble_overlap() {
    let files = [with_variable("tas_r1", data(2, 1, 0)), with_variable("tas_r2", data(2, 1, 100))];
    let conflicts = combine(&files, &[], &settings(), &Nothing).unwrap_err();
    assert_eq!(conflicts.len(), 1);
    assert_eq!((conflicts[0].kind, conflicts[0].variable.as_deref()), (ConflictKind::Overlap, Some("time")));
    assert!(conflicts[0].remedy.contains("item pattern"));
}

/// As NEMO writes it: `time_counter` says nothing, `time_centered(time_counter)` is the time.
#[test]
fn an_auxiliary_time_orders_files_whose_dimension_has_none() {
    let part = |name: &str, day: f64, base: u64| {
        let mut centred = time(&[day], "days since 2000-01-01", "360_day");
        centred.name = VariableName::new("time_centered").unwrap();
        let index = small("time", &["time"], &[1], Numbers::F64(vec![0.0]), text(&[("axis", "T")]));
        file(name, vec![index, centred, lat([0.0, 1.0]), data(1, 1, base)], &[])
    };
    let cube = combine(&[part("b", 45.0, 200), part("a", 15.0, 100)], &[], &settings(), &Nothing).unwrap();
    assert_eq!(cube.joins, dims(&["time"]));
    let days = variable(&cube, "time_centered").inline().unwrap().numbers().unwrap().to_f64();
    assert_eq!(days, [15.0, 45.0]);
    let index = variable(&cube, "time").inline().unwrap().numbers().unwrap().to_f64();
    assert_eq!(index, [0.0, 0.0]);
}

#[test]
fn a_name_that_promises_more_steps_is_noted() {
    let short = series("tas_day_20000101-20001231", &[0.0, 1.0], "days since 2000-01-01", 0);
    let cube = combine(&[short], &[], &settings(), &Nothing).unwrap();
    let note = cube.notes.iter().find(|note| note.kind == "fewer_steps_than_named").unwrap();
    assert_eq!(
        note.message,
        "tas_day_20000101-20001231.nc holds 2 steps, 2000-01-01T00:00:00 to 2000-01-02T00:00:00; its name says 20000101-20001231"
    );
    let whole = series("tas_day_20000101-20000102", &[0.0, 1.0], "days since 2000-01-01", 0);
    assert!(combine(&[whole], &[], &settings(), &Nothing).unwrap().notes.is_empty());
}
