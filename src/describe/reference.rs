//! The coordinate reference system of a grid, as the projection extension 2.0.0 has it.

use serde_json::{Map, Value, json};

use super::axis::Axis;
use super::dataset::{Coordinate, Dataset, Member};
use super::horizontal::rounded;
use super::projected::grids;
use super::projection::Projection;
use super::purpose::Purpose;
use super::{parameters, wkt, wkt2};

/// Steps that differ by more of a step are those of no regular grid: coordinates may be in single precision.
const IRREGULAR: f64 = 1e-3;
/// What latitudes and longitudes without a grid mapping are taken for, as GeoJSON takes them.
const GEOGRAPHIC: &str = "EPSG:4326";

/// `proj:code`, `proj:wkt2` and, of a regular grid, `proj:shape` and `proj:transform`; nothing if the data are on several grids.
pub(super) fn describe(dataset: &Dataset<'_>) -> Map<String, Value> {
    of_mapping(dataset).or_else(|| geographic(dataset)).unwrap_or_default()
}

fn of_mapping(dataset: &Dataset<'_>) -> Option<Map<String, Value>> {
    let grids = grids(dataset);
    let [grid] = grids.as_slice() else { return None };
    let parameters = parameters::of(grid.mapping.variable)?;
    let projection = Projection::read(&parameters)?;
    let mut found = system(grid.mapping);
    if found.is_empty() {
        return None;
    }
    let along = |member| regular(&grid.centres(dataset, member, &projection)?);
    if let (Some(x), Some(y)) = (along(grid.x), along(grid.y)) {
        // Angles of a satellite's scan are coordinates in metres once they are multiplied by its height.
        let scale = projection.height();
        found.extend(lattice(&x.scaled(scale), &y.scaled(scale)));
    }
    Some(found)
}

/// Regular latitudes and longitudes, the same for all data.
fn geographic(dataset: &Dataset<'_>) -> Option<Map<String, Value>> {
    if !grids(dataset).is_empty() || dataset.feature_type.is_some() {
        return None;
    }
    let (latitudes, longitudes) = (dataset.along(Axis::Latitude), dataset.along(Axis::Longitude));
    let ([latitude], [longitude]) = (latitudes.as_slice(), longitudes.as_slice()) else { return None };
    let along = |member: &Member<'_>| {
        if member.variable.dimensions.len() != 1 {
            return None;
        }
        match super::coordinates::values(dataset, member)? {
            Coordinate::Whole(values) => regular(&values),
            Coordinate::Digest(_) => None,
        }
    };
    if latitude.variable.dimensions == longitude.variable.dimensions {
        return None;
    }
    let (x, y) = (along(longitude)?, along(latitude)?);
    let mapping = dataset.of(Purpose::Data).find_map(|data| dataset.any_mapping(data));
    let mut found = mapping.map(system).unwrap_or_default();
    if found.is_empty() {
        found.insert("proj:code".into(), GEOGRAPHIC.into());
    }
    found.extend(lattice(&x, &y));
    Some(found)
}

fn system(mapping: &Member<'_>) -> Map<String, Value> {
    let mut found = Map::new();
    let code = parameters::code(mapping.variable);
    let text = parameters::text(mapping.variable).filter(|text| wkt::is_second(text)).map(str::to_owned);
    let text = text.or_else(|| wkt2::write(&parameters::of(mapping.variable)?));
    found.extend(code.map(|code| ("proj:code".to_owned(), Value::from(code))));
    found.extend(text.map(|text| ("proj:wkt2".to_owned(), Value::from(text))));
    found
}

/// An axis with one step.
struct Regular {
    first: f64,
    step: f64,
    count: usize,
}

impl Regular {
    fn scaled(&self, factor: f64) -> Self {
        Self { first: self.first * factor, step: self.step * factor, count: self.count }
    }
}

fn regular(centres: &[f64]) -> Option<Regular> {
    let (first, last) = (*centres.first()?, *centres.last()?);
    let count = u32::try_from(centres.len()).ok().filter(|count| *count > 1)?;
    let step = (last - first) / f64::from(count - 1);
    let is_near = |(at, centre): (u32, &f64)| (first + step * f64::from(at) - centre).abs() <= step.abs() * IRREGULAR;
    let is_regular = step.is_finite() && step != 0.0 && (0..count).zip(centres).all(is_near);
    is_regular.then_some(Regular { first, step, count: centres.len() })
}

fn lattice(x: &Regular, y: &Regular) -> [(String, Value); 2] {
    let corner = |axis: &Regular| rounded(axis.first - axis.step / 2.0);
    let transform = [precise(x.step), 0.0, corner(x), 0.0, precise(y.step), corner(y)];
    [("proj:shape".to_owned(), json!([y.count, x.count])), ("proj:transform".to_owned(), json!(transform))]
}

/// Without the noise of the last digits.
fn precise(step: f64) -> f64 {
    format!("{step:.9e}").parse().unwrap_or(step)
}
