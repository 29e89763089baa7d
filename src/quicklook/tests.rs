#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss
)]

use std::io::Read;

use proptest::prelude::*;

use super::*;

/// Width, and the numbers in the palette, row by row; as a decoder of its own reads them.
fn decoded(png: &[u8]) -> (usize, Vec<Vec<u8>>, Vec<[u8; 3]>) {
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let (mut at, mut width, mut palette, mut data) = (8, 0, Vec::new(), Vec::new());
    while at < png.len() {
        let length = u32::from_be_bytes(png[at..at + 4].try_into().unwrap()) as usize;
        let body = &png[at + 8..at + 8 + length];
        match &png[at + 4..at + 8] {
            b"IHDR" => width = u32::from_be_bytes(body[..4].try_into().unwrap()) as usize,
            b"PLTE" => palette = body.chunks_exact(3).map(|rgb| [rgb[0], rgb[1], rgb[2]]).collect(),
            b"IDAT" => data.extend_from_slice(body),
            _ => {}
        }
        at += length + 12;
    }
    let mut all = Vec::new();
    flate2::read::ZlibDecoder::new(&data[..]).read_to_end(&mut all).unwrap();
    (width, all.chunks_exact(width + 1).map(|row| row[1..].to_vec()).collect(), palette)
}

fn sketch(subject: Subject) -> Sketch {
    let (title, units) = ("Test".into(), "K".into());
    Sketch { title, subtitle: String::new(), units, is_difference: false, is_flag: true, subject, width: 600 }
}

/// A grid of axes whose values are made of longitude and latitude.
fn grid(x: &[f64], y: &[f64], value: impl Fn(f64, f64) -> f64) -> Subject {
    let values = y.iter().flat_map(|y| x.iter().map(|x| value(*x, *y)).collect::<Vec<_>>()).collect();
    let (across, down) = (edges(x, 1, true), edges(y, 1, false));
    let corners = axis_corners(&across, &down, |x, y| Some((x, y.clamp(-90.0, 90.0))));
    Subject::Cells { rows: y.len(), columns: x.len(), corners, values }
}

fn steps(from: f64, step: f64, count: u32) -> Vec<f64> {
    (0..count).map(|at| from + f64::from(at) * step).collect()
}

/// Where a place is on a map of the whole earth 600 pixels wide, below one line of heading.
fn global(longitude: f64, latitude: f64) -> (usize, usize) {
    ((56.0 + (longitude + 180.0) / 360.0 * 508.0) as usize, (27.0 + (90.0 - latitude) / 180.0 * 254.0) as usize)
}

/// 1 in the cell around 100 west, 40 north, else 0.
fn marker(x: f64, y: f64) -> f64 {
    let turn = (x + 100.0 + 540.0).rem_euclid(360.0) - 180.0;
    if turn.abs() < 5.0 && (y - 40.0).abs() < 5.0 { 1.0 } else { 0.0 }
}

#[test]
fn a_marker_is_where_it_should_be_whatever_the_order_of_the_axes() {
    let (high, low) = (colours::colour(1.0, colours::LEVELS), colours::colour(0.0, colours::LEVELS));
    let north = steps(-85.0, 10.0, 18);
    let south: Vec<f64> = north.iter().rev().copied().collect();
    for (x, y) in [(steps(0.0, 10.0, 36), &north), (steps(-180.0, 10.0, 36), &south), (steps(170.0, -10.0, 36), &north)]
    {
        let marker = |x: f64, y: f64| marker(x, y - 5.0);
        let (_, rows, _) = decoded(&draw(&sketch(grid(&x, y, marker))).unwrap());
        for (dx, dy, expected) in
            [(-3.0, 3.0, high), (3.0, -3.0, high), (-8.0, 0.0, low), (8.0, 0.0, low), (0.0, 9.0, low)]
        {
            let (column, row) = global(-100.0 + dx, 45.0 + dy);
            assert_eq!(rows[row][column], expected, "{dx} {dy} of {x:?}");
        }
        // To the south there is another land.
        let (column, row) = global(-100.0, -45.0);
        assert_eq!(rows[row][column], low);
    }
}

#[test]
fn there_is_no_seam_around_the_earth() {
    let png = draw(&sketch(grid(&steps(0.5, 1.0, 360), &steps(-89.5, 1.0, 180), |x, y| x + y))).unwrap();
    let (_, rows, _) = decoded(&png);
    let ((left, top), (right, bottom)) = (global(-180.0, 90.0), global(180.0, -90.0));
    assert!((top..bottom).all(|row| (left..right).all(|column| rows[row][column] != colours::WHITE)));
}

