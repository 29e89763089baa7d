//! Whether latitudes and longitudes agree with the projection that stands beside them (CF 5.6 asks for both).

use super::coordinates::{latitudes, longitudes};
use super::curvilinear::pairs;
use super::dataset::{Dataset, Member};
use super::error::{DescribeError, Disagreement};
use super::projected::{Grid, grids};
use super::projection::Projection;

/// Of longer rows and columns so many cells are compared.
const COMPARED: usize = 17;
/// The mean radius of the earth in kilometres.
const EARTH: f64 = 6371.0;
/// Figures that models have whose files do not say so, in metres.
const SPHERES: [f64; 3] = [6_370_000.0, 6_371_000.0, 6_371_229.0];

/// Checks that two-dimensional latitudes and longitudes are where the projection puts their cells.
///
/// # Errors
/// [`DescribeError::Disagreement`] names both if a cell is further away than to its neighbours.
pub(super) fn check<'a>(
    dataset: &Dataset<'a>,
    lats: &[&Member<'a>],
    lons: &[&Member<'a>],
) -> Result<(), DescribeError> {
    let Some(pairs) = pairs(lats, lons) else { return Ok(()) };
    for grid in grids(dataset) {
        for (lat, lon) in &pairs {
            let dimensions = |member: &Member<'a>| member.variable.dimensions.clone();
            let own = dimensions(lat);
            let is_here = own.len() == 2 && own[..1] == dimensions(grid.y)[..] && own[1..] == dimensions(grid.x)[..];
            if is_here {
                compare(dataset, &grid, lat, lon)?;
            }
        }
    }
    Ok(())
}

fn compare<'a>(
    dataset: &Dataset<'a>,
    grid: &Grid<'_, 'a>,
    lat: &Member<'a>,
    lon: &Member<'a>,
) -> Result<(), DescribeError> {
    let (Some(y), Some(x)) = (latitudes(dataset, lat), longitudes(dataset, lon)) else { return Ok(()) };
    let mut worst: Option<Mismatch> = None;
    for projection in candidates(grid) {
        let (Some(along_x), Some(along_y)) =
            (grid.centres(dataset, grid.x, &projection), grid.centres(dataset, grid.y, &projection))
        else {
            return Ok(());
        };
        match furthest(&projection, &along_x, &along_y, &x, &y) {
            None => return Ok(()),
            Some(found) => worst = worst.filter(|known| known.ratio() <= found.ratio()).or(Some(found)),
        }
    }
    let Some(worst) = worst else { return Ok(()) };
    let show = |(x, y): (f64, f64)| format!("{x:.4} °E, {y:.4} °N");
    Err(DescribeError::Disagreement(Box::new(Disagreement {
        coordinates: format!("{}, {}", lat.path.key(), lon.path.key()),
        mapping: grid.mapping.path.key().to_owned(),
        index: worst.index,
        expected: show(worst.projected),
        found: show(worst.given),
        distance: worst.distance,
        cell: worst.cell,
    })))
}

/// The projection as it stands; if the file does not say which figure the earth has, also on the usual spheres.
fn candidates(grid: &Grid<'_, '_>) -> Vec<Projection> {
    let parameters = super::parameters::of(grid.mapping.variable);
    let Some(parameters) = parameters else { return Vec::new() };
    let mut found: Vec<Projection> = Projection::read(&parameters).into_iter().collect();
    if !["earth_radius", "semi_major_axis"].iter().any(|name| parameters.contains_key(*name)) {
        let on = |radius: f64| {
            let mut parameters = parameters.clone();
            let radius = crate::model::AttributeValue::Numbers(crate::model::Numbers::F64(vec![radius]));
            parameters.insert("earth_radius".into(), radius);
            Projection::read(&parameters)
        };
        found.extend(SPHERES.into_iter().filter_map(on));
    }
    found
}

/// The cell that is furthest from where it should be.
struct Mismatch {
    index: [usize; 2],
    projected: (f64, f64),
    given: (f64, f64),
    /// How far it is from there, and from its neighbours, in kilometres.
    distance: f64,
    cell: f64,
}

impl Mismatch {
    fn ratio(&self) -> f64 {
        self.distance / self.cell
    }
}

/// The cell that is furthest off by its own size, if one is off by more than that.
fn furthest(projection: &Projection, along_x: &[f64], along_y: &[f64], x: &[f64], y: &[f64]) -> Option<Mismatch> {
    let columns = along_x.len();
    let chosen = |length: usize| {
        let step = (length - 1).div_ceil(COMPARED - 1).max(1);
        (0..length).step_by(step).chain(length.checked_sub(1))
    };
    if columns == 0 || along_y.is_empty() || x.len() != columns * along_y.len() {
        return None;
    }
    let given = |row: usize, column: usize| {
        let at = row.checked_mul(columns)?.checked_add(column).filter(|_| column < columns)?;
        Some((*x.get(at)?, *y.get(at)?)).filter(|(x, y)| x.is_finite() && y.is_finite())
    };
    let mut worst: Option<Mismatch> = None;
    for row in chosen(along_y.len()) {
        for column in chosen(columns) {
            let (Some(own), Some(projected)) = (given(row, column), projection.to_earth(along_x[column], along_y[row]))
            else {
                continue;
            };
            let neighbours =
                [(row + 1, column), (row, column + 1), (row.wrapping_sub(1), column), (row, column.wrapping_sub(1))];
            let steps = neighbours.into_iter().filter_map(|(row, column)| Some(kilometres(own, given(row, column)?)));
            let cell = steps.fold(0.0, f64::max);
            let found =
                Mismatch { index: [row, column], projected, given: own, distance: kilometres(own, projected), cell };
            // What rounding of single numbers explains is no disagreement.
            let is_off = cell > 0.0 && found.distance > cell * 1.01 + 0.05;
            if is_off && worst.as_ref().is_none_or(|known| known.ratio() < found.ratio()) {
                worst = Some(found);
            }
        }
    }
    worst
}

/// The distance of two places on a sphere.
fn kilometres(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (south, north) = (a.1.to_radians(), b.1.to_radians());
    let half = |degrees: f64| (degrees.to_radians() / 2.0).sin().powi(2);
    let chord = half(b.1 - a.1) + south.cos() * north.cos() * half(b.0 - a.0);
    2.0 * EARTH * chord.clamp(0.0, 1.0).sqrt().asin()
}
