//! Where and when a record or a query is: boxes on the sphere's longitudes, outlines, and closed intervals of time.

use chrono::DateTime;
use geo::{BoundingRect, Intersects, coord};
use serde::Deserialize;
use serde_json::Value;
use std::fmt::Display;
use thiserror::Error;

/// Why a box, geometry or time cannot be read.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("expected {expected}, found {found}")]
pub struct ExtentError {
    /// What would have been right.
    pub expected: &'static str,
    /// What was there, shortened.
    pub found: String,
}

impl ExtentError {
    pub(super) fn new(expected: &'static str, found: &dyn Display) -> Self {
        let found = found.to_string();
        let shortened: String = found.chars().take(80).collect();
        let found = if shortened.len() < found.len() { format!("{shortened}…") } else { shortened };
        Self { expected, found }
    }
}

/// A box in degrees, longitudes in -180 to 180. `west > east` means that it crosses the antimeridian (RFC 7946, 5.2).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    /// Western edge.
    pub west: f64,
    /// Southern edge.
    pub south: f64,
    /// Eastern edge.
    pub east: f64,
    /// Northern edge.
    pub north: f64,
    /// Lowest and highest height in metres, of a box of six numbers.
    pub heights: Option<(f64, f64)>,
}

const BOX: &str = "4 or 6 finite numbers, west,south,east,north in degrees, south not above north";

impl BoundingBox {
    /// Reads the four or six numbers of a GeoJSON bbox. Longitudes of 0 to 360 are brought to -180 to 180.
    ///
    /// # Errors
    ///
    /// Another count of numbers, a latitude beyond 90, a longitude beyond 360, or edges in the wrong order.
    ///
    /// ```
    /// use altostac::serve::BoundingBox;
    ///
    /// let pacific = BoundingBox::from_numbers(&[170.0, -10.0, 190.0, 10.0])?;
    /// assert_eq!((pacific.west, pacific.east), (170.0, -170.0));
    /// assert!(pacific.crosses_antimeridian());
    /// # Ok::<(), altostac::serve::ExtentError>(())
    /// ```
    pub fn from_numbers(numbers: &[f64]) -> Result<Self, ExtentError> {
        let (west, south, east, north, heights) = match *numbers {
            [west, south, east, north] => (west, south, east, north, None),
            [west, south, low, east, north, high] => (west, south, east, north, Some((low, high))),
            _ => return Err(ExtentError::new(BOX, &format!("{} numbers", numbers.len()))),
        };
        let in_range = numbers.iter().all(|number| number.is_finite())
            && west.abs() <= 360.0
            && east.abs() <= 360.0
            && south >= -90.0
            && north <= 90.0
            && south <= north
            && heights.is_none_or(|(low, high)| low <= high);
        if !in_range {
            return Err(ExtentError::new(BOX, &format!("{numbers:?}")));
        }
        let (west, east) = if east - west >= 360.0 { (-180.0, 180.0) } else { (wrap(west), wrap(east)) };
        Ok(Self { west, south, east, north, heights })
    }

    /// Whether the box holds the antimeridian inside.
    pub fn crosses_antimeridian(&self) -> bool {
        self.west > self.east
    }

    /// The box as one rectangle, or as the two on either side of the antimeridian.
    pub(super) fn rectangles(&self) -> Vec<geo::Rect> {
        let rectangle =
            |west, east| geo::Rect::new(coord! { x: west, y: self.south }, coord! { x: east, y: self.north });
        if self.crosses_antimeridian() {
            vec![rectangle(self.west, 180.0), rectangle(-180.0, self.east)]
        } else {
            vec![rectangle(self.west, self.east)]
        }
    }

    fn of_rectangle(rectangle: geo::Rect) -> Result<Self, ExtentError> {
        let (low, high) = (rectangle.min(), rectangle.max());
        Self::from_numbers(&[low.x, low.y, high.x, high.y])
    }
}

fn wrap(longitude: f64) -> f64 {
    if longitude > 180.0 {
        longitude - 360.0
    } else if longitude < -180.0 {
        longitude + 360.0
    } else {
        longitude
    }
}

const GEOMETRY: &str = "a GeoJSON geometry with longitudes in -180 to 180 and latitudes in -90 to 90";

/// Reads a GeoJSON geometry.
///
/// # Errors
///
/// Not a geometry, or an empty one.
pub(super) fn geometry(value: &Value) -> Result<geo::Geometry, ExtentError> {
    let invalid = |found: &dyn Display| ExtentError::new(GEOMETRY, found);
    let parsed = geojson::Geometry::deserialize(value).map_err(|error| invalid(&error))?;
    let geometry = geo::Geometry::try_from(parsed).map_err(|error| invalid(&error))?;
    if geometry.bounding_rect().is_none() {
        return Err(invalid(&"a geometry without coordinates"));
    }
    Ok(geometry)
}

