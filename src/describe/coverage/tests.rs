#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation
)]
use proptest::prelude::*;

use super::super::tests::cubes::time;
use super::super::tests::cubes::*;
use super::*;
use crate::cftime::rfc3339;
use crate::model::{AttributeValue, BoundingBox, Numbers, Variable};

fn steps(first: f64, step: f64, count: usize) -> Vec<f64> {
    (0..count).map(|at| first + step * at as f64).collect()
}

fn bbox(cube: &VirtualCube) -> [f64; 4] {
    let found = read_coverage(cube, &BTreeMap::new()).unwrap().bounding_box;
    [found.west, found.south, found.east, found.north]
}

fn interval(cube: &VirtualCube) -> [String; 2] {
    let found = read_coverage(cube, &BTreeMap::new()).unwrap().temporal;
    [rfc3339(found.start), rfc3339(found.end)]
}

fn cube_of(mut horizontal: Vec<Variable>, dimensions: &[&str], shape: &[u64], coordinates: &str) -> VirtualCube {
    horizontal.push(time(&[0.0], "days since 2000-01-01", "standard"));
    let dimensions = [&["time"], dimensions].concat();
    horizontal.push(data("tas", &dimensions, &[&[1], shape].concat(), &[("coordinates", coordinates), ("units", "K")]));
    cube(horizontal)
}

#[test]
fn regular_grids() {
    let latitudes = steps(-87.5, 5.0, 36);
    for (longitudes, expected) in [
        (steps(0.0, 2.5, 144), [-180.0, 180.0]),
        (steps(1.25, 2.5, 144), [-180.0, 180.0]),
        (steps(-180.0, 1.0, 361), [-180.0, 180.0]),
        (steps(0.0, 90.0, 4), [-180.0, 180.0]),
        // Regional in 0 to 360: across Greenwich, both ways of writing it, and across the antimeridian.
        (steps(350.0, 1.0, 21), [-10.5, 10.5]),
        ([steps(350.0, 1.0, 10), steps(0.0, 1.0, 11)].concat(), [-10.5, 10.5]),
        ([steps(0.0, 1.0, 11), steps(350.0, 1.0, 10)].concat(), [-10.5, 10.5]),
        (steps(120.0, 10.0, 17), [115.0, -75.0]),
        ([steps(170.0, 5.0, 3), steps(-175.0, 5.0, 3)].concat(), [167.5, -162.5]),
        // Descending, and ending at the antimeridian.
        (steps(20.0, -1.0, 11), [9.5, 20.5]),
        (steps(171.0, 2.0, 5), [170.0, 180.0]),
        (steps(181.0, 2.0, 5), [-180.0, -170.0]),
        // Every hundredth point of a global grid, as samples of archives have it: no cell finds room between last and first.
        (vec![0.0, 93.75, 187.5, 281.25], [-180.0, 180.0]),
        (steps(0.0, 10.0, 35), [-5.0, -15.0]),
        // One cell without bounds is a point.
        (vec![7.0], [7.0, 7.0]),
    ] {
        let [west, south, east, north] = bbox(&grid(&latitudes, &longitudes));
        assert_eq!([west, east], expected, "{longitudes:?}");
        assert_eq!([south, north], [-90.0, 90.0]);
    }
}

#[test]
fn latitudes_in_any_order_end_at_the_poles() {
    for latitudes in [steps(90.0, -1.0, 181), steps(-90.0, 1.0, 181)] {
        assert_eq!(bbox(&grid(&latitudes, &[1.0, 2.0])), [0.5, -90.0, 2.5, 90.0]);
    }
    assert_eq!(bbox(&grid(&[60.0, 50.0, 40.0], &[1.0, 2.0])), [0.5, 35.0, 2.5, 65.0]);
    assert_eq!(bbox(&grid(&[52.0], &[1.0])), [1.0, 52.0, 1.0, 52.0]);
}

