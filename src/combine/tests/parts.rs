//! What each file holds of a variable, also where no grid of chunks says it.

use super::*;
use crate::model::Part;

/// A series whose `tas` is larger than what a product keeps, changed.
fn large(name: &str, start: f64, steps: u32, change: impl FnOnce(&mut FileVariable)) -> FileIndex {
    let values: Vec<f64> = (0..steps).map(|step| start + f64::from(step)).collect();
    let mut big = data(steps.into(), 1, 0);
    (big.grid.shape[1], big.grid.chunk_shape[1]) = (1 << 20, 1 << 20);
    change(&mut big);
    file(name, vec![time(&values, DAYS, "standard"), big], &[])
}

fn attribute(variable: &mut FileVariable, name: &str, value: Numbers) {
    Arc::make_mut(&mut variable.attributes).insert(name.into(), AttributeValue::Numbers(value));
}

fn part(file: usize, origin: u64, count: u64) -> Part {
    let (origin, count) = (vec![origin, 0], vec![count, 1 << 20]);
    Part { file, origin, count, start: vec![0, 0], reversed: Vec::new(), new_dimensions: 0 }
}

/// The kind of what keeps `tas` from being virtual, with the cube.
fn apart(first: FileIndex, second: FileIndex) -> (ConflictKind, VirtualCube) {
    let cube = combine(&[second, first], &[], &settings(), &Nothing).unwrap();
    let tas = variable(&cube, "tas");
    assert_eq!((&tas.data, &*tas.parts), (&ArrayData::Apart, &[part(0, 0, 3), part(1, 3, 2)][..]));
    let choice = cube.choices.iter().find(|choice| choice.name == "tas").unwrap();
    assert_eq!(choice.choice, Choice::OtherProduct);
    let kind = cube.not_virtual()[0].kind;
    assert_eq!((cube.not_virtual().len(), choice.conflict), (1, Some(kind)));
    (kind, cube)
}

#[test]
fn variables_that_lie_alike_share_their_parts() {
    let with = |name: &str, start: f64| {
        let mut file = series(name, &[start, start + 1.0], DAYS, 0);
        let mut other = data(2, 1, 50);
        other.name = VariableName::new("pr").unwrap();
        file.root.variables.insert(other.name.clone(), other);
        file
    };
    let cube = combine(&[with("b", 2.0), with("a", 0.0)], &[], &settings(), &Nothing).unwrap();
    let (tas, pr) = (&variable(&cube, "tas").parts, &variable(&cube, "pr").parts);
    assert!(Arc::ptr_eq(tas, pr) && tas.len() == 2);
    assert_eq!((tas[1].file, &tas[1].origin, &tas[1].count), (1, &vec![2, 0], &vec![2, 2]));
    assert!(variable(&cube, "time").parts.is_empty(), "its values stand in the cube");
    assert!(cube.not_virtual().is_empty());
}

#[test]
fn what_no_grid_of_chunks_says_stands_in_its_parts() {
    let plain = || large("a", 0.0, 3, |_| ());
    let kind = |change: fn(&mut FileVariable)| apart(plain(), large("b", 3.0, 2, change)).0;
    assert_eq!(kind(|v| v.codecs = CodecChain::default()), ConflictKind::Codec);
    assert_eq!(kind(|v| (v.grid.chunk_shape[1], v.manifest) = (1 << 19, Arc::default())), ConflictKind::Chunking);
    let big = DataType::Number { primitive: Primitive::F32, order: ByteOrder::Big };
    let (kind, cube) = apart(plain(), large("b", 3.0, 2, |v| v.data_type = big));
    assert_eq!((kind, &variable(&cube, "tas").data_type), (ConflictKind::DataType, &DataType::little(Primitive::F32)));
}

#[test]
fn a_file_that_runs_the_other_way_may_have_any_chunks() {
    let mut second = large("b", 3.0, 2, |v| v.grid.chunk_shape[0] = 2);
    second.root.variables.insert(VariableName::new("time").unwrap(), time(&[4.0, 3.0], DAYS, "standard"));
    let cube = combine(&[large("a", 0.0, 3, |_| ()), second], &[], &settings(), &Nothing).unwrap();
    assert_eq!(cube.not_virtual()[0].kind, ConflictKind::Unordered);
    assert_eq!(variable(&cube, "tas").parts[1], Part { reversed: vec![true, false], ..part(1, 3, 2) });
}