#[test]
fn missing_numbers_are_grey() {
    let value = |x: f64, y: f64| if x > 60.0 { f64::NAN } else { y };
    let subject = grid(&steps(-175.0, 10.0, 36), &steps(-85.0, 10.0, 18), value);
    let (_, rows, palette) = decoded(&draw(&sketch(subject)).unwrap());
    let (column, row) = global(123.0, -47.0);
    assert_eq!(rows[row][column], colours::MISSING);
    assert_eq!(palette[usize::from(colours::MISSING)], [200; 3]);
    let all = grid(&steps(-175.0, 10.0, 36), &steps(-85.0, 10.0, 18), |_, _| f64::INFINITY);
    let (_, rows, _) = decoded(&draw(&sketch(all)).unwrap());
    assert!(rows.iter().flatten().all(|colour| *colour < 16), "no colour may stand for a number");
}

#[test]
fn the_pole_is_in_the_middle_of_a_polar_map() {
    let subject = grid(&steps(0.0, 5.0, 72), &steps(52.5, 5.0, 8), |_, y| if y > 80.0 { 1.0 } else { 0.0 });
    let (width, rows, _) = decoded(&draw(&sketch(subject)).unwrap());
    let high = colours::colour(1.0, colours::LEVELS);
    let map: Vec<(usize, usize)> = (27..500)
        .flat_map(|row| (60..width - 60).map(move |column| (column, row)))
        .filter(|(column, row)| rows[*row][*column] == high)
        .collect();
    let middle = map.iter().map(|(column, _)| *column as f64).sum::<f64>() / map.len() as f64;
    assert!((middle - 310.0).abs() < 8.0, "{middle}");
    assert!(map.len() > 500);
}

#[test]
fn a_narrow_map_is_as_wide_as_its_cells() {
    let subject = grid(&steps(356.81, 0.01, 15), &steps(52.36, 0.01, 10), |x, y| x + y);
    let (_, rows, _) = decoded(&draw(&sketch(subject)).unwrap());
    let painted =
        rows[27..200].iter().map(|row| row[57..563].iter().filter(|colour| **colour >= 16).count()).max().unwrap();
    assert!(painted > 300, "{painted} pixels of 508");
}

#[test]
fn corners_of_centres_are_those_of_axes() {
    let (x, y) = (steps(170.0, 5.0, 6), steps(-10.0, 5.0, 5));
    let centres: Vec<Place> = y.iter().flat_map(|y| x.iter().map(|x| Some((*x, *y))).collect::<Vec<_>>()).collect();
    let found = centre_corners(&centres, x.len());
    let known = axis_corners(&edges(&x, 1, true), &edges(&y, 1, false), |x, y| Some((x, y)));
    assert_eq!(found.len(), known.len());
    for (found, known) in found.iter().zip(&known) {
        let (found, known) = (found.unwrap(), known.unwrap());
        assert!(cells::turned(found.0 - known.0).abs() < 0.1 && (found.1 - known.1).abs() < 0.1, "{found:?} {known:?}");
    }
    let mut holed = centres;
    holed[8] = None;
    assert!(centre_corners(&holed, x.len()).iter().all(Option::is_some));
    assert_eq!(centre_corners(&[], 0), [None]);
}

#[test]
fn noise_has_few_bytes_and_always_the_same() {
    let mut state = 1u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 40) as f64
    };
    let values: Vec<f64> = (0..720 * 360).map(|_| noise()).collect();
    let corners =
        axis_corners(&edges(&steps(0.25, 0.5, 720), 1, true), &edges(&steps(-89.75, 0.5, 360), 1, false), |x, y| {
            Some((x, y))
        });
    let subject = Subject::Cells { rows: 360, columns: 720, corners, values };
    let sketch = Sketch { width: 1024, is_flag: false, ..sketch(subject) };
    let png = draw(&sketch).unwrap();
    assert!(png.len() <= LARGEST, "{}", png.len());
    assert_eq!(png, draw(&sketch).unwrap());
}

#[test]
fn points_are_where_they_are_and_meshes_have_no_holes() {
    let places: Vec<Place> = vec![Some((179.0, 10.0)), Some((-179.0, -10.0)), None, Some((10.0, f64::NAN))];
    let subject = Subject::Points { places, values: vec![0.0, 1.0, 2.0, 3.0], is_mesh: false };
    let (_, rows, _) = decoded(&draw(&sketch(subject)).unwrap());
    let coloured = |rows: &[Vec<u8>]| rows[27..250].iter().flat_map(|row| &row[57..560]).filter(|c| **c >= 16).count();
    assert!((20..400).contains(&coloured(&rows)), "{}", coloured(&rows));

    let places: Vec<Place> = (0..2000)
        .map(|at| {
            Some(((f64::from(at) * 137.507_764).rem_euclid(360.0), (1.0 - f64::from(at) / 999.5).asin().to_degrees()))
        })
        .collect();
    let values = (0..2000).map(f64::from).collect();
    let subject = Subject::Points { places, values, is_mesh: true };
    let (_, rows, _) = decoded(&draw(&sketch(subject)).unwrap());
    let ((left, top), (right, bottom)) = (global(-180.0, 80.0), global(180.0, -80.0));
    assert!((top..bottom).all(|row| (left..right).all(|column| rows[row][column] != colours::WHITE)));
}