#[test]
fn narrow_floats_are_read_as_written() {
    let mut cube = grid(&[50.0, 51.0], &[1.0, 2.0]);
    let numbers = Numbers::F32(vec![-0.05, 0.05, 0.15]);
    let attributes = [("standard_name", "longitude"), ("units", "degrees_east")];
    let narrow = inline("lon", &["lon"], &[3], numbers, &attributes);
    cube.root.variables.insert(narrow.name.clone(), narrow);
    assert_eq!(bbox(&cube), [-0.1, 49.5, 0.2, 51.5]);
}

#[test]
fn bounds_count_where_they_hold_their_cells() {
    let with_bounds = |edges: &[(f64, f64)]| {
        let lon = with(longitude(&[10.0, 20.0]), "bounds", text("lon_bnds"));
        cube_of(vec![latitude(&[0.0, 10.0]), lon, bounds("lon_bnds", "lon", edges)], &["lat", "lon"], &[2, 2], "")
    };
    assert_eq!(bbox(&with_bounds(&[(9.0, 12.0), (12.0, 21.0)])), [9.0, -5.0, 21.0, 15.0]);
    assert_eq!(bbox(&with_bounds(&[(12.0, 9.0), (21.0, 12.0)])), [9.0, -5.0, 21.0, 15.0]);
    // Cells that do not touch are one axis all the same.
    let sparse = with(longitude(&[0.0, 60.0, 120.0, 180.0, 240.0]), "bounds", text("lon_bnds"));
    let edges = bounds("lon_bnds", "lon", &[0.0, 60.0, 120.0, 180.0, 240.0].map(|at| (at - 1.0, at + 1.0)));
    let sparse = cube_of(vec![latitude(&[0.0]), sparse, edges], &["lat", "lon"], &[1, 5], "");
    assert_eq!(bbox(&sparse), [-1.0, 0.0, -119.0, 0.0]);
    // Never filled in: half steps instead.
    assert_eq!(bbox(&with_bounds(&[(0.0, 0.0), (0.0, 0.0)])), [5.0, -5.0, 25.0, 15.0]);
    let whole = with(longitude(&[180.0]), "bounds", text("lon_bnds"));
    let global = cube_of(
        vec![latitude(&[0.0]), whole, bounds("lon_bnds", "lon", &[(0.0, 360.0)])],
        &["lat", "lon"],
        &[1, 1],
        "",
    );
    assert_eq!(bbox(&global), [-180.0, 0.0, 180.0, 0.0]);
}

#[test]
fn vertices_of_broken_cells_are_left_out() {
    let mut cube = curvilinear(4, 4, |i, j| (i as f64, j as f64));
    let mut vertices: Vec<f64> =
        (0..16).flat_map(|cell| [-0.4, -0.4, 0.4, 0.4].map(|edge| f64::from(cell / 4) + edge)).collect();
    vertices[3] = 80.0;
    let bounds = inline("vertices_latitude", &["j", "i", "vertices"], &[4, 4, 4], Numbers::F64(vertices), &[]);
    let latitude = cube.root.variables.get_mut("latitude").unwrap();
    *latitude = with(latitude.clone(), "bounds", text("vertices_latitude"));
    cube.root.variables.insert(bounds.name.clone(), bounds);
    assert_eq!(bbox(&cube), [-0.5, -0.4, 3.5, 3.4]);
}

fn curvilinear(columns: usize, rows: usize, at: impl Fn(usize, usize) -> (f64, f64)) -> VirtualCube {
    let cells: Vec<(f64, f64)> = (0..rows * columns).map(|cell| at(cell % columns, cell / columns)).collect();
    let two = |name, units, numbers: Vec<f64>| {
        let shape = [rows as u64, columns as u64];
        let variable = inline(name, &["j", "i"], &shape, Numbers::F64(numbers), &[("units", units)]);
        with(variable, "_FillValue", AttributeValue::Numbers(Numbers::F64(vec![1e20])))
    };
    let lon = two("longitude", "degrees_east", cells.iter().map(|cell| cell.0).collect());
    let lat = two("latitude", "degrees_north", cells.iter().map(|cell| cell.1).collect());
    cube_of(vec![lon, lat], &["j", "i"], &[rows as u64, columns as u64], "latitude longitude")
}