#[test]
fn the_first_way_of_storing_that_holds_all() {
    let typed = |data_type: Primitive| move |v: &mut FileVariable| v.data_type = DataType::little(data_type);
    let stored = |first: FileIndex, second: FileIndex| {
        let (kind, cube) = apart(first, second);
        let tas = variable(&cube, "tas");
        let factors = ["scale_factor", "add_offset"].iter().any(|name| tas.attributes.contains_key(*name));
        (kind, tas.data_type.clone(), tas.attributes.get("_FillValue").cloned(), factors)
    };
    let nan = |numbers: Numbers| Some(AttributeValue::Numbers(numbers));
    let (single, double) = (DataType::little(Primitive::F32), DataType::little(Primitive::F64));
    let of_two_types = |a, b| stored(large("a", 0.0, 3, typed(a)), large("b", 3.0, 2, typed(b)));
    assert_eq!(of_two_types(Primitive::F64, Primitive::F32), (ConflictKind::DataType, double.clone(), None, false));
    assert_eq!(of_two_types(Primitive::F32, Primitive::F64).1, double);
    assert_eq!(of_two_types(Primitive::I16, Primitive::I32).1, DataType::little(Primitive::I32));
    assert_eq!(of_two_types(Primitive::U32, Primitive::I32).1, double);
    let packed = |factor: Numbers| {
        move |v: &mut FileVariable| {
            v.data_type = DataType::little(Primitive::I16);
            attribute(v, "scale_factor", factor);
        }
    };
    let of_two_scales = |a, b| stored(large("a", 0.0, 3, packed(a)), large("b", 3.0, 2, packed(b)));
    let (wide, narrow) = (|n| Numbers::F64(vec![n]), |n| Numbers::F32(vec![n]));
    let expected = (ConflictKind::Packing, double.clone(), nan(Numbers::F64(vec![f64::NAN])), false);
    assert_eq!(of_two_scales(wide(0.1), wide(0.2)), expected);
    let expected = (ConflictKind::Packing, single.clone(), nan(Numbers::F32(vec![f32::NAN])), false);
    assert_eq!(of_two_scales(narrow(0.1), narrow(0.2)), expected);
    let filled = |fill: f32| move |v: &mut FileVariable| attribute(v, "_FillValue", Numbers::F32(vec![fill]));
    assert_eq!(stored(large("a", 0.0, 3, filled(1e20)), large("b", 3.0, 2, filled(-9.0))), expected);
}

#[test]
fn what_no_way_of_storing_holds_is_refused() {
    let of = |a: Primitive, b: Primitive| {
        let typed = |data_type| move |v: &mut FileVariable| v.data_type = DataType::little(data_type);
        combine(&[large("a", 0.0, 3, typed(a)), large("b", 3.0, 2, typed(b))], &[], &settings(), &Nothing)
    };
    assert_eq!(of(Primitive::F64, Primitive::I64).unwrap_err()[0].kind, ConflictKind::DataType);
    // What the numbers of `valid_range` count in would be lost.
    let ranged = |scale: f64| {
        move |v: &mut FileVariable| {
            attribute(v, "scale_factor", Numbers::F64(vec![scale]));
            attribute(v, "valid_range", Numbers::F32(vec![0.0, 1.0]));
        }
    };
    let files = [large("a", 0.0, 3, ranged(0.1)), large("b", 3.0, 2, ranged(0.2))];
    assert_eq!(combine(&files, &[], &settings(), &Nothing).unwrap_err()[0].kind, ConflictKind::Packing);
}

#[test]
fn one_place_in_two_ways_is_refused() {
    // The same numbers on disk, which mean different things.
    let field = |name: &str, start: f64, scale: f64| {
        let mut field = data(1, 1, 0);
        (field.name, field.dimensions) = (VariableName::new("orog").unwrap(), dims(&["lat"]));
        field.grid = ChunkGrid::new(vec![1 << 20], vec![1 << 20]).unwrap();
        attribute(&mut field, "scale_factor", Numbers::F64(vec![scale]));
        large(name, start, 2, |_| ()).with(field)
    };
    struct Same;
    impl SourceValues for Same {
        fn values(&self, _: &FileIndex, _: &VariablePath) -> Result<Array, String> {
            Err("too large".into())
        }
        fn digest(&self, _: &FileIndex, _: &VariablePath) -> Result<[u8; 32], String> {
            Ok([7; 32])
        }
        fn slab(&self, _: &FileIndex, _: &VariablePath, _: &[u64], _: &[u64]) -> Result<Vec<u8>, String> {
            Err("too large".into())
        }
    }
    let conflicts = combine(&[field("a", 0.0, 0.1), field("b", 2.0, 0.2)], &[], &settings(), &Same).unwrap_err();
    assert_eq!((conflicts[0].kind, conflicts[0].variable.as_deref()), (ConflictKind::Packing, Some("orog")));
    assert!(combine(&[field("a", 0.0, 0.1), field("b", 2.0, 0.1)], &[], &settings(), &Same).is_ok());
}

trait With {
    fn with(self, variable: FileVariable) -> Self;
}

impl With for FileIndex {
    fn with(mut self, variable: FileVariable) -> Self {
        self.root.variables.insert(variable.name.clone(), variable);
        self
    }
}
