//! The outline of a long swath, piece by piece: where one piece has all longitudes between its ends, several follow its way.

use geo::{Area, BooleanOps, MapCoords, Validation};
use serde_json::{Value, json};

use super::super::geometry;
use super::super::horizontal::rounded;
use super::{Outline, VERTICES, polygons};
use crate::model::BoundingBox;

/// Into so many pieces a swath is cut, and each into so many bands.
const PIECES: [(usize, u16); 3] = [(6, 7), (6, 5), (4, 6)];
/// Swaths of fewer cells are not cut.
const FEWEST: usize = 240;
/// Pieces are taken if they have less than this share of the area of the whole.
const WORTH: f64 = 0.7;

/// The outline in pieces; `None` if it is hardly smaller than the outline as a whole.
pub(super) fn outline(outline: &Outline, place: &BoundingBox) -> Option<Value> {
    if outline.cells.len() < FEWEST {
        return None;
    }
    let whole = area(&of_part(outline, place, 46)?);
    let fits = |found: &geo::MultiPolygon| {
        let count = geo::CoordsIter::coords_count(found);
        count <= VERTICES && found.is_valid() && area(found) < whole * WORTH
    };
    let found = PIECES.into_iter().filter_map(|(pieces, bands)| united(outline, pieces, bands)).find(fits)?;
    let ring = |ring: &geo::LineString| ring.coords().map(|at| json!([at.x, at.y])).collect::<Value>();
    let polygon = |polygon: &geo::Polygon| {
        let rings = std::iter::once(polygon.exterior()).chain(polygon.interiors());
        rings.map(ring).collect::<Value>()
    };
    let polygons: Vec<Value> = found.iter().map(polygon).collect();
    let value = match polygons.as_slice() {
        [polygon] => json!({"type": "Polygon", "coordinates": polygon}),
        _ => json!({"type": "MultiPolygon", "coordinates": polygons}),
    };
    let near = |a: f64, b: f64| (a - b).abs() < 1e-6;
    let own = geometry::bounding_box(&value).ok()?;
    let has_its_box = near(own.west, place.west)
        && near(own.south, place.south)
        && near(own.east, place.east)
        && near(own.north, place.north);
    has_its_box.then_some(value)
}

fn united(outline: &Outline, pieces: usize, bands: u16) -> Option<geo::MultiPolygon> {
    let parts = outline.cells.chunks(outline.cells.len().div_ceil(pieces).max(1));
    let parts = parts.map(|cells| Outline { cells: cells.to_vec(), caps: Vec::new() });
    let caps = outline.caps.iter().map(|cap| Outline { cells: vec![*cap], caps: Vec::new() });
    let mut all = geo::MultiPolygon::new(Vec::new());
    for part in parts.chain(caps) {
        let (west, east) = part.arcs().hull()?;
        let (south, north) = part.latitudes()?;
        let [west, south, east, north] = [west, south, east, north].map(rounded);
        all = all.union(&of_part(&part, &BoundingBox { west, south, east, north }, bands)?);
    }
    Some(all.map_coords(|at| geo::coord! { x: rounded(at.x), y: rounded(at.y) }))
}

/// The outline of one part, as it is or as its box.
fn of_part(part: &Outline, place: &BoundingBox, bands: u16) -> Option<geo::MultiPolygon> {
    let span = if place.west > place.east { place.east - place.west + 360.0 } else { place.east - place.west };
    if span <= 0.0 || place.north <= place.south {
        return None;
    }
    let rings = polygons(&part.unrolled(place, span), place, span, bands);
    if !rings.is_empty() {
        let polygon = |ring: Vec<[f64; 2]>| {
            geo::Polygon::new(ring.into_iter().map(|[x, y]| (x, y)).collect::<Vec<_>>().into(), Vec::new())
        };
        return Some(rings.into_iter().map(polygon).collect());
    }
    let sides = if place.west > place.east {
        vec![(place.west, 180.0), (-180.0, place.east)]
    } else {
        vec![(place.west, place.east)]
    };
    let square = |(west, east)| geo::Rect::new((west, place.south), (east, place.north)).to_polygon();
    Some(sides.into_iter().map(square).collect())
}

/// The area, where a degree of longitude on the equator counts for one.
fn area(polygons: &geo::MultiPolygon) -> f64 {
    polygons.map_coords(|at| geo::coord! { x: at.x, y: at.y.to_radians().sin() }).unsigned_area()
}