#[test]
fn curvilinear_grids() {
    // A grid turned by 45 degrees: its corners are half a step away along both of its dimensions.
    let turned = curvilinear(3, 3, |i, j| (10.0 + i as f64 - j as f64, 50.0 + i as f64 + j as f64));
    assert_eq!(bbox(&turned), [7.0, 49.0, 13.0, 55.0]);
    let across = curvilinear(5, 3, |i, j| ((178.0 + i as f64 + 180.0).rem_euclid(360.0) - 180.0, j as f64));
    assert_eq!(bbox(&across), [177.5, -0.5, -177.5, 2.5]);
    let global = curvilinear(36, 18, |i, j| (73.0 + 10.0 * i as f64, -85.0 + 10.0 * j as f64));
    assert_eq!(bbox(&global), [-180.0, -90.0, 180.0, 90.0]);
    // Missing cells say nothing, whether an attribute names the fill value or not.
    let unnamed = curvilinear(4, 2, |i, j| if i == 3 { (9.97e36, 9.97e36) } else { (i as f64, j as f64) });
    assert_eq!(bbox(&unnamed), [-0.5, -0.5, 2.5, 1.5]);
    let masked = curvilinear(4, 2, |i, j| if i == 3 { (1e20, 1e20) } else { (i as f64, j as f64) });
    assert_eq!(bbox(&masked), [-0.5, -0.5, 2.5, 1.5]);
}

#[test]
fn coordinates_that_nothing_names_are_found() {
    let mut unnamed = curvilinear(3, 3, |i, j| (i as f64, j as f64));
    unnamed.root.variables.get_mut("tas").unwrap().attributes.shift_remove("coordinates");
    assert_eq!(bbox(&unnamed), [-0.5, -0.5, 2.5, 2.5]);
}

#[test]
fn points_and_scalars() {
    let points = |longitudes: &[f64], latitudes: &[f64]| {
        let count = longitudes.len() as u64;
        let make = |name, units, numbers: &[f64]| {
            inline(name, &["station"], &[count], Numbers::F64(numbers.to_vec()), &[("units", units)])
        };
        let coordinates = vec![make("lon", "degrees_east", longitudes), make("lat", "degrees_north", latitudes)];
        cube_of(coordinates, &["station"], &[count], "lat lon")
    };
    assert_eq!(bbox(&points(&[10.0, 300.0], &[5.0, -5.0])), [-60.0, -5.0, 10.0, 5.0]);
    assert_eq!(bbox(&points(&[170.0, -170.0], &[5.0, 6.0])), [170.0, 5.0, -170.0, 6.0]);
    // All around the globe: the gap between two stations is no reason to cross the antimeridian.
    let around = steps(-176.0, 8.0, 45);
    assert_eq!(bbox(&points(&around, &[1.0; 45])), [-176.0, 1.0, 176.0, 1.0]);
    let scalar = |name, units, value| inline(name, &[], &[], Numbers::F64(vec![value]), &[("units", units)]);
    let one =
        cube_of(vec![scalar("lon", "degrees_east", 359.0), scalar("lat", "degrees_north", 52.0)], &[], &[], "lat lon");
    assert_eq!(bbox(&one), [-1.0, 52.0, -1.0, 52.0]);
    assert_eq!(geometry::geometry(&read_coverage(&one, &BTreeMap::new()).unwrap().bounding_box)["type"], "Point");
}

#[test]
fn implausible_values_are_named() {
    let error = read_coverage(&grid(&[0.0, 95.0], &[1.0, 2.0]), &BTreeMap::new()).unwrap_err();
    assert_eq!(error.to_string(), "lat: expected latitudes from -90 to 90 degrees, found 95");
    let error = read_coverage(&grid(&[f64::NAN], &[1.0, 2.0]), &BTreeMap::new()).unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
    let error = read_coverage(&grid(&[1.0], &[1e20]), &BTreeMap::new()).unwrap_err();
    assert!(error.to_string().starts_with("lon: "), "{error}");
    let error = read_coverage(&cube(vec![data("tas", &["x"], &[2], &[])]), &BTreeMap::new()).unwrap_err();
    assert!(error.to_string().contains("latitude") && error.to_string().contains("tas"), "{error}");
    assert_eq!(error.remedy(), Some("give item.geometry in the recipe"));
}

