//! Places that no coordinates tell, but the file's own words.

use super::DescribeError;
use super::coordinates::latitude_range;
use super::dataset::{Dataset, Member};
use super::horizontal::rounded;
use super::purpose::Purpose;
use crate::model::BoundingBox;

/// The box that follows from latitudes and data that were summed up over all longitudes (CF 7.3.4), else the one of the global
/// attributes `geospatial_lat_min`, `geospatial_lon_min`, … (ACDD 1.3).
pub(super) fn read<'a>(dataset: &Dataset<'a>, latitudes: &[&Member<'a>]) -> Result<Option<BoundingBox>, DescribeError> {
    if !latitudes.is_empty() && dataset.of(Purpose::Data).next().is_some() && dataset.of(Purpose::Data).all(is_zonal) {
        let (mut south, mut north) = (f64::INFINITY, f64::NEG_INFINITY);
        for member in latitudes {
            let (low, high) = latitude_range(dataset, member, &[])?;
            (south, north) = (south.min(low), north.max(high));
        }
        return Ok(Some(BoundingBox { west: -180.0, south: rounded(south), east: 180.0, north: rounded(north) }));
    }
    Ok(of_attributes(dataset))
}

/// Whether a variable's cell methods say that its longitudes are summed up.
fn is_zonal(data: &Member<'_>) -> bool {
    data.variable
        .text("cell_methods")
        .is_some_and(|methods| methods.split_whitespace().any(|word| word == "longitude:"))
}

fn of_attributes(dataset: &Dataset<'_>) -> Option<BoundingBox> {
    let number = |name: &str| {
        let value = dataset.attributes.get(name)?;
        value.number().or_else(|| value.text()?.trim().parse().ok())
    };
    let (south, north) = (number("geospatial_lat_min")?, number("geospatial_lat_max")?);
    let (west, east) = (number("geospatial_lon_min")?, number("geospatial_lon_max")?);
    let is_sound = -90.0 <= south && south <= north && north <= 90.0 && west.abs() <= 360.0 && east.abs() <= 360.0;
    if !is_sound {
        return None;
    }
    if (east - west).abs() >= 360.0 {
        return Some(BoundingBox { west: -180.0, south, east: 180.0, north });
    }
    let mut arcs = super::longitude::Arcs::default();
    arcs.add(west, if east < west { east + 360.0 } else { east });
    let (west, east) = arcs.hull()?;
    let [west, south, east, north] = [west, south, east, north].map(rounded);
    Some(BoundingBox { west, south, east, north })
}