/// The part of space that a search asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct Area {
    pub(super) bounds: BoundingBox,
    is_box: bool,
    shapes: Vec<geo::Geometry>,
}

impl Area {
    /// The area of a box.
    pub fn of_box(bounds: BoundingBox) -> Self {
        Self { bounds, is_box: true, shapes: shapes_of(&bounds) }
    }

    /// The area of a GeoJSON geometry.
    ///
    /// # Errors
    ///
    /// Not a geometry in longitudes of -180 to 180, an empty one, or one of more than 10,000 positions, which would
    /// let one request keep the server busy for minutes.
    pub fn of_geometry(value: &Value) -> Result<Self, ExtentError> {
        const MOST_POSITIONS: usize = 10_000;
        let shape = geometry(value)?;
        let positions = geo::CoordsIter::coords_count(&shape);
        if positions > MOST_POSITIONS {
            return Err(ExtentError::new("a geometry of at most 10000 positions", &format!("{positions} positions")));
        }
        let rectangle = shape.bounding_rect().ok_or_else(|| ExtentError::new(GEOMETRY, &"no coordinates"))?;
        if rectangle.min().x < -180.0 || rectangle.max().x > 180.0 {
            return Err(ExtentError::new(
                GEOMETRY,
                &format!("longitudes {} to {}", rectangle.min().x, rectangle.max().x),
            ));
        }
        Ok(Self { bounds: BoundingBox::of_rectangle(rectangle)?, is_box: false, shapes: vec![shape] })
    }

    /// Whether two boxes that overlap need their true shapes compared.
    pub(super) fn needs_shapes(&self, outline: Option<&str>) -> bool {
        !self.is_box || outline.is_some()
    }

    /// Whether a record in `bounds`, of the shape `outline` if that is not the box itself, meets this area.
    pub(super) fn meets(&self, bounds: &BoundingBox, outline: Option<&geo::Geometry>) -> bool {
        match outline {
            Some(outline) => self.shapes.iter().any(|own| own.intersects(outline)),
            None => shapes_of(bounds).iter().any(|other| self.shapes.iter().any(|own| own.intersects(other))),
        }
    }
}

fn shapes_of(bounds: &BoundingBox) -> Vec<geo::Geometry> {
    bounds.rectangles().into_iter().map(geo::Geometry::Rect).collect()
}

/// Whether a geometry says more than its box, and can be compared in the plane of longitude and latitude: it must
/// not be the box, and no part of it may run across the antimeridian.
pub(super) fn is_finer_than(geometry: &geo::Geometry, bounds: &BoundingBox) -> bool {
    let rectangles = bounds.rectangles();
    if let ([rectangle], geo::Geometry::Polygon(polygon)) = (rectangles.as_slice(), geometry)
        && is_rectangle(polygon, rectangle)
    {
        return false;
    }
    parts(geometry).iter().all(|part| {
        part.bounding_rect().is_some_and(|part| {
            rectangles.iter().any(|rectangle| rectangle.min().x <= part.min().x && part.max().x <= rectangle.max().x)
        })
    })
}

fn is_rectangle(polygon: &geo::Polygon, rectangle: &geo::Rect) -> bool {
    let ring = &polygon.exterior().0;
    polygon.interiors().is_empty()
        && ring.len() == 5
        && polygon.bounding_rect() == Some(*rectangle)
        && ring.windows(2).all(|edge| (edge[0].x == edge[1].x) != (edge[0].y == edge[1].y))
}

fn parts(geometry: &geo::Geometry) -> Vec<geo::Geometry> {
    match geometry {
        geo::Geometry::MultiPoint(many) => many.iter().map(|point| (*point).into()).collect(),
        geo::Geometry::MultiLineString(many) => many.iter().map(|line| line.clone().into()).collect(),
        geo::Geometry::MultiPolygon(many) => many.iter().map(|polygon| polygon.clone().into()).collect(),
        geo::Geometry::GeometryCollection(many) => many.iter().flat_map(parts).collect(),
        one => vec![one.clone()],
    }
}

/// A closed interval of time in microseconds since 1970-01-01T00:00:00Z; an open end is the type's own limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// First instant.
    pub start: i64,
    /// Last instant.
    pub end: i64,
}

const DATETIME: &str = "an RFC 3339 date-time, or an interval start/end with at most one end open (..)";