fn digest(values: &[f64]) -> Digest {
    let mut quarter_degrees = vec![0u64; 23];
    for value in values {
        let quarter = (value.rem_euclid(360.0) * 4.0).floor() as usize;
        quarter_degrees[quarter / 64] |= 1 << (quarter % 64);
    }
    let range = |with: fn(f64, f64) -> f64| values.iter().copied().reduce(with).unwrap();
    Digest { sha256: [0; 32], minimum: range(f64::min), maximum: range(f64::max), quarter_degrees, sample: Vec::new() }
}

#[test]
fn large_coordinates_are_read_from_their_digests() {
    let read = |longitudes: &[f64]| {
        let mut cube = curvilinear(2, 2, |_, _| (0.0, 0.0));
        for name in ["latitude", "longitude"] {
            let variable = cube.root.variables.get_mut(name).unwrap();
            *variable = placed(variable.clone());
        }
        let path = |name: &str| VariablePath::new("/", &crate::model::VariableName::new(name).unwrap());
        let digests = [(path("longitude"), digest(longitudes)), (path("latitude"), digest(&[-20.0, 30.0]))].into();
        read_coverage(&cube, &digests).unwrap().bounding_box
    };
    let found = read(&steps(10.1, 0.1, 100));
    assert!((found.west - 10.1).abs() < 1e-6 && (found.east - 20.0).abs() < 1e-6, "{found:?}");
    let found = read(&steps(0.0, 0.1, 3600));
    assert_eq!((found.west, found.east), (-180.0, 180.0));
    let found = read(&steps(350.1, 0.1, 200).iter().map(|x| x.rem_euclid(360.0)).collect::<Vec<_>>());
    assert_eq!((found.west, found.east, found.south, found.north), (-10.0, 10.25, -20.0, 30.0));
}

#[test]
fn times_with_and_without_bounds() {
    let timed = |time: Variable, more: Vec<Variable>| {
        cube(
            [
                vec![
                    time,
                    latitude(&[0.0]),
                    longitude(&[0.0]),
                    data("tas", &["time"], &[2], &[("coordinates", "lat lon")]),
                ],
                more,
            ]
            .concat(),
        )
    };
    let plain = time(&[15.5, 45.0], "days since 1850-01-01", "noleap");
    assert_eq!(interval(&timed(plain.clone(), vec![])), ["1850-01-16T12:00:00Z", "1850-02-15T00:00:00Z"]);
    let bounded = with(plain, "bounds", text("time_bnds"));
    let edges = bounds("time_bnds", "time", &[(0.0, 31.0), (31.0, 59.0)]);
    assert_eq!(
        interval(&timed(bounded.clone(), vec![edges.clone()])),
        ["1850-01-01T00:00:00Z", "1850-03-01T00:00:00Z"]
    );
    // Bounds in units of their own.
    let hours = bounds("time_bnds", "time", &[(0.0, 744.0), (744.0, 1416.0)]);
    let hours = with(hours, "units", text("hours since 1850-01-01"));
    assert_eq!(interval(&timed(bounded.clone(), vec![hours])), ["1850-01-01T00:00:00Z", "1850-03-01T00:00:00Z"]);
    // Bounds that do not hold their times belong to something else.
    let foreign = bounds("time_bnds", "time", &[(0.0, 0.0), (0.0, 0.0)]);
    assert_eq!(interval(&timed(bounded, vec![foreign])), ["1850-01-16T12:00:00Z", "1850-02-15T00:00:00Z"]);
    let model = time(&[29.0, 59.0], "days since 1850-01-01", "360_day");
    assert_eq!(interval(&timed(model, vec![])), ["1850-01-30T00:00:00Z", "1850-02-28T00:00:00Z"]);
    let error = read_coverage(&timed(time(&[0.0, 1.0], "days", "standard"), vec![]), &BTreeMap::new()).unwrap_err();
    assert!(matches!(error, DescribeError::NoTime { .. }), "{error}");
    let error =
        read_coverage(&timed(time(&[0.0, 1.0], "days since then", "standard"), vec![]), &BTreeMap::new()).unwrap_err();
    assert_eq!(error.to_string(), "time: the time cannot be read");
}

