//! Where a dataset is: by its mesh, its latitudes and longitudes, or its projected coordinates.

use serde_json::Value;

use super::axis::Axis;
use super::coordinates::{is_empty, latitude_range, longitude_arcs};
use super::dataset::Dataset;
use super::longitude::Arcs;
use super::{DescribeError, agreement, curvilinear, geometry, mesh, projected, stated};
use crate::model::BoundingBox;

/// A box and its geometry.
pub(super) struct Place {
    pub(super) bounding_box: BoundingBox,
    pub(super) geometry: Value,
}

impl Place {
    /// All of a box.
    pub(super) fn whole(bounding_box: BoundingBox) -> Self {
        Self { bounding_box, geometry: geometry::geometry(&bounding_box) }
    }
}

/// The box that holds all cells, by their bounds where they have any, else to half a step beyond the centres; and their outline,
/// which is the box where they fill it.
pub(super) fn read(dataset: &Dataset<'_>) -> Result<Place, DescribeError> {
    if let Some(place) = mesh::read(dataset) {
        return place;
    }
    let (mut latitudes, mut longitudes) = (dataset.along(Axis::Latitude), dataset.along(Axis::Longitude));
    if !projected::grids(dataset).is_empty() {
        // What was never filled in says nothing; the grid mapping does.
        latitudes.retain(|member| !is_empty(dataset, member));
        longitudes.retain(|member| !is_empty(dataset, member));
    }
    if latitudes.is_empty() || longitudes.is_empty() {
        if let Some(place) = projected::read(dataset)? {
            return Ok(place);
        }
        let stated = stated::read(dataset, &latitudes)?;
        return stated.map(Place::whole).ok_or_else(|| no_place(dataset, latitudes.is_empty()));
    }
    let (mut south, mut north) = (f64::INFINITY, f64::NEG_INFINITY);
    for member in &latitudes {
        let (low, high) = latitude_range(dataset, member, &longitudes)?;
        (south, north) = (south.min(low), north.max(high));
    }
    let mut arcs = Arcs::default();
    for member in &longitudes {
        arcs.extend(&longitude_arcs(dataset, member, &latitudes)?);
    }
    agreement::check(dataset, &latitudes, &longitudes)?;
    let shape = curvilinear::shape(dataset, &latitudes, &longitudes);
    if let Some(shape) = &shape {
        arcs.extend(&shape.ways());
        let poles = shape.poles();
        if poles.0 || poles.1 {
            arcs.add(-180.0, 180.0);
        }
        (south, north) = (if poles.0 { -90.0 } else { south }, if poles.1 { 90.0 } else { north });
    }
    let (west, east) = arcs.hull().ok_or_else(|| no_place(dataset, false))?;
    let [west, south, east, north] = [west, south, east, north].map(rounded);
    let bounding_box = BoundingBox { west, south, east, north };
    let geometry = shape.map_or_else(|| geometry::geometry(&bounding_box), |shape| shape.geometry(&bounding_box));
    Ok(Place { bounding_box, geometry })
}

/// To six decimals, as RFC 7946 (11.2) advises; never -0.
pub(super) fn rounded(degrees: f64) -> f64 {
    (degrees * 1e6).round() / 1e6 + 0.0
}

fn no_place(dataset: &Dataset<'_>, latitude: bool) -> DescribeError {
    let expected = if latitude {
        "a latitude coordinate (standard_name latitude, or units degrees_north)"
    } else {
        "a longitude coordinate (standard_name longitude, or units degrees_east)"
    };
    DescribeError::NoPlace { expected, found: variables(dataset) }
}

/// The names of the dataset's first variables, for messages.
pub(super) fn variables(dataset: &Dataset<'_>) -> String {
    let names: Vec<_> = dataset.members.iter().take(8).map(|member| member.path.key().to_owned()).collect();
    match (names.is_empty(), dataset.members.len() > names.len()) {
        (true, _) => "no variables".into(),
        (false, false) => format!("the variables {}", names.join(", ")),
        (false, true) => format!("the variables {}, …", names.join(", ")),
    }
}