#[test]
fn what_does_not_fit_is_refused() {
    let subject = Subject::Points { places: vec![None], values: vec![1.0], is_mesh: false };
    assert_eq!(draw(&sketch(subject)), Err(QuicklookError::NoPlace(1)));
    let subject = Subject::Cells { rows: 1, columns: 1, corners: Vec::new(), values: vec![1.0] };
    assert_eq!(draw(&sketch(subject)), Err(QuicklookError::Mismatch { expected: 4, found: 0 }));
}

#[test]
fn wide_columns_are_cut() {
    let (finer, values) = narrowed(&[0.0, 20.0, 40.0], &[1.0, 2.0]);
    assert_eq!((finer, values), (vec![0.0, 10.0, 20.0, 30.0, 40.0], vec![1.0, 1.0, 2.0, 2.0]));
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![-400.0..400.0f64, any::<f64>(), Just(f64::NAN), Just(0.0), Just(1e300), Just(-90.0), Just(180.0)]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn whatever_is_drawn_is_small(
        places in prop::collection::vec((any_number(), any_number(), any_number()), 1..24),
        (columns, is_mesh, is_difference, is_flag) in (1usize..6, any::<bool>(), any::<bool>(), any::<bool>()),
        (width, title) in (0u32..2000, ".{0,200}"),
    ) {
        let values: Vec<f64> = places.iter().map(|place| place.2).collect();
        let held: Vec<Place> = places.iter().map(|place| Some((place.0, place.1))).collect();
        let along: Vec<f64> = places.iter().map(|place| place.0).collect();
        let rows = places.len() / columns;
        let cells: Vec<f64> = values[..rows * columns].to_vec();
        let corners = centre_corners(&held[..rows * columns], columns);
        let subjects = [
            Subject::Cells { rows, columns, corners, values: cells },
            Subject::Points { places: held, values: values.clone(), is_mesh },
            Subject::Series { along, values, ends: (title.clone(), title.clone()), axis: title.clone() },
        ];
        for subject in subjects {
            let (subtitle, units) = (title.clone(), title.clone());
            let sketch = Sketch { title: title.clone(), subtitle, units, is_difference, is_flag, subject, width };
            if let Ok(png) = draw(&sketch) {
                prop_assert!(png.len() <= LARGEST);
                prop_assert!((256..=1024).contains(&decoded(&png).0));
            }
        }
    }
}

#[test]
fn stored_numbers_are_unpacked() {
    use crate::model::{AttributeValue, Attributes, DataType, Numbers, Primitive};
    let attributes = |given: &[(&str, AttributeValue)]| -> Attributes {
        given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    };
    let numbers = AttributeValue::Numbers;
    let bytes = DataType::little(Primitive::I8);
    let text = AttributeValue::Text("true".into());
    let found = unpack(&Numbers::I8(vec![-1, 1]), &bytes, &attributes(&[("_Unsigned", text)]));
    assert_eq!(found, [255.0, 1.0]);
    let shorts = DataType::little(Primitive::I16);
    let range =
        [("valid_range", numbers(Numbers::I16(vec![0, 10]))), ("missing_value", numbers(Numbers::I16(vec![5])))];
    let found = unpack(&Numbers::I16(vec![-3, 4, 5, 11, -32_767]), &shorts, &attributes(&range));
    assert_eq!(found.iter().map(|value| value.is_nan()).collect::<Vec<_>>(), [true, false, true, true, true]);
    // A range of unpacked values would leave nothing.
    let range = [("valid_min", numbers(Numbers::F32(vec![200.0]))), ("add_offset", numbers(Numbers::F32(vec![250.0])))];
    assert_eq!(unpack(&Numbers::I16(vec![1, 2]), &shorts, &attributes(&range)), [251.0, 252.0]);
    let floats = DataType::little(Primitive::F32);
    let found = unpack(&Numbers::F32(vec![9.969_21e36, f32::INFINITY, 1.5]), &floats, &Attributes::new());
    assert!(found[0].is_nan() && found[1].is_nan() && found[2] == 1.5);
}