impl Interval {
    /// Reads the `datetime` parameter of OGC API - Features, 7.15.3.
    ///
    /// # Errors
    ///
    /// Anything that is not an RFC 3339 date-time or an interval of them, two open ends, or an end before the start.
    ///
    /// ```
    /// use altostac::serve::Interval;
    ///
    /// let from = Interval::from_parameter("1970-01-01T00:00:01Z/..")?;
    /// assert_eq!((from.start, from.end), (1_000_000, i64::MAX));
    /// # Ok::<(), altostac::serve::ExtentError>(())
    /// ```
    pub fn from_parameter(text: &str) -> Result<Self, ExtentError> {
        let invalid = || ExtentError::new(DATETIME, &text);
        let Some((start, end)) = text.split_once('/') else {
            let instant = instant(text).ok_or_else(invalid)?;
            return Ok(Self { start: instant, end: instant });
        };
        let is_open = |side: &str| matches!(side, "" | "..");
        if is_open(start) && is_open(end) {
            return Err(invalid());
        }
        let start = if is_open(start) { i64::MIN } else { instant(start).ok_or_else(invalid)? };
        let end = if is_open(end) { i64::MAX } else { instant(end).ok_or_else(invalid)? };
        if start > end { Err(invalid()) } else { Ok(Self { start, end }) }
    }
}

/// An RFC 3339 date-time in microseconds since 1970-01-01T00:00:00Z, rounded down.
pub(super) fn instant(text: &str) -> Option<i64> {
    // chrono takes a space for the T, RFC 3339 section 5.6 does not.
    let separator = text.as_bytes().get(10)?;
    if !matches!(separator, b'T' | b't') {
        return None;
    }
    DateTime::parse_from_rfc3339(text).ok().map(|time| time.timestamp_micros())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    #[test]
    fn boxes_are_brought_to_one_range_of_longitudes() {
        let edges = |numbers: &[f64]| {
            let bounds = BoundingBox::from_numbers(numbers).unwrap();
            (bounds.west, bounds.east)
        };
        assert_eq!(edges(&[0.0, -90.0, 360.0, 90.0]), (-180.0, 180.0));
        assert_eq!(edges(&[350.0, 0.0, 360.0, 1.0]), (-10.0, 0.0));
        assert_eq!(edges(&[170.0, 0.0, -170.0, 1.0]), (170.0, -170.0));
        let high = BoundingBox::from_numbers(&[1.0, 2.0, -5.0, 3.0, 4.0, 10.0]).unwrap();
        assert_eq!((high.east, high.heights), (3.0, Some((-5.0, 10.0))));
        for wrong in [&[1.0, 2.0, 3.0][..], &[0.0, 10.0, 1.0, 5.0], &[0.0, -91.0, 1.0, 5.0], &[0.0, 0.0, f64::NAN, 5.0]]
        {
            assert!(BoundingBox::from_numbers(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn datetimes_that_the_standard_forbids_are_refused() {
        for wrong in [
            "",
            "/",
            "../..",
            "/..",
            "../",
            "1984-04-12",
            "1985-04-12T23:20:50.52",
            "1985-04-12 23:20:50Z",
            "1985-04-12T23:20:50.Z",
            "1937-01-01T12:00:27,87Z",
            "37-01-01T12:00:27Z",
            "1985-13-12T23:20:50.52Z",
            "1990-01-01T00:00:00Z/1989-01-01T00:00:00Z",
            "1990-01-01T00:00:00Z/1991-01-01T00:00:00Z/..",
        ] {
            assert!(Interval::from_parameter(wrong).is_err(), "{wrong}");
        }
        let shifted = Interval::from_parameter("1970-01-01t01:00:00.5+01:00").unwrap();
        assert_eq!((shifted.start, shifted.end), (500_000, 500_000));
    }

    #[test]
    fn only_a_shape_that_is_not_its_box_is_kept() {
        let world = BoundingBox::from_numbers(&[0.0, 0.0, 10.0, 10.0]).unwrap();
        let square = json!({"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]});
        let triangle = json!({"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 0]]]});
        assert!(!is_finer_than(&geometry(&square).unwrap(), &world));
        assert!(is_finer_than(&geometry(&triangle).unwrap(), &world));
        let pacific = BoundingBox::from_numbers(&[170.0, 0.0, -170.0, 10.0]).unwrap();
        let uncut = json!({"type": "Polygon", "coordinates": [[[170, 0], [-170, 0], [-170, 10], [170, 0]]]});
        assert!(!is_finer_than(&geometry(&uncut).unwrap(), &pacific));
    }

    #[test]
    fn a_triangle_does_not_meet_the_empty_corner_of_its_box() {
        let bounds = BoundingBox::from_numbers(&[0.0, 0.0, 10.0, 10.0]).unwrap();
        let triangle =
            geometry(&json!({"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 0]]]})).unwrap();
        let at = |west, south| Area::of_box(BoundingBox::from_numbers(&[west, south, west, south]).unwrap());
        assert!(at(9.0, 1.0).meets(&bounds, Some(&triangle)));
        assert!(!at(1.0, 9.0).meets(&bounds, Some(&triangle)));
        assert!(at(1.0, 9.0).meets(&bounds, None));
    }
}