/// Whether a box holds a longitude, with room for rounding.
fn holds(place: &BoundingBox, longitude: f64) -> bool {
    let longitude = (longitude + 180.0).rem_euclid(360.0) - 180.0;
    let near = |a: f64, b: f64| (a - b).abs() < 1e-5 || (a - b).abs() > 360.0 - 1e-5;
    let inside = match place.west > place.east {
        true => longitude >= place.west || longitude <= place.east,
        false => longitude >= place.west && longitude <= place.east,
    };
    inside || near(longitude, place.west) || near(longitude, place.east)
}

proptest! {
    #[test]
    fn a_box_holds_every_centre_and_at_most_a_cell_more(
        first in -360.0..360.0f64,
        step in 0.05..11.0f64,
        count in 2..60usize,
        south in -89.0..80.0f64,
        rows in 1..20usize,
        reverse: bool,
    ) {
        let mut longitudes = steps(first, step, count);
        if reverse {
            longitudes.reverse();
        }
        let latitudes: Vec<f64> = steps(south, (90.0 - south) / 20.0, rows);
        let place = read_coverage(&grid(&latitudes, &longitudes), &BTreeMap::new()).unwrap().bounding_box;
        for longitude in &longitudes {
            prop_assert!(holds(&place, *longitude), "{longitude} in {place:?}");
        }
        prop_assert!(latitudes.iter().all(|at| *at >= place.south - 1e-5 && *at <= place.north + 1e-5));
        let width = if place.west > place.east { place.east + 360.0 - place.west } else { place.east - place.west };
        let centres = step * (count - 1) as f64;
        prop_assert!(width <= centres + step * 1.1 + 1e-4, "{width} for {centres}");
        prop_assert!(width >= centres.min(360.0) - 1e-4);
    }

    #[test]
    fn a_curvilinear_box_holds_every_centre(
        first in -180.0..180.0f64,
        angle in 0.0..std::f64::consts::TAU,
        step in 0.01..2.0f64,
        columns in 2..12usize,
        rows in 2..12usize,
    ) {
        let (sin, cos) = angle.sin_cos();
        let at = |i: usize, j: usize| {
            let (x, y) = (step * i as f64, step * j as f64);
            (first + x * cos - y * sin, x * sin + y * cos)
        };
        let place = read_coverage(&curvilinear(columns, rows, at), &BTreeMap::new()).unwrap().bounding_box;
        for (i, j) in (0..columns).flat_map(|i| (0..rows).map(move |j| (i, j))) {
            let (longitude, latitude) = at(i, j);
            prop_assert!(holds(&place, longitude), "{longitude} in {place:?}");
            prop_assert!(latitude >= place.south - 1e-5 && latitude <= place.north + 1e-5);
        }
        let spread = |low: f64, high: f64| high - low;
        let all = (0..columns).flat_map(|i| (0..rows).map(move |j| at(i, j).1));
        let (low, high) = all.fold((f64::MAX, f64::MIN), |(low, high), y| (low.min(y), high.max(y)));
        prop_assert!(spread(place.south, place.north) <= spread(low, high) + 1.5 * step);
    }

    #[test]
    fn any_numbers_give_a_box_in_range_or_an_error(
        longitudes in prop::collection::vec(prop_oneof![-1e4..1e4f64, Just(f64::NAN), Just(f64::INFINITY), Just(1e300)], 0..6),
        latitudes in prop::collection::vec(prop_oneof![-100.0..100.0f64, Just(f64::NAN)], 0..6),
    ) {
        if let Ok(found) = read_coverage(&grid(&latitudes, &longitudes), &BTreeMap::new()) {
            let place = found.bounding_box;
            prop_assert!(place.west.abs() <= 180.0 && place.east.abs() <= 180.0);
            prop_assert!(-90.0 <= place.south && place.south <= place.north && place.north <= 90.0);
        }
    }
}

