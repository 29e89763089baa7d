#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use geo::{Contains, Intersects, Validation};
use proptest::prelude::*;

use super::*;

fn place(outline: &Outline) -> BoundingBox {
    let (west, east) = outline.arcs().hull().unwrap();
    let (south, north) = outline.latitudes().unwrap();
    let [west, south, east, north] = [west, south, east, north].map(rounded);
    BoundingBox { west, south, east, north }
}

fn of(cells: &[[f64; 4]]) -> Outline {
    let mut outline = Outline::default();
    cells.iter().for_each(|[west, east, south, north]| outline.add(*west, *east, *south, *north));
    outline
}

fn shape(value: &Value) -> geo::Geometry {
    geo::Geometry::try_from(value.to_string().parse::<geojson::Geometry>().unwrap()).unwrap()
}

fn vertices(value: &Value) -> usize {
    geo::CoordsIter::coords_count(&shape(value))
}

/// Whether a geometry holds a point but for rounding, in any turn.
fn holds(geometry: &geo::Geometry, longitude: f64, latitude: f64) -> bool {
    let (longitude, e) = ((longitude + 180.0).rem_euclid(360.0) - 180.0, 1e-5);
    [longitude, longitude - 360.0, longitude + 360.0].into_iter().any(|x| {
        let near = geo::Rect::new((x - e, latitude - e), (x + e, latitude + e));
        geometry.intersects(&near)
    })
}

#[test]
fn what_fills_its_box_is_the_box() {
    let outline = of(&[[0.0, 10.0, 0.0, 10.0], [10.0, 20.0, 0.0, 10.0]]);
    let square = outline.geometry(&place(&outline));
    assert_eq!(square["coordinates"], json!([[[0.0, 0.0], [20.0, 0.0], [20.0, 10.0], [0.0, 10.0], [0.0, 0.0]]]));
}

#[test]
fn a_tilted_swath_across_the_antimeridian_is_cut_there() {
    let swath: Vec<[f64; 4]> =
        (0..200).map(|at| f64::from(at) * 0.1).map(|y| [170.0 + y, 175.0 + y, y, y + 0.1]).collect();
    let outline = of(&swath);
    let geometry = outline.geometry(&place(&outline));
    assert_eq!(geometry["type"], "MultiPolygon");
    assert!(vertices(&geometry) <= 104, "{}", vertices(&geometry));
    let shape = shape(&geometry);
    assert!(shape.is_valid() && !holds(&shape, 171.0, 15.0) && !holds(&shape, -169.0, 5.0));
    assert!(
        swath.iter().all(|[west, east, south, north]| holds(&shape, *west, *south) && holds(&shape, *east, *north))
    );
}

#[test]
fn what_lies_around_a_pole_is_a_polygon_up_to_it() {
    let corner = |degrees: f64| 60.0 + 10.0 * (degrees.to_radians() * 2.0).cos().abs();
    let mut outline = of(&[[-180.0, 180.0, 85.0, 90.0]]);
    (0..720).map(|at| f64::from(at) / 2.0).for_each(|x| outline.add(x, x + 0.5, corner(x).min(corner(x + 0.5)), 86.0));
    let geometry = outline.geometry(&place(&outline));
    assert_eq!(geometry["type"], "Polygon");
    let shape = shape(&geometry);
    assert!(shape.is_valid() && holds(&shape, 0.0, 90.0) && holds(&shape, 180.0, 90.0) && holds(&shape, -180.0, 88.0));
    assert!(!holds(&shape, 0.0, 65.0) && holds(&shape, 45.0, 61.0));
}

proptest! {
    /// Whatever the cells: the outline holds each, is valid, and has few vertices.
    #[test]
    fn an_outline_covers_its_cells(
        cells in prop::collection::vec((-180.0..180.0f64, 0.0..20.0f64, -90.0..89.0f64, 0.0..5.0f64), 1..60),
    ) {
        let mut outline = Outline::default();
        cells.iter().for_each(|(west, width, south, height)| outline.add(*west, west + width, *south, (south + height).min(90.0)));
        let geometry = outline.geometry(&place(&outline));
        let shape = shape(&geometry);
        prop_assert!(shape.is_valid(), "{geometry}");
        prop_assert!(vertices(&geometry) <= 104, "{}", vertices(&geometry));
        for (west, width, south, height) in cells {
            for (x, y) in [(west, south), (west + width, south), (west, (south + height).min(90.0)), (west + width / 2.0, south)] {
                prop_assert!(holds(&shape, x, y), "{x} {y} is outside {geometry}");
            }
        }
        prop_assert!(!shape.contains(&geo::Point::new(181.0, 0.0)));
    }
}