fn numbers(values: &[f64]) -> AttributeValue {
    AttributeValue::Numbers(Numbers::F64(values.to_vec()))
}

fn mapping(name: &str, parameters: &[(&str, &[f64])]) -> Variable {
    let crs = inline("crs", &[], &[], Numbers::I32(vec![0]), &[("grid_mapping_name", name)]);
    parameters.iter().fold(crs, |crs, (name, values)| with(crs, name, numbers(values)))
}

fn projected(crs: Variable, x: Variable, y: Variable) -> VirtualCube {
    let shape = [1, y.shape[0], x.shape[0]];
    let names = [y.name.as_str().to_owned(), x.name.as_str().to_owned()];
    let tas = data("tas", &["time", &names[0], &names[1]], &shape, &[("grid_mapping", "crs"), ("units", "K")]);
    cube(vec![crs, x, y, time(&[0.0], "days since 2000-01-01", "standard"), tas])
}

fn plane(name: &str, values: &[f64], units: &str) -> Variable {
    let direction = if name == "x" { "projection_x_coordinate" } else { "projection_y_coordinate" };
    axis(name, values, &[("standard_name", direction), ("units", units)])
}

/// The boxes are those of pyproj 3.7 for the edges of the cells.
#[test]
fn grids_without_latitudes_are_placed_by_their_grid_mapping() {
    let rotated = |name: &str, values: &[f64]| {
        let standard = if name == "rlon" { "grid_longitude" } else { "grid_latitude" };
        axis(name, values, &[("standard_name", standard), ("units", "degrees")])
    };
    let pole: &[(&str, &[f64])] = &[("grid_north_pole_latitude", &[39.25]), ("grid_north_pole_longitude", &[-162.0])];
    let europe = projected(
        mapping("rotated_latitude_longitude", pole),
        rotated("rlon", &steps(-28.0, 0.44, 106)),
        rotated("rlat", &steps(-23.0, 0.44, 103)),
    );
    let polar: &[(&str, &[f64])] = &[
        ("latitude_of_projection_origin", &[90.0]),
        ("straight_vertical_longitude_from_pole", &[-45.0]),
        ("standard_parallel", &[70.0]),
        ("earth_radius", &[6_371_229.0]),
    ];
    let arctic = |x: &[f64], y: &[f64]| {
        projected(mapping("polar_stereographic", polar), plane("x", x, "km"), plane("y", y, "km"))
    };
    let around = arctic(&steps(-1950.0, 100.0, 40), &steps(-1950.0, 100.0, 40));
    let beside = arctic(&steps(150.0, 100.0, 20), &steps(-1950.0, 100.0, 20));
    let found = bbox(&around);
    assert_eq!((found[0], found[2], found[3]), (-180.0, 180.0, 90.0));
    for (cube, expected) in [(&europe, EUROPE), (&around, AROUND), (&beside, BESIDE)] {
        let found = bbox(cube);
        let near = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-2);
        assert!(near, "{found:?}, not {expected:?}");
    }
}

const EUROPE: [f64; 4] = [-44.79650, 22.18655, 65.86699, 72.85];
const AROUND: [f64; 4] = [-180.0, 64.21748, 180.0, 90.0];
const BESIDE: [f64; 4] = [-42.13759, 63.58766, 45.0, 89.07277];

#[test]
fn a_grid_mapping_that_is_not_known_is_named() {
    let cube = projected(mapping("space_oblique", &[]), plane("x", &[0.0, 1.0], "m"), plane("y", &[0.0, 1.0], "m"));
    let error = read_coverage(&cube, &BTreeMap::new()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "crs: expected a grid mapping of CF appendix F with its parameters, found space_oblique"
    );
    assert_eq!(error.kind(), "coordinate");
}

#[test]
fn a_vertex_between_0_and_360_is_not_the_far_side() {
    // The third cell's vertices are means across Greenwich: 90 degrees off.
    let centres: Vec<f64> = (0..3).flat_map(|_| steps(358.0, 1.0, 5)).map(|lon| lon % 360.0).collect();
    let latitudes: Vec<f64> = (0..3).flat_map(|row| vec![f64::from(row); 5]).collect();
    let vertices = centres.iter().enumerate().flat_map(|(at, lon)| {
        let half = if at % 5 == 2 { 90.0 } else { 0.5 };
        [lon - half, lon + half, lon + half, lon - half]
    });
    let vertices = inline("lon_v", &["y", "x", "v"], &[3, 5, 4], Numbers::F64(vertices.collect()), &[]);
    let lat = inline("lat", &["y", "x"], &[3, 5], Numbers::F64(latitudes), &[("standard_name", "latitude")]);
    let lon = inline(
        "lon",
        &["y", "x"],
        &[3, 5],
        Numbers::F64(centres),
        &[("standard_name", "longitude"), ("bounds", "lon_v")],
    );
    let found = bbox(&cube_of(vec![vertices, lat, lon], &["y", "x"], &[3, 5], "lat lon"));
    assert_eq!((found[0], found[2]), (-2.5, 2.5));
}

fn both(shift: f64) -> VirtualCube {
    let along = steps(-10.0, 1.0, 21);
    let at =
        |of: fn(f64, f64) -> f64| along.iter().flat_map(|y| along.iter().map(move |x| of(*x, *y))).collect::<Vec<_>>();
    let two = |name: &str, units: &str, values: Vec<f64>| {
        inline(name, &["y", "x"], &[21, 21], Numbers::F64(values), &[("units", units)])
    };
    let (lon, lat) = (at(|x, _| x).into_iter().map(|x| x + shift).collect(), at(|_, y| y));
    let metres = |values: &[f64]| values.iter().map(|degrees| degrees.to_radians() * 6_371_229.0).collect::<Vec<_>>();
    let y: Vec<f64> = along.iter().map(|y| 6_371_229.0 * y.to_radians().sin()).collect();
    let crs =
        mapping("lambert_cylindrical_equal_area", &[("standard_parallel", &[0.0]), ("earth_radius", &[6_371_229.0])]);
    let mut cube = projected(crs, plane("x", &metres(&along), "m"), plane("y", &y, "m"));
    for variable in [two("lon", "degrees_east", lon), two("lat", "degrees_north", lat)] {
        cube.root.variables.insert(variable.name.clone(), variable);
    }
    let tas = cube.root.variables.get_mut("tas").unwrap();
    tas.attributes.insert("coordinates".into(), text("lat lon"));
    cube
}

#[test]
fn latitudes_and_longitudes_are_the_truth_and_must_agree_with_the_projection() {
    assert_eq!(bbox(&both(0.0)), [-10.5, -10.5, 10.5, 10.5]);
    assert_eq!(bbox(&both(0.5)), [-10.0, -10.5, 11.0, 10.5]);
    let error = read_coverage(&both(3.0), &BTreeMap::new()).unwrap_err();
    assert_eq!(error.kind(), "coordinate");
    let message = error.to_string();
    assert!(message.starts_with("lat, lon: expected") && message.contains("grid mapping crs"), "{message}");
    assert!(message.contains("333.6 km") && message.contains("111.2 km"), "{message}");
}

#[test]
fn what_is_summed_up_over_longitudes_goes_around_the_globe() {
    let mut zonal = grid(&[-10.0, 0.0, 10.0], &[1.0]);
    zonal.root.variables.shift_remove("lon");
    assert!(read_coverage(&zonal, &BTreeMap::new()).is_err());
    let tas = zonal.root.variables.get_mut("tas").unwrap();
    tas.attributes.insert("cell_methods".into(), text("longitude: mean time: mean"));
    assert_eq!(bbox(&zonal), [-180.0, -15.0, 180.0, 15.0]);
}

#[test]
fn a_pole_between_four_cells_is_within_the_box() {
    let arctic = curvilinear(8, 8, |i, j| {
        let (x, y) = (i as f64 - 3.5, j as f64 - 3.5);
        (y.atan2(x).to_degrees(), 90.0 - x.hypot(y))
    });
    let found = bbox(&arctic);
    assert_eq!((found[0], found[2], found[3]), (-180.0, 180.0, 90.0));
    assert!((84.0..85.1).contains(&found[1]), "{found:?}");
}
